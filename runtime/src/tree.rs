//! How do 32 bytes stand for a list of any length, so that one entry can be shown without the others? As the root of the
//! tree of [RFC 9162, section 2.1](https://www.rfc-editor.org/rfc/rfc9162#section-2.1), over BLAKE3.
//!
//! | of | the hash is BLAKE3 of |
//! | --- | --- |
//! | no entry | nothing |
//! | one entry | a byte 0, and the entry |
//! | n entries | a byte 1, the hash of the first k entries, the hash of the others; k is the largest power of two below n |
//!
//! A proof is a list of hashes of parts of the list. Which parts follows from positions and sizes alone
//! ([`inclusion`], [`consistency`]); [`hashes`] computes all of them in one pass over the entries. Neither that nor
//! [`Tree`] holds more than a few dozen hashes at a time. `spec/vectors/tree.json` has examples.

use std::ops::Range;

use crate::hash::Hash;

/// The hash of one entry.
///
/// ```
/// use opus_runtime::{Hash, tree};
/// assert_eq!(tree::entry(b"one"), Hash::of(b"\0one"));
/// ```
pub fn entry(data: &[u8]) -> Hash {
    const SHORT: usize = 64;
    if data.len() < SHORT {
        let mut bytes = [0; SHORT];
        bytes[1..=data.len()].copy_from_slice(data);
        return Hash::of(&bytes[..=data.len()]);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0]).update(data);
    Hash::from_bytes(*hasher.finalize().as_bytes())
}

fn node(left: Hash, right: Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left.as_bytes());
    bytes[33..].copy_from_slice(right.as_bytes());
    Hash::of(&bytes)
}

/// A tree that grows entry by entry.
///
/// ```
/// use opus_runtime::{Hash, tree::{Tree, entry}};
/// let mut tree = Tree::default();
/// assert_eq!(tree.root(), Hash::of(b""));
/// tree.push(entry(b"one"));
/// assert_eq!((tree.size(), tree.root()), (1, entry(b"one")));
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Tree {
    size: u64,
    /// The roots of full subtrees, the largest first: one for each bit of the size.
    full: Vec<Hash>,
}

impl Tree {
    /// Adds an entry, by its [hash](entry).
    pub fn push(&mut self, entry: Hash) {
        let mut hash = entry;
        for _ in 0..self.size.trailing_ones() {
            let left = self.full.pop().expect("there is a subtree for each bit of the size");
            hash = node(left, hash);
        }
        self.full.push(hash);
        self.size += 1;
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut full = self.full.iter().rev().copied();
        let Some(last) = full.next() else { return Hash::of(b"") };
        full.fold(last, |right, left| node(left, right))
    }
}

/// The parts of a list of `size` entries whose hashes prove that an entry is in it, counted from 0: the siblings on the way
/// from the entry to the root. `None` if there is no such entry.
///
/// ```
/// use opus_runtime::tree;
/// assert_eq!(tree::inclusion(2, 5), Some(vec![3..4, 0..2, 4..5]));
/// assert_eq!(tree::inclusion(5, 5), None);
/// ```
pub fn inclusion(index: u64, size: u64) -> Option<Vec<Range<u64>>> {
    if index >= size {
        return None;
    }
    let (mut list, mut parts) = (0..size, Vec::new());
    while list.end - list.start > 1 {
        let middle = middle(&list);
        let (left, right) = (list.start..middle, middle..list.end);
        let (next, sibling) = if index < middle { (left, right) } else { (right, left) };
        parts.push(sibling);
        list = next;
    }
    parts.reverse();
    Some(parts)
}

/// The parts of a list of `new` entries whose hashes prove that the list begins with the `old` entries that an earlier
/// root stands for. `None` if `old` is larger than `new`.
///
/// ```
/// use opus_runtime::tree;
/// assert_eq!(tree::consistency(3, 7), Some(vec![2..3, 3..4, 0..2, 4..7]));
/// assert_eq!(tree::consistency(7, 7), Some(vec![]));
/// ```
pub fn consistency(old: u64, new: u64) -> Option<Vec<Range<u64>>> {
    if old > new {
        return None;
    }
    if old == 0 {
        return Some(Vec::new());
    }
    let (mut list, mut parts) = (0..new, Vec::new());
    // the old root itself is known; of the old list's other parts, the hash is needed
    while list.end != old {
        let middle = middle(&list);
        let (left, right) = (list.start..middle, middle..list.end);
        let (next, other) = if old <= middle { (left, right) } else { (right, left) };
        parts.push(other);
        list = next;
    }
    if list.start > 0 {
        parts.push(list);
    }
    parts.reverse();
    Some(parts)
}

/// Where the list of a node is divided: after the largest power of two below its length.
fn middle(list: &Range<u64>) -> u64 {
    let last = list.end - list.start - 1;
    list.start + (1 << last.ilog2())
}

/// The hashes of parts of a list, given the hashes of all its entries. The parts do not overlap. `None` if the list ends
/// before one of them.
///
/// ```
/// use opus_runtime::tree;
/// let entries = [b"a", b"b", b"c"].map(|data| tree::entry(data));
/// let proof = tree::hashes(&tree::inclusion(1, 3).unwrap(), entries.into_iter()).unwrap();
/// assert_eq!(proof, [entries[0], entries[2]]);
/// ```
pub fn hashes(parts: &[Range<u64>], entries: impl Iterator<Item = Hash>) -> Option<Vec<Hash>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|part| parts[*part].start);
    let mut found = vec![Hash::of(b""); parts.len()];
    let mut entries = (0u64..).zip(entries);
    for part in order {
        let range = &parts[part];
        let mut tree = Tree::default();
        while tree.size() < range.end - range.start {
            let (index, entry) = entries.next()?;
            if index >= range.start {
                tree.push(entry);
            }
        }
        found[part] = tree.root();
    }
    Some(found)
}

/// The root of a list of `size` entries that has this entry at `index`, if the proof is one of inclusion. `None` if it has
/// another length than such a proof.
///
/// ```
/// use opus_runtime::tree::{self, Tree};
/// let entries = [b"a", b"b", b"c"].map(|data| tree::entry(data));
/// let mut whole = Tree::default();
/// entries.iter().for_each(|entry| whole.push(*entry));
/// assert_eq!(tree::root_with(tree::entry(b"b"), 1, 3, &[entries[0], entries[2]]), Some(whole.root()));
/// ```
pub fn root_with(entry: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    let mut last = size.checked_sub(1).filter(|last| index <= *last)?;
    let (mut index, mut root) = (index, entry);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if index & 1 == 1 || index == last {
            root = node(*sibling, root);
            // the last entry of a level without a sibling goes up as it is
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            root = node(root, *sibling);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// Whether a proof shows that the list with the new size and root begins with the one that has the old size and root.
///
/// ```
/// use opus_runtime::tree::{self, Tree};
/// let entries = [b"a", b"b", b"c"].map(|data| tree::entry(data));
/// let mut tree = Tree::default();
/// tree.push(entries[0]);
/// let old = (tree.size(), tree.root());
/// entries[1..].iter().for_each(|entry| tree.push(*entry));
/// let proof = tree::hashes(&tree::consistency(1, 3).unwrap(), entries.into_iter()).unwrap();
/// assert!(tree::is_consistent(old, (tree.size(), tree.root()), &proof));
/// assert!(!tree::is_consistent((1, entries[1]), (tree.size(), tree.root()), &proof));
/// ```
pub fn is_consistent(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == 0 || old_size >= new_size {
        let is_known = old_root == Hash::of(b"") || old_size > 0;
        return proof.is_empty() && is_known && (old_size < new_size || old == new);
    }
    let (mut index, mut last) = (old_size - 1, new_size - 1);
    let shift = index.trailing_ones();
    (index, last) = (index >> shift, last >> shift);
    // an old list that is a full subtree is the first part of the new one
    let is_full = old_size.is_power_of_two();
    let mut parts = is_full.then_some(old_root).into_iter().chain(proof.iter().copied());
    let Some(first) = parts.next() else { return false };
    let (mut old_found, mut new_found) = (first, first);
    for part in parts {
        if last == 0 {
            return false;
        }
        if index & 1 == 1 || index == last {
            (old_found, new_found) = (node(part, old_found), node(part, new_found));
            while index & 1 == 0 && index != 0 {
                (index, last) = (index >> 1, last >> 1);
            }
        } else {
            new_found = node(new_found, part);
        }
        (index, last) = (index >> 1, last >> 1);
    }
    last == 0 && old_found == old_root && new_found == new_root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, word for word.
    fn root(entries: &[Hash]) -> Hash {
        match entries {
            [] => Hash::of(b""),
            [one] => *one,
            _ => {
                let (left, right) = entries.split_at(entries.len().next_power_of_two() / 2);
                node(root(left), root(right))
            }
        }
    }

    fn entries(count: u64) -> Vec<Hash> {
        (0..count).map(|number| entry(&number.to_le_bytes())).collect()
    }

    fn part(parts: &[Range<u64>], entries: &[Hash]) -> Vec<Hash> {
        parts.iter().map(|part| root(&entries[part.start as usize..part.end as usize])).collect()
    }

    #[test]
    fn proofs_of_every_entry_hold_and_nothing_else_does() {
        let all = entries(40);
        let mut tree = Tree::default();
        for size in 0..=all.len() as u64 {
            let list = &all[..size as usize];
            assert_eq!(tree.root(), root(list), "{size}");
            for (index, one) in (0..).zip(list) {
                let parts = inclusion(index, size).unwrap();
                let proof = hashes(&parts, list.iter().copied()).unwrap();
                assert_eq!(proof, part(&parts, list));
                assert_eq!(root_with(*one, index, size, &proof), Some(tree.root()));
                let other = (index + 1) % size.max(1);
                assert!(size == 1 || root_with(*one, other, size, &proof) != Some(tree.root()));
                let longer = [&proof[..], &[*one]].concat();
                assert_eq!(root_with(*one, index, size, &longer), None);
                if let Some((_, shorter)) = proof.split_last() {
                    assert_eq!(root_with(*one, index, size, shorter), None);
                }
            }
            assert_eq!(root_with(all[0], size, size, &[]), None);
            all.get(size as usize).into_iter().for_each(|entry| tree.push(*entry));
        }
    }

    #[test]
    fn a_list_is_shown_to_begin_with_an_earlier_one_and_with_no_other() {
        let all = entries(24);
        for new in 0..=all.len() {
            let now = (new as u64, root(&all[..new]));
            for old in 0..=new {
                let before = (old as u64, root(&all[..old]));
                let parts = consistency(before.0, now.0).unwrap();
                let proof = hashes(&parts, all[..new].iter().copied()).unwrap();
                assert_eq!(proof, part(&parts, &all));
                assert!(is_consistent(before, now, &proof), "{old} {new}");
                let forged = (before.0, entry(b"another"));
                assert!(!is_consistent(forged, now, &proof) && !is_consistent(before, (now.0, forged.1), &proof) || old == 0);
                assert!(old > 0 || !is_consistent(forged, now, &proof));
                for at in 0..proof.len() {
                    let mut changed = proof.clone();
                    changed[at] = entry(b"another");
                    assert!(!is_consistent(before, now, &changed), "{old} {new} {at}");
                    let shorter = [&proof[..at], &proof[at + 1..]].concat();
                    assert!(!is_consistent(before, now, &shorter), "{old} {new} without {at}");
                }
            }
            assert_eq!(consistency(new as u64 + 1, new as u64), None);
            let later = (new as u64 + 1, now.1);
            assert!(!is_consistent(later, now, &[]));
        }
    }
}
