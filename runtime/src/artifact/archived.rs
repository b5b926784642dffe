//! How does a policy lie in an artifact? The archived types: integers, bools, `Vec` and `String`, nothing that
//! recurses, and no type that runs.
//!
//! There are two sections, each an archive of its own. [`Meaning`] is what the policy says: its hash is the
//! meaning hash. [`Detail`] is what it was written like, and what was derived from the meaning. Functions are flat
//! arrays; lists of varying length follow one another in one array, and their owners say how long each is.
//!
//! rkyv checks structure when an archive is read, and knows nothing of names: two swapped fields would pass. So
//! the definitions below are also kept as text, and its hash stands in the header.

use std::sync::LazyLock;

use crate::hash::Hash;

macro_rules! archived {
    ($( $(#[doc = $doc:literal])+ struct $name:ident { $( $(#[doc = $field_doc:literal])+ $field:ident : $type:ty, )+ } )+) => {
        $(
            $(#[doc = $doc])+
            #[derive(rkyv::Archive, rkyv::Serialize)]
            pub(crate) struct $name { $( $(#[doc = $field_doc])+ pub $field: $type, )+ }
        )+

        /// The definitions as text, with size and alignment of what is stored.
        fn definitions() -> String {
            [$((
                concat!(stringify!($name), "{", $( stringify!($field), ":", stringify!($type), ";", )+ "}"),
                size_of::<rkyv::Archived<$name>>(),
                align_of::<rkyv::Archived<$name>>(),
            )),+]
            .map(|(text, size, align)| format!("{text}{size}/{align}\n"))
            .concat()
        }
    };
}

/// What hashes of layouts begin with: how rkyv is set up.
const SETUP: &str = "rkyv 0.8, little endian, aligned, pointers of 32 bits\n";

/// The hash of the layout of the archived types.
pub(crate) fn layout() -> Hash {
    static LAYOUT: LazyLock<Hash> = LazyLock::new(|| {
        // the compiler chooses the spaces in what it makes of a type
        let text: String = definitions().chars().filter(|c| *c != ' ').collect();
        Hash::of(format!("{SETUP}{text}").as_bytes())
    });
    *LAYOUT
}

/// An index that is none.
pub(crate) const NO_INDEX: u32 = u32::MAX;

archived! {
    /// A text that may be absent.
    struct Text {
        /// Whether there is one.
        present: bool,
        /// The text; empty where there is none.
        text: String,
    }
    /// The first section: all that decisions and reports follow from.
    struct Meaning {
        /// The dotted name of the policy.
        name: String,
        /// The ISO 4217 code of the currency, where there is one.
        currency: Text,
        /// The decimals of an amount.
        currency_digits: u8,
        /// The enums.
        enums: Vec<Enum>,
        /// The input fields.
        inputs: Vec<Field>,
        /// The outputs.
        outputs: Vec<Field>,
        /// The index of the input that selects the version, or `NO_INDEX`.
        effective: u32,
        /// Every rule of every version.
        rules: Vec<Clause>,
        /// Every require of every version.
        requires: Vec<Clause>,
        /// The versions, by their first day.
        versions: Vec<Version>,
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
        /// What it says to people.
        text: Text,
    }
    /// An input field or an output.
    struct Field {
        /// The name.
        name: String,
        /// The number of the kind.
        kind: u8,
        /// The decimals, or the index of the enum; otherwise 0.
        detail: u32,
        /// The least value.
        low: i128,
        /// The greatest value.
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
        /// The number that the policy gives it.
        number: u32,
        /// The first day on which it is in force.
        from: i32,
        /// The first day on which it is no longer in force.
        until: i32,
        /// The citation.
        cite: Text,
        /// The indices of its requires.
        requires: Vec<u32>,
        /// One truth value per require.
        admit: Func,
        /// The rule and the outputs.
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
        /// How long each constant table is.
        tables: Vec<u32>,
        /// The entries of the tables, one table after another.
        entries: Vec<i128>,
    }
    /// A value with its definition.
    struct Value {
        /// The least that it was proved to be.
        low: i128,
        /// The greatest that it was proved to be.
        high: i128,
        /// The immediate of the instruction; 0 for a parameter.
        imm: i128,
        /// The first operand of the instruction, or the block whose parameter it is.
        a: u32,
        /// The second operand; 0 where there is none.
        b: u32,
        /// The third operand; 0 where there is none.
        c: u32,
        /// The code of the op; 0 for a parameter.
        op: u8,
        /// The number of the type.
        ty: u8,
    }
    /// A block.
    struct Block {
        /// How many parameters it has.
        params: u32,
        /// How many instructions it has.
        body: u32,
        /// How it ends: 0 jump, 1 branch, 2 decide.
        end: u8,
        /// The condition of a branch, the rule of a decision.
        subject: u32,
        /// The target of a jump, the first of a branch.
        first: u32,
        /// How many values the first target is entered with; how many outputs a decision has.
        first_args: u32,
        /// The second target of a branch.
        second: u32,
        /// How many values the second target is entered with.
        second_args: u32,
    }
    /// The second section: the text, and what was derived from the meaning.
    struct Detail {
        /// The source text.
        source: String,
        /// By rule, the bytes in the source text.
        rules: Vec<Span>,
        /// By require, the bytes in the source text.
        requires: Vec<Span>,
        /// By version, what was proved.
        versions: Vec<Derived>,
        /// The bytecode of single rows: of what admits, by version and for all, then of what decides.
        rows: Vec<Code>,
        /// The bytecode of columns, in the same order.
        columns: Vec<Code>,
    }
    /// The bytecode of a function.
    struct Code {
        /// The code as the machine's crate writes it; empty where there is no such function.
        bytes: Vec<u8>,
    }
    /// A part of the source text.
    struct Span {
        /// The first byte.
        start: u32,
        /// The byte after the last.
        end: u32,
    }
    /// What was proved of a version.
    struct Derived {
        /// What holds of its admission.
        admit: Certificate,
        /// What holds of its decision.
        decide: Certificate,
    }
    /// What was proved of a function.
    struct Certificate {
        /// How many instructions there are.
        instructions: u64,
        /// The largest absolute value.
        largest_magnitude: i128,
        /// The most steps that a row takes.
        steps_max: u64,
    }
}
