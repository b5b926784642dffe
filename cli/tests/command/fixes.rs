//! What does `opus check --fix` do to a policy? It applies the sure fixes, says which, and touches nothing else.

use serde_json::{Value, json};

use crate::folder::Folder;

const WRONG: &str = "policy shop {
  input { age : int in 0..120  score : int in 0..9 optional }
  output { child : bool }
  rules first {
    rule A when age < 18 && score == null => true
    rule B when age = 99 => true
    otherwise C => false
  }
}
";

fn right() -> String {
    WRONG.replace("&& score == null", "and score is missing").replace("age = 99", "age == 99")
}

#[test]
fn sure_fixes_are_applied_and_told() {
    let folder = Folder::new("fix");
    folder.write("shop.opus", WRONG);
    let names = folder.names();
    let ended = folder.opus("check --fix shop.opus").ends(0);
    assert_eq!(folder.text("shop.opus"), right());
    for part in ["shop.opus:5:", "shop.opus:6:", "fixed: write `and`", "no errors"] {
        assert!(ended.err.contains(part), "`{part}` is missing: {ended}");
    }
    assert_eq!(folder.names(), names);
    let again = folder.opus("check --fix shop.opus").ends(0);
    assert!(!again.err.contains("fixed"), "{again}");
}

#[test]
fn standard_input_is_fixed_on_standard_output() {
    let folder = Folder::new("fix-stream");
    let ended = folder.opus_with("check --fix -", WRONG.as_bytes()).ends(0);
    assert_eq!(ended.text(), right());
    let ended = folder.opus_with("check --fix - --format json", WRONG.as_bytes()).ends(0);
    assert_eq!(ended.text(), right());
    let report: Value = serde_json::from_str(&ended.err).expect("standard error is JSON");
    assert_eq!(report[0]["compiles"], json!(true));
    assert_eq!(report[0]["fixed"].as_array().map(Vec::len), Some(2));
}

#[test]
fn what_is_not_sure_is_left_alone() {
    let folder = Folder::new("fix-unsure");
    let warned = "policy shop {
  input { income : int in 0..100  debt : int in 0..10_000 }
  output { high : bool }
  rules first {
    rule A when debt > 43 of income => true
    otherwise B => false
  }
}
";
    folder.write("warned.opus", warned);
    folder.opus("check --fix warned.opus").ends(0);
    assert_eq!(folder.text("warned.opus"), warned);
    let dated = WRONG.replace("age < 18 && score == null", "age < 18 years");
    folder.write("dated.opus", &dated);
    folder.opus("check --fix dated.opus").ends(1);
    assert!(folder.text("dated.opus").contains("18 years"));
}

/// A file without end is refused when it is longer than any source.
#[cfg(target_os = "linux")]
#[test]
fn a_source_without_end_is_refused() {
    let folder = Folder::new("endless");
    let ended = folder.opus("check /dev/zero").ends(1);
    assert!(ended.err.contains("E0020"), "{ended}");
}

/// Whoever decides rows every day should not read the same warnings every day.
#[test]
fn a_warning_is_shown_by_check_and_build_and_counted_elsewhere() {
    let folder = Folder::new("warnings");
    let policy = "policy p {\n  input { a : int in 0..9   b : int in 0..9 }\n  output { c : int in 0..9 }\n  rules first { otherwise R => a }\n}\n";
    folder.write("p.opus", policy);
    folder.write("rows.csv", "a,b\n1,2\n");
    for line in ["check p.opus", "build p.opus -o p.opusc"] {
        let ended = folder.opus(line).ends(0);
        assert!(ended.err.contains("warning[W0902]: the input `b` is never read"), "{ended}");
    }
    let note = "p.opus: 1 warning; `opus check` shows it\n";
    for line in ["batch p.opus rows.csv -o out.csv", "run p.opus --input rows.csv --row 1", "inspect p.opus"]
    {
        let ended = folder.opus(line).ends(0);
        assert!(ended.err.contains(note) && !ended.err.contains("W0902"), "{ended}");
    }
    for line in ["batch p.opusc rows.csv -o out.csv", "inspect p.opus --format json"] {
        let ended = folder.opus(line).ends(0);
        assert!(!ended.err.contains("warning"), "{ended}");
    }
}
