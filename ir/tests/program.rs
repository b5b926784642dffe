//! What does the check of a whole program refuse? One good program, and what is said when one thing changes.

use opus_ir::program::{self, Program, Require, Rule, Version};
use opus_ir::{Builder, Currency, Domain, End, EnumDef, EnumValue, Field, Func, Interval, Kind, Op, Schema};

fn field(name: &str, kind: Kind, lo: i128, hi: i128) -> Field {
    Field { name: name.into(), kind, domain: Domain::all(Interval::new(lo, hi)), optional: false }
}

fn value(name: &str) -> EnumValue {
    EnumValue { name: name.into(), text: None }
}

fn schema() -> Schema {
    Schema {
        currency: Some(Currency { code: "USD".into(), digits: 2 }),
        enums: vec![EnumDef { name: "Decision".into(), values: vec![value("approve"), value("decline")] }],
        inputs: vec![field("on", Kind::Date, 0, 999), field("amount", Kind::Money, 0, 500)],
        outputs: vec![field("decision", Kind::Enum(0), 0, 1)],
        effective: Some(0),
    }
}

fn admit(schema: &Schema) -> Func {
    let mut b = Builder::new(schema.field_ranges(), vec![Interval::BOOL]);
    let (amount, most) = (b.push(Op::Field, &[], 1).unwrap(), b.constant(400));
    let outputs = vec![b.push(Op::Le, &[amount, most], 0).unwrap()];
    b.end(End::Decide { rule: 0, outputs });
    b.finish()
}

fn decide(schema: &Schema, rule: u32) -> Func {
    let mut b = Builder::new(schema.field_ranges(), vec![Interval::new(0, 1)]);
    let outputs = vec![b.constant(1)];
    b.end(End::Decide { rule, outputs });
    b.finish()
}

fn good() -> Program {
    let schema = schema();
    let version = |number: u32, from: i32, until: i32| Version {
        number,
        from,
        until,
        cite: None,
        requires: vec![0],
        admit: admit(&schema),
        decide: decide(&schema, number - 1),
    };
    let rule = |id: &str| Rule { id: id.into(), title: None, cite: None, span: (0, 2) };
    Program {
        holes: vec![],
        name: "test".into(),
        rules: vec![rule("R1"), rule("R2")],
        requires: vec![Require { id: "Q1".into(), title: None, cite: None, span: (0, 6) }],
        versions: vec![version(1, 0, 500), version(2, 500, i32::MAX)],
        schema,
    }
}

/// What is changed, and what the message holds.
type Case = (fn(&mut Program), &'static str);

const CASES: &[Case] = &[
    (|p| p.versions.clear(), "the versions: there is none"),
    (|p| p.versions[1].number = 1, "the versions: two have the same number"),
    (|p| p.versions[1].from = 501, "version 2: it does not begin where the one before it ends"),
    (|p| p.versions[0].from = 700, "version 1: it ends before it begins"),
    (|p| p.versions[0].from = 1, "the effective field has [0, 999]"),
    (|p| p.versions[1].until = 999, "the effective field has [0, 999]"),
    (|p| p.schema.effective = None, "the versions: several need a date"),
    (|p| p.schema.effective = Some(1), "the effective field: it is not an input date"),
    (|p| p.schema.effective = Some(9), "the effective field: it is not an input date"),
    (|p| p.schema.inputs[0].optional = true, "the effective field: it is not an input date"),
    (|p| p.schema.outputs[0].optional = true, "output `decision`: an output is never missing"),
    (|p| p.schema.inputs[1].name = "on".into(), "input: the name `on` stands twice"),
    (
        |p| p.schema.inputs[1].domain.range = Interval { lo: 3, hi: 1 },
        "input `amount`: the range [3, 1] is empty",
    ),
    (|p| p.schema.inputs[1].kind = Kind::Bool, "input `amount`: the range [0, 500] does not fit"),
    (|p| p.schema.currency = None, "input `amount`: the range [0, 500] does not fit"),
    (|p| p.schema.outputs[0].kind = Kind::Enum(1), "output `decision`: the range [0, 1] does not fit"),
    (|p| p.schema.outputs[0].domain.set = Some(vec![1, 0]), "the listed values do not ascend from 0 to 1"),
    (|p| p.schema.enums[0].values.clear(), "enum `Decision`: it has no values"),
    (|p| p.schema.enums[0].values[1] = value("approve"), "enum `Decision`: the name `approve` stands twice"),
    (|p| p.versions[1].requires = vec![1], "version 2, requires: it names a condition that there is not"),
    (|p| p.rules.truncate(1), "version 2, decide, block0: there is no rule 1"),
    (|p| p.versions[1].requires.clear(), "version 2, admit: its results are not 0 truth values"),
    (|p| p.versions[0].admit = p.versions[0].decide.clone(), "version 1, admit: an output is no truth value"),
    (|p| p.versions[0].decide.results[0].hi = 2, "version 1, decide: its results are not the outputs"),
    (|p| p.versions[0].decide.fields[1].range.hi = 9, "version 1, decide: its fields are not those"),
    (|p| p.versions[1].decide.values.values_mut().for_each(|data| data.range.lo = 0), ""),
    (
        |p| p.versions[1].decide.values.values_mut().for_each(|data| data.range.hi = 0),
        "version 2, decide, v0: the interval",
    ),
];

#[test]
fn a_good_program_is_taken_and_comes_back() {
    let verified = program::verify(good()).unwrap();
    assert_eq!(verified.versions[1].decide.certificate().steps_max, 2);
    assert_eq!((verified.version_on(499), verified.version_on(500)), (0, 1));
    assert_eq!(verified.into_inner(), good());
}

#[test]
fn each_flaw_is_named() {
    for (change, expected) in CASES {
        let mut changed = good();
        change(&mut changed);
        match program::verify(changed) {
            Ok(_) => assert!(expected.is_empty(), "it verifies, without `{expected}`"),
            Err(error) => {
                let said = error.to_string();
                assert!(
                    !expected.is_empty() && said.contains(expected),
                    "`{said}` does not hold `{expected}`"
                );
            }
        }
    }
}
