//! How are rows written as CSV? A cell is in quotes where it needs them.

use std::sync::Arc;

use super::delimiter_of;
use crate::error::DataError;
use crate::target::Target;
use crate::write::text::{self, Notation};
use crate::write::{Begun, Layout, Printed, Printer};

/// Records, with what separates their cells.
struct Records {
    delimiter: u8,
}

/// Begins a file: writes its header.
///
/// # Errors
/// Where a column cannot be text, or the target cannot be written.
pub fn create(target: Target, name: &str, layout: &Arc<Layout>) -> Result<Begun, DataError> {
    text::create(Records { delimiter: delimiter_of(name) }, target, name, layout)
}

impl Records {
    fn push(&self, value: &str, text: &mut String) {
        if value.bytes().any(|byte| byte == self.delimiter || matches!(byte, b'"' | b'\n' | b'\r')) {
            text.push('"');
            text.push_str(&value.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(value);
        }
    }
}

impl Notation for Records {
    fn head(&self, layout: &Layout) -> String {
        let mut header = String::new();
        for (index, spec) in layout.columns.iter().enumerate() {
            if index > 0 {
                header.push(char::from(self.delimiter));
            }
            self.push(&spec.name, &mut header);
        }
        header + "\n"
    }

    fn row(&self, printers: &[Printer<'_>], row: usize, text: &mut String, scratch: &mut String) {
        for (index, printer) in printers.iter().enumerate() {
            if index > 0 {
                text.push(char::from(self.delimiter));
            }
            match printer.print(row, false, scratch) {
                Printed::Missing => {}
                Printed::Plain(value) => text.push_str(value),
                Printed::Text(value) => self.push(value, text),
            }
        }
    }
}
