//! Why is there no decision? Three kinds of refusal, each with all its reasons.

use std::fmt;

use crate::admission::Reason;
use crate::hash::{Hash, canonical_refusal};
use crate::policy::Policy;
use crate::record::{self, Outcome, ReasonRecord, Record};
use crate::row::Row;

/// Why a row is not decided. Fields are checked first; requires are checked only if all fields are admitted.
///
/// The codes of reasons are stable and the same as in reject files: [`opus_ir::Fault::code`].
///
/// ```
/// use opus_runtime::Refusal;
/// let policy = opus_runtime::example::policy();
/// match policy.decide_json(r#"{"age": 200}"#) {
///     Ok(decision) => println!("{}", decision.to_json()),
///     Err(Refusal::Row(reason)) => println!("unreadable: {reason}"),
///     Err(refusal) => {
///         for reason in refusal.reasons() {
///             println!("{} {}: {}", reason.name, reason.fault.code(), reason.message);
///         }
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The row cannot be read: malformed JSON, a member that appears twice, a row of another policy.
    Row(Box<Reason>),
    /// Values are missing or not admitted; in the order of the fields.
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

    /// The hash of the refusal's canonical form: [`Hash::of_refusal`].
    pub fn hash(&self) -> Hash {
        Hash::of_refusal(self.names_and_codes())
    }

    /// The refusal's canonical form: [`canonical_refusal`].
    pub fn canonical(&self) -> Vec<u8> {
        canonical_refusal(self.names_and_codes())
    }

    fn names_and_codes(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.reasons().iter().map(|reason| (&*reason.name, reason.fault.code()))
    }

    /// The refusal as an owned record. The row that was refused, if there is one, adds the hash of the input: a row
    /// that a `require` refused has one, since all its fields were admitted.
    ///
    /// ```
    /// use opus_runtime::example;
    /// let policy = example::policy();
    /// let mut row = policy.row();
    /// let refusal = row.set_json(r#"{"age": 200}"#).unwrap_err();
    /// let record = refusal.record(&policy, Some(&row));
    /// assert_eq!(record.artifact, policy.artifact().content_hash());
    /// assert_eq!(record.input, None);
    /// let text = serde_json::to_string(&record).unwrap();
    /// assert!(text.starts_with(r#"{"refused":[{"field":"submitted_on","value":"","code":"missing","#));
    /// ```
    pub fn record(&self, policy: &Policy, row: Option<&Row>) -> Record {
        let reason = |reason: &Reason| ReasonRecord {
            field: reason.name.clone(),
            value: reason.value.clone(),
            code: reason.fault.code().to_owned(),
            message: reason.message.clone(),
        };
        Record {
            outcome: Outcome::Refused {
                reasons: self.reasons().iter().map(reason).collect(),
                hash: self.hash(),
            },
            artifact: policy.artifact().content_hash(),
            snapshot: policy.snapshot(),
            input: row.filter(|row| row.check_complete().is_ok()).map(Row::hash),
        }
    }

    /// The JSON form of [`Refusal::record`] without the hashes of artifact and input, which a refusal alone does
    /// not know.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// let refusal = policy.decide_json("{").unwrap_err();
    /// assert!(refusal.to_json().starts_with(r#"{"refused":[{"field":"","value":"","code":"malformed-row","#));
    /// ```
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        record::push_refusal(&mut text, self.reasons());
        record::push_hash(&mut text, ",\"refusal\":\"", self.hash());
        text.push('}');
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

/// All reasons in one line: it is what a `main` prints that returns the refusal.
impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Refusal {}
