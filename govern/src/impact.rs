//! What does a change do to a portfolio? How many rows are decided differently, and from which value to which; what the
//! sums of numbers were before and are after; which rules and versions decide, and why rows are refused.
//!
//! Everything is counted column by column, over two batches with the same rows. Each count is kept separately for each
//! group of rows, so that the counts of the groups add up to the totals.

use std::collections::BTreeMap;

use opus_ir::{Fault, Kind, Program, Scalar as _, Schema, by_width};
use opus_runtime::Batch;
use opus_runtime::admission::Reason;

use crate::results::{Comparison, places};
use crate::total::Total;

/// What is counted, for two policies. Where there are two of something, the first is before the change and the second
/// after it.
///
/// ```
/// use opus_govern::impact::Plan;
/// use opus_govern::source::open;
/// use opus_runtime::{Cache, Options, Policy};
///
/// let policy = |limit: u8| {
///     let source = format!(
///         "policy shop {{ currency USD  input {{ age : int in 0..120 }}  output {{ child : bool  price : money in $0..$9 }}
///          rules first {{ rule A when age < {limit} => true, $4  otherwise B => false, $9 }} }}");
///     open(source.into(), &Cache::Off).map(|(opened, _)| Policy::from_artifact(opened.artifact, &Options::default()).unwrap())
/// };
/// let (a, b) = (policy(18)?, policy(21)?);
/// let decided = |policy: &Policy| {
///     let mut batch = policy.batch(3);
///     batch.inputs_mut().set_rows(3);
///     [17, 18, 21].iter().enumerate().for_each(|(row, age)| batch.inputs_mut().set(0, row, Some(*age)));
///     batch.decide();
///     batch
/// };
/// let plan = Plan::new(a.artifact().program(), b.artifact().program());
/// let (before, after) = (decided(&a), decided(&b));
/// let changed = plan.comparison.changed(&before, &after, None);
/// let counts = plan.count(&before, &after, &[0, 1, 2], &changed, &[], 1).remove(0);
/// assert_eq!((counts.rows, counts.changed), (3, 1));
/// // from `false` to `true`
/// assert_eq!(counts.moved(&plan, 0, 0, 1), 1);
/// let price = &counts.sums[0];
/// assert_eq!((price.before.written(2), price.after.written(2)), ("22.00".into(), "17.00".into()));
/// assert_eq!((price.gained.written(2), price.lost.written(2)), ("0.00".into(), "5.00".into()));
/// # Ok::<(), opus_govern::source::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    /// How results are compared.
    pub comparison: Comparison,
    /// The outputs whose values are listed: enums and Booleans.
    pub listed: Vec<Listed>,
    /// The outputs that are summed: numbers.
    pub summed: Vec<Summed>,
    /// The ids of rules, each once: those of the second policy and then others of the first.
    pub rules: Vec<String>,
    /// The numbers of versions, each once, ascending.
    pub versions: Vec<u32>,
    /// By rule index, the place in `rules`.
    rule_places: [Vec<usize>; 2],
    /// By version index, the place in `versions`.
    version_places: [Vec<usize>; 2],
    version_numbers: [Vec<u32>; 2],
}

/// An output with the values that it has in either policy.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The names of its values: those of the second policy in their order, and then others of the first.
    pub values: Vec<String>,
    outputs: [usize; 2],
    /// By code, the place in `values`.
    places: [Vec<usize>; 2],
}

/// An output that is a number.
#[derive(Clone, Debug)]
pub struct Summed {
    /// Its name.
    pub name: String,
    /// Its kind in the second policy.
    pub kind: Kind,
    /// Sums count `10^-decimals`.
    pub decimals: u8,
    outputs: [usize; 2],
    /// What one count of either policy is in sums.
    powers: [i128; 2],
    /// Whether sums over a batch fit in 128 bits.
    is_small: bool,
}

/// What was counted.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Rows.
    pub rows: u64,
    /// Rows whose results differ.
    pub changed: u64,
    /// Rows that are refused.
    pub refused: [u64; 2],
    /// Faults by what is wrong and where; a row may have several. The name is that of the field or the require, and empty
    /// where it is the row as a whole.
    pub faults: BTreeMap<(Fault, String), [u64; 2]>,
    /// By place in [`Plan::rules`], the rows that the rule decides.
    pub rules: Vec<[u64; 2]>,
    /// By place in [`Plan::versions`], the rows that the version decides.
    pub versions: Vec<[u64; 2]>,
    /// By place in [`Plan::summed`].
    pub sums: Vec<Sums>,
    /// By the place of the first listed output's value, the changed rows that keep it.
    pub kept: Vec<Kept>,
    /// By places in [`Plan::versions`] before and after, rows and changed rows; the place after the last one is that of
    /// refusals.
    pub periods: BTreeMap<(usize, usize), [u64; 2]>,
    /// By place in [`Plan::listed`], row by row of the matrix. The last row and the last column are refusals.
    moves: Vec<Vec<u64>>,
}

/// Rows whose results differ, but not in the first listed output.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kept {
    /// Rows.
    pub rows: u64,
    /// By place in [`Plan::listed`], the rows in which the output differs.
    pub listed: Vec<u64>,
    /// By place in [`Plan::summed`], the rows in which the output differs.
    pub summed: Vec<u64>,
    /// By place in [`Plan::summed`].
    pub sums: Vec<Sums>,
}

/// The sums of an output over rows. A row that is refused adds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Before.
    pub before: Total,
    /// After.
    pub after: Total,
    /// How much more it is, in the rows in which it is more.
    pub gained: Total,
    /// How much less it is, in the rows in which it is less.
    pub lost: Total,
}

impl Plan {
    /// What is counted for these policies.
    pub fn new<F, G>(a: &Program<F>, b: &Program<G>) -> Plan {
        let comparison = Comparison::new(&a.schema, &b.schema);
        let (mut listed, mut summed) = (Vec::new(), Vec::new());
        for output in &comparison.outputs {
            let [first, second] = [&a.schema.outputs[output.a], &b.schema.outputs[output.b]];
            let outputs = [output.a, output.b];
            match (names_of(&a.schema, first.kind), names_of(&b.schema, second.kind)) {
                (Some(before), Some(after)) => {
                    let (values, places) = united(&before, &after);
                    listed.push(Listed { name: output.name.clone(), values, outputs, places });
                }
                _ if second.kind == Kind::Date => {}
                _ => {
                    let decimals = [a.schema.decimals(first.kind), b.schema.decimals(second.kind)];
                    let most = decimals[0].max(decimals[1]);
                    let powers = decimals.map(|own| 10i128.pow((most - own).into()));
                    let is_small = [first, second].iter().zip(powers).all(|(field, power)| {
                        let range = field.domain.range;
                        [range.lo, range.hi].iter().all(|end| {
                            end.checked_mul(power).is_some_and(|end| end.unsigned_abs() < 1 << SMALL_BITS)
                        })
                    });
                    let (name, kind) = (output.name.clone(), second.kind);
                    summed.push(Summed { name, kind, decimals: most, outputs, powers, is_small });
                }
            }
        }
        let ids = |rules: &[opus_ir::Rule]| rules.iter().map(|rule| rule.id.clone()).collect::<Vec<_>>();
        let (rules, rule_places) = united(&ids(&a.rules), &ids(&b.rules));
        let before: Vec<u32> = a.versions.iter().map(|version| version.number).collect();
        let after: Vec<u32> = b.versions.iter().map(|version| version.number).collect();
        let mut versions = [before.as_slice(), &after].concat();
        versions.sort_unstable();
        versions.dedup();
        let place = |number: &u32| versions.binary_search(number).expect("each number is there");
        let version_numbers = [before, after];
        let version_places = [0, 1].map(|side: usize| version_numbers[side].iter().map(place).collect());
        Plan { comparison, listed, summed, rules, versions, rule_places, version_places, version_numbers }
    }

    /// The place in [`Plan::rules`] of a rule of the first policy (`side` 0) or the second (1), by its index there.
    pub fn rule_place(&self, side: usize, rule: u16) -> usize {
        self.rule_places[side][rule as usize]
    }

    /// By version index of the first policy (`side` 0) or the second (1), its number.
    pub fn version_numbers(&self, side: usize) -> &[u32] {
        &self.version_numbers[side]
    }

    /// Nothing counted yet.
    pub fn nothing(&self) -> Counts {
        Counts {
            rules: vec![[0; 2]; self.rules.len()],
            versions: vec![[0; 2]; self.versions.len()],
            sums: vec![Sums::default(); self.summed.len()],
            kept: vec![self.nothing_kept(); self.listed.first().map_or(0, |output| output.values.len())],
            moves: self.listed.iter().map(|output| vec![0; output.size() * output.size()]).collect(),
            ..Counts::default()
        }
    }

    fn nothing_kept(&self) -> Kept {
        let (listed, summed) = (self.listed.len(), self.summed.len());
        Kept {
            rows: 0,
            listed: vec![0; listed],
            summed: vec![0; summed],
            sums: vec![Sums::default(); summed],
        }
    }

    /// Counts some rows of two decided batches of the same rows; `changed` are those that have other results. Both lists are
    /// ascending. `groups` names the group of each row that is counted, of which there are `group_count`; an empty list is
    /// one group. Answers what was counted, by group.
    pub fn count(
        &self,
        a: &Batch,
        b: &Batch,
        rows: &[u32],
        changed: &[u32],
        groups: &[u32],
        group_count: usize,
    ) -> Vec<Counts> {
        let group_of = |at: usize| if groups.is_empty() { 0 } else { groups[at] as usize };
        let mut counts = vec![self.nothing(); group_count];
        (0..rows.len()).for_each(|at| counts[group_of(at)].rows += 1);
        let changed: Vec<u32> = places(rows, changed).into_iter().flatten().collect();
        changed.iter().for_each(|at| counts[group_of(*at as usize)].changed += 1);
        let sides = [a, b].map(|batch| Decided { batch, places: places(batch.rows(), rows) });
        for (side, decided) in sides.iter().enumerate() {
            self.count_decided(side, decided, &group_of, &mut counts);
            count_faults(decided.batch.refused(), side, rows, &group_of, &mut counts);
        }
        self.count_periods(&sides, &changed, &group_of, &mut counts);
        let codes: Vec<[Vec<u16>; 2]> = self.listed.iter().map(|output| output.codes(&sides)).collect();
        self.count_kept(&sides, &changed, &codes, &group_of, &mut counts);
        for (at, (output, [before, after])) in self.listed.iter().zip(&codes).enumerate() {
            for (row, (from, to)) in before.iter().zip(after).enumerate() {
                let to_place = *from as usize * output.size() + *to as usize;
                counts[group_of(row)].moves[at][to_place] += 1;
            }
        }
        for (at, output) in self.summed.iter().enumerate() {
            let sums = output.sums(&sides, &group_of, group_count);
            counts.iter_mut().zip(sums).for_each(|(counts, sums)| counts.sums[at] = sums);
        }
        counts
    }
}

/// What a policy decides for the rows that are counted.
struct Decided<'a> {
    batch: &'a Batch,
    /// By row that is counted, its place among the decisions; `None` if it is refused.
    places: Vec<Option<u32>>,
}

impl Plan {
    /// Counts the rules and versions that decide, and the rows that are refused.
    fn count_decided(
        &self,
        side: usize,
        decided: &Decided<'_>,
        group_of: &impl Fn(usize) -> usize,
        counts: &mut [Counts],
    ) {
        let (rules, versions) = (decided.batch.rules(), decided.batch.versions());
        for (row, at) in decided.places.iter().enumerate() {
            let counts = &mut counts[group_of(row)];
            match at {
                Some(at) => {
                    let [rule, version] = [rules[*at as usize], versions[*at as usize]].map(usize::from);
                    counts.rules[self.rule_places[side][rule]][side] += 1;
                    counts.versions[self.version_places[side][version]][side] += 1;
                }
                None => counts.refused[side] += 1,
            }
        }
    }

    /// Counts rows, and changed rows, by group and by versions before and after.
    fn count_periods(
        &self,
        sides: &[Decided<'_>; 2],
        changed: &[u32],
        group_of: &impl Fn(usize) -> usize,
        counts: &mut [Counts],
    ) {
        let [before, after] = [0, 1].map(|side: usize| {
            let versions = sides[side].batch.versions();
            let place = |at: u32| self.version_places[side][usize::from(versions[at as usize])];
            let places = sides[side].places.iter();
            places.map(|at| at.map_or(self.versions.len(), place) as u32).collect::<Vec<u32>>()
        });
        let period = |row: usize| (before[row] as usize, after[row] as usize);
        let each = (0..before.len()).map(|row| (row, 0)).chain(changed.iter().map(|row| (*row as usize, 1)));
        let side = self.versions.len() + 1;
        let cells = counts.len() * side * side;
        if cells > PERIOD_CELLS_MAX {
            for (row, which) in each {
                counts[group_of(row)].periods.entry(period(row)).or_default()[which] += 1;
            }
            return;
        }
        let mut dense = vec![[0; 2]; cells];
        for (row, which) in each {
            let (from, to) = period(row);
            dense[(group_of(row) * side + from) * side + to][which] += 1;
        }
        for (at, found) in dense.into_iter().enumerate().filter(|(_, [rows, _])| *rows > 0) {
            counts[at / side / side].periods.insert((at / side % side, at % side), found);
        }
    }

    /// Counts the changed rows that both policies decide with the same first listed output. `codes` are the places of the
    /// values of listed outputs, by side and row.
    fn count_kept(
        &self,
        sides: &[Decided<'_>; 2],
        changed: &[u32],
        codes: &[[Vec<u16>; 2]],
        group_of: &impl Fn(usize) -> usize,
        counts: &mut [Counts],
    ) {
        let Some([before, after]) = codes.first() else { return };
        let [a, b] = sides;
        for row in changed.iter().map(|row| *row as usize).filter(|row| before[*row] == after[*row]) {
            let (Some(at_a), Some(at_b)) = (a.places[row], b.places[row]) else { continue };
            let kept = &mut counts[group_of(row)].kept[before[row] as usize];
            kept.rows += 1;
            for (count, [before, after]) in kept.listed.iter_mut().zip(codes) {
                *count += u64::from(before[row] != after[row]);
            }
            let value = |of: &Decided<'_>, output: usize, at: u32| {
                of.batch.outputs().get(output, at as usize).expect("an output is never missing")
            };
            for ((count, sums), output) in kept.summed.iter_mut().zip(&mut kept.sums).zip(&self.summed) {
                let [before, after] = [value(a, output.outputs[0], at_a), value(b, output.outputs[1], at_b)];
                let [before, after] =
                    [Total::product(before, output.powers[0]), Total::product(after, output.powers[1])];
                *count += u64::from(before != after);
                sums.before += before;
                sums.after += after;
                if after > before { sums.gained += after - before } else { sums.lost += before - after }
            }
        }
    }
}

/// The most cells of a dense count of a batch by group and versions; beyond that it is sparse.
const PERIOD_CELLS_MAX: usize = 1 << 14;

/// Sums of a batch fit in 128 bits if their terms have no more bits than this: a batch has fewer than 2^32 rows.
const SMALL_BITS: u32 = 94;

/// The names of the values of an output; `None` if they are not listed.
fn names_of(schema: &Schema, kind: Kind) -> Option<Vec<String>> {
    match kind {
        Kind::Enum(index) => {
            Some(schema.enums[index as usize].values.iter().map(|value| value.name.clone()).collect())
        }
        Kind::Bool => Some(vec!["false".to_owned(), "true".to_owned()]),
        _ => None,
    }
}

/// Each name once, those of the second list first, and by index in either list the place of its name.
fn united(before: &[String], after: &[String]) -> (Vec<String>, [Vec<usize>; 2]) {
    let mut places = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for name in after.iter().chain(before) {
        places.entry(name.clone()).or_insert_with(|| {
            names.push(name.clone());
            names.len() - 1
        });
    }
    let of = |list: &[String]| list.iter().map(|name| places[name]).collect();
    let found = [of(before), of(after)];
    (names, found)
}

/// Counts the faults of rows.
fn count_faults(
    refused: &[(u32, Reason)],
    side: usize,
    rows: &[u32],
    group_of: &impl Fn(usize) -> usize,
    counts: &mut [Counts],
) {
    let mut found: BTreeMap<(usize, Fault, &str), u64> = BTreeMap::new();
    let numbers: Vec<u32> = refused.iter().map(|(row, _)| *row).collect();
    for ((_, reason), at) in refused.iter().zip(places(rows, &numbers)) {
        let Some(at) = at else { continue };
        *found.entry((group_of(at as usize), reason.fault, &reason.name)).or_default() += 1;
    }
    for ((group, fault, name), count) in found {
        counts[group].faults.entry((fault, name.to_owned())).or_default()[side] += count;
    }
}

impl Listed {
    /// How many rows and columns its matrix has: one for each value, and one for refusals.
    pub fn size(&self) -> usize {
        self.values.len() + 1
    }

    /// By side and row, the place of the value, or of refusals.
    fn codes(&self, sides: &[Decided<'_>; 2]) -> [Vec<u16>; 2] {
        [0, 1].map(|side: usize| {
            let (outputs, output) = (sides[side].batch.outputs(), self.outputs[side]);
            let (refused, places) = (self.values.len() as u16, &self.places[side]);
            by_width!(outputs.column(output).width, Cell => {
                let codes = outputs.values::<Cell>(output);
                let place = |at: u32| places[codes[at as usize] as usize] as u16;
                sides[side].places.iter().map(|at| at.map_or(refused, place)).collect()
            })
        })
    }
}

impl Summed {
    /// The sums over rows, by group.
    fn sums(
        &self,
        sides: &[Decided<'_>; 2],
        group_of: &impl Fn(usize) -> usize,
        group_count: usize,
    ) -> Vec<Sums> {
        let [before, after] = [0, 1].map(|side: usize| sides[side].values(self.outputs[side]));
        let pairs = before.into_iter().zip(after).enumerate();
        if self.is_small {
            let mut sums = vec![[0i128; 4]; group_count];
            for (row, (before, after)) in pairs {
                let (before, after) = (before * self.powers[0], after * self.powers[1]);
                let more = after - before;
                let [all_before, all_after, gained, lost] = &mut sums[group_of(row)];
                *all_before += before;
                *all_after += after;
                *gained += more.max(0);
                *lost -= more.min(0);
            }
            let total = |[before, after, gained, lost]: [i128; 4]| Sums {
                before: before.into(),
                after: after.into(),
                gained: gained.into(),
                lost: lost.into(),
            };
            return sums.into_iter().map(total).collect();
        }
        let mut sums = vec![Sums::default(); group_count];
        for (row, (before, after)) in pairs {
            let [before, after] =
                [Total::product(before, self.powers[0]), Total::product(after, self.powers[1])];
            let sums = &mut sums[group_of(row)];
            sums.before += before;
            sums.after += after;
            if after > before { sums.gained += after - before } else { sums.lost += before - after }
        }
        sums
    }
}

impl Decided<'_> {
    /// By row, the value of an output; 0 where the row is refused.
    fn values(&self, output: usize) -> Vec<i128> {
        let columns = self.batch.outputs();
        by_width!(columns.column(output).width, Cell => {
            let values = columns.values::<Cell>(output);
            self.places.iter().map(|at| at.map_or(0, |at| values[at as usize].wide())).collect()
        })
    }
}

impl Counts {
    /// How many rows have one value of a listed output before and another after, by the places of the values; the place
    /// after the last value is that of refusals.
    pub fn moved(&self, plan: &Plan, output: usize, from: usize, to: usize) -> u64 {
        self.moves[output][from * plan.listed[output].size() + to]
    }

    /// Adds what was counted elsewhere.
    pub fn add(&mut self, other: &Counts) {
        self.rows += other.rows;
        self.changed += other.changed;
        let add = |ours: &mut [u64; 2], theirs: &[u64; 2]| {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        };
        add(&mut self.refused, &other.refused);
        for (fault, theirs) in &other.faults {
            add(self.faults.entry(fault.clone()).or_default(), theirs);
        }
        let pairs = self.rules.iter_mut().chain(&mut self.versions);
        pairs.zip(other.rules.iter().chain(&other.versions)).for_each(|(ours, theirs)| add(ours, theirs));
        for (period, theirs) in &other.periods {
            add(self.periods.entry(*period).or_default(), theirs);
        }
        add_sums(&mut self.sums, &other.sums);
        for (ours, theirs) in self.kept.iter_mut().zip(&other.kept) {
            ours.rows += theirs.rows;
            let counts = ours.listed.iter_mut().chain(&mut ours.summed);
            counts.zip(theirs.listed.iter().chain(&theirs.summed)).for_each(|(ours, theirs)| *ours += theirs);
            add_sums(&mut ours.sums, &theirs.sums);
        }
        for (ours, theirs) in self.moves.iter_mut().flatten().zip(other.moves.iter().flatten()) {
            *ours += theirs;
        }
    }
}

fn add_sums(ours: &mut [Sums], theirs: &[Sums]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        ours.before += theirs.before;
        ours.after += theirs.after;
        ours.gained += theirs.gained;
        ours.lost += theirs.lost;
    }
}
