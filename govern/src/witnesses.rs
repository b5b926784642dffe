//! Do all engines make the same decisions? Seven witnesses of one policy decide the same rows.
//!
//! A row contains, by input index, the integer that encodes each field, before admission. The reference evaluator
//! admits and decides by itself, from the typed tree; the interpreter runs the program as it was lowered, and again as
//! the passes left it; the virtual machine and native code decide row by row and column by column. All answers,
//! decisions and refusals, are converted to one form and compared.

use std::fmt::{self, Write};

use opus_frontend::{Compiled, hir, lower, reference};
use opus_ir::program::{self, VerifiedProgram};
use opus_ir::{Fault, Program, interpret};
pub use opus_runtime::Verdict;
use opus_runtime::admission::{Admission, Place, Reason, Unit};
use opus_runtime::artifact::SourceText;
use opus_runtime::{
    Artifact, Batch, Cache, Decision, Engine, Level, Options, Policy, Refusal, Snapshot, snapshot,
};

use crate::facts::with_facts;

/// A row before admission: by input index the integer of the field, `None` if it is missing.
pub type GivenRow = Vec<Option<i128>>;

/// What one witness says about a row: a decision, or every fault in the order of the fields or requires.
pub type Outcome = Result<Verdict, Vec<(Place, Fault)>>;

/// Who can be asked. Native code runs at the level of this machine, or at the one that is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Witness {
    /// The reference evaluator on the typed tree, with its own admission.
    Reference,
    /// The interpreter on the program as it was lowered.
    Ir,
    /// The interpreter on the program that artifacts hold.
    IrAfterPasses,
    /// The virtual machine, one row at a time.
    VmRow,
    /// The virtual machine, by columns.
    VmColumns,
    /// Native code, one row at a time.
    NativeRow(Option<Level>),
    /// Native code, by columns.
    NativeColumns(Option<Level>),
}

/// A policy before all its witnesses.
pub struct Witnesses {
    tree: hir::Policy,
    snapshot: Option<Snapshot>,
    plain: VerifiedProgram,
    vm: Policy,
    /// The level of the machine first, then those that were asked for.
    native: Vec<(Option<Level>, Policy)>,
    skipped: Vec<Skipped>,
}

/// Native code that cannot be asked on this machine, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// The level; `None` for native code as such.
    pub level: Option<Level>,
    /// Why.
    pub reason: String,
}

/// Rows about which the witnesses do not agree: the first of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Disagreement {
    /// The index of the row among those that were asked about.
    pub index: usize,
    /// Each field with what it was given.
    pub row: Vec<(String, Option<i128>)>,
    /// What each witness answered, the reference evaluator first.
    pub outcomes: Vec<(Witness, Outcome)>,
}

/// What a policy is to its witnesses: the typed tree, the program that it was lowered to, and the one that the passes left.
struct Programs<'a> {
    tree: hir::Policy,
    plain: Program,
    program: Program,
    source: &'a str,
}

impl<'a> Programs<'a> {
    fn of(compiled: &'a Compiled) -> Result<Programs<'a>, String> {
        let Compiled { policy, program, source } = compiled;
        let (plain, _) = lower::plain(policy, source);
        let plain = plain.ok_or("the typed tree does not lower to a program")?;
        Ok(Programs { tree: policy.clone(), plain, program: program.clone(), source })
    }
}

impl Witness {
    /// The seven, the one that is right by definition first.
    pub const ALL: [Witness; 7] = [
        Witness::Reference,
        Witness::Ir,
        Witness::IrAfterPasses,
        Witness::VmRow,
        Witness::VmColumns,
        Witness::NativeRow(None),
        Witness::NativeColumns(None),
    ];

    /// The name without a level.
    pub const fn name(self) -> &'static str {
        match self {
            Witness::Reference => "reference",
            Witness::Ir => "ir",
            Witness::IrAfterPasses => "ir after passes",
            Witness::VmRow => "vm row",
            Witness::VmColumns => "vm columns",
            Witness::NativeRow(_) => "native row",
            Witness::NativeColumns(_) => "native columns",
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Witness::NativeRow(Some(level)) | Witness::NativeColumns(Some(level)) => {
                write!(f, "{} at {level}", self.name())
            }
            _ => f.write_str(self.name()),
        }
    }
}

impl Witnesses {
    /// The witnesses of a policy that compiles; native code also at each of `levels`.
    ///
    /// ```
    /// use opus_govern::witnesses::{Witness, Witnesses};
    /// let source = "policy shop { input { age : int in 0..120 }  output { child : bool }
    ///               rules first { rule A when age < 18 => true  otherwise B => false } }";
    /// let compiled = opus_frontend::compile(source).0.unwrap();
    /// let witnesses = Witnesses::new(&compiled, &[]).unwrap();
    /// let rows = [vec![Some(17)], vec![Some(18)], vec![Some(121)], vec![None]];
    /// assert_eq!(witnesses.disagreement(&rows), None);
    /// let outcomes = witnesses.decide(Witness::Reference, &rows);
    /// assert_eq!(outcomes[0].as_ref().unwrap().outputs, [1]);
    /// assert!(outcomes[2].is_err());
    /// ```
    ///
    /// # Errors
    /// Where the program is refused as an artifact, or cannot be lowered again.
    pub fn new(compiled: &Compiled, levels: &[Level]) -> Result<Witnesses, String> {
        let programs = Programs::of(compiled)?;
        Witnesses::asked(programs, None, levels)
    }

    /// The witnesses of a policy that takes facts from a snapshot.
    ///
    /// # Errors
    /// As [`Witnesses::new`], and where the snapshot does not fit the policy.
    pub fn bound(compiled: &Compiled, snapshot: &Snapshot, levels: &[Level]) -> Result<Witnesses, String> {
        let programs = Programs::of(compiled)?;
        Witnesses::asked(programs, Some(snapshot), levels)
    }

    /// The witnesses of a typed tree, the program that it was lowered to, and the one that the passes left.
    ///
    /// # Errors
    /// Where one of the programs is refused.
    pub fn of(
        tree: hir::Policy,
        plain: Program,
        program: Program,
        source: &str,
        levels: &[Level],
    ) -> Result<Witnesses, String> {
        Witnesses::asked(Programs { tree, plain, program, source }, None, levels)
    }

    fn asked(programs: Programs, snapshot: Option<&Snapshot>, levels: &[Level]) -> Result<Witnesses, String> {
        let Programs { tree, plain, program, source } = programs;
        let in_words = |error: &dyn std::error::Error| error.to_string();
        let mut plain = program::verify(plain).map_err(|error| in_words(&error))?;
        if let Some(snapshot) = snapshot {
            let bound = snapshot::bind(&plain, snapshot).map_err(|error| in_words(&error))?;
            plain = program::verify(bound).map_err(|error| format!("binding lost a proof: {error}"))?;
        }
        let source = SourceText { text: source, compiler: opus_frontend::VERSION };
        let artifact = Artifact::build(program, source).map_err(|error| in_words(&error))?;
        let open = |engine, level| {
            let options = Options { engine, cache: Cache::Off, level };
            let artifact = Artifact::from_bytes(artifact.bytes()).map_err(|error| in_words(&error))?;
            match snapshot {
                Some(snapshot) => {
                    Policy::bind(artifact, snapshot, &options).map_err(|error| in_words(&error))
                }
                None => Policy::from_artifact(artifact, &options).map_err(|error| in_words(&error)),
            }
        };
        let vm = open(Engine::Vm, None)?;
        let (mut native, mut skipped) = (Vec::new(), Vec::new());
        for level in std::iter::once(None).chain(levels.iter().copied().map(Some)) {
            if let Some(missing) = level.filter(|level| !level.is_available()) {
                skipped.push(Skipped { level, reason: format!("this machine has no {missing}") });
                continue;
            }
            let policy = open(Engine::Native, level)?;
            match unavailable(&policy) {
                Some(reason) => skipped.push(Skipped { level, reason }),
                None => native.push((level, policy)),
            }
        }
        Ok(Witnesses { tree, snapshot: snapshot.cloned(), plain, vm, native, skipped })
    }

    /// Everyone who can be asked, the reference evaluator first.
    pub fn available(&self) -> Vec<Witness> {
        let portable = Witness::ALL.into_iter().filter(|witness| witness.native_level().is_none());
        let native = self.native.iter();
        let native =
            native.flat_map(|(level, _)| [Witness::NativeRow(*level), Witness::NativeColumns(*level)]);
        portable.chain(native).collect()
    }

    /// Native code that cannot be asked on this machine.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    /// What a witness says about rows.
    ///
    /// # Panics
    /// Where the witness is not [available](Witnesses::available), or a row has not one entry per input.
    pub fn decide(&self, witness: Witness, rows: &[GivenRow]) -> Vec<Outcome> {
        let each = |decide: &dyn Fn(&GivenRow) -> Outcome| rows.iter().map(decide).collect();
        match witness {
            Witness::Reference => each(&|row| by_reference(&self.tree, self.snapshot.as_ref(), row)),
            Witness::Ir => each(&|row| by_interpreter(&self.plain, row)),
            Witness::IrAfterPasses => each(&|row| by_interpreter(self.vm.executed().verified_program(), row)),
            Witness::VmRow => each(&|row| by_row(&self.vm, row)),
            Witness::VmColumns => by_columns(&self.vm, rows),
            Witness::NativeRow(level) => each(&|row| by_row(self.native(level), row)),
            Witness::NativeColumns(level) => by_columns(self.native(level), rows),
        }
    }

    /// The first row about which the witnesses do not agree.
    pub fn disagreement(&self, rows: &[GivenRow]) -> Option<Disagreement> {
        let said: Vec<(Witness, Vec<Outcome>)> =
            self.available().into_iter().map(|witness| (witness, self.decide(witness, rows))).collect();
        let (_, expected) = said.first().expect("the reference evaluator can always be asked");
        let index =
            (0..rows.len()).find(|row| said.iter().any(|(_, all)| all.get(*row) != expected.get(*row)))?;
        let names = self.tree.schema.inputs.iter().map(|field| field.name.clone());
        let outcomes = said.iter().map(|(witness, all)| (*witness, all[index].clone()));
        Some(Disagreement {
            index,
            row: names.zip(rows[index].iter().copied()).collect(),
            outcomes: outcomes.collect(),
        })
    }

    fn native(&self, level: Option<Level>) -> &Policy {
        let found = self.native.iter().find(|(at, _)| *at == level);
        &found.expect("native code is asked where it is available").1
    }
}

impl Witness {
    /// For native code, its level.
    fn native_level(self) -> Option<Option<Level>> {
        match self {
            Witness::NativeRow(level) | Witness::NativeColumns(level) => Some(level),
            _ => None,
        }
    }
}

/// Why the virtual machine would answer in place of native code.
fn unavailable(policy: &Policy) -> Option<String> {
    let rows = policy.fallback().map(str::to_owned);
    rows.or_else(|| policy.batch(0).fallback().map(str::to_owned))
}

fn by_reference(tree: &hir::Policy, snapshot: Option<&Snapshot>, row: &GivenRow) -> Outcome {
    let refused = |faults: Vec<reference::Refused>| -> Vec<(Place, Fault)> {
        faults.iter().map(|one| (one.place, one.fault)).collect()
    };
    let row = with_facts(tree, snapshot, row);
    let admitted = reference::admit(tree, &row).map_err(refused)?;
    Ok(reference::decide(tree, &admitted))
}

fn by_interpreter(program: &Program<opus_ir::Verified>, row: &GivenRow) -> Outcome {
    let admitted: Vec<Result<Option<i128>, Reason>> = (0..program.schema.inputs.len())
        .map(|index| Admission::new(&program.schema, index, Unit::Written).admit_counted(row[index]))
        .collect();
    let reasons: Vec<&Reason> = admitted.iter().filter_map(|admitted| admitted.as_ref().err()).collect();
    if !reasons.is_empty() {
        return Err(faults(reasons));
    }
    let values: Vec<i128> = row.iter().map(|value| value.unwrap_or(0)).collect();
    let present: Vec<bool> = row.iter().map(Option::is_some).collect();
    let day = program.schema.effective.map_or(0, |field| values[field as usize] as i32);
    let index = program.version_on(day);
    let version = &program.versions[index];
    let holds = interpret(&version.admit, &values, &present).outputs;
    let failed = version.requires.iter().zip(&holds).filter(|(_, holds)| **holds == 0);
    let failed: Vec<_> =
        failed.map(|(require, _)| (Place::Require(*require), Fault::RequireFailed)).collect();
    if !failed.is_empty() {
        return Err(failed);
    }
    let opus_ir::Returned { rule, outputs } = interpret(&version.decide, &values, &present);
    Ok(Verdict { version: index, rule: rule as usize, outputs })
}

/// What a policy decides about one row before admission.
pub(crate) fn by_row(policy: &Policy, given: &GivenRow) -> Outcome {
    let mut row = policy.row();
    let mut reasons = Vec::new();
    for (index, value) in given.iter().enumerate() {
        let set = match value {
            Some(value) => row.set_counted(index, *value),
            None => row.set_missing(index),
        };
        reasons.extend(set.err());
    }
    if !reasons.is_empty() {
        return Err(faults(&reasons));
    }
    outcome(policy.decide(&row))
}

/// What a policy decides about one row, in the form that all witnesses share.
pub fn outcome(decided: Result<Decision, Refusal>) -> Outcome {
    decided.map(|decision| decision.verdict()).map_err(|refusal| faults(refusal.reasons()))
}

fn by_columns(policy: &Policy, rows: &[GivenRow]) -> Vec<Outcome> {
    let mut batch = policy.batch(rows.len());
    batch.inputs_mut().set_rows(rows.len());
    for (row, given) in rows.iter().enumerate() {
        for (index, value) in given.iter().enumerate() {
            match Admission::new(policy.schema(), index, Unit::Written).admit_counted(*value) {
                Ok(value) => batch.inputs_mut().set(index, row, value),
                Err(reason) => batch.refuse(row, reason),
            }
        }
    }
    batch.decide();
    outcomes(&batch, rows.len())
}

/// By row, the decisions about a batch of this many rows, in the form that all witnesses share.
pub fn outcomes(batch: &Batch, rows: usize) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = vec![Err(Vec::new()); rows];
    for (row, reason) in batch.refused() {
        if let Err(faults) = &mut outcomes[*row as usize] {
            faults.push((reason.place, reason.fault));
        }
    }
    for (at, row) in batch.rows().iter().enumerate() {
        let value = |output| batch.outputs().get(output, at).expect("an output is never missing");
        outcomes[*row as usize] = Ok(Verdict {
            version: batch.versions()[at] as usize,
            rule: batch.rules()[at] as usize,
            // the rule's index is the last column
            outputs: (0..batch.outputs().len() - 1).map(value).collect(),
        });
    }
    outcomes
}

fn faults<'a>(reasons: impl IntoIterator<Item = &'a Reason>) -> Vec<(Place, Fault)> {
    reasons.into_iter().map(|reason| (reason.place, reason.fault)).collect()
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the witnesses do not agree about row {}:", self.index + 1)?;
        for (name, value) in &self.row {
            let value = value.map_or("missing".to_string(), |value| value.to_string());
            writeln!(f, "    {name} = {value}")?;
        }
        let expected = &self.outcomes[0].1;
        for (witness, outcome) in &self.outcomes {
            let mark = if outcome == expected { ' ' } else { '!' };
            writeln!(f, "{mark} {:<16} {}", witness.to_string(), in_words(outcome))?;
        }
        Ok(())
    }
}

impl std::error::Error for Disagreement {}

/// An outcome on one line.
pub fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Ok(Verdict { version, rule, outputs }) => {
            format!("version index {version}, rule index {rule}, outputs {outputs:?}")
        }
        Err(faults) => faults.iter().fold("refused:".to_string(), |mut text, (place, fault)| {
            write!(text, " {place:?} {}", fault.code()).expect("a string takes any text");
            text
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "policy shop {
      effective on day
      version 1 from 2024-01-01
      version 2 from 2025-01-01
      input { day : date in 2024-01-01..2025-12-31  age : int in 0..120 optional  sum : money in $0.00..$900.00  cap : money in $0.00..$900.00 }
      currency USD
      output { child : bool  rest : money in $0.00..$900.00 }
      param limit : int in 0..30 { from 2024-01-01 = 18  from 2025-01-01 = 21 }
      require Q1 : sum >= cap
      rules first {
        rule A when age is missing => false, $0
        rule B when age < limit => true, sum - cap
        otherwise C => false, (sum - cap) / 3 rounded half_even to cent
      }
    }";

    fn rows() -> Vec<GivenRow> {
        let days = [19_723, 20_089, 20_453, 20_454];
        let ages = [None, Some(17), Some(20), Some(21), Some(121)];
        let sums = [(Some(500), Some(300)), (Some(300), Some(500)), (Some(i128::MAX), None)];
        let mut rows = Vec::new();
        for day in days {
            for age in ages {
                rows.extend(sums.map(|(sum, cap)| vec![Some(day), age, sum, cap]));
            }
        }
        rows
    }

    fn witnesses() -> Witnesses {
        let (compiled, diagnostics) = opus_frontend::compile(SOURCE);
        Witnesses::new(&compiled.unwrap_or_else(|| panic!("{diagnostics:?}")), &Level::ALL).unwrap()
    }

    #[test]
    fn all_agree_about_decisions_and_refusals() {
        let witnesses = witnesses();
        let disagreement = witnesses.disagreement(&rows());
        assert!(disagreement.is_none(), "{}", disagreement.unwrap());
        let outcomes = witnesses.decide(Witness::Reference, &rows());
        assert!(outcomes.iter().any(|outcome| matches!(outcome, Ok(verdict) if verdict.version == 1)));
        assert!(outcomes.contains(&Err(vec![(Place::Require(0), Fault::RequireFailed)])));
        let twice = [(Place::Field(2), Fault::OutOfRange), (Place::Field(3), Fault::Missing)];
        assert!(outcomes.contains(&Err(twice.to_vec())));
        witnesses.skipped().iter().for_each(|skipped| println!("skipped {skipped:?}"));
        assert_eq!(witnesses.available().len() + 2 * witnesses.skipped().len(), 5 + 2 * 4);
    }

    #[test]
    fn a_witness_that_differs_is_named() {
        let (right, wrong) = (
            opus_frontend::compile(SOURCE).0,
            opus_frontend::compile(&SOURCE.replace("< limit", "<= limit")).0,
        );
        let (right, wrong) = (right.unwrap(), wrong.unwrap());
        let plain = lower::plain(&right.policy, SOURCE).0.unwrap();
        let witnesses = Witnesses::of(right.policy, plain, wrong.program, &wrong.source, &[]).unwrap();
        let disagreement = witnesses.disagreement(&rows()).expect("the limit itself");
        let text = disagreement.to_string();
        assert!(text.contains("\n  ir               version index 1, rule index 2"), "{text}");
        assert!(text.contains("\n! vm columns       version index 1, rule index 1"), "{text}");
    }
}
