//! Artifacts of format 3, which knew no look-up tables: a hole was a parameter or a set.

use std::sync::LazyLock;

use crate::artifact::archived::{self, Clause, Enum, Field, Text, Version, archived};
use crate::hash::Hash;

/// The layout hash of the format.
pub(super) fn layout() -> Hash {
    static LAYOUT: LazyLock<Hash> = LazyLock::new(|| super::layout(&definitions(), &[]));
    *LAYOUT
}

archived! {
    /// The first section. It differs from the current one in its holes only.
    struct Meaning {
        /// The dotted name of the policy.
        name: String,
        /// The ISO 4217 code of the currency, if there is one.
        currency: Text,
        /// The decimal places of an amount.
        currency_digits: u8,
        /// The enums.
        enums: Vec<Enum>,
        /// The input fields.
        inputs: Vec<Field>,
        /// The outputs.
        outputs: Vec<Field>,
        /// The index of the input that selects the version, or `NO_INDEX`.
        effective: u32,
        /// The rules of all versions.
        rules: Vec<Clause>,
        /// The requires of all versions.
        requires: Vec<Clause>,
        /// What is left to a snapshot.
        holes: Vec<Hole>,
        /// The versions, in the order of their first days.
        versions: Vec<Version>,
    }
    /// What is left to a snapshot: a parameter or a set.
    struct Hole {
        /// The name, and what an entry may be; of a set, whether a value is in it.
        entry: Field,
        /// The index of the enum of a set, or `NO_INDEX`.
        set_of: u32,
    }
}

impl From<Meaning> for archived::Meaning {
    fn from(earlier: Meaning) -> archived::Meaning {
        let Meaning {
            name,
            currency,
            currency_digits,
            enums,
            inputs,
            outputs,
            effective,
            rules,
            requires,
            holes,
            versions,
        } = earlier;
        archived::Meaning {
            name,
            currency,
            currency_digits,
            enums,
            inputs,
            outputs,
            effective,
            rules,
            requires,
            holes: holes.into_iter().map(Into::into).collect(),
            versions,
        }
    }
}

impl From<Hole> for archived::Hole {
    fn from(Hole { entry, set_of }: Hole) -> archived::Hole {
        archived::Hole { entry, set_of, keys: Vec::new() }
    }
}
