//! How are CSV and JSON written? By any thread, chunk by chunk; the bytes are appended in order. What the name of the
//! file says is packed is packed chunk by chunk too.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use opus_runtime::admission::json::Quoted;

use super::super::csv::is_tabbed;
use super::super::packing::Packing;
use super::super::target::{Target, Whole};
use super::printed::{Printed, Printer, is_printable};
use super::table::{Content, Layout, Spec, Table};
use super::{Encoder, Writer};
use crate::error::DataError;

/// What separates rows and values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// CSV with this delimiter.
    Csv(u8),
    /// One JSON object a line.
    Lines,
    /// An array of JSON objects.
    Array,
}

/// Encodes rows as text; shared by threads.
pub struct TextEncoder {
    style: Style,
    packing: Packing,
    layout: Arc<Layout>,
    /// By column of the layout, the name as JSON and a colon; empty for CSV.
    names: Vec<String>,
}

/// A text that is being written.
pub struct TextWriter {
    style: Style,
    packing: Packing,
    target: Target,
    /// Whether no row was written yet.
    is_empty: bool,
}

impl Style {
    /// CSV as the name of the file asks for it: with tabs, or with commas.
    pub fn of_csv(name: &str) -> Style {
        let (_, name) = Packing::of_name(Path::new(name));
        Style::Csv(if is_tabbed(name) { b'\t' } else { b',' })
    }

    /// What comes before the first row.
    fn head(self, layout: &Layout) -> String {
        match self {
            Style::Lines => String::new(),
            Style::Array => "[\n".into(),
            Style::Csv(delimiter) => {
                let mut header = String::new();
                for (index, spec) in layout.columns.iter().enumerate() {
                    if index > 0 {
                        header.push(char::from(delimiter));
                    }
                    push_csv(&spec.name, delimiter, &mut header);
                }
                header + "\n"
            }
        }
    }
}

/// Begins a file: writes what comes before its rows.
///
/// # Errors
/// Where a column cannot be text, or the target cannot be written.
pub fn create(
    style: Style,
    target: Target,
    name: &str,
    layout: &Arc<Layout>,
) -> Result<(Encoder, Writer), DataError> {
    check(name, layout)?;
    let (packing, _) = Packing::of_name(Path::new(name));
    let names = match style {
        Style::Csv(_) => Vec::new(),
        Style::Lines | Style::Array => {
            layout.columns.iter().map(|spec| format!("{}:", Quoted(&spec.name))).collect()
        }
    };
    let mut writer = TextWriter { style, packing, target, is_empty: true };
    writer.write(style.head(layout))?;
    Ok((Encoder::Text(TextEncoder { style, packing, layout: layout.clone(), names }), Writer::Text(writer)))
}

fn check(name: &str, layout: &Layout) -> Result<(), DataError> {
    let is_text = |spec: &&Spec| match &spec.content {
        Content::Kept(kept) => is_printable(&kept.data_type) || kept.is_uuid(),
        _ => true,
    };
    match layout.columns.iter().find(|spec| !is_text(spec)) {
        None => Ok(()),
        Some(spec) => {
            let message = format!(
                "{name}: column `{}` is of the type {}, which no text can hold",
                spec.name,
                spec.arrow_type()
            );
            Err(DataError::request(message).remedy("keep it in Parquet or Arrow"))
        }
    }
}

impl TextEncoder {
    /// Encodes rows.
    ///
    /// # Errors
    /// Where they cannot be packed.
    pub fn encode(&self, table: &Table<'_>) -> io::Result<Vec<u8>> {
        let columns = self.layout.columns.iter().zip(&table.columns);
        let printers: Vec<Printer<'_>> = columns.map(|(spec, data)| Printer::new(spec, data)).collect();
        let mut text = String::with_capacity(table.rows * printers.len() * 8);
        let mut scratch = String::new();
        for row in 0..table.rows {
            match self.style {
                Style::Csv(delimiter) => csv_row(&printers, row, delimiter, &mut text, &mut scratch),
                Style::Lines => {
                    self.json_row(&printers, row, &mut text, &mut scratch);
                    text.push('\n');
                }
                Style::Array => {
                    text.push_str(if row == 0 { "" } else { ",\n" });
                    self.json_row(&printers, row, &mut text, &mut scratch);
                }
            }
        }
        self.packing.pack(text.into_bytes())
    }

    fn json_row(&self, printers: &[Printer<'_>], row: usize, text: &mut String, scratch: &mut String) {
        text.push('{');
        for (index, (printer, name)) in printers.iter().zip(&self.names).enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            text.push_str(name);
            match printer.print(row, true, scratch) {
                Printed::Missing => text.push_str("null"),
                Printed::Plain(value) => text.push_str(value),
                Printed::Text(value) => text.push_str(&Quoted(value).to_string()),
            }
        }
        text.push('}');
    }
}

fn csv_row(printers: &[Printer<'_>], row: usize, delimiter: u8, text: &mut String, scratch: &mut String) {
    for (index, printer) in printers.iter().enumerate() {
        if index > 0 {
            text.push(char::from(delimiter));
        }
        match printer.print(row, false, scratch) {
            Printed::Missing => {}
            Printed::Plain(value) => text.push_str(value),
            Printed::Text(value) => push_csv(value, delimiter, text),
        }
    }
    text.push('\n');
}

/// A CSV cell, in quotes where it needs them.
fn push_csv(value: &str, delimiter: u8, text: &mut String) {
    if value.bytes().any(|byte| byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r')) {
        text.push('"');
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(value);
    }
}

impl TextWriter {
    /// Appends rows that are encoded.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn append(&mut self, rows: &[u8]) -> Result<(), DataError> {
        if self.style == Style::Array && !std::mem::take(&mut self.is_empty) {
            self.write(",\n".into())?;
        }
        self.target.write_all(rows).map_err(|error| self.target.failure(&error))
    }

    /// Ends the file: it is whole.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<Whole, DataError> {
        if self.style == Style::Array {
            self.write(if self.is_empty { "]\n".into() } else { "\n]\n".into() })?;
        }
        self.target.end()
    }

    /// Writes what is no row.
    fn write(&mut self, text: String) -> Result<(), DataError> {
        if text.is_empty() && self.packing == Packing::None {
            return Ok(());
        }
        let packed = self.packing.pack(text.into_bytes());
        packed.and_then(|bytes| self.target.write_all(&bytes)).map_err(|error| self.target.failure(&error))
    }
}
