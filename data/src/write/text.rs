//! How are texts written? By any thread, chunk by chunk, in the [`Notation`] of their format; the bytes are appended in
//! order. What the name of the file says is packed is packed chunk by chunk too.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::printed::{Printer, is_printable};
use super::table::{Content, Layout, Spec, Table};
use super::{Begun, Encoded, Encoder, Writer, cannot_encode};
use crate::error::DataError;
use crate::packing::Packing;
use crate::target::{Target, Whole};

/// How a format writes rows as text.
pub trait Notation: Send + Sync + 'static {
    /// What comes before the first row.
    fn head(&self, layout: &Layout) -> String;

    /// Appends a row, without what ends it; `scratch` is for values that are put together.
    fn row(&self, printers: &[Printer<'_>], row: usize, text: &mut String, scratch: &mut String);

    /// What ends every row.
    fn end(&self) -> &'static str {
        "\n"
    }

    /// What is between two rows, after the end of the first.
    fn between(&self) -> &'static str {
        ""
    }

    /// What comes after the last row; `is_empty` if there was none.
    fn tail(&self, _is_empty: bool) -> &'static str {
        ""
    }
}

/// Encodes rows as text; shared by threads.
struct TextEncoder<N> {
    notation: Arc<N>,
    packing: Packing,
    layout: Arc<Layout>,
}

/// A text that is being written.
struct TextWriter<N> {
    notation: Arc<N>,
    packing: Packing,
    target: Target,
    /// Whether no row was written yet.
    is_empty: bool,
}

/// Begins a file: writes what comes before its rows.
///
/// # Errors
/// Where a column cannot be text, or the target cannot be written.
pub fn create<N: Notation>(
    notation: N,
    target: Target,
    name: &str,
    layout: &Arc<Layout>,
) -> Result<Begun, DataError> {
    check(name, layout)?;
    let (packing, _) = Packing::of_name(Path::new(name));
    let notation = Arc::new(notation);
    let mut writer = TextWriter { notation: notation.clone(), packing, target, is_empty: true };
    writer.write(&notation.head(layout))?;
    Ok((Box::new(TextEncoder { notation, packing, layout: layout.clone() }), Box::new(writer)))
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

impl<N: Notation> Encoder for TextEncoder<N> {
    fn encode(&self, table: &Table<'_>) -> Result<Encoded, DataError> {
        let columns = self.layout.columns.iter().zip(&table.columns);
        let printers: Vec<Printer<'_>> = columns.map(|(spec, data)| Printer::new(spec, data)).collect();
        let mut text = String::with_capacity(table.rows * printers.len() * 8);
        let mut scratch = String::new();
        for row in 0..table.rows {
            text.push_str(if row == 0 { "" } else { self.notation.between() });
            self.notation.row(&printers, row, &mut text, &mut scratch);
            text.push_str(self.notation.end());
        }
        let packed = self.packing.pack(text.into_bytes()).map_err(|error| cannot_encode(&error))?;
        Ok(Encoded::new(packed))
    }
}

impl<N: Notation> Writer for TextWriter<N> {
    fn append(&mut self, rows: Encoded) -> Result<(), DataError> {
        let rows: Vec<u8> = rows.get();
        let between = self.notation.between();
        if !std::mem::take(&mut self.is_empty) && !between.is_empty() {
            self.write(between)?;
        }
        self.target.write_all(&rows).map_err(|error| self.target.failure(&error))
    }

    fn finish(mut self: Box<Self>) -> Result<Whole, DataError> {
        let tail = self.notation.tail(self.is_empty);
        if !tail.is_empty() {
            self.write(tail)?;
        }
        self.target.end()
    }
}

impl<N: Notation> TextWriter<N> {
    /// Writes what is not a row.
    fn write(&mut self, text: &str) -> Result<(), DataError> {
        if text.is_empty() && self.packing == Packing::None {
            return Ok(());
        }
        let packed = self.packing.pack(text.as_bytes().to_vec());
        packed.and_then(|bytes| self.target.write_all(&bytes)).map_err(|error| self.target.failure(&error))
    }
}
