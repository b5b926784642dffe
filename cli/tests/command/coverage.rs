//! Does `opus coverage` count what rows and tests use?

use serde_json::Value;

use crate::folder::Folder;

#[test]
fn rows_of_files_and_tests_are_counted() {
    let folder = Folder::new("coverage");
    let text = folder.opus("coverage credit.opus good.csv").ends(0).text().to_owned();
    // row a is approved under version 1, b has a low score, c is a minor, e has no score
    assert!(text.starts_with("4 rows decided\n"), "{text}");
    let line = |id: &str| text.lines().find(|line| line.contains(&format!("  {id}  "))).map(str::trim_end);
    assert_eq!(line("C1"), Some("   1  3  C1  age < 18"), "{text}");
    assert_eq!(line("C10").map(|line| line.starts_with('!')), Some(true), "{text}");
    let json = folder.opus("coverage credit.opus good.csv --format json --engine vm --threads 1").ends(0);
    let json: Value = serde_json::from_str(json.text()).expect("it is JSON");
    let rule = |id: &str| -> Value {
        let rules = json["rules"].as_array().expect("a list").iter();
        rules.clone().find(|rule| rule["id"] == id).expect("it is a rule").clone()
    };
    let counts = |id: &str| [rule(id)["held"].as_u64(), rule(id)["failed"].as_u64()];
    assert_eq!(counts("C1"), [Some(1), Some(3)]);
    assert_eq!(counts("C2"), [Some(1), Some(2)]);
    assert_eq!(counts("C4"), [Some(1), Some(1)]);
    let rows = json["tables"][0]["rows"].as_array().expect("rows").iter();
    assert_eq!(rows.map(|row| row["rows"].as_u64()).collect::<Vec<_>>(), [Some(0), Some(1), Some(0)]);
    let refused = folder.opus("coverage credit.opus rows.csv").ends(3);
    assert!(refused.text().starts_with("4 rows decided, 2 refused\n"), "{}", refused.text());
    let tests = folder.opus("coverage credit.opus --tests").ends(0);
    assert!(tests.text().contains("rows decided"), "{}", tests.text());
}

#[test]
fn what_cannot_be_counted_is_refused() {
    let folder = Folder::new("uncounted");
    folder.opus("coverage credit.opus").ends(2);
    folder.opus("coverage credit.opus good.csv --tests").ends(2);
    let ended = folder.opus("coverage credit.opus good.csv --engine reference").ends(2);
    assert!(ended.err.contains("coverage runs on compiled code"), "{}", ended.err);
    folder.opus("coverage credit.opus nothing.csv").ends(4);
}

#[test]
fn large_counts_are_written_in_groups_of_digits() {
    let folder = Folder::new("large-counts");
    folder.opus("sample credit.opus -n 2500 --seed 1 -o rows.parquet").ends(0);
    let text = folder.opus("coverage credit.opus rows.parquet").ends(0).text().to_owned();
    assert!(text.starts_with("2,500 rows decided\n"), "{text}");
    let counts = text.lines().filter_map(|line| line.trim_start_matches('!').split_whitespace().next());
    let ungrouped: Vec<&str> =
        counts.filter(|count| count.len() > 3 && count.parse::<u64>().is_ok()).collect();
    assert!(ungrouped.is_empty(), "{ungrouped:?} in\n{text}");
    let one_width = |line: &&str| line.contains("  C1  ") || line.contains("  C2  ");
    let widths: Vec<usize> = text.lines().filter(one_width).filter_map(|line| line.find('C')).collect();
    assert!(widths.len() == 2 && widths[0] == widths[1], "{text}");
}
