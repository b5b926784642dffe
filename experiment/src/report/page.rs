//! What is a page made of? Sections of paragraphs, tables and figures, in an order that both forms share.

/// A page.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    /// Its title.
    pub title: String,
    /// Where else to look.
    pub links: Vec<Cell>,
    /// What comes before the first section.
    pub lead: Vec<String>,
    /// Its sections.
    pub sections: Vec<Section>,
    /// What comes last.
    pub footer: String,
}

/// A section.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Section {
    /// What links to it are called.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it consists of.
    pub parts: Vec<Part>,
}

/// A part of a section.
#[derive(Clone, PartialEq, Debug)]
pub enum Part {
    /// A paragraph.
    Text(String),
    /// A table.
    Table(Table),
    /// A figure, with what it shows in words.
    Figure {
        /// The picture, as SVG.
        svg: String,
        /// What it shows.
        caption: String,
    },
}

/// A table.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// What links to it are called, if there are any.
    pub id: Option<String>,
    /// What it shows.
    pub caption: String,
    /// The heads of its columns.
    pub columns: Vec<String>,
    /// Its rows; the first cell of each is its head.
    pub rows: Vec<Vec<Cell>>,
    /// What there is to say about it.
    pub notes: Vec<String>,
}

/// A cell.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub link: Option<String>,
    /// What is folded away below it.
    pub folded: Vec<Cell>,
    /// Whether it is a published figure, which is set apart.
    pub is_published: bool,
}

impl Cell {
    /// A cell that leads nowhere.
    pub fn new(text: impl Into<String>) -> Cell {
        Cell { text: text.into(), ..Cell::default() }
    }

    /// A cell that leads to what is behind it.
    pub fn linked(text: impl Into<String>, link: impl Into<String>) -> Cell {
        Cell { link: Some(link.into()), ..Cell::new(text) }
    }

    /// A published figure.
    pub fn published(text: impl Into<String>) -> Cell {
        Cell { is_published: true, ..Cell::new(text) }
    }
}
