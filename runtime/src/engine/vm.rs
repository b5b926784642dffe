//! How are a policy's functions run without native code? Until artifacts hold bytecode, by the interpreter of
//! the IR.

use opus_ir::memory::{self, Columns, RowLayout};
use opus_ir::{Decided, Verified, interpret};

use super::Shapes;
use super::part::{Function, Stage, Whose};
use crate::artifact::Artifact;

pub(crate) struct VmRows;

fn function(artifact: &Artifact, function: Function) -> Option<&Verified> {
    let Whose::Version(version) = function.whose else { return None };
    let version = &artifact.program().versions[version];
    match function.stage {
        Stage::Admit => (!version.requires.is_empty()).then_some(&version.admit),
        Stage::Decide => Some(&version.decide),
    }
}

impl VmRows {
    pub(crate) fn run(&self, artifact: &Artifact, name: Function, input: &[u8], output: &mut [u8]) -> bool {
        let Some(function) = function(artifact, name) else { return false };
        let shapes = Shapes::of(artifact.program());
        let layout = shapes.input_layout();
        let values: Vec<i128> =
            layout.slots.iter().map(|slot| memory::read(input, slot.offset as usize, slot.width)).collect();
        let present: Vec<bool> =
            layout.slots.iter().map(|slot| slot.presence.is_none_or(|at| input[at as usize] != 0)).collect();
        let Decided { rule, outputs } = interpret(function, &values, &present);
        let layout = RowLayout::new(shapes.outputs(name));
        for (slot, value) in layout.slots.iter().zip(outputs.into_iter().chain([rule as i128])) {
            memory::write(output, slot.offset as usize, slot.width, value);
        }
        true
    }
}

pub(crate) struct VmColumns;

impl VmColumns {
    pub(crate) fn run(
        &self,
        artifact: &Artifact,
        name: Function,
        inputs: &Columns,
        outputs: &mut Columns,
    ) -> bool {
        let Some(function) = function(artifact, name) else { return false };
        outputs.set_rows(inputs.rows());
        for row in 0..inputs.rows() {
            let cells: Vec<Option<i128>> = (0..inputs.len()).map(|index| inputs.get(index, row)).collect();
            let values: Vec<i128> = cells.iter().map(|cell| cell.unwrap_or(0)).collect();
            let present: Vec<bool> = cells.iter().map(Option::is_some).collect();
            let Decided { rule, outputs: decided } = interpret(function, &values, &present);
            for (index, value) in decided.into_iter().chain([rule as i128]).enumerate() {
                outputs.set(index, row, Some(value));
            }
        }
        true
    }
}
