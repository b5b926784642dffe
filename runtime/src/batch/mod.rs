//! How are many rows decided at once? Refused rows are taken out first, so that engines never see them; each row
//! meets the version of its own date; what is left is decided column by column.
//!
//! A batch knows no file format. Whoever fills it has admitted every field ([`crate::admission`]) and says which
//! rows did not pass. The result depends on the rows alone: not on the engine, nor on how rows are divided into
//! batches. A batch with rows of several versions has the same results as one batch for each version.

mod route;
mod rows;
mod spare;

use opus_ir::memory::Columns;
use opus_ir::{Column, Verdict};

use crate::admission::Reason;
use crate::engine::{ColumnEngine, Engine, Scratch};
use crate::functions::{Function, Stage, Whose};
use crate::policy::Policy;
use route::{Route, partition};
pub use spare::Spare;

/// Rows on their way to a decision, and what became of them. It can be used again and again.
///
/// ```
/// use opus_runtime::example;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = example::policy();
/// let mut batch = policy.batch(100);
/// let inputs = batch.inputs_mut();
/// inputs.set_rows(2);
/// // submitted_on, age, score, income, requested, work
/// let rows = [[20_100, 17, 800, 9_000_000, 900_000, 0], [20_100, 40, 800, 100_000, 900_000, 0]];
/// for (row, cells) in rows.iter().enumerate() {
///     cells.iter().enumerate().for_each(|(field, cell)| inputs.set(field, row, Some(*cell)));
/// }
/// batch.decide();
/// assert_eq!(batch.rows(), [0]);
/// assert_eq!(batch.rules(), [0]);
/// assert_eq!(batch.versions(), [1]);
/// let (row, reason) = &batch.refused()[0];
/// assert_eq!((*row, &*reason.name), (1, "Q1"));
/// # Ok(())
/// # }
/// ```
pub struct Batch {
    policy: Policy,
    route: Route,
    inputs: Columns,
    /// By decided row, the row of the batch that it was; there may be more of them than rows.
    rows: Vec<u32>,
    /// Whether `rows` counts up from 0, as it does until a row is taken out.
    rows_are_all: bool,
    versions: Vec<u16>,
    outputs: Columns,
    refused: Vec<(u32, Reason)>,
    work: Work,
}

/// What decides the rows of a batch: a policy with its engine, or an evaluator that checks engines.
///
/// ```
/// use opus_runtime::{Decide, example};
/// fn engine_of(decide: &dyn Decide) -> String {
///     decide.batch(1).engine().to_string()
/// }
/// println!("{}", engine_of(&example::policy()));
/// ```
pub trait Decide: Sync {
    /// An empty batch with room for at least this many rows.
    fn batch(&self, capacity_rows: usize) -> Batch;

    /// Decides every row of a batch that is not refused.
    fn decide(&self, batch: &mut Batch);
}

impl Decide for Policy {
    fn batch(&self, capacity_rows: usize) -> Batch {
        Policy::batch(self, capacity_rows)
    }

    fn decide(&self, batch: &mut Batch) {
        batch.decide();
    }
}

/// What is used again from batch to batch.
struct Work {
    scratch: Scratch,
    parts: Vec<Vec<u32>>,
    gathered: Option<Columns>,
    decided: Option<Columns>,
    /// By version, where Booleans go.
    admitted: Vec<Option<Columns>>,
    /// Rows and the requires that they break.
    broken: Vec<(u32, u32)>,
}

impl Batch {
    pub(crate) fn new(policy: &Policy, capacity_rows: usize) -> Batch {
        let program = policy.artifact().program();
        let shapes = policy.shapes();
        let count = program.versions.len();
        Batch {
            route: Route::new(program.schema.effective, program.versions.iter().map(|version| version.from)),
            inputs: Columns::new(&shapes.inputs, capacity_rows),
            outputs: Columns::new(&shapes.decided, capacity_rows),
            rows: Vec::new(),
            rows_are_all: true,
            versions: Vec::new(),
            refused: Vec::new(),
            work: Work {
                scratch: Scratch::default(),
                parts: Vec::new(),
                gathered: None,
                decided: None,
                admitted: vec![None; count],
                broken: Vec::new(),
            },
            policy: policy.clone(),
        }
    }

    /// The policy whose rows these are.
    ///
    /// ```
    /// let policy = opus_runtime::example::policy();
    /// assert_eq!(policy.batch(1).policy().schema_hash(), policy.schema_hash());
    /// ```
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The engine that decides.
    pub fn engine(&self) -> Engine {
        self.policy.columns().engine()
    }

    /// Why the virtual machine runs although native code was wanted.
    pub fn fallback(&self) -> Option<&str> {
        self.policy.columns().fallback()
    }

    /// How many rows there is room for.
    pub fn capacity_rows(&self) -> usize {
        self.inputs.capacity_rows()
    }

    /// Forgets all rows, so that the batch can be filled again.
    pub fn clear(&mut self) {
        self.inputs.set_rows(0);
        self.outputs.set_rows(0);
        self.versions.clear();
        self.refused.clear();
    }

    /// The columns of the input fields, to be filled: each cell the integer that the field counts. Cells of rows
    /// that are [refused](Batch::refuse) may hold anything. Columns that were filled elsewhere can be put in their
    /// place, where they have the same shape.
    pub fn inputs_mut(&mut self) -> &mut Columns {
        &mut self.inputs
    }

    /// The columns of the input fields, as they were filled.
    pub(crate) fn inputs(&self) -> &Columns {
        &self.inputs
    }

    /// The input columns and the reasons to refuse rows, to be filled together: a reason names its row.
    pub fn filling(&mut self) -> (&mut Columns, &mut Vec<(u32, Reason)>) {
        (&mut self.inputs, &mut self.refused)
    }

    /// Says why a row is not to be decided; a row may have several reasons. Rows that there are not when the batch is
    /// decided are not decided either way.
    ///
    /// ```
    /// use opus_runtime::admission::Reason;
    /// let policy = opus_runtime::example::policy();
    /// let mut batch = policy.batch(1);
    /// batch.inputs_mut().set_rows(1);
    /// batch.refuse(0, Reason::malformed_row("the line is not a JSON object"));
    /// batch.decide();
    /// assert_eq!((batch.rows().len(), batch.refused().len()), (0, 1));
    /// ```
    ///
    /// # Panics
    /// If there is no such row.
    pub fn refuse(&mut self, row: usize, reason: Reason) {
        assert!(row < self.inputs.capacity_rows(), "a reason names a row of the batch");
        self.refused.push((row as u32, reason));
    }

    /// Decides every row that is not refused. The input columns are used up: [clear](Batch::clear) the batch and fill them
    /// again for the next rows.
    pub fn decide(&mut self) {
        self.close_up_refused();
        self.fill_missing();
        let version = self.route.versions(&self.inputs, &mut self.versions);
        self.admit(version);
        let version =
            if self.take_broken() { self.route.versions(&self.inputs, &mut self.versions) } else { version };
        self.run_decisions(version);
        self.sort_refused();
    }

    /// Orders reasons by row, and those of one row by field, then by require.
    fn sort_refused(&mut self) {
        self.refused.sort_by_key(|(row, reason)| (*row, reason.place));
    }

    /// Decides every row that is not refused with an evaluator that checks the engines. It is given rows, by input
    /// index the integer of the field or `None` if it is missing, and answers each of them. The bookkeeping is
    /// that of [`Batch::decide`].
    ///
    /// # Panics
    /// Where there are not as many answers as rows.
    pub fn decide_with(
        &mut self,
        decide: impl FnOnce(&[Vec<Option<i128>>]) -> Vec<Result<Verdict, Vec<Reason>>>,
    ) {
        self.close_up_refused();
        let cells = |row| (0..self.inputs.len()).map(|field| self.inputs.get(field, row)).collect();
        let given: Vec<Vec<Option<i128>>> = (0..self.inputs.rows()).map(cells).collect();
        let answers = decide(&given);
        assert_eq!(answers.len(), given.len(), "each row is answered");
        let (mut verdicts, mut gone) = (Vec::with_capacity(answers.len()), Vec::new());
        for (row, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(verdict) => verdicts.push(verdict),
                Err(reasons) => {
                    gone.push(row as u32);
                    let of_batch = self.rows[row];
                    self.refused.extend(reasons.into_iter().map(|reason| (of_batch, reason)));
                }
            }
        }
        self.take_out(&gone);
        self.make_room_for_outputs();
        self.versions.clear();
        let rule = self.outputs.len() - 1;
        for (row, verdict) in verdicts.iter().enumerate() {
            self.versions.push(verdict.version as u16);
            let outputs = verdict.outputs.iter().enumerate();
            outputs.for_each(|(output, value)| self.outputs.set(output, row, Some(*value)));
            self.outputs.set(rule, row, Some(verdict.rule as i128));
        }
        self.sort_refused();
    }

    /// By decided row, the row of the batch that it was; ascending.
    pub fn rows(&self) -> &[u32] {
        &self.rows[..self.outputs.rows()]
    }

    /// By decided row, the policy's outputs, then the index of the rule.
    pub fn outputs(&self) -> &Columns {
        &self.outputs
    }

    /// By decided row, the index of the rule in the program.
    pub fn rules(&self) -> &[u16] {
        &self.outputs.values(self.outputs.len() - 1)[..self.outputs.rows()]
    }

    /// By decided row, the index of the version in the program.
    pub fn versions(&self) -> &[u16] {
        &self.versions
    }

    /// Every reason for which a row is refused, with the row of the batch; ascending.
    pub fn refused(&self) -> &[(u32, Reason)] {
        &self.refused
    }

    fn close_up_refused(&mut self) {
        if !self.rows_are_all {
            self.rows.clear();
            self.rows_are_all = true;
        }
        self.rows.extend(self.rows.len() as u32..self.inputs.rows() as u32);
        let mut refused: Vec<u32> = self.refused.iter().map(|(row, _)| *row).collect();
        refused.sort_unstable();
        self.take_out(&refused);
    }

    /// Removes rows; `gone` is ascending and may name a row more than once.
    fn take_out(&mut self, gone: &[u32]) {
        if gone.is_empty() {
            return;
        }
        let kept = without(self.inputs.rows() as u32, gone);
        rows::close_up(&mut self.inputs, &kept);
        for (to, from) in kept.iter().enumerate() {
            self.rows[to] = self.rows[*from as usize];
        }
        self.rows_are_all = false;
    }

    fn fill_missing(&mut self) {
        for (index, field) in
            self.policy.schema().inputs.iter().enumerate().filter(|(_, field)| field.optional)
        {
            let range = field.domain.range;
            rows::fill_missing(&mut self.inputs, index, 0.clamp(range.lo, range.hi));
        }
    }

    /// Notes which rows break which requires.
    fn admit(&mut self, version: Option<u16>) {
        let Batch { policy, inputs, work, .. } = self;
        let versions = &policy.artifact().program().versions;
        work.broken.clear();
        if versions.iter().all(|version| version.requires.is_empty()) {
            return;
        }
        let whole = version.map_or(Whose::All, |version| Whose::Version(version as usize));
        if work.admit(policy, Function { stage: Stage::Admit, whose: whole }, inputs, None)
            || version.is_some()
        {
            return;
        }
        partition(&self.versions, &mut work.parts);
        for (version, part) in std::mem::take(&mut work.parts).iter().enumerate() {
            if !part.is_empty() && !versions[version].requires.is_empty() {
                let mut gathered = room(&mut work.gathered, &policy.shapes().inputs, inputs);
                rows::gather(inputs, part, &mut gathered);
                work.admit(policy, Function::admit(version), &gathered, Some(part));
                work.gathered = Some(gathered);
            }
        }
    }

    /// Takes the rows out that break a require; answers whether there were any.
    fn take_broken(&mut self) -> bool {
        let mut broken = std::mem::take(&mut self.work.broken);
        broken.sort_unstable();
        let requires = &self.policy.artifact().program().requires;
        let reason = |index: u32| Reason::require_failed(index, &requires[index as usize]);
        self.refused.extend(broken.iter().map(|(row, index)| (self.rows[*row as usize], reason(*index))));
        let gone: Vec<u32> = broken.iter().map(|(row, _)| *row).collect();
        self.take_out(&gone);
        self.work.broken = broken;
        !gone.is_empty()
    }

    fn make_room_for_outputs(&mut self) {
        let rows = self.inputs.rows();
        if self.outputs.capacity_rows() < rows {
            self.outputs = Columns::new(&self.policy.shapes().decided, self.inputs.capacity_rows());
        }
        self.outputs.set_rows(rows);
    }

    fn run_decisions(&mut self, version: Option<u16>) {
        self.make_room_for_outputs();
        let Batch { policy, inputs, outputs, work, .. } = self;
        let engine = policy.columns();
        let whole = version.map_or(Whose::All, |version| Whose::Version(version as usize));
        let function = Function { stage: Stage::Decide, whose: whole };
        if engine.run(function, inputs, outputs, &mut work.scratch) {
            return;
        }
        partition(&self.versions, &mut work.parts);
        let mut gathered = room(&mut work.gathered, &policy.shapes().inputs, inputs);
        let mut decided = room(&mut work.decided, &policy.shapes().decided, inputs);
        for (version, part) in work.parts.iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            rows::gather(inputs, part, &mut gathered);
            engine.run(Function::decide(version), &gathered, &mut decided, &mut work.scratch);
            rows::scatter(&decided, part, outputs);
        }
        (work.gathered, work.decided) = (Some(gathered), Some(decided));
    }
}

impl Work {
    /// Runs a function that admits on rows, which are those of the batch or a `part` of them; answers whether there
    /// is one.
    fn admit(&mut self, policy: &Policy, function: Function, inputs: &Columns, part: Option<&[u32]>) -> bool {
        let version = match function.whose {
            Whose::Version(version) => version,
            // all versions require the same
            Whose::All => 0,
        };
        let shape = policy.shapes().outputs(function);
        let mut admitted = room(&mut self.admitted[version], shape, inputs);
        let engine: &ColumnEngine = policy.columns();
        let ran = engine.run(function, inputs, &mut admitted, &mut self.scratch);
        if ran {
            let requires = &policy.artifact().program().versions[version].requires;
            for (column, require) in requires.iter().enumerate() {
                let holds = &admitted.values::<u8>(column)[..inputs.rows()];
                if holds.contains(&0) {
                    let failed = holds.iter().enumerate().filter(|(_, holds)| **holds == 0);
                    let original = |row: usize| part.map_or(row as u32, |part| part[row]);
                    self.broken.extend(failed.map(|(row, _)| (original(row), *require)));
                }
            }
        }
        self.admitted[version] = Some(admitted);
        ran
    }
}

/// Reuses columns, or makes new ones if they have no room for the rows of `columns`.
fn room(kept: &mut Option<Columns>, shape: &[Column], columns: &Columns) -> Columns {
    let kept = kept.take().filter(|kept| kept.capacity_rows() >= columns.rows());
    kept.unwrap_or_else(|| Columns::new(shape, columns.capacity_rows()))
}

/// The rows below `count` that are not in `gone`, which is ascending.
fn without(count: u32, gone: &[u32]) -> Vec<u32> {
    let mut kept = Vec::with_capacity(count as usize);
    let mut next = 0;
    for row in gone.iter().filter(|row| **row < count) {
        kept.extend(next..*row);
        next = next.max(*row + 1);
    }
    kept.extend(next..count);
    kept
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn rows_are_left_out_once() {
        assert_eq!(without(5, &[]), [0, 1, 2, 3, 4]);
        assert_eq!(without(5, &[0, 2, 2, 4]), [1, 3]);
        assert_eq!(without(3, &[1, 1, 1]), [0, 2]);
        assert!(without(2, &[0, 1]).is_empty());
        assert_eq!(without(2, &[1, 5]), [0]);
    }
}
