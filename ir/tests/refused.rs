//! What does the verifier refuse, and what does it say? One function each, wrong in one way.

use opus_ir::{text, verify};

/// What is wrong, the function, and what the message holds.
const CASES: &[(&str, &str, &str)] = &[
    ("no block", "result0: [0, 1]", "the function: there is no block"),
    ("an empty interval", "field0: int [3, 1]\nblock0:\n decide 0", "field 0: the interval [3, 1] is empty"),
    (
        "a field that is no truth value",
        "field0: bool [0, 2]\nblock0:\n decide 0",
        "field 0: a truth value has",
    ),
    (
        "an interval beyond the type",
        "block0:\n v0: bool [0, 2] = constant 2\n decide 0",
        "v0: the interval [0, 2] is no bool",
    ),
    ("an entry with parameters", "block0(v0: i32 [0, 1]):\n decide 0", "block0: the entry has parameters"),
    ("a way to nowhere", "block0:\n jump block7", "block0: there is no block7"),
    ("a way back", "block0:\n jump block1\nblock1:\n jump block1", "block1: it goes back to block1"),
    (
        "a refinement behind a contradiction",
        "field0: int [0, 9]\nresult0: [0, 30]\nblock0:\n v0: i32 [0, 9] = field field0\n v1: i32 [20, 20] = constant 20\n \
         v2: bool [0, 1] = le v1, v0\n branch v2, block1, block2\nblock1:\n v3: i32 [20, 30] = refine v0, v2, holds\n \
         decide 0(v3)\nblock2:\n decide 0(v0)",
        "v3: it claims [20, 30], but `refine` gives [0, 9]",
    ),
    (
        "a branch to one block",
        "field0: bool [0, 1]\nblock0:\n v0: bool [0, 1] = field field0\n branch v0, block1, block1\nblock1:\n decide 0",
        "block0: both sides of the branch go to block1",
    ),
    ("a block that nothing goes to", "block0:\n decide 0\nblock1:\n decide 0", "block1: nothing goes here"),
    (
        "a use before its definition",
        "block0:\n v0: i32 [2, 2] = add v1, v1\n v1: i32 [1, 1] = constant 1\n decide 0",
        "v0: v1 is not defined on every path to here",
    ),
    (
        "a use beside its definition",
        "field0: bool [0, 1]\nresult0: [0, 9]\nblock0:\n v0: bool [0, 1] = field field0\n branch v0, block1, block2\n\
         block1:\n v1: i32 [1, 1] = constant 1\n decide 0(v1)\nblock2:\n decide 0(v1)",
        "block2: v1 is not defined on every path to here",
    ),
    (
        "a value that is not there",
        "block0:\n v0: i32 [2, 2] = add v1, v9\n v1: i32 [1, 1] = constant 1\n decide 0",
        "v0: v1 is not",
    ),
    (
        "too few operands",
        "block0:\n v0: i32 [1, 1] = constant 1\n v1: i32 [2, 2] = add v0\n decide 0",
        "v1: `add` takes 2 operands, not 1",
    ),
    (
        "an operand of another class",
        "block0:\n v0: bool [1, 1] = constant 1\n v1: i32 [2, 2] = add v0, v0\n decide 0",
        "v1: the operand `a` of `add` is an integer, v0 is not",
    ),
    (
        "operands that are not alike",
        "block0:\n v0: bool [1, 1] = constant 1\n v1: i32 [1, 1] = constant 1\n v2: i32 [1, 1] = select v0, v1, v0\n decide 0",
        "v2: the operand `b` of `select` is an integer, v0 is not",
    ),
    (
        "a result of another class",
        "block0:\n v0: bool [1, 1] = constant 1\n v1: i32 [0, 0] = not v0\n decide 0",
        "v1: `not` gives a truth value",
    ),
    (
        "a field that is not there",
        "block0:\n v0: i32 [0, 1] = field field3\n decide 0",
        "v0: `field` has no immediate 3",
    ),
    (
        "an immediate that says nothing",
        "block0:\n v0: bool [1, 1] = constant 1\n v1: bool [0, 0] = not v0, #4\n decide 0",
        "v1: `not` has no immediate 4",
    ),
    (
        "a claim that is too narrow",
        "field0: int [0, 9]\nblock0:\n v0: i32 [0, 8] = field field0\n decide 0",
        "v0: it claims [0, 8], but `field` gives [0, 9]",
    ),
    (
        "a divisor that could be zero",
        "field0: int [0, 9]\nblock0:\n v0: i32 [0, 9] = field field0\n v1: i32 [0, 9] = divide v0, v0, floor\n decide 0",
        "v1: `divide` is not proved: the divisor could be zero",
    ),
    (
        "a product beyond 128 bits",
        "field0: int [0, 170141183460469231731687303715884105727]\nblock0:\n\
         v0: i128 [0, 170141183460469231731687303715884105727] = field field0\n v1: i128 [0, 1] = mul v0, v0\n decide 0",
        "v1: `mul` is not proved: a result could leave 128 bits",
    ),
    (
        "whole months from a day beyond the calendar, here one of 128 bits",
        "field0: int [0, 170141183460469231731687303715884105727]\nblock0:\n\
         v0: i128 [0, 170141183460469231731687303715884105727] = field field0\n v1: i32 [9, 9] = constant 9\n\
         v2: i32 [-119987, 119987] = whole_months v1, v0\n decide 0",
        "v2: `whole_months` is not proved: a date could leave the years 1 to 9999",
    ),
    (
        "a table that does not ascend",
        "field0: int [0, 9]\ntable0: [1, 1]\nblock0:\n v0: i32 [0, 9] = field field0\n v1: i32 [0, 2] = bucket v0, table0\n decide 0",
        "table0: its entries do not ascend",
    ),
    (
        "a refinement that no branch establishes",
        "field0: bool [0, 1]\nblock0:\n v0: bool [0, 1] = field field0\n v1: bool [1, 1] = refine v0, v0, holds\n decide 0",
        "v1: that v0 holds is not established here by a branch on it",
    ),
    (
        "a refinement by the other side",
        "field0: bool [0, 1]\nblock0:\n v0: bool [0, 1] = field field0\n branch v0, block1, block2\n\
         block1:\n v1: bool [0, 0] = refine v0, v0, failed\n decide 0\nblock2:\n decide 1",
        "v1: that v0 has failed is not established",
    ),
    (
        "a refinement after the sides have met",
        "field0: bool [0, 1]\nblock0:\n v0: bool [0, 1] = field field0\n branch v0, block1, block2\n\
         block1:\n jump block2\nblock2:\n v1: bool [0, 0] = refine v0, v0, failed\n decide 1",
        "v1: that v0 has failed is not established",
    ),
    (
        "a refinement that claims more than is established",
        "field0: int [0, 9]\nblock0:\n v0: i32 [0, 9] = field field0\n v1: i32 [5, 5] = constant 5\n v2: bool [0, 1] = lt v0, v1\n\
         branch v2, block1, block2\nblock1:\n v3: i32 [0, 3] = refine v0, v2, holds\n decide 0\nblock2:\n decide 1",
        "v3: it claims [0, 3], but `refine` gives [0, 4]",
    ),
    (
        "a branch on an integer",
        "block0:\n v0: i32 [1, 1] = constant 1\n branch v0, block1, block2\nblock1:\n decide 0\nblock2:\n decide 0",
        "block0: it branches on v0, which is an integer",
    ),
    (
        "too few arguments",
        "block0:\n jump block1\nblock1(v0: i32 [0, 1]):\n decide 0",
        "block0: block1 is entered with 0 values, and takes 1",
    ),
    (
        "an argument of another class",
        "block0:\n v1: bool [1, 1] = constant 1\n jump block1(v1)\nblock1(v0: i32 [0, 1]):\n decide 0",
        "block0: v0 is an integer, v1 is not",
    ),
    (
        "an argument beyond the parameter",
        "block0:\n v1: i32 [2, 2] = constant 2\n jump block1(v1)\nblock1(v0: i32 [0, 1]):\n decide 0",
        "block0: v0 claims [0, 1], but v1 has [2, 2]",
    ),
    ("too few outputs", "result0: [0, 1]\nblock0:\n decide 0", "block0: it decides 0 outputs of 1"),
    (
        "an output beyond its range",
        "result0: [0, 1]\nblock0:\n v0: i32 [2, 2] = constant 2\n decide 0(v0)",
        "block0: output 0 keeps [0, 1], but v0 has [2, 2]",
    ),
    (
        "an output of two classes",
        "field0: bool [0, 1]\nresult0: [0, 1]\nblock0:\n v0: bool [0, 1] = field field0\n branch v0, block1, block2\n\
         block1:\n decide 0(v0)\nblock2:\n v1: i32 [1, 1] = constant 1\n decide 0(v1)",
        "block2: an output is a truth value here and an integer elsewhere",
    ),
];

#[test]
fn each_flaw_is_named() {
    for (name, source, expected) in CASES {
        let func = text::parse(source).unwrap_or_else(|error| panic!("{name}: {error}"));
        let error = verify(func).err().unwrap_or_else(|| panic!("{name}: it verifies")).to_string();
        assert!(error.contains(expected), "{name}: `{error}` does not hold `{expected}`");
    }
}

#[test]
fn flaws_of_the_text_are_named() {
    let cases = [
        ("block1:\n decide 0", "line 1: `block1` stands where `block0` should"),
        ("block0:\n v0: i8 [0, 1] = constant 1", "line 2: there is no type `i8`"),
        ("block0:\n v0: i32 [0 1] = constant 1", "line 2: `,` is missing before `1] = constant 1`"),
        ("block0:\n v0: i32 [0, 1] = constant one", "line 2: `constant` has no immediate `one`"),
        ("block0:\n v0: i32 [1, 1] = constant 1 2", "line 2: `2` is too much"),
        ("block0:\n v1: i32 [1, 1] = constant 1\n decide 0", "line 3: v0 is defined nowhere"),
        (
            "block0:\n v0: i32 [1, 1] = constant 1\n v0: i32 [1, 1] = constant 1",
            "line 3: v0 is defined twice",
        ),
        (
            "block0:\n v0: i32 [1, 1] = min v0, v0, v0, v0",
            "line 2: an instruction has three operands at most",
        ),
        ("block0:\n", "line 1: the last block has no end"),
        ("  decide 0", "line 1: this stands in no block"),
        ("block0:\n decide 99999999999", "line 2: 99999999999 is no rule"),
        ("hello", "line 1: `hello` begins no line"),
        ("block0:\n v4294967295: i32 [1, 1] = constant 1", "line 2: `v4294967295` begins no line"),
    ];
    for (source, expected) in cases {
        assert_eq!(text::parse(source).unwrap_err().to_string(), expected);
    }
}
