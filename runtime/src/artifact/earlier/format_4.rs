//! Artifacts of format 4, which knew no proofs: every interval was that of its op. Formats 2 and 3 have the same second
//! section.

use std::sync::LazyLock;

use crate::artifact::archived::{Code, Derived, Span, archived};
use crate::hash::Hash;

/// The layout hash of the format.
pub(super) fn layout() -> Hash {
    static LAYOUT: LazyLock<Hash> = LazyLock::new(|| super::layout(&[], &[]));
    *LAYOUT
}

archived! {
    /// The second section, without proofs.
    struct Detail {
        /// The source text.
        source: String,
        /// For each rule, its place in the source text.
        rules: Vec<Span>,
        /// For each require, its place in the source text.
        requires: Vec<Span>,
        /// For each version, what was proved.
        versions: Vec<Derived>,
        /// The bytecode for single rows, as it is ordered today.
        rows: Vec<Code>,
        /// The bytecode for columns, in the same order.
        columns: Vec<Code>,
    }
}
