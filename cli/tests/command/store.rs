//! Do the verbs of the store do what its chapter says, and do policies come from it as they come from files?

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use opus_store::Store;
use opus_store::minisign::SecretKey;
use serde_json::Value;

use crate::folder::{Ended, Folder, OPUS, project};

/// A folder with `one.opusc` and `two.opusc`, of which the second has another score floor.
pub fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    let changed = folder.text("credit.opus").replace("from 2025-01-01 = 700", "from 2025-01-01 = 750");
    folder.write("changed.opus", changed);
    folder.opus("build credit.opus -o one.opusc").ends(0);
    folder.opus("build changed.opus -o two.opusc").ends(0);
    folder
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(ended.text()).expect("one document")
}

pub fn keys(folder: &Folder) {
    for (number, holder) in (1..).zip(["ann", "ben", "eve"]) {
        let key = SecretKey::from_seed([number; 8], [number; 32]);
        folder.write(&format!("{holder}.key"), key.to_file());
        folder.write(&format!("{holder}.pub"), key.public().to_file());
    }
    let of = |holder: &str| folder.text(&format!("{holder}.pub")).lines().nth(1).expect("a key").to_owned();
    let key = |holder: &str| {
        format!("[[key]]\nholder = \"{holder}\"\npublic = \"{}\"\nexpires = 2099-12-31\n", of(holder))
    };
    folder.write("trust.toml", format!("{}{}[names]\ncredit = 2\n", key("ann"), key("ben")));
}

#[test]
fn a_name_stands_for_what_was_in_force() {
    let folder = folder("names");
    folder.opus("publish one.opusc --name credit --recorded-at 2026-01-05T09:00:00Z").ends(0);
    folder.opus("publish two.opusc --name credit --recorded-at 2026-01-06T09:00:00+01:00").ends(0);
    let run = |rest: &str| folder.opus(&format!("run credit --input application.json {rest}"));
    let newest = run("").ends(0);
    assert!(newest.text().starts_with("decision       decline"), "{newest}");
    assert!(newest.err.starts_with("credit: artifact "), "{newest}");
    assert!(
        newest.err.contains(", entry 2 of 2026-01-06T08:00:00.000000Z (claimed), signatures not checked"),
        "{newest}"
    );
    let before = run("--known-at 2026-01-06T07:59:59Z --format json").ends(0);
    let found = json(&before);
    assert_eq!(found["selected"][0]["entry"], 1);
    assert_eq!(found["selected"][0]["signed"], "not checked");
    assert_eq!(found["selected"][0]["object"], found["artifact"]);
    assert_eq!(found["outputs"]["decision"], "approve");
    // every verb that takes a policy
    folder.opus("batch credit good.csv -o out.csv --summary summary.json").ends(0);
    let summary: Value = serde_json::from_str(&folder.text("summary.json")).unwrap();
    assert_eq!(summary["selected"][0]["entry"], 2);
    let diff = folder.opus("diff credit.opus credit --format json").ends(1);
    assert_eq!(json(&diff)["selected"][0]["entry"], 2);
    assert_eq!(json(&diff)["edits"][0]["says"], "param score_floor from version 2: 700 becomes 750");
    assert_eq!(
        folder.opus("diff credit@1 credit@2").ends(1).text(),
        "E1  param score_floor: 680 becomes 750\n"
    );
    let inspect = folder.opus("inspect credit --format json").ends(0);
    assert_eq!(json(&inspect)["selected"][0]["name"], "credit");
    folder.opus("test credit --known-at 2026-01-05T09:00:00Z").ends(0);
    folder.opus("sample credit -n 10 -o sample.csv").ends(0);
    folder.opus("diff credit one.opusc --known-at 2026-01-05T09:00:00Z").ends(0);
    // one version of it, on every day
    let first = folder.opus("run credit@1 --input application.json --format json").ends(0);
    assert_eq!(json(&first)["outputs"]["decision"], "approve");
    assert!(
        folder
            .opus("run credit@9 --input application.json")
            .ends(2)
            .err
            .contains("`credit` has no version 9")
    );
    // a file of that name comes first
    folder.copy("spec/policies/refund.opus", "credit");
    assert!(json(&folder.opus("inspect credit --format json").ends(0)).get("selected").is_none());
    let unused = folder.opus("inspect credit --known-at 2026-01-06T07:59:59Z").ends(0);
    assert!(unused.err.contains("--known-at had no effect"), "{unused}");
}

#[test]
fn what_cannot_be_meant_is_told() {
    let folder = folder("meant");
    let says = |line: &str, code: i32, words: &str| {
        let ended = folder.opus(line).ends(code);
        assert!(ended.err.contains(words), "{ended}");
    };
    says(
        "run credits --input application.json",
        4,
        "there is no file `credits`, and there is no store at `.opus`",
    );
    says("run no/such --input application.json", 4, "`no/such` cannot be read: no such file or directory");
    says("log", 4, "there is no store at `.opus`");
    says("publish credit.opus --name credit", 4, "`opus build`");
    says("publish one.opusc --name a/b", 2, "`a/b` is not a name: a name consists of up to 100 letters");
    assert!(!folder.names().contains(&".opus".to_owned()));
    folder.opus("publish one.opusc --name credit").ends(0);
    says(
        "run credits --input application.json",
        4,
        "there is no file `credits`, and the store `.opus` has no `credits`",
    );
    says(
        "run credit --input application.json --known-at 2026-01-01",
        2,
        "`2026-01-01T00:00:00Z` is its beginning, `2026-01-01T23:59:59.999999Z` its end",
    );
    says("run credit --input application.json --known-at 2026-01-01T09:00:00", 2, "has no offset");
    says("run credit --input application.json --known-at 9000-01-01T00:00:00Z", 2, "is in the future");
    says("run credit --input application.json --known-at 2001-01-01T00:00:00Z", 4, "was first published at");
    says(
        "publish two.opusc --name credit --recorded-at 2001-01-01T00:00:00Z",
        2,
        "is before the last entry: entry 1 is of",
    );
    says("publish two.opusc --name credit --recorded-at 9000-01-01T00:00:00Z", 2, "is in the future");
    says("publish two.opusc --name credit --recorded-at 2001-01-01", 2, "is a day, not an instant");
    let mut damaged = folder.bytes("two.opusc");
    *damaged.last_mut().unwrap() ^= 1;
    folder.write("damaged.opusc", damaged);
    says("publish damaged.opusc --name credit", 4, "`damaged.opusc`: ");
    says("show credit@9", 2, "there is no version 9");
    says("show credit@x", 2, "`@x` is not a version");
    says(
        "show credit --as-of 2001-01-01",
        2,
        "no version is in force on 2001-01-01: the first begins on 2023-01-01",
    );
    says("show credit@1 --as-of 2025-02-01", 2, "version 1 is not in force on that day, but version 2 is");
    says("show nothing", 4, "has no `nothing`");
    says(&format!("show {}", "0".repeat(64)), 4, "no entry of the store names the object");
    says("store verify --checkpoint credit.opus", 4, "it is not a checkpoint");
    assert_eq!(json(&folder.opus("log --format json").ends(0))["entries"].as_array().unwrap().len(), 1);
}

#[test]
fn two_holders_have_to_sign_what_a_trust_file_asks_for() {
    let folder = folder("four-eyes");
    keys(&folder);
    let sign = |file: &str, who: &str| {
        folder
            .opus(&format!("sign {file}.opusc --name credit --key {who}.key -o {file}-{who}.statement"))
            .ends(0)
    };
    let publish = |file: &str, who: &str, code: i32| {
        folder.opus(&format!("publish {file}.opusc --name credit --signature {file}-{who}.statement.minisig --trust trust.toml")).ends(code)
    };
    let show = || folder.opus("show credit --trust trust.toml --format json");
    sign("one", "ann");
    publish("one", "ann", 0);
    let pending = show().ends(1);
    assert!(pending.err.contains("has 1 of 2 signatures, by ann"), "{pending}");
    sign("one", "ben");
    publish("one", "ben", 0);
    assert_eq!(json(&show().ends(0))["signed"]["holders"].as_array().unwrap().len(), 2);
    // the environment names the trust file, too
    let mut line = folder.command("run credit --input application.json");
    let run = Ended::of("run", line.env("OPUS_TRUST", "trust.toml").output().unwrap()).ends(0);
    assert!(run.err.contains("signed by ann and ben (2 required)"), "{run}");
    // who is not in the trust file cannot publish with it, and adds nothing where it is not asked for
    sign("two", "eve");
    assert!(publish("two", "eve", 1).err.contains("the trust file does not have the key 0303030303030303"));
    sign("two", "ann");
    publish("two", "ann", 0);
    let run = folder.opus("run credit --input application.json --trust trust.toml").ends(0);
    assert!(
        run.err.contains("credit: pending: entry 3 (") && run.text().starts_with("decision       approve"),
        "{run}"
    );
    // somebody else publishes after Ben has signed: without the trust file that counts, and with it it does not
    sign("two", "ben");
    folder.opus("build refund.opus -o three.opusc").ends(0);
    folder.opus("publish three.opusc --name credit --by Eve").ends(0);
    let stale = folder.opus("publish two.opusc --name credit --signature two-ben.statement.minisig").ends(1);
    assert!(
        stale.err.contains("somebody published in the meantime") && stale.err.contains("since entry 4"),
        "{stale}"
    );
    let after = folder.opus("sign one.opusc --name credit --trust trust.toml -o after.statement").ends(0);
    assert!(
        after.text().contains("\nreplaces   nothing\n"),
        "one is in force, and replaced nothing: {after}"
    );
    publish("two", "ben", 0);
    let run = folder.opus("run credit --input application.json --trust trust.toml").ends(0);
    assert!(run.err.contains(", entry 5 of ") && run.text().starts_with("decision       decline"), "{run}");
    let stale = publish("one", "ben", 1);
    assert!(stale.err.contains("the signed statement replaces nothing, but by the trust file"), "{stale}");
    assert!(stale.err.contains("is in force as `credit`, since entry 5"), "{stale}");
    // the statement has to be beside its signature
    fs::remove_file(folder.path("one-ben.statement")).unwrap();
    assert!(publish("one", "ben", 4).err.contains("the statement that it signs is not next to it"));
    folder.opus("store verify").ends(0);
}

#[test]
fn signatures_are_checked_by_key_and_by_trust_file() {
    let folder = folder("check-signature");
    keys(&folder);
    folder.opus("sign one.opusc --name credit --key ann.key -o s").ends(0);
    let by_key = folder.opus("check-signature s s.minisig --key ann.pub").ends(0);
    assert!(
        by_key.text().starts_with("opus publish 1\ncredit\n") && by_key.text().contains("signed by key 0101"),
        "{by_key}"
    );
    let by_trust = folder.opus("check-signature s s.minisig --trust trust.toml --format json").ends(0);
    assert_eq!(json(&by_trust)["holder"], "ann");
    folder.opus("check-signature s s.minisig --key ben.pub").ends(1);
    folder.opus("check-signature s s.minisig").ends(2);
    folder.write("other", folder.text("s").replace("credit", "credits"));
    folder.opus("check-signature other s.minisig --key ann.pub").ends(1);
    folder.opus("sign one.opusc --name credit --key eve.key -o e").ends(0);
    folder.opus("check-signature e e.minisig --trust trust.toml").ends(1);
    folder.write("old.toml", folder.text("trust.toml").replace("2099", "2001"));
    let expired = folder.opus("check-signature s s.minisig --trust old.toml").ends(1);
    assert!(expired.err.contains("expired on 2001-12-31"), "{expired}");
    // a statement for another tool to sign, and keys are never replaced
    let unsigned = folder.opus("sign one.opusc --name credit -o u").ends(0);
    assert!(
        unsigned.text().contains("`minisign -S -s KEY -m u` signs it") && !folder.path("u.minisig").exists()
    );
    folder.opus("key new -o ann").ends(2);
    folder.opus("key new -o new").ends(0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path("new.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// With the command itself, where it is installed.
#[test]
fn minisign_checks_what_we_sign_and_signs_what_we_check() {
    let folder = folder("minisign");
    let minisign = |arguments: &str| {
        Command::new("minisign").args(arguments.split(' ')).current_dir(folder.path("")).output()
    };
    if minisign("-v").is_err() {
        println!("minisign is not installed");
        return;
    }
    let succeeds = |arguments: &str| {
        let output = minisign(arguments).expect("minisign runs");
        assert!(output.status.success(), "minisign {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    };
    folder.opus("key new -o ann").ends(0);
    folder.opus("sign one.opusc --name credit --key ann.key -o s").ends(0);
    succeeds("-V -p ann.pub -m s");
    assert!(!minisign("-V -p ann.pub -m one.opusc -x s.minisig").unwrap().status.success());
    // minisign with our key, and opus with minisign's
    succeeds("-S -s ann.key -m s -x again.minisig -t comment");
    folder.opus("check-signature s again.minisig --key ann.pub").ends(0);
    succeeds("-S -l -s ann.key -m s -x legacy.minisig -t comment");
    assert!(folder.text("legacy.minisig").lines().nth(1).unwrap().starts_with("RW"));
    folder.opus("check-signature s legacy.minisig --key ann.pub").ends(0);
    succeeds("-G -W -f -p theirs.pub -s theirs.key");
    folder.opus("sign one.opusc --name credit --key theirs.key -o t").ends(0);
    succeeds("-V -p theirs.pub -m t");
}

#[test]
fn a_rewritten_store_is_found_against_a_checkpoint() {
    let folder = folder("checkpoint");
    folder.opus("publish one.opusc --name credit --by Ann --recorded-at 2026-01-05T09:00:00Z").ends(0);
    let checkpoint = folder.opus("log --checkpoint").ends(0);
    folder.write("checkpoint.txt", checkpoint.text());
    folder.opus("publish two.opusc --name credit").ends(0);
    let verified = folder.opus("store verify --checkpoint checkpoint.txt").ends(0);
    assert!(
        verified
            .text()
            .ends_with("the checkpoint covers the first 1 of these entries, which are unchanged\n"),
        "{verified}"
    );
    let then = folder.opus("log --checkpoint --known-at 2026-01-05T09:00:00Z").ends(0);
    assert_eq!(then.text(), checkpoint.text());
    folder
        .opus("publish one.opusc --name credit --by Eve --recorded-at 2026-01-05T09:00:00Z --store other")
        .ends(0);
    folder.opus("store verify --store other").ends(0);
    let found = folder.opus("store verify --store other --checkpoint checkpoint.txt --format json").ends(1);
    assert!(json(&found)["faults"][0].as_str().unwrap().contains("the ledger was rewritten"), "{found}");
    // one bit of an object
    let object = fs::read_dir(folder.path(".opus/objects")).unwrap().next().unwrap().unwrap().path();
    let object = fs::read_dir(object).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&object).unwrap();
    bytes[1000] ^= 4;
    fs::write(&object, bytes).unwrap();
    assert!(folder.opus("store verify").ends(1).text().contains("is damaged"));
}

#[test]
fn two_processes_that_publish_at_once_get_an_entry_each() {
    let folder = folder("at-once");
    for round in 0..5 {
        let started: Vec<_> = ["one", "two"]
            .iter()
            .map(|file| folder.command(&format!("publish {file}.opusc --name {file}")).spawn().unwrap())
            .collect();
        for child in started {
            Ended::of("publish", child.wait_with_output().unwrap()).ends(0);
        }
        let entries = Store::open(&folder.path(".opus")).unwrap().entries().unwrap();
        assert_eq!(entries.len(), 2 * (round + 1));
    }
    folder.opus("store verify").ends(0);
}

#[cfg(unix)]
#[test]
fn where_the_disk_is_full_the_store_is_as_it_was() {
    let folder = folder("full");
    folder.opus("publish one.opusc --name credit").ends(0);
    let log = folder.opus("log").ends(0).out.clone();
    // the largest file that may be written, in KiB: neither object nor ledger, and the object but not the ledger
    for limit in [0, 4, 16, 28] {
        let line = format!("ulimit -f {limit}; exec {OPUS} publish two.opusc --name credit");
        let mut bash = Command::new("bash");
        bash.args(["-c", &line]);
        folder.at_home(&mut bash);
        let ended = Ended::of(&line, bash.output().expect("bash runs")).ends(4);
        assert!(ended.err.contains("help: free some space there and try again"), "{ended}");
        assert!(folder.opus("log").ends(0).out == log);
        folder.opus("store verify").ends(0);
    }
    folder.opus("publish two.opusc --name credit").ends(0);
}

/// Kills `publish` at random moments, and looks at what there is.
fn kills(count: u32) {
    let folder = folder("publish-kills");
    let started = Instant::now();
    folder.opus("publish one.opusc --name credit --store timed").ends(0);
    let whole = started.elapsed();
    let (mut added, mut random, mut before) = (0, 20_260_201u64, 0);
    for number in 0..count {
        // now and then in a store that has yet to be made
        if number % 10 == 0 {
            let _ = fs::remove_dir_all(folder.path(".opus"));
            before = 0;
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_nanos((random >> 33) % (whole.as_nanos() as u64 * 5 / 4));
        let file = ["one", "two"][number as usize % 2];
        let mut child =
            folder.command(&format!("publish {file}.opusc --name credit")).spawn().expect("opus runs");
        std::thread::sleep(after);
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        if !folder.path(".opus/ledger.db").exists() {
            continue;
        }
        let verified =
            Store::open(&folder.path(".opus")).and_then(|store| store.verify(None)).expect("a store");
        assert!(verified.faults.is_empty(), "kill {number}: {:?}", verified.faults);
        assert!(verified.entries == before || verified.entries == before + 1, "kill {number}");
        added += verified.entries - before;
        before = verified.entries;
    }
    folder.opus("publish one.opusc --name credit").ends(0);
    folder.opus("store verify").ends(0);
    assert!(!folder.path(".opus/objects/unfinished").exists());
    println!("{count} kills: {added} with an entry");
}

#[test]
fn a_killed_publication_leaves_the_store_whole() {
    kills(20);
}

/// `cargo test --workspace --test command store::two_hundred_kills -- --ignored --nocapture`
#[test]
#[ignore = "it takes a minute"]
fn two_hundred_kills() {
    kills(200);
}

/// The commands of the book's chapter print what it shows; `…` stands for anything in a line.
#[test]
fn the_chapter_on_the_store_is_true() {
    let folder = Folder::new("store-chapter");
    let page = fs::read_to_string(project("spec/book/20-store.md")).expect("a chapter");
    let shown_by = |line: &str| {
        let text = page.split(&format!("$ {line}\n")).nth(1).and_then(|rest| rest.split("```").next());
        text.unwrap_or_else(|| panic!("no `{line}`"))
    };
    let sources: Vec<&str> =
        page.split("```opus\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    let [first, second] = sources[..] else { panic!("two policies") };
    folder.write("returns.opus", first);
    folder.write("returns-2.opus", second);
    folder.write("row.json", shown_by("cat row.json"));
    let trust = shown_by("cat trust.toml");
    // the keys of the chapter are the reader's own
    for (number, holder) in (1..).zip(["ann", "ben"]) {
        let key = SecretKey::from_seed([number; 8], [number; 32]);
        folder.write(&format!("{holder}.key"), key.to_file());
        folder.write(&format!("{holder}.pub"), key.public().to_file());
    }
    let public =
        |holder: &str| folder.text(&format!("{holder}.pub")).lines().nth(1).expect("a key").to_owned();
    let trust = trust.replacen("RWQ…", &public("ann"), 1).replacen("RWQ…", &public("ben"), 1);
    folder.write("trust.toml", trust);
    let place = Path::new(OPUS).parent().expect("the binary lies in a folder");
    let path = format!("{}:{}", place.display(), std::env::var("PATH").unwrap_or_default());
    let mut shown = 0;
    for block in page.split("```console\n$ ").skip(1).filter_map(|rest| rest.split("\n```").next()) {
        for part in block.split("\n$ ") {
            let (line, expected) = part.split_once('\n').unwrap_or((part, ""));
            let mut bash = Command::new("bash");
            bash.args(["-uo", "pipefail", "-c", &format!("exec 2>&1; {line}")]).env("PATH", &path);
            folder.at_home(&mut bash);
            let ended = Ended::of(line, bash.output().expect("bash runs"));
            let found: Vec<&str> = ended.text().trim_end().lines().collect();
            let expected: Vec<&str> = expected.trim_end().lines().collect();
            let fits = found.len() == expected.len()
                && found.iter().zip(&expected).all(|(found, pattern)| fits(found, pattern));
            assert!(fits, "{line}\nthe chapter says\n{}\n{ended}", expected.join("\n"));
            shown += 1;
        }
    }
    assert!(shown >= 12, "{shown} commands");
}

/// Whether a line is as a pattern says, in which `…` stands for anything.
fn fits(line: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('…') else { return line == pattern };
    let Some(line) = line.strip_prefix(start) else { return false };
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| fits(&line[at..], rest))
}
