//! How does the page read as Markdown? Published figures are in italics; figures are left to the HTML.

use super::page::{Cell, Page, Part, Table};

/// The page.
pub fn render(page: &Page) -> String {
    let mut text = format!("# {}\n\n", page.title);
    for link in &page.links {
        text += &format!("{}\n\n", cell(link));
    }
    for paragraph in &page.lead {
        text += &format!("{paragraph}\n\n");
    }
    for section in &page.sections {
        text += &format!("<a id=\"{}\"></a>\n\n## {}\n\n", section.id, section.title);
        for part in &section.parts {
            match part {
                Part::Text(paragraph) => text += &format!("{paragraph}\n\n"),
                Part::Table(shown) => text += &table(shown),
                Part::Figure { caption, .. } => text += &format!("*Figure in `report.html`: {caption}*\n\n"),
            }
        }
    }
    format!("{text}{}\n", page.footer)
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let anchor = table.id.as_ref().map_or(String::new(), |id| format!("<a id=\"{id}\"></a>\n\n"));
    let mut text = format!("{anchor}**{}**\n\n", table.caption);
    text += &line(table.columns.iter().map(|column| escaped(column)).collect());
    text += &line(table.columns.iter().map(|_| "---".to_owned()).collect());
    for row in &table.rows {
        text += &line(row.iter().map(cell).collect());
    }
    text.push('\n');
    for note in &table.notes {
        text += &format!("{note}\n\n");
    }
    text
}

fn cell(cell: &Cell) -> String {
    let text = escaped(&cell.text);
    let text = if cell.is_published && !text.is_empty() { format!("*{text}*") } else { text };
    let text = match &cell.link {
        Some(link) if !text.is_empty() => format!("[{text}]({link})"),
        _ => text,
    };
    [text].into_iter().chain(cell.folded.iter().map(self::cell)).collect::<Vec<_>>().join(" ")
}

/// Text in a cell. What systems and servers said is data, and cannot become markup.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '|' | '[' | ']' | '*' => format!("\\{c}"),
        '<' => "&lt;".to_owned(),
        '\n' => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
