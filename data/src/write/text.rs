//! How are CSV and JSON lines written? By any thread, chunk by chunk; the bytes are appended in order.

use std::io::Write as _;
use std::sync::Arc;

use opus_runtime::admission::json::Quoted;

use super::super::target::{Target, Whole};
use super::printed::{Printed, Printer, is_printable};
use super::table::{Content, Layout, Spec, Table};
use crate::error::DataError;

/// Encodes rows as text; shared by threads.
pub struct TextEncoder {
    layout: Arc<Layout>,
    /// By column of the layout, the name as JSON and a colon; empty for CSV.
    names: Vec<String>,
}

/// A text that is being written.
pub struct TextWriter {
    target: Target,
}

/// Begins a CSV file: writes the header.
///
/// # Errors
/// Where a column cannot be text, or the target cannot be written.
pub fn create_csv(
    mut target: Target,
    name: &str,
    layout: &Arc<Layout>,
) -> Result<(TextEncoder, TextWriter), DataError> {
    check(name, layout)?;
    let mut header = String::new();
    for (index, spec) in layout.columns.iter().enumerate() {
        header.push_str(if index == 0 { "" } else { "," });
        push_csv(&spec.name, &mut header);
    }
    header.push('\n');
    target.write_all(header.as_bytes()).map_err(|error| target.failure(&error))?;
    Ok((TextEncoder { layout: layout.clone(), names: Vec::new() }, TextWriter { target }))
}

/// Begins a file of JSON lines.
///
/// # Errors
/// Where a column cannot be text.
pub fn create_json_lines(
    target: Target,
    name: &str,
    layout: &Arc<Layout>,
) -> Result<(TextEncoder, TextWriter), DataError> {
    check(name, layout)?;
    let names = layout.columns.iter().map(|spec| format!("{}:", Quoted(&spec.name))).collect();
    Ok((TextEncoder { layout: layout.clone(), names }, TextWriter { target }))
}

fn check(name: &str, layout: &Layout) -> Result<(), DataError> {
    let is_text = |spec: &&Spec| match &spec.content {
        Content::Kept(kept) => is_printable(&kept.data_type),
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
    pub fn encode(&self, table: &Table<'_>) -> Vec<u8> {
        let columns = self.layout.columns.iter().zip(&table.columns);
        let printers: Vec<Printer<'_>> = columns.map(|(spec, data)| Printer::new(spec, data)).collect();
        let mut text = String::with_capacity(table.rows * printers.len() * 8);
        let mut scratch = String::new();
        for row in 0..table.rows {
            if self.names.is_empty() {
                csv_row(&printers, row, &mut text, &mut scratch);
            } else {
                self.json_row(&printers, row, &mut text, &mut scratch);
            }
        }
        text.into_bytes()
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
        text.push_str("}\n");
    }
}

fn csv_row(printers: &[Printer<'_>], row: usize, text: &mut String, scratch: &mut String) {
    for (index, printer) in printers.iter().enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        match printer.print(row, false, scratch) {
            Printed::Missing => {}
            Printed::Plain(value) => text.push_str(value),
            Printed::Text(value) => push_csv(value, text),
        }
    }
    text.push('\n');
}

/// A CSV cell, in quotes where it needs them.
fn push_csv(value: &str, text: &mut String) {
    if value.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        text.push('"');
        text.push_str(&value.replace('"', "\"\""));
        text.push('"');
    } else {
        text.push_str(value);
    }
}

impl TextWriter {
    /// Appends rows.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub fn append(&mut self, text: &[u8]) -> Result<(), DataError> {
        self.target.write_all(text).map_err(|error| self.target.failure(&error))
    }

    /// Ends the file: it is whole.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(self) -> Result<Whole, DataError> {
        self.target.end()
    }
}
