//! Which optional fields are known to be present at a place in the policy?
//!
//! A condition establishes something if it holds, and something if it fails. The right side of `and` relies on what
//! the left establishes by holding, and the right side of `or` on what it establishes by failing. A rule relies on
//! what all earlier rules establish by failing, and the right side of `or_else` on the field being missing.
//!
//! What is known is a conjunction: fields that are present, fields that are missing, and choices (`a is present or b
//! is present`), which shrink to their other fields when one turns out to be missing.

/// How many choices are remembered, and of how many fields one may be: what is beyond is not known.
const CHOICES_MAX: usize = 64;
const CHOICE_FIELDS_MAX: usize = 8;

/// Which fields are known to be present or missing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Known {
    present: Bits,
    missing: Bits,
    /// Of each of these at least one holds.
    choices: Vec<Choice>,
}

/// That a field is present, or that it is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Literal {
    field: u32,
    present: bool,
}

/// Alternatives of which at least one holds, in order.
type Choice = Vec<Literal>;

/// What a condition establishes where it holds, and where it fails.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Truth {
    /// Known where it holds.
    pub holds: Known,
    /// Known where it fails.
    pub fails: Known,
}

impl Known {
    /// That a field is present.
    pub fn present(field: u32) -> Known {
        Known { present: Bits::of(field), ..Known::default() }
    }

    /// That a field is missing.
    pub fn missing(field: u32) -> Known {
        Known { missing: Bits::of(field), ..Known::default() }
    }

    /// Whether the field is known to be present.
    pub fn contains(&self, field: u32) -> bool {
        self.present.contains(field)
    }

    /// What is known where both are.
    pub fn and_also(&self, other: &Known) -> Known {
        let mut both = Known {
            present: self.present.zip(&other.present, |a, b| a | b),
            missing: self.missing.zip(&other.missing, |a, b| a | b),
            choices: self.choices.clone(),
        };
        for choice in &other.choices {
            both.choose(choice.clone());
        }
        both.settle();
        both
    }

    /// What is known where one of them is, though not which.
    pub fn common(&self, other: &Known) -> Known {
        let mut either = Known {
            present: self.present.zip(&other.present, |a, b| a & b),
            missing: self.missing.zip(&other.missing, |a, b| a & b),
            choices: vec![],
        };
        for a in self.clauses() {
            for b in other.clauses() {
                let mut choice = [a.as_slice(), b.as_slice()].concat();
                choice.sort();
                choice.dedup();
                either.choose(choice);
            }
        }
        either.settle();
        either
    }

    /// All that is known as choices, those of one field first; no more of them than are remembered.
    fn clauses(&self) -> impl Iterator<Item = Choice> {
        let alone = |fields: &Bits, present| {
            fields.iter().map(move |field| vec![Literal { field, present }]).collect::<Vec<_>>()
        };
        let single = alone(&self.present, true).into_iter().chain(alone(&self.missing, false));
        single.chain(self.choices.clone()).take(CHOICES_MAX)
    }

    /// Remembers a choice, unless it is known already, says nothing, or would be too much.
    fn choose(&mut self, choice: Choice) {
        let says_nothing = choice.windows(2).any(|pair| pair[0].field == pair[1].field);
        let room = choice.len() <= CHOICE_FIELDS_MAX && self.choices.len() < CHOICES_MAX;
        if room
            && !says_nothing
            && !choice.iter().any(|literal| self.holds(*literal))
            && !self.choices.contains(&choice)
        {
            self.choices.push(choice);
        }
    }

    fn holds(&self, literal: Literal) -> bool {
        if literal.present {
            self.present.contains(literal.field)
        } else {
            self.missing.contains(literal.field)
        }
    }

    /// Removes from every choice what is known not to hold; if one is left, it holds.
    fn settle(&mut self) {
        loop {
            let mut choices = std::mem::take(&mut self.choices);
            choices.retain(|choice| !choice.iter().any(|literal| self.holds(*literal)));
            for choice in &mut choices {
                choice.retain(|literal| !self.holds(Literal { present: !literal.present, ..*literal }));
            }
            let alone: Vec<Literal> = choices
                .iter()
                .filter_map(|choice| if let [literal] = choice[..] { Some(literal) } else { None })
                .collect();
            choices.retain(|choice| choice.len() > 1);
            self.choices = choices;
            if alone.is_empty() {
                return;
            }
            for literal in alone {
                let known = if literal.present { &mut self.present } else { &mut self.missing };
                *known = known.zip(&Bits::of(literal.field), |a, b| a | b);
            }
        }
    }
}

/// A set of input fields, by index.
#[derive(Clone, Debug, Default)]
struct Bits {
    words: Vec<u64>,
}

impl PartialEq for Bits {
    fn eq(&self, other: &Bits) -> bool {
        self.zip(other, |a, b| a ^ b).words.iter().all(|word| *word == 0)
    }
}

impl Eq for Bits {}

impl Bits {
    fn of(field: u32) -> Bits {
        let mut words = vec![0; field as usize / 64 + 1];
        words[field as usize / 64] = 1 << (field % 64);
        Bits { words }
    }

    fn contains(&self, field: u32) -> bool {
        self.words.get(field as usize / 64).is_some_and(|word| word >> (field % 64) & 1 == 1)
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.words.len() as u32 * 64).filter(|field| self.contains(*field))
    }

    fn zip(&self, other: &Bits, join: impl Fn(u64, u64) -> u64) -> Bits {
        let word = |bits: &Bits, at: usize| bits.words.get(at).copied().unwrap_or(0);
        let words = 0..self.words.len().max(other.words.len());
        Bits { words: words.map(|at| join(word(self, at), word(other, at))).collect() }
    }
}

impl Truth {
    /// Of `f is present`.
    pub fn present(field: u32) -> Truth {
        Truth { holds: Known::present(field), fails: Known::missing(field) }
    }

    /// Of `not c`, `c` being self.
    pub fn negated(self) -> Truth {
        Truth { holds: self.fails, fails: self.holds }
    }

    /// Of `a and b`.
    pub fn and(&self, b: &Truth) -> Truth {
        Truth { holds: self.holds.and_also(&b.holds), fails: self.fails.common(&b.fails) }
    }

    /// Of `a or b`.
    pub fn or(&self, b: &Truth) -> Truth {
        Truth { holds: self.holds.common(&b.holds), fails: self.fails.and_also(&b.fails) }
    }

    /// Of `if c then a else b`, `c` being self and the branches conditions.
    pub fn choose(&self, a: &Truth, b: &Truth) -> Truth {
        let both = |on: &Known, off: &Known| self.holds.and_also(on).common(&self.fails.and_also(off));
        Truth { holds: both(&a.holds, &b.holds), fails: both(&a.fails, &b.fails) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_or_gives_both_negations_and_a_failed_and_none() {
        let (a, b) = (Truth::present(1), Truth::present(70));
        let either_missing = a.clone().negated().or(&b.clone().negated());
        assert!(either_missing.fails.contains(1) && either_missing.fails.contains(70));
        assert!(!either_missing.holds.contains(1));
        let both_missing = a.negated().and(&b.negated());
        assert!(!both_missing.fails.contains(1) && !both_missing.fails.contains(70));
    }

    #[test]
    fn of_a_choice_the_rest_is_left() {
        let missing = |field| Truth::present(field).negated();
        let all = missing(1).and(&missing(2)).and(&missing(3));
        let known = all.fails.and_also(&Known::missing(1));
        assert!(!known.contains(2) && !known.contains(3));
        assert!(known.and_also(&Known::missing(3)).contains(2));
        assert!(!known.and_also(&Known::present(3)).contains(2));
    }

    #[test]
    fn what_is_known_on_both_sides_is_known_of_either() {
        let (a, b, c) = (Known::present(1), Known::present(2), Known::present(3));
        let either = a.and_also(&c).common(&b.and_also(&c));
        assert!(either.contains(3) && !either.contains(1));
        assert!(either.and_also(&Known::missing(1)).contains(2));
        assert_eq!(a.common(&Known::missing(1)), Known::default());
    }

    #[test]
    fn a_choice_knows_what_both_ways_establish() {
        let (a, b) = (Truth::present(1), Truth::present(2));
        let chosen = a.choose(&b, &b);
        assert!(chosen.holds.contains(2) && !chosen.holds.contains(1));
        let nothing = Truth::default();
        assert!(!a.choose(&nothing, &nothing).holds.contains(1));
    }
}
