//! Is there a point that meets all of these linear conditions? If not, which multiples of them add up to a contradiction?
//!
//! The general simplex method of Dutertre and de Moura ("A fast linear-arithmetic solver for DPLL(T)", 2006): every sum is
//! a variable with bounds, basic variables are sums of the others, and a basic variable that leaves its bounds is
//! exchanged for another one. Bland's rule (the least number first) makes it end. All numbers are exact.

use std::collections::BTreeMap;

use super::rational::Rational;

/// A variable, by number.
pub type Var = usize;

/// An end of a variable's range, and the condition that it is from.
#[derive(Clone, Debug)]
struct Bound {
    at: Rational,
    /// The number of the condition, and the multiple of it that is the bound.
    from: (usize, Rational),
}

#[derive(Clone, Debug, Default)]
struct Column {
    low: Option<Bound>,
    high: Option<Bound>,
    value: Rational,
}

/// Linear conditions.
#[derive(Clone, Debug, Default)]
pub struct Simplex {
    columns: Vec<Column>,
    /// By basic variable, the others of which it is the sum.
    rows: BTreeMap<Var, BTreeMap<Var, Rational>>,
}

/// The multiples of conditions that add up to a negative number. Those of equations may be negative.
pub type Contradiction = BTreeMap<usize, Rational>;

/// What came out.
pub enum Outcome {
    /// There is a point.
    Point,
    /// There is none.
    None(Contradiction),
    /// The work was too much.
    Spent,
}

impl Simplex {
    /// A new variable.
    pub fn var(&mut self) -> Var {
        self.columns.push(Column::default());
        self.columns.len() - 1
    }

    /// The value of a variable in the point that was found.
    pub fn value(&self, var: Var) -> &Rational {
        &self.columns[var].value
    }

    /// Adds the condition with this number: `terms + constant >= 0`, or `= 0`. Answers a contradiction where a variable is
    /// left without a value.
    pub fn add(
        &mut self,
        number: usize,
        terms: &[(Var, Rational)],
        constant: &Rational,
        is_zero: bool,
    ) -> Option<Contradiction> {
        let (var, scale) = match terms {
            [] => {
                let holds = if is_zero { constant.is_zero() } else { constant.signum() >= 0 };
                let times = Rational::integer(if constant.signum() > 0 { -1 } else { 1 });
                return (!holds).then(|| Contradiction::from([(number, times)]));
            }
            [(var, coefficient)] => (*var, coefficient.clone()),
            _ => (self.sum(terms), Rational::integer(1)),
        };
        // scale * var >= -constant
        let inverse = scale.inverse();
        let at = constant.negated().times(&inverse);
        let size = if inverse.signum() < 0 { inverse.negated() } else { inverse.clone() };
        if is_zero {
            let from = (number, inverse);
            let high = Bound { at: at.clone(), from: (from.0, from.1.negated()) };
            return self.bound(var, Bound { at, from }, true).or_else(|| self.bound(var, high, false));
        }
        self.bound(var, Bound { at, from: (number, size) }, scale.signum() > 0)
    }

    /// A variable that is this sum.
    fn sum(&mut self, terms: &[(Var, Rational)]) -> Var {
        let mut row = BTreeMap::new();
        for (var, coefficient) in terms {
            match self.rows.get(var) {
                Some(of) => of
                    .clone()
                    .iter()
                    .for_each(|(other, times)| add(&mut row, *other, &times.times(coefficient))),
                None => add(&mut row, *var, coefficient),
            }
        }
        let value = row
            .iter()
            .fold(Rational::ZERO, |sum, (var, times)| sum.plus(&times.times(&self.columns[*var].value)));
        self.columns.push(Column { value, ..Column::default() });
        let var = self.columns.len() - 1;
        self.rows.insert(var, row);
        var
    }

    fn bound(&mut self, var: Var, bound: Bound, is_low: bool) -> Option<Contradiction> {
        let column = &mut self.columns[var];
        let (here, other) =
            if is_low { (&mut column.low, &column.high) } else { (&mut column.high, &column.low) };
        let is_tighter =
            here.as_ref().is_none_or(|here| if is_low { bound.at > here.at } else { bound.at < here.at });
        if !is_tighter {
            return None;
        }
        let crosses = |other: &&Bound| if is_low { bound.at > other.at } else { bound.at < other.at };
        if let Some(other) = other.as_ref().filter(crosses) {
            let mut sum = Contradiction::new();
            for (number, times) in [&bound.from, &other.from] {
                add(&mut sum, *number, times);
            }
            return Some(sum);
        }
        *here = Some(bound);
        let value = &column.value;
        let outside = if is_low {
            here.as_ref().filter(|low| *value < low.at)
        } else {
            here.as_ref().filter(|high| *value > high.at)
        };
        if let Some(at) = outside.map(|bound| bound.at.clone())
            && !self.rows.contains_key(&var)
        {
            self.set(var, at);
        }
        None
    }

    /// Gives a variable that is not basic another value.
    fn set(&mut self, var: Var, to: Rational) {
        let by = to.minus(&self.columns[var].value);
        for (basic, row) in &self.rows {
            if let Some(times) = row.get(&var) {
                let moved = self.columns[*basic].value.plus(&times.times(&by));
                self.columns[*basic].value = moved;
            }
        }
        self.columns[var].value = to;
    }

    /// Looks for a point. `work` is what may still be done, in words.
    pub fn solve(&mut self, work: &mut usize) -> Outcome {
        loop {
            let outside = self.rows.keys().find_map(|basic| {
                let column = &self.columns[*basic];
                let low =
                    column.low.as_ref().filter(|low| column.value < low.at).map(|low| (true, low.clone()));
                let high = || {
                    column
                        .high
                        .as_ref()
                        .filter(|high| column.value > high.at)
                        .map(|high| (false, high.clone()))
                };
                low.or_else(high).map(|(is_low, bound)| (*basic, is_low, bound))
            });
            let Some((basic, is_low, bound)) = outside else { return Outcome::Point };
            let row = &self.rows[&basic];
            // which other variable can move the basic one towards its bound
            let helps = |(var, times): &(&Var, &Rational)| {
                let column = &self.columns[**var];
                if (times.signum() > 0) == is_low {
                    column.high.as_ref().is_none_or(|high| column.value < high.at)
                } else {
                    column.low.as_ref().is_none_or(|low| column.value > low.at)
                }
            };
            let Some(entering) = row.iter().find(helps).map(|(var, _)| *var) else {
                return Outcome::None(self.contradiction(basic, is_low, &bound));
            };
            let spent = self.pivot(basic, entering, bound.at);
            *work = match work.checked_sub(spent) {
                Some(left) => left,
                None => return Outcome::Spent,
            };
        }
    }

    fn contradiction(&self, basic: Var, is_low: bool, bound: &Bound) -> Contradiction {
        let mut sum = Contradiction::new();
        add(&mut sum, bound.from.0, &bound.from.1);
        for (var, times) in &self.rows[&basic] {
            let column = &self.columns[*var];
            let at_high = (times.signum() > 0) == is_low;
            let held = if at_high { &column.high } else { &column.low };
            let held = held.as_ref().expect("a variable that cannot move is at its bound");
            let size = if times.signum() < 0 { times.negated() } else { times.clone() };
            add(&mut sum, held.from.0, &held.from.1.times(&size));
        }
        sum
    }

    /// Exchanges a basic variable, which gets this value, for another one.
    fn pivot(&mut self, basic: Var, entering: Var, to: Rational) -> usize {
        let mut row = self.rows.remove(&basic).expect("a basic variable has a row");
        let times = row.remove(&entering).expect("the other is in it");
        let inverse = times.inverse();
        let by = to.minus(&self.columns[basic].value).times(&inverse);
        // entering = (basic - rest) / times
        let mut new: BTreeMap<Var, Rational> =
            row.into_iter().map(|(var, coefficient)| (var, coefficient.times(&inverse).negated())).collect();
        new.insert(basic, inverse);
        let mut spent = new.len();
        self.columns[basic].value = to;
        self.columns[entering].value = self.columns[entering].value.plus(&by);
        for (other, row) in &mut self.rows {
            let Some(factor) = row.remove(&entering) else { continue };
            self.columns[*other].value = self.columns[*other].value.plus(&factor.times(&by));
            for (var, coefficient) in &new {
                let more = factor.times(coefficient);
                spent += more.words();
                add(row, *var, &more);
            }
        }
        self.rows.insert(entering, new);
        spent
    }
}

fn add<K: Ord>(sum: &mut BTreeMap<K, Rational>, key: K, times: &Rational) {
    use std::collections::btree_map::Entry;
    match sum.entry(key) {
        Entry::Vacant(entry) => {
            if !times.is_zero() {
                entry.insert(times.clone());
            }
        }
        Entry::Occupied(mut entry) => {
            let total = entry.get().plus(times);
            if total.is_zero() { drop(entry.remove()) } else { *entry.get_mut() = total }
        }
    }
}
