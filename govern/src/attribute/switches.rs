//! Which edits are on? A set of edits, by index.

/// A set of edits. Sets with the same members are equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Switches {
    /// 64 edits each; the last word is not 0.
    words: Vec<u64>,
}

impl Switches {
    /// The first `count` edits.
    pub fn first(count: usize) -> Switches {
        (0..count).collect()
    }

    pub fn contains(&self, edit: usize) -> bool {
        self.words.get(edit / 64).is_some_and(|word| word >> (edit % 64) & 1 == 1)
    }

    pub fn insert(&mut self, edit: usize) {
        if self.words.len() <= edit / 64 {
            self.words.resize(edit / 64 + 1, 0);
        }
        self.words[edit / 64] |= 1 << (edit % 64);
    }

    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Those from this one on.
    #[must_use]
    pub fn tail(&self, first: usize) -> Switches {
        let word = first / 64;
        let mut words = self.words.clone();
        words.iter_mut().take(word).for_each(|word| *word = 0);
        words.iter_mut().skip(word).take(1).for_each(|word| *word &= !0 << (first % 64));
        while words.last() == Some(&0) {
            words.pop();
        }
        Switches { words }
    }

    /// Ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let of_word = |(at, word): (usize, u64)| {
            let next = |word: &u64| Some(word & (word - 1)).filter(|word| *word != 0);
            std::iter::successors(Some(word).filter(|word| *word != 0), next)
                .map(move |word| at * 64 + word.trailing_zeros() as usize)
        };
        self.words.iter().copied().enumerate().flat_map(of_word)
    }

    pub fn add(&mut self, other: &Switches) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| *word |= other);
    }

    #[must_use]
    pub fn with(&self, other: &Switches) -> Switches {
        let mut out = self.clone();
        out.add(other);
        out
    }

    #[must_use]
    pub fn without(&self, other: &Switches) -> Switches {
        self.each_word(other, |word, other| word & !other)
    }

    #[must_use]
    pub fn meet(&self, other: &Switches) -> Switches {
        self.each_word(other, |word, other| word & other)
    }

    pub fn meets(&self, other: &Switches) -> bool {
        self.words.iter().zip(&other.words).any(|(word, other)| word & other != 0)
    }

    pub fn is_within(&self, other: &Switches) -> bool {
        self.without(other).is_empty()
    }

    fn each_word(&self, other: &Switches, of: impl Fn(u64, u64) -> u64) -> Switches {
        let other = other.words.iter().copied().chain(std::iter::repeat(0));
        let mut words: Vec<u64> =
            self.words.iter().zip(other).map(|(word, other)| of(*word, other)).collect();
        while words.last() == Some(&0) {
            words.pop();
        }
        Switches { words }
    }
}

impl FromIterator<usize> for Switches {
    fn from_iter<I: IntoIterator<Item = usize>>(edits: I) -> Switches {
        let mut out = Switches::default();
        edits.into_iter().for_each(|edit| out.insert(edit));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_with_the_same_members_are_equal() {
        let set = |edits: &[usize]| edits.iter().copied().collect::<Switches>();
        assert_eq!(set(&[1, 70]).without(&set(&[70])), set(&[1]));
        assert_eq!(set(&[1, 70]).meet(&set(&[1, 3])), set(&[1]));
        assert_eq!(set(&[3, 1]).with(&set(&[130])).iter().collect::<Vec<_>>(), [1, 3, 130]);
        assert!(set(&[]).is_within(&set(&[])) && set(&[1]).is_within(&set(&[1, 90])));
        assert!(!set(&[90]).is_within(&set(&[1])) && !set(&[90]).meets(&set(&[1])));
        assert_eq!(set(&[1, 64, 70, 130]).tail(70), set(&[70, 130]));
        assert_eq!((set(&[1, 3]).tail(4), set(&[1, 3]).tail(200)), (set(&[]), set(&[])));
        assert_eq!((Switches::first(65).len(), set(&[]).is_empty()), (65, true));
    }
}
