//! Causes of changed rows, worked out by hand.

use opus_govern::attribute::groups::Groups;
use opus_govern::attribute::{Attribution, Rows};
use opus_govern::structure::Structure;
use opus_ir::memory::Columns;
use opus_runtime::{Cache, Engine, Options};

fn attribution(a: &str, b: &str) -> Attribution {
    let [a, b] = [a, b].map(|text| Structure::of_source(text).unwrap_or_else(|found| panic!("{found:?}")));
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    Attribution::new(&a, &b, [None; 2], &options).unwrap_or_else(|error| panic!("{error}"))
}

/// By row, its causes, the necessary edits, the but-for edits and the coarse causes; empty for a row that does not change.
fn found(attribution: &Attribution, rows: &[&[Option<i128>]]) -> Vec<[String; 4]> {
    let mut wide = Columns::new(&attribution.joint().schema().input_columns(), rows.len());
    wide.set_rows(rows.len());
    for (row, cells) in rows.iter().enumerate() {
        cells.iter().enumerate().for_each(|(field, cell)| wide.set(field, row, *cell));
    }
    let found = attribution.rows(Rows { wide: &wide, faults: &[] });
    assert!(Groups::of(&found, rows.len()).add_up(attribution));
    let of = |row: usize| match found.changed.binary_search(&(row as u32)) {
        Ok(at) => {
            let causes = found.causes_of(at);
            let mark = if causes.is_unfinished { " (unfinished)" } else { "" };
            [
                format!("{}{mark}", causes.written),
                causes.necessary.clone(),
                causes.but_for.clone(),
                causes.coarse.clone(),
            ]
        }
        Err(_) => Default::default(),
    };
    (0..rows.len()).map(of).collect()
}

fn says(attribution: &Attribution) -> Vec<String> {
    attribution.edits().map(ToString::to_string).collect()
}

fn whole(cells: &[i128]) -> Vec<Option<i128>> {
    cells.iter().copied().map(Some).collect()
}

#[test]
fn two_traces_are_not_enough() {
    let policy = |rules: &str| {
        format!(
            "policy traces {{ enum D {{ W, X, Y, Z }}  input {{ a : int in 0..30  b : bool  c : bool }}  output {{ d : D }}
             rules first {{ {rules} otherwise R3 => Z }} }}"
        )
    };
    let a = policy("rule R1 when a > 10 => X  rule R2 when b => Y");
    let b = policy("rule R0 when c => W  rule R1 when a > 20 => X  rule R2 when b => W");
    let attribution = attribution(&a, &b);
    assert_eq!(
        says(&attribution),
        ["E1  rule R0 added", "E2  rule R1 condition: 10 becomes 20", "E3  rule R2 d: Y becomes W"]
    );
    let rows = [whole(&[15, 1, 1]), whole(&[15, 0, 1]), whole(&[15, 1, 0]), whole(&[5, 0, 0])];
    let rows: Vec<&[Option<i128>]> = rows.iter().map(Vec::as_slice).collect();
    let found = found(&attribution, &rows);
    // what was decided and by which rule is the same for the first two, and their causes are not
    assert_eq!(found[0], ["E1 | E2+E3", "", "", ""]);
    assert_eq!(found[1], ["E1", "E1", "E1", ""]);
    assert_eq!(found[2], ["E2+E3", "E2 E3", "E2 E3", ""]);
    assert_eq!(found[3], [""; 4]);
}

#[test]
fn what_is_but_for_need_not_be_necessary() {
    let policy = |p: u8, condition: &str, outcome: &str| {
        format!(
            "policy but {{ enum D {{ V, W, Z }}  input {{ a : int in 0..200  c : bool }}  output {{ d : D }}
             param p : int in 0..10 = {p}
             rules first {{ rule R0 when {condition} => {outcome}  rule R1 when p > 5 => W  otherwise R2 => Z }} }}"
        )
    };
    let attribution = attribution(&policy(0, "a > 100", "V"), &policy(10, "c", "if p > 5 then W else V"));
    assert_eq!(says(&attribution).len(), 3, "{:?}", says(&attribution));
    assert_eq!(found(&attribution, &[&whole(&[20, 1])]), [["E1", "E1", "E1 E3", ""]]);
}

#[test]
fn needs_are_turned_on_and_not_written() {
    let policy = |more: &str, rule: &str| {
        format!(
            "policy needs {{ enum D {{ X, Y {more} }}  input {{ a : int in 0..30 }}  output {{ d : D }}
             rules first {{ {rule} rule R1 when a > 10 => X  otherwise R2 => Y }} }}"
        )
    };
    let attribution = attribution(&policy("", ""), &policy(", Z", "rule R0 when a > 20 => Z"));
    assert_eq!(says(&attribution), ["E1  D.Z added", "E2  rule R0 added (needs E1)"]);
    assert_eq!(
        found(&attribution, &[&whole(&[25]), &whole(&[15])]),
        [["E2", "E1 E2", "E1 E2", ""].map(str::to_owned), Default::default()]
    );
}

#[test]
fn a_cause_is_coarse_if_a_part_of_it_does_not_compile() {
    // without R0 the score may be missing at R1; with the score required nothing needs R0
    let policy = |optional: &str, rule: &str| {
        format!(
            "policy coarse {{ input {{ s : int in 0..20 {optional} }}  output {{ n : int in 0..99 }}
             rules first {{ {rule} rule R1 when s > 10 => 1  otherwise R2 => 2 }} }}"
        )
    };
    let attribution =
        attribution(&policy("optional", "rule R0 when s is missing or s == 20 => 0"), &policy("", ""));
    assert_eq!(says(&attribution), ["E1  input s is no longer optional", "E2  rule R0 removed"]);
    let rows: [&[Option<i128>]; 2] = [&[Some(20)], &[None]];
    // neither can be alone: a rule asks whether a score is missing that never is, or uses one that may be
    assert_eq!(
        found(&attribution, &rows),
        [["E1+E2", "E1 E2", "", "E1+E2"]; 2].map(|row| row.map(str::to_owned))
    );
    let untestable = attribution.untestable();
    let sets: Vec<&str> = untestable.iter().map(|set| set.edits.as_str()).collect();
    assert_eq!(sets, ["E1", "E2"]);
    assert!(untestable[1].why.contains("missing"), "{}", untestable[1].why);
}

#[test]
fn many_rows_of_a_table_take_few_sets() {
    let policy = |more: u8| {
        let rows: Vec<String> = (0..8).map(|at| format!("| {at} => {} ;", at + more)).collect();
        format!(
            "policy wide {{ input {{ a : int in 0..7  c : bool }}  output {{ n : int in 0..99 }}
             table t(a) unique -> int in 0..60 {{ {} }}
             rules first {{ rule R1 when c => 50  otherwise R2 => t }} }}",
            rows.join("\n")
        )
    };
    let attribution = attribution(&policy(0), &policy(20));
    let rows: Vec<Vec<Option<i128>>> = (0..8).map(|at| whole(&[at, 0])).collect();
    let rows: Vec<&[Option<i128>]> = rows.iter().map(Vec::as_slice).collect();
    for (at, [causes, necessary, but_for, _]) in found(&attribution, &rows).into_iter().enumerate() {
        assert_eq!([causes, necessary, but_for], [(); 3].map(|()| format!("E{}", at + 1)));
    }
    // the empty set, each row by itself, the second policy, and it without each row
    assert!(attribution.effort().0 <= 18, "{:?}", attribution.effort());
}

#[test]
fn a_search_that_takes_too_long_is_given_up() {
    let policy = |value: u8| {
        let params: Vec<String> = (0..8).map(|at| format!("param p{at} : int in 0..1 = {value}")).collect();
        let sum: Vec<String> = (0..8).map(|at| format!("p{at}")).collect();
        format!(
            "policy long {{ input {{ a : int in 0..9 }}  output {{ n : bool }}  {}
             rules first {{ rule R1 when {} > 7 => true  otherwise R2 => false }} }}",
            params.join("\n"),
            sum.join(" + ")
        )
    };
    let attribution = attribution(&policy(0), &policy(1)).with_sets_max(3);
    let all = "E1 E2 E3 E4 E5 E6 E7 E8".to_owned();
    assert_eq!(
        found(&attribution, &[&whole(&[1])]),
        [[" (unfinished)".to_owned(), String::new(), all, String::new()]]
    );
}
