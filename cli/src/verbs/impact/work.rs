//! What does a thread do with a chunk? Admit and decide its rows under both policies, compare, count, and write down what
//! differs.

use std::collections::BTreeMap;

use opus_data::pipeline::Noted;
use opus_data::write::{Encoded, Encoder};
use opus_data::{Chunk, DataError, Groups, Intake, Kept, RowFault};
use opus_govern::impact::{Counts, Plan};
use opus_govern::joint::Projection;
use opus_ir::memory::Columns;
use opus_runtime::batch::Spare;
use opus_runtime::{Batch, Decide};

use super::changed::{Beside, Changed};

/// A column with more values says nothing about groups.
const GROUPS_MAX: usize = 1_000;

/// What every thread knows.
pub struct Worker<'a> {
    intake: &'a Intake,
    projections: &'a [Projection; 2],
    engines: [&'a dyn Decide; 2],
    plan: &'a Plan,
    /// The position of the column that rows are grouped by, and what it is.
    by: Option<(usize, Kept)>,
    /// Where changed rows go.
    table: Option<(Changed, Box<dyn Encoder>)>,
    spare: Spare<Room>,
}

/// Memory for the rows of a chunk.
struct Room {
    wide: Columns,
    faults: Vec<RowFault>,
    batches: [Batch; 2],
    /// Every row.
    rows: Vec<u32>,
}

/// A chunk that is done.
pub struct Done {
    /// By value of the column that rows are grouped by.
    pub counts: Vec<(Option<String>, Counts)>,
    /// The changed rows; `None` where there are none, or nobody wants them.
    pub rows: Option<Encoded>,
}

impl<'a> Worker<'a> {
    pub fn new(
        intake: &'a Intake,
        projections: &'a [Projection; 2],
        engines: [&'a dyn Decide; 2],
        plan: &'a Plan,
        by: Option<(usize, Kept)>,
        table: Option<(Changed, Box<dyn Encoder>)>,
    ) -> Worker<'a> {
        Worker { intake, projections, engines, plan, by, table, spare: Spare::default() }
    }

    /// Decides a chunk twice and compares.
    pub fn process(&self, chunk: Chunk) -> Result<(Done, Noted), DataError> {
        let rows = chunk.rows;
        let mut room = self.spare.take(|room| room.wide.capacity_rows() >= rows, || self.room(rows));
        let done = self.process_in(&mut room, chunk);
        self.spare.give_back(room);
        done
    }

    fn room(&self, rows: usize) -> Room {
        Room {
            wide: Columns::new(&self.intake.schema.input_columns(), rows),
            faults: Vec::new(),
            batches: self.engines.map(|engine| engine.batch(rows)),
            rows: Vec::new(),
        }
    }

    fn process_in(&self, room: &mut Room, chunk: Chunk) -> Result<(Done, Noted), DataError> {
        let (first_row, count) = (chunk.first_row, chunk.rows);
        let Room { wide, faults, batches, rows } = room;
        faults.clear();
        let (kept, noted) = chunk.read(self.intake, wide, faults)?;
        rows.clear();
        rows.extend(0..count as u32);
        for (side, batch) in batches.iter_mut().enumerate() {
            self.projections[side].admit(wide, faults, rows, batch);
            self.engines[side].decide(batch);
        }
        let [a, b] = batches;
        let changed = self.plan.comparison.changed(a, b, None);
        let groups = match &self.by {
            Some((position, column)) => Groups::of(&kept[*position], column, GROUPS_MAX)?,
            None => Groups { values: vec![None], of_row: Vec::new() },
        };
        let counts = self.plan.count(a, b, rows, &changed, &groups.of_row, groups.values.len());
        let rows = match &self.table {
            Some((table, encoder)) if !changed.is_empty() => Some(table.encode(
                encoder.as_ref(),
                self.plan,
                [a, b],
                first_row,
                &changed,
                Beside { kept: &kept, more: Vec::new() },
            )?),
            _ => None,
        };
        Ok((Done { counts: groups.values.into_iter().zip(counts).collect(), rows }, noted))
    }
}

/// What was counted so far.
pub struct Tally {
    /// Over all rows.
    pub all: Counts,
    /// The column that rows are grouped by.
    pub by: Option<String>,
    /// By its value.
    pub groups: BTreeMap<Option<String>, Counts>,
}

impl Tally {
    /// The groups in the order of their values: numbers by size, all else as texts.
    pub fn in_order(&self) -> Vec<(&Option<String>, &Counts)> {
        let size = |value: &Option<String>| match value {
            None => Some(f64::NEG_INFINITY),
            Some(text) => text.parse::<f64>().ok().filter(|size| size.is_finite()),
        };
        let mut groups: Vec<_> = self.groups.iter().collect();
        if groups.iter().all(|(value, _)| size(value).is_some()) {
            groups.sort_by(|(a, _), (b, _)| size(a).unwrap_or(0.0).total_cmp(&size(b).unwrap_or(0.0)));
        }
        groups
    }

    pub fn new(plan: &Plan, by: Option<&str>) -> Tally {
        Tally { all: plan.nothing(), by: by.map(str::to_owned), groups: BTreeMap::new() }
    }

    /// Adds the counts of the next chunk.
    pub fn add(&mut self, counts: Vec<(Option<String>, Counts)>) -> Result<(), DataError> {
        for (value, counts) in counts {
            self.all.add(&counts);
            let Some(by) = &self.by else { continue };
            match self.groups.get_mut(&value) {
                Some(known) => known.add(&counts),
                None => _ = self.groups.insert(value, counts),
            }
            if self.groups.len() > GROUPS_MAX {
                return Err(Groups::too_many(by, GROUPS_MAX));
            }
        }
        Ok(())
    }
}
