//! What is known about an integer? A closed, never empty interval, and the exact transfer functions of arithmetic.
//!
//! A transfer function returns the smallest interval that contains every result, or `None` if a result could leave 128
//! bits.

/// A closed interval of integers; `lo <= hi` always holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The least value.
    pub lo: i128,
    /// The greatest value.
    pub hi: i128,
}

#[allow(clippy::should_implement_trait, reason = "the sum of two intervals need not exist")]
impl Interval {
    /// Every 128-bit integer: nothing is known.
    pub const FULL: Interval = Interval { lo: i128::MIN, hi: i128::MAX };
    /// Both Booleans.
    pub const BOOL: Interval = Interval { lo: 0, hi: 1 };

    /// The interval from `lo` to `hi`, both included.
    ///
    /// # Panics
    /// Where `lo > hi`: an empty interval is a mistake of the caller, never of a policy.
    pub const fn new(lo: i128, hi: i128) -> Interval {
        assert!(lo <= hi, "an interval is never empty");
        Interval { lo, hi }
    }

    /// The interval that holds `x` alone.
    pub const fn point(x: i128) -> Interval {
        Interval { lo: x, hi: x }
    }

    /// The smallest interval that holds all `points`, `None` if there are none.
    pub fn hull_of(points: impl IntoIterator<Item = i128>) -> Option<Interval> {
        points.into_iter().map(Interval::point).reduce(Interval::hull)
    }

    /// Whether it holds `x`.
    pub const fn contains(self, x: i128) -> bool {
        self.lo <= x && x <= self.hi
    }

    /// Whether it holds all of `other`.
    pub const fn contains_all(self, other: Interval) -> bool {
        self.lo <= other.lo && other.hi <= self.hi
    }

    /// The one value it holds, if it is only one.
    pub fn single(self) -> Option<i128> {
        (self.lo == self.hi).then_some(self.lo)
    }

    /// The smallest interval that holds both.
    pub fn hull(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.max(other.hi) }
    }

    /// What both hold, `None` if that is nothing.
    pub fn intersect(self, other: Interval) -> Option<Interval> {
        let (lo, hi) = (self.lo.max(other.lo), self.hi.min(other.hi));
        (lo <= hi).then_some(Interval { lo, hi })
    }

    /// `self + other`.
    pub fn add(self, other: Interval) -> Option<Interval> {
        Some(Interval { lo: self.lo.checked_add(other.lo)?, hi: self.hi.checked_add(other.hi)? })
    }

    /// `self - other`.
    pub fn sub(self, other: Interval) -> Option<Interval> {
        Some(Interval { lo: self.lo.checked_sub(other.hi)?, hi: self.hi.checked_sub(other.lo)? })
    }

    /// `self * other`.
    pub fn mul(self, other: Interval) -> Option<Interval> {
        self.corners(other, i128::checked_mul)
    }

    /// The least and greatest of `f` over the four corners: the exact transfer of any function that is
    /// monotone in each argument.
    pub fn corners(self, other: Interval, f: impl Fn(i128, i128) -> Option<i128>) -> Option<Interval> {
        let [a, b] = [f(self.lo, other.lo)?, f(self.lo, other.hi)?];
        let [c, d] = [f(self.hi, other.lo)?, f(self.hi, other.hi)?];
        Some(Interval { lo: a.min(b).min(c).min(d), hi: a.max(b).max(c).max(d) })
    }

    /// The smaller of the two, value by value.
    pub fn min(self, other: Interval) -> Interval {
        Interval { lo: self.lo.min(other.lo), hi: self.hi.min(other.hi) }
    }

    /// The greater of the two, value by value.
    pub fn max(self, other: Interval) -> Interval {
        Interval { lo: self.lo.max(other.lo), hi: self.hi.max(other.hi) }
    }

    /// The largest absolute value, saturating at `i128::MAX`.
    pub fn magnitude(self) -> i128 {
        self.lo.checked_neg().unwrap_or(i128::MAX).max(self.hi)
    }
}

impl std::fmt::Debug for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}

impl std::fmt::Display for Interval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}
