//! A policy that is small enough to be built by hand: what the examples and tests of this crate run on, which
//! knows no compiler of text.
//!
//! ```text
//! policy loan.small {
//!   currency USD
//!   effective on submitted_on
//!   version 1 from 2023-01-01
//!   version 2 from 2025-01-01 cite "Board 2024-11"
//!   enum Decision { approve, refer, decline }
//!   enum Work     { salaried, self_employed, retired }
//!   input {
//!     submitted_on : date in 2023-01-01..2030-12-31
//!     age          : int in 16..120
//!     score        : int in 300..850 optional
//!     income       : money in $0.00..$1_000_000.00
//!     requested    : money in $500.00..$75_000.00
//!     work         : Work
//!   }
//!   output { decision : Decision   amount : money in $0.00..$75_000.00 }
//!   require Q1 "no more than an income" : requested <= income
//!   rules first {
//!     rule R1 "a minor" cite "2.1" when age < 18      => decline, $0
//!     rule R2 when score is missing                   => refer,   $0
//!     rule R3 when score < 680   -- 700 in version 2  => decline, $0
//!     otherwise R4                                    => approve, requested
//!   }
//! }
//! ```

use opus_ir::func::{Block, Target, Value};
use opus_ir::{
    Builder, Currency, Domain, End, EnumDef, EnumValue, Field, Func, Hole, Interval, Kind, Op, Program,
    Require, Rule, Schema, Shape, Version, date,
};

use crate::artifact::SourceText;
use crate::{Artifact, Cache, Options, Policy};

/// The first day of version 1, 2023-01-01.
pub const VERSION_1_FROM: i32 = 19_358;
/// The first day of version 2, 2025-01-01.
pub const VERSION_2_FROM: i32 = 20_089;

const AGE: i128 = 1;
const SCORE: i128 = 2;
const INCOME: i128 = 3;
const REQUESTED: i128 = 4;

const APPROVE: i128 = 0;
const REFER: i128 = 1;
const DECLINE: i128 = 2;

/// The policy.
///
/// ```
/// assert_eq!(opus_runtime::example::program().name, "loan.small");
/// ```
pub fn program() -> Program {
    let schema = schema();
    let version = |number, from, until, cite: Option<&str>, floor| Version {
        number,
        from,
        until,
        cite: cite.map(str::to_string),
        requires: vec![0],
        admit: admit(&schema),
        decide: decide(&schema, floor),
    };
    let rule = |id: &str, title: Option<&str>, cite: Option<&str>, span| Rule {
        id: id.to_string(),
        title: title.map(str::to_string),
        cite: cite.map(str::to_string),
        span,
    };
    let title = Some("no more than an income".to_string());
    let require = Require { id: "Q1".into(), title, cite: None, span: (0, 6) };
    Program {
        holes: vec![],
        name: "loan.small".into(),
        rules: vec![
            rule("R1", Some("a minor"), Some("2.1"), (0, 6)),
            rule("R2", None, None, (7, 17)),
            rule("R3", None, None, (7, 17)),
            rule("R4", None, None, (7, 17)),
        ],
        requires: vec![require],
        versions: vec![
            version(1, VERSION_1_FROM, VERSION_2_FROM, None, 680),
            version(2, VERSION_2_FROM, i32::MAX, Some("Board 2024-11"), 700),
        ],
        schema,
    }
}

/// What the program might have been compiled from.
pub const SOURCE: SourceText = SourceText { text: "policy loan.small { … }", compiler: "example" };

/// The artifact of the policy.
///
/// # Panics
/// Never: the program is valid.
pub fn artifact() -> Artifact {
    Artifact::build(program(), SOURCE).expect("the program is valid")
}

/// The policy, ready to decide. Its native code is not kept.
///
/// # Panics
/// Never: the program is valid.
pub fn policy() -> Policy {
    let options = Options { cache: Cache::Off, ..Options::default() };
    Policy::from_artifact(artifact(), &options).expect("the example takes no facts from a snapshot")
}

/// The artifact of a policy that takes a parameter from a snapshot.
///
/// ```text
/// policy floor.small {
///   effective on on
///   version 1 from 2023-01-01
///   input  { on : date in 2023-01-01..2030-12-31   score : int in 300..850 }
///   output { pass : bool }
///   param floor : int in 300..850 from snapshot
///   rules first { otherwise R => score >= floor }
/// }
/// ```
///
/// # Panics
/// Never: the program is valid.
pub fn artifact_with_facts() -> Artifact {
    let field = |name: &str, kind, lo: i128, hi: i128| {
        let domain = Domain::all(Interval::new(lo, hi));
        Field { name: name.into(), kind, domain, optional: false }
    };
    let last = date::parse("2030-12-31").expect("there is such a day");
    let schema = Schema {
        inputs: vec![
            field("on", Kind::Date, VERSION_1_FROM.into(), last.into()),
            field("score", Kind::Int, 300, 850),
        ],
        outputs: vec![field("pass", Kind::Bool, 0, 1)],
        effective: Some(0),
        ..Schema::default()
    };
    let domain = Domain::all(Interval::new(300, 850));
    let hole = Hole { name: "floor".into(), shape: Shape::Value { kind: Kind::Int, domain } };
    let mut builder = Builder::new(schema.field_ranges(), vec![Interval::BOOL]);
    let table = builder.hole(hole.open(0, &schema).expect("a parameter has a range"));
    let first = builder.constant(0);
    let mut push = |op, args: &[Value], imm| builder.push(op, args, imm).expect("it is proved");
    let floor = push(Op::Lookup, &[first], table.as_u32().into());
    let score = push(Op::Field, &[], 1);
    let pass = push(Op::Le, &[floor, score], 0);
    builder.end(End::Decide { rule: 0, outputs: vec![pass] });
    let mut nothing = Builder::new(schema.field_ranges(), vec![]);
    nothing.end(End::Decide { rule: 0, outputs: vec![] });
    let version = Version {
        number: 1,
        from: VERSION_1_FROM,
        until: i32::MAX,
        cite: None,
        requires: vec![],
        admit: nothing.finish(),
        decide: builder.finish(),
    };
    let program = Program {
        name: "floor.small".into(),
        schema,
        rules: vec![Rule { id: "R".into(), title: None, cite: None, span: (0, 6) }],
        requires: vec![],
        holes: vec![hole],
        versions: vec![version],
    };
    let source = SourceText { text: "policy floor.small { … }", compiler: "example" };
    Artifact::build(program, source).expect("the program is valid")
}

fn schema() -> Schema {
    let field = |name: &str, kind, lo, hi, optional| {
        let domain = Domain::all(Interval::new(lo, hi));
        Field { name: name.into(), kind, domain, optional }
    };
    let enumeration = |name: &str, values: [&str; 3]| EnumDef {
        name: name.into(),
        values: values.map(|value| EnumValue { name: value.into(), text: None }).to_vec(),
    };
    let last = date::parse("2030-12-31").expect("there is such a day");
    Schema {
        currency: Some(Currency { code: "USD".into(), digits: 2 }),
        enums: vec![
            enumeration("Decision", ["approve", "refer", "decline"]),
            enumeration("Work", ["salaried", "self_employed", "retired"]),
        ],
        inputs: vec![
            field("submitted_on", Kind::Date, VERSION_1_FROM.into(), last.into(), false),
            field("age", Kind::Int, 16, 120, false),
            field("score", Kind::Int, 300, 850, true),
            field("income", Kind::Money, 0, 100_000_000, false),
            field("requested", Kind::Money, 50_000, 7_500_000, false),
            field("work", Kind::Enum(1), 0, 2, false),
        ],
        outputs: vec![
            field("decision", Kind::Enum(0), 0, 2, false),
            field("amount", Kind::Money, 0, 7_500_000, false),
        ],
        effective: Some(0),
    }
}

/// What a hand-built function relies on.
const PROVED: &str = "the ranges of the example prove every op";

fn admit(schema: &Schema) -> Func {
    let mut builder = Builder::new(schema.field_ranges(), vec![Interval::BOOL]);
    let [requested, income] =
        [REQUESTED, INCOME].map(|field| builder.push(Op::Field, &[], field).expect(PROVED));
    let affordable = builder.push(Op::Le, &[requested, income], 0).expect(PROVED);
    builder.end(End::Decide { rule: 0, outputs: vec![affordable] });
    builder.finish()
}

fn decide(schema: &Schema, floor: i128) -> Func {
    let results = schema.outputs.iter().map(|field| field.domain.range).collect();
    let mut builder = Builder::new(schema.field_ranges(), results);
    let age = builder.push(Op::Field, &[], AGE).expect(PROVED);
    let of_age = builder.constant(18);
    let minor = builder.push(Op::Lt, &[age, of_age], 0).expect(PROVED);
    let grown = rule(&mut builder, minor, 0, DECLINE);
    builder.switch_to(grown);

    let present = builder.push(Op::Present, &[], SCORE).expect(PROVED);
    let missing = builder.push(Op::Not, &[present], 0).expect(PROVED);
    let scored = rule(&mut builder, missing, 1, REFER);
    builder.switch_to(scored);

    let score = builder.push(Op::Field, &[], SCORE).expect(PROVED);
    let floor = builder.constant(floor);
    let low = builder.push(Op::Lt, &[score, floor], 0).expect(PROVED);
    let passed = rule(&mut builder, low, 2, DECLINE);
    builder.switch_to(passed);

    let approve = builder.constant(APPROVE);
    let requested = builder.push(Op::Field, &[], REQUESTED).expect(PROVED);
    builder.end(End::Decide { rule: 3, outputs: vec![approve, requested] });
    builder.finish()
}

/// Ends the current block: where the condition holds the rule decides, without an amount. The block to go on in.
fn rule(builder: &mut Builder, condition: Value, rule: u32, decision: i128) -> Block {
    let (fires, otherwise) = (builder.block(), builder.block());
    builder.end(End::Branch(condition, Target::to(fires), Target::to(otherwise)));
    builder.switch_to(fires);
    let outputs = vec![builder.constant(decision), builder.constant(0)];
    builder.end(End::Decide { rule, outputs });
    otherwise
}
