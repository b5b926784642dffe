//! Does the ledger hold what was published, in its order, at the times that it may have?

mod common;

use std::fs;
use std::path::Path;

use common::{Folder, at, key, name, object, put, put_signed, signed};
use opus_runtime::Hash;
use opus_runtime::tree::{self, Tree};
use opus_store::{Checkpoint, ErrorKind, Kind, Publication, Signed, Store, StoreError, publish};

fn refused(store: &Path, publication: &Publication, seconds: i64) -> StoreError {
    let before = Store::open(store).map(|store| store.entries().unwrap());
    let error = publish(store, publication, at(seconds)).expect_err("it is refused");
    let after = Store::open(store).map(|store| store.entries().unwrap());
    assert_eq!(before.unwrap_or_default(), after.unwrap_or_default(), "a refusal changes nothing");
    error
}

#[test]
fn an_entry_says_what_was_published_and_what_it_replaces() {
    let folder = Folder::new("says");
    let store = folder.store();
    let (one, two) = (object(1), object(2));
    let by =
        Publication { publisher: Some("Ann".to_owned()), ..Publication::new(name("rates"), one.clone()) };
    let first = publish(&store, &by, at(0)).unwrap();
    assert_eq!((first.number, first.object, first.replaces), (1, Hash::of(&one), None));
    let artifact = opus_runtime::example::artifact();
    let other = put(&store, "loan", artifact.bytes().to_vec(), 1);
    assert_eq!((other.number, other.kind, other.object), (2, Kind::Artifact, artifact.content_hash()));
    let second = put(&store, "rates", two.clone(), 2);
    assert_eq!((second.number, second.replaces), (3, Some(Hash::of(&one))));
    // again, with the same statement; and back
    assert_eq!(put(&store, "rates", two.clone(), 3).replaces, Some(Hash::of(&one)));
    let back = put(&store, "rates", one.clone(), 4);
    assert_eq!(back.replaces, Some(Hash::of(&two)));

    let opened = Store::open(&store).unwrap();
    let entries = opened.entries().unwrap();
    assert_eq!(entries.len(), 5);
    assert_eq!((&entries[0], &entries[1], &entries[4]), (&first, &other, &back));
    assert_eq!(opened.object(Kind::Record, Hash::of(&two)).unwrap(), two);
    assert_eq!(opened.object(Kind::Artifact, artifact.content_hash()).unwrap(), artifact.bytes());
    assert_eq!(opened.entries_of(&name("loan")).unwrap(), [other]);
    assert_eq!(opened.entries_of(&name("none")).unwrap(), []);
    let verified = opened.verify(None).unwrap();
    assert_eq!((verified.entries, verified.objects, verified.unnamed.len()), (5, 3, 0));
    assert_eq!(verified.faults, [""; 0]);
    // the tree is the one of records
    let mut tree = Tree::default();
    entries.iter().for_each(|entry| tree.push(tree::entry(entry.leaf().as_bytes())));
    assert_eq!(verified.now, Some(Checkpoint { size: 5, root: tree.root() }));
}

#[test]
fn times_never_go_back_and_claimed_ones_are_marked() {
    let folder = Folder::new("times");
    let store = folder.store();
    let claim = |number, seconds| Publication {
        claimed: Some(at(seconds)),
        ..Publication::new(name("a"), object(number))
    };
    // the first entry may be older than the store
    let first = publish(&store, &claim(1, -500), at(0)).unwrap();
    assert_eq!((first.time, first.is_claimed), (at(-500), true));
    let second = put(&store, "a", object(2), 10);
    assert_eq!((second.time, second.is_claimed), (at(10), false));
    // the clock was put back
    assert_eq!(put(&store, "a", object(3), 5).time, at(10));
    let third = publish(&store, &claim(4, 15), at(20)).unwrap();
    assert_eq!((third.time, third.is_claimed), (at(15), true));
    let early = refused(&store, &claim(5, 14), 30);
    assert!(early.message.contains("is before the last entry: entry 4 is of 2026-02-01T12:00:15"), "{early}");
    let late = refused(&store, &claim(5, 31), 30);
    assert!(late.message.contains("is in the future: it is now 2026-02-01T12:00:30"), "{late}");
    assert_eq!((early.kind, late.kind), (ErrorKind::Request, ErrorKind::Request));
}

#[test]
fn what_cannot_be_published_is_refused_and_leaves_no_trace() {
    let folder = Folder::new("refused");
    let store = folder.store();
    let of = |bytes: &[u8]| Publication::new(name("a"), bytes.to_vec());
    let source = refused(&store, &of(b"policy shop { }"), 0);
    assert!(source.help.unwrap().contains("opus build"));
    assert!(!store.exists(), "no store is made for it");
    let mut damaged = opus_runtime::example::artifact().bytes().to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(refused(&store, &of(&damaged), 0).kind, ErrorKind::File);
    for publisher in ["", "a\nb", &"a".repeat(201)] {
        let by = Publication { publisher: Some(publisher.to_owned()), ..of(&object(1)) };
        assert_eq!(refused(&store, &by, 0).kind, ErrorKind::Request);
    }
    put(&store, "a", object(1), 0);
    let artifact = refused(&store, &of(opus_runtime::example::artifact().bytes()), 0);
    assert!(artifact.message.contains("has named the manifest of a record since entry 1"), "{artifact}");
}

#[test]
fn a_signature_is_of_the_state_that_it_was_made_for() {
    let folder = Folder::new("state");
    let store = folder.store();
    let ann = key(1);
    put_signed(&store, "a", object(1), &[&ann], 0);
    let stale = signed(&store, "a", &object(2), &ann);
    // somebody publishes meanwhile
    put(&store, "a", object(3), 1);
    let publication = |as_name: &str, number, signed: &Signed| Publication {
        signed: vec![signed.clone()],
        ..Publication::new(name(as_name), object(number))
    };
    let error = refused(&store, &publication("a", 2, &stale), 2);
    assert!(
        error.message.contains("somebody published in the meantime")
            && error.message.contains("since entry 2"),
        "{error}"
    );
    let error = refused(&store, &publication("b", 2, &stale), 2);
    assert!(error.message.contains("is for the name `a`, not `b`"), "{error}");
    let error = refused(&store, &publication("a", 4, &stale), 2);
    assert!(error.message.contains("is for the object"), "{error}");
    assert_eq!(error.kind, ErrorKind::Signature);
    let fresh = signed(&store, "a", &object(2), &ann);
    publish(&store, &publication("a", 2, &fresh), at(3)).unwrap();
}

#[test]
fn other_databases_are_refused_by_name() {
    let folder = Folder::new("other");
    let store = folder.store();
    assert_eq!(Store::open(&store).err().unwrap().kind, ErrorKind::Absent);
    put(&store, "a", object(1), 0);
    let ledger = store.join("ledger.db");
    let with = |sql: &str| {
        let copy = folder.path("copy");
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir_all(&copy).unwrap();
        fs::copy(&ledger, copy.join("ledger.db")).unwrap();
        rusqlite::Connection::open(copy.join("ledger.db")).unwrap().execute_batch(sql).unwrap();
        let opened = Store::open(&copy).map(|_| ()).map_err(|error| error.message);
        let published = publish(&copy, &Publication::new(name("a"), object(2)), at(1))
            .map(|_| ())
            .map_err(|error| error.message);
        assert_eq!(opened, published);
        opened.err().unwrap_or_default()
    };
    assert!(
        with("PRAGMA user_version = 7").contains("the ledger has schema 7, and this version reads schema 1")
    );
    assert!(with("PRAGMA application_id = 7").contains("it is not a ledger of opus"));
    assert!(with("CREATE TABLE more (a)").contains("its tables are not those of schema 1"));
    assert!(with("DROP TRIGGER entry_stays").contains("its tables are not those of schema 1"));
    assert_eq!(with("SELECT 1"), "");
    fs::write(&ledger, "not a database, but a text that is long enough to be looked at").unwrap();
    assert!(Store::open(&store).err().unwrap().message.contains("it is damaged, or it is not a ledger"));
    // nobody changes a row by hand by accident
    let folder = Folder::new("by-hand");
    put(&folder.store(), "a", object(1), 0);
    let connection = rusqlite::Connection::open(folder.store().join("ledger.db")).unwrap();
    for sql in ["UPDATE entry SET publisher = 'Ben'", "DELETE FROM entry"] {
        assert!(connection.execute_batch(sql).is_err(), "{sql}");
    }
}

#[cfg(unix)]
#[test]
fn a_store_on_a_medium_that_cannot_be_written_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new("read-only");
    let store = folder.store();
    put(&store, "a", object(1), 0);
    let set = |mode| fs::set_permissions(&store, fs::Permissions::from_mode(mode)).unwrap();
    set(0o555);
    let entries = Store::open(&store).and_then(|store| store.entries());
    set(0o755);
    assert_eq!(entries.unwrap().len(), 1);
}

#[test]
fn two_who_publish_at_once_get_an_entry_each() {
    let folder = Folder::new("at-once");
    let store = folder.store();
    std::thread::scope(|scope| {
        for writer in 0..4u32 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..5 {
                    put(store, "a", object(10 * writer + number), i64::from(writer + number));
                }
            });
        }
    });
    let store = Store::open(&store).unwrap();
    let verified = store.verify(None).unwrap();
    assert_eq!((verified.entries, verified.objects), (20, 20));
    assert_eq!(verified.faults, [""; 0]);
}
