//! Is a snapshot accepted only as it was written, and is a policy bound only to facts that fit it?

use opus_runtime::snapshot::{Fact, FactValue, MAGIC, Snapshot};
use opus_runtime::{ArtifactError, BindError, Cache, Engine, Hash, Options, Policy, example};

const HEADER_BYTES: usize = 48;

fn fact(key: &str, valid_from: i32, value: Option<&str>) -> Fact {
    Fact {
        key: key.to_owned(),
        valid_from,
        value: value.map(|text| text.parse().unwrap()),
        cite: Some("CP 3.2".to_owned()),
        notes: vec![("recorded_by".to_owned(), "ana".to_owned())],
    }
}

fn snapshot() -> Snapshot {
    let facts = vec![
        fact("floor", 20_000, Some("700")),
        fact("floor", 0, Some("680")),
        fact("risky", 0, Some("{EU, UK}")),
        fact("risky", 9, None),
    ];
    Snapshot::new(facts).unwrap()
}

fn options(engine: Engine) -> Options {
    Options { engine, cache: Cache::Off, ..Options::default() }
}

#[test]
fn every_flipped_bit_is_found() {
    let good = snapshot().to_bytes();
    assert_eq!(Snapshot::from_bytes(&good).unwrap(), snapshot());
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            assert!(Snapshot::from_bytes(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
    for length in 0..good.len() {
        assert!(Snapshot::from_bytes(&good[..length]).is_err(), "{length} bytes");
    }
    assert!(Snapshot::from_bytes(&[good, vec![0]].concat()).is_err());
}

#[test]
fn damage_with_a_matching_hash_is_refused_or_is_another_snapshot() {
    let good = snapshot().to_bytes();
    for at in HEADER_BYTES..good.len() {
        for value in [0, 1, 0x7f, 0xff, good[at].wrapping_add(1)] {
            let mut bytes = good.clone();
            bytes[at] = value;
            let hash = Hash::of(&bytes[HEADER_BYTES..]);
            bytes[16..HEADER_BYTES].copy_from_slice(hash.as_bytes());
            if let Ok(read) = Snapshot::from_bytes(&bytes) {
                assert_eq!(read.to_bytes(), bytes, "byte {at} becomes {value}");
                assert_eq!(read.hash(), hash);
            }
        }
    }
}

#[test]
fn a_file_of_another_kind_or_format_is_told_apart() {
    let said = |bytes: &[u8]| Snapshot::from_bytes(bytes).unwrap_err().to_string();
    assert!(said(b"key,valid_from,value\n").starts_with("the file is not a snapshot"));
    assert!(said(example::artifact().bytes()).starts_with("the file is not a snapshot"));
    let mut newer = snapshot().to_bytes();
    newer[MAGIC.len()] += 1;
    assert!(said(&newer).starts_with("the snapshot has format 2, but this version reads format 1"));
}

#[test]
fn the_order_of_facts_and_the_form_of_values_do_not_name_another_snapshot() {
    let one = Snapshot::new(vec![fact("a", 0, Some("1_000.50 USD")), fact("b", 0, Some("{B, A}"))]).unwrap();
    let two = Snapshot::new(vec![fact("b", 0, Some("{ A,B }")), fact("a", 0, Some("USD 1000.5"))]).unwrap();
    assert_eq!(one.hash(), two.hash());
    let cited = Fact { cite: None, ..fact("a", 0, Some("1000.5 USD")) };
    assert_ne!(Snapshot::new(vec![cited, fact("b", 0, Some("{A, B}"))]).unwrap().hash(), one.hash());
}

#[test]
fn values_are_read_in_one_form() {
    let canonical = [
        ("1_000", "1000"),
        ("-0.50", "-0.5"),
        ("007", "7"),
        ("43.50%", "43.5%"),
        ("30 days", "30 days"),
        ("2025-01-31", "2025-01-31"),
        ("EU", "EU"),
        ("true", "true"),
        ("{}", "{}"),
        ("{B,A}", "{A, B}"),
    ];
    for (text, expected) in canonical {
        let value: FactValue = text.parse().unwrap();
        assert_eq!(value.to_string(), expected);
        assert_eq!(expected.parse::<FactValue>().unwrap(), value);
    }
    for wrong in [
        "",
        "1,000",
        "$5",
        "€5",
        "5 dollars",
        "{A, A}",
        "{1}",
        "1e3",
        "0x10",
        "2025-02-30x",
        "1_",
        "--1",
        "A B",
        "a.b",
    ] {
        assert!(wrong.parse::<FactValue>().is_err(), "{wrong}");
    }
}

#[test]
fn a_policy_without_its_facts_is_not_opened() {
    let error = Policy::from_artifact(example::artifact_with_facts(), &options(Engine::Vm)).unwrap_err();
    assert!(matches!(&error, ArtifactError::Unbound { keys } if keys == &["floor"]), "{error}");
}

#[test]
fn every_day_needs_a_fact_of_the_right_kind() {
    let first = example::VERSION_1_FROM;
    let cases: [(Vec<Fact>, &str); 6] = [
        (vec![], "`floor` is not in the snapshot: add a fact that is valid from 2023-01-01 or earlier"),
        (vec![fact("floor", first + 1, Some("700"))], "`floor` has no fact from 2023-01-01 to 2023-01-01"),
        (
            vec![
                fact("floor", 0, Some("700")),
                fact("floor", first + 10, None),
                fact("floor", first + 12, Some("701")),
            ],
            "`floor` has no fact from 2023-01-11 to 2023-01-12",
        ),
        (vec![fact("floor", 0, Some("7%"))], "`floor` from 1970-01-01: `7%` is not a whole number"),
        (vec![fact("floor", 0, Some("700.5"))], "`700.5` is too large, or has more than 0 decimals"),
        (
            vec![fact("floor", 0, Some("700")), fact("floor", first, Some("299"))],
            "`299` is outside the declared range 300..850",
        ),
    ];
    for (facts, expected) in cases {
        let snapshot = Snapshot::new(facts).unwrap();
        let error =
            Policy::bind(example::artifact_with_facts(), &snapshot, &options(Engine::Vm)).unwrap_err();
        assert!(matches!(error, BindError::Facts(_)) && error.to_string().contains(expected), "{error}");
    }
    // what holds before the first day and after the last is of no concern
    let facts = vec![
        fact("floor", 0, Some("1")),
        fact("floor", first, Some("700")),
        fact("floor", 30_000, Some("1")),
        fact("other", 0, Some("1")),
    ];
    let snapshot = Snapshot::new(facts).unwrap();
    assert!(Policy::bind(example::artifact_with_facts(), &snapshot, &options(Engine::Vm)).is_ok());
    let artifact = example::artifact_with_facts();
    assert_eq!(opus_runtime::snapshot::unused(artifact.program(), &snapshot), ["other"]);
}

#[test]
fn records_name_the_snapshot_and_the_bound_hash_names_both() {
    let snapshot = |value| Snapshot::new(vec![fact("floor", 0, Some(value))]).unwrap();
    let bound = |value| {
        Policy::bind(example::artifact_with_facts(), &snapshot(value), &options(Engine::Native)).unwrap()
    };
    let (low, high) = (bound("600"), bound("700"));
    let input = r#"{"on": "2025-02-01", "score": 640}"#;
    let (passes, fails) = (low.decide_json(input).unwrap(), high.decide_json(input).unwrap());
    assert_eq!([&passes, &fails].map(|decision| decision.output("pass").unwrap().value()), [1, 0]);
    let record = passes.record();
    assert_eq!(record.artifact, example::artifact_with_facts().content_hash());
    assert_eq!(record.snapshot, Some(snapshot("600").hash()));
    assert_eq!(serde_json::from_str::<opus_runtime::Record>(&passes.to_json()).unwrap(), record);
    let refused = low.decide_json(r#"{"on": "2025-02-01", "score": 1}"#).unwrap_err();
    assert_eq!(refused.record(&low, None).snapshot, low.snapshot());
    let named = snapshot("600").hash();
    let pieces = [&b"opus bound 1\0\0\0\0"[..], record.artifact.as_bytes(), named.as_bytes()];
    assert_eq!(low.bound_hash(), Some(Hash::of(&pieces.concat())));
    assert_ne!(low.bound_hash(), high.bound_hash());
    assert_ne!(
        low.executed().meaning_hash(),
        high.executed().meaning_hash(),
        "native code is kept by this hash"
    );
}
