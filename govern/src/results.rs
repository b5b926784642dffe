//! When do two results mean the same? A result is the outputs of a row, or its refusal.
//!
//! Outputs are compared by name and by meaning: enum values by name, numbers by value, whatever their codes, widths and
//! decimal places. Outputs of different kinds, and outputs that only one policy has, are listed but not compared.
//! Refusals are compared by the names of fields and requires and by the codes of faults. The rule and the version are
//! not part of a result, unless [requested](Comparison::with_rules).
//!
//! Rows are compared column by column.

use std::collections::BTreeMap;

use opus_ir::memory::Columns;
use opus_ir::{Kind, Program, Scalar, Schema, by_width};
use opus_runtime::Batch;
use opus_runtime::admission::Reason;

/// How the results of one policy are compared with those of another.
///
/// ```
/// use opus_govern::results::Comparison;
/// use opus_govern::source::open;
/// use opus_runtime::{Cache, Options, Policy};
///
/// // the values of the enum are in another order
/// let policy = |values: &str, limit: u8| {
///     let source = format!(
///         "policy shop {{ enum Price {{ {values} }}  input {{ age : int in 0..120 }}  output {{ price : Price }}
///          rules first {{ rule A when age < {limit} => half  otherwise B => full }} }}");
///     open(source.into(), &Cache::Off).map(|(opened, _)| Policy::from_artifact(opened.artifact, &Options::default()).unwrap())
/// };
/// let (a, b) = (policy("half, full", 18)?, policy("full, half", 21)?);
/// let decided = |policy: &Policy| {
///     let mut batch = policy.batch(3);
///     batch.inputs_mut().set_rows(3);
///     [17, 18, 21].iter().enumerate().for_each(|(row, age)| batch.inputs_mut().set(0, row, Some(*age)));
///     batch.decide();
///     batch
/// };
/// let comparison = Comparison::new(a.schema(), b.schema());
/// assert_eq!(comparison.changed(&decided(&a), &decided(&b), None), [1]);
/// # Ok::<(), opus_govern::source::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The outputs that are compared, in the order of the second policy.
    pub outputs: Vec<Paired>,
    /// The outputs that are not, in the order of the first policy and then of the second.
    pub not_compared: Vec<NotCompared>,
    rules: Option<Rules>,
}

/// An output of both policies.
#[derive(Clone, Debug)]
pub struct Paired {
    /// Its name.
    pub name: String,
    /// Its index among the outputs of the first policy.
    pub a: usize,
    /// Its index among the outputs of the second.
    pub b: usize,
    how: How,
}

/// An output that cannot be compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotCompared {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: Why,
}

/// Why an output is not compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// The second policy does not have it.
    OnlyInFirst,
    /// The first policy does not have it.
    OnlyInSecond,
    /// It has another kind in each.
    OtherKind,
}

/// When two integers mean the same.
#[derive(Clone, Debug)]
enum How {
    /// When they are equal.
    Equal,
    /// When the first, times the power, is the second.
    FirstTimes(i128),
    /// When the second, times the power, is the first.
    SecondTimes(i128),
    /// By code of the first, the code of the second with that name; -1 if there is none.
    Codes(Vec<i128>),
}

/// Rules and versions, by index, as numbers that both policies share.
#[derive(Clone, Debug)]
struct Rules {
    rules: [Vec<u32>; 2],
    versions: [Vec<u32>; 2],
}

impl Comparison {
    /// Pairs the outputs of two policies.
    pub fn new(a: &Schema, b: &Schema) -> Comparison {
        let (mut outputs, mut not_compared) = (Vec::new(), Vec::new());
        let place = |of: &Schema, name: &str| of.outputs.iter().position(|output| output.name == name);
        for output in a.outputs.iter().filter(|output| place(b, &output.name).is_none()) {
            not_compared.push(NotCompared { name: output.name.clone(), why: Why::OnlyInFirst });
        }
        for (at, output) in b.outputs.iter().enumerate() {
            let name = output.name.clone();
            let found = place(a, &name);
            match (found, found.and_then(|first| How::of(a, a.outputs[first].kind, b, output.kind))) {
                (None, _) => not_compared.push(NotCompared { name, why: Why::OnlyInSecond }),
                (_, None) => not_compared.push(NotCompared { name, why: Why::OtherKind }),
                (Some(first), Some(how)) => outputs.push(Paired { name, a: first, b: at, how }),
            }
        }
        Comparison { outputs, not_compared, rules: None }
    }

    /// The same, of outputs with these names alone.
    #[must_use]
    pub fn of(mut self, names: &[&str]) -> Comparison {
        self.outputs.retain(|output| names.contains(&output.name.as_str()));
        self
    }

    /// The same, and decisions differ too if their rules have other ids or their versions other numbers.
    #[must_use]
    pub fn with_rules<F, G>(mut self, a: &Program<F>, b: &Program<G>) -> Comparison {
        let mut known = BTreeMap::new();
        let mut shared = |id: &str| {
            let next = known.len() as u32;
            *known.entry(id.to_owned()).or_insert(next)
        };
        let rules = [
            a.rules.iter().map(|rule| shared(&rule.id)).collect(),
            b.rules.iter().map(|rule| shared(&rule.id)).collect(),
        ];
        let versions = [
            a.versions.iter().map(|version| version.number).collect(),
            b.versions.iter().map(|version| version.number).collect(),
        ];
        self.rules = Some(Rules { rules, versions });
        self
    }

    /// Which rows have other results; ascending. Both batches are decided. They hold the same rows, or row `r` of the
    /// first is row `rows[r]` of the second, and then the others of the second are left out; `rows` is ascending. The
    /// answer counts rows as in the first.
    pub fn changed(&self, a: &Batch, b: &Batch, rows: Option<&[u32]>) -> Vec<u32> {
        let in_b = |row: u32| rows.map_or(row, |rows| rows[row as usize]);
        let mut changed = Vec::new();
        if rows.is_none() && a.rows() == b.rows() {
            let differ = self.differ(a, b, &Same(a.rows().len()));
            changed
                .extend(a.rows().iter().zip(&differ).filter(|(_, differs)| **differs).map(|(row, _)| *row));
        } else {
            let wanted: Vec<u32> = a.rows().iter().map(|row| in_b(*row)).collect();
            let (mut pairs, mut of_pair) = (Vec::new(), Vec::new());
            for ((at, row), in_b) in (0..).zip(a.rows()).zip(places(b.rows(), &wanted)) {
                match in_b {
                    Some(in_b) => {
                        pairs.push((at, in_b));
                        of_pair.push(*row);
                    }
                    None => changed.push(*row),
                }
            }
            let differ = self.differ(a, b, &Pairs(&pairs));
            changed.extend(of_pair.iter().zip(&differ).filter(|(_, differs)| **differs).map(|(row, _)| *row));
        }
        for refusal in a.refused().chunk_by(|(a, _), (b, _)| a == b) {
            let row = refusal[0].0;
            if !is_same_refusal(refusal, refusal_of(b, in_b(row))) {
                changed.push(row);
            }
        }
        changed.sort_unstable();
        changed
    }

    /// For each pair of decisions, whether they differ.
    fn differ(&self, a: &Batch, b: &Batch, pairs: &impl Places) -> Vec<bool> {
        let mut differ = vec![false; pairs.count()];
        for output in &self.outputs {
            output.compare(a.outputs(), b.outputs(), pairs, &mut differ);
        }
        if let Some(Rules { rules, versions }) = &self.rules {
            let of = |names: &[u32], code: u16| names[code as usize];
            pairs.mark(a.rules(), b.rules(), &mut differ, |a, b| of(&rules[0], a) != of(&rules[1], b));
            pairs.mark(a.versions(), b.versions(), &mut differ, |a, b| {
                of(&versions[0], a) != of(&versions[1], b)
            });
        }
        differ
    }
}

/// Which decisions of two batches are compared.
trait Places {
    fn count(&self) -> usize;

    /// Marks the pairs whose values differ.
    fn mark<A: Copy, B: Copy>(&self, a: &[A], b: &[B], differ: &mut [bool], differs: impl Fn(A, B) -> bool);
}

/// Those of the same places, up to this number.
struct Same(usize);

/// Those of these places.
struct Pairs<'a>(&'a [(u32, u32)]);

impl Places for Same {
    fn count(&self) -> usize {
        self.0
    }

    #[inline(always)]
    fn mark<A: Copy, B: Copy>(&self, a: &[A], b: &[B], differ: &mut [bool], differs: impl Fn(A, B) -> bool) {
        for ((mark, a), b) in differ.iter_mut().zip(a).zip(b) {
            *mark |= differs(*a, *b);
        }
    }
}

impl Places for Pairs<'_> {
    fn count(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    fn mark<A: Copy, B: Copy>(&self, a: &[A], b: &[B], differ: &mut [bool], differs: impl Fn(A, B) -> bool) {
        for (mark, (at_a, at_b)) in differ.iter_mut().zip(self.0) {
            *mark |= differs(a[*at_a as usize], b[*at_b as usize]);
        }
    }
}

impl How {
    /// How integers of two kinds are compared; `None` if they are not.
    fn of(a: &Schema, a_kind: Kind, b: &Schema, b_kind: Kind) -> Option<How> {
        match (a_kind, b_kind) {
            (Kind::Enum(first), Kind::Enum(second)) => {
                let second = &b.enums[second as usize].values;
                let code = |name: &str| second.iter().position(|value| value.name == name);
                let names = a.enums[first as usize].values.iter().map(|value| code(&value.name));
                let codes: Vec<i128> = names.map(|code| code.map_or(-1, |code| code as i128)).collect();
                let is_same = codes.iter().enumerate().all(|(at, code)| *code == at as i128);
                Some(if is_same { How::Equal } else { How::Codes(codes) })
            }
            (Kind::Bool, Kind::Bool) | (Kind::Days, Kind::Days) | (Kind::Date, Kind::Date) => {
                Some(How::Equal)
            }
            (Kind::Money, Kind::Money) => (a.currency == b.currency).then_some(How::Equal),
            (Kind::Int | Kind::Decimal(_), Kind::Int | Kind::Decimal(_))
            | (Kind::Percent(_), Kind::Percent(_)) => {
                let (first, second) = (a.decimals(a_kind), b.decimals(b_kind));
                let power = 10i128.pow(first.abs_diff(second).into());
                Some(match first.cmp(&second) {
                    std::cmp::Ordering::Equal => How::Equal,
                    std::cmp::Ordering::Less => How::FirstTimes(power),
                    std::cmp::Ordering::Greater => How::SecondTimes(power),
                })
            }
            _ => None,
        }
    }
}

impl Paired {
    /// Whether a value of the first policy means the same as one of the second.
    pub fn is_same(&self, a: i128, b: i128) -> bool {
        // a product could be too large, a quotient cannot
        let is_times = |small: i128, power: i128, large: i128| large % power == 0 && large / power == small;
        match &self.how {
            How::Equal => a == b,
            How::FirstTimes(power) => is_times(a, *power, b),
            How::SecondTimes(power) => is_times(b, *power, a),
            How::Codes(codes) => codes.get(a as usize) == Some(&b),
        }
    }

    fn compare(&self, a: &Columns, b: &Columns, pairs: &impl Places, differ: &mut [bool]) {
        let widths = [a.column(self.a).width, b.column(self.b).width];
        by_width!(widths[0], A => by_width!(widths[1], B => {
            let (a, b) = (a.values::<A>(self.a), b.values::<B>(self.b));
            match &self.how {
                How::Equal if widths[0] == widths[1] => pairs.mark(a, b, differ, |a, b| a != B::wide(b) as A),
                How::Codes(codes) => {
                    pairs.mark(a, b, differ, |a, b| codes.get(a as usize) != Some(&b.wide()));
                }
                _ => pairs.mark(a, b, differ, |a, b| !self.is_same(a.wide(), b.wide())),
            }
        }));
    }
}

/// For each of some rows, its place among the decided rows of a batch; `None` if it is refused. Both lists are ascending.
///
/// ```
/// use opus_govern::results::places;
/// assert_eq!(places(&[0, 1, 4, 5], &[1, 2, 5]), [Some(1), None, Some(3)]);
/// ```
pub fn places(decided: &[u32], rows: &[u32]) -> Vec<Option<u32>> {
    let mut next = 0;
    let place = |row: &u32| {
        let ahead = row.checked_sub(*decided.get(next)?)? as usize;
        // rows are distinct, so none is farther ahead than the numbers between: exactly there, if none of them is refused
        let last = (next + ahead).min(decided.len() - 1);
        next += match decided[last] == *row {
            true => last - next,
            false => decided[next..=last].partition_point(|other| other < row),
        };
        (decided.get(next) == Some(row)).then_some(next as u32)
    };
    rows.iter().map(place).collect()
}

/// The reasons for which a row is refused; none if it is decided.
fn refusal_of(batch: &Batch, row: u32) -> &[(u32, Reason)] {
    let refused = batch.refused();
    let from = refused.partition_point(|(other, _)| *other < row);
    &refused[from..][..refused[from..].iter().take_while(|(other, _)| *other == row).count()]
}

/// Whether two refusals name the same faults of the same fields and requires, in any order.
fn is_same_refusal(a: &[(u32, Reason)], b: &[(u32, Reason)]) -> bool {
    let named = |refusal: &[(u32, Reason)]| {
        let mut names: Vec<(String, &str)> =
            refusal.iter().map(|(_, reason)| (reason.name.clone(), reason.fault.code())).collect();
        names.sort_unstable();
        names
    };
    let is_same = |(a, b): (&(u32, Reason), &(u32, Reason))| a.1.fault == b.1.fault && a.1.name == b.1.name;
    a.len() == b.len() && (a.iter().zip(b).all(is_same) || named(a) == named(b))
}
