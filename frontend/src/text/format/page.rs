//! How do lines become text? Lines of cells; the cells of lines in one group are aligned in columns.

use std::collections::BTreeMap;

/// How wide a line is, where that can be helped.
pub const WIDTH: usize = 110;

/// A cell wider than this does not widen its column.
const CELL_WIDTH_MAX: usize = 40;

/// Lines whose cells are aligned in columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Group(u32);

/// The lines of a formatted source.
#[derive(Default)]
pub struct Page {
    lines: Vec<Line>,
    groups: u32,
}

#[derive(Default)]
struct Line {
    indent: usize,
    cells: Vec<String>,
    group: Option<Group>,
    comment: Option<String>,
}

/// How many characters a text is wide.
pub fn width(text: &str) -> usize {
    text.chars().count()
}

/// A text padded with spaces to a width.
pub fn padded(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

impl Page {
    /// A group of its own.
    pub fn group(&mut self) -> Group {
        self.groups += 1;
        Group(self.groups)
    }

    /// Adds a line.
    pub fn line(&mut self, indent: usize, text: impl Into<String>) {
        self.lines.push(Line { indent, cells: vec![text.into()], ..Line::default() });
    }

    /// Adds a line whose cells are aligned with those of a group.
    pub fn row(&mut self, indent: usize, group: Group, cells: Vec<String>) {
        self.lines.push(Line { indent, cells, group: Some(group), comment: None });
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.lines.push(Line::default());
    }

    /// Puts a comment at the end of the last line.
    pub fn comment(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.comment = Some(text.to_string());
        }
    }

    /// The text, ending in a line break.
    pub fn render(&self) -> String {
        let columns = self.columns();
        let mut out = String::new();
        for line in &self.lines {
            let widths = line.group.and_then(|group| columns.get(&group));
            let text = line.text(widths.map_or(&[], Vec::as_slice));
            out.push_str(&text);
            if let Some(comment) = &line.comment {
                out.push_str(if text.is_empty() { "" } else { "  " });
                out.push_str(comment);
            }
            out.push('\n');
        }
        out
    }

    /// The widths of the columns of each group; none where that would make a line too long.
    fn columns(&self) -> BTreeMap<Group, Vec<usize>> {
        let mut columns: BTreeMap<Group, Vec<usize>> = BTreeMap::new();
        for (group, line) in self.grouped() {
            let widths = columns.entry(group).or_default();
            let padded = &line.cells[..line.cells.len().saturating_sub(1)];
            widths.resize(widths.len().max(padded.len()), 0);
            for (column, cell) in padded.iter().enumerate() {
                let cell = Some(width(cell)).filter(|&width| width <= CELL_WIDTH_MAX).unwrap_or(0);
                widths[column] = widths[column].max(cell);
            }
        }
        for (group, line) in self.grouped() {
            let spoilt = width(&line.text(&columns[&group])) > WIDTH && width(&line.text(&[])) <= WIDTH;
            if spoilt {
                columns.insert(group, vec![]);
            }
        }
        columns
    }

    fn grouped(&self) -> impl Iterator<Item = (Group, &Line)> {
        self.lines.iter().filter_map(|line| Some((line.group?, line)))
    }
}

impl Line {
    fn text(&self, widths: &[usize]) -> String {
        let last = self.cells.len().saturating_sub(1);
        let pad = |(column, cell): (usize, &String)| {
            let to = if column == last { 0 } else { widths.get(column).copied().unwrap_or(0) };
            padded(cell, to)
        };
        let cells: Vec<String> = self.cells.iter().enumerate().map(pad).collect();
        let text = cells.join(" ");
        if text.trim().is_empty() {
            return String::new();
        }
        format!("{}{}", " ".repeat(self.indent), text.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_group_stand_in_columns() {
        let mut page = Page::default();
        let group = page.group();
        page.row(2, group, vec!["a".into(), ": int".into()]);
        page.line(2, "-- between");
        page.row(2, group, vec!["long".into(), ": date".into()]);
        page.comment("-- c");
        page.blank();
        assert_eq!(page.render(), "  a    : int\n  -- between\n  long : date  -- c\n\n");
    }

    #[test]
    fn columns_never_make_a_line_too_long() {
        let mut page = Page::default();
        let group = page.group();
        page.row(0, group, vec!["a".into(), "x".repeat(105)]);
        page.row(0, group, vec!["abcdefghi".into(), "y".into()]);
        assert!(page.render().starts_with("a xxx"));
    }
}
