//! How is a report written in HTML? One file without scripts or links to other files, for a screen, a phone and paper.

use std::fmt::Write as _;

use super::content::{Block, Cell, Document, Table};

/// The whole file.
pub fn write(document: &Document) -> String {
    let title = escaped(&document.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<p class=\"kind\">Opus report</p>\n<h1>{title}</h1>\n</header>\n"
    );
    page += "<nav aria-label=\"Contents\">\n<ul>\n";
    for block in &document.blocks {
        if let Block::Section(name, heading) = block {
            let _ = writeln!(page, "<li><a href=\"#{name}\">{}</a></li>", escaped(heading));
        }
    }
    page += "</ul>\n</nav>\n<main>\n";
    let mut is_open = false;
    for block in &document.blocks {
        match block {
            Block::Section(name, heading) => {
                if is_open {
                    page += "</section>\n";
                }
                is_open = true;
                let _ = write!(
                    page,
                    "<section aria-labelledby=\"{name}\">\n<h2 id=\"{name}\">{}</h2>\n",
                    escaped(heading)
                );
            }
            Block::Heading(heading) => {
                let _ = writeln!(page, "<h3>{}</h3>", escaped(heading));
            }
            Block::Text(text) => {
                let _ = writeln!(page, "<p>{}</p>", escaped(text));
            }
            Block::List(lines) => {
                page += "<ul class=\"facts\">\n";
                for line in lines {
                    let _ = writeln!(page, "<li>{}</li>", escaped(line));
                }
                page += "</ul>\n";
            }
            Block::Answers(answers) => {
                page += "<dl class=\"answers\">\n";
                for (question, lines) in answers {
                    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
                    let _ = writeln!(
                        page,
                        "<div><dt>{}</dt><dd>{}</dd></div>",
                        escaped(question),
                        lines.join("<br>\n")
                    );
                }
                page += "</dl>\n";
            }
            Block::Table(of) => table(&mut page, of),
            Block::Code(text) => {
                let _ = writeln!(page, "<pre tabindex=\"0\"><code>{}</code></pre>", escaped(text));
            }
        }
    }
    if is_open {
        page += "</section>\n";
    }
    page += "</main>\n<footer>\n<p>Every figure in this report was computed from the policy and the rows; the last section lists the commands.</p>\n</footer>\n</body>\n</html>\n";
    page
}

fn table(page: &mut String, table: &Table) {
    let caption = escaped(&table.caption);
    let _ = write!(
        page,
        "<div class=\"wide\" role=\"region\" aria-label=\"{caption}\" tabindex=\"0\">\n<table>\n<caption>{caption}</caption>\n<thead><tr>"
    );
    let is_number = |column: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.get(column));
        table.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Number(_))))
            && cells.all(|cell| matches!(cell, Cell::Number(_)))
    };
    let is_drawn = |column: usize| {
        table.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Bars(_) | Cell::Span(..))))
    };
    for (column, name) in table.head.iter().enumerate() {
        let class = match () {
            () if is_number(column) => " class=\"number\"",
            () if is_drawn(column) => " class=\"drawn\"",
            () => "",
        };
        let _ = match name.is_empty() {
            true => write!(page, "<td></td>"),
            false => write!(page, "<th scope=\"col\"{class}>{}</th>", escaped(name)),
        };
    }
    *page += "</tr></thead>\n<tbody>\n";
    for row in &table.rows {
        *page += "<tr>";
        for (column, cell) in row.iter().enumerate() {
            let (open, close) = match column {
                0 => ("th scope=\"row\"", "th"),
                _ => ("td", "td"),
            };
            let content = match cell {
                Cell::Text(text) => escaped(text),
                Cell::Code(text) if text.is_empty() => String::new(),
                Cell::Code(text) => {
                    // a name is not broken, unless it is a hash
                    let is_long = text.split(' ').any(|word| word.chars().count() > WORD_MAX);
                    let class = if is_long { " class=\"long\"" } else { "" };
                    format!("<code{class}>{}</code>", escaped(text))
                }
                Cell::Number(text) => escaped(text),
                Cell::Bars(shares) => bars(shares),
                Cell::Span(from, until) => span(*from, *until),
            };
            let class = match cell {
                Cell::Number(_) => " class=\"number\"",
                Cell::Bars(_) | Cell::Span(..) => " class=\"drawn\"",
                Cell::Text(_) | Cell::Code(_) => "",
            };
            let _ = write!(page, "<{open}{class}>{content}</{close}>");
        }
        *page += "</tr>\n";
    }
    *page += "</tbody>\n</table>\n</div>\n";
}

/// The longest word that is kept on one line, in characters.
const WORD_MAX: usize = 30;

/// Bars below each other, for before and after.
fn bars(shares: &[f64]) -> String {
    let height = 10 * shares.len();
    let mut words = Vec::new();
    let mut drawn = String::new();
    for (at, share) in shares.iter().enumerate() {
        let (class, word) = match (shares.len(), at) {
            (1, _) => ("after", "share"),
            (_, 0) => ("before", "before"),
            _ => ("after", "after"),
        };
        words.push(format!("{word} {:.0} %", share * 100.0));
        let _ = write!(
            drawn,
            "<rect class=\"{class}\" x=\"0\" y=\"{}\" width=\"{:.2}\" height=\"8\"/>",
            at * 10 + 1,
            share * 100.0
        );
    }
    format!(
        "<svg class=\"bars\" viewBox=\"0 0 100 {height}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} of the largest\">{drawn}</svg>",
        words.join(", ")
    )
}

/// A part of a time line.
fn span(from: f64, until: f64) -> String {
    format!(
        "<svg class=\"bars\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"its place on the time line\">\
         <rect class=\"line\" x=\"0\" y=\"4.5\" width=\"100\" height=\"1\"/>\
         <rect class=\"after\" x=\"{:.2}\" y=\"1\" width=\"{:.2}\" height=\"8\"/></svg>",
        from * 100.0,
        ((until - from) * 100.0).max(0.5)
    )
}

/// A text as it is, whatever it holds.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for symbol in text.chars() {
        match symbol {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            '\n' | '\t' => out.push(symbol),
            // a control character, or one that turns the direction of writing
            symbol
                if symbol.is_control()
                    || ('\u{202a}'..='\u{202e}').contains(&symbol)
                    || ('\u{2066}'..='\u{2069}').contains(&symbol) =>
            {
                out.push('\u{fffd}');
            }
            symbol => out.push(symbol),
        }
    }
    out
}

const STYLE: &str = "\
:root { color-scheme: light dark; --paper: #fdfcfa; --ink: #1c1b19; --soft: #5c5850; --rule: #d9d4c9; --before: #8a8377; --after: #0b5d78; --shade: #f3f0ea; --link: #0b5d78; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181a; --ink: #eceae6; --soft: #b3afa6; --rule: #3a3d40; --before: #8d8a84; --after: #6cc0dc; --shade: #1f2225; --link: #85cde5; } }
* { box-sizing: border-box; }
html { font: 100%/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; background: var(--paper); color: var(--ink); }
body { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
header { border-bottom: 3px solid var(--after); margin-bottom: 1rem; }
.kind { margin: 0; color: var(--soft); font-size: .8rem; letter-spacing: .08em; text-transform: uppercase; }
h1 { font-size: clamp(1.5rem, 5vw, 2.2rem); line-height: 1.2; margin: .2rem 0 .8rem; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.6rem 0 .8rem; padding-bottom: .3rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1.02rem; margin: 1.6rem 0 .5rem; }
a { color: var(--link); }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; list-style: none; padding: 0; margin: 0; font-size: .9rem; }
nav a { display: inline-block; padding: .25rem 0; }
.facts { padding-left: 1.2rem; }
.facts li { margin: .3rem 0; }
.answers { margin: 0; border-left: 4px solid var(--after); background: var(--shade); padding: .2rem 1rem; }
.answers div { display: grid; grid-template-columns: 9rem 1fr; gap: 0 1rem; padding: .55rem 0; border-bottom: 1px solid var(--rule); }
.answers div:last-child { border-bottom: 0; }
.answers dt { font-weight: 600; color: var(--link); }
.answers dd { margin: 0; }
@media (max-width: 34rem) { .answers div { display: block; } }
.wide { overflow-x: auto; margin: .8rem 0 1.2rem; }
.wide:focus-visible, pre:focus-visible, a:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
caption { text-align: left; color: var(--soft); font-size: .85rem; padding: 0 0 .35rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0; border-bottom: 1px solid var(--rule); overflow-wrap: normal; }
thead th { font-weight: 600; color: var(--soft); font-size: .8rem; white-space: nowrap; }
tbody th { font-weight: 500; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
code { font: .92em/1.5 ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
code.long { overflow-wrap: anywhere; }
pre { background: var(--shade); border: 1px solid var(--rule); border-radius: .3rem; padding: .8rem; overflow-x: auto; font-size: .84rem; overflow-wrap: normal; }
.bars { display: block; width: 100%; min-width: 6rem; height: 1.1rem; margin-top: .15rem; }
.before { fill: var(--before); } .after { fill: var(--after); } .line { fill: var(--rule); }
@media (max-width: 34rem) { .drawn { display: none; } }
footer { margin-top: 3rem; border-top: 1px solid var(--rule); color: var(--soft); font-size: .85rem; }
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --before: #999; --after: #0b5d78; --shade: #fff; --link: #000; }
  html { font-size: 10pt; } body { max-width: none; padding: 0; } nav { display: none; }
  h2, h3, caption { break-after: avoid; } tr, li { break-inside: avoid; } .wide, pre { overflow: visible; } pre { white-space: pre-wrap; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_never_read_as_html() {
        let hostile = "</td><script>alert('x')</script>\" onload=\"y\u{202e}&\u{7}";
        let rows = vec![vec![Cell::Code(hostile.to_owned()), Cell::Text(hostile.to_owned())]];
        let table =
            Table { caption: hostile.to_owned(), head: vec![hostile.to_owned(), "b".to_owned()], rows };
        let blocks = vec![
            Block::Section("summary", hostile.to_owned()),
            Block::Heading(hostile.to_owned()),
            Block::Text(hostile.to_owned()),
            Block::List(vec![hostile.to_owned()]),
            Block::Answers(vec![("Why", vec![hostile.to_owned()])]),
            Block::Code(hostile.to_owned()),
            Block::Table(table),
        ];
        let page = write(&Document { title: hostile.to_owned(), blocks });
        assert!(!page.contains("<script") && !page.contains("\" onload") && !page.contains('\u{202e}'));
    }
}
