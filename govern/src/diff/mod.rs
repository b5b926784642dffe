//! How does one policy become another? By a script of edits, each with both sides and a switch.
//!
//! What two policies share appears once; each difference is an edit. With all edits off the result is the first policy,
//! with all edits on it is the second, and every set in between gives a **hybrid**. The script is complete and
//! invertible by construction: it is made from the contents of the two structures, not from their texts.
//!
//! In reading order: which versions and names of the two policies are the same ([`align`]), where elements are in the
//! merged order ([`order`]), which changes belong together and which need each other ([`group`]), what an edit says to
//! people ([`words`]), and applying a script ([`apply`]).

mod align;
mod apply;
mod extent;
mod group;
mod order;
mod words;

use std::collections::BTreeSet;
use std::fmt;

use opus_runtime::Hash;
use serde::{Deserialize, Serialize};

use crate::structure::{Element, Key, Part, Sequence, Structure};
pub use align::{Family, Numbers, Rename};
pub(crate) use align::{names, words};
pub use apply::ApplyError;

/// The format of scripts that this build writes and reads.
pub const FORMAT: u32 = 1;

/// All edits from one policy to another.
///
/// ```
/// use opus_govern::diff::diff;
/// use opus_govern::structure::Structure;
/// let policy = |limit: u8| format!(
///     "policy shop {{ input {{ age : int in 0..120 }}  output {{ child : bool }}
///      rules first {{ rule A when age < {limit} => true  otherwise B => false }} }}");
/// let [a, b] = [18, 21].map(|limit| Structure::of_source(&policy(limit)).unwrap());
/// let script = diff(&a, &b);
/// assert_eq!(script.edits[0].to_string(), "E1  rule A condition: 18 becomes 21");
/// assert_eq!(script.apply(&a)?.hash(), b.hash());
/// assert_eq!(script.inverted().apply(&b)?.hash(), a.hash());
/// # Ok::<(), opus_govern::diff::ApplyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Script {
    /// [`FORMAT`]
    pub format: u32,
    /// The structure hash of the policy that the edits are applied to.
    pub from: Hash,
    /// The structure hash of the policy that all edits lead to.
    pub to: Hash,
    /// Which of the two policies the names in keys and texts are from. If it is the second, renames are applied before all
    /// other edits; if it is the first, after them.
    pub names: Side,
    /// The numbers of the versions of both policies, and those that stand for them in keys.
    pub numbers: Numbers,
    /// The edits: first renames, each in terms of the names that the ones before it result in, then all others in the
    /// order of the policies' texts.
    pub edits: Vec<Edit>,
    /// By sequence in which elements are added, removed or moved, the places of both sides in one order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
}

/// One edit: it is on as a whole or off as a whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Edit {
    /// Its name.
    pub id: EditId,
    /// What it does, in words.
    pub says: String,
    /// The edits that it needs: they add a name that it uses, or remove the last uses of a name that it removes.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<EditId>,
    /// What changes.
    pub changes: Vec<Change>,
}

/// `E1`, `E2`, … are edits that can change a decision, `T1`, `T2`, … those that cannot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct EditId {
    /// Whether it can change a decision.
    pub decides: bool,
    /// From 1, in the order of the texts.
    pub number: u32,
}

/// A difference between two structures.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The name of the policy.
    Name {
        /// In the first policy.
        before: String,
        /// In the second.
        after: String,
    },
    /// A name that was changed everywhere.
    Rename(Rename),
    /// A part of an element that both have.
    Part {
        /// The element.
        key: Key,
        /// The part.
        part: Part,
        /// In the first policy.
        before: Option<String>,
        /// In the second.
        after: Option<String>,
    },
    /// An element that one of them has.
    Element {
        /// The element.
        key: Key,
        /// In the first policy.
        before: Option<Element>,
        /// In the second.
        after: Option<Element>,
    },
    /// An element that moved among others.
    Move {
        /// The sequence that it is in.
        sequence: Sequence,
        /// The element.
        key: Key,
        /// The element before it in the first policy; `None` where it is the first.
        before: Option<Key>,
        /// The element before it in the second.
        after: Option<Key>,
    },
}

/// The merged order of a sequence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The sequence.
    pub sequence: Sequence,
    /// The places. An element that moved has two.
    pub entries: Vec<Entry>,
}

/// A place in a merged order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The element.
    pub key: Key,
    /// In which policy it has this place.
    pub side: Side,
}

/// One of two policies, or both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// In both.
    Both,
    /// In the first.
    Before,
    /// In the second.
    After,
}

/// The script that leads from `a` to `b`.
pub fn diff(a: &Structure, b: &Structure) -> Script {
    let aligned = align::align(a, b);
    let changes = group::changes(&aligned.a, &aligned.b);
    let (orders, moves) = order::orders(&aligned.a, &aligned.b, &changes);
    let edits = group::edits(&aligned, changes, moves, &orders);
    Script {
        format: FORMAT,
        from: a.hash(),
        to: b.hash(),
        names: Side::After,
        numbers: aligned.numbers,
        edits,
        orders,
    }
}

impl Script {
    /// The edits that can change a decision.
    pub fn deciding(&self) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(|edit| edit.id.decides)
    }

    /// What was renamed.
    pub fn renames(&self) -> impl DoubleEndedIterator<Item = &Rename> {
        self.edits.iter().flat_map(|edit| &edit.changes).filter_map(|change| match change {
            Change::Rename(rename) => Some(rename),
            _ => None,
        })
    }

    /// Whether the policies have the same structure.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// The edits with everything that they need, directly or indirectly.
    pub fn closed(&self, edits: &BTreeSet<EditId>) -> BTreeSet<EditId> {
        let mut closed = edits.clone();
        loop {
            let needed: Vec<EditId> = self
                .edits
                .iter()
                .filter(|edit| closed.contains(&edit.id))
                .flat_map(|edit| edit.needs.iter().copied())
                .filter(|need| !closed.contains(need))
                .collect();
            if needed.is_empty() {
                return closed;
            }
            closed.extend(needed);
        }
    }

    /// The script for the other direction.
    #[must_use]
    pub fn inverted(&self) -> Script {
        let numbers = self.numbers.inverted();
        let needed_by = |id: EditId| {
            self.edits.iter().filter(move |edit| edit.needs.contains(&id)).map(|edit| edit.id).collect()
        };
        let edits = self
            .edits
            .iter()
            .map(|edit| {
                let changes: Vec<Change> = edit.changes.iter().map(Change::inverted).collect();
                // in the other direction, a name is added by the edit that removed it
                let says = words::says(&changes, &numbers);
                Edit { id: edit.id, says, needs: needed_by(edit.id), changes }
            })
            .collect();
        let side = |side: Side| match side {
            Side::Both => Side::Both,
            Side::Before => Side::After,
            Side::After => Side::Before,
        };
        let order = |order: &Order| Order {
            sequence: order.sequence.clone(),
            entries: order
                .entries
                .iter()
                .map(|entry| Entry { key: entry.key.clone(), side: side(entry.side) })
                .collect(),
        };
        Script {
            format: self.format,
            from: self.to,
            to: self.from,
            names: side(self.names),
            numbers,
            edits,
            orders: self.orders.iter().map(order).collect(),
        }
    }
}

impl Change {
    fn inverted(&self) -> Change {
        match self.clone() {
            Change::Name { before, after } => Change::Name { before: after, after: before },
            Change::Rename(rename) => Change::Rename(rename.inverted()),
            Change::Part { key, part, before, after } => {
                Change::Part { key, part, before: after, after: before }
            }
            Change::Element { key, before, after } => Change::Element { key, before: after, after: before },
            Change::Move { sequence, key, before, after } => {
                Change::Move { sequence, key, before: after, after: before }
            }
        }
    }

    /// Whether it can change a decision.
    fn decides(&self) -> bool {
        match self {
            Change::Name { .. } | Change::Rename(_) => false,
            Change::Part { part, .. } => part.decides(),
            Change::Element { key, .. } => !matches!(key, Key::Case(_) | Key::Test(_)),
            Change::Move { sequence, .. } => sequence.decides(),
        }
    }
}

impl fmt::Display for Edit {
    /// `E2  rule C4 added (needs E1)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.id, self.says)?;
        if !self.needs.is_empty() {
            let needs: Vec<String> = self.needs.iter().map(EditId::to_string).collect();
            write!(f, " (needs {})", needs.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for EditId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.decides { 'E' } else { 'T' }, self.number)
    }
}

impl From<EditId> for String {
    fn from(id: EditId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for EditId {
    type Error = String;

    fn try_from(text: String) -> Result<EditId, String> {
        text.parse()
    }
}

impl std::str::FromStr for EditId {
    type Err = String;

    fn from_str(text: &str) -> Result<EditId, String> {
        let unknown = || format!("`{text}` does not name an edit: write `E1` or `T1`");
        let decides = match text.get(..1) {
            Some("E" | "e") => true,
            Some("T" | "t") => false,
            _ => return Err(unknown()),
        };
        let number = text[1..].parse().map_err(|_| unknown())?;
        Ok(EditId { decides, number })
    }
}
