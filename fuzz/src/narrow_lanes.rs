//! Do claims that hold only behind a branch harm the rows that do not take it? Vectors compute every branch for every
//! row, in lanes as wide as the claims of the branch need. Each group of 16 rows has rows on both sides.

use arbitrary::Unstructured;
use opus_frontend::reference;
use opus_frontend::{Compiled, compile};
use opus_govern::witnesses::Witnesses;
use opus_ir::testing::{Bytes, Source};
use opus_runtime::Level;

use crate::rows::{self, Corners, Row};

/// The rows that native code decides in one step.
const GROUP_ROWS: usize = 16;
/// Whole groups of rows, and a part of one.
const ROWS: usize = 8 * GROUP_ROWS + 5;
/// Rows from which the sides are chosen.
const ROWS_TRIED: usize = 400;
/// The bytes that decide about the policy; the rest decide about the rows.
const POLICY_BYTES: usize = 200;

/// What a branch establishes about two inputs from 0 to `{w}`, a value whose range follows from it, and its greatest
/// value; it is at least 0. `{t}` is a small number, and `{k}` a factor.
type Branch = (&'static str, &'static str, fn(i128, i128) -> i128);

const BRANCHES: &[Branch] = &[
    ("a <= {t}", "a * {k}", |t, k| t * k),
    ("a <= {t}", "{t} - a", |t, _| t),
    ("a <= {t}", "a * a", |t, _| t * t),
    ("a <= b and b <= {t}", "(b - a) * {k}", |t, k| t * k),
    ("a <= b and b - a <= {t}", "b - a", |t, _| t),
    ("b <= a and a - b <= {t}", "(a - b) * {k}", |t, k| t * k),
    ("a >= {w} - {t}", "{w} - a", |t, _| t),
    ("a + b <= {t}", "a * {k} + b", |t, k| t * k),
    ("a + b <= {t}", "{t} - a - b", |t, _| t),
    ("a <= {t} and b <= {t}", "a * b", |t, _| t * t),
    ("a <= {t} and b <= {t}", "max(a - b, b - a)", |t, _| t),
    ("b >= 1 and a <= {t} * b", "a div b", |t, _| t),
    ("b >= 1 and b <= {t}", "a mod b", |t, _| t - 1),
    ("a in 10..{t} and c", "(a - 10) div 3", |t, _| t),
    ("a <= {t} or b <= {t}", "min(a, b) * {k}", |t, k| t * k),
];

/// Compares all witnesses on a policy and rows from random bytes.
///
/// # Errors
/// If the witnesses differ.
pub fn check(data: &[u8]) -> Result<(), String> {
    let (policy, rows) = data.split_at(data.len().min(POLICY_BYTES));
    let Some(compiled) = compile(&source(&mut Bytes(policy))).0 else { return Ok(()) };
    let levels: &[Level] = if data.first().is_some_and(|byte| byte % 2 == 0) { &Level::ALL } else { &[] };
    let witnesses = Witnesses::new(&compiled, levels)?;
    match witnesses.disagreement(&on_both_sides(&compiled, rows)) {
        Some(found) => Err(format!("{found}\n{}", compiled.source)),
        None => Ok(()),
    }
}

/// A policy of two or three branches, the last of which claims nothing.
fn source(bytes: &mut Bytes) -> String {
    let mut choose = |from: &[i128]| *bytes.pick(from).expect("there is something to choose from");
    let w = choose(&[100_000, 3_000_000_000, 1_000_000_000_000, 9_000_000_000_000_000_000]);
    let mut branch = || {
        let t = choose(&[11, 127, 128, 255, 30_000, 32_767, 32_768, 46_340]);
        let k = choose(&[2, 7, 100, 65_536]);
        let (when, then, most) =
            BRANCHES[choose(&[0, 1, 2]) as usize * 5 + choose(&[0, 1, 2, 3, 4]) as usize];
        let filled = |text: &str| {
            let filled = text.replace("{w}", &w.to_string()).replace("{t}", &t.to_string());
            filled.replace("{k}", &k.to_string())
        };
        (filled(when), filled(then), most(t, k))
    };
    let (one, other) = (branch(), branch());
    let most = one.2.max(other.2);
    let arm = choose(&[0, 1, 2]);
    let rules = match arm {
        0 => format!("rule R1 when {} => {}\n    otherwise R2 => {most}", one.0, one.1),
        1 => format!(
            "rule R1 when {} => {}\n    rule R2 when {} => {}\n    otherwise R3 => min(a, {most})",
            one.0, one.1, other.0, other.1
        ),
        _ => format!(
            "rule R1 when {} => {}\n    otherwise R2 => if {} then {} else min(b, {most})",
            one.0, one.1, other.0, other.1
        ),
    };
    let flag = if rules.contains(" and c") { "  c : bool" } else { "" };
    let b = if rules.contains('b') { format!("  b : int in 0..{w}") } else { String::new() };
    format!(
        "policy narrow.lanes {{\n  input {{ a : int in 0..{w}{b}{flag} }}\n  output {{ y : int in 0..{most} }}\n  \
         rules first {{\n    {rules}\n  }}\n}}\n"
    )
}

/// Rows of all rules in turn, so that every group has some of each.
fn on_both_sides(compiled: &Compiled, data: &[u8]) -> Vec<Row> {
    let policy = &compiled.policy;
    let (corners, mut u) = (Corners::of(policy), Unstructured::new(data));
    let mut sides: Vec<Vec<Row>> = vec![Vec::new(); policy.rules.len()];
    for row in rows::rows(&mut u, &policy.schema, &corners, ROWS_TRIED) {
        if let Ok(admitted) = reference::admit(policy, &row) {
            sides[reference::decide(policy, &admitted).rule].push(row);
        }
    }
    sides.retain(|side| !side.is_empty());
    let of_side = |index: usize| {
        let side = &sides[index % sides.len()];
        side[index / sides.len() % side.len()].clone()
    };
    if sides.is_empty() { Vec::new() } else { (0..ROWS).map(of_side).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeds;

    #[test]
    fn most_policies_compile_and_have_rows_on_both_sides() {
        let (count, mut compiled, mut both) = (60, 0, 0);
        for seed in 0..count {
            let bytes = seeds::bytes(seed, 8_000);
            let Some(policy) = compile(&source(&mut Bytes(&bytes[..POLICY_BYTES]))).0 else { continue };
            compiled += 1;
            let rows = on_both_sides(&policy, &bytes[POLICY_BYTES..]);
            let decided = |row: &Row| {
                let admitted = reference::admit(&policy.policy, row).expect("only admitted rows are kept");
                reference::decide(&policy.policy, &admitted).rule
            };
            let mixed = |group: &[Row]| group.iter().any(|row| decided(row) != decided(&group[0]));
            both += usize::from(rows.chunks_exact(GROUP_ROWS).all(mixed));
        }
        println!("{compiled} of {count} compile, {both} with both sides in every group");
        assert!(
            compiled * 2 > count as usize && both * 10 > compiled * 8,
            "{compiled} of {count}, {both} mixed"
        );
    }
}
