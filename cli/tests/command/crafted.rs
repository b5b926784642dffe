//! Crafted artifacts: all hashes match, but a part of the artifact is not what its program or its meaning gives.

use std::fs;

use opus_runtime::artifact::seal;

use super::folder::{Folder, project};

/// Replaces bytes in an artifact by as many others and corrects the content hash.
fn replace(artifact: &[u8], old: &str, new: &str) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut bytes = artifact.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(old.as_bytes())).collect();
    assert!(!places.is_empty(), "`{old}` is in the artifact");
    places.into_iter().for_each(|at| bytes[at..at + new.len()].copy_from_slice(new.as_bytes()));
    seal(&mut bytes);
    bytes
}

const POLICY: &str = "policy p { input { score : int in 0..9 }  output { passes : bool }
  rules first { rule A when score > 5 => true  otherwise B => false } }";

#[test]
fn another_source_is_neither_shown_nor_used() {
    let folder = Folder::new("crafted-source");
    fs::write(folder.path("p.opus"), POLICY).unwrap();
    folder.opus("build p.opus -o p.opusc").ends(0);
    let shown = folder.opus("inspect p.opusc --source").ends(0);
    assert!(shown.text().contains("score > 5"), "{shown}");
    let whole = folder.bytes("p.opusc");
    let crafted = replace(&whole, "score > 5", "score > 6");
    fs::write(folder.path("crafted.opusc"), &crafted).unwrap();
    fs::write(folder.path("input.json"), r#"{"score": 6}"#).unwrap();
    for line in [
        "inspect crafted.opusc --source",
        "run crafted.opusc --input input.json --trace",
        "test crafted.opusc",
    ] {
        let ended = folder.opus(line);
        assert!(ended.code != 0 && !ended.text().contains("score > 6"), "{ended}");
        assert!(ended.err.contains("is not what the artifact was compiled from"), "{ended}");
    }
    // the policy itself is sound
    folder.opus("run crafted.opusc --input input.json").ends(0);

    // by its own account another version wrote it
    let version = opus_frontend::VERSION;
    let other = replace(&crafted, version, &"9".repeat(version.len()));
    fs::write(folder.path("other.opusc"), &other).unwrap();
    let shown = folder.opus("inspect other.opusc --source").ends(0);
    assert!(shown.err.contains("unverified") && shown.text().contains("score > 6"), "{shown}");
    let shown = folder.opus("inspect other.opusc --source --format json").ends(0);
    assert!(shown.text().contains(r#""label": "unverified""#), "{shown}");
    for line in [
        "run other.opusc --input input.json --trace",
        "test other.opusc",
        "explain other.opusc --input input.json",
        "diff other.opusc p.opus",
    ] {
        let ended = folder.opus(line).ends(5);
        assert!(ended.err.contains("compiles its source differently"), "{ended}");
    }
    let ended = folder.opus("diff other.opusc p.opus --unverified").ends(1);
    assert!(ended.text().contains("source of other.opusc: unverified"), "{ended}");
    // the row itself shows that the source does not explain it
    let ended = folder.opus("explain other.opusc --input input.json --unverified").ends(5);
    assert!(ended.err.contains("decides the row differently"), "{ended}");
    fs::write(folder.path("input.json"), r#"{"score": 7}"#).unwrap();
    let ended = folder.opus("explain other.opusc --input input.json --unverified").ends(0);
    assert!(ended.text().contains("\nsource: unverified"), "{ended}");
    // what still means the same is compared, whichever version wrote it
    let same = replace(&whole, version, &"9".repeat(version.len()));
    fs::write(folder.path("same.opusc"), &same).unwrap();
    let shown = folder.opus("inspect same.opusc --source").ends(0);
    assert!(!shown.err.contains("unverified"), "{shown}");
}

/// An artifact that by its own account another version wrote, of a policy with tests. Its source compiles to another program.
#[test]
fn a_source_that_compiles_differently_is_compared_on_the_tests() {
    let folder = Folder::new("crafted-tests");
    let policy = |tests: &str| format!("{} {tests} }}", POLICY.strip_suffix('}').unwrap());
    let tests = r#"case five { score = 5 } test "low" { given five expect passes = false }
        test "high" { given five with { score = 8 } expect passes = true }"#;
    fs::write(folder.path("p.opus"), policy(tests)).unwrap();
    folder.opus("test p.opus").ends(0);
    folder.opus("build p.opus -o p.opusc").ends(0);
    let crafted = replace(&folder.bytes("p.opusc"), "score > 5", "score > 6");
    let version = opus_frontend::VERSION;
    let nines = "9".repeat(version.len());
    // by its own account this version wrote it
    fs::write(folder.path("crafted.opusc"), &crafted).unwrap();
    fs::write(folder.path("input.json"), r#"{"score": 8}"#).unwrap();
    for line in
        ["explain crafted.opusc --input input.json --unverified", "diff crafted.opusc p.opus --unverified"]
    {
        let ended = folder.opus(line).ends(5);
        assert!(ended.err.contains("is not what the artifact was compiled from"), "{ended}");
    }
    fs::write(folder.path("other.opusc"), replace(&crafted, version, &nines)).unwrap();
    let label = format!(
        "agrees on 2 rows: version {nines} of the compiler wrote the artifact, and version {version} compiles its \
         source differently; both decide the policy's tests alike"
    );
    let shown = folder.opus("inspect other.opusc --source").ends(0);
    assert!(shown.err.contains(&label), "{shown}");
    let ended = folder.opus("explain other.opusc --input input.json").ends(0);
    assert!(ended.text().ends_with(&format!("\nsource: {label}\n")), "{ended}");
    let ended = folder.opus("explain other.opusc --input input.json --format markdown").ends(0);
    assert!(ended.text().contains(&label), "{ended}");
    let ended = folder.opus("explain other.opusc --input input.json --format json").ends(0);
    assert!(ended.text().contains(r#""source": "agrees on 2 rows""#), "{ended}");
    let ended = folder.opus("diff other.opusc p.opus").ends(1);
    assert!(ended.text().contains(&format!("source of other.opusc: {label}")), "{ended}");
    let ended = folder.opus("diff other.opusc p.opus --format json").ends(1);
    assert!(ended.text().contains(r#""source": "agrees on 2 rows""#), "{ended}");
    // whatever uses the source says so
    fs::write(folder.path("in.csv"), "score\n5\n8\n").unwrap();
    folder.opus("diff other.opusc p.opus -o script.json").ends(1);
    for line in [
        "impact other.opusc p.opus in.csv",
        "attribute other.opusc p.opus in.csv",
        "coverage other.opusc in.csv",
        "apply script.json other.opusc -o applied.opus",
    ] {
        let ended = folder.opus(line).ends(0);
        assert!(ended.err.contains(&label), "{line}: {ended}");
    }
    for line in ["impact other.opusc p.opus in.csv", "attribute other.opusc p.opus in.csv"] {
        let ended = folder.opus(&format!("{line} --format json")).ends(0);
        assert!(ended.text().contains(r#""source": "agrees on 2 rows""#), "{line}: {ended}");
    }
    // a row on which they differ is not explained
    fs::write(folder.path("input.json"), r#"{"score": 6}"#).unwrap();
    let ended = folder.opus("explain other.opusc --input input.json").ends(5);
    assert!(ended.err.contains("decides the row differently"), "{ended}");
    // a record of it is replayed; the reference evaluator takes the source, and the rows show where it differs
    fs::write(folder.path("in.csv"), "score\n5\n8\n").unwrap();
    folder.opus("batch other.opusc in.csv -o out.csv --record rec").ends(0);
    for engine in ["native", "vm", "reference"] {
        folder.opus(&format!("replay rec --engine {engine}")).ends(0);
    }
    fs::write(folder.path("in.csv"), "score\n5\n6\n").unwrap();
    folder.opus("batch other.opusc in.csv -o out.csv --record wrong").ends(0);
    folder.opus("replay wrong").ends(0);
    let ended = folder.opus("replay wrong --engine reference").ends(1);
    assert!(ended.text().contains("1 of 2 rows differs"), "{ended}");

    // a test shows the difference
    let tests = r#"case six { score = 6 } test "six" { given six expect passes = true }"#;
    fs::write(folder.path("p.opus"), policy(tests)).unwrap();
    folder.opus("build p.opus -o p.opusc").ends(0);
    let crafted = replace(&folder.bytes("p.opusc"), "score > 5", "score > 6");
    fs::write(folder.path("other.opusc"), replace(&crafted, version, &nines)).unwrap();
    for line in [
        "inspect other.opusc --source",
        "explain other.opusc --input input.json --unverified",
        "diff other.opusc p.opus --unverified",
    ] {
        let ended = folder.opus(line).ends(5);
        assert!(ended.err.contains("decides the test \"six\" differently"), "{ended}");
    }
    // other declarations are another policy
    let renamed = replace(&crafted, "rule A when", "rule X when");
    fs::write(folder.path("other.opusc"), replace(&renamed, version, &nines)).unwrap();
    let ended = folder.opus("inspect other.opusc --source").ends(5);
    assert!(ended.err.contains("is not what the artifact was compiled from"), "{ended}");
}

/// The same for an artifact of an earlier format.
#[test]
fn the_source_of_an_earlier_format_is_labelled() {
    let folder = Folder::new("crafted-earlier");
    let whole = fs::read(project("spec/records/format-2/artifact.opusc")).unwrap();
    let rows = project("spec/records/format-2");
    let rows = rows.display();
    let row = format!("--input {rows}/inputs/1/applications.csv --columns {rows}/mapping.toml --row 2");
    let version = opus_frontend::VERSION;
    let nines = "9".repeat(version.len());
    let names = |bytes: &[u8]| {
        let mut named = bytes.to_vec();
        named[128..128 + nines.len()].copy_from_slice(nines.as_bytes());
        seal(&mut named);
        named
    };
    // the source is the one it was compiled from, whichever version wrote the artifact
    fs::write(folder.path("named.opusc"), names(&whole)).unwrap();
    for line in ["inspect named.opusc --source", &format!("explain named.opusc {row}"), "test named.opusc"] {
        let ended = folder.opus(line).ends(0);
        assert!(!(ended.text().to_owned() + &ended.err).contains(&nines), "{ended}");
    }
    // another source that decides alike, and one that does not
    let alike = replace(&whole, "when age < 18 ", "when age <= 17");
    let unlike = replace(&whole, "when age < 18 ", "when age <= 18");
    for crafted in [&alike, &unlike] {
        fs::write(folder.path("crafted.opusc"), crafted).unwrap();
        for line in ["inspect crafted.opusc --source", &format!("explain crafted.opusc {row} --unverified")] {
            let ended = folder.opus(line).ends(5);
            assert!(ended.err.contains("is not what the artifact was compiled from"), "{ended}");
        }
        folder.opus(&format!("run crafted.opusc {row}")).ends(0);
    }
    fs::write(folder.path("alike.opusc"), names(&alike)).unwrap();
    let label = format!("source: agrees on 19 rows: version {nines} of the compiler wrote the artifact");
    let ended = folder.opus(&format!("explain alike.opusc {row}")).ends(0);
    assert!(ended.text().contains(&label), "{ended}");
    fs::write(folder.path("unlike.opusc"), names(&unlike)).unwrap();
    let ended = folder.opus(&format!("explain unlike.opusc {row}")).ends(5);
    assert!(ended.err.contains("decides the test \"18 is of age\" differently"), "{ended}");
}

#[test]
fn another_bytecode_is_refused_with_and_without_a_cache() {
    let folder = Folder::new("crafted-bytecode");
    fs::write(folder.path("p.opus"), POLICY).unwrap();
    folder.opus("build p.opus -o p.opusc").ends(0);
    let whole = folder.bytes("p.opusc");
    let meaning_bytes = u64::from_le_bytes(whole[112..120].try_into().unwrap()) as usize;
    let detail = (opus_runtime::artifact::HEADER_BYTES + meaning_bytes).next_multiple_of(16);
    let mut refused = 0;
    for at in (detail..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        seal(&mut bytes);
        if opus_runtime::Artifact::from_bytes(&bytes).is_ok() {
            continue;
        }
        refused += 1;
        // two openings with the cache of the artifact that is whole
        if refused % 20 == 1 {
            fs::write(folder.path("crafted.opusc"), &bytes).unwrap();
            for _ in 0..2 {
                let ended = folder.opus("inspect crafted.opusc");
                assert!(ended.code != 0 && !ended.err.contains("0x"), "byte {at}: {ended}");
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn temporary_files_of_killed_builds_are_swept() {
    let folder = Folder::new("swept");
    folder.opus("build credit.opus").ends(0);
    let temporary = folder.cache().join("0123456789abcdef.tmp");
    fs::write(&temporary, "half an entry").unwrap();
    folder.opus("build credit.opus").ends(0);
    assert!(!temporary.exists());
}
