//! How does a source become a tree, and a tree a source?
//!
//! In reading order: the words of the language (`token`) and how they are found (`lexer`), the tree (`ast`), which
//! brace closes which (`braces`), the grammar (`grammar.lalrpop`) and what its productions make (`builder`), the
//! parser (`parse`) and its errors (`syntax_error`), what is sure about a source that was read only in part
//! (`partial`), the formatter (`format`), the form in which sources that say the same are equal (`canonical`), and what
//! must hold for every source (`testing`).
//!
//! Other languages have rooms of their own: their brackets and choices (`signs`), dates (`foreign_date`) and functions
//! (`foreign_call`); their rules, names and conditions are in `syntax_error`.
//!
//! Absent: what a name refers to, types, versions. Nothing here recurses on the text.

pub mod ast;
mod braces;
mod builder;
pub mod canonical;
mod foreign_call;
pub mod foreign_date;
pub mod format;
pub mod lexer;
pub mod parse;
pub mod partial;
mod signs;
mod syntax_error;
pub mod testing;
pub mod token;

/// The parser that lalrpop makes of `grammar.lalrpop`.
#[allow(clippy::all, missing_docs, unused)]
mod grammar {
    include!(concat!(env!("OUT_DIR"), "/text/grammar.rs"));
}
