//! Artifacts of format 2, which knew no snapshots: no policy had holes.

use std::sync::LazyLock;

use crate::artifact::archived::{self, Block, Clause, Enum, Field, NO_INDEX, Text, Value, archived};
use crate::hash::Hash;

/// The layout hash of the format.
pub(super) fn layout() -> Hash {
    static LAYOUT: LazyLock<Hash> = LazyLock::new(|| super::layout(&definitions(), &["Hole"]));
    *LAYOUT
}

archived! {
    /// The first section, without what is left to a snapshot.
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
        /// The versions, in the order of their first days.
        versions: Vec<Version>,
    }
    /// A version. It differs from the current one in its functions only.
    struct Version {
        /// Its number in the policy.
        number: u32,
        /// The first day on which it is in force.
        from: i32,
        /// The first day on which it is no longer in force.
        until: i32,
        /// The citation.
        cite: Text,
        /// The indices of its requires.
        requires: Vec<u32>,
        /// The function that computes one Boolean per require.
        admit: Func,
        /// The function that computes the rule and the outputs.
        decide: Func,
    }
    /// A function, all of whose tables are known.
    struct Func {
        /// Every value, by number.
        values: Vec<Value>,
        /// Every block, in topological order.
        blocks: Vec<Block>,
        /// The parameters, bodies, arguments and outputs of the blocks, one list after another.
        lists: Vec<u32>,
        /// The length of each constant table.
        tables: Vec<u32>,
        /// The entries of the tables, one table after another.
        entries: Vec<i128>,
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
            holes: Vec::new(),
            versions: versions.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Version> for archived::Version {
    fn from(Version { number, from, until, cite, requires, admit, decide }: Version) -> archived::Version {
        let (admit, decide) = (admit.into(), decide.into());
        archived::Version { number, from, until, cite, requires, admit, decide }
    }
}

impl From<Func> for archived::Func {
    fn from(Func { values, blocks, lists, tables, entries }: Func) -> archived::Func {
        let holes = vec![NO_INDEX; tables.len()];
        archived::Func { values, blocks, lists, holes, tables, entries }
    }
}
