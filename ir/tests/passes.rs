//! What does each pass do? A function before it and after it.

use opus_ir::{passes, text, verify};

/// The pass, the function, and what becomes of it.
const CASES: &[(&str, &str, &str)] = &[
    (
        "fold", // constants, and a comparison that the ranges decide
        "field0: int [0, 9]\nresult0: [0, 99]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [10, 10] = constant 10
           v2: bool [1, 1] = lt v0, v1
           branch v2, block1, block2
         block1:
           v3: i32 [20, 20] = add v1, v1
           decide 0(v3)
         block2:
           decide 1(v1)",
        "field0: int [0, 9]\nresult0: [0, 99]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [10, 10] = constant 10
           v2: bool [1, 1] = constant 1
           v3: i32 [20, 20] = constant 20
           decide 0(v3)",
    ),
    (
        "fold", // identities, and a branch on a negation
        "field0: int [0, 9]\nfield1: bool [0, 1]\nresult0: [0, 9]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: bool [0, 1] = field field1
           v2: i32 [0, 0] = constant 0
           v3: i32 [0, 9] = add v0, v2
           v4: i32 [0, 9] = max v2, v3
           v5: bool [0, 1] = not v1
           branch v5, block1, block2
         block1:
           decide 0(v4)
         block2:
           v6: bool [1, 1] = refine v1, v5, failed
           v7: i32 [0, 9] = select v6, v2, v4
           decide 1(v7)",
        "field0: int [0, 9]\nfield1: bool [0, 1]\nresult0: [0, 9]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: bool [0, 1] = field field1
           v2: i32 [0, 0] = constant 0
           v3: bool [0, 1] = not v1
           branch v1, block2, block1
         block1:
           decide 0(v0)
         block2:
           v4: bool [1, 1] = constant 1
           v5: i32 [0, 0] = constant 0
           decide 1(v5)",
    ),
    (
        "fold", // absolute values: of a value, of a difference, and a choice that is none
        "field0: int [-9, 5]\nfield1: int [0, 20]\nresult0: [-9, 9]\nresult1: [-29, 29]\nresult2: [-5, 9]\nresult3: [-9, 29]\n
         block0:
           v0: i32 [-9, 5] = field field0
           v1: i32 [0, 20] = field field1
           v2: i32 [0, 0] = constant 0
           v3: bool [0, 1] = lt v0, v2
           v4: i32 [-5, 9] = sub v2, v0
           v5: i32 [-9, 9] = select v3, v4, v0
           v6: bool [0, 1] = le v0, v1
           v7: i32 [-5, 29] = sub v1, v0
           v8: i32 [-29, 5] = sub v0, v1
           v9: i32 [-29, 29] = select v6, v7, v8
           v10: i32 [-5, 9] = max v0, v4
           v11: i32 [-29, 29] = select v6, v8, v7
           v12: i32 [-9, 29] = max v0, v11
           decide 0(v5, v9, v10, v12)",
        "field0: int [-9, 5]\nfield1: int [0, 20]\nresult0: [-9, 9]\nresult1: [-29, 29]\nresult2: [-5, 9]\nresult3: [-9, 29]\n
         block0:
           v0: i32 [-9, 5] = field field0
           v1: i32 [0, 20] = field field1
           v2: i32 [0, 0] = constant 0
           v3: bool [0, 1] = lt v0, v2
           v4: i32 [-5, 9] = sub v2, v0
           v5: i32 [0, 9] = abs v0
           v6: bool [0, 1] = le v0, v1
           v7: i32 [-5, 29] = sub v1, v0
           v8: i32 [-29, 5] = sub v0, v1
           v9: i32 [0, 29] = abs v8
           v10: i32 [0, 9] = abs v0
           v11: i32 [-29, 29] = select v6, v8, v7
           v12: i32 [-9, 29] = max v0, v11
           decide 0(v5, v9, v10, v12)",
    ),
    (
        "fold", // choices between truth values, and a choice by a negation
        "field0: bool [0, 1]\nfield1: bool [0, 1]\nresult0: [0, 9]\nresult1: [0, 9]\nresult2: [0, 9]\nresult3: [0, 9]\n
         block0:
           v0: bool [0, 1] = field field0
           v1: bool [0, 1] = field field1
           v2: bool [0, 0] = constant 0
           v3: bool [1, 1] = constant 1
           v4: i32 [4, 4] = constant 4
           v5: i32 [5, 5] = constant 5
           v6: bool [0, 1] = select v0, v3, v2
           v7: bool [0, 1] = select v0, v2, v3
           v8: bool [0, 1] = select v0, v3, v1
           v9: bool [0, 1] = select v0, v1, v2
           v10: i32 [4, 5] = select v6, v4, v5
           v11: i32 [4, 5] = select v7, v4, v5
           v12: i32 [4, 5] = select v8, v4, v5
           v13: i32 [4, 5] = select v9, v4, v5
           decide 0(v10, v11, v12, v13)",
        "field0: bool [0, 1]\nfield1: bool [0, 1]\nresult0: [0, 9]\nresult1: [0, 9]\nresult2: [0, 9]\nresult3: [0, 9]\n
         block0:
           v0: bool [0, 1] = field field0
           v1: bool [0, 1] = field field1
           v2: bool [0, 0] = constant 0
           v3: bool [1, 1] = constant 1
           v4: i32 [4, 4] = constant 4
           v5: i32 [5, 5] = constant 5
           v6: bool [0, 1] = not v0
           v7: bool [0, 1] = or v0, v1
           v8: bool [0, 1] = and v0, v1
           v9: i32 [4, 5] = select v0, v4, v5
           v10: i32 [4, 5] = select v0, v5, v4
           v11: i32 [4, 5] = select v7, v4, v5
           v12: i32 [4, 5] = select v8, v4, v5
           decide 0(v9, v10, v11, v12)",
    ),
    (
        "fold", // parameters that are the same on every edge, and a jump to a block of its own
        "field0: bool [0, 1]\nresult0: [0, 9]\n
         block0:
           v0: bool [0, 1] = field field0
           v1: i32 [4, 4] = constant 4
           branch v0, block1, block2(v1)
         block1:
           jump block2(v1)
         block2(v2: i32 [0, 9]):
           jump block3
         block3:
           decide 0(v2)",
        "field0: bool [0, 1]\nresult0: [0, 9]\n
         block0:
           v0: bool [0, 1] = field field0
           v1: i32 [4, 4] = constant 4
           branch v0, block1, block2
         block1:
           jump block2
         block2:
           decide 0(v1)",
    ),
    (
        "share", // what dominates is shared, also with its operands exchanged; what stands beside is not
        "field0: int [0, 9]\nfield1: bool [0, 1]\nresult0: [0, 99]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [3, 3] = constant 3
           v2: i32 [3, 12] = add v0, v1
           v3: i32 [0, 9] = field field0
           v4: i32 [3, 12] = add v1, v3
           v5: bool [0, 1] = lt v2, v4
           branch v5, block1, block2
         block1:
           v6: i32 [0, 27] = mul v0, v1
           decide 0(v6)
         block2:
           v7: i32 [0, 27] = mul v0, v1
           decide 1(v7)",
        "field0: int [0, 9]\nfield1: bool [0, 1]\nresult0: [0, 99]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [3, 3] = constant 3
           v2: i32 [3, 12] = add v0, v1
           v3: bool [0, 1] = lt v2, v2
           branch v3, block1, block2
         block1:
           v4: i32 [0, 27] = mul v0, v1
           decide 0(v4)
         block2:
           v5: i32 [0, 27] = mul v0, v1
           decide 1(v5)",
    ),
    (
        "narrow", // intervals and types, through parameters
        "field0: int [0, 9]\nfield1: bool [0, 1]\nresult0: [0, 99]\n
         block0:
           v0: i64 [0, 99] = field field0
           v1: bool [0, 1] = field field1
           v2: i128 [20, 20] = constant 20
           branch v1, block2(v0), block1
         block1:
           jump block2(v2)
         block2(v3: i64 [0, 99]):
           decide 0(v3)",
        "field0: int [0, 9]\nfield1: bool [0, 1]\nresult0: [0, 99]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: bool [0, 1] = field field1
           v2: i32 [20, 20] = constant 20
           branch v1, block2(v0), block1
         block1:
           jump block2(v2)
         block2(v3: i32 [0, 20]):
           decide 0(v3)",
    ),
    (
        "fold", // a refinement by what turns out to be a negation
        "field0: int [0, 9]\nresult0: [0, 9]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [5, 5] = constant 5
           v2: bool [0, 1] = le v0, v1
           v3: bool [1, 1] = constant 1
           v4: bool [0, 1] = xor v2, v3
           branch v4, block1, block2
         block1:
           v5: i32 [0, 9] = refine v0, v4, holds
           decide 0(v5)
         block2:
           decide 0(v0)",
        "field0: int [0, 9]\nresult0: [0, 9]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [5, 5] = constant 5
           v2: bool [0, 1] = le v0, v1
           v3: bool [1, 1] = constant 1
           v4: bool [0, 1] = not v2
           branch v2, block2, block1
         block1:
           v5: i32 [6, 9] = refine v0, v2, failed
           decide 0(v5)
         block2:
           decide 0(v0)",
    ),
    (
        "narrow", // a refinement that no row reaches
        "field0: int [0, 9]\nresult0: [0, 100]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [0, 100] = add v0, v0
           v2: i32 [50, 50] = constant 50
           v3: bool [0, 1] = le v2, v1
           branch v3, block1, block2
         block1:
           v4: i32 [50, 100] = refine v1, v3, holds
           decide 0(v4)
         block2:
           decide 0(v0)",
        "field0: int [0, 9]\nresult0: [0, 100]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [0, 18] = add v0, v0
           v2: i32 [50, 50] = constant 50
           v3: bool [0, 0] = le v2, v1
           branch v3, block1, block2
         block1:
           v4: i32 [50, 50] = constant 50
           decide 0(v4)
         block2:
           decide 0(v0)",
    ),
    (
        "dead", // values, parameters and tables
        "field0: int [0, 9]\nresult0: [0, 99]\ntable0: [1, 2]\ntable1: [5, 6]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [1, 2] = lookup v0, table0
           v2: i32 [5, 6] = lookup v0, table1
           jump block1(v1, v2)
         block1(v3: i32 [1, 2], v4: i32 [5, 6]):
           decide 0(v4)",
        "field0: int [0, 9]\nresult0: [0, 99]\ntable0: [5, 6]\n
         block0:
           v0: i32 [0, 9] = field field0
           v1: i32 [5, 6] = lookup v0, table0
           jump block1(v1)
         block1(v2: i32 [5, 6]):
           decide 0(v2)",
    ),
];

#[test]
fn each_pass_does_what_it_says() {
    for (name, before, after) in CASES {
        let mut func = text::parse(before).unwrap_or_else(|error| panic!("{name}: {error}\n{before}"));
        verify(func.clone()).unwrap_or_else(|error| panic!("{name}: {error}\n{before}"));
        let (_, pass) = passes::ALL.iter().find(|(pass, _)| pass == name).expect("there is such a pass");
        pass(&mut func);
        let expected = text::parse(after).unwrap_or_else(|error| panic!("{name}: {error}\n{after}"));
        assert!(func == expected, "`{name}` gives\n{func}\nnot\n{expected}");
    }
}
