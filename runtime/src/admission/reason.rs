//! Why was a value or a row refused? A fault, the place, the value, and a sentence for people.

use opus_ir::Fault;
pub use opus_ir::Place;

/// One fault of a row.
///
/// The message reads without the rest: `age: 200 is outside 16..120`.
///
/// ```
/// use opus_runtime::{Fault, example};
/// let policy = example::policy();
/// let reason = policy.row().set_int("age", 200).unwrap_err();
/// assert_eq!((reason.fault, &*reason.name, &*reason.value), (Fault::OutOfRange, "age", "200"));
/// assert_eq!(reason.message, "age: 200 is outside 16..120");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reason {
    /// What is wrong.
    pub fault: Fault,
    /// Where it is wrong.
    pub place: Place,
    /// The name of the field or the id of the require; empty if the whole row is at fault.
    pub name: String,
    /// The value as it was given; empty if there was none.
    pub value: String,
    /// The sentence: lower case, what was wrong and what is right, in the policy's units.
    pub message: String,
}

impl Reason {
    /// A row that cannot be read.
    ///
    /// ```
    /// use opus_runtime::admission::Reason;
    /// let reason = Reason::malformed_row("the line is not a JSON object");
    /// assert_eq!(reason.fault.code(), "malformed-row");
    /// ```
    pub fn malformed_row(message: impl Into<String>) -> Reason {
        let [name, value] = [String::new(), String::new()];
        Reason { fault: Fault::MalformedRow, place: Place::Row, name, value, message: message.into() }
    }

    /// A condition between inputs that does not hold.
    pub fn require_failed(index: u32, require: &opus_ir::Require) -> Reason {
        let title = require.title.as_ref().map(|title| format!(" ({title})")).unwrap_or_default();
        let cite = require.cite.as_ref().map(|cite| format!(", {cite}")).unwrap_or_default();
        Reason {
            fault: Fault::RequireFailed,
            place: Place::Require(index),
            name: require.id.clone(),
            value: String::new(),
            message: format!("{}{title} does not hold{cite}", require.id),
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

/// The sentence: it is what a `main` prints that returns the reason.
impl std::fmt::Debug for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Reason {}
