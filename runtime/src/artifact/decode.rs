//! From the archived types to a program in memory: every number becomes what it represents, or is refused.
//!
//! Decoding only makes sure that each number names something. What they add up to is the verifier's concern.

use cranelift_entity::{EntityRef, PrimaryMap};
use opus_ir::func::{Block, BlockData, Def, End, FieldRange, Func, Inst, Target, Value, ValueData};
use opus_ir::{
    Currency, Domain, Entries, EnumDef, EnumValue, Field, Hole, Interval, Kind, Op, Open, Program, Require,
    Rule, Schema, Shape, TableKey, Type, Version,
};
use rkyv::rend::u32_le;

use super::archived::{
    ArchivedBlock, ArchivedClause, ArchivedEnum, ArchivedField, ArchivedFunc, ArchivedHole, ArchivedMeaning,
    ArchivedProofs, ArchivedSpan, ArchivedText, ArchivedValue, ArchivedVersion, NO_INDEX,
};
use super::detail::Detail;
use super::encode::{PARAMETER, end, kind};
use super::error::Malformed;

type Decoded<T> = Result<T, Malformed>;

/// The program without its functions: what most callers ask for, and what costs little to decode.
pub(crate) fn outline(meaning: &ArchivedMeaning, detail: &Detail) -> Decoded<Program<()>> {
    let source = detail.source;
    let rules = spanned("the rules", &meaning.rules, detail.rules, source, |id, title, cite, span| Rule {
        id,
        title,
        cite,
        span,
    })?;
    let requires =
        spanned("the requires", &meaning.requires, detail.requires, source, |id, title, cite, span| {
            Require { id, title, cite, span }
        })?;
    let versions = meaning.versions.iter().map(|archived| with_functions(archived, (), ())).collect();
    let holes = meaning.holes.iter().map(hole).collect::<Decoded<_>>()?;
    Ok(Program { name: meaning.name.to_string(), schema: schema(meaning)?, rules, requires, holes, versions })
}

/// The whole program, given its `outline`.
pub(crate) fn program(meaning: &ArchivedMeaning, detail: &Detail, outline: &Program<()>) -> Decoded<Program> {
    let Program { name, schema, rules, requires, holes, .. } = outline.clone();
    let open = |(index, hole): (u32, &Hole)| {
        let wrong = || Malformed::new(format!("hole `{}`", hole.name), "its enum does not exist");
        hole.open(index, &schema).ok_or_else(wrong)
    };
    let common = Common {
        fields: schema.field_ranges(),
        outputs: ranges(&schema.outputs),
        holes: (0..).zip(&holes).map(open).collect::<Decoded<_>>()?,
    };
    let [admit, decide] = proofs(detail, meaning.versions.len())?;
    let versions = meaning.versions.iter().zip(admit.into_iter().zip(decide));
    let versions =
        versions.map(|(archived, proofs)| version(archived, proofs, &common)).collect::<Decoded<_>>()?;
    Ok(Program { name, schema, rules, requires, holes, versions })
}

/// By version, the encoded proofs of what admits and of what decides.
fn proofs<'a>(detail: &Detail<'a>, versions: usize) -> Decoded<[Vec<&'a [u8]>; 2]> {
    let Some(all) = detail.proofs else { return Ok([vec![&[]; versions], vec![&[]; versions]]) };
    if all.len() != 2 * versions {
        let message = format!("there are {} for {versions} versions", all.len());
        return Err(Malformed::new("the proofs", message));
    }
    let bytes = |proofs: &'a [ArchivedProofs]| proofs.iter().map(|proofs| &proofs.bytes[..]).collect();
    let (admit, decide) = all.split_at(versions);
    Ok([bytes(admit), bytes(decide)])
}

/// What all functions of a program have in common.
struct Common {
    fields: Vec<FieldRange>,
    outputs: Vec<Interval>,
    holes: Vec<Open>,
}

fn ranges(fields: &[Field]) -> Vec<Interval> {
    fields.iter().map(|field| field.domain.range).collect()
}

fn text(archived: &ArchivedText) -> Option<String> {
    archived.present.then(|| archived.text.to_string())
}

fn schema(meaning: &ArchivedMeaning) -> Decoded<Schema> {
    let digits = meaning.currency_digits;
    let effective = meaning.effective.to_native();
    Ok(Schema {
        currency: text(&meaning.currency).map(|code| Currency { code, digits }),
        enums: meaning.enums.iter().map(enumeration).collect(),
        inputs: meaning.inputs.iter().map(field).collect::<Decoded<_>>()?,
        outputs: meaning.outputs.iter().map(field).collect::<Decoded<_>>()?,
        effective: (effective != NO_INDEX).then_some(effective),
    })
}

fn enumeration(archived: &ArchivedEnum) -> EnumDef {
    let value = |value: &super::archived::ArchivedEnumValue| EnumValue {
        name: value.name.to_string(),
        text: text(&value.text),
    };
    EnumDef { name: archived.name.to_string(), values: archived.values.iter().map(value).collect() }
}

fn field(archived: &ArchivedField) -> Decoded<Field> {
    let name = archived.name.to_string();
    let detail = archived.detail.to_native();
    let wrong =
        || Malformed::new(format!("field `{name}`"), format!("unknown kind {}/{detail}", archived.kind));
    let digits = || u8::try_from(detail).map_err(|_| wrong());
    let kind = match archived.kind {
        kind::BOOL => Kind::Bool,
        kind::INT => Kind::Int,
        kind::DECIMAL => Kind::Decimal(digits()?),
        kind::MONEY => Kind::Money,
        kind::PERCENT => Kind::Percent(digits()?),
        kind::DAYS => Kind::Days,
        kind::DATE => Kind::Date,
        kind::ENUM => Kind::Enum(detail),
        _ => return Err(wrong()),
    };
    let range = Interval { lo: archived.low.to_native(), hi: archived.high.to_native() };
    let set = archived.is_listed.then(|| archived.listed.iter().map(|value| value.to_native()).collect());
    Ok(Field { name, kind, domain: Domain { range, set }, optional: archived.optional })
}

fn hole(archived: &ArchivedHole) -> Decoded<Hole> {
    let Field { name, kind, domain, optional: _ } = field(&archived.entry)?;
    let key = |archived: &ArchivedField| {
        let Field { name, kind, domain, optional: _ } = field(archived)?;
        Ok(TableKey { name, kind, domain })
    };
    let keys = archived.keys.iter().map(key).collect::<Decoded<Vec<TableKey>>>()?;
    let shape = match archived.set_of.to_native() {
        NO_INDEX if keys.is_empty() => Shape::Value { kind, domain },
        NO_INDEX => Shape::Table { keys, kind, domain },
        of if keys.is_empty() => Shape::Set(of),
        _ => {
            return Err(Malformed::new(
                format!("hole `{name}`"),
                "it is both a set and a look-up table".to_owned(),
            ));
        }
    };
    Ok(Hole { name, shape })
}

/// Clauses with their spans, which have to be parts of the source text.
fn spanned<T>(
    place: &str,
    clauses: &[ArchivedClause],
    spans: &[ArchivedSpan],
    source: &str,
    make: impl Fn(String, Option<String>, Option<String>, (u32, u32)) -> T,
) -> Decoded<Vec<T>> {
    if clauses.len() != spans.len() {
        return Err(Malformed::new(place, format!("{} clauses have {} spans", clauses.len(), spans.len())));
    }
    let one = |(clause, span): (&ArchivedClause, &ArchivedSpan)| {
        let span = (span.start.to_native(), span.end.to_native());
        check_span(&clause.id, span, source)?;
        Ok(make(clause.id.to_string(), text(&clause.title), text(&clause.cite), span))
    };
    clauses.iter().zip(spans).map(one).collect()
}

/// Checks that the span of a clause is part of the source text.
pub(super) fn check_span(id: &str, (start, end): (u32, u32), source: &str) -> Decoded<()> {
    match source.get(start as usize..end as usize) {
        Some(_) => Ok(()),
        None => Err(Malformed::new(
            format!("`{id}`"),
            format!("the bytes {start}..{end} are not part of the source text"),
        )),
    }
}

fn version(archived: &ArchivedVersion, (admit, decide): (&[u8], &[u8]), common: &Common) -> Decoded<Version> {
    let number = archived.number.to_native();
    let truths = vec![Interval::BOOL; archived.requires.len()];
    let inside = |function: &'static str| {
        move |error: Malformed| error.inside(format!("version {number}, {function}"))
    };
    let admit = func(&archived.admit, admit, common, truths).map_err(inside("admit"))?;
    let decide = func(&archived.decide, decide, common, common.outputs.clone()).map_err(inside("decide"))?;
    Ok(with_functions(archived, admit, decide))
}

/// A version with the functions that its caller has decoded.
fn with_functions<F>(archived: &ArchivedVersion, admit: F, decide: F) -> Version<F> {
    Version {
        number: archived.number.to_native(),
        from: archived.from.to_native(),
        until: archived.until.to_native(),
        cite: text(&archived.cite),
        requires: archived.requires.iter().map(|index| index.to_native()).collect(),
        admit,
        decide,
    }
}

fn func(archived: &ArchivedFunc, proofs: &[u8], common: &Common, results: Vec<Interval>) -> Decoded<Func> {
    let numbers = Numbers { values: archived.values.len(), blocks: archived.blocks.len() };
    let values = archived.values.iter().enumerate();
    let values =
        values.map(|(index, archived)| numbers.value_data(index, archived)).collect::<Decoded<_>>()?;
    let mut lists = Lists { rest: &archived.lists, numbers };
    let blocks = archived.blocks.iter().enumerate();
    let blocks = blocks
        .map(|(index, archived)| lists.block(archived).map_err(|error| error.inside(Block::new(index))))
        .collect::<Decoded<_>>()?;
    if !lists.rest.is_empty() {
        return Err(Malformed::new("the lists", "some entries belong to no block"));
    }
    let tables = tables(archived, &common.holes)?;
    let proofs = opus_ir::proof::decode(proofs)
        .ok_or_else(|| Malformed::new("the proofs", "their bytes are not as an encoder writes them"))?;
    Ok(Func { fields: common.fields.clone(), results, values, blocks, tables, proofs })
}

fn tables(archived: &ArchivedFunc, holes: &[Open]) -> Decoded<PrimaryMap<opus_ir::Table, Entries>> {
    let mut rest = &archived.entries[..];
    let mut tables = PrimaryMap::with_capacity(archived.tables.len());
    if archived.holes.len() != archived.tables.len() {
        return Err(Malformed::new("the tables", "their holes are those of other tables"));
    }
    for (length, hole) in archived.tables.iter().zip(archived.holes.iter()) {
        let hole = hole.to_native();
        if hole != NO_INDEX {
            let wrong = || Malformed::new("the tables", format!("unknown hole {hole}, or one with entries"));
            let open = holes.get(hole as usize).filter(|_| length.to_native() == 0).ok_or_else(wrong)?;
            tables.push(Entries::Open(*open));
            continue;
        }
        let wrong = || Malformed::new("the tables", "entries are missing");
        let (table, after) = rest.split_at_checked(length.to_native() as usize).ok_or_else(wrong)?;
        tables.push(Entries::Known(table.iter().map(|entry| entry.to_native()).collect()));
        rest = after;
    }
    if rest.is_empty() {
        Ok(tables)
    } else {
        Err(Malformed::new("the tables", "some entries belong to no table"))
    }
}

/// How many values and blocks a function has.
#[derive(Clone, Copy)]
struct Numbers {
    values: usize,
    blocks: usize,
}

impl Numbers {
    fn value(self, number: u32_le) -> Decoded<Value> {
        let index = number.to_native() as usize;
        let wrong = || Malformed::new("a list", format!("unknown value {index}"));
        (index < self.values).then(|| Value::new(index)).ok_or_else(wrong)
    }

    fn block(self, number: u32_le) -> Decoded<Block> {
        let index = number.to_native() as usize;
        let wrong = || Malformed::new("a target", format!("unknown block {index}"));
        (index < self.blocks).then(|| Block::new(index)).ok_or_else(wrong)
    }

    fn value_data(self, index: usize, archived: &ArchivedValue) -> Decoded<ValueData> {
        let inside = |error: Malformed| error.inside(Value::new(index));
        let ty = Type::ALL.get(archived.ty as usize).copied();
        let ty =
            ty.ok_or_else(|| Malformed::new(Value::new(index), format!("unknown type {}", archived.ty)))?;
        let def = match archived.op {
            PARAMETER => Def::Param(self.block(archived.a).map_err(inside)?),
            _ => Def::Inst(self.inst(archived).map_err(inside)?),
        };
        let range = Interval { lo: archived.low.to_native(), hi: archived.high.to_native() };
        Ok(ValueData { ty, range, def })
    }

    fn inst(self, archived: &ArchivedValue) -> Decoded<Inst> {
        let op = Op::from_code(archived.op);
        let op = op.ok_or_else(|| Malformed::new("the op", format!("unknown code {}", archived.op)))?;
        let mut args = [Value::new(0); 3];
        let count = op.row().params.len();
        for (arg, number) in args[..count].iter_mut().zip([archived.a, archived.b, archived.c]) {
            *arg = self.value(number)?;
        }
        Ok(Inst::new(op, &args[..count], archived.imm.to_native()))
    }
}

/// The lists that have not been read yet.
struct Lists<'a> {
    rest: &'a [u32_le],
    numbers: Numbers,
}

impl Lists<'_> {
    fn list(&mut self, length: u32_le) -> Decoded<Vec<Value>> {
        let wrong = || Malformed::new("the lists", "entries are missing");
        let (list, rest) = self.rest.split_at_checked(length.to_native() as usize).ok_or_else(wrong)?;
        self.rest = rest;
        list.iter().map(|number| self.numbers.value(*number)).collect()
    }

    fn target(&mut self, block: u32_le, length: u32_le) -> Decoded<Target> {
        Ok(Target { block: self.numbers.block(block)?, args: self.list(length)? })
    }

    fn block(&mut self, archived: &ArchivedBlock) -> Decoded<BlockData> {
        let (params, body) = (self.list(archived.params)?, self.list(archived.body)?);
        let end = match archived.end {
            end::JUMP => End::Jump(self.target(archived.first, archived.first_args)?),
            end::BRANCH => End::Branch(
                self.numbers.value(archived.subject)?,
                self.target(archived.first, archived.first_args)?,
                self.target(archived.second, archived.second_args)?,
            ),
            end::DECIDE => {
                End::Decide { rule: archived.subject.to_native(), outputs: self.list(archived.first_args)? }
            }
            other => return Err(Malformed::new("the end", format!("unknown number {other}"))),
        };
        Ok(BlockData { params, body, end })
    }
}
