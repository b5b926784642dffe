//! How is a policy laid out in an artifact? The archived types: integers, bools, `Vec` and `String`. None of them
//! recurses, and none is used to decide.
//!
//! An artifact has two sections, each an archive of its own. [`Meaning`] is what the policy says; its hash is the
//! meaning hash. [`Detail`] is the source text and what was derived from the meaning. Functions are flat arrays.
//! Lists of varying length follow one another in one array, and their owners give their lengths.
//!
//! rkyv checks the structure of an archive when it is read, but not the names of fields: two swapped fields would
//! pass. So the definitions below are also kept as text, and the header holds the hash of that text.

use std::sync::LazyLock;

use crate::hash::Hash;

/// Declares archived types, and `definitions`, which gives them as text.
macro_rules! archived {
    ($( $(#[doc = $doc:literal])+ struct $name:ident { $( $(#[doc = $field_doc:literal])+ $field:ident : $type:ty, )+ } )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
            pub(crate) struct $name { $( $(#[doc = $field_doc])+ pub $field: $type, )+ }
        )+

        /// The types by name, as text with the size and alignment of the archived type.
        pub(super) fn definitions() -> Vec<(&'static str, String)> {
            [$((
                stringify!($name),
                concat!(stringify!($name), "{", $( stringify!($field), ":", stringify!($type), ";", )+ "}"),
                size_of::<rkyv::Archived<$name>>(),
                align_of::<rkyv::Archived<$name>>(),
            )),+]
            .map(|(name, text, size, align)| (name, format!("{text}{size}/{align}\n")))
            .into()
        }
    };
}
pub(super) use archived;

/// The first line of the text that is hashed: how rkyv is configured.
const SETUP: &str = "rkyv 0.8, little endian, aligned, pointers of 32 bits\n";

/// The hash of the layout of the archived types.
pub(super) fn layout() -> Hash {
    static LAYOUT: LazyLock<Hash> = LazyLock::new(|| hash(definitions().into_iter().map(|(_, text)| text)));
    *LAYOUT
}

/// The hash of the layout of types with these definitions.
pub(super) fn hash(definitions: impl Iterator<Item = String>) -> Hash {
    // the compiler chooses the spaces in the text of a type
    let text: String = definitions.collect::<String>().chars().filter(|c| *c != ' ').collect();
    Hash::of(format!("{SETUP}{text}").as_bytes())
}

/// The index that means "none".
pub(crate) const NO_INDEX: u32 = u32::MAX;

archived! {
    /// A text that may be absent.
    struct Text {
        /// Whether it is there.
        present: bool,
        /// The text; empty if absent.
        text: String,
    }
    /// The first section: everything that decisions and reports follow from.
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
    /// What is left to a snapshot: a parameter, a set or a look-up table.
    struct Hole {
        /// The name, and what an entry may be; of a set, whether a value is in it.
        entry: Field,
        /// The index of the enum of a set, or `NO_INDEX`.
        set_of: u32,
        /// The keys of a look-up table.
        keys: Vec<Field>,
    }
    /// An enum.
    struct Enum {
        /// The name.
        name: String,
        /// The values, by code.
        values: Vec<EnumValue>,
    }
    /// A value of an enum.
    struct EnumValue {
        /// The name.
        name: String,
        /// The text that people read.
        text: Text,
    }
    /// An input field or an output.
    struct Field {
        /// The name.
        name: String,
        /// The number of the kind.
        kind: u8,
        /// The decimal places, or the index of the enum; otherwise 0.
        detail: u32,
        /// The smallest value.
        low: i128,
        /// The largest value.
        high: i128,
        /// Whether the values are listed.
        is_listed: bool,
        /// The listed values, ascending.
        listed: Vec<i128>,
        /// Whether it may be missing.
        optional: bool,
    }
    /// A rule or a require.
    struct Clause {
        /// The id.
        id: String,
        /// The title.
        title: Text,
        /// The citation.
        cite: Text,
    }
    /// A version.
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
    /// A function. Its fields and results follow from the schema.
    struct Func {
        /// Every value, by number.
        values: Vec<Value>,
        /// Every block, in topological order.
        blocks: Vec<Block>,
        /// The parameters, bodies, arguments and outputs of the blocks, one list after another.
        lists: Vec<u32>,
        /// By table, the index of the hole that fills it in, or `NO_INDEX`.
        holes: Vec<u32>,
        /// The length of each table, 0 where a hole fills it in.
        tables: Vec<u32>,
        /// The entries of the tables, one table after another.
        entries: Vec<i128>,
    }
    /// A value with its definition.
    struct Value {
        /// The lower end of its proved interval.
        low: i128,
        /// The upper end of its proved interval.
        high: i128,
        /// The immediate of the instruction; 0 for a parameter.
        imm: i128,
        /// The first operand of the instruction, or the block whose parameter it is.
        a: u32,
        /// The second operand, or 0.
        b: u32,
        /// The third operand, or 0.
        c: u32,
        /// The code of the op; 0 for a parameter.
        op: u8,
        /// The number of the type.
        ty: u8,
    }
    /// A block.
    struct Block {
        /// The number of its parameters.
        params: u32,
        /// The number of its instructions.
        body: u32,
        /// How it ends: 0 jump, 1 branch, 2 decide.
        end: u8,
        /// The condition of a branch, or the rule of a decision.
        subject: u32,
        /// The target of a jump, or the first target of a branch.
        first: u32,
        /// The number of arguments of the first target, or of outputs of a decision.
        first_args: u32,
        /// The second target of a branch.
        second: u32,
        /// The number of arguments of the second target.
        second_args: u32,
    }
    /// The second section: the source text, and what was derived from the meaning.
    struct Detail {
        /// The source text.
        source: String,
        /// For each rule, its place in the source text.
        rules: Vec<Span>,
        /// For each require, its place in the source text.
        requires: Vec<Span>,
        /// For each version, what was proved.
        versions: Vec<Derived>,
        /// The bytecode for single rows: the functions that admit, by version and then for all, then those that decide.
        rows: Vec<Code>,
        /// The bytecode for columns, in the same order.
        columns: Vec<Code>,
        /// The proofs of the functions that admit, by version, then of those that decide.
        proofs: Vec<Proofs>,
    }
    /// The bytecode of a function.
    struct Code {
        /// The encoded instructions; empty if there is no such function.
        bytes: Vec<u8>,
    }
    /// Why values of a function keep narrower intervals than their ops give.
    struct Proofs {
        /// The encoded proofs; empty if there are none.
        bytes: Vec<u8>,
    }
    /// A part of the source text.
    struct Span {
        /// The first byte.
        start: u32,
        /// The byte after the last.
        end: u32,
    }
    /// What was proved about a version.
    struct Derived {
        /// About its admission.
        admit: Certificate,
        /// About its decision.
        decide: Certificate,
    }
    /// What was proved about a function.
    struct Certificate {
        /// The number of instructions.
        instructions: u64,
        /// The largest absolute value.
        largest_magnitude: i128,
        /// The largest number of steps for one row.
        steps_max: u64,
    }
}
