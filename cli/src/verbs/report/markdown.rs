//! How is a report written in Markdown? As headings, lists and tables; drawings are left out, since tables show their
//! numbers.

use std::fmt::Write as _;

use super::content::{Block, Cell, Document, Table};

/// The whole file.
pub fn write(document: &Document) -> String {
    let mut page = format!("# {}\n", escaped(&document.title));
    for block in &document.blocks {
        page.push('\n');
        let _ = match block {
            Block::Section(_, heading) => writeln!(page, "## {}", escaped(heading)),
            Block::Heading(heading) => writeln!(page, "### {}", escaped(heading)),
            Block::Text(text) => writeln!(page, "{}", escaped(text)),
            Block::List(lines) => lines.iter().try_for_each(|line| writeln!(page, "- {}", escaped(line))),
            Block::Answers(answers) => answers.iter().try_for_each(|(question, lines)| {
                let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
                writeln!(page, "- **{question}.** {}", lines.join("  \n  "))
            }),
            Block::Table(of) => table(&mut page, of),
            Block::Code(text) => {
                // longer than any fence within
                let fence = "`"
                    .repeat(text.split(|symbol| symbol != '`').map(str::len).max().unwrap_or(0).max(2) + 1);
                writeln!(page, "{fence}text\n{}\n{fence}", text.trim_end())
            }
        };
    }
    page
}

fn table(page: &mut String, table: &Table) -> std::fmt::Result {
    let is_drawn = |column: usize| {
        table.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Bars(_) | Cell::Span(..))))
    };
    let kept: Vec<usize> = (0..table.head.len()).filter(|column| !is_drawn(*column)).collect();
    writeln!(page, "{}:\n", escaped(&table.caption))?;
    let head: Vec<String> = kept.iter().map(|column| escaped(&table.head[*column])).collect();
    writeln!(page, "| {} |", head.join(" | "))?;
    let rule = kept.iter().map(|column| {
        let is_number =
            table.rows.first().is_some_and(|row| matches!(row.get(*column), Some(Cell::Number(_))));
        if is_number { "---:" } else { "---" }
    });
    writeln!(page, "| {} |", rule.collect::<Vec<_>>().join(" | "))?;
    for row in &table.rows {
        let cells = kept.iter().filter_map(|column| row.get(*column)).map(|cell| match cell {
            Cell::Text(text) | Cell::Number(text) | Cell::Code(text) => escaped(text),
            Cell::Bars(_) | Cell::Span(..) => String::new(),
        });
        writeln!(page, "| {} |", cells.collect::<Vec<_>>().join(" | "))?;
    }
    Ok(())
}

/// A text on one line that Markdown shows as it is.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '\n' | '\r' => out.push(' '),
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                out.push('\\');
                out.push(symbol);
            }
            symbol if symbol.is_control() => out.push('\u{fffd}'),
            symbol => out.push(symbol),
        }
    }
    out
}
