//! Is damage found? Every flipped bit in a store is found or changes no row and no object; and a store that was rewritten as a
//! whole, with every hash computed anew, is found against a checkpoint that was kept elsewhere.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Folder, at, key, name, object, put, put_signed};
use opus_store::{Checkpoint, Entry, Kind, Publication, Signed, Store, publish};
use rusqlite::types::Value;

const SEED: u64 = 20_260_201;

/// Numbers that look random, and are the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

/// A store with entries of every form.
fn fill(store: &Path) {
    let (ann, ben) = (key(1), key(2));
    put_signed(store, "loan", opus_runtime::example::artifact().bytes().to_vec(), &[&ann, &ben], 0);
    put(store, "rates.eu", object(1), 1);
    let by = Publication {
        publisher: Some("Ann Miller".to_owned()),
        ..Publication::new(name("rates.us"), object(2))
    };
    publish(store, &by, at(2)).unwrap();
    put_signed(store, "rates.eu", object(3), &[&ann], 3);
    put_signed(store, "rates.eu", object(3), &[&ben], 4);
    let claimed = Publication { claimed: Some(at(5)), ..Publication::new(name("rates.us"), object(4)) };
    publish(store, &claimed, at(9)).unwrap();
    put(store, "rates.us", object(2), 10);
    put(store, "records", object(5), 11);
}

/// Every row of every table.
fn rows(store: &Path) -> Vec<Vec<Value>> {
    let connection = rusqlite::Connection::open(store.join("ledger.db")).unwrap();
    let mut all = Vec::new();
    for table in ["sqlite_schema", "entry", "signature"] {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = statement.column_count();
        let row = |row: &rusqlite::Row| {
            (0..columns).map(|at| row.get(at)).collect::<rusqlite::Result<Vec<Value>>>()
        };
        all.extend(statement.query_map([], row).unwrap().map(Result::unwrap));
    }
    all
}

/// What is wrong with a store, if anything is found.
fn found(store: &Path, checkpoint: Option<&Checkpoint>) -> Option<String> {
    let verified = Store::open(store).and_then(|store| store.verify(checkpoint));
    match verified {
        Err(error) => Some(error.to_string()),
        Ok(verified) => (!verified.faults.is_empty()).then(|| verified.faults.join("\n")),
    }
}

/// The files that SQLite leaves beside a database.
fn tidy(store: &Path) {
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(store.join(format!("ledger.db{end}")));
    }
}

/// The objects of a store.
fn objects(store: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(store.join("objects")).unwrap().map(|entry| entry.unwrap().path());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut files: Vec<PathBuf> = files.collect();
    files.sort();
    files
}

fn flips(count: u32) {
    let folder = Folder::new("flips");
    let store = folder.store();
    fill(&store);
    tidy(&store);
    let before = rows(&store);
    tidy(&store);
    let ledger = store.join("ledger.db");
    let objects = objects(&store);
    assert_eq!(objects.len(), 6);
    let mut random = Random(SEED);
    let (mut in_ledger, mut in_objects, mut harmless) = (0, 0, 0);
    for _ in 0..count {
        // half of them in the ledger
        let path = if random.below(2) == 0 { &ledger } else { &objects[random.below(objects.len())] };
        let whole = fs::read(path).unwrap();
        let bit = random.below(whole.len() * 8);
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(path, &damaged).unwrap();
        match found(&store, None) {
            None => {
                assert_eq!(path, &ledger, "bit {bit} of an object");
                tidy(&store);
                assert!(rows(&store) == before, "bit {bit} of the ledger changes a row");
                harmless += 1;
            }
            Some(_) if path == &ledger => in_ledger += 1,
            Some(why) => {
                let digits: String = path.iter().rev().take(2).map(|part| part.to_str().unwrap()).collect();
                assert!(why.contains(&digits[..62]), "the object is named: {why}");
                in_objects += 1;
            }
        }
        tidy(&store);
        fs::write(path, &whole).unwrap();
    }
    assert_eq!(found(&store, None), None);
    println!(
        "{count} flips: {in_ledger} found in the ledger, {in_objects} in objects, {harmless} change no row"
    );
    assert!(in_objects > 0 && in_ledger > 0 && harmless > 0);
}

#[test]
fn a_flipped_bit_is_found_or_changes_no_row() {
    flips(1_000);
}

/// `cargo test --workspace --test damage -- --ignored --nocapture`
#[test]
#[ignore = "it takes minutes"]
fn many_flipped_bits_are_found_or_change_no_row() {
    flips(20_000);
}

/// Publishes entries as they are, in another store: every hash is computed anew.
fn rewrite(from: &Store, entries: &[Entry], to: &Path) {
    let _ = fs::remove_dir_all(to);
    for entry in entries {
        let bytes = from.object(entry.kind, entry.object).unwrap();
        let publication = Publication {
            publisher: entry.publisher.clone(),
            claimed: entry.is_claimed.then_some(entry.time),
            ..Publication::new(entry.name.clone(), bytes)
        };
        let written = publish(to, &publication, entry.time).unwrap();
        assert_eq!(written.time, entry.time);
    }
}

#[test]
fn a_store_that_was_rewritten_is_found_against_an_earlier_checkpoint() {
    let folder = Folder::new("rewrites");
    let (store, copy) = (folder.store(), folder.path("copy"));
    for number in 0..6 {
        let of = Publication {
            publisher: Some(format!("Ann {number}")),
            ..Publication::new(name("abc"), object(number / 2))
        };
        publish(
            &store,
            &Publication { name: name(["a", "b", "c"][number as usize % 3]), ..of },
            at(i64::from(number) * 10),
        )
        .unwrap();
    }
    let original = Store::open(&store).unwrap();
    let entries = original.entries().unwrap();
    // the copy is the same ledger
    rewrite(&original, &entries, &copy);
    let mut random = Random(SEED);
    for size in 0..=entries.len() {
        assert_eq!(found(&copy, Some(&Checkpoint::of(&entries[..size]))), None, "{size}");
    }
    for number in 0..100 {
        let mut changed = entries.clone();
        let at_entry = random.below(changed.len());
        // what of it the entries before `first` is as it was
        let first = match number % 8 {
            0 => {
                changed[at_entry].publisher = Some("Eve".to_owned());
                at_entry
            }
            1 => {
                let time = changed[at_entry].time.microseconds() + 1;
                changed[at_entry].time = opus_store::Time::from_microseconds(time).unwrap();
                at_entry
            }
            2 => {
                changed[at_entry].is_claimed = true;
                at_entry
            }
            3 => {
                changed[at_entry].object = entries[(at_entry + 2) % entries.len()].object;
                at_entry
            }
            4 => {
                changed[at_entry].name = name("d");
                at_entry
            }
            5 => {
                changed.remove(at_entry);
                at_entry
            }
            6 => {
                let at_entry = at_entry.min(changed.len() - 2);
                let times = [changed[at_entry].time, changed[at_entry + 1].time];
                changed.swap(at_entry, at_entry + 1);
                (changed[at_entry].time, changed[at_entry + 1].time) = (times[0], times[1]);
                at_entry
            }
            _ => {
                let more = Entry { publisher: Some("Eve".to_owned()), ..changed[at_entry].clone() };
                changed.insert(at_entry, more);
                at_entry
            }
        };
        rewrite(&original, &changed, &copy);
        assert_eq!(found(&copy, None), None, "the copy fits in itself");
        let size = first + 1 + random.below(entries.len() - first);
        let checkpoint = Checkpoint::of(&entries[..size]);
        let why = found(&copy, Some(&checkpoint))
            .unwrap_or_else(|| panic!("rewrite {number} at {first} of {size}"));
        assert!(why.contains("the ledger was rewritten") || why.contains("entries were removed"), "{why}");
        // what the checkpoint does not cover, it does not protect
        let earlier = Checkpoint::of(&entries[..first]);
        assert_eq!(found(&copy, Some(&earlier)), None, "rewrite {number} at {first}");
    }
}

#[test]
fn signatures_and_everything_else_are_under_the_checkpoint() {
    let folder = Folder::new("signatures");
    let store = folder.store();
    let ann = key(1);
    put_signed(&store, "a", object(1), &[&ann], 0);
    let checkpoint = Store::open(&store).unwrap().checkpoint().unwrap();
    let copy = folder.path("copy");
    let Signed { statement, .. } = common::signed(&copy, "a", &object(1), &ann);
    let again = ann.sign(statement.to_string().as_bytes(), "another comment");
    let signed = vec![Signed { statement, signature: again }];
    publish(&copy, &Publication { signed, ..Publication::new(name("a"), object(1)) }, at(0)).unwrap();
    assert_eq!(found(&copy, None), None);
    assert!(found(&copy, Some(&checkpoint)).is_some());
}

#[test]
fn what_no_longer_fits_is_named() {
    let folder = Folder::new("named");
    let store = folder.store();
    let with = |sql: &str| {
        let _ = fs::remove_dir_all(&store);
        fill(&store);
        tidy(&store);
        let schema = "SELECT sql FROM sqlite_schema WHERE type = 'trigger'";
        let connection = rusqlite::Connection::open(store.join("ledger.db")).unwrap();
        let triggers: Vec<String> = connection
            .prepare(schema)
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        for name in ["entry_stays", "entry_remains", "signature_stays", "signature_remains"] {
            connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
        }
        connection
            .execute_batch(&format!("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON; {sql}"))
            .unwrap();
        triggers.iter().for_each(|create| connection.execute_batch(create).unwrap());
        drop(connection);
        found(&store, None).unwrap_or_else(|| panic!("nothing is found after {sql}"))
    };
    assert!(
        with("UPDATE entry SET publisher = 'Eve' WHERE number = 3")
            .contains("entry 3: it does not match its hash")
    );
    assert!(
        with("UPDATE entry SET claimed = 3 WHERE number = 6").contains("entry 6: it does not match its hash")
    );
    assert!(with("DELETE FROM signature WHERE entry = 4").contains("entry 4: it does not match its hash"));
    assert!(
        with("UPDATE signature SET position = position + 1 WHERE entry = 4")
            .contains("entry 4: it does not match")
    );
    assert!(
        with("DELETE FROM entry WHERE number = 2")
            .contains("entry 2 is missing: there is entry 3 in its place")
    );
    assert!(
        with("DELETE FROM entry WHERE number = 1")
            .contains("a row of the table `signature` belongs to no entry")
    );
    assert!(
        with("UPDATE entry SET number = 20 WHERE number = 8")
            .contains("entry 8 is missing: there is entry 20")
    );
    assert!(
        with("UPDATE entry SET kind = 'picture' WHERE number = 2")
            .contains("does not know objects of the kind `picture`")
    );

    fill_anew(&store);
    fs::remove_file(objects(&store).pop().unwrap()).unwrap();
    assert!(found(&store, None).unwrap().contains("cannot be read: no such file"));
    fill_anew(&store);
    let [first, second, ..] = &objects(&store)[..] else { panic!("objects") };
    fs::copy(first, second).unwrap();
    assert!(found(&store, None).is_some());
    // a ledger that was cut off altogether
    fill_anew(&store);
    fs::write(store.join("ledger.db"), "").unwrap();
    assert!(found(&store, None).unwrap().contains("the ledger is empty, but the store has 6 objects"));
    // an object that nobody published is no fault
    fill_anew(&store);
    let other = object(77);
    let digits = opus_runtime::Hash::of(&other).to_string();
    fs::create_dir_all(store.join("objects").join(&digits[..2])).unwrap();
    fs::write(store.join("objects").join(&digits[..2]).join(&digits[2..]), other).unwrap();
    let verified = Store::open(&store).unwrap().verify(None).unwrap();
    assert_eq!((verified.faults.len(), verified.unnamed.len()), (0, 1));
    assert!(Store::open(&store).unwrap().object(Kind::Record, verified.unnamed[0]).is_ok());
}

fn fill_anew(store: &Path) {
    let _ = fs::remove_dir_all(store);
    fill(store);
    tidy(store);
}

/// Entries that fit their hashes, in an order that they cannot have.
#[test]
fn times_that_go_back_and_replacements_that_never_were_are_found() {
    let folder = Folder::new("order");
    let store = folder.store();
    put(&store, "a", object(1), 0);
    put(&store, "a", object(2), 10);
    put(&store, "b", object(3), 20);
    let entries = Store::open(&store).unwrap().entries().unwrap();
    let write = |entry: &Entry| {
        fs::remove_file(store.join("ledger.db")).unwrap();
        tidy(&store);
        put(&store, "a", object(1), 0);
        let connection = rusqlite::Connection::open(store.join("ledger.db")).unwrap();
        for entry in [entry, &entries[2]] {
            connection
                .execute(
                    "INSERT INTO entry VALUES (?1, ?2, 'record', ?3, NULL, ?4, 0, ?5, ?6)",
                    rusqlite::params![
                        entry.number as i64,
                        entry.name.as_str(),
                        entry.object.as_bytes(),
                        entry.time.microseconds(),
                        entry.replaces.as_ref().map(|hash| hash.as_bytes()),
                        entry.leaf().as_bytes()
                    ],
                )
                .unwrap();
        }
        drop(connection);
        found(&store, None)
    };
    assert_eq!(write(&entries[1]), None);
    let early = write(&Entry { time: at(30), ..entries[1].clone() }).unwrap();
    assert!(
        early.contains("entry 3 has the time 2026-02-01T12:00:20.000000Z, before that of entry 2"),
        "{early}"
    );
    let invented = write(&Entry { replaces: Some(entries[2].object), ..entries[1].clone() }).unwrap();
    assert!(invented.contains("which was not published as `a` before"), "{invented}");
}
