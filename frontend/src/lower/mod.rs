//! How does the typed tree become IR, and what does that prove?
//!
//! The lowering is the range analysis. Every expression is built through [`opus_ir::Builder`], whose transfer
//! functions return its interval. If there is none, or if an outcome leaves its output's range, the lowering reports a
//! diagnostic with the place and, if one is found, a failing input. The verifier derives the same intervals again,
//! with the same functions.
//!
//! In reading order: exact numbers (`quantity`), a place in a function and what is known there (`site`), how a number
//! becomes a value (`assemble`) and a comparison a Boolean (`compare`); expressions (`expr`, `number`, `truth`,
//! `table`), rules (`rules`), outputs that list their values (`listed`), the same with probes for coverage ([`probes`]), and diagnostics (`complaint`).

mod assemble;
mod compare;
pub(crate) mod complaint;
pub(crate) mod expr;
mod listed;
mod number;
pub mod probes;
mod quantity;
#[cfg(test)]
mod random_trees;
mod rules;
mod scoped;
pub(crate) mod site;
pub(crate) mod table;
#[cfg(test)]
mod testing;
mod truth;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use opus_ir::{Func, Program, Version};

use self::complaint::{Complaint, Failures, Fault};
use self::rules::{admits, decides};
use crate::analysis::counterexample::Searches;
use crate::analysis::reach::{self, Unmet, Unreachable};
use crate::analysis::regions::Budget;
use crate::codes::Code;
use crate::codes::Demand;
use crate::diagnostic::{Diagnostic, any_error, in_versions};
use crate::hir::{self, LetId, Policy, RuleInfo, Step};
use crate::limits::{REACHABILITY_WORK_MAX, SHOWN_WORK_MAX};
use crate::prove;
use crate::text::ast::Span;

/// How many of the rules that leave nothing to another are shown.
const COVERS_SHOWN_MAX: usize = 8;

/// The program of a policy, where nothing can go wrong with it, and the diagnostics. `source` is the text
/// that the tree was read from; diagnostics quote it.
pub fn lower(policy: &Policy, source: &str) -> (Option<Program>, Vec<Diagnostic>) {
    lower_for(policy, source, Demand::Useful)
}

/// The same, where less may be demanded of the policy.
pub fn lower_for(policy: &Policy, source: &str, demand: Demand) -> (Option<Program>, Vec<Diagnostic>) {
    let (mut program, diagnostics) = plain_for(policy, source, demand);
    let count = policy.versions.len();
    let versions = program.iter_mut().flat_map(|program| &mut program.versions);
    let (mut admit, mut decide) = (Optimized::default(), Optimized::default());
    for version in versions {
        admit.apply(&mut version.admit, count);
        decide.apply(&mut version.decide, count);
    }
    (program, diagnostics)
}

/// The function that was optimized last, before and after. Many versions share theirs with the version before.
#[derive(Default)]
struct Optimized(Option<(Func, Func)>);

impl Optimized {
    fn apply(&mut self, func: &mut Func, versions: usize) {
        if let Some((before, after)) = &self.0
            && before == func
        {
            func.clone_from(after);
            return;
        }
        let before = func.clone();
        prove::optimize(func);
        prove::narrow(func, versions);
        self.0 = Some((before, func.clone()));
    }
}

/// The same before the passes have run, for callers that compare the two.
pub fn plain(policy: &Policy, source: &str) -> (Option<Program>, Vec<Diagnostic>) {
    plain_for(policy, source, Demand::Useful)
}

/// The same, where less may be demanded of the policy.
pub fn plain_for(policy: &Policy, source: &str, demand: Demand) -> (Option<Program>, Vec<Diagnostic>) {
    let used = used(policy);
    let mut budget = Budget(REACHABILITY_WORK_MAX);
    let mut lowered: Vec<Lowered> = Vec::new();
    for version in &policy.versions {
        let before = lowered.last().filter(|_| is_unchanged(policy, version, lowered.len()));
        let one = before.cloned().unwrap_or_else(|| lower_version(policy, version, &used, &mut budget));
        lowered.push(one);
    }
    let mut diagnostics = complaints(policy, &lowered, source);
    diagnostics.extend(dead_rules(policy, &lowered));
    diagnostics.retain(|diagnostic| demand.includes(diagnostic.code));
    if any_error(&diagnostics) {
        return (None, diagnostics);
    }
    let versions =
        policy.versions.iter().zip(lowered).map(|(version, lowered)| finished(version, lowered)).collect();
    let program = Program {
        name: policy.name.clone(),
        schema: policy.schema.clone(),
        rules: policy.rules.iter().map(rule).collect(),
        requires: policy.requires.iter().map(require).collect(),
        holes: policy.holes.iter().map(|hole| hole.hole.clone()).collect(),
        versions,
    };
    (Some(program), diagnostics)
}

/// Whether the version with this index is lowered to what the one before it was lowered to: it says the same, and
/// does not look at the date whose range is another.
fn is_unchanged(policy: &Policy, version: &hir::Version, index: usize) -> bool {
    let before = index.checked_sub(1).map(|before| &policy.versions[before]);
    let reads_date = policy.schema.effective.is_some_and(|date| version.reads(date));
    !reads_date && before.is_some_and(|before| version.says_the_same_as(before))
}

/// A version after lowering.
#[derive(Clone)]
struct Lowered {
    admit: Func,
    decide: Func,
    failures: Vec<Failures>,
    dead: Vec<Unreachable>,
}

/// The declarations of the named values that something uses, in some version.
fn used(policy: &Policy) -> BTreeSet<Span> {
    let of_version = |version: &hir::Version| {
        let of_step = |step: &Step| match step {
            Step::Let(name) => vec![version.lets[*name].body],
            Step::Rule(rule) => rule.when.iter().chain(&rule.outcome).copied().collect(),
        };
        let required = version.requires.iter().map(|(_, condition)| *condition);
        let needed = version.needed(version.steps.iter().flat_map(of_step).chain(required));
        let used = version.lets.values().filter(move |named| needed.contains(&named.body));
        used.map(|named| named.span).collect::<Vec<Span>>()
    };
    policy.versions.iter().flat_map(of_version).collect()
}

fn lower_version(
    policy: &Policy,
    version: &hir::Version,
    used: &BTreeSet<Span>,
    budget: &mut Budget,
) -> Lowered {
    let admit = admits(policy, version);
    let has_requires = !version.requires.is_empty();
    let decide = decides(policy, version, has_requires);
    let Unmet { require, rules } = reach::unmet(policy, version, budget);
    if let Some(index) = require {
        // nothing is reported about rules that no input reaches
        let failures = vec![contradiction(admit.failures, version.requires[index].1)];
        return Lowered { admit: admit.func, decide: decide.func, failures, dead: Vec::new() };
    }
    let dead = dead_in(rules, &decide.dead);
    let unused: Vec<LetId> =
        version.lets.keys().filter(|name| !used.contains(&version.lets[*name].span)).collect();
    let mut failures = vec![admit.failures, decide.failures];
    if !unused.is_empty() {
        failures.push(rules::unused(policy, version, &unused));
    }
    failures.retain(|failures| !failures.complaints.is_empty());
    // a require that no rule relies on is not evaluated again
    let alone = (has_requires && failures.is_empty()).then(|| decides(policy, version, false));
    let alone = alone.filter(|alone| alone.failures.complaints.is_empty()).map(|alone| alone.func);
    Lowered { admit: admit.func, decide: alone.unwrap_or(decide.func), failures, dead }
}

/// The failure of requires that no input satisfies, unless that has been reported.
fn contradiction(mut failures: Failures, at: hir::ExprId) -> Failures {
    if failures.complaints.iter().all(|complaint| complaint.at != at) {
        let fault = Fault::Contradiction { alone: false };
        failures.complaints.push(Complaint { at, fault, unproved: None });
    }
    failures
}

/// The rules that decide nothing: those found by what conditions have in common, and those whose condition was
/// proved to fail, or an earlier one to hold, when it was lowered.
fn dead_in(mut found: Vec<Unreachable>, proved: &[bool]) -> Vec<Unreachable> {
    let is_new = |rule: &usize| proved[*rule] && found.iter().all(|known| known.rule != *rule);
    let more: Vec<usize> = (0..proved.len()).filter(is_new).collect();
    found.extend(more.into_iter().map(|rule| Unreachable { rule, covered_by: Vec::new() }));
    found.sort_by_key(|unreachable| unreachable.rule);
    found
}

/// What could go wrong, each once, with the versions where it could.
fn complaints<'a>(policy: &Policy, lowered: &'a [Lowered], source: &str) -> Vec<Diagnostic> {
    let mut told: Vec<(Diagnostic, Vec<usize>)> = Vec::new();
    let mut known: BTreeMap<(Code, Span), usize> = BTreeMap::new();
    let mut searches = Searches::new(policy);
    let mut budget = prove::Budget::shared(SHOWN_WORK_MAX, 1);
    for (index, (version, lowered)) in policy.versions.iter().zip(lowered).enumerate() {
        let with_place =
            |failures: &'a Failures| failures.complaints.iter().map(move |complaint| (failures, complaint));
        for (failures, complaint) in lowered.failures.iter().flat_map(with_place) {
            let mut tell = || {
                let found = searches.counterexample(index, complaint);
                let seen = found.is_some() || complaint.fault.has_no_input();
                let proved = failures.proved(complaint, &mut budget);
                let diagnostic = complaint.told(policy, version, source, seen, proved);
                Diagnostic { counterexample: found, ..diagnostic }
            };
            match known.entry((complaint.fault.code(), complaint.span(version))) {
                Entry::Occupied(at) => {
                    let (diagnostic, versions) = &mut told[*at.get()];
                    versions.push(index);
                    if diagnostic.counterexample.is_none() && !complaint.fault.has_no_input() {
                        *diagnostic = tell();
                    }
                }
                Entry::Vacant(at) => {
                    at.insert(told.len());
                    told.push((tell(), vec![index]));
                }
            }
        }
    }
    told.into_iter().map(|(diagnostic, versions)| of_versions(policy, diagnostic, &versions)).collect()
}

/// Rules that no version reaches.
fn dead_rules(policy: &Policy, lowered: &[Lowered]) -> Vec<Diagnostic> {
    let mut reached = BTreeSet::new();
    let mut covers: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (version, lowered) in policy.versions.iter().zip(lowered) {
        let rules: Vec<u32> = version.rules().map(|rule| rule.index).collect();
        let dead: BTreeMap<usize, &Unreachable> = lowered.dead.iter().map(|dead| (dead.rule, dead)).collect();
        for (place, rule) in rules.iter().enumerate() {
            match dead.get(&place) {
                None => drop(reached.insert(*rule)),
                Some(dead) => {
                    let covered_by = || dead.covered_by.iter().map(|cover| rules[*cover]).collect();
                    covers.entry(*rule).or_insert_with(covered_by);
                }
            }
        }
    }
    covers.retain(|rule, _| !reached.contains(rule));
    covers.iter().map(|(rule, covers)| dead_rule(policy, *rule, covers)).collect()
}

fn dead_rule(policy: &Policy, rule: u32, covers: &[u32]) -> Diagnostic {
    let info = |rule: u32| &policy.rules[rule as usize];
    let message = format!("no input reaches rule `{}`", info(rule).id);
    let diagnostic = Diagnostic::new(Code::UnreachableRule, info(rule).span, message);
    let diagnostic = match covers {
        [] => diagnostic.label("its condition never holds"),
        _ if covers.len() > COVERS_SHOWN_MAX => {
            diagnostic.label(format!("{} earlier rules decide all its inputs", covers.len()))
        }
        _ => diagnostic.label("earlier rules decide all its inputs"),
    };
    let id = &info(rule).id;
    let diagnostic = covers.iter().take(COVERS_SHOWN_MAX).fold(diagnostic, |diagnostic, cover| {
        diagnostic.also(info(*cover).span, format!("decides before `{id}`"))
    });
    diagnostic.help("move it up, correct its condition, or remove it (if it is `otherwise`, make the rule before it the `otherwise`)")
}

/// A diagnostic that says in which versions it is, where the policy has others.
fn of_versions(policy: &Policy, mut diagnostic: Diagnostic, versions: &[usize]) -> Diagnostic {
    if versions.len() < policy.versions.len() {
        let numbers: Vec<u32> = versions.iter().map(|index| policy.versions[*index].number).collect();
        diagnostic.message += &in_versions(&numbers);
    }
    diagnostic
}

fn finished(version: &hir::Version, lowered: Lowered) -> Version {
    Version {
        number: version.number,
        from: version.from,
        until: version.until,
        cite: version.cite.clone(),
        requires: version.requires.iter().map(|(index, _)| *index).collect(),
        admit: checked(lowered.admit),
        decide: checked(lowered.decide),
    }
}

/// The function as it was built. What the lowering has built is proved by construction; debug builds look again.
fn checked(func: Func) -> Func {
    if cfg!(debug_assertions) {
        let verified = opus_ir::verify(func.clone());
        assert!(verified.is_ok(), "the lowering builds what the verifier proves: {}", verified.unwrap_err());
    }
    func
}

fn rule(info: &RuleInfo) -> opus_ir::Rule {
    let RuleInfo { id, title, cite, span } = info.clone();
    opus_ir::Rule { id, title, cite, span: bytes(span) }
}

fn require(info: &RuleInfo) -> opus_ir::Require {
    let RuleInfo { id, title, cite, span } = info.clone();
    opus_ir::Require { id, title, cite, span: bytes(span) }
}

fn bytes(span: Span) -> (u32, u32) {
    (span.start, span.end)
}

#[cfg(test)]
mod tests {
    use opus_ir::{Kind, Op, Rounding};

    use super::testing::Tree;
    use crate::hir::{Arithmetic::*, Comparison::*, ExprKind, Ty, Unit};

    const DOLLAR: i128 = 100;

    /// The ops in the function that decides.
    fn ops(program: &opus_ir::Program) -> Vec<Op> {
        let func = &program.versions[0].decide;
        let insts = func.blocks.values().flat_map(|block| &block.body).filter_map(|value| func.inst(*value));
        insts.map(|inst| inst.op).collect()
    }

    /// `claim - deductible` after `claim <= deductible` has been dealt with.
    fn claims(deal_with_it: bool) -> Tree {
        let mut tree = Tree::new();
        let claim = tree.field(Kind::Money, 1, 1000 * DOLLAR);
        let deductible = tree.field(Kind::Money, 0, 100 * DOLLAR);
        tree.output(Kind::Money, 0, 1000 * DOLLAR);
        let zero = tree.cents(0);
        if deal_with_it {
            let is_below = tree.compare(Le, claim, deductible);
            tree.rule(Some(is_below), &[zero]);
        }
        let payout = tree.arithmetic(Sub, claim, deductible);
        tree.rule(None, &[payout]);
        tree
    }

    #[test]
    fn what_an_earlier_rule_has_dealt_with_is_known() {
        let program = claims(true).compiled();
        let ops = ops(&program);
        assert!(ops.contains(&Op::Refine) && !ops.contains(&Op::Max), "above zero without a max: {ops:?}");
    }

    #[test]
    fn what_nobody_has_dealt_with_is_refused_with_an_input() {
        let (program, diagnostics) = claims(false).lower();
        assert!(program.is_none());
        assert_eq!(diagnostics.len(), 1);
        assert_eq!(diagnostics[0].code.code(), "E0412");
        let given =
            [("field_0".to_string(), "$0.01".to_string()), ("field_1".to_string(), "$100.00".to_string())];
        assert_eq!(diagnostics[0].counterexample.as_deref(), Some(&given[..]));
    }

    #[test]
    fn an_order_that_failed_bounds_the_other_way() {
        let mut tree = Tree::new();
        let requested = tree.field(Kind::Money, 500 * DOLLAR, 75_000 * DOLLAR);
        let income = tree.field(Kind::Money, 0, 10_000_000 * DOLLAR);
        tree.output(Kind::Money, 0, 75_000 * DOLLAR - 1);
        let share = tree.constant(20, 2, Unit::Percent);
        let cap = tree.arithmetic(Mul, share, income);
        let cap = tree.round_to_cents(cap, Rounding::HalfEven);
        let fits = tree.compare(Le, requested, cap);
        let zero = tree.cents(0);
        tree.rule(Some(fits), &[zero]);
        tree.rule(None, &[cap]);
        tree.compiled();
    }

    #[test]
    fn multiples_of_one_value_are_collected() {
        let mut tree = Tree::new();
        let amount = tree.field(Kind::Money, 0, 100 * DOLLAR);
        tree.output(Kind::Money, 0, 85 * DOLLAR);
        let fee = tree.constant(15, 2, Unit::Percent);
        let fee = tree.arithmetic(Mul, fee, amount);
        let rest = tree.arithmetic(Sub, amount, fee);
        let rest = tree.round_to_cents(rest, Rounding::HalfUp);
        tree.rule(None, &[rest]);
        tree.compiled();
    }

    #[test]
    fn debt_to_income_is_one_multiplication_by_the_term() {
        let mut tree = Tree::new();
        let debt = tree.field(Kind::Money, 0, 1_000_000 * DOLLAR);
        let requested = tree.field(Kind::Money, 500 * DOLLAR, 75_000 * DOLLAR);
        let term = tree.field(Kind::Int, 12, 60);
        let income = tree.field(Kind::Money, 0, 10_000_000 * DOLLAR);
        tree.output(Kind::Int, 0, 1);
        let monthly = tree.arithmetic(Div, requested, term);
        let left = tree.arithmetic(Add, debt, monthly);
        let share = tree.constant(43, 2, Unit::Percent);
        let right = tree.arithmetic(Mul, share, income);
        let twelve = tree.int(12);
        let right = tree.arithmetic(Div, right, twelve);
        let too_high = tree.compare(Gt, left, right);
        let (one, zero) = (tree.int(1), tree.int(0));
        tree.rule(Some(too_high), &[one]);
        tree.rule(None, &[zero]);
        let program = tree.compiled();
        let used = opus_ir_used(&program.versions[0].decide);
        let variable = used.iter().filter(|inst| {
            let constant = |value: &opus_ir::Value| program.versions[0].decide.constant(*value).is_some();
            inst.op == Op::Mul && !inst.args().iter().any(constant)
        });
        assert_eq!(variable.count(), 1);
    }

    /// The instructions with a use.
    fn opus_ir_used(func: &opus_ir::Func) -> Vec<opus_ir::Inst> {
        let mut open: Vec<opus_ir::Value> = func.blocks.values().flat_map(|block| block.end.uses()).collect();
        let mut seen = std::collections::BTreeSet::new();
        let mut used = Vec::new();
        while let Some(value) = open.pop() {
            if let Some(inst) = func.inst(value).filter(|_| seen.insert(value)) {
                used.push(*inst);
                open.extend(inst.args());
            }
        }
        used
    }

    #[test]
    fn a_divisor_is_proved_by_the_left_side_of_and() {
        for guarded in [true, false] {
            let mut tree = Tree::new();
            let part = tree.field(Kind::Int, 0, 1000);
            let whole = tree.field(Kind::Int, -5, 1000);
            tree.output(Kind::Int, 0, 1);
            let (zero, one, three) = (tree.int(0), tree.int(1), tree.int(3));
            let share = tree.arithmetic(FloorDiv, part, whole);
            let large = tree.compare(Gt, share, three);
            let positive = tree.compare(Gt, whole, zero);
            let condition = if guarded { tree.and(positive, large) } else { tree.or(positive, large) };
            tree.rule(Some(condition), &[one]);
            tree.rule(None, &[zero]);
            if guarded {
                tree.compiled();
            } else {
                let (_, diagnostics) = tree.lower();
                assert_eq!(diagnostics[0].code.code(), "E0410");
                let given = diagnostics[0].counterexample.as_ref().expect("zero divides by zero");
                assert_eq!(*given, [("field_1".to_string(), "0".to_string())]);
            }
        }
    }

    #[test]
    fn what_is_supposed_within_a_condition_is_not_believed_outside_of_it() {
        let mut tree = Tree::new();
        let optional = tree.input(Kind::Int, 1, 1, true);
        let other = tree.field(Kind::Int, 0, 40);
        tree.output(Kind::Int, 0, 10);
        let zero = tree.int(0);
        let either = tree.expr(ExprKind::OrElse(optional, other), Ty::scaled(Unit::Number, 0));
        let (is_zero, at_most) = (tree.compare(Eq, other, zero), tree.compare(Le, either, other));
        let condition = tree.and(is_zero, at_most);
        tree.rule(Some(condition), &[zero]);
        let either = tree.expr(ExprKind::OrElse(optional, other), Ty::scaled(Unit::Number, 0));
        tree.rule(None, &[either]);
        assert_eq!(tree.codes(), ["E0412"]);
    }

    #[test]
    fn a_choice_is_bounded_by_its_condition() {
        let mut tree = Tree::new();
        let a = tree.field(Kind::Int, 0, 1000);
        let b = tree.field(Kind::Int, 0, 1000);
        tree.output(Kind::Int, 0, 1000);
        let is_more = tree.compare(Gt, a, b);
        let (more, less) = (tree.arithmetic(Sub, a, b), tree.arithmetic(Sub, b, a));
        let distance = tree.expr(ExprKind::If(is_more, more, less), Ty::scaled(Unit::Number, 0));
        tree.rule(None, &[distance]);
        tree.compiled();
    }

    #[test]
    fn a_require_is_known_to_hold() {
        let mut tree = Tree::new();
        let sold = tree.field(Kind::Date, 0, 1000);
        let returned = tree.field(Kind::Date, 0, 2000);
        tree.output(Kind::Days, 0, 2000);
        let days = tree.arithmetic(Sub, returned, sold);
        tree.rule(None, &[days]);
        assert_eq!(tree.codes(), ["E0412"]);
        let in_order = tree.compare(Ge, returned, sold);
        tree.require(in_order);
        tree.compiled();
    }

    #[test]
    fn what_no_rule_relies_on_is_not_asked_for_again() {
        let mut tree = Tree::new();
        let a = tree.field(Kind::Int, 0, 10);
        let b = tree.field(Kind::Int, 0, 10);
        tree.output(Kind::Int, 0, 10);
        let ordered = tree.compare(Ge, a, b);
        tree.require(ordered);
        tree.rule(None, &[a]);
        assert_eq!(tree.compiled().versions[0].decide.blocks.len(), 1);
    }

    #[test]
    fn dead_rules_are_found_by_meaning() {
        let mut tree = Tree::new();
        let age = tree.field(Kind::Int, 0, 120);
        tree.output(Kind::Int, 0, 10);
        let (eighteen, sixty, zero) = (tree.int(18), tree.int(60), tree.int(0));
        let minor = tree.compare(Lt, age, eighteen);
        let adult = tree.compare(Ge, age, eighteen);
        let old = tree.compare(Gt, age, sixty);
        for condition in [Some(minor), Some(adult), Some(old), None] {
            tree.rule(condition, &[zero]);
        }
        let (_, diagnostics) = tree.lower();
        let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        assert_eq!(messages, ["no input reaches rule `R3`", "no input reaches rule `R4`"]);
        let covers: Vec<usize> = diagnostics.iter().map(|diagnostic| diagnostic.secondary.len()).collect();
        assert_eq!(covers, [1, 2]);
    }

    #[test]
    fn overflow_names_the_range() {
        let mut tree = Tree::new();
        let large = tree.field(Kind::Int, 0, 10i128.pow(20));
        tree.output(Kind::Int, 0, 1);
        let squared = tree.arithmetic(Mul, large, large);
        let (zero, one) = (tree.int(0), tree.int(1));
        let positive = tree.compare(Gt, squared, zero);
        tree.rule(Some(positive), &[one]);
        tree.rule(None, &[zero]);
        let (_, diagnostics) = tree.lower();
        assert_eq!(diagnostics[0].code.code(), "E0411");
        assert!(diagnostics[0].message.contains("10_000"), "{}", diagnostics[0].message);
        assert!(diagnostics[0].counterexample.is_some());
    }
}
