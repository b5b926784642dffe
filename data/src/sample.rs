//! Which inputs could a policy meet? Synthetic rows, drawn from the types that the policy declares.
//!
//! Amounts are log-uniform: as many between 10 and 100 as between 100 and 1,000. Dates keep near one another
//! half of the time, as the dates of one case do. Every row depends on the seed and its own number alone, so
//! that the bytes are the same on every machine and with any number of threads.

pub mod profile;
mod random;

use opus_ir::memory::Columns;
use opus_ir::{Domain, Entries, Field, Imm, Interval, Kind, Program, Schema, Verified};

use profile::Profile;
use random::Random;

/// An optional field is missing once in this many rows.
const MISSING_ONE_IN: u64 = 12;
/// A date is drawn near an earlier date of its row once in this many times.
const NEAR_ONE_IN: u64 = 2;
/// If edges are requested, a value is drawn from them once in this many times.
const EDGE_ONE_IN: u64 = 3;

/// What rows are drawn from.
///
/// ```
/// use opus_data::sample::Sampler;
/// use opus_data::sample::profile::Profile;
/// use opus_ir::memory::Columns;
///
/// let schema = opus_runtime::example::program().schema;
/// let profile = Profile::parse("age = { range = [40, 40] }", &schema)?;
/// let sampler = Sampler::new(&schema, 7).with_profile(profile);
/// let mut columns = Columns::new(&schema.input_columns(), 1);
/// columns.set_rows(1);
/// sampler.draw(0, 0, &mut columns, 0);
/// assert_eq!(columns.get(1, 0), Some(40));
/// # Ok::<(), opus_data::DataError>(())
/// ```
pub struct Sampler {
    schema: Schema,
    seed: u64,
    /// By input index, the values at which something changes; empty where they are not asked for.
    edges: Vec<Vec<i128>>,
    profile: Option<Profile>,
}

impl Sampler {
    /// A sampler of the inputs of `schema`.
    pub fn new(schema: &Schema, seed: u64) -> Sampler {
        Sampler { schema: schema.clone(), seed, edges: vec![Vec::new(); schema.inputs.len()], profile: None }
    }

    /// Draws the values at which something can change more often: the ends of each field's range, and the
    /// constants of the policy with their neighbours.
    pub fn with_edges(mut self, program: &Program<Verified>) -> Sampler {
        let constants = constants(program);
        let edges_of = |field: &Field| {
            let Interval { lo, hi } = field.domain.range;
            let near = constants.iter().flat_map(|x| [x.saturating_sub(1), *x, x.saturating_add(1)]);
            let mut edges: Vec<i128> = near.chain([lo, hi]).filter(|x| field.domain.contains(*x)).collect();
            edges.sort_unstable();
            edges.dedup();
            edges
        };
        self.edges = self.schema.inputs.iter().map(edges_of).collect();
        self
    }

    /// Draws the fields that a profile names as it says.
    pub fn with_profile(self, profile: Profile) -> Sampler {
        Sampler { profile: Some(profile), ..self }
    }

    /// Draws the row with this number (from 0) into row `at` of `columns`; another `attempt` gives another row.
    pub fn draw(&self, number: u64, attempt: u32, columns: &mut Columns, at: usize) {
        let mut random = Random::new(self.seed, number, attempt);
        let mut dates: Option<i128> = None;
        for (index, field) in self.schema.inputs.iter().enumerate() {
            let profile = self.profile.as_ref().map(|profile| profile.field(index));
            let missing = profile.and_then(|profile| profile.draw_missing(&mut random));
            let missing = missing.unwrap_or_else(|| field.optional && random.one_in(MISSING_ONE_IN));
            let value = self.value(index, field, dates, &mut random);
            if field.kind == Kind::Date {
                dates = Some(value);
            }
            columns.set(index, at, (!missing).then_some(value));
        }
    }

    fn value(&self, index: usize, field: &Field, date: Option<i128>, random: &mut Random) -> i128 {
        if let Some(spread) = self.profile.as_ref().and_then(|profile| profile.field(index).spread.as_ref()) {
            return spread.draw(random);
        }
        let edges = &self.edges[index];
        if !edges.is_empty() && random.one_in(EDGE_ONE_IN) {
            return edges[random.below(edges.len() as u128) as usize];
        }
        let follows = field.kind == Kind::Date && field.domain.set.is_none();
        if let Some(near) = date.filter(|_| follows && random.one_in(NEAR_ONE_IN)) {
            let distance = random.log_uniform(1 << 9) as i128;
            let value = if random.one_in(4) { near - distance } else { near + distance };
            return value.clamp(field.domain.range.lo, field.domain.range.hi);
        }
        from_domain(&field.domain, field.kind == Kind::Money, random)
    }
}

fn from_domain(domain: &Domain, log_uniform: bool, random: &mut Random) -> i128 {
    let Interval { lo, hi } = domain.range;
    if let Some(set) = &domain.set {
        return set[random.below(set.len() as u128) as usize];
    }
    let span = hi.wrapping_sub(lo) as u128;
    let offset = if log_uniform { random.log_uniform(span) } else { random.below(span.saturating_add(1)) };
    lo.wrapping_add(offset as i128)
}

/// Every constant that a policy compares with, ascending.
fn constants(program: &Program<Verified>) -> Vec<i128> {
    let mut found = Vec::new();
    for func in program.versions.iter().flat_map(|version| [&version.admit, &version.decide]) {
        let insts = func.values.keys().filter_map(|value| func.inst(value));
        found.extend(insts.filter(|inst| inst.op.row().imm == Imm::Const).map(|inst| inst.imm));
        found.extend(func.tables.values().flat_map(Entries::known));
    }
    found.extend(program.versions.iter().map(|version| version.from as i128));
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind, lo: i128, hi: i128, optional: bool) -> Field {
        Field { name: name.to_owned(), kind, domain: Domain::all(Interval::new(lo, hi)), optional }
    }

    fn schema() -> Schema {
        let inputs = vec![
            field("income", Kind::Money, 0, 1_000_000_000, false),
            field("score", Kind::Int, 300, 850, true),
            field("opened", Kind::Date, 0, 20_000, false),
            field("closed", Kind::Date, 0, 20_000, false),
        ];
        Schema { inputs, ..Schema::default() }
    }

    #[test]
    fn rows_keep_to_their_types_and_depend_on_their_number_alone() {
        let schema = schema();
        let sampler = Sampler::new(&schema, 7);
        let mut columns = Columns::new(&schema.input_columns(), 1000);
        columns.set_rows(1000);
        (0..1000).for_each(|row| sampler.draw(row as u64, 0, &mut columns, row));
        for (index, field) in schema.inputs.iter().enumerate() {
            for row in 0..1000 {
                let value = columns.get(index, row);
                assert!(
                    value.map_or(field.optional, |value| field.domain.contains(value)),
                    "{index} {row} {value:?}"
                );
            }
        }
        let mut again = Columns::new(&schema.input_columns(), 1);
        again.set_rows(1);
        sampler.draw(617, 0, &mut again, 0);
        assert!((0..schema.inputs.len()).all(|index| again.get(index, 0) == columns.get(index, 617)));
    }
}
