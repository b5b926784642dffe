//! Do the tree, its proofs, and the salts and leaves of rows come out as an independent program computed them?
//! `spec/vectors/tree.json` holds what it wrote; what it wrote is also computed here, in the plainest way.

use std::path::Path;

use opus_runtime::record::{Salting, Salts, leaf};
use opus_runtime::tree::{self, Tree};
use opus_runtime::Hash;
use serde_json::Value;

fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec/vectors/tree.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let digits = value.as_str().unwrap().as_bytes();
    let digit = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn hash(value: &Value) -> Hash {
    value.as_str().unwrap().parse().unwrap()
}

fn path(value: &Value) -> Vec<Hash> {
    value["path"].as_array().unwrap().iter().map(hash).collect()
}

fn all<'a>(vectors: &'a Value, name: &str) -> &'a Vec<Value> {
    vectors[name].as_array().unwrap()
}

/// The hash of a list, as RFC 9162 defines it.
fn plain(entries: &[Vec<u8>]) -> Hash {
    match entries {
        [] => Hash::of(b""),
        [one] => Hash::of(&[&[0], &one[..]].concat()),
        _ => {
            let mut left = 1;
            while left * 2 < entries.len() {
                left *= 2;
            }
            let (left, right) = entries.split_at(left);
            Hash::of(&[&[1], &plain(left).as_bytes()[..], &plain(right).as_bytes()[..]].concat())
        }
    }
}

#[test]
fn roots_and_proofs_are_those_of_the_rfc() {
    let vectors = vectors();
    let entries: Vec<Vec<u8>> = all(&vectors, "entries").iter().map(bytes).collect();
    let hashes: Vec<Hash> = entries.iter().map(|data| tree::entry(data)).collect();
    let root = |size: u64| hash(&vectors["roots"][size as usize]["root"]);
    let mut growing = Tree::default();
    for size in 0..=entries.len() {
        assert_eq!(growing.root(), root(size as u64));
        assert_eq!(plain(&entries[..size]), root(size as u64));
        hashes.get(size).into_iter().for_each(|entry| growing.push(*entry));
    }
    for proof in all(&vectors, "inclusion") {
        let (index, size) = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
        let parts = tree::inclusion(index, size).unwrap();
        assert_eq!(tree::hashes(&parts, hashes.iter().copied()).unwrap(), path(proof), "{index} of {size}");
        let found = tree::root_with(hashes[index as usize], index, size, &path(proof));
        assert_eq!(found, Some(root(size)), "{index} of {size}");
    }
    for proof in all(&vectors, "consistency") {
        let (old, new) = (proof["old"].as_u64().unwrap(), proof["new"].as_u64().unwrap());
        let parts = tree::consistency(old, new).unwrap();
        assert_eq!(tree::hashes(&parts, hashes.iter().copied()).unwrap(), path(proof), "{old} in {new}");
        assert!(tree::is_consistent((old, root(old)), (new, root(new)), &path(proof)), "{old} in {new}");
    }
}

#[test]
fn salts_and_leaves_are_those_of_their_description() {
    let vectors = vectors();
    let mut salting = Salting::new();
    for input in all(&vectors["salting"], "inputs") {
        // in pieces, as files are read
        bytes(input).chunks(7).for_each(|part| salting.update(part));
        salting.end_input();
    }
    let salts = salting.finish();
    assert_eq!(salts.key(), hash(&vectors["salting"]["key"]));
    let mut growing = Tree::default();
    for row in all(&vectors, "rows") {
        let number = row["row"].as_u64().unwrap();
        let salt = Salts::from_key(salts.key()).of(number);
        assert_eq!(salt, hash(&row["salt"]));
        let input = (!row["input"].is_null()).then(|| hash(&row["input"]));
        let is_decided = row["decided"].as_bool().unwrap();
        let found = leaf(salt, number, input, is_decided, hash(&row["outcome"]));
        assert_eq!(found, hash(&row["leaf"]));
        assert_eq!(found, Hash::of(&bytes(&row["bytes"])));
        if growing.size() < 3 {
            growing.push(tree::entry(found.as_bytes()));
        }
    }
    assert_eq!(growing.root(), hash(&vectors["root_of_rows"]));
}
