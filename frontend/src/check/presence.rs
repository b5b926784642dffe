//! Which optional fields are known to be present at a place of the policy?
//!
//! A condition establishes that some fields are present where it holds, and others where it fails. The right
//! side of `and` sees what the left establishes by holding, the right side of `or` what it establishes by
//! failing; a rule sees what all rules before it establish by failing.

/// A set of input fields, by index.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct FieldSet {
    words: Vec<u64>,
}

/// What a condition establishes: the fields that are present where it holds, and where it fails.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Truth {
    /// Present where it holds.
    pub holds: FieldSet,
    /// Present where it fails.
    pub fails: FieldSet,
}

impl FieldSet {
    /// The set of one field.
    pub fn of(field: u32) -> FieldSet {
        let mut words = vec![0; field as usize / 64 + 1];
        words[field as usize / 64] = 1 << (field % 64);
        FieldSet { words }
    }

    /// Whether the field is in it.
    pub fn contains(&self, field: u32) -> bool {
        self.words.get(field as usize / 64).is_some_and(|word| word >> (field % 64) & 1 == 1)
    }

    /// The fields of either.
    pub fn and_also(&self, other: &FieldSet) -> FieldSet {
        let (long, short) = if self.words.len() < other.words.len() { (other, self) } else { (self, other) };
        let mut words = long.words.clone();
        for (word, more) in words.iter_mut().zip(&short.words) {
            *word |= more;
        }
        FieldSet { words }
    }

    /// The fields of both.
    pub fn common(&self, other: &FieldSet) -> FieldSet {
        FieldSet { words: self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect() }
    }
}

impl Truth {
    /// Of `f is present`.
    pub fn present(field: u32) -> Truth {
        Truth { holds: FieldSet::of(field), fails: FieldSet::default() }
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
        let both = |on: &FieldSet, off: &FieldSet| self.holds.and_also(on).common(&self.fails.and_also(off));
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
    fn a_choice_knows_what_both_ways_establish() {
        let (a, b) = (Truth::present(1), Truth::present(2));
        let chosen = a.choose(&b, &b);
        assert!(chosen.holds.contains(2) && !chosen.holds.contains(1));
        let nothing = Truth::default();
        assert_eq!(a.choose(&nothing, &nothing).holds, a.holds.common(&nothing.holds));
    }
}
