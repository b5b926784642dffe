//! Which bytecode belongs to a program? What the emitter makes of it, and nothing else.
//!
//! An artifact stores it so that later openings need not emit it again. Before stored bytecode runs for the first
//! time on a machine it is compared with what the program compiles to, byte by byte.

use opus_ir::{Interval, Program, Verified};
use opus_vm::{Code, Interface, emit_columns, emit_row};

use super::error::ArtifactError;
use crate::functions::{Function, Part, column_lines, functions};
use crate::shapes::Shapes;

/// The bytecode of a program.
pub(crate) struct Bytecode<T> {
    /// For single rows.
    pub rows: Part<T>,
    /// For columns.
    pub columns: Part<T>,
}

/// What a program compiles to, where the machine can run it. One with holes has no bytecode: it is emitted when the
/// program is bound.
pub(crate) fn emit(program: &Program<Verified>) -> Result<Bytecode<Vec<u8>>, String> {
    if !program.holes.is_empty() {
        let versions = program.versions.len();
        return Ok(Bytecode { rows: Part::none(versions), columns: Part::none(versions) });
    }
    let shapes = Shapes::of(program);
    let bytes = |function, code: Result<Code, opus_vm::TooLarge>| {
        let code = code.map_err(|error| error.to_string())?;
        let bytes = code.to_bytes();
        opus_vm::verify(code, interface(program, &shapes, function)).map_err(|error| error.to_string())?;
        Ok::<_, String>(bytes)
    };
    Ok(Bytecode {
        rows: functions(program).try_map(|function, func| bytes(function, emit_row(func)))?,
        columns: column_lines(program).try_map(|function, line| bytes(function, emit_columns(line)))?,
    })
}

/// Compares stored bytecode with what the program compiles to.
pub(crate) fn check(program: &Program<Verified>, stored: &Bytecode<&[u8]>) -> Result<(), ArtifactError> {
    let refused = |place| ArtifactError::Bytecode { place };
    let place = |function: Function, part: &str| {
        let version = function.version().map(|index| program.versions[index].number);
        let whose = version.map_or("all versions".to_string(), |number| format!("version {number}"));
        let stage = if function.decides() { "decide" } else { "admit" };
        format!("{whose}, {stage}, {part}")
    };
    // what cannot be emitted was never built
    let emitted = emit(program).map_err(refused)?;
    let parts = [("rows", emitted.rows, &stored.rows), ("columns", emitted.columns, &stored.columns)];
    for (name, emitted, stored) in parts {
        let differs =
            |function: &Function| emitted.get(*function).map(Vec::as_slice) != stored.get(*function).copied();
        if let Some(function) = emitted.functions().find(differs) {
            return Err(refused(place(function, name)));
        }
    }
    Ok(())
}

/// Makes the bytecode of a function ready to run. It was emitted from the program, or compared with what is.
pub(crate) fn load(
    program: &Program<()>,
    shapes: &Shapes,
    function: Function,
    bytes: &[u8],
) -> opus_vm::Verified {
    let code = Code::from_bytes(bytes).expect("the emitter wrote the code");
    opus_vm::verify(code, interface(program, shapes, function)).expect("it was verified after it was emitted")
}

fn interface<F>(program: &Program<F>, shapes: &Shapes, function: Function) -> Interface {
    let (_, outputs) = shapes.outputs(function).split_last().expect("the rule is always written");
    let ranges = match function.decides() {
        true => program.schema.outputs.iter().map(|output| output.domain.range).collect(),
        false => vec![Interval::BOOL; outputs.len()],
    };
    Interface {
        inputs: shapes.inputs.clone(),
        outputs: outputs.to_vec(),
        ranges,
        rules: program.rules.len().max(1),
    }
}
