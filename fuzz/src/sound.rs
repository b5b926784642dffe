//! How many sound policies compile? Policies over ranges so small that every input can be evaluated, each compiled with
//! three ranges of its output: a comfortable one, the exact one, and one that is a unit too narrow.
//!
//! The reference evaluator decides every input, so that the exact range ([`Hull`]) owes nothing to the compiler that is
//! judged by it. A policy that compiles with the narrow range is a wrong proof.

mod patterns;
mod sketch;
mod terms;

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use opus_frontend::check::check_for;
use opus_frontend::codes::Demand;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::hir::{Policy, Step};
use opus_frontend::parse::parse;
use opus_frontend::reference::{self, Evaluator, Undefined};
use opus_frontend::{Compiled, compile, lower};
use opus_govern::witnesses::Witnesses;
use opus_ir::passes::optimize;
use opus_ir::testing::{Seed, Source};
use opus_ir::{Func, Interval, Program};

pub use sketch::Sketch;
use terms::Generator;

use crate::rows::Row;

/// The most inputs that a policy has, unless told otherwise.
pub const ROWS_MAX: usize = 20_000;
/// The rows of an accepted policy that all witnesses decide.
const ROWS_SAMPLED: usize = 200;
/// The percentage of its width by which the comfortable range exceeds the exact one, at each end.
const WIDER_PERCENT: i128 = 5;
/// How many policies are tried for one that can be judged.
const TRIED_MAX: u64 = 200;

/// What a policy computes with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// Sums, differences, constants as factors and divisors, `min`, `max`, `if`, rounding, tables and dates.
    Linear,
    /// The same, and products and quotients of two values.
    Products,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 2] = [Kind::Linear, Kind::Products];

    /// The name, as the command takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Linear => "linear",
            Kind::Products => "products",
        }
    }

    /// The percentages of policies that have to compile with the comfortable range and with the exact one.
    const fn targets(self) -> (usize, usize) {
        match self {
            Kind::Linear => (99, 95),
            Kind::Products => (90, 80),
        }
    }
}

/// The least and the greatest result over all admitted inputs, in units of the output.
pub type Hull = (i128, i128);

/// Why a generated text is not judged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Thrown {
    /// It has a mistake that has nothing to do with ranges: the error and the text.
    Invalid(String),
    /// It reads no input.
    Constant,
    /// It has more inputs than are evaluated.
    TooManyRows,
    /// Some input has no result: it divides by zero or leaves the calendar.
    Unsound,
    /// No input is admitted.
    NoRow,
    /// No input reaches one of its rules.
    Unreached,
}

impl Thrown {
    /// What is counted.
    const fn name(&self) -> &'static str {
        match self {
            Thrown::Invalid(_) => "invalid",
            Thrown::Constant => "constant",
            Thrown::TooManyRows => "with too many inputs",
            Thrown::Unsound => "without a result for some input",
            Thrown::NoRow => "that admit nothing",
            Thrown::Unreached => "with a rule that is never reached",
        }
    }
}

/// What became of a sound policy.
#[derive(Clone, Debug)]
pub struct Measured {
    /// How it was made.
    pub pattern: &'static str,
    /// The text with the exact range.
    pub source: String,
    /// The exact range.
    pub hull: Hull,
    /// Why the policy does not compile even without a range to prove: a divisor, a key or a missing value.
    pub refused: Option<String>,
    /// Why it does not compile with the comfortable range.
    pub wide: Option<String>,
    /// Why it does not compile with the exact range.
    pub exact: Option<String>,
    /// Whether there was a range that is too narrow: a point has none.
    pub narrowed: bool,
    /// The leaves of each proof of the accepted texts, before the passes.
    pub leaves: Vec<usize>,
    /// For each function for which a pass was left out, as a proof was not found again, its text.
    pub without_pass: Vec<String>,
    /// The time that the compiler took for the text with the exact range.
    pub time: Duration,
}

/// A sketch from a seed.
pub fn sketch(kind: Kind, seed: u64, rows_max: usize) -> Sketch {
    let products = kind == Kind::Products;
    let mut g = Generator::new(Seed(seed.wrapping_mul(0xd134_2543_de82_ef95)), products, rows_max);
    let patterns = if products { patterns::PRODUCTS } else { patterns::LINEAR };
    let outcomes = if g.one_in(3) {
        g.sketch.pattern = "random";
        patterns::random(&mut g)
    } else {
        let (name, pattern) = g.choose(patterns);
        g.sketch.pattern = name;
        let outcomes = pattern(&mut g);
        if g.one_in(3) { patterns::varied(&mut g, outcomes) } else { outcomes }
    };
    g.rules(outcomes);
    g.sketch.currency = g.choose(&["USD", "USD", "JPY"]);
    g.sketch
}

/// The first policy from this seed on that can be judged, what became of it, and why those before it were thrown away.
///
/// # Errors
/// If a policy compiles with a range that is too narrow, or if the witnesses differ about an accepted one.
pub fn measure(kind: Kind, seed: u64, rows_max: usize) -> Result<(Measured, Vec<Thrown>), String> {
    let mut thrown = Vec::new();
    for attempt in 0..TRIED_MAX {
        let seed = seed.wrapping_mul(TRIED_MAX).wrapping_add(attempt);
        match judged(&sketch(kind, seed, rows_max), seed, rows_max) {
            Ok(measured) => return measured.map(|measured| (measured, thrown)),
            Err(why) => thrown.push(why),
        }
    }
    Err(format!("of {TRIED_MAX} policies none can be judged: {thrown:?}"))
}

/// The typed tree of a text, without lowering it.
fn typed(source: &str) -> (Option<Policy>, Vec<Diagnostic>) {
    let (tree, mut diagnostics) = parse(source);
    let Some(tree) = tree else { return (None, diagnostics) };
    let (policy, found) = check_for(&tree, Demand::Useful);
    diagnostics.extend(found);
    (policy, diagnostics)
}

fn judged(sketch: &Sketch, seed: u64, rows_max: usize) -> Result<Result<Measured, String>, Thrown> {
    if sketch.is_constant() {
        return Err(Thrown::Constant);
    }
    let source = sketch.source(sketch.widest());
    let (policy, diagnostics) = typed(&source);
    let policy = policy.ok_or_else(|| Thrown::Invalid(format!("{}\n{source}", first_error(&diagnostics))))?;
    let rows = all_rows(&policy, rows_max).ok_or(Thrown::TooManyRows)?;
    let (hull, admitted) = hull(&policy, &rows)?;
    Ok(compared(sketch, seed, hull, &rows, &admitted))
}

/// Every input whose fields are right: the last field varies fastest.
fn all_rows(policy: &Policy, rows_max: usize) -> Option<Vec<Row>> {
    let mut rows: Vec<Row> = vec![Vec::new()];
    for field in &policy.schema.inputs {
        let Interval { lo, hi } = field.domain.range;
        let values: Vec<Option<i128>> =
            field.optional.then_some(None).into_iter().chain((lo..=hi).map(Some)).collect();
        if rows.len() * values.len() > rows_max {
            return None;
        }
        let longer =
            |row: &Row| values.iter().map(|value| [row.as_slice(), &[*value]].concat()).collect::<Vec<Row>>();
        rows = rows.iter().flat_map(longer).collect();
    }
    Some(rows)
}

/// The least and the greatest result over all rows, and the indices of those that are admitted.
fn hull(policy: &Policy, rows: &[Row]) -> Result<(Hull, Vec<usize>), Thrown> {
    let (mut hull, mut admitted) = (None::<Hull>, Vec::new());
    let mut reached = vec![false; policy.rules.len()];
    for (index, row) in rows.iter().enumerate() {
        if !has_result(policy, row).map_err(|_| Thrown::Unsound)? {
            continue;
        }
        let Ok(row) = reference::admit(policy, row) else { continue };
        let verdict = reference::decide(policy, &row);
        let result = verdict.outputs[0];
        hull = Some(hull.map_or((result, result), |(lo, hi)| (lo.min(result), hi.max(result))));
        reached[verdict.rule] = true;
        admitted.push(index);
    }
    let hull = hull.ok_or(Thrown::NoRow)?;
    if reached.iter().all(|reached| *reached) { Ok((hull, admitted)) } else { Err(Thrown::Unreached) }
}

/// Whether a row is admitted; every expression that is needed has a value.
///
/// # Errors
/// Where one has none.
fn has_result(policy: &Policy, row: &Row) -> Result<bool, Undefined> {
    let version = &policy.versions[0];
    let mut evaluator = Evaluator::new(policy, 0, row);
    let mut admitted = true;
    for (_, condition) in &version.requires {
        admitted &= evaluator.holds(*condition)?;
    }
    if !admitted {
        return Ok(false);
    }
    for step in &version.steps {
        match step {
            Step::Let(name) => drop(evaluator.value(version.lets[*name].body)?),
            Step::Rule(rule) => {
                if rule.when.map_or(Ok(true), |when| evaluator.holds(when))? {
                    rule.outcome.iter().try_for_each(|expr| evaluator.value(*expr).map(drop))?;
                    return Ok(true);
                }
            }
        }
    }
    Ok(true)
}

/// Compiles the policy with its ranges and decides sampled rows.
fn compared(
    sketch: &Sketch,
    seed: u64,
    hull: Hull,
    rows: &[Row],
    admitted: &[usize],
) -> Result<Measured, String> {
    let (lo, hi) = hull;
    let more = ((hi - lo) * WIDER_PERCENT / 100).max(1) + sketch.roundings();
    let refused = compile(&sketch.source(sketch.widest()));
    let wide = compile(&sketch.source((lo - more, hi + more)));
    let source = sketch.source(hull);
    let started = Instant::now();
    let exact = compile(&source);
    let time = started.elapsed();
    let mut source_of = Seed(seed);
    let sample = sample(&mut source_of, rows, admitted);
    let (mut leaves, mut without_pass) = (Vec::new(), Vec::new());
    for compiled in [&exact.0, &wide.0].into_iter().flatten() {
        decide(compiled, &sample)?;
        let plain = lower::plain(&compiled.policy, &compiled.source).0.ok_or("it does not lower twice")?;
        for (before, after) in functions(&plain).zip(functions(&compiled.program)) {
            let sizes = before.proofs.values().flat_map(|proofs| proofs.iter().map(|proof| proof.leaves()));
            leaves.extend(sizes);
            without_pass.extend(lacks_a_pass(before, after).then(|| compiled.source.clone()));
        }
    }
    if lo < hi {
        let narrow = if source_of.one_in(2) { (lo + 1, hi) } else { (lo, hi - 1) };
        let text = sketch.source(narrow);
        if compile(&text).0.is_some() {
            return Err(format!("a wrong proof: results are from {lo} to {hi}, and this compiles:\n{text}"));
        }
    }
    let why = |(compiled, diagnostics): (Option<Compiled>, Vec<Diagnostic>)| {
        compiled.is_none().then(|| first_error(&diagnostics))
    };
    Ok(Measured {
        pattern: sketch.pattern,
        source,
        hull,
        refused: why(refused),
        wide: why(wide),
        exact: why(exact),
        narrowed: lo < hi,
        leaves,
        without_pass,
        time,
    })
}

/// Some rows, most of them admitted.
fn sample(source: &mut Seed, rows: &[Row], admitted: &[usize]) -> Vec<Row> {
    let of_all = (0..ROWS_SAMPLED / 4).map(|_| source.below(rows.len())).collect::<Vec<_>>();
    let of_admitted = (0..ROWS_SAMPLED).map(|_| admitted[source.below(admitted.len())]);
    of_all.into_iter().chain(of_admitted).map(|index| rows[index].clone()).collect()
}

fn decide(compiled: &Compiled, rows: &[Row]) -> Result<(), String> {
    let witnesses = Witnesses::new(compiled, &[]).map_err(|wrong| format!("{wrong}\n{}", compiled.source))?;
    match witnesses.disagreement(rows) {
        Some(found) => Err(format!("{found}\n{}", compiled.source)),
        None => Ok(()),
    }
}

fn functions(program: &Program) -> impl Iterator<Item = &Func> {
    program.versions.iter().flat_map(|version| [&version.admit, &version.decide])
}

/// Whether a pass was left out because a proof was not found after it.
fn lacks_a_pass(before: &Func, after: &Func) -> bool {
    let mut optimized = before.clone();
    optimize(&mut optimized);
    let bare = |func: &Func| Func { proofs: BTreeMap::new(), ..func.clone() };
    bare(&optimized) != bare(after)
}

fn first_error(diagnostics: &[Diagnostic]) -> String {
    let first = diagnostics.iter().find(|found| found.is_error());
    first.map_or_else(
        || "no error is shown".to_owned(),
        |found| format!("{} {}", found.code.code(), found.message),
    )
}

/// The figures of a campaign.
#[derive(Default)]
pub struct Figures {
    /// By seed, what became of its policy.
    pub measured: BTreeMap<u64, Measured>,
    /// How many texts were thrown away, by reason.
    pub thrown: BTreeMap<&'static str, usize>,
}

/// How many of the simplest refused policies are shown.
const SHOWN_MAX: usize = 10;

impl Figures {
    /// Adds the policy of a seed.
    pub fn add(&mut self, seed: u64, (measured, thrown): (Measured, Vec<Thrown>)) {
        self.measured.insert(seed, measured);
        for why in thrown {
            *self.thrown.entry(why.name()).or_default() += 1;
        }
    }

    fn count(&self, is_so: impl Fn(&Measured) -> bool) -> usize {
        self.measured.values().filter(|one| is_so(one)).count()
    }

    /// The refused policies: those that are refused with the comfortable range first, the shortest first.
    pub fn refused(&self) -> Vec<&Measured> {
        let mut refused: Vec<&Measured> =
            self.measured.values().filter(|one| one.wide.is_some() || one.exact.is_some()).collect();
        refused.sort_by_key(|one| (one.wide.is_none(), one.source.len()));
        refused
    }

    /// How many policies compile with the comfortable range, and how many with the exact one.
    pub fn accepted(&self) -> (usize, usize) {
        (self.count(|one| one.wide.is_none()), self.count(|one| one.exact.is_none()))
    }

    /// The summary: a line of shares, one of proofs and times, and one for each pattern with refused policies.
    pub fn summary(&self, kind: Kind) -> String {
        let total = self.measured.len();
        let share = |count: usize| format!("{:.1} %", 100.0 * count as f64 / total.max(1) as f64);
        let (wide, exact) = self.accepted();
        let (wide_target, exact_target) = kind.targets();
        let (narrowed, refused) = (self.count(|one| one.narrowed), self.count(|one| one.refused.is_some()));
        let without_pass: usize = self.measured.values().map(|one| one.without_pass.len()).sum();
        let mut leaves: Vec<usize> =
            self.measured.values().flat_map(|one| one.leaves.iter().copied()).collect();
        let mut times: Vec<Duration> = self.measured.values().map(|one| one.time).collect();
        leaves.sort_unstable();
        times.sort_unstable();
        let thrown: Vec<String> = self.thrown.iter().map(|(why, count)| format!("{count} {why}")).collect();
        let mut text = format!(
            "{}: {total} policies; {} compile with 5 % more ({wide_target} %), {} with the exact range ({exact_target} %), \
             0 of {narrowed} with a unit less; {refused} are refused whatever the range\n\
             proofs: {} with {} leaves (median), {} (99th percentile), {} (largest); for {without_pass} functions a pass was left out\n\
             time: {:?} (median), {:?} (99th percentile); thrown away: {}\n",
            kind.name(),
            share(wide),
            share(exact),
            leaves.len(),
            percentile(&leaves, 50).unwrap_or_default(),
            percentile(&leaves, 99).unwrap_or_default(),
            percentile(&leaves, 100).unwrap_or_default(),
            percentile(&times, 50).unwrap_or_default(),
            percentile(&times, 99).unwrap_or_default(),
            thrown.join(", "),
        );
        for (pattern, [all, wide, exact]) in self.by_pattern() {
            if wide + exact > 0 {
                text += &format!(
                    "  {pattern}: {all} policies, {wide} refused with 5 % more, {exact} with the exact range\n"
                );
            }
        }
        text
    }

    /// By pattern, how many policies, and how many are refused with the comfortable and with the exact range.
    fn by_pattern(&self) -> BTreeMap<&'static str, [usize; 3]> {
        let mut found = BTreeMap::<_, [usize; 3]>::new();
        for one in self.measured.values() {
            let counts = found.entry(one.pattern).or_default();
            counts[0] += 1;
            counts[1] += usize::from(one.wide.is_some());
            counts[2] += usize::from(one.exact.is_some());
        }
        found
    }

    /// The simplest refused policies, the shortest first.
    pub fn simplest(&self) -> String {
        self.refused().iter().take(SHOWN_MAX).map(|one| format!("\n{one}")).collect()
    }
}

/// The value that so many percent of the ascending values do not exceed.
fn percentile<T: Copy>(ascending: &[T], percent: usize) -> Option<T> {
    let at = (ascending.len() * percent).div_ceil(100).saturating_sub(1);
    ascending.get(at).copied()
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lo, hi) = self.hull;
        writeln!(f, "-- results from {lo} to {hi}, in units of the output")?;
        let said = [
            ("with any range", &self.refused),
            ("with 5 % more", &self.wide),
            ("with this range", &self.exact),
        ];
        for (with, why) in said {
            if let Some(why) = why {
                writeln!(f, "-- {with}: {why}")?;
            }
        }
        f.write_str(&self.source)
    }
}
