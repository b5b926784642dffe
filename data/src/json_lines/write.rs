//! How are rows written as JSON? As objects that name every column, one a line or in an array.

use std::sync::Arc;

use opus_runtime::admission::json::Quoted;

use crate::error::DataError;
use crate::target::Target;
use crate::write::text::{self, Notation};
use crate::write::{Begun, Layout, Printed, Printer};

/// Objects.
struct Objects {
    /// By column of the layout, the name as JSON and a colon.
    names: Vec<String>,
    /// Whether they are the elements of an array.
    in_array: bool,
}

/// Begins a file with an object a line.
///
/// # Errors
/// Where a column cannot be text, or the target cannot be written.
pub fn create_lines(target: Target, name: &str, layout: &Arc<Layout>) -> Result<Begun, DataError> {
    text::create(Objects::new(layout, false), target, name, layout)
}

/// Begins a file with an array of objects.
///
/// # Errors
/// Where a column cannot be text, or the target cannot be written.
pub fn create_array(target: Target, name: &str, layout: &Arc<Layout>) -> Result<Begun, DataError> {
    text::create(Objects::new(layout, true), target, name, layout)
}

impl Objects {
    fn new(layout: &Layout, in_array: bool) -> Objects {
        let names = layout.columns.iter().map(|spec| format!("{}:", Quoted(&spec.name)));
        Objects { names: names.collect(), in_array }
    }
}

impl Notation for Objects {
    fn head(&self, _: &Layout) -> String {
        if self.in_array { "[\n".into() } else { String::new() }
    }

    fn row(&self, printers: &[Printer<'_>], row: usize, text: &mut String, scratch: &mut String) {
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

    fn end(&self) -> &'static str {
        if self.in_array { "" } else { "\n" }
    }

    fn between(&self) -> &'static str {
        if self.in_array { ",\n" } else { "" }
    }

    fn tail(&self, is_empty: bool) -> &'static str {
        match (self.in_array, is_empty) {
            (false, _) => "",
            (true, false) => "\n]\n",
            (true, true) => "]\n",
        }
    }
}
