//! What has to hold for damaged artifacts and bytecode? They are refused, or they run: they never crash, hang or
//! read elsewhere, and all engines decide an accepted artifact alike.

use arbitrary::Unstructured;
use opus_frontend::Compiled;
use opus_ir::memory::{Columns, Row};
use opus_ir::testing::{self, Bytes, Source};
use opus_ir::{Column, Func, Version, Width, interpret, straighten};
use opus_runtime::artifact::{HEADER_BYTES, SourceText, seal, seal_meaning};
use opus_runtime::{Artifact, Cache, Engine, Options, Policy};
use opus_vm::{Code, ColumnEngine, Interface, RowEngine, Shape, emit_columns, emit_row};

use crate::{generated, rows};

/// What became of a damaged artifact.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Became {
    /// It was refused.
    Refused,
    /// It was taken for an artifact, and decided rows.
    Ran,
}

/// A released artifact of format 2, which every later version reads.
pub const FORMAT_2: &[u8] = include_bytes!("../../spec/records/format-2/artifact.opusc");

/// Damages the artifact of a policy from random bytes, and one of an earlier format.
///
/// # Errors
/// Where the artifact of the policy cannot be built, or engines decide a damaged one differently.
pub fn artifacts(data: &[u8]) -> Result<(), String> {
    let mut u = Unstructured::new(data);
    let Ok(compiled) = generated::compiled(&mut u) else { return Ok(()) };
    let whole = built(compiled)?;
    let mut bytes = Bytes(data);
    for whole in [&whole, FORMAT_2] {
        for _ in 0..8 {
            artifact(whole, &mut bytes, &mut u)?;
        }
    }
    Ok(())
}

/// The bytes of the artifact of a policy.
///
/// # Errors
/// Where it cannot be built.
pub fn built(compiled: Compiled) -> Result<Vec<u8>, String> {
    let source = SourceText { text: &compiled.source, compiler: opus_frontend::VERSION };
    let artifact = Artifact::build(compiled.program, source).map_err(|error| error.to_string())?;
    Ok(artifact.bytes().to_vec())
}

/// Damages a copy of an artifact, mostly with hashes that match again, opens it and lets it decide.
///
/// # Errors
/// Where the engines do not decide alike.
pub fn artifact(whole: &[u8], source: &mut impl Source, u: &mut Unstructured) -> Result<Became, String> {
    let mut bytes = whole.to_vec();
    for _ in 0..=source.below(3) {
        damage(&mut bytes, source);
    }
    if bytes.len() >= HEADER_BYTES {
        match source.below(8) {
            0 => {}
            1 | 2 => seal(&mut bytes),
            _ => seal_meaning(&mut bytes),
        }
    }
    match Artifact::from_bytes(&bytes) {
        Err(refused) => {
            // what is said is made of the bytes too
            let _ = refused.to_string();
            Ok(Became::Refused)
        }
        Ok(artifact) => run(&artifact, u).map(|()| Became::Ran),
    }
}

/// Numbers that are more likely than others to go wrong.
const NUMBERS: [u32; 8] = [0, 1, 2, 0x7f, 0xff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

fn damage(bytes: &mut Vec<u8>, source: &mut impl Source) {
    // what lies behind the header is most of it; the hashes themselves are rarely worth a try
    let first = if source.one_in(20) { 0 } else { HEADER_BYTES.min(bytes.len() - 1) };
    let at = first + source.below(bytes.len() - first);
    let end = (at + 1 + source.below(16)).min(bytes.len());
    match source.below(16) {
        0..=4 => bytes[at] ^= 1 << source.below(8),
        5..=7 => bytes[at] = source.next() as u8,
        8 | 9 => bytes[at] = bytes[at].wrapping_add(1),
        10 | 11 => {
            let number = NUMBERS[source.below(NUMBERS.len())].to_le_bytes();
            bytes[at..].iter_mut().zip(number).for_each(|(byte, new)| *byte = new);
        }
        12 => bytes[at..end].fill(0),
        13 => {
            let from = first + source.below(bytes.len() - first);
            let part = bytes[from..(from + end - at).min(bytes.len())].to_vec();
            bytes[at..].iter_mut().zip(part).for_each(|(byte, new)| *byte = new);
        }
        14 => bytes.truncate(at.max(1)),
        _ => drop(bytes.drain(at..end)),
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

/// What is decided about a row, if it is not refused: the version, the rule and the outputs.
type Decided = Option<(usize, usize, Vec<i128>)>;

/// Lets an artifact decide on the interpreter and on every engine, by row and by column.
///
/// # Errors
/// Where they do not decide alike.
pub fn run(artifact: &Artifact, u: &mut Unstructured) -> Result<(), String> {
    let corners = rows::Corners::default();
    let schema = &artifact.program().schema;
    let given: Vec<rows::Row> = (0..6).map_while(|_| rows::row(u, schema, &corners).ok()).collect();
    let mut all = Vec::new();
    for engine in Engine::ALL {
        let options = Options { engine, cache: Cache::Off, level: None };
        let policy =
            Policy::from_bytes_with(artifact.bytes(), &options).map_err(|error| error.to_string())?;
        let (interpreted, by_row, by_column) = decided(&policy, &given);
        all.extend([("interpreter".to_owned(), interpreted)]);
        all.extend([(format!("{engine} row"), by_row), (format!("{engine} columns"), by_column)]);
    }
    let (first, expected) = &all[0];
    match all.iter().find(|(_, decided)| decided != expected) {
        None => Ok(()),
        Some((other, found)) => Err(format!("the {first}: {expected:?}\nthe {other}: {found:?}\n{given:?}")),
    }
}

/// What the interpreter, the policy's engine for rows and its engine for columns decide about rows.
fn decided(policy: &Policy, given: &[rows::Row]) -> (Vec<Decided>, Vec<Decided>, Vec<Decided>) {
    let (mut interpreted, mut by_row, mut by_column) = (Vec::new(), Vec::new(), vec![None; given.len()]);
    let mut batch = policy.batch(given.len());
    batch.inputs_mut().set_rows(given.len());
    for (index, given) in given.iter().enumerate() {
        let mut row = policy.row();
        let mut admitted = true;
        for (field, value) in given.iter().enumerate() {
            let set = match value {
                Some(value) => row.set_counted(field, *value),
                None => row.set_missing(field),
            };
            match set {
                Ok(()) => batch.inputs_mut().set(field, index, *value),
                Err(reason) => {
                    admitted = false;
                    batch.refuse(index, reason);
                }
            }
        }
        interpreted.push(if admitted { by_interpreter(policy.artifact(), given) } else { None });
        by_row.push(policy.decide(&row).ok().map(|decision| {
            let _ = (decision.to_json(), decision.hash());
            let version = policy.artifact().program().version_on(decision.version().from);
            (version, decision.rule_index(), decision.outputs().map(|output| output.value()).collect())
        }));
    }
    batch.decide();
    let outputs = policy.schema().outputs.len();
    for (index, row) in batch.rows().iter().enumerate() {
        let values = (0..outputs).map(|output| batch.outputs().get(output, index).unwrap_or_default());
        let (version, rule) = (batch.versions()[index] as usize, batch.rules()[index] as usize);
        by_column[*row as usize] = Some((version, rule, values.collect()));
    }
    (interpreted, by_row, by_column)
}

/// What the interpreter decides about a row whose fields are admitted.
fn by_interpreter(artifact: &Artifact, given: &rows::Row) -> Decided {
    let program = artifact.verified_program();
    let values: Vec<i128> = given.iter().map(|value| value.unwrap_or_default()).collect();
    let present: Vec<bool> = given.iter().map(Option::is_some).collect();
    let version =
        program.schema.effective.map_or(0, |field| program.version_on(values[field as usize] as i32));
    let Version { requires, admit, decide, .. } = &program.versions[version];
    let holds = || interpret(admit, &values, &present).outputs.iter().all(|holds| *holds != 0);
    if !requires.is_empty() && !holds() {
        return None;
    }
    let decided = interpret(decide, &values, &present);
    Some((version, decided.rule as usize, decided.outputs))
}

/// Damages the bytecode of a generated function, and runs it where it verifies.
///
/// # Errors
/// Never: what goes wrong here is a panic.
pub fn bytecode(data: &[u8]) -> Result<(), String> {
    let mut bytes = Bytes(data);
    let func = opus_ir::verify(testing::func(&mut bytes)).expect("generated functions are valid");
    let by_row = bytes.one_in(2);
    let code = if by_row { emit_row(&func) } else { emit_columns(&straighten(&func)) };
    let Ok(code) = code else { return Ok(()) };
    let whole = code.to_bytes();
    for _ in 0..8 {
        let mut kept = whole.clone();
        for _ in 0..=bytes.below(3) {
            let at = bytes.below(kept.len());
            kept[at] = if bytes.one_in(2) { kept[at] ^ 1 << bytes.below(8) } else { bytes.next() as u8 };
        }
        let Ok(code) = Code::from_bytes(&kept) else { continue };
        if let Ok(code) = opus_vm::verify(code, interface(&func)) {
            let given: Vec<_> = (0..3).map(|_| testing::row(&func, &mut bytes)).collect();
            run_code(code, &func, &given);
        }
    }
    Ok(())
}

/// Each field and output in the narrowest column.
fn interface(func: &Func) -> Interface {
    let input = |field: &opus_ir::func::FieldRange| Column {
        width: Width::narrowest(field.range),
        optional: field.optional,
    };
    let output = |range: &opus_ir::Interval| Column { width: Width::narrowest(*range), optional: false };
    Interface {
        inputs: func.fields.iter().map(input).collect(),
        outputs: func.results.iter().map(output).collect(),
        ranges: func.results.clone(),
        rules: 1 << 16,
    }
}

fn run_code(code: opus_vm::Verified, func: &Func, given: &[(Vec<i128>, Vec<bool>)]) {
    let (inputs, outputs) = (code.interface().inputs.clone(), code.interface().outputs_and_rule());
    let cell =
        |(values, present): &(Vec<i128>, Vec<bool>), field: usize| present[field].then_some(values[field]);
    if code.shape == Shape::Columns {
        let mut columns = Columns::new(&inputs, given.len());
        columns.set_rows(given.len());
        for (row, given) in given.iter().enumerate() {
            (0..func.fields.len()).for_each(|field| columns.set(field, row, cell(given, field)));
        }
        let mut decided = Columns::new(&outputs, given.len());
        ColumnEngine::new(code).decide(&columns, &mut decided, &mut Default::default());
        return;
    }
    let engine = RowEngine::new(code);
    for given in given {
        let mut row = Row::new(engine.input_layout());
        let slots = engine.input_layout().slots.iter().enumerate();
        slots.for_each(|(field, slot)| row.set(*slot, cell(given, field)));
        let mut decided = Row::new(engine.output_layout());
        engine.decide(row.bytes(), decided.bytes_mut(), &mut opus_vm::row::Scratch::new());
    }
}
