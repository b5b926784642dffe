//! How do the rows of a policy lie in memory: what goes in, and what each function writes?
//!
//! A function writes its outputs, then the index of the rule in 16 bits without sign. One that admits writes a truth
//! value per require, and a rule that says nothing.

use opus_ir::memory::RowLayout;
use opus_ir::{Column, Program, Verified, Width};

use super::part::{Function, Stage, Whose};

/// The columns of a policy; rows have the layout that follows from them.
#[derive(Clone, Debug)]
pub(crate) struct Shapes {
    /// What goes in.
    pub inputs: Vec<Column>,
    /// What is decided.
    pub decided: Vec<Column>,
    /// By version, whether each require holds.
    pub admitted: Vec<Vec<Column>>,
}

/// How wide the index of a rule is.
const RULE: Column = Column { width: Width::W16, optional: false };
/// How wide a truth value is.
const TRUTH: Column = Column { width: Width::W8, optional: false };

impl Shapes {
    pub(crate) fn of(program: &Program<Verified>) -> Shapes {
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

    /// How input rows lie.
    pub(crate) fn input_layout(&self) -> RowLayout {
        RowLayout::new(&self.inputs)
    }

    /// How decided rows lie.
    pub(crate) fn decided_layout(&self) -> RowLayout {
        RowLayout::new(&self.decided)
    }

    /// By version, how admitted rows lie.
    pub(crate) fn admitted_layouts(&self) -> Vec<RowLayout> {
        self.admitted.iter().map(|columns| RowLayout::new(columns)).collect()
    }
}
