//! Which bytecode belongs to a program, and may it run?
//!
//! It is emitted when the artifact is built, and verified when it is loaded: whatever it is, it reads and writes
//! only what is its own, and ends. That it says what the program says is not proved; where it is run, results are
//! kept within what the program declares.

use opus_ir::{Interval, Program, Verified};
use opus_vm::{Code, Interface, Shape, emit_columns, emit_row};

use super::archived::{ArchivedCode, ArchivedDetail};
use super::error::{ArtifactError, BuildError, Malformed};
use crate::engine::{Function, Part, Shapes, column_lines, functions};

/// Bytecode that was just made.
pub(crate) struct Emitted {
    pub rows: Part<Code>,
    pub columns: Part<Code>,
}

/// Bytecode that may run.
pub(crate) struct Bytecode {
    pub rows: Part<opus_vm::Verified>,
    pub columns: Part<opus_vm::Verified>,
}

/// The bytecode of a program.
pub(crate) fn emit(program: &Program<Verified>) -> Result<Emitted, BuildError> {
    let too_large = |error: opus_vm::TooLarge| BuildError::TooLarge { what: error.to_string() };
    Ok(Emitted {
        rows: functions(program).try_map(|_, function| emit_row(function).map_err(too_large))?,
        columns: column_lines(program).try_map(|_, line| emit_columns(line).map_err(too_large))?,
    })
}

/// Verifies the bytecode of an artifact.
pub(crate) fn check(program: &Program<Verified>, detail: &ArchivedDetail) -> Result<Bytecode, ArtifactError> {
    let checker = Checker { program, shapes: Shapes::of(program) };
    Ok(Bytecode {
        rows: checker.check(&detail.rows, Shape::Row)?,
        columns: checker.check(&detail.columns, Shape::Columns)?,
    })
}

struct Checker<'a> {
    program: &'a Program<Verified>,
    shapes: Shapes,
}

impl Checker<'_> {
    fn check(&self, codes: &[ArchivedCode], shape: Shape) -> Result<Part<opus_vm::Verified>, ArtifactError> {
        let needed = functions(self.program);
        let all = codes.iter().map(|code| (!code.bytes.is_empty()).then_some(&code.bytes[..])).collect();
        let part = Part::new(self.program.versions.len(), all);
        let part =
            part.ok_or_else(|| Malformed::new("the bytecode", "it is not that of so many versions"))?;
        for function in part.functions() {
            let is_there = part.get(function).is_some();
            let right = match function.is_for_all() {
                true => !is_there || shape == Shape::Columns && self.may_be_for_all(function),
                false => is_there == needed.get(function).is_some(),
            };
            if !right {
                let message = if is_there { "there is code where none belongs" } else { "there is no code" };
                return Err(self.refused(function, shape, message));
            }
        }
        part.try_map(|function, bytes| self.verified(function, bytes, shape))
    }

    /// One function admits rows of all versions only where all require the same.
    fn may_be_for_all(&self, function: Function) -> bool {
        let versions = &self.program.versions;
        function.decides() || versions.iter().all(|version| version.requires == versions[0].requires)
    }

    fn verified(
        &self,
        function: Function,
        bytes: &[u8],
        shape: Shape,
    ) -> Result<opus_vm::Verified, ArtifactError> {
        let code = Code::from_bytes(bytes).map_err(|error| self.refused(function, shape, error))?;
        if code.shape != shape {
            return Err(self.refused(
                function,
                shape,
                "it is not for rows but for columns, or the other way round",
            ));
        }
        let (_, outputs) = self.shapes.outputs(function).split_last().expect("the rule is always written");
        let ranges = match function.decides() {
            true => self.program.schema.outputs.iter().map(|output| output.domain.range).collect(),
            false => vec![Interval::new(0, 1); outputs.len()],
        };
        let interface = Interface {
            inputs: self.shapes.inputs.clone(),
            outputs: outputs.to_vec(),
            ranges,
            rules: self.program.rules.len().max(1),
        };
        opus_vm::verify(code, interface).map_err(|error| self.refused(function, shape, error))
    }

    fn refused(&self, function: Function, shape: Shape, message: impl ToString) -> ArtifactError {
        let version = function.version().map(|index| self.program.versions[index].number);
        let whose = version.map_or("all versions".to_string(), |number| format!("version {number}"));
        let stage = if function.decides() { "decide" } else { "admit" };
        let what = if shape == Shape::Row { "rows" } else { "columns" };
        ArtifactError::Bytecode { place: format!("{whose}, {stage}, {what}"), message: message.to_string() }
    }
}
