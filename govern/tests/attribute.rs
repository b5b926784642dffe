//! Causes of changed rows, worked out by hand.

use opus_govern::attribute::groups::Groups;
use opus_govern::attribute::{Attribution, Rows};
use opus_govern::structure::Structure;
use opus_ir::memory::Columns;
use opus_runtime::snapshot::Fact;
use opus_runtime::{Cache, Engine, Options, Snapshot};

fn attribution(a: &str, b: &str) -> Attribution {
    with_facts(a, b, [None; 2])
}

fn with_facts(a: &str, b: &str, facts: [Option<&Snapshot>; 2]) -> Attribution {
    let [a, b] = [a, b].map(|text| Structure::of_source(text).unwrap_or_else(|found| panic!("{found:?}")));
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    Attribution::new(&a, &b, facts, &options).unwrap_or_else(|error| panic!("{error}"))
}

fn snapshot(facts: impl IntoIterator<Item = (String, i32, String)>) -> Snapshot {
    let fact = |(key, valid_from, value): (String, i32, String)| {
        let value = Some(value.parse().unwrap_or_else(|_| panic!("{value}")));
        Fact { key, valid_from, value, cite: None, notes: vec![] }
    };
    Snapshot::new(facts.into_iter().map(fact).collect()).unwrap_or_else(|error| panic!("{error}"))
}

fn day(text: &str) -> i32 {
    opus_ir::date::parse(text).unwrap_or_else(|| panic!("{text}"))
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
    assert!(attribution.effort().sets <= 18, "{:?}", attribution.effort());
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

/// Each of 3,650 days has a rate, and 350 of them are corrected.
#[test]
fn corrections_of_daily_facts_take_a_few_runs() {
    let policy = "policy daily {
        effective on day  version 1 from 2015-01-01
        input { day : date in 2015-01-01..2024-12-28  amount : int in 0..99 }  output { fee : int in 0..9_999 }
        param rate : int in 0..99 from snapshot
        rules first { rule R1 when amount < 5 => 0  otherwise R2 => amount * rate } }";
    let first = day("2015-01-01");
    let rates = |correction: i32| {
        let rate = move |at: i32| if at % 10 == 3 && at < 3_500 { at % 50 + correction } else { at % 50 };
        snapshot((0..3_650).map(|at| ("rate".to_owned(), first + at, rate(at).to_string())))
    };
    let attribution = with_facts(policy, policy, [Some(&rates(0)), Some(&rates(1))]);
    assert_eq!(says(&attribution).len(), 350);
    let rows: Vec<Vec<Option<i128>>> =
        (0..2_000).map(|row| whole(&[i128::from(first) + (row * 7) % 3_650, row % 100])).collect();
    let rows: Vec<&[Option<i128>]> = rows.iter().map(Vec::as_slice).collect();
    let mut changed = 0;
    for (row, [causes, necessary, but_for, coarse]) in found(&attribution, &rows).into_iter().enumerate() {
        let (at, amount) = ((row * 7) % 3_650, row % 100);
        let is_changed = at % 10 == 3 && at < 3_500 && amount >= 5;
        changed += usize::from(is_changed);
        let edit = if is_changed { format!("E{}", at / 10 + 1) } else { String::new() };
        assert_eq!([&causes, &necessary, &but_for], [&edit; 3], "row {row}");
        assert_eq!(coarse, "");
    }
    assert!(changed > 150, "{changed}");
    let effort = attribution.effort();
    // one policy: before, with one correction, after, and without one; each for all rows at once
    assert!(effort.hybrids == 1 && effort.bindings <= 4 && effort.runs <= 4, "{effort:?}");
    assert!(effort.sets <= 2 + 2 * 350, "{effort:?}");
}

/// A parameter moves into a snapshot that has 14 facts for it. There was no snapshot before.
#[test]
fn a_move_into_a_snapshot_needs_only_the_fact_of_the_day() {
    let policy = |floor: &str| {
        format!(
            "policy moved {{
             effective on day  version 1 from 2024-01-01
             input {{ day : date in 2024-01-01..2025-12-31  score : int in 0..999 }}  output {{ pass : bool }}
             param floor : int in 0..999 {floor}
             rules first {{ rule R1 when score < floor => false  otherwise R2 => true }} }}"
        )
    };
    let months: Vec<i32> =
        (0..14).map(|at| day(&format!("{}-{:02}-01", 2024 + at / 12, at % 12 + 1))).collect();
    let floors = months.iter().enumerate();
    let after = snapshot(floors.map(|(at, month)| ("floor".to_owned(), *month, (500 + 10 * at).to_string())));
    let attribution = with_facts(&policy("= 500"), &policy("from snapshot"), [None, Some(&after)]);
    let edits = says(&attribution);
    assert_eq!(edits[0], "E1  param floor: 500 becomes from snapshot");
    assert_eq!(edits[1], "E2  fact floor from 2024-01-01: 500 added (needs E1)");
    assert_eq!(edits.len(), 15);
    let row = |month: usize, score: i128| whole(&[i128::from(months[month]) + 3, score]);
    let rows = [row(5, 545), row(7, 545), row(13, 625), row(3, 545)];
    let rows: Vec<&[Option<i128>]> = rows.iter().map(Vec::as_slice).collect();
    let found = found(&attribution, &rows);
    // the floor of the sixth month is the first above 545
    assert_eq!(found[0], ["E7", "E1 E7", "E1 E7", "E7"]);
    // with either of the later facts alone the floor is above it too
    let mut causes: Vec<&str> = found[1][0].split(" | ").collect();
    causes.sort_unstable();
    assert_eq!((causes, &found[1][1], &found[1][2]), (vec!["E7", "E8", "E9"], &"E1".into(), &"E1".into()));
    assert_eq!(found[2], ["E15", "E1 E15", "E1 E15", "E15"]);
    assert_eq!(found[3], [""; 4]);
    assert_eq!(attribution.untestable()[0].edits, "E1");
    assert!(attribution.effort().hybrids <= 2, "{:?}", attribution.effort());
}

/// Fourteen keys change that the rule which decides does not use, and one that it uses.
#[test]
fn keys_that_a_decision_does_not_depend_on_are_not_tried() {
    let params: String = (0..14).map(|at| format!("param p{at} : int in 0..20 from snapshot\n")).collect();
    let rules: String = (0..14).map(|at| format!("rule Q{at} when a < p{at} => {at}\n")).collect();
    let policy = format!(
        "policy unused {{
         enum Region {{ EU, UK, US, CH, NO }}
         input {{ a : int in 0..99  region : Region  term : int in {{12, 24, 36}} }}  output {{ n : int in 0..99 }}
         {params}
         table base(region : Region, term : int in {{12, 24, 36}}) -> int in 0..90 from snapshot
         set spared of Region from snapshot
         rules first {{ {rules} rule R1 when region in spared => 99  otherwise R2 => base(region, term) }} }}"
    );
    let facts = |more: usize| {
        let regions = ["EU", "UK", "US", "CH", "NO"];
        let cells =
            regions.iter().flat_map(|region| [12, 24, 36].map(|term| format!("base[{region}, {term}]")));
        let cells = cells.enumerate().map(|(at, key)| (key, (20 + at + more).to_string()));
        let params = (0..14).map(|at| (format!("p{at}"), (3 + more).to_string()));
        let spared = ("spared".to_owned(), if more == 0 { "{NO}".to_owned() } else { "{NO, CH}".to_owned() });
        let unknown = ("other".to_owned(), more.to_string());
        snapshot(cells.chain(params).chain([spared, unknown]).map(|(key, value)| (key, 0, value)))
    };
    let attribution = with_facts(&policy, &policy, [Some(&facts(0)), Some(&facts(1))]);
    let edits = says(&attribution);
    // no policy takes the last one
    assert_eq!((edits.len(), edits[30].as_str()), (31, "T1  fact other from 1970-01-01: 0 becomes 1"));
    let edit = |says: &str| {
        let found = edits.iter().find(|edit| edit.contains(&format!(" fact {says} ")));
        found.and_then(|edit| edit.split(' ').next()).unwrap_or_else(|| panic!("{says}")).to_owned()
    };
    let rows = [whole(&[50, 1, 24]), whole(&[50, 3, 12]), whole(&[50, 4, 12]), whole(&[3, 0, 36])];
    let rows: Vec<&[Option<i128>]> = rows.iter().map(Vec::as_slice).collect();
    let found = found(&attribution, &rows);
    let only = |says: &str| [edit(says), edit(says), edit(says), String::new()];
    assert_eq!(found[0], only("base[UK, 24]"));
    assert_eq!(found[1], only("spared"));
    assert_eq!(found[2], [""; 4]);
    // 3 is below the first of the floors, which decides before the others
    assert_eq!(found[3], only("p0"));
    assert!(attribution.effort().hybrids == 1, "{:?}", attribution.effort());
}
