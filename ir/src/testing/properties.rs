//! What must hold for every function? Checked for one source at a time, so that tests and fuzzers share it.

use super::damage::claim_again;
use super::{Source, damage, damage_proofs, func, row, with_lie};
use crate::bind::{Filling, bind};
use crate::func::{Def, End, Entries, Func};
use crate::interpret::{Returned, evaluate_straight, interpret, interpret_checked};
use crate::merge::merge;
use crate::ops::Op;
use crate::passes;
use crate::straight::Straight;
use crate::straighten::straighten;
use crate::text;
use crate::types::Type;
use crate::verify::{Verified, believe, verify};

const ROWS: usize = 8;

/// The interpreter, predicated code, and both after every pass decide the same on every row.
///
/// # Panics
/// Where they do not, or where something valid is refused.
pub fn witnesses_agree(source: &mut impl Source) {
    let func = func(source);
    let original = verified(func.clone());
    let rows: Vec<(Vec<i128>, Vec<bool>)> = (0..ROWS).map(|_| row(&func, source)).collect();
    let expected = decide_all(&original, &rows);
    let straight = straighten(&original);
    let straightened: Vec<Returned> =
        rows.iter().map(|(values, present)| evaluate_straight(&straight, values, present)).collect();
    assert_eq!(straightened, expected, "the straight line differs from\n{func}\n{straight}");
    for (name, pass) in passes::ALL.iter().chain(&[("optimize", passes::optimize as fn(&mut Func))]) {
        let mut changed = func.clone();
        pass(&mut changed);
        let changed = believe(changed).unwrap_or_else(|error| panic!("after `{name}`: {error}\n{func}"));
        assert_eq!(decide_all(&changed, &rows), expected, "`{name}` changed the meaning of\n{func}");
        let straight = straighten(&changed);
        let straightened = rows.iter().map(|(values, present)| evaluate_straight(&straight, values, present));
        assert!(straightened.eq(expected.iter().cloned()), "straight after `{name}`\n{func}");
    }
}

/// Versions that differ in constants decide as one what each decides in its days. Answers whether they could be
/// merged.
///
/// # Panics
/// Where the merge decides otherwise.
pub fn merged_versions_agree(source: &mut impl Source) -> bool {
    let mut versions = vec![verified(func(source))];
    for _ in 0..1 + source.below(3) {
        let mut later = versions[0].clone().into_inner();
        other_constants(&mut later, source);
        versions.extend(verify(later));
    }
    let dates: Vec<usize> = (0..versions[0].fields.len())
        .filter(|i| !versions[0].fields[*i].is_bool && !versions[0].fields[*i].optional)
        .collect();
    let Some(date) = source.pick(&dates).copied() else { return false };
    let mut starts: Vec<i32> = versions
        .iter()
        .map(|_| Type::I32.wrap(source.within(versions[0].fields[date].range)) as i32)
        .collect();
    starts.sort_unstable();
    let lines: Vec<Straight> = versions.iter().map(straighten).collect();
    let parts: Vec<&Straight> = lines.iter().collect();
    let Some(merged) = merge(&parts, date as u32, &starts) else { return false };
    for _ in 0..ROWS {
        let (values, present) = row(&versions[0], source);
        let in_force = starts.partition_point(|start| *start as i128 <= values[date]).saturating_sub(1);
        let expected = interpret(&versions[in_force], &values, &present);
        let decided = evaluate_straight(&merged, &values, &present);
        assert_eq!(decided, expected, "{values:?} {present:?} {starts:?}\n{merged}");
    }
    true
}

/// Other constants, table entries and rules; what follows from them is claimed again.
fn other_constants(func: &mut Func, source: &mut impl Source) {
    for data in func.values.values_mut().filter(|data| !data.ty.is_bool()) {
        if let Def::Inst(inst) = &mut data.def
            && inst.op == Op::Const
            && source.one_in(3)
        {
            inst.imm = data.ty.wrap(inst.imm.wrapping_add(source.below(3) as i128));
        }
    }
    let by = source.below(3) as i128;
    for entries in func.tables.values_mut() {
        if let Entries::Known(entries) = entries {
            entries.iter_mut().for_each(|entry| *entry = entry.saturating_add(by));
        }
    }
    for data in func.blocks.values_mut() {
        if let End::Decide { rule, .. } = &mut data.end {
            *rule += 20;
        }
    }
    claim_again(func);
}

/// A function is read back from its text as it was; the text of a damaged one is refused or stays as it was.
///
/// # Panics
/// Where it is not.
pub fn text_reads_back(source: &mut impl Source) {
    let mut func = func(source);
    let text = func.to_string();
    assert_eq!(text::parse(&text).as_ref(), Ok(&func), "{text}");
    damage(&mut func, source);
    // damage may have left what has no text, such as a value in no block; what has one keeps it
    let text = func.to_string();
    if let Ok(read) = text::parse(&text) {
        assert_eq!(read.to_string(), text);
    }
}

fn verified(func: Func) -> Verified {
    verify(func.clone()).unwrap_or_else(|error| panic!("{error}\n{func}"))
}

fn decide_all(func: &Verified, rows: &[(Vec<i128>, Vec<bool>)]) -> Vec<Returned> {
    rows.iter().map(|(values, present)| interpret(func, values, present)).collect()
}

/// A function with something wrong in it is refused; or it is valid, and then every value keeps its interval
/// (the interpreter asserts it in debug builds). Answers whether it was refused.
///
/// # Panics
/// Where a claim was accepted that does not hold.
pub fn damaged_functions_are_refused_or_right(source: &mut impl Source) -> bool {
    let mut func = func(source);
    (0..1 + source.below(2)).for_each(|_| damage(&mut func, source));
    let Ok(verified) = verify(func) else { return true };
    // what damage has left open is filled in with entries of its range, as binding does
    let opened = verified.tables.values().filter_map(Entries::open);
    let holes = opened.clone().map(|open| open.hole as usize + 1).max().unwrap_or(0);
    let mut fillings = vec![Filling::always(Vec::new()); holes];
    for open in opened {
        let entries = [open.range.lo, open.range.hi].into_iter().cycle().skip(source.below(2));
        fillings[open.hole as usize] = Filling::always(entries.take(open.count as usize).collect());
    }
    let verified = match holes {
        0 => verified,
        _ => match verify(bind(&verified, None, &fillings)) {
            Ok(bound) => bound,
            // two tables that are left to one hole need not have one shape
            Err(_) => return true,
        },
    };
    let rows: Vec<(Vec<i128>, Vec<bool>)> = (0..ROWS).map(|_| row(&verified, source)).collect();
    for (decided, (values, present)) in decide_all(&verified, &rows).iter().zip(&rows) {
        let kept =
            verified.results.iter().zip(&decided.outputs).all(|(range, output)| range.contains(*output));
        assert!(kept, "{decided:?} leaves the results of {}", *verified);
        assert_eq!(evaluate_straight(&straighten(&verified), values, present), *decided);
    }
    false
}

/// What became of a function with something wrong in its proofs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Became {
    /// It was refused.
    Refused,
    /// It was accepted, and no claim of it was found broken.
    Right(Verified),
    /// It was accepted, and a value on a row is outside of its claim.
    Broken(String),
}

/// Damages the proofs of a random function and what they are about.
///
/// # Panics
/// Where predicated code decides otherwise than the function.
pub fn damaged_proofs(source: &mut impl Source) -> Became {
    // a lie is not damaged as well: the question is whether it is refused
    let func = if source.one_in(4) { with_lie(source) } else { with_damage(source) };
    decided(func, source)
}

/// A function with changed proofs.
fn with_damage(source: &mut impl Source) -> Func {
    const TRIES: usize = 8;
    let mut func = func(source);
    for _ in 0..TRIES {
        if !func.proofs.is_empty() {
            break;
        }
        func = super::func(source);
    }
    for _ in 0..1 + source.below(2) {
        damage_proofs(&mut func, source);
    }
    // the claims of what follows are those of what was there
    if source.one_in(8) {
        damage(&mut func, source);
    }
    func
}

fn decided(func: Func, source: &mut impl Source) -> Became {
    let Ok(verified) = verify(func) else { return Became::Refused };
    if verified.is_open() {
        return Became::Refused;
    }
    let rows: Vec<(Vec<i128>, Vec<bool>)> = (0..2 * ROWS).map(|_| row(&verified, source)).collect();
    if let Some(broken) = rows.iter().find_map(|row| broken_claim(&verified, row)) {
        return Became::Broken(broken);
    }
    let straight = straighten(&verified);
    for (values, present) in &rows {
        let expected = interpret(&verified, values, present);
        assert_eq!(evaluate_straight(&straight, values, present), expected, "{}", *verified);
    }
    Became::Right(verified)
}

/// The first value of a row that is outside of its claim, in words.
pub fn broken_claim(func: &Verified, (values, present): &(Vec<i128>, Vec<bool>)) -> Option<String> {
    let (value, x) = interpret_checked(func, values, present).1?;
    let range = func.values[value].range;
    Some(format!("{value} is {x}, outside {range}, on {values:?} {present:?} in\n{}", **func))
}

#[cfg(test)]
mod tests {
    use super::super::{Bytes, Seed};
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn witnesses_agree_on_generated_functions() {
        (0..1000).for_each(|seed| witnesses_agree(&mut Seed(seed)));
    }

    #[test]
    fn bytes_make_functions_too() {
        let seed = &mut Seed(7);
        for count in (0..600).step_by(7) {
            let bytes: Vec<u8> = (0..count).map(|_| seed.next() as u8).collect();
            witnesses_agree(&mut Bytes(&bytes));
        }
    }

    #[test]
    fn merged_versions_agree_on_generated_functions() {
        let merged = (0..1000).filter(|seed| merged_versions_agree(&mut Seed(*seed))).count();
        assert!(merged > 150, "{merged} of 1000 could be merged");
    }

    #[test]
    fn text_of_generated_functions_reads_back() {
        (0..500).for_each(|seed| text_reads_back(&mut Seed(seed)));
    }

    #[test]
    fn damage_is_found_or_harmless() {
        let refused =
            (0..4000).filter(|seed| damaged_functions_are_refused_or_right(&mut Seed(*seed))).count();
        // both happen often: otherwise the test would show little
        assert!((1000..3700).contains(&refused), "{refused} of 4000 were refused");
    }

    #[test]
    fn every_op_is_reached() {
        let mut reached = BTreeMap::<Op, usize>::new();
        for seed in 0..500 {
            for data in func(&mut Seed(seed)).values.values() {
                if let Def::Inst(inst) = &data.def {
                    *reached.entry(inst.op).or_default() += 1;
                }
            }
        }
        assert_eq!(reached.len(), Op::ALL.len(), "{reached:?}");
        assert!(reached.values().all(|count| *count > 50), "{reached:?}");
    }
}
