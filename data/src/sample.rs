//! Which inputs could a policy meet? Synthetic rows, drawn from the types that the policy declares.
//!
//! Amounts are log-uniform: as many between 10 and 100 as between 100 and 1,000. Dates keep near one another
//! half of the time, as the dates of one case do. Every row depends on the seed and its own number alone, so
//! that the bytes are the same on every machine and with any number of threads.

use opus_ir::memory::Columns;
use opus_ir::{Domain, Field, Imm, Interval, Kind, Program, Schema, Verified};

/// How often an optional field is missing: once in so many rows.
const MISSING_ONE_IN: u64 = 12;
/// How often a date is drawn near an earlier date of its row: once in so many.
const NEAR_ONE_IN: u64 = 2;
/// How often a value is drawn from the edges, where edges are asked for: once in so many.
const EDGE_ONE_IN: u64 = 3;

/// What rows are drawn from.
pub struct Sampler {
    schema: Schema,
    seed: u64,
    /// By input index, the values at which something changes; empty where they are not asked for.
    edges: Vec<Vec<i128>>,
}

impl Sampler {
    /// A sampler of the inputs of `schema`.
    pub fn new(schema: &Schema, seed: u64) -> Sampler {
        Sampler { schema: schema.clone(), seed, edges: vec![Vec::new(); schema.inputs.len()] }
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

    /// Draws the row with this number (from 0) into row `at` of `columns`; another `attempt` gives another row.
    pub fn draw(&self, number: u64, attempt: u32, columns: &mut Columns, at: usize) {
        let mut random = Random::new(self.seed, number, attempt);
        let mut dates: Option<i128> = None;
        for (index, field) in self.schema.inputs.iter().enumerate() {
            let missing = field.optional && random.one_in(MISSING_ONE_IN);
            let value = self.value(index, field, dates, &mut random);
            if field.kind == Kind::Date {
                dates = Some(value);
            }
            columns.set(index, at, (!missing).then_some(value));
        }
    }

    fn value(&self, index: usize, field: &Field, date: Option<i128>, random: &mut Random) -> i128 {
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
        found.extend(func.tables.values().flatten());
    }
    found.extend(program.versions.iter().map(|version| version.from as i128));
    found.sort_unstable();
    found.dedup();
    found
}

/// A stream of random numbers that is the same everywhere: SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn new(seed: u64, number: u64, attempt: u32) -> Random {
        let mut random = Random(seed ^ 0x4f70_7573);
        random.0 = random.next() ^ number;
        random.0 = random.next() ^ attempt as u64;
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0. For bounds of 64 bits the bias is below one in 2^64.
    fn below(&mut self, bound: u128) -> u128 {
        match u64::try_from(bound) {
            Ok(bound) => (self.next() as u128 * bound as u128) >> 64,
            Err(_) => ((self.next() as u128) << 64 | self.next() as u128) % bound,
        }
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count as u128) == 0
    }

    /// A number up to `limit`: first its order of magnitude to the base of two, then the number.
    fn log_uniform(&mut self, limit: u128) -> u128 {
        let bits = 128 - limit.leading_zeros();
        let magnitude = self.below(bits as u128 + 1) as u32;
        if magnitude == 0 {
            return 0;
        }
        let (low, high) = (1u128 << (magnitude - 1), (u128::MAX >> (128 - magnitude)).min(limit));
        low + self.below(high - low + 1)
    }
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

    #[test]
    fn amounts_spread_over_their_orders_of_magnitude() {
        let mut random = Random::new(1, 0, 0);
        let mut by_digits = [0u32; 10];
        for _ in 0..10_000 {
            let digits = random.log_uniform(1_000_000_000).checked_ilog10().unwrap_or(0);
            by_digits[digits as usize] += 1;
        }
        assert!(by_digits[..9].iter().all(|count| *count > 500), "{by_digits:?}");
    }

    #[test]
    fn bounds_of_any_width_are_kept() {
        let mut random = Random::new(2, 0, 0);
        for bound in [1, 2, 3, 1 << 40, u64::MAX as u128 + 1, u128::MAX] {
            assert!((0..100).all(|_| random.below(bound) < bound));
            assert!((0..100).all(|_| random.log_uniform(bound - 1) < bound));
        }
    }
}
