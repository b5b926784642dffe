//! Which parts of a policy does a row use? The same program with other outputs: for each part of a condition whether it
//! held, failed or was not evaluated, and for each table the row that applied.
//!
//! A condition does not branch, so its parts are values in the block where its rule is tried, and every later block may
//! use them. Each table has a twin whose values are its row numbers. So the instrumented program runs on every engine,
//! and takes a little longer than the plain one.
//!
//! Every output is an enum, so that counting the values of outputs counts uses. The rule that decides determines which
//! rules were tried.

use std::collections::BTreeMap;

use opus_ir::{Domain, EnumDef, EnumValue, Field, Interval, Kind, Op, Program, Value};

use super::expr::{Failed, Lowerer};
use super::quantity::power_of_ten;
use super::site::Truth;
use crate::hir::{self, Constant, Expr, ExprId, ExprKind, Number, Policy, Step, TableId, Ty, Unit};
use crate::text::ast::Span;

/// The most outputs of a program; a policy with more parts has several programs.
const SLOTS_MAX: usize = 500;
/// The most rows of a table that are told apart.
const ROWS_MAX: usize = 30_000;
/// The most parts of conditions and uses of tables in one version.
const EVENTS_MAX: usize = 1 << 20;

/// Something that a row uses or not.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Probe {
    /// A part of the condition of a rule, by the index of the rule and the place of the part. The values of its output are:
    /// not asked for, failed, held.
    Term(u32, Span),
    /// A table or grid, by the place of its declaration. The values of its output are: not looked at, then the rows in the order
    /// of [`Probes::rows`], which is that of the source.
    Table(Span),
}

/// The programs that observe a policy, and what their outputs are about.
pub struct Probes {
    /// The programs, each with the probes of its outputs, in order.
    pub programs: Vec<(Program, Vec<Probe>)>,
    /// By table, the places of its rows or cells over all versions.
    pub rows: BTreeMap<Span, Vec<Span>>,
    /// The tables whose rows are too many to be told apart.
    pub unobserved: Vec<Span>,
}

/// The programs that observe a policy; `program` is what it was lowered to. `None` if it is too intricate.
pub fn probes(policy: &Policy, program: &Program) -> Option<Probes> {
    let mut rows: BTreeMap<Span, Vec<Span>> = BTreeMap::new();
    let mut all = Vec::new();
    for version in &policy.versions {
        for table in version.tables.values() {
            let known = rows.entry(table.span).or_default();
            known.extend(table.rows.iter().map(|row| row.span));
        }
        for rule in version.rules() {
            if let Some(condition) = rule.when {
                terms(version, condition, &mut |expr| {
                    all.push(Probe::Term(rule.index, version.exprs[expr].span))
                });
            }
        }
    }
    rows.values_mut().for_each(|rows| {
        rows.sort();
        rows.dedup();
    });
    let (kept, dropped): (Vec<Span>, Vec<Span>) =
        rows.keys().copied().partition(|table| rows[table].len() <= ROWS_MAX);
    all.extend(kept.into_iter().map(Probe::Table));
    all.sort();
    all.dedup();
    // a policy without conditions and tables is counted too
    let groups: Vec<&[Probe]> = if all.is_empty() { vec![&[]] } else { all.chunks(SLOTS_MAX).collect() };
    let programs = groups
        .into_iter()
        .map(|group| Some((instrumented(policy, program, group, &rows)?, group.to_vec())))
        .collect::<Option<Vec<_>>>()?;
    Some(Probes { programs, rows, unobserved: dropped })
}

/// The parts of a condition without `and`, `or`, `not` of these and `if`.
pub fn terms(version: &hir::Version, condition: ExprId, found: &mut impl FnMut(ExprId)) {
    let mut open = vec![condition];
    while let Some(expr) = open.pop() {
        match inner(version, expr) {
            Some(parts) => open.extend(parts),
            None if matches!(version.exprs[expr].kind, ExprKind::Constant(_)) => {}
            None => found(expr),
        }
    }
}

/// The Booleans that a Boolean is made of; `None` if it is a part by itself.
fn inner(version: &hir::Version, expr: ExprId) -> Option<Vec<ExprId>> {
    match &version.exprs[expr].kind {
        ExprKind::And(a, b) | ExprKind::Or(a, b) => Some(vec![*a, *b]),
        ExprKind::Not(a) if inner(version, *a).is_some() => Some(vec![*a]),
        ExprKind::If(condition, a, b) => Some(vec![*condition, *a, *b]),
        _ => None,
    }
}

fn instrumented(
    policy: &Policy,
    program: &Program,
    probes: &[Probe],
    rows: &BTreeMap<Span, Vec<Span>>,
) -> Option<Program> {
    let mut observed = policy.clone();
    let enum_of = |name: String, count: usize| EnumDef {
        name,
        values: (0..count).map(|value| EnumValue { name: format!("v{value}"), text: None }).collect(),
    };
    let first = observed.schema.enums.len();
    observed.schema.outputs.clear();
    for (slot, probe) in probes.iter().enumerate() {
        let count = match probe {
            Probe::Term(..) => 3,
            Probe::Table(table) => rows[table].len() + 1,
        };
        observed.schema.enums.push(enum_of(format!("probe_{slot}"), count));
        observed.schema.outputs.push(Field {
            name: format!("probe_{slot}"),
            kind: Kind::Enum((first + slot) as u32),
            domain: Domain::all(Interval::new(0, count as i128 - 1)),
            optional: false,
        });
    }
    let results: Vec<Interval> = observed.schema.outputs.iter().map(|output| output.domain.range).collect();
    let twins: Vec<BTreeMap<TableId, ExprId>> =
        observed.versions.iter_mut().map(|version| add_twins(version, probes, rows)).collect();
    let mut program = program.clone();
    program.schema = observed.schema.clone();
    for (index, version) in observed.versions.iter().enumerate() {
        let lowerer = Lowerer::new(&observed, version, results.clone());
        let mut observer =
            Observer { lowerer, probes, twins: &twins[index], events: Vec::new(), seen: Vec::new() };
        observer.version().ok()?;
        let mut func = observer.lowerer.site.finish();
        crate::prove::optimize(&mut func);
        program.versions[index].decide = func;
    }
    Some(program)
}

/// Adds to each table a twin whose values are the numbers of its rows from 1, and an expression that looks it up.
fn add_twins(
    version: &mut hir::Version,
    probes: &[Probe],
    rows: &BTreeMap<Span, Vec<Span>>,
) -> BTreeMap<TableId, ExprId> {
    let mut twins = BTreeMap::new();
    let ids: Vec<TableId> = version.tables.keys().collect();
    for id in ids {
        let mut twin = version.tables[id].clone();
        if !probes.contains(&Probe::Table(twin.span)) {
            continue;
        }
        let numbers: BTreeMap<Span, usize> =
            rows[&twin.span].iter().enumerate().map(|(at, row)| (*row, at + 1)).collect();
        for row in &mut twin.rows {
            row.value = Constant::Number(Number::whole(numbers[&row.span] as i128));
        }
        twin.ty = Ty::scaled(Unit::Number, 0);
        let (ty, span) = (twin.ty, twin.span);
        let twin = version.tables.push(twin);
        twins.insert(id, version.exprs.push(Expr { kind: ExprKind::Table(twin), ty, span }));
    }
    twins
}

/// A use of something, if all of these conditions hold.
struct Event {
    slot: usize,
    conditions: Vec<Truth>,
    what: What,
}

enum What {
    Term(Truth),
    Row(Value),
}

struct Observer<'a> {
    lowerer: Lowerer<'a>,
    probes: &'a [Probe],
    twins: &'a BTreeMap<TableId, ExprId>,
    /// What was met in the step that is being observed.
    events: Vec<Event>,
    /// By slot, its value so far.
    seen: Vec<Value>,
}

type Observed = Result<(), Failed>;

impl Observer<'_> {
    /// All rules, each ending by the values of the slots.
    fn version(&mut self) -> Observed {
        let version = self.lowerer.version;
        if !version.requires.is_empty() {
            self.lowerer.require();
        }
        let nothing = self.lowerer.site.constant(0);
        self.seen = vec![nothing; self.probes.len()];
        for step in &version.steps {
            let rule = match step {
                Step::Let(name) => {
                    self.lowerer.named(*name)?;
                    self.tables(version.lets[*name].body, &mut Vec::new())?;
                    self.settle();
                    continue;
                }
                Step::Rule(rule) => rule,
            };
            let condition = match rule.when {
                Some(condition) => {
                    let truth = self.lowerer.truth(condition)?;
                    self.condition(rule.index, condition, &mut Vec::new())?;
                    self.settle();
                    truth
                }
                None => Truth::Known(true),
            };
            match condition {
                Truth::Known(false) => {}
                Truth::Known(true) => return self.outcome(rule),
                Truth::Is(value, holds) => {
                    let (yes, no) = self.lowerer.site.branch(value, holds);
                    let place = self.lowerer.site.enter(yes, condition);
                    let lets = self.lowerer.lets.mark();
                    let seen = self.seen.clone();
                    self.outcome(rule)?;
                    self.seen = seen;
                    self.lowerer.lets.undo(lets);
                    self.lowerer.site.leave(place);
                    self.lowerer.site.go_on(no, !condition);
                }
            }
        }
        Ok(())
    }

    fn outcome(&mut self, rule: &hir::Rule) -> Observed {
        for expr in &rule.outcome {
            self.tables(*expr, &mut Vec::new())?;
        }
        self.settle();
        let seen = self.seen.clone();
        self.lowerer.site.decide(rule.index, seen);
        Ok(())
    }

    /// Brings the slots up to date, outside of all suppositions.
    fn settle(&mut self) {
        for Event { slot, conditions, what } in std::mem::take(&mut self.events) {
            let site = &mut self.lowerer.site;
            let used = conditions.into_iter().fold(Truth::Known(true), |all, one| site.and(all, one));
            let value = match what {
                What::Row(row) => row,
                What::Term(truth) => {
                    let (held, failed) = (site.constant(2), site.constant(1));
                    self.pick(truth, held, failed)
                }
            };
            self.seen[slot] = self.pick(used, value, self.seen[slot]);
        }
    }

    fn pick(&mut self, truth: Truth, a: Value, b: Value) -> Value {
        let args = match truth {
            Truth::Known(true) => return a,
            Truth::Known(false) => return b,
            Truth::Is(value, true) => [value, a, b],
            Truth::Is(value, false) => [value, b, a],
        };
        self.lowerer.site.compute(Op::Select, &args, 0).expect("one of two values is always proved")
    }

    fn slot(&self, probe: &Probe) -> Option<usize> {
        self.probes.binary_search(probe).ok()
    }

    fn add(&mut self, slot: usize, conditions: &[Truth], what: What) -> Observed {
        self.events.push(Event { slot, conditions: conditions.to_vec(), what });
        if self.events.len() > EVENTS_MAX { Err(Failed) } else { Ok(()) }
    }

    /// Observes on the supposition that one more condition holds.
    fn supposing(
        &mut self,
        condition: Truth,
        conditions: &mut Vec<Truth>,
        observe: impl FnOnce(&mut Self, &mut Vec<Truth>) -> Observed,
    ) -> Observed {
        if condition == Truth::Known(false) {
            return Ok(());
        }
        let (mark, lets) = (self.lowerer.site.suppose(condition), self.lowerer.lets.mark());
        conditions.push(condition);
        let observed = observe(self, conditions);
        conditions.pop();
        self.lowerer.lets.undo(lets);
        self.lowerer.site.forget(mark);
        observed
    }

    /// The parts of a condition, and the tables that they look at.
    fn condition(&mut self, rule: u32, expr: ExprId, conditions: &mut Vec<Truth>) -> Observed {
        let version = self.lowerer.version;
        if inner(version, expr).is_none() {
            if let Some(slot) = self.slot(&Probe::Term(rule, version.exprs[expr].span)) {
                let truth = self.lowerer.truth(expr)?;
                self.add(slot, conditions, What::Term(truth))?;
            }
            return self.tables(expr, conditions);
        }
        match version.exprs[expr].kind {
            ExprKind::And(a, b) => {
                self.condition(rule, a, conditions)?;
                let first = self.lowerer.truth(a)?;
                self.supposing(first, conditions, |this, conditions| this.condition(rule, b, conditions))
            }
            ExprKind::Or(a, b) => {
                self.condition(rule, a, conditions)?;
                let first = self.lowerer.truth(a)?;
                self.supposing(!first, conditions, |this, conditions| this.condition(rule, b, conditions))
            }
            ExprKind::Not(a) => self.condition(rule, a, conditions),
            ExprKind::If(condition, a, b) => {
                self.condition(rule, condition, conditions)?;
                let first = self.lowerer.truth(condition)?;
                self.supposing(first, conditions, |this, conditions| this.condition(rule, a, conditions))?;
                self.supposing(!first, conditions, |this, conditions| this.condition(rule, b, conditions))
            }
            _ => unreachable!("only these have parts"),
        }
    }

    /// The tables that an expression looks at.
    fn tables(&mut self, expr: ExprId, conditions: &mut Vec<Truth>) -> Observed {
        let version = self.lowerer.version;
        if self.twins.is_empty() || !self.looks(expr) {
            return Ok(());
        }
        match &version.exprs[expr].kind {
            ExprKind::Let(name) => self.tables(version.lets[*name].body, conditions),
            ExprKind::Table(id) => {
                for key in &version.tables[*id].keys {
                    let present =
                        key.optional.map_or(Truth::Known(true), |field| self.lowerer.site.present(field));
                    self.supposing(present, conditions, |this, conditions| {
                        this.tables(key.value, conditions)
                    })?;
                }
                let Some(twin) = self.twins.get(id) else { return Ok(()) };
                let row = self.lowerer.number(*twin)?;
                let row = row.counted(power_of_ten(0).unwrap_or(1)).ok_or(Failed)?;
                let row = self.lowerer.site.sum(&row);
                let row = self.lowerer.proved(*twin, row)?;
                let slot = self.slot(&Probe::Table(version.tables[*id].span)).ok_or(Failed)?;
                self.add(slot, conditions, What::Row(row))
            }
            ExprKind::OrElse(field, other) => {
                let missing = !self.lowerer.site.present(*field);
                self.supposing(missing, conditions, |this, conditions| this.tables(*other, conditions))
            }
            ExprKind::And(a, b) | ExprKind::Or(a, b) => {
                self.tables(*a, conditions)?;
                let first = self.lowerer.truth(*a)?;
                let is_and = matches!(version.exprs[expr].kind, ExprKind::And(..));
                let asked = if is_and { first } else { !first };
                self.supposing(asked, conditions, |this, conditions| this.tables(*b, conditions))
            }
            ExprKind::If(condition, a, b) => {
                self.tables(*condition, conditions)?;
                let first = self.lowerer.truth(*condition)?;
                self.supposing(first, conditions, |this, conditions| this.tables(*a, conditions))?;
                self.supposing(!first, conditions, |this, conditions| this.tables(*b, conditions))
            }
            _ => version.operands(expr).into_iter().try_for_each(|operand| self.tables(operand, conditions)),
        }
    }

    /// Whether an expression looks at a table, directly or through names.
    fn looks(&self, expr: ExprId) -> bool {
        let version = self.lowerer.version;
        version.needed([expr]).iter().any(|expr| matches!(version.exprs[*expr].kind, ExprKind::Table(_)))
    }
}
