//! Apache Parquet: columns in pages, which this crate decodes and encodes itself where they are plain enough.
//!
//! [`read`] and [`open`] find the pages of row groups, [`column`], [`page`], [`header`] and [`runs`] decode them;
//! [`pages`] and [`verbatim`] encode them, and [`write`](mod@write) puts them into row groups.

mod claims;
mod column;
mod header;
mod open;
mod page;
mod pages;
mod read;
mod runs;
mod verbatim;
mod write;

pub use column::{Decoded, Part};
pub use read::open;
pub use write::create;
