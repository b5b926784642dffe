//! Which is the nearest value of a field for which a row is admitted and decided as wanted?
//!
//! The values on one side of the row's own are settled from near to far, a stretch at a time. If the extents of the
//! outputs prove one answer for a whole stretch, it is settled; otherwise it is split, and a short stretch is tried
//! value by value. So the first value that is found is the nearest. The work is bounded; at the bound, the search
//! reports how many of the nearest values it has settled.

use opus_frontend::hir::Policy;
use opus_frontend::reference;
use opus_frontend::stretch::{Answer, Stretch};
use opus_ir::{Domain, Interval, Kind};

use super::want::Want;

/// So many values are tried one by one: proving an answer for fewer costs as much as executing them.
const TRIED_ONE_BY_ONE: i128 = 4;

/// A row, one field of which may be otherwise.
pub struct Row<'a> {
    policy: &'a Policy,
    given: Vec<Option<i128>>,
    version: usize,
    field: u32,
    own: i128,
    want: &'a Want,
    work: usize,
}

/// A side of the row's own value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// Smaller values, earlier days.
    Below,
    /// Greater values, later days.
    Above,
}

impl Side {
    /// How values on this side are called.
    pub fn word(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Side::Below, Kind::Date) => "earlier",
            (Side::Above, Kind::Date) => "later",
            (Side::Below, _) => "smaller",
            (Side::Above, _) => "greater",
        }
    }
}

/// What a search has found, as scaled integers of the field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Near {
    /// The nearest value, and the one next to it on the side of the row's own, which does not do.
    Found {
        /// The value.
        value: i128,
        /// The value next to it.
        beside: i128,
    },
    /// No value on this side does.
    Nowhere,
    /// The work was used up. None of so many nearest values does.
    NotAmong(i128),
}

impl<'a> Row<'a> {
    /// A row with these scaled integers by input index; the field has a value.
    ///
    /// # Panics
    /// Where the field is missing, or is the effective date.
    pub fn new(policy: &'a Policy, given: &[Option<i128>], field: u32, want: &'a Want) -> Row<'a> {
        assert_ne!(policy.schema.effective, Some(field), "the version that was in force is kept");
        let own = given[field as usize].expect("a missing value is not invented");
        let version = reference::version_for(policy, given);
        Row { policy, given: given.to_vec(), version, field, own, want, work: 0 }
    }

    /// The row with another value of the field.
    pub fn with(&self, value: i128) -> Vec<Option<i128>> {
        let mut given = self.given.clone();
        given[self.field as usize] = Some(value);
        given
    }

    /// All other values with which the row is admitted and decided as wanted, in order: for an enum or a Boolean.
    pub fn others(&mut self) -> Vec<i128> {
        let domain = self.domain();
        let values: Vec<i128> = match &domain.set {
            Some(values) => values.clone(),
            None => (domain.range.lo..=domain.range.hi).collect(),
        };
        let own = self.own;
        values.into_iter().filter(|value| *value != own && self.does(*value)).collect()
    }

    /// The nearest value on a side with which the row is admitted and decided as wanted, after at most so much work.
    pub fn nearest(&mut self, side: Side, work_max: usize) -> Near {
        self.work = 0;
        let domain = self.domain();
        match &domain.set {
            Some(values) => {
                let values: Vec<i128> = match side {
                    Side::Below => values.iter().rev().copied().filter(|value| *value < self.own).collect(),
                    Side::Above => values.iter().copied().filter(|value| *value > self.own).collect(),
                };
                self.nearest_listed(&values, work_max)
            }
            None => self.nearest_in_range(side, domain.range, work_max),
        }
    }

    fn nearest_listed(&mut self, values: &[i128], work_max: usize) -> Near {
        let mut beside = self.own;
        for (at, value) in values.iter().enumerate() {
            if self.work >= work_max {
                return Near::NotAmong(at as i128);
            }
            if self.does(*value) {
                return Near::Found { value: *value, beside };
            }
            beside = *value;
        }
        Near::Nowhere
    }

    fn nearest_in_range(&mut self, side: Side, range: Interval, work_max: usize) -> Near {
        let own = self.own;
        let (at, last): (fn(i128, i128) -> i128, i128) = match side {
            Side::Below => (|own, distance| own - distance, own - range.lo),
            Side::Above => (|own, distance| own + distance, range.hi - own),
        };
        // the distances that are not settled, the nearest on top
        let mut open = if last > 0 { vec![(1, last)] } else { Vec::new() };
        while let Some((near, far)) = open.pop() {
            if self.work >= work_max {
                return Near::NotAmong(near - 1);
            }
            if far - near < TRIED_ONE_BY_ONE {
                match (near..=far).find(|distance| self.does(at(own, *distance))) {
                    Some(distance) => {
                        return Near::Found { value: at(own, distance), beside: at(own, distance - 1) };
                    }
                    None => continue,
                }
            }
            let [one, other] = [at(own, near), at(own, far)];
            match self.all_do(Interval::new(one.min(other), one.max(other))) {
                Answer::No => {}
                Answer::Yes => {
                    assert!(self.does(one), "what is proved for a stretch holds for each of its values");
                    return Near::Found { value: one, beside: at(own, near - 1) };
                }
                Answer::Unknown => {
                    let middle = near + (far - near) / 2;
                    open.push((middle + 1, far));
                    open.push((near, middle));
                }
            }
        }
        Near::Nowhere
    }

    fn domain(&self) -> &'a Domain {
        &self.policy.schema.inputs[self.field as usize].domain
    }

    /// Whether the row with this value is admitted and decided as wanted.
    fn does(&mut self, value: i128) -> bool {
        self.work += self.policy.versions[self.version].requires.len() + 1;
        let Ok(admitted) = reference::admit(self.policy, &self.with(value)) else { return false };
        let (verdict, work) = reference::decide_counted(self.policy, &admitted);
        self.work += work;
        self.want.holds(&verdict.outputs)
    }

    fn all_do(&mut self, values: Interval) -> Answer {
        let mut stretch = Stretch::new(self.policy, self.version, &self.given, self.field, values);
        let answer = stretch.decides(|outputs| self.want.of_extents(outputs));
        self.work += stretch.work();
        answer
    }
}
