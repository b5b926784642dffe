//! What does a policy consist of? Elements, each with a key that names it for people and programs, and the sequences
//! whose order matters.
//!
//! The structure is the syntax tree of a source, with names resolved and without everything that has no meaning:
//! comments, layout, redundant parentheses, the spelling of numbers, the order of declarations where it does not
//! matter. Two sources with equal structures are the same policy to an analyst; the hash of the structure names it.
//! Dates of validity are references to versions, so that moving a version moves what it dates.
//!
//! In reading order: what names an element ([`key`]), reading a tree ([`read`]), writing a source again ([`write`]), one
//! version for every row ([`version`]).
//!
//! Absent: types, proved ranges, and what is decided. A language construct without an element is a compile error:
//! `read` destructures every node without a wildcard.

mod key;
mod read;
mod version;
mod write;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::parse::parse;
use opus_frontend::{ast, canonical};
use opus_runtime::Hash;
use serde::Serialize;

pub use key::{Dates, Key, Part, Sequence, When};

/// The value of a parameter whose values come from a snapshot.
pub const FROM_SNAPSHOT: &str = "from snapshot";

/// The parts of an element, each as canonical text. An element without parts is only present.
pub type Element = BTreeMap<Part, String>;

/// The elements of a policy, and the order of those that have one.
///
/// ```
/// use opus_govern::structure::Structure;
/// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
///               rules first { rule A when age < 18 => true  otherwise B => false } }";
/// let again = "policy shop { output { child : bool }  -- the order of blocks says nothing
///              input { age : int in 0..120 }
///              rules first { rule A when (age < 18) => child = true  otherwise B => false } }";
/// let hash = |source| Structure::of_source(source).unwrap().hash();
/// assert_eq!(hash(source), hash(again));
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Structure {
    /// The dotted name of the policy.
    pub name: String,
    /// By key, what the element says.
    pub elements: BTreeMap<Key, Element>,
    /// By sequence, its elements in order. Those whose order says nothing ([`Sequence::counts`]) are in the order of
    /// the source.
    pub sequences: BTreeMap<Sequence, Vec<Key>>,
}

impl Structure {
    /// The structure of a source.
    ///
    /// # Errors
    /// Where the source cannot be read. Whether it compiles is not asked.
    pub fn of_source(source: &str) -> Result<Structure, Vec<Diagnostic>> {
        let (tree, diagnostics) = parse(source);
        match tree {
            Some(tree) if !opus_frontend::diagnostic::any_error(&diagnostics) => Ok(Structure::of_tree(tree)),
            _ => Err(diagnostics),
        }
    }

    /// The structure of a tree that was read without an error.
    pub fn of_tree(tree: ast::Policy) -> Structure {
        read::read(&canonical::canonical(tree))
    }

    /// Version `number` applied to every row, whatever its date: what is not in force in it is gone, and so are dates, the
    /// declarations of versions with `effective on`, and tests, which are about days. `None` where no version has the
    /// number; version 1 of a policy without versions is the policy.
    ///
    /// ```
    /// use opus_govern::structure::Structure;
    /// let source = "policy shop { effective on day  version 1 from 2024-01-01  version 2 from 2025-01-01
    ///               input { day : date in 2024-01-01..2030-12-31  age : int in 0..120 }  output { child : bool }
    ///               param limit : int in 0..99 { from 2024-01-01 = 18  from 2025-01-01 = 21 }
    ///               rules first { rule A when age < limit => true  otherwise B => false } }";
    /// let policy = Structure::of_source(source).unwrap();
    /// let second = policy.at_version(2).unwrap();
    /// assert!(second.to_source().contains("param limit : int in 0..99 = 21"));
    /// assert_eq!(policy.at_version(3), None);
    /// ```
    #[must_use]
    pub fn at_version(&self, number: u32) -> Option<Structure> {
        version::at(self, number)
    }

    /// The numbers of the versions, in order.
    pub fn versions(&self) -> impl Iterator<Item = u32> {
        self.elements.keys().filter_map(|key| match key {
            Key::Version(number) => Some(*number),
            _ => None,
        })
    }

    /// The structure as a source: formatted, without comments.
    pub fn to_source(&self) -> String {
        write::write(self)
    }

    /// The structure as a source that is only compiled. Formatting it would take half as long as compiling it.
    pub(crate) fn to_unformatted_source(&self) -> String {
        write::unformatted(self)
    }

    /// The hash of the structure: BLAKE3 of `opus structure 1` and the canonical text.
    pub fn hash(&self) -> Hash {
        Hash::of(format!("opus structure 1\n{}", self.canonical()).as_bytes())
    }

    /// The canonical text: one line for each part of each element, by key, and one for each sequence that counts.
    pub fn canonical(&self) -> String {
        let mut text = format!("policy {}\n", self.name);
        for (key, element) in &self.elements {
            let _ = writeln!(text, "{}", json(key));
            for (part, value) in element {
                let _ = writeln!(text, "  {} {}", json(part), json(value));
            }
        }
        for (sequence, keys) in self.sequences.iter().filter(|(sequence, _)| sequence.counts()) {
            let _ = writeln!(text, "{} {}", json(sequence), json(keys));
        }
        text
    }
}

fn json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("keys, parts and texts are written without an error")
}
