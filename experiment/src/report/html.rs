//! How does the page read in a browser? As one file without scripts and without anything from elsewhere; links lead to the
//! records beside it.

use super::page::{Cell, Page, Part, Section, Table};

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1a1c1f; --paper: #fff; --soft: #55595f; --line: #d5d8dc; --tint: #f3f5f7;
  --link: #0b57a4; --mark: #0b6e4f; --bad: #a4260b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ebee; --paper: #15171a; --soft: #a9aeb5; --line: #3a3f45;
  --tint: #1f2226; --link: #8ec2ff; --mark: #6fd3ad; --bad: #ff9c85; } }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 72rem; margin: 0 auto; padding: 0 1rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 2rem 0 1rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; border-top: 1px solid var(--line); padding-top: 1rem; }
a { color: var(--link); }
nav ul { columns: 18rem; padding-left: 1.2rem; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { font-weight: 500; white-space: nowrap; }
summary { cursor: pointer; }
summary, details a { white-space: nowrap; }
details ul { list-style: none; margin: .3rem 0; padding: 0; max-width: 30rem; }
details li { white-space: pre-wrap; overflow-wrap: anywhere; }
code { font-size: .9em; }
td.published { color: var(--soft); font-style: italic; }
.note { color: var(--soft); max-width: 46rem; }
p { max-width: 46rem; overflow-wrap: anywhere; }
figure { margin: 1.5rem 0; }
figure svg { max-width: 100%; height: auto; color: var(--ink); }
figcaption { color: var(--soft); max-width: 46rem; }
footer { color: var(--soft); padding: 2rem 1rem; }
@media print { nav { display: none; } h2 { break-after: avoid; } tr, figure { break-inside: avoid; }
  .scroll { overflow: visible; } table { font-size: .75rem; } }
";

/// The page.
pub fn render(page: &Page) -> String {
    let links: String = page.links.iter().map(|link| format!("<p>{}</p>\n", content(link))).collect();
    let lead: String = page.lead.iter().map(|text| format!("<p>{}</p>\n", inline(text))).collect();
    let entry =
        |section: &Section| format!("<li><a href=\"#{}\">{}</a></li>\n", section.id, escaped(&section.title));
    let contents: String = page.sections.iter().map(entry).collect();
    let sections: String = page.sections.iter().map(section).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{links}{lead}\
         <nav aria-label=\"Contents\"><ul>\n{contents}</ul></nav>\n</header>\n<main>\n{sections}</main>\n\
         <footer>{footer}</footer>\n</body>\n</html>\n",
        title = escaped(&page.title),
        footer = escaped(&page.footer),
    )
}

fn section(section: &Section) -> String {
    let parts: String = section
        .parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => format!("<p>{}</p>\n", inline(text)),
            Part::Table(shown) => table(shown),
            Part::Figure { svg, caption } => {
                format!("<figure>{svg}<figcaption>{}</figcaption></figure>\n", escaped(caption))
            }
        })
        .collect();
    let (id, title) = (&section.id, escaped(&section.title));
    format!(
        "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{parts}</section>\n"
    )
}

fn table(table: &Table) -> String {
    let head: String = table
        .columns
        .iter()
        .map(|column| format!("<th scope=\"col\">{}</th>", escaped(column).replace('_', "_<wbr>")))
        .collect();
    let row = |cells: &Vec<Cell>| {
        let (first, rest) = cells.split_first().expect("a row has a head");
        let rest: String = rest
            .iter()
            .map(|cell| {
                let class = if cell.is_published { " class=\"published\"" } else { "" };
                format!("<td{class}>{}</td>", content(cell))
            })
            .collect();
        format!("<tr><th scope=\"row\">{}</th>{rest}</tr>\n", content(first))
    };
    let rows: String = table.rows.iter().map(row).collect();
    let notes: String =
        table.notes.iter().map(|note| format!("<p class=\"note\">{}</p>\n", inline(note))).collect();
    // a region that scrolls must be reachable by keyboard
    format!(
        "<div class=\"scroll\"{id} tabindex=\"0\" role=\"region\" aria-label=\"{caption}\"><table><caption>{shown}</caption>\
         <thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n{notes}",
        caption = escaped(&table.caption.replace('`', "")),
        shown = inline(&table.caption),
        id = table.id.as_ref().map_or(String::new(), |id| format!(" id=\"{}\"", escaped(id))),
    )
}

fn content(cell: &Cell) -> String {
    let text = linked(cell, inline(&cell.text));
    if cell.folded.is_empty() {
        return text;
    }
    let entry = |cell: &Cell| format!("<li>{}</li>", linked(cell, escaped(&cell.text)));
    let entries: String = cell.folded.iter().map(entry).collect();
    format!("<details><summary>{text}</summary><ul>{entries}</ul></details>")
}

fn linked(cell: &Cell, text: String) -> String {
    match &cell.link {
        Some(link) if !text.is_empty() => format!("<a href=\"{}\">{text}</a>", escaped(link)),
        _ => text,
    }
}

/// Text in HTML, with what is between backticks as code.
fn inline(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escaped(text);
    }
    let part = |(at, part): (usize, &&str)| match at % 2 {
        0 => escaped(part),
        _ => format!("<code>{}</code>", escaped(part)),
    };
    parts.iter().enumerate().map(part).collect()
}

/// Text in HTML. What systems answered is data, and cannot become markup.
pub fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}
