//! Artifacts: written, read back, and refused where anything is wrong with them.

use opus_ir::proof::{Fact, Factor, Leaf, Node, Proof, Proofs, encode};
use opus_ir::{Block, Def, Inst, Interval, Op, Program, ValueData};
use opus_runtime::artifact::{
    ARTIFACT_BYTES_MAX, FORMAT, FORMATS_READ, HEADER_BYTES, SourceText, seal, seal_meaning,
};
use opus_runtime::{Artifact, ArtifactError, BuildError, Cache, CacheDir, Engine, Options, Policy, example};

/// A released artifact of format 2.
const FORMAT_2: &[u8] = include_bytes!("../../spec/records/format-2/artifact.opusc");

/// Released artifacts of the formats after it.
const FORMAT_3: &[u8] = include_bytes!("../../spec/records/format-3/artifact.opusc");
const FORMAT_4: &[u8] = include_bytes!("../../spec/records/format-4/artifact.opusc");

/// Whole artifacts: one whose first section is of an earlier format, and one of today.
fn of_two_formats() -> Vec<(Vec<u8>, &'static [&'static str])> {
    vec![(example_bytes(), EXAMPLE_ROWS), (FORMAT_2.to_vec(), FORMAT_2_ROWS)]
}

const EXAMPLE_ROWS: &[&str] = &[
    r#"{"submitted_on": "2024-05-01", "age": 17, "score": 690, "income": 90000, "requested": 9000, "work": "retired"}"#,
    r#"{"submitted_on": "2024-05-01", "age": 40, "score": 690, "income": 90000, "requested": 9000, "work": "retired"}"#,
    r#"{"submitted_on": "2025-02-01", "age": 40, "score": 690, "income": 90000, "requested": 9000, "work": "retired"}"#,
    r#"{"submitted_on": "2025-02-01", "age": 40, "score": 690, "income": 8000, "requested": 9000, "work": "retired"}"#,
];

const FORMAT_2_ROWS: &[&str] = &[
    r#"{"submitted_on": "2024-09-11", "age": 33, "score": 824, "annual_income": 211878.43, "monthly_debt": 1958.41, "requested_amount": 18112.89, "term_months": 12, "employment": "retired", "months_employed": 126, "delinquencies_24m": 0}"#,
    r#"{"submitted_on": "2025-09-11", "age": 17, "score": 824, "annual_income": 211878.43, "monthly_debt": 1958.41, "requested_amount": 18112.89, "term_months": 12, "employment": "retired", "months_employed": 126, "delinquencies_24m": 0}"#,
    r#"{"submitted_on": "2023-10-08", "age": 73, "score": 436, "annual_income": 97798.45, "monthly_debt": 1633.03, "requested_amount": 7437.20, "term_months": 60, "employment": "salaried", "months_employed": 0, "delinquencies_24m": 0}"#,
];

fn example_bytes() -> Vec<u8> {
    example::artifact().bytes().to_vec()
}

/// Why these bytes are refused.
fn refused(bytes: &[u8]) -> ArtifactError {
    match Artifact::from_bytes(bytes) {
        Ok(_) => panic!("the bytes were taken for an artifact"),
        Err(error) => error,
    }
}

fn damaged(damage: impl FnOnce(&mut Vec<u8>)) -> ArtifactError {
    let mut bytes = example_bytes();
    damage(&mut bytes);
    refused(&bytes)
}

#[test]
fn a_program_comes_back_as_it_was() {
    let program = example::program();
    let artifact = Artifact::from_bytes(&example_bytes()).unwrap();
    let verified = opus_ir::program::verify(program).unwrap();
    assert_eq!(*artifact.verified_program(), *verified);
    assert_eq!(artifact.program().rules, verified.rules);
    assert_eq!((artifact.unchecked_source(), artifact.compiler()), (example::SOURCE.text, "example"));
}

#[test]
fn the_same_program_gives_the_same_bytes() {
    assert_eq!(example_bytes(), example_bytes());
}

#[test]
fn each_damage_of_the_header_has_its_own_error() {
    use ArtifactError::*;
    assert!(matches!(refused(&[]), NotAnArtifact));
    assert!(matches!(refused(b"policy credit.personal {"), NotAnArtifact));
    assert!(matches!(damaged(|bytes| bytes[0] ^= 1), NotAnArtifact));
    assert!(matches!(damaged(|bytes| bytes[8] = 7), Format { found: 7 }));
    assert!(matches!(damaged(|bytes| bytes[12] = 1), Header));
    // the compiler's version: not printable, or something after its end
    assert!(matches!(damaged(|bytes| bytes[128] = 0x1B), Header));
    assert!(matches!(damaged(|bytes| bytes[150] = b'x'), Header));
    assert!(matches!(damaged(|bytes| bytes[16] ^= 1), Content));
    assert!(matches!(damaged(|bytes| bytes[48] ^= 1), Layout));
    assert!(matches!(damaged(|bytes| bytes[80] ^= 1), Content));
    assert!(matches!(
        damaged(|bytes| {
            bytes[80] ^= 1;
            seal(bytes)
        }),
        Meaning
    ));
    assert!(matches!(damaged(|bytes| *bytes.last_mut().unwrap() ^= 1), Content));
    assert!(matches!(damaged(|bytes| bytes.truncate(100)), Truncated { found_bytes: 100, .. }));
    assert!(matches!(damaged(|bytes| bytes.truncate(1000)), Truncated { found_bytes: 1000, .. }));
    assert!(matches!(damaged(|bytes| bytes.push(0)), TooLong { .. }));
    assert!(matches!(damaged(|bytes| bytes[112..120].fill(0xFF)), Header));
    assert!(matches!(damaged(|bytes| bytes[120] ^= 1), Truncated { .. } | TooLong { .. }));
}

#[test]
fn errors_say_what_to_do() {
    let errors = [
        refused(b"x").to_string(),
        damaged(|bytes| bytes[8] = 9).to_string(),
        damaged(|bytes| bytes[200] ^= 1).to_string(),
    ];
    for error in errors {
        assert!(error.contains("build") && error.chars().next().unwrap().is_lowercase(), "{error}");
    }
}

#[test]
fn a_file_that_is_gone_or_too_large_is_refused() {
    let Err(refused) = Artifact::open("/nowhere/policy.opusc") else { panic!("it was read") };
    let sentence = "the artifact /nowhere/policy.opusc cannot be read: No such file or directory";
    // a `main` that returns the error prints its debug form
    assert_eq!([refused.to_string(), format!("{refused:?}")], [sentence, sentence]);
    let ArtifactError::Read { error, .. } = refused else { panic!("{refused}") };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);

    let path = std::env::temp_dir().join(format!("opus-artifact-large-{}", std::process::id()));
    std::fs::File::create(&path).unwrap().set_len(ARTIFACT_BYTES_MAX + 1).unwrap();
    let opened = Artifact::open(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(opened, Err(ArtifactError::TooLarge { .. })));
}

#[test]
fn a_file_that_changes_later_does_not_matter() {
    let bytes = example_bytes();
    let path = std::env::temp_dir().join(format!("opus-artifact-changed-{}", std::process::id()));
    std::fs::write(&path, &bytes).unwrap();
    let artifact = Artifact::open(&path).unwrap();
    std::fs::write(&path, b"gone").unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(artifact.bytes(), bytes);
}

#[test]
fn the_meaning_hash_is_that_of_what_the_policy_says() {
    let hashes = |change: fn(&mut Program)| {
        let mut program = example::program();
        change(&mut program);
        let artifact = Artifact::build(program, example::SOURCE).unwrap();
        (artifact.meaning_hash(), artifact.content_hash())
    };
    let (meaning, content) = hashes(|_| ());
    // comments and formatting
    let reformatted = hashes(|program| program.rules[0].span = (1, 19));
    assert_eq!(reformatted.0, meaning);
    assert_ne!(reformatted.1, content);
    let text = "policy loan.small { … } -- a comment";
    let commented = SourceText { text, ..example::SOURCE };
    let commented = Artifact::build(example::program(), commented).unwrap();
    assert_eq!(commented.meaning_hash(), meaning);
    assert_ne!(commented.content_hash(), content);
    // what a policy says
    let changes: [fn(&mut Program); 5] = [
        |program| program.rules[0].id = "R0".into(),
        |program| program.rules[0].cite = None,
        |program| program.schema.inputs[1].name = "years".into(),
        |program| program.versions[1].cite = None,
        |program| program.versions[1].decide = program.versions[0].decide.clone(),
    ];
    for change in changes {
        assert_ne!(hashes(change).0, meaning);
    }
}

#[test]
fn a_program_that_does_not_hold_what_it_claims_is_not_built() {
    let mut program = example::program();
    program.versions[0].decide.results[1].hi = 5;
    let built = |program, source| Artifact::build(program, source).err();
    assert!(matches!(built(program, example::SOURCE), Some(BuildError::Program(_))));
    let short = SourceText { text: "policy", ..example::SOURCE };
    assert!(matches!(built(example::program(), short), Some(BuildError::Source(_))));
    for compiler in ["1.0\n", "1.0 of a compiler whose name is too long", "é"] {
        let named = SourceText { compiler, ..example::SOURCE };
        assert!(matches!(built(example::program(), named), Some(BuildError::Source(_))), "{compiler}");
    }
}

/// Each byte of the detail section changed, with hashes that match again: bytecode, certificates, spans and source.
#[test]
fn crafted_details_are_refused_or_change_no_decision() {
    for (whole, rows) in of_two_formats() {
        let meaning_bytes = u64::from_le_bytes(whole[112..120].try_into().unwrap()) as usize;
        let detail = (HEADER_BYTES + meaning_bytes).next_multiple_of(16);
        let expected = decided(&Artifact::from_bytes(&whole).unwrap(), rows);
        assert!(expected.iter().collect::<std::collections::BTreeSet<_>>().len() > 2, "{expected:?}");
        let (mut kinds, mut accepted) = ([0; 2], 0);
        // a larger policy takes longer to compile for each of them
        let step = if cfg!(miri) { 997 } else { 1 + (whole.len() - detail) / 5_000 * 12 };
        for at in (detail..whole.len()).step_by(step) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            seal(&mut bytes);
            match Artifact::from_bytes(&bytes) {
                Ok(artifact) => {
                    accepted += 1;
                    assert_eq!(decided(&artifact, rows), expected, "byte {at}");
                }
                Err(ArtifactError::Bytecode { .. }) => kinds[0] += 1,
                Err(ArtifactError::Certificate { .. }) => kinds[1] += 1,
                Err(ArtifactError::Structure { .. } | ArtifactError::Malformed(_)) => {}
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
        let enough = kinds[0] > 500 / step && kinds[1] > 50 / step && accepted > 10;
        assert!(cfg!(miri) || enough, "{kinds:?} {accepted}, one in {step}");
    }
}

/// What all engines decide about some rows, once they agree.
fn decided(artifact: &Artifact, rows: &[&str]) -> Vec<String> {
    let mut all = Engine::ALL.map(|engine| {
        let options = Options { engine, cache: Cache::Off, ..Options::default() };
        let policy = Policy::from_bytes_with(artifact.bytes(), &options).unwrap();
        // the hash of the artifact differs
        let row = |text: &&str| {
            policy
                .decide_json(text)
                .map_or_else(|refusal| refusal.to_string(), |decision| decision.hash().to_string())
        };
        rows.iter().map(row).collect::<Vec<String>>()
    });
    let [native, vm] = &mut all;
    assert_eq!(native, vm, "the engines differ");
    std::mem::take(native)
}

#[test]
fn an_artifact_of_format_2_is_read_as_it_is() {
    let artifact = Artifact::from_bytes(FORMAT_2).unwrap();
    assert_eq!((artifact.format(), artifact.semantics()), (2, 1));
    assert!(artifact.bytes() == FORMAT_2);
    // the hashes are those that its record states
    let hashes = [artifact.content_hash(), artifact.meaning_hash()].map(|hash| hash.to_string());
    assert_eq!(hashes[0], "0ff11ab74e0a7fccb30d0afda53ade6a7918f0b6ace4a9e4f2d07b0a73d8794e");
    assert_eq!(hashes[1], "4166ef64e6dc6c52d50116423119b193202d2c7b8e424d6c915f74fb305b72bf");
    let today = built_today(&artifact);
    assert_ne!(today.meaning_hash(), artifact.meaning_hash());
    assert_eq!(today.meaning_hash(), artifact.current_meaning_hash());
    assert_eq!(decided(&artifact, FORMAT_2_ROWS), decided(&today, FORMAT_2_ROWS));
}

/// The same program, built today.
fn built_today(artifact: &Artifact) -> Artifact {
    let verified = artifact.verified_program();
    let open = Program {
        name: verified.name.clone(),
        schema: verified.schema.clone(),
        rules: verified.rules.clone(),
        requires: verified.requires.clone(),
        holes: verified.holes.clone(),
        versions: verified.versions.iter().map(unverified).collect(),
    };
    let source = SourceText { text: artifact.unchecked_source(), compiler: artifact.compiler() };
    let today = Artifact::build(open, source).unwrap();
    assert_eq!(today.format(), FORMAT);
    today
}

#[test]
fn artifacts_of_formats_3_and_4_are_read_as_they_are() {
    for (bytes, format) in [(FORMAT_3, 3), (FORMAT_4, 4)] {
        let artifact = Artifact::from_bytes(bytes).unwrap();
        assert_eq!((artifact.format(), artifact.semantics()), (format, 1));
        assert!(artifact.bytes() == bytes);
        let today = built_today(&artifact);
        assert_eq!(today.meaning_hash(), artifact.current_meaning_hash());
        assert_ne!(today.content_hash(), artifact.content_hash());
        assert_eq!(decided(&artifact, FORMAT_2_ROWS), decided(&today, FORMAT_2_ROWS));
    }
}

/// The example, whose first function begins with `x - x`, of which no more than `claim` is said: `times` of the equation
/// is the proof.
fn with_a_proof(claim: Interval, times: i128) -> Result<Artifact, BuildError> {
    let mut program = example::program();
    let decide = &mut program.versions[0].decide;
    let entry = Block::from_u32(0);
    let x = *decide.blocks[entry].body.last().unwrap();
    let mut push = |inst: Inst, range: Interval| {
        let value = decide.values.push(ValueData { ty: opus_ir::Type::I128, range, def: Def::Inst(inst) });
        decide.blocks[entry].body.push(value);
        value
    };
    let zero = push(Inst::new(Op::Const, &[], 0), Interval::point(0));
    let nine = push(Inst::new(Op::Const, &[], 9), Interval::point(9));
    let chosen = push(Inst::new(Op::Select, &[x, zero, nine], 0), Interval::new(0, 9));
    let difference = push(Inst::new(Op::Sub, &[chosen, chosen], 0), Interval::new(-9, 9));
    let bound = push(Inst::new(Op::Bound, &[difference], 0), claim);
    let leaf = |sign: i128| {
        let terms = vec![(sign * times, Factor::Fact(Fact::Op(difference, 0)))];
        Some(Proof { nodes: vec![Node::Leaf(Leaf { m: None, d: times, e: 0, terms })] })
    };
    decide.proofs.insert(bound, Proofs { low: leaf(-1), high: leaf(1) });
    Artifact::build(program, example::SOURCE)
}

#[test]
fn proofs_are_stored_outside_the_meaning() {
    let built = with_a_proof(Interval::point(0), 1).unwrap();
    let artifact = Artifact::from_bytes(built.bytes()).unwrap();
    let proofs = |artifact: &Artifact| artifact.verified_program().versions[0].decide.proofs.clone();
    assert_eq!((proofs(&artifact).len(), proofs(&artifact)), (1, proofs(&built)));
    assert_eq!(decided(&artifact, EXAMPLE_ROWS), decided(&example::artifact(), EXAMPLE_ROWS));
    // another proof of the same is the same policy
    let other = with_a_proof(Interval::point(0), 3).unwrap();
    assert_ne!(proofs(&other), proofs(&artifact));
    assert_eq!(other.meaning_hash(), artifact.meaning_hash());
    assert_ne!(other.content_hash(), artifact.content_hash());
    // what is not proved is not built
    assert!(matches!(with_a_proof(Interval::point(1), 1), Err(BuildError::Program(_))));
}

#[test]
fn damaged_proofs_are_refused() {
    let built = with_a_proof(Interval::point(0), 1).unwrap();
    let encoded = encode(&built.verified_program().versions[0].decide.proofs);
    let at = built.bytes().windows(encoded.len()).position(|part| part == encoded).unwrap();
    let (mut malformed, mut refuted) = (0, 0);
    for (offset, bit) in (0..encoded.len()).flat_map(|offset| (0..8).map(move |bit| (offset, bit))) {
        let mut bytes = built.bytes().to_vec();
        bytes[at + offset] ^= 1 << bit;
        seal(&mut bytes);
        match Artifact::from_bytes(&bytes) {
            Err(ArtifactError::Malformed(malformed_at)) => {
                malformed += 1;
                let place = "version 1, decide, the proofs";
                let message = "their bytes are not as an encoder writes them";
                assert_eq!((&*malformed_at.place, &*malformed_at.message), (place, message));
            }
            Err(ArtifactError::Program(_)) => refuted += 1,
            Err(other) => panic!("byte {offset}, bit {bit}: {other}"),
            Ok(artifact) => assert_eq!(decided(&artifact, EXAMPLE_ROWS), decided(&built, EXAMPLE_ROWS)),
        }
    }
    assert!(malformed > 10 && refuted > 10, "{malformed} malformed, {refuted} refuted");
}

fn unverified(version: &opus_ir::Version<opus_ir::Verified>) -> opus_ir::Version {
    opus_ir::Version {
        number: version.number,
        from: version.from,
        until: version.until,
        cite: version.cite.clone(),
        requires: version.requires.clone(),
        admit: (*version.admit).clone(),
        decide: (*version.decide).clone(),
    }
}

#[test]
fn an_artifact_of_format_2_is_noted_in_the_cache() {
    let folder = std::env::temp_dir().join(format!("opus-artifact-earlier-{}", std::process::id()));
    let cache = CacheDir::new(&folder);
    let opened = || Artifact::from_bytes_with(FORMAT_2, &Cache::In(cache.clone())).unwrap();
    let (first, second) = (opened(), opened());
    let rows = [&first, &second].map(|artifact| decided(artifact, FORMAT_2_ROWS));
    let programs = first.verified_program() == second.verified_program();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(programs && rows[0] == rows[1]);
}

#[test]
fn errors_hold_no_addresses() {
    let mut seen = std::collections::BTreeSet::new();
    for (whole, _) in of_two_formats() {
        for at in (HEADER_BYTES..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] = 0xFF;
            seal_meaning(&mut bytes);
            if let Err(error) = Artifact::from_bytes(&bytes) {
                seen.insert(error.to_string());
            }
        }
    }
    assert!(cfg!(miri) || seen.iter().any(|text| text.contains("invalid structure")), "{seen:?}");
    assert!(seen.iter().all(|text| !text.contains("0x")), "{seen:?}");
}

#[test]
fn an_artifact_of_another_format_says_what_to_do() {
    // the first format had a header of 144 bytes
    let mut old = example_bytes()[..144].to_vec();
    old[8] = 1;
    let text = refused(&old).to_string();
    assert!(text.contains("format 1") && text.contains("`opus build`"), "{text}");
    assert!(text.contains("reads formats 2 to 5"), "{text}");
    assert_eq!(FORMATS_READ, [2, 3, 4, 5]);
    // one format's number on the sections of another
    assert!(matches!(damaged(|bytes| bytes[8] = 2), ArtifactError::Layout));
    let newer = damaged(|bytes| bytes[8] = FORMAT as u8 + 1).to_string();
    assert!(newer.contains("newer version"), "{newer}");
}

#[test]
fn a_large_file_of_something_else_is_not_read() {
    let path = std::env::temp_dir().join(format!("opus-artifact-sparse-{}", std::process::id()));
    std::fs::File::create(&path).unwrap().set_len(ARTIFACT_BYTES_MAX).unwrap();
    let opened = Artifact::open(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(opened, Err(ArtifactError::NotAnArtifact)));
}

/// A small generator of numbers: the same on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// What is written over a few bytes.
fn damage(numbers: &mut Numbers, bytes: &mut [u8]) {
    let places = 1 + numbers.below(3);
    for _ in 0..places {
        let at = HEADER_BYTES + numbers.below(bytes.len() - HEADER_BYTES);
        match numbers.below(4) {
            0 => bytes[at] ^= 1 << numbers.below(8),
            1 => bytes[at] = numbers.next() as u8,
            2 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][numbers.below(5)],
            _ => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(numbers.next() as u8);
            }
        }
    }
}

#[test]
fn damaged_bytes_are_refused_or_harmless() {
    for (whole, _) in of_two_formats() {
        let mut numbers = Numbers(1);
        let mut accepted = 0;
        for _ in 0..if cfg!(miri) { 12 } else { 5_000 } {
            let mut bytes = whole.clone();
            damage(&mut numbers, &mut bytes);
            if bytes != whole {
                assert!(Artifact::from_bytes(&bytes).is_err(), "a damaged artifact was accepted");
            }
            // the same by somebody who knows how to hash
            seal_meaning(&mut bytes);
            if let Ok(artifact) = Artifact::from_bytes(&bytes) {
                accepted += 1;
                run(artifact);
            }
        }
        assert!(cfg!(miri) || accepted > 50, "few damaged artifacts were accepted: {accepted}");
    }
}

/// Decides a few rows on the virtual machine. Whatever the artifact says, the answer is one that the policy can give.
fn run(artifact: Artifact) {
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    let Ok(policy) = Policy::from_artifact(artifact, &options) else { return };
    let inputs = &policy.schema().inputs;
    let mut row = policy.row();
    for (index, field) in inputs.iter().enumerate() {
        let _ = row.set_counted(index, field.domain.range.lo);
    }
    let row = row;
    if let Ok(decision) = policy.decide(&row) {
        assert!(!decision.to_json().is_empty());
        let within = |(field, output): (&opus_ir::Field, opus_runtime::Output)| {
            field.domain.range.contains(output.value())
        };
        assert!(policy.schema().outputs.iter().zip(decision.outputs()).all(within));
    }
    let mut batch = policy.batch(2);
    batch.inputs_mut().set_rows(2);
    for (index, field) in inputs.iter().enumerate() {
        (0..2).for_each(|row| {
            batch.inputs_mut().set(index, row, Some([field.domain.range.lo, field.domain.range.hi][row]))
        });
    }
    batch.decide();
    assert!(batch.rules().iter().all(|rule| (*rule as usize) < policy.artifact().program().rules.len()));
    for (index, field) in policy.schema().outputs.iter().enumerate() {
        let value = |row| batch.outputs().get(index, row).unwrap();
        assert!((0..batch.rows().len()).all(|row| field.domain.range.contains(value(row))));
    }
}
