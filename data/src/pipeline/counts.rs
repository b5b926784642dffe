//! How many rows, of what? What the summary of a batch says, added up chunk by chunk.

use std::collections::BTreeMap;

use opus_ir::memory::Columns;
use opus_ir::{Fault, Kind, Scalar, Schema, by_width};

use crate::texts::truncated;
use crate::{Names, RowFault};

/// The most characters shown of a value.
const SHOWN_CHARACTERS: usize = 40;

/// Rows by what became of them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Rows that were read.
    pub rows: u64,
    /// Rows that were decided.
    pub decided: u64,
    /// Faults by what is wrong and where; a row may have several.
    pub faults: Vec<FaultCount>,
    /// By output index, for enums the rows per value, in the order of the values; empty for other outputs.
    pub values: Vec<Vec<u64>>,
    /// By version index, the rows per rule, by rule index.
    pub rules: Vec<Vec<u64>>,
}

/// How often something is wrong somewhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FaultCount {
    /// What is wrong.
    pub fault: Fault,
    /// The field, or the id of the require; empty where it is the row as a whole.
    pub name: String,
    /// How often.
    pub count: u64,
    /// The number of the first row with it, and the value there.
    pub first: (u64, String),
}

impl Counts {
    /// Nothing counted yet.
    pub fn new(schema: &Schema, names: &Names) -> Counts {
        let count_of = |kind: Kind| match kind {
            Kind::Enum(index) => schema.enums[index as usize].values.len(),
            _ => 0,
        };
        Counts {
            values: schema.outputs.iter().map(|output| vec![0; count_of(output.kind)]).collect(),
            rules: vec![vec![0; names.rules.len()]; names.versions.len()],
            ..Counts::default()
        }
    }

    /// Rows that were refused.
    pub fn rejected(&self) -> u64 {
        self.rows - self.decided
    }

    /// Counts decisions.
    pub fn count_decisions(&mut self, outputs: &Columns, rules: &[u16], versions: &[u16]) {
        self.decided += rules.len() as u64;
        for (index, counts) in self.values.iter_mut().enumerate().filter(|(_, counts)| !counts.is_empty()) {
            by_width!(outputs.column(index).width, Cell => {
                count(&outputs.values::<Cell>(index)[..outputs.rows()], counts);
            });
        }
        for (rule, version) in rules.iter().zip(versions) {
            self.rules[*version as usize][*rule as usize] += 1;
        }
    }

    /// Counts the faults of rows, in the order of the rows; `first_row` is the number of the row with index 0.
    pub fn count_faults(&mut self, first_row: u64, faults: &[RowFault]) {
        let mut counts: BTreeMap<(Fault, &str), (u64, &RowFault)> = BTreeMap::new();
        for fault in faults {
            let reason = &fault.1;
            counts.entry((reason.fault, &reason.name)).or_insert((0, fault)).0 += 1;
        }
        let found = counts.into_iter().map(|((fault, name), (count, (row, reason)))| FaultCount {
            fault,
            name: name.to_owned(),
            count,
            first: (first_row + u64::from(*row), truncated(&reason.value, SHOWN_CHARACTERS)),
        });
        self.add_faults(found.collect());
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Counts) {
        self.rows += other.rows;
        self.decided += other.decided;
        let pairs =
            self.values.iter_mut().chain(&mut self.rules).zip(other.values.iter().chain(&other.rules));
        for (ours, theirs) in pairs {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        }
        self.add_faults(other.faults.clone());
    }

    fn add_faults(&mut self, found: Vec<FaultCount>) {
        for fault in found {
            match self.faults.iter_mut().find(|known| known.fault == fault.fault && known.name == fault.name)
            {
                Some(known) => known.count += fault.count,
                None => self.faults.push(fault),
            }
        }
        self.faults.sort();
    }
}

fn count<T: Scalar>(codes: &[T], counts: &mut [u64]) {
    // several counters per value, so that a run of one value does not wait for itself
    let mut partial = vec![[0u32; 4]; counts.len()];
    for (index, code) in codes.iter().enumerate() {
        if let Some(partial) = partial.get_mut(code.wide() as usize) {
            partial[index % 4] += 1;
        }
    }
    for (count, partial) in counts.iter_mut().zip(partial) {
        *count += partial.iter().map(|count| *count as u64).sum::<u64>();
    }
}
