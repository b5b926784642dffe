//! What is remembered for a limited time? A map whose latest entries can be undone.

use std::collections::BTreeMap;

/// A map in which an entry hides the one before it until it is taken back.
#[derive(Clone, Debug)]
pub struct Scoped<K, V> {
    entries: BTreeMap<K, Vec<V>>,
    log: Vec<K>,
}

impl<K, V> Default for Scoped<K, V> {
    fn default() -> Scoped<K, V> {
        Scoped { entries: BTreeMap::new(), log: Vec::new() }
    }
}

impl<K: Ord + Clone, V> Scoped<K, V> {
    /// The latest entry of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).and_then(|values| values.last())
    }

    /// Adds an entry.
    pub fn insert(&mut self, key: K, value: V) {
        self.entries.entry(key.clone()).or_default().push(value);
        self.log.push(key);
    }

    /// How far the map has come, for [`Scoped::undo`].
    pub fn mark(&self) -> usize {
        self.log.len()
    }

    /// Takes back every entry since the mark.
    pub fn undo(&mut self, mark: usize) {
        for key in self.log.drain(mark..) {
            self.entries.get_mut(&key).and_then(Vec::pop).expect("every entry of the log is in the map");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_taken_back_to_the_mark() {
        let mut map = Scoped::default();
        map.insert("a", 1);
        let mark = map.mark();
        map.insert("a", 2);
        map.insert("b", 3);
        assert_eq!((map.get(&"a"), map.get(&"b")), (Some(&2), Some(&3)));
        map.undo(mark);
        assert_eq!((map.get(&"a"), map.get(&"b")), (Some(&1), None));
    }
}
