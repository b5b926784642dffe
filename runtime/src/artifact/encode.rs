//! From a program in memory to the archived types. The first section holds everything except spans, which go to
//! the second.

use opus_ir::func::{Def, End, Func, Target, Value};
use opus_ir::{Domain, Entries, Field, Hole, Interval, Kind, Program, Schema, Shape, Verified, Version};
use rkyv::rancor::BoxedError;

use super::archived::{self, NO_INDEX, Text};
use super::bytecode::Bytecode;
use crate::functions::Part;
use crate::hash::Hash;

/// Kinds by their number in the archive.
pub(super) mod kind {
    pub const BOOL: u8 = 0;
    pub const INT: u8 = 1;
    pub const DECIMAL: u8 = 2;
    pub const MONEY: u8 = 3;
    pub const PERCENT: u8 = 4;
    pub const DAYS: u8 = 5;
    pub const DATE: u8 = 6;
    pub const ENUM: u8 = 7;
}

/// Ends of blocks by their number in the archive.
pub(super) mod end {
    pub const JUMP: u8 = 0;
    pub const BRANCH: u8 = 1;
    pub const DECIDE: u8 = 2;
}

/// The op code of a value that is a parameter.
pub(super) const PARAMETER: u8 = 0;

/// The first section.
pub(crate) fn meaning(program: &Program<Verified>) -> archived::Meaning {
    let Schema { currency, enums, inputs, outputs, effective } = &program.schema;
    archived::Meaning {
        name: program.name.clone(),
        currency: text(currency.as_ref().map(|currency| &currency.code)),
        currency_digits: currency.as_ref().map_or(0, |currency| currency.digits),
        enums: enums.iter().map(enumeration).collect(),
        inputs: inputs.iter().map(field).collect(),
        outputs: outputs.iter().map(field).collect(),
        effective: effective.unwrap_or(NO_INDEX),
        rules: program.rules.iter().map(|rule| clause(&rule.id, &rule.title, &rule.cite)).collect(),
        requires: program
            .requires
            .iter()
            .map(|require| clause(&require.id, &require.title, &require.cite))
            .collect(),
        holes: program.holes.iter().map(hole).collect(),
        versions: program.versions.iter().map(version).collect(),
    }
}

/// The hash of everything about a schema that the rows of its policy depend on.
pub(crate) fn schema_hash(schema: &Schema) -> Hash {
    let schema = Schema { outputs: Vec::new(), ..schema.clone() };
    let inputs = Program {
        name: String::new(),
        schema,
        rules: vec![],
        requires: vec![],
        holes: vec![],
        versions: vec![],
    };
    let archive =
        rkyv::to_bytes::<BoxedError>(&meaning(&inputs)).expect("it is part of an archive that was read");
    Hash::of(&archive)
}

/// The second section.
pub(crate) fn detail(
    program: &Program<Verified>,
    source: &str,
    bytecode: &Bytecode<Vec<u8>>,
) -> archived::Detail {
    let span = |(start, end): (u32, u32)| archived::Span { start, end };
    let admit = program.versions.iter().map(|version| &version.admit);
    let decide = program.versions.iter().map(|version| &version.decide);
    archived::Detail {
        source: source.to_string(),
        rules: program.rules.iter().map(|rule| span(rule.span)).collect(),
        requires: program.requires.iter().map(|require| span(require.span)).collect(),
        versions: program.versions.iter().map(derived).collect(),
        rows: codes(&bytecode.rows),
        columns: codes(&bytecode.columns),
        proofs: admit.chain(decide).map(proofs).collect(),
    }
}

fn proofs(func: &Verified) -> archived::Proofs {
    archived::Proofs { bytes: opus_ir::proof::encode(&func.proofs) }
}

fn codes(part: &Part<Vec<u8>>) -> Vec<archived::Code> {
    part.iter().map(|code| archived::Code { bytes: code.cloned().unwrap_or_default() }).collect()
}

fn text(text: Option<&String>) -> Text {
    Text { present: text.is_some(), text: text.cloned().unwrap_or_default() }
}

fn clause(id: &str, title: &Option<String>, cite: &Option<String>) -> archived::Clause {
    archived::Clause { id: id.to_string(), title: text(title.as_ref()), cite: text(cite.as_ref()) }
}

fn enumeration(definition: &opus_ir::EnumDef) -> archived::Enum {
    let value = |value: &opus_ir::EnumValue| archived::EnumValue {
        name: value.name.clone(),
        text: text(value.text.as_ref()),
    };
    archived::Enum { name: definition.name.clone(), values: definition.values.iter().map(value).collect() }
}

fn field(field: &Field) -> archived::Field {
    let (kind, detail) = match field.kind {
        Kind::Bool => (kind::BOOL, 0),
        Kind::Int => (kind::INT, 0),
        Kind::Decimal(digits) => (kind::DECIMAL, digits as u32),
        Kind::Money => (kind::MONEY, 0),
        Kind::Percent(digits) => (kind::PERCENT, digits as u32),
        Kind::Days => (kind::DAYS, 0),
        Kind::Date => (kind::DATE, 0),
        Kind::Enum(index) => (kind::ENUM, index),
    };
    let Interval { lo, hi } = field.domain.range;
    archived::Field {
        name: field.name.clone(),
        kind,
        detail,
        low: lo,
        high: hi,
        is_listed: field.domain.set.is_some(),
        listed: field.domain.set.clone().unwrap_or_default(),
        optional: field.optional,
    }
}

fn hole(hole: &Hole) -> archived::Hole {
    let (kind, domain, set_of, keys) = match &hole.shape {
        Shape::Value { kind, domain } => (*kind, domain.clone(), NO_INDEX, &[][..]),
        Shape::Set(of) => (Kind::Bool, Domain::all(Interval::BOOL), *of, &[][..]),
        Shape::Table { keys, kind, domain } => (*kind, domain.clone(), NO_INDEX, keys.as_slice()),
    };
    let entry = |name: &String, kind: Kind, domain: &Domain| {
        field(&Field { name: name.clone(), kind, domain: domain.clone(), optional: false })
    };
    let keys = keys.iter().map(|key| entry(&key.name, key.kind, &key.domain)).collect();
    archived::Hole { entry: entry(&hole.name, kind, &domain), set_of, keys }
}

fn version(version: &Version<Verified>) -> archived::Version {
    archived::Version {
        number: version.number,
        from: version.from,
        until: version.until,
        cite: text(version.cite.as_ref()),
        requires: version.requires.clone(),
        admit: func(&version.admit),
        decide: func(&version.decide),
    }
}

fn derived(version: &Version<Verified>) -> archived::Derived {
    archived::Derived { admit: certificate(&version.admit), decide: certificate(&version.decide) }
}

fn certificate(func: &Verified) -> archived::Certificate {
    let opus_ir::Certificate { instructions, largest_magnitude, steps_max } = func.certificate();
    archived::Certificate { instructions, largest_magnitude, steps_max }
}

fn func(func: &Func) -> archived::Func {
    let mut lists = Vec::new();
    archived::Func {
        values: func.values.values().map(value).collect(),
        blocks: func.blocks.values().map(|data| block(data, &mut lists)).collect(),
        lists,
        holes: func.tables.values().map(|table| table.open().map_or(NO_INDEX, |open| open.hole)).collect(),
        tables: func.tables.values().map(|table| count(table.known().len())).collect(),
        entries: func.tables.values().flat_map(Entries::known).copied().collect(),
    }
}

fn value(data: &opus_ir::ValueData) -> archived::Value {
    let (op, imm, args) = match &data.def {
        Def::Param(block) => (PARAMETER, 0, [block.as_u32(), 0, 0]),
        Def::Inst(inst) => {
            let arg = |index: usize| inst.args().get(index).map_or(0, |arg| arg.as_u32());
            (inst.op as u8, inst.imm, [arg(0), arg(1), arg(2)])
        }
    };
    let [a, b, c] = args;
    archived::Value { low: data.range.lo, high: data.range.hi, imm, a, b, c, op, ty: data.ty as u8 }
}

/// A block; its lists are appended in the order in which it names their lengths.
fn block(data: &opus_ir::BlockData, lists: &mut Vec<u32>) -> archived::Block {
    let mut list = |values: &[Value]| {
        lists.extend(values.iter().map(|value| value.as_u32()));
        count(values.len())
    };
    let (params, body) = (list(&data.params), list(&data.body));
    let mut target = |target: &Target| (target.block.as_u32(), list(&target.args));
    let (end, subject, (first, first_args), (second, second_args)) = match &data.end {
        End::Jump(to) => (end::JUMP, 0, target(to), (0, 0)),
        End::Branch(condition, then, otherwise) => {
            let then = target(then);
            (end::BRANCH, condition.as_u32(), then, target(otherwise))
        }
        End::Decide { rule, outputs } => (end::DECIDE, *rule, (0, list(outputs)), (0, 0)),
    };
    archived::Block { params, body, end, subject, first, first_args, second, second_args }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).expect("values are numbered in 32 bits, so no list of them is longer")
}
