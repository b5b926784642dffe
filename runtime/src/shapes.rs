//! How are the rows of a policy laid out in memory: its inputs, and what each function writes?
//!
//! A function writes its outputs, then the index of the rule as an unsigned 16-bit integer. A function that admits
//! writes a Boolean for each require, and a rule that means nothing.

use opus_ir::memory::RowLayout;
use opus_ir::{Column, Program, Width};

use crate::functions::{Function, Stage, Whose};

/// The columns of a policy. The layout of rows follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Shapes {
    /// The inputs.
    pub inputs: Vec<Column>,
    /// The outputs and the rule.
    pub decided: Vec<Column>,
    /// For each version, whether each of its requires holds.
    pub admitted: Vec<Vec<Column>>,
}

/// The index of a rule.
const RULE: Column = Column { width: Width::W16, optional: false };
/// A Boolean.
const TRUTH: Column = Column { width: Width::W8, optional: false };

impl Shapes {
    pub(crate) fn of<F>(program: &Program<F>) -> Shapes {
        let truths = |count: usize| std::iter::repeat_n(TRUTH, count).chain([RULE]).collect();
        Shapes {
            inputs: program.schema.input_columns(),
            decided: program.schema.output_columns().into_iter().chain([RULE]).collect(),
            admitted: program.versions.iter().map(|version| truths(version.requires.len())).collect(),
        }
    }

    /// What a function writes.
    pub(crate) fn outputs(&self, function: Function) -> &[Column] {
        match (function.stage, function.whose) {
            (Stage::Decide, _) => &self.decided,
            (Stage::Admit, Whose::Version(version)) => &self.admitted[version],
            // one function for all only admits where all versions require the same
            (Stage::Admit, Whose::All) => &self.admitted[0],
        }
    }

    /// The layout of input rows.
    pub(crate) fn input_layout(&self) -> RowLayout {
        RowLayout::new(&self.inputs)
    }

    /// The layout of decided rows.
    pub(crate) fn decided_layout(&self) -> RowLayout {
        RowLayout::new(&self.decided)
    }

    /// For each version, the layout of admitted rows.
    pub(crate) fn admitted_layouts(&self) -> Vec<RowLayout> {
        self.admitted.iter().map(|columns| RowLayout::new(columns)).collect()
    }
}
