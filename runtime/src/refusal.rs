//! Why is there no decision? Three kinds of refusal, each with all its reasons.

use std::fmt::{self, Write};

use crate::admission::{Reason, json};

/// Why a row is not decided. Fields are looked at first, requires only where all fields are admitted.
///
/// Codes of the reasons are stable and are those of reject files: [`opus_ir::Fault::code`].
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The row could not be read: malformed JSON, a member that stands twice, a row of another policy.
    Row(Box<Reason>),
    /// Values are missing or are none that their fields may have; in the order of the fields.
    Fields(Vec<Reason>),
    /// Conditions between inputs do not hold; in the order of the policy.
    Requires(Vec<Reason>),
}

impl Refusal {
    /// Every reason, at least one.
    ///
    /// ```
    /// use opus_runtime::example;
    /// let policy = example::policy();
    /// let refusal = policy.decide_json(r#"{"age": 200, "submitted_on": "2025-02-01"}"#).unwrap_err();
    /// let codes: Vec<_> = refusal.reasons().iter().map(|reason| (&*reason.name, reason.fault.code())).collect();
    /// assert_eq!(codes[0], ("age", "out-of-range"));
    /// assert_eq!(codes[1], ("income", "missing"));
    /// assert_eq!(refusal.reasons()[0].message, "age: 200 is outside 16..120");
    /// ```
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Refusal::Row(reason) => std::slice::from_ref(&**reason),
            Refusal::Fields(reasons) | Refusal::Requires(reasons) => reasons,
        }
    }

    /// The refusal as a JSON object: `{"refused":[{"field":…,"value":…,"code":…,"message":…}]}`.
    pub fn to_json(&self) -> String {
        let mut text = String::from("{\"refused\":[");
        for (index, reason) in self.reasons().iter().enumerate() {
            text.push_str(if index == 0 { "{" } else { ",{" });
            let parts = [
                ("field", &*reason.name),
                ("value", &reason.value),
                ("code", reason.fault.code()),
                ("message", &reason.message),
            ];
            for (index, (name, value)) in parts.into_iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                write!(text, "{comma}\"{name}\":{}", json::Quoted(value)).expect("a string takes any text");
            }
            text.push('}');
        }
        text.push_str("]}");
        text
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused: ")?;
        for (index, reason) in self.reasons().iter().enumerate() {
            let semicolon = if index == 0 { "" } else { "; " };
            write!(f, "{semicolon}{reason}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
