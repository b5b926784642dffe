//! What was decided about a row, before names are attached?

/// A decision on one row, as indices and integers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// The index of the version that was in force.
    pub version: usize,
    /// The index of the rule that decided.
    pub rule: usize,
    /// By output index, the integer of the output.
    pub outputs: Vec<i128>,
}
