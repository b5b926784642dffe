//! How are the elements of two policies merged into one order? As few elements as possible move; among equal choices,
//! the earlier elements of the first policy stay.

use std::collections::{BTreeMap, BTreeSet};

use super::group::Changes;
use super::{Change, Entry, Order, Side};
use crate::structure::{Key, Sequence, Structure};

/// The merged order of each sequence that differs, and the elements that moved.
pub fn orders(a: &Structure, b: &Structure, changes: &Changes) -> (Vec<Order>, Vec<Change>) {
    let sequences: BTreeSet<&Sequence> = a.sequences.keys().chain(b.sequences.keys()).collect();
    let (mut orders, mut moves) = (Vec::new(), Vec::new());
    for sequence in sequences {
        let of = |structure: &'_ Structure| structure.sequences.get(sequence).cloned().unwrap_or_default();
        let (first, second) = (of(a), of(b));
        if first == second {
            continue;
        }
        let places = Places::new(&first, &second, &changes.renewed);
        let kept = if sequence.counts() { longest_rising(&places.common) } else { places.common.clone() };
        let entries = if sequence.counts() {
            merged(&first, &second, &kept)
        } else {
            inserted(&first, &second, &places)
        };
        if sequence.counts() {
            let stays: BTreeSet<(usize, usize)> = kept.into_iter().collect();
            for (i, j) in places.common.iter().filter(|pair| !stays.contains(pair)) {
                // an element whose key changed is a different one on each side, so its place needs no switch
                if first[*i] == second[*j] {
                    let before = |keys: &[Key], at: usize| at.checked_sub(1).map(|at| keys[at].clone());
                    moves.push(Change::Move {
                        sequence: sequence.clone(),
                        key: first[*i].clone(),
                        before: before(&first, *i),
                        after: before(&second, *j),
                    });
                }
            }
        }
        if entries.iter().any(|entry| entry.side != Side::Both) {
            orders.push(Order { sequence: sequence.clone(), entries });
        }
    }
    (orders, moves)
}

struct Places {
    /// Places in the first and in the second sequence of what both have, by the first.
    common: Vec<(usize, usize)>,
}

impl Places {
    fn new(first: &[Key], second: &[Key], renewed: &[(Key, Key)]) -> Places {
        let renewed: BTreeMap<&Key, &Key> = renewed.iter().map(|(before, after)| (before, after)).collect();
        let at: BTreeMap<&Key, usize> = second.iter().enumerate().map(|(at, key)| (key, at)).collect();
        let common = first
            .iter()
            .enumerate()
            .filter_map(|(i, key)| {
                let own = at.get(key).copied();
                let j = own.or_else(|| at.get(*renewed.get(key)?).copied())?;
                Some((i, j))
            })
            .collect();
        Places { common }
    }
}

/// The longest subsequence of pairs that increases in both places; among several, the one with the earliest first places.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut lengths = vec![1_usize; pairs.len()];
    for i in (0..pairs.len()).rev() {
        let further = (i + 1..pairs.len()).filter(|&j| pairs[j].1 > pairs[i].1).map(|j| lengths[j]).max();
        lengths[i] = 1 + further.unwrap_or(0);
    }
    let mut wanted = lengths.iter().copied().max().unwrap_or(0);
    let (mut kept, mut last): (Vec<(usize, usize)>, Option<usize>) = (Vec::new(), None);
    for (pair, length) in pairs.iter().zip(lengths) {
        if length == wanted && wanted > 0 && last.is_none_or(|last| pair.1 > last) {
            kept.push(*pair);
            last = Some(pair.1);
            wanted -= 1;
        }
    }
    kept
}

/// Between elements that stay in place: first those of the first policy, then those of the second.
fn merged(first: &[Key], second: &[Key], kept: &[(usize, usize)]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let (mut i, mut j) = (0, 0);
    let ends = std::iter::once((first.len(), second.len()));
    for (until_i, until_j) in kept.iter().copied().chain(ends) {
        entries.extend(first[i..until_i].iter().map(|key| entry(key, Side::Before)));
        entries.extend(second[j..until_j].iter().map(|key| entry(key, Side::After)));
        if let (Some(a), Some(b)) = (first.get(until_i), second.get(until_j)) {
            if a == b {
                entries.push(entry(a, Side::Both));
            } else {
                entries.extend([entry(a, Side::Before), entry(b, Side::After)]);
            }
        }
        (i, j) = (until_i + 1, until_j + 1);
    }
    entries
}

/// For sequences without an order of their own: the order of the first policy; what only the second has follows the
/// element before it there.
fn inserted(first: &[Key], second: &[Key], places: &Places) -> Vec<Entry> {
    let shared: BTreeSet<usize> = places.common.iter().map(|(_, j)| *j).collect();
    let mut behind: BTreeMap<Option<usize>, Vec<&Key>> = BTreeMap::new();
    let mut last = None;
    for (j, key) in second.iter().enumerate() {
        let at = places.common.iter().find(|(_, other)| *other == j).map(|(i, _)| *i);
        last = at.or(last);
        // an element whose key changed follows its old self
        if !shared.contains(&j) || at.is_some_and(|i| first[i] != *key) {
            behind.entry(last).or_default().push(key);
        }
    }
    let new = |at: Option<usize>| {
        behind.get(&at).into_iter().flatten().map(|key| entry(key, Side::After)).collect::<Vec<_>>()
    };
    let mut entries = new(None);
    for (i, key) in first.iter().enumerate() {
        let is_shared = places.common.iter().any(|(at, j)| *at == i && second[*j] == *key);
        entries.push(entry(key, if is_shared { Side::Both } else { Side::Before }));
        entries.extend(new(Some(i)));
    }
    entries
}

fn entry(key: &Key, side: Side) -> Entry {
    Entry { key: key.clone(), side }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_elements_move_and_the_earlier_ones_stay() {
        let kept = |order: &[usize]| {
            let pairs: Vec<(usize, usize)> = order.iter().copied().enumerate().collect();
            longest_rising(&pairs).into_iter().map(|(i, _)| i).collect::<Vec<_>>()
        };
        assert_eq!(kept(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(kept(&[1, 0]), [0]);
        assert_eq!(kept(&[2, 0, 1]), [1, 2]);
        assert_eq!(kept(&[1, 2, 0]), [0, 1]);
        assert_eq!(kept(&[]), [] as [usize; 0]);
    }
}
