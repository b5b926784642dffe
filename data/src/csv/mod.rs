//! Comma-separated values with a header, in UTF-8; separated by tabs where the name ends in `.tsv`.

mod read;
mod write;

use std::path::Path;

use crate::packing::Packing;

pub use read::open;
pub use write::create;

/// What separates the cells of a file with this name by default: tabs if it ends in `.tsv`.
fn delimiter_of(file: &str) -> u8 {
    let (_, name) = Packing::of_name(Path::new(file));
    let is_tabbed = name.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tsv"));
    if is_tabbed { b'\t' } else { b',' }
}
