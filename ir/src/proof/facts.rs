//! What does an op say about its result and its operands, beyond the interval of its transfer function?
//!
//! These are the entries of the columns `says` and `cases` of the op table. `q` is the result. A fact whose coefficients
//! do not fit 128 bits is left out, so that facts are the same whoever asks.

use super::poly::{Monomial, Poly, Relation};
use super::{Side, required};
use crate::date::{self, MonthEnd};
use crate::interval::Interval;
use crate::ops::Op;
use crate::rounding::Rounding;

/// A result or an operand: as a polynomial, and what is known of it.
#[derive(Clone, Debug)]
pub struct Term {
    /// The atom, or the number where it is a constant.
    pub poly: Poly,
    /// What is known of it.
    pub range: Interval,
}

/// Another value beside the one whose row is asked.
#[derive(Clone, Debug)]
pub struct Other {
    /// Its op.
    pub op: Op,
    /// The immediate.
    pub imm: i128,
    /// Itself and its operands.
    pub terms: [Term; 4],
    /// Whether the two differ in their first operands alone. Then what they say together holds if this one's is at least the
    /// other's.
    pub is_alike: bool,
}

/// What holds in one of several cases.
pub type Case = Vec<Relation>;

type Says = Vec<Relation>;

/// A sum with coefficients: `None` where one left 128 bits.
struct Total(Option<Poly>);

impl Total {
    fn of(terms: &[(i128, &Term)], constant: i128) -> Total {
        let start = Some(Poly::constant(constant));
        Total(terms.iter().fold(start, |sum, (times, term)| sum?.plus(*times, &term.poly)))
    }

    fn and(self, times: i128, product: Option<&Poly>) -> Total {
        Total(self.0.zip(product).and_then(|(sum, product)| sum.plus(times, product)))
    }

    fn at_least_zero(self) -> Option<Relation> {
        self.0.map(|poly| Relation { poly, is_zero: false })
    }

    fn zero(self) -> Option<Relation> {
        self.0.map(|poly| Relation { poly, is_zero: true })
    }
}

fn at_least(terms: &[(i128, &Term)], constant: i128) -> Option<Relation> {
    Total::of(terms, constant).at_least_zero()
}

fn equal(terms: &[(i128, &Term)], constant: i128) -> Option<Relation> {
    Total::of(terms, constant).zero()
}

fn equal_less(terms: &[(i128, &Term)], product: Option<&Poly>) -> Option<Relation> {
    Total::of(terms, 0).and(-1, product).zero()
}

fn all<const N: usize>(relations: [Option<Relation>; N]) -> Says {
    relations.into_iter().flatten().collect()
}

/// `q = a + times * b`
pub(crate) fn sum(q: Term, a: Term, b: Term, times: i128) -> Says {
    all([equal(&[(1, &a), (times, &b), (-1, &q)], 0)])
}

/// `q = a * b`
pub(crate) fn product(q: Term, a: Term, b: Term) -> Says {
    all([Total::of(&[(-1, &q)], 0).and(1, a.poly.times(&b.poly).as_ref()).zero()])
}

/// Whether a quotient or a remainder by this says anything.
pub(crate) fn is_divisor(w: &Term) -> bool {
    w.range.lo >= 1 || !required(Side::Divisor)
}

/// `q` is `a / b` rounded, where `b` is positive.
pub(crate) fn quotient(q: Term, p: Term, w: Term, mode: Rounding) -> Says {
    if !is_divisor(&w) {
        return Vec::new();
    }
    let wq = w.poly.times(&q.poly);
    // low <= times * p - times * w * q <= high, each of these `x * w + y`
    let between = |times: i128, low: (i128, i128), high: (i128, i128)| {
        let from_low = Total::of(&[(times, &p), (-low.0, &w)], -low.1).and(-times, wq.as_ref());
        let to_high = Total::of(&[(-times, &p), (high.0, &w)], high.1).and(times, wq.as_ref());
        all([from_low.at_least_zero(), to_high.at_least_zero()])
    };
    let (floor, ceiling) = (((0, 0), (1, -1)), ((-1, 1), (0, 0)));
    let (positive, negative) = (p.range.lo >= 0, p.range.hi <= 0);
    let ((low, high), times) = match (mode, positive, negative) {
        (Rounding::Floor, ..) | (Rounding::Down, true, _) | (Rounding::Up, false, true) => (floor, 1),
        (Rounding::Ceiling, ..) | (Rounding::Down, false, true) | (Rounding::Up, true, _) => (ceiling, 1),
        (Rounding::Down | Rounding::Up, ..) => (((-1, 1), (1, -1)), 1),
        (Rounding::HalfUp, true, _) | (Rounding::HalfDown, false, true) => (((-1, 0), (1, -1)), 2),
        (Rounding::HalfUp, false, true) | (Rounding::HalfDown, true, _) => (((-1, 1), (1, 0)), 2),
        (Rounding::HalfEven | Rounding::HalfUp | Rounding::HalfDown, ..) => (((-1, 0), (1, 0)), 2),
    };
    between(times, low, high)
}

/// `q` is the remainder of `a` by `w`, where `w` is positive.
pub(crate) fn remainder(q: Term, a: Term, w: Term) -> Says {
    if !is_divisor(&w) {
        return Vec::new();
    }
    let below = at_least(&[(1, &w), (-1, &q)], -1);
    let within = at_least(&[(1, &a), (-1, &q)], 0).filter(|_| a.range.lo >= 0);
    all([at_least(&[(1, &q)], 0), below, within])
}

/// `q` is the remainder of `a` by `w`, and the other value is their floor quotient: `q = a - w * other`.
pub(crate) fn rest(q: Term, a: Term, w: Term, other: &Other) -> Option<Relation> {
    let [quotient, dividend, divisor, _] = &other.terms;
    let is_of_both = other.op == Op::Divide
        && other.imm == Rounding::Floor as i128
        && dividend.poly == a.poly
        && divisor.poly == w.poly;
    let product = w.poly.times(&quotient.poly);
    (is_of_both || !required(Side::Alike)).then(|| equal_less(&[(1, &a), (-1, &q)], product.as_ref()))?
}

/// `q` rises with its first operand, so it is at most the other value, whose first operand is at least as great.
pub(crate) fn rising(q: Term, other: &Other, does_rise: bool) -> Option<Relation> {
    let is_less = other.is_alike && (does_rise || !required(Side::Rises));
    at_least(&[(1, &other.terms[0]), (-1, &q)], 0).filter(|_| is_less)
}

/// `q` is at most both (`sign` 1), or at least both (`sign` -1).
pub(crate) fn least(q: Term, a: Term, b: Term, sign: i128) -> Says {
    all([at_least(&[(sign, &a), (-sign, &q)], 0), at_least(&[(sign, &b), (-sign, &q)], 0)])
}

/// `q` is the lesser (`sign` 1) or the greater (`sign` -1) of the two: one, or the other.
pub(crate) fn extremes(q: Term, a: Term, b: Term, sign: i128) -> Vec<Case> {
    let is = |a: &Term, b: &Term| all([equal(&[(1, &q), (-1, a)], 0), at_least(&[(sign, b), (-sign, a)], 0)]);
    vec![is(&a, &b), is(&b, &a)]
}

/// `q` is the absolute value of `a`.
pub(crate) fn magnitude(q: Term, a: Term) -> Says {
    all([at_least(&[(1, &q), (-1, &a)], 0), at_least(&[(1, &q), (1, &a)], 0)])
}

/// The same, by the sign of `a`.
pub(crate) fn magnitudes(q: Term, a: Term) -> Vec<Case> {
    let is = |sign: i128| all([equal(&[(1, &q), (-sign, &a)], 0), at_least(&[(sign, &a)], 0)]);
    vec![is(1), is(-1)]
}

/// Whether `a + gap <= b`, where the answer is known.
pub(crate) fn order(q: Term, a: Term, b: Term, gap: i128) -> Says {
    match q.range.single() {
        Some(0) => all([at_least(&[(1, &a), (-1, &b)], gap - 1)]),
        None if required(Side::Answer) => Vec::new(),
        _ => all([at_least(&[(1, &b), (-1, &a)], -gap)]),
    }
}

/// `a = b`, where `q` is known to be what says so.
pub(crate) fn balance(q: Term, a: Term, b: Term, says: i128) -> Says {
    if q.range.single() == Some(says) { all([equal(&[(1, &a), (-1, &b)], 0)]) } else { Vec::new() }
}

/// Which of the two is less, where `q` is known to be what says that they differ.
pub(crate) fn contrary(q: Term, a: Term, b: Term, says: i128) -> Vec<Case> {
    if q.range.single() != Some(says) {
        return Vec::new();
    }
    let less = |a: &Term, b: &Term| all([at_least(&[(1, b), (-1, a)], -1)]);
    vec![less(&a, &b), less(&b, &a)]
}

/// `q` is 1 where both are.
pub(crate) fn both(q: Term, a: Term, b: Term) -> Says {
    let sum = at_least(&[(1, &q), (-1, &a), (-1, &b)], 1);
    all([at_least(&[(1, &a), (-1, &q)], 0), at_least(&[(1, &b), (-1, &q)], 0), sum])
}

/// `q` is 1 where one of them is at least.
pub(crate) fn either(q: Term, a: Term, b: Term) -> Says {
    let sum = at_least(&[(1, &a), (1, &b), (-1, &q)], 0);
    all([at_least(&[(1, &q), (-1, &a)], 0), at_least(&[(1, &q), (-1, &b)], 0), sum])
}

/// `q` is 1 where exactly one of them is.
pub(crate) fn parity(q: Term, a: Term, b: Term) -> Says {
    all([
        at_least(&[(1, &a), (1, &b), (-1, &q)], 0),
        at_least(&[(1, &q), (-1, &a), (1, &b)], 0),
        at_least(&[(1, &q), (1, &a), (-1, &b)], 0),
        at_least(&[(-1, &q), (-1, &a), (-1, &b)], 2),
    ])
}

/// `q` is `a` where the condition holds, otherwise `b`; where the answer is known.
pub(crate) fn choose(q: Term, condition: Term, a: Term, b: Term) -> Says {
    let chosen = match condition.range.single() {
        Some(0) => &b,
        Some(_) => &a,
        None => return Vec::new(),
    };
    all([equal(&[(1, &q), (-1, chosen)], 0)])
}

/// The same, by the condition.
pub(crate) fn choices(q: Term, condition: Term, a: Term, b: Term) -> Vec<Case> {
    let is = |chosen: &Term, holds: i128| {
        all([equal(&[(1, &condition)], -holds), equal(&[(1, &q), (-1, chosen)], 0)])
    };
    vec![is(&a, 1), is(&b, 0)]
}

/// `q` is how many cuts are at most `a`: what that says of `a`.
pub(crate) fn stretch(q: Term, a: Term, cuts: &[i128]) -> Says {
    let cut = |index: i128| usize::try_from(index).ok().and_then(|index| cuts.get(index)).copied();
    let above =
        q.range.lo.checked_sub(1).and_then(cut).and_then(|cut| at_least(&[(1, &a)], cut.checked_neg()?));
    let below = cut(q.range.hi).and_then(|cut| at_least(&[(-1, &a)], cut.checked_sub(1)?));
    all([above, below])
}

/// Days and months of the whole cycle of the calendar.
const CYCLE_DAYS: i128 = 146_097;
const CYCLE_MONTHS: i128 = 4_800;

/// `q` is the day that is reached after a number of months.
pub(crate) fn moved(q: Term, day: Term, months: Term, end: MonthEnd) -> Says {
    let inside = Interval::new(date::DAY_MIN, date::DAY_MAX).contains_all(day.range)
        && Interval::new(-date::MONTHS_MAX, date::MONTHS_MAX).contains_all(months.range)
        // a clamped result is another one
        && q.range.lo > date::DAY_MIN
        && q.range.hi < date::DAY_MAX;
    if !inside {
        return Vec::new();
    }
    if let Some(months) = months.range.single() {
        let days = date::days_moved(months, end);
        return all([at_least(&[(1, &q), (-1, &day)], -days.lo), at_least(&[(1, &day), (-1, &q)], days.hi)]);
    }
    let slope = date::SLOPE_MOVED;
    let [c, m] = [CYCLE_MONTHS, CYCLE_DAYS];
    all([
        at_least(&[(c, &q), (-c, &day), (-m, &months)], -slope.lo),
        at_least(&[(-c, &q), (c, &day), (m, &months)], slope.hi),
    ])
}

/// `q` is the number of whole months between two days.
pub(crate) fn months(q: Term, from: Term, to: Term) -> Says {
    let calendar = Interval::new(date::DAY_MIN, date::DAY_MAX);
    if !calendar.contains_all(from.range) || !calendar.contains_all(to.range) {
        return Vec::new();
    }
    let slope = date::SLOPE_BETWEEN;
    let [c, m] = [CYCLE_MONTHS, CYCLE_DAYS];
    let mut says = all([
        at_least(&[(m, &q), (-c, &to), (c, &from)], -slope.lo),
        at_least(&[(-m, &q), (c, &to), (-c, &from)], slope.hi),
    ]);
    if q.range.lo >= 1 {
        says.extend(all([
            at_least(&[(1, &to), (-1, &from), (-28, &q)], 0),
            at_least(&[(-1, &to), (1, &from), (31, &q)], 30),
        ]));
    } else if q.range.hi <= -1 {
        says.extend(all([
            at_least(&[(-1, &to), (1, &from), (28, &q)], 0),
            at_least(&[(1, &to), (-1, &from), (-31, &q)], 30),
        ]));
    } else if q.range.single() == Some(0) {
        says.extend(all([at_least(&[(1, &to), (-1, &from)], 30), at_least(&[(-1, &to), (1, &from)], 30)]));
    }
    says
}

impl Term {
    /// The number 1 and its multiples need no atom.
    pub fn constant(x: i128) -> Term {
        Term { poly: Poly::term(Monomial::ONE, x), range: Interval::point(x) }
    }
}
