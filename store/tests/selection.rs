//! Is the publication selected that was in force, and that enough holders signed?

mod common;

use common::{Folder, at, key, name, object, put, put_signed, signed_by};
use opus_runtime::Hash;
use opus_store::minisign::SecretKey;
use opus_store::{ErrorKind, Publication, Standing, Store, StoreError, Trust, publish};

fn trust(keys: &[(&str, &SecretKey, &str)], names: &str) -> Result<Trust, StoreError> {
    let key = |(holder, key, expires): &(&str, &SecretKey, &str)| {
        format!("[[key]]\nholder = \"{holder}\"\npublic = \"{}\"\nexpires = {expires}\n", key.public())
    };
    Trust::from_toml(&format!("{}[names]\n{names}\n", keys.iter().map(key).collect::<String>()))
}

#[test]
fn a_correction_that_comes_late_shows_before_and_after() {
    let folder = Folder::new("late");
    let store = folder.store();
    put(&store, "rates", object(1), 0);
    put(&store, "other", object(9), 5);
    let corrected = put(&store, "rates", object(2), 10);
    let store = Store::open(&store).unwrap();
    let known = |seconds: Option<i64>| store.select(&name("rates"), seconds.map(at), None, at(100));
    let object_of = |seconds| known(seconds).unwrap().entry.object;
    assert_eq!(object_of(Some(0)), Hash::of(&object(1)));
    assert_eq!(object_of(Some(9)), Hash::of(&object(1)));
    assert_eq!(object_of(Some(10)), Hash::of(&object(2)));
    assert_eq!(known(None).unwrap().entry, corrected);
    assert_eq!(known(None).unwrap().standing, Standing::NotChecked);
    let early = known(Some(-1)).unwrap_err();
    assert!(early.message.contains("was first published at 2026-02-01T12:00:00.000000Z, after"), "{early}");
    let unknown = store.select(&name("rate"), None, None, at(100)).unwrap_err();
    assert_eq!((unknown.kind, early.kind), (ErrorKind::Absent, ErrorKind::Absent));
}

#[test]
fn a_publication_is_pending_until_enough_holders_have_signed() {
    let folder = Folder::new("pending");
    let store = folder.store();
    let (ann, ben, eve) = (key(1), key(2), key(3));
    // Ann has two keys, and counts once
    let also_ann = key(4);
    let keys = [("Ann", &ann, "2030-12-31"), ("Ben", &ben, "2030-12-31"), ("Ann", &also_ann, "2030-12-31")];
    let trust = trust(&keys, "\"a\" = 2").unwrap();
    let select = || Store::open(&store).unwrap().select(&name("a"), None, Some(&trust), at(100));
    put_signed(&store, "a", object(1), &[&ann, &also_ann, &eve], 0);
    let missing = select().unwrap_err();
    assert_eq!(missing.kind, ErrorKind::Signature);
    assert!(missing.message.contains("has 1 of 2 signatures, by Ann"), "{missing}");
    assert!(missing.message.contains("the trust file does not have the key 0303030303030303"), "{missing}");
    // the same object again, with a signature more
    put_signed(&store, "a", object(1), &[&ben], 1);
    let selected = select().unwrap();
    let holders = vec!["Ann".to_owned(), "Ben".to_owned()];
    assert_eq!((selected.entry.number, selected.standing), (2, Standing::Signed { holders, required: 2 }));
    // what comes next is pending, and named
    put_signed(&store, "a", object(2), &[&ben], 2);
    let selected = select().unwrap();
    assert_eq!((selected.entry.number, selected.pending.len()), (2, 1));
    assert_eq!(
        selected.pending[0].to_string(),
        format!("entry 3 ({}) has 1 of 2 signatures, by Ben", Hash::of(&object(2)))
    );
    put_signed(&store, "a", object(2), &[&ann], 3);
    assert_eq!(select().unwrap().entry.number, 4);
    // as it was known before
    let before = Store::open(&store).unwrap().select(&name("a"), Some(at(2)), Some(&trust), at(100)).unwrap();
    assert_eq!((before.entry.number, before.pending.len()), (2, 1));
    let unnamed = Store::open(&store).unwrap();
    put(&store, "b", object(3), 4);
    let error = unnamed.select(&name("b"), None, Some(&trust), at(100)).unwrap_err();
    assert!(error.message.contains("the trust file does not say who has to sign `b`"), "{error}");
}

#[test]
fn a_return_to_an_earlier_object_needs_signatures_of_its_own() {
    let folder = Folder::new("return");
    let store = folder.store();
    let ann = key(1);
    let trust = trust(&[("Ann", &ann, "2030-12-31")], "a = 1").unwrap();
    put_signed(&store, "a", object(1), &[&ann], 0);
    put_signed(&store, "a", object(2), &[&ann], 1);
    put_signed(&store, "a", object(1), &[&ann], 2);
    // says the same as entry 2, which Ann signed
    put(&store, "a", object(2), 3);
    let selected = Store::open(&store).unwrap().select(&name("a"), None, Some(&trust), at(100)).unwrap();
    assert_eq!((selected.entry.number, selected.pending.len()), (3, 1));
}

#[test]
fn a_signature_of_something_else_or_by_an_expired_key_does_not_count() {
    let folder = Folder::new("counts");
    let store = folder.store();
    let (ann, ben) = (key(1), key(2));
    let expired = trust(&[("Ann", &ann, "2026-01-31")], "a = 1").unwrap();
    let on_its_last_day = trust(&[("Ann", &ann, "2026-02-01")], "a = 1").unwrap();
    let put_as = |signer: &SecretKey, what: &str| {
        let mut signed = common::signed(&store, "a", &object(1), signer);
        signed.signature =
            signer.sign(signed.statement.to_string().replace("publish 1", what).as_bytes(), "");
        let publication = Publication { signed: vec![signed], ..Publication::new(name("a"), object(1)) };
        publish(&store, &publication, at(0)).unwrap();
    };
    put_as(&ann, "publish 2");
    let select = |trust: &Trust| Store::open(&store).unwrap().select(&name("a"), None, Some(trust), at(100));
    let error = select(&on_its_last_day).unwrap_err();
    assert!(error.message.contains("is wrong: it signs another text"), "{error}");
    // a key of the same id
    let impostor = SecretKey::from_seed([1; 8], *b"another seed, and not Ann's own.");
    put_as(&impostor, "publish 1");
    assert!(select(&on_its_last_day).is_err());
    put_as(&ben, "publish 1");
    assert!(select(&on_its_last_day).is_err());
    put_as(&ann, "publish 1");
    assert!(select(&on_its_last_day).is_ok());
    let error = select(&expired).unwrap_err();
    assert!(
        error.message.contains("the key 0101010101010101 of Ann expired on 2026-01-31, before 2026-02-01"),
        "{error}"
    );
}

#[test]
fn names_are_found_by_their_longest_prefix() {
    let (ann, ben) = (key(1), key(2));
    let keys = [("Ann", &ann, "2030-12-31"), ("Ben", &ben, "2030-12-31")];
    let trust = trust(&keys, "\"eu.*\" = 1\n\"eu.credit.*\" = 2\n\"eu.credit.draft\" = 1").unwrap();
    let required = |text: &str| trust.required(&name(text));
    assert_eq!(required("eu.rates"), Some(1));
    assert_eq!(required("eu.credit.line"), Some(2));
    assert_eq!(required("eu.credit.draft"), Some(1));
    for other in ["eu", "eu.", "eux.rates", "us.rates"] {
        assert_eq!(required(other), None, "{other}");
    }
}

#[test]
fn a_trust_file_is_read_strictly() {
    let (ann, ben) = (key(1), key(2));
    let a = ("Ann", &ann, "2030-12-31");
    let says = |keys: &[(&str, &SecretKey, &str)], names: &str| trust(keys, names).unwrap_err().message;
    assert_eq!(
        says(&[a, ("Ben", &ann, "2030-12-31")], ""),
        "line 5: the key 0101010101010101 is given twice, to Ann and to Ben"
    );
    let twin = SecretKey::from_seed([1; 8], [9; 32]);
    assert!(
        says(&[a, ("Ben", &twin, "2030-12-31")], "").contains("the keys of Ann and Ben have the same id")
    );
    assert_eq!(says(&[a], "a = 2"), "line 6: `a` needs 2 holders to sign, but the file has only 1");
    assert_eq!(says(&[a], "a = 0"), "line 6: `a` needs at least 1 signature");
    assert_eq!(says(&[a], "a = -1"), "line 6: `a` needs at least 1 signature");
    assert!(says(&[a], "\"a*\" = 1").contains("`a*` is not a name"));
    assert!(says(&[a], "\".*\" = 1").contains("is not a name"));
    assert!(says(&[("Ann", &ann, "\"2030-12-31\"")], "").starts_with("line "));
    assert!(says(&[("Ann", &ann, "2030-12-31T00:00:00Z")], "").contains("`expires` must be a day"));
    assert!(says(&[("", &ben, "2030-12-31")], "").contains("`holder` must be a name"));
    let of = |text: &str| Trust::from_toml(text).unwrap_err().message;
    assert!(of("keys = []").contains("unknown field `keys`"));
    assert!(
        of("[[key]]\nholder = \"Ann\"\npublic = \"RW\"\nexpires = 2030-01-01")
            .contains("it is not a minisign public key")
    );
    let line = format!("[[key]]\nholder = \"Ann\"\npublic = \"{}\"\nexpires = 2030-01-01\n", ann.public());
    assert!(of(&format!("{line}role = \"boss\"")).contains("unknown field `role`"));
    assert!(of(&line.replace("expires = 2030-01-01\n", "")).contains("missing field `expires`"));
    assert!(of(&format!("{line}[names]\neu.credit = 1")).starts_with("line 6: "));
}

/// Signatures that approved an older state do not bring it back, although the statement is the same once more.
#[test]
fn signatures_of_an_older_state_do_not_serve_again() {
    let folder = Folder::new("downgrade");
    let store = folder.store();
    let (ann, ben) = (key(1), key(2));
    let trust = trust(&[("Ann", &ann, "2030-12-31"), ("Ben", &ben, "2030-12-31")], "a = 2").unwrap();
    put_signed(&store, "a", object(1), &[&ann, &ben], 0);
    let old: Vec<_> = [&ann, &ben].map(|key| common::signed(&store, "a", &object(2), key)).into();
    put_signed(&store, "a", object(2), &[&ann, &ben], 1);
    put_signed(&store, "a", object(3), &[&ann, &ben], 2);
    // somebody without a key publishes the first object, and then the second one with what was signed for it
    put(&store, "a", object(1), 3);
    let again = Publication { signed: old, ..Publication::new(name("a"), object(2)) };
    publish(&store, &again, at(4)).unwrap();
    let selected = Store::open(&store).unwrap().select(&name("a"), None, Some(&trust), at(100)).unwrap();
    assert_eq!(selected.entry.object, Hash::of(&object(3)));
    let pending: Vec<String> = selected.pending.iter().map(ToString::to_string).collect();
    assert!(
        pending[1].contains(&format!(
            "has 0 of 2 signatures; what is signed replaces {}, but {} was in force, by entry 3",
            Hash::of(&object(1)),
            Hash::of(&object(3))
        )),
        "{pending:?}"
    );
}

/// What was signed for a state that is past cannot be published by bringing back what it replaces, without signatures.
#[test]
fn a_signed_statement_that_was_never_published_serves_only_the_state_it_was_signed_for() {
    let folder = Folder::new("unpublished");
    let store = folder.store();
    let (ann, ben) = (key(1), key(2));
    let trust = trust(&[("Ann", &ann, "2030-12-31"), ("Ben", &ben, "2030-12-31")], "a = 2").unwrap();
    put_signed(&store, "a", object(1), &[&ann, &ben], 0);
    let unpublished: Vec<_> = [&ann, &ben].map(|key| common::signed(&store, "a", &object(2), key)).into();
    put_signed(&store, "a", object(3), &[&ann, &ben], 1);
    put(&store, "a", object(1), 2);
    let old = Publication { signed: unpublished, ..Publication::new(name("a"), object(2)) };
    publish(&store, &old, at(3)).unwrap();
    let selected = Store::open(&store).unwrap().select(&name("a"), None, Some(&trust), at(100)).unwrap();
    assert_eq!((selected.entry.object, selected.entry.number), (Hash::of(&object(3)), 2));
    // whoever publishes with a trust file is told
    let told = publish(&store, &Publication { trust: Some(trust), ..old }, at(4)).unwrap_err();
    assert!(told.message.contains("since entry 2") && told.kind == ErrorKind::Signature, "{told}");
}

/// Whoever may write to the store cannot stop what the holders have signed.
#[test]
fn publications_without_signatures_do_not_hinder_signed_ones() {
    let folder = Folder::new("hinder");
    let store = folder.store();
    let (ann, ben) = (key(1), key(2));
    let trust = trust(&[("Ann", &ann, "2030-12-31"), ("Ben", &ben, "2030-12-31")], "a = 2").unwrap();
    let sign = |number, key| signed_by(&store, "a", &object(number), key, Some(&trust));
    let publish_signed = |number, signed| {
        let publication =
            Publication { signed, trust: Some(trust.clone()), ..Publication::new(name("a"), object(number)) };
        publish(&store, &publication, at(50)).map(|entry| entry.number)
    };
    let selected = || Store::open(&store).unwrap().select(&name("a"), None, Some(&trust), at(100)).unwrap();
    // nothing is in force yet, and somebody publishes before each step
    put(&store, "a", object(90), 1);
    let by_ann = sign(1, &ann);
    put(&store, "a", object(91), 2);
    assert_eq!(publish_signed(1, vec![by_ann]), Ok(3));
    put(&store, "a", object(92), 3);
    assert_eq!(publish_signed(1, vec![sign(1, &ben)]), Ok(5));
    assert_eq!(selected().entry.number, 5);
    // and in the same way when something is
    put(&store, "a", object(93), 4);
    let by_both = vec![sign(2, &ann), sign(2, &ben)];
    assert_eq!(by_both[0].statement.replaces, Some(Hash::of(&object(1))));
    put(&store, "a", object(94), 5);
    assert_eq!((selected().entry.number, selected().pending.len()), (5, 2));
    assert_eq!(publish_signed(2, by_both), Ok(8));
    assert_eq!((selected().entry.number, selected().pending.len()), (8, 0));
    assert_eq!(Store::open(&store).unwrap().verify(None).unwrap().faults, [""; 0]);
}

/// A time that a publisher claims does not make a key count that has expired.
#[test]
fn a_claimed_time_is_no_proof_that_a_key_had_not_expired() {
    let folder = Folder::new("claimed");
    let store = folder.store();
    let ann = key(1);
    let trust = trust(&[("Ann", &ann, "2026-02-01")], "a = 1").unwrap();
    let day = 24 * 60 * 60;
    let claimed = |number, seconds: i64, now: i64| {
        let signed = vec![common::signed(&store, "a", &object(number), &ann)];
        let publication =
            Publication { claimed: Some(at(seconds)), signed, ..Publication::new(name("a"), object(number)) };
        publish(&store, &publication, at(now)).unwrap();
    };
    let selected = |now: i64| {
        Store::open(&store)
            .unwrap()
            .select(&name("a"), None, Some(&trust), at(now))
            .map(|found| found.entry.number)
    };
    claimed(1, 0, 10);
    assert_eq!(selected(20), Ok(1));
    let error = selected(day).unwrap_err();
    assert!(error.message.contains("of Ann expired on 2026-02-01, before 2026-02-02"), "{error}");
    // any entry with a time of the store shows that the one before was there
    put(&store, "other", object(9), 30);
    assert_eq!(selected(day), Ok(1));
    claimed(2, 40, 2 * day);
    assert_eq!(selected(2 * day), Ok(1));
    put(&store, "other", object(8), 2 * day);
    assert_eq!(selected(2 * day), Ok(1));
}

/// The id of a key is not signed: one key under two ids is one key.
#[test]
fn one_key_under_two_ids_is_one_key() {
    let (ann, other) = (key(1), SecretKey::from_seed([7; 8], [1; 32]));
    let why = trust(&[("Ann", &ann, "2030-12-31"), ("Ben", &other, "2030-12-31")], "").unwrap_err().message;
    assert!(why.contains("is given twice, to Ann and to Ben"), "{why}");
}
