//! Which functions does a policy run? For each version one that admits and one that decides. Over columns, also one of
//! each for all versions at once, if the versions can be merged.

use opus_ir::{Column, Program, Straight, Verified, merge::merge, straighten};

use crate::shapes::Shapes;

/// One thing for every function of a policy, in an order that follows from the number of versions alone.
#[derive(Clone, Debug)]
pub(crate) struct Part<T> {
    versions: usize,
    /// For what admits, by version and then for all; then for what decides, in the same order.
    all: Vec<Option<T>>,
}

/// A function, by its purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Function {
    pub stage: Stage,
    pub whose: Whose,
}

impl Function {
    /// The one that admits rows of a version.
    pub(crate) fn admit(version: usize) -> Function {
        Function { stage: Stage::Admit, whose: Whose::Version(version) }
    }

    /// The one that decides rows of a version.
    pub(crate) fn decide(version: usize) -> Function {
        Function { stage: Stage::Decide, whose: Whose::Version(version) }
    }

    /// Whether it decides; otherwise it admits.
    pub(crate) fn decides(self) -> bool {
        self.stage == Stage::Decide
    }

    /// Whether it is for rows of every version.
    pub(crate) fn is_for_all(self) -> bool {
        self.whose == Whose::All
    }

    /// The index of its version, if it is for one.
    pub(crate) fn version(self) -> Option<usize> {
        match self.whose {
            Whose::Version(version) => Some(version),
            Whose::All => None,
        }
    }

    /// Whether a policy cannot be run without it.
    fn is_needed(self) -> bool {
        self.decides() && !self.is_for_all()
    }
}

/// What a function does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// It checks the requires. A version that requires nothing has no such function.
    Admit,
    /// It decides.
    Decide,
}

/// The rows that a function is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// Rows of the version with this index.
    Version(usize),
    /// Rows of every version.
    All,
}

impl<T> Part<T> {
    /// The things for all functions of this many versions; `None` if their number does not match.
    pub(crate) fn new(versions: usize, all: Vec<Option<T>>) -> Option<Part<T>> {
        (all.len() == 2 * (versions + 1)).then_some(Part { versions, all })
    }

    /// Nothing for the functions of this many versions.
    pub(crate) fn none(versions: usize) -> Part<T> {
        Part { versions, all: (0..2 * (versions + 1)).map(|_| None).collect() }
    }

    /// The thing for a function.
    #[inline]
    pub(crate) fn get(&self, function: Function) -> Option<&T> {
        let first = if function.stage == Stage::Admit { 0 } else { self.versions + 1 };
        let index = match function.whose {
            Whose::Version(version) => version,
            Whose::All => self.versions,
        };
        self.all[first + index].as_ref()
    }

    /// Whether every version can be decided, and everything has these shapes.
    pub(crate) fn fits(&self, shapes: &Shapes, columns: impl Fn(&T) -> (&[Column], &[Column])) -> bool {
        let fits = |(function, thing): (Function, &Option<T>)| {
            let expected = (shapes.inputs.as_slice(), shapes.outputs(function));
            thing.as_ref().map_or(!function.is_needed(), |thing| columns(thing) == expected)
        };
        self.functions().zip(&self.all).all(fits)
    }

    /// The functions, in order.
    pub(crate) fn functions(&self) -> impl Iterator<Item = Function> {
        let stage = |stage| {
            let versions = (0..self.versions).map(Whose::Version).chain([Whose::All]);
            versions.map(move |whose| Function { stage, whose })
        };
        stage(Stage::Admit).chain(stage(Stage::Decide))
    }

    /// Everything, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&T>> {
        self.all.iter().map(Option::as_ref)
    }

    /// Makes something else of everything.
    pub(crate) fn map<'a, U>(&'a self, make: impl Fn(Function, &'a T) -> U) -> Part<U> {
        let one =
            |(function, thing): (Function, &'a Option<T>)| thing.as_ref().map(|thing| make(function, thing));
        Part { versions: self.versions, all: self.functions().zip(&self.all).map(one).collect() }
    }

    /// Makes something else of everything, or fails.
    pub(crate) fn try_map<U, E>(&self, make: impl Fn(Function, &T) -> Result<U, E>) -> Result<Part<U>, E> {
        let one = |(function, thing): (Function, &Option<T>)| {
            thing.as_ref().map(|thing| make(function, thing)).transpose()
        };
        let all = self.functions().zip(&self.all).map(one).collect::<Result<_, E>>()?;
        Ok(Part { versions: self.versions, all })
    }
}

/// The functions of a program.
pub(crate) fn functions(program: &Program<Verified>) -> Part<&Verified> {
    let versions = &program.versions;
    let admit = versions.iter().map(|version| (!version.requires.is_empty()).then_some(&version.admit));
    let decide = versions.iter().map(|version| Some(&version.decide));
    let all = admit.chain([None]).chain(decide).chain([None]).collect();
    Part { versions: versions.len(), all }
}

/// The predicated code for single rows: the version is known before it runs.
pub(crate) fn row_lines(program: &Program<Verified>) -> Part<Straight> {
    functions(program).map(|_, function| straighten(function))
}

/// The predicated code for columns.
pub(crate) fn column_lines(program: &Program<Verified>) -> Part<Straight> {
    let mut lines = row_lines(program);
    let (admit, decide) = lines.all.split_at_mut(program.versions.len() + 1);
    let same_requires = program.versions.windows(2).all(|pair| pair[0].requires == pair[1].requires);
    if same_requires {
        merge_into(admit, program);
    }
    merge_into(decide, program);
    lines
}

/// Sets the last of `lines`, which is for all versions, if the others can be merged.
fn merge_into(lines: &mut [Option<Straight>], program: &Program<Verified>) {
    let Some((all, versions)) = lines.split_last_mut() else { return };
    let starts: Vec<i32> = program.versions.iter().map(|version| version.from).collect();
    let versions: Option<Vec<&Straight>> = versions.iter().map(Option::as_ref).collect();
    let several = versions.filter(|versions| versions.len() > 1);
    *all =
        several.zip(program.schema.effective).and_then(|(versions, field)| merge(&versions, field, &starts));
}
