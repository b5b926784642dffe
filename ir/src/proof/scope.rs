//! What is known at a step of a proof? Intervals of atoms, and relations between them.

use std::collections::BTreeMap;

use super::facts::{Case, Other, Term};
use super::poly::{Monomial, Poly, Relation};
use super::{Fact, Side, Split, required};
use crate::facts::Facts;
use crate::func::{Entries, Func, Inst, Value};
use crate::interval::Interval;
use crate::ops::{Imm, Op, Ranges};

/// What is known at a step of a proof: the claims of values, narrowed by cases and by what was derived from them, and
/// the relations that these established. The check of proofs and the search for them see facts through it alone.
pub struct Scope<'a> {
    func: &'a Func,
    facts: Facts<'a>,
    /// The value whose claim is proved, and what is known of it without its claim.
    about: Option<(Value, Interval)>,
    narrowed: BTreeMap<Value, Interval>,
    above: Vec<Relation>,
    undo: Vec<Undo>,
}

enum Undo {
    Narrowed(Value, Option<Interval>),
    Above,
}

/// A place to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark(usize);

impl<'a> Scope<'a> {
    /// The claims of a function. Of the value that a proof is about, only its transfer function may be used: `derived`
    /// is what that gives.
    pub fn new(func: &'a Func, facts: Facts<'a>, about: Option<(Value, Interval)>) -> Scope<'a> {
        Scope { func, facts, about, narrowed: BTreeMap::new(), above: Vec::new(), undo: Vec::new() }
    }

    /// The function.
    pub fn func(&self) -> &'a Func {
        self.func
    }

    /// The atom of a value: itself without the claims on top of it.
    pub fn atom(&self, value: Value) -> Value {
        self.facts.origin(value)
    }

    /// How many relations there are above.
    pub fn count_above(&self) -> usize {
        self.above.len()
    }

    /// What is known of a value here.
    pub fn range(&self, value: Value) -> Interval {
        let claimed = match self.about {
            Some((about, derived)) if about == value => derived,
            _ => self.func.values[value].range,
        };
        let narrowed = self.narrowed.get(&self.atom(value)).copied();
        narrowed.and_then(|narrowed| narrowed.intersect(claimed)).unwrap_or(claimed)
    }

    /// A value as a term: its atom, or its number.
    pub fn term(&self, value: Value) -> Term {
        let atom = self.atom(value);
        match self.func.constant(atom) {
            Some(x) => Term::constant(x),
            None => Term { poly: Poly::of(atom), range: self.range(value) },
        }
    }

    /// The relation that a fact is; `None` if there is no such fact.
    pub fn relation(&self, fact: Fact) -> Option<Relation> {
        match fact {
            Fact::Low(value) => at_least(&self.term(value).poly, self.range(value).lo),
            // the greatest number of 128 bits bounds nothing: the result may be one that is yet to be proved to fit
            Fact::High(value) => {
                let hi = Some(self.range(value).hi).filter(|hi| *hi < i128::MAX);
                at_most(&self.term(value).poly, hi?)
            }
            Fact::Op(value, number) => self.says(value).into_iter().nth(number.into()),
            Fact::Above(number) => self.above.get(usize::from(number)).cloned(),
        }
    }

    /// What the op of a value says, by its row.
    pub fn says(&self, value: Value) -> Vec<Relation> {
        self.asked(value, |inst, terms, table| (inst.op.row().says)(terms, inst.imm, table))
    }

    /// The cases of a split; none where it is no complete list.
    pub fn cases(&self, split: Split) -> Vec<Case> {
        match split {
            Split::At(value, at) => {
                let poly = &self.term(value).poly;
                let up = at.checked_add(1).and_then(|up| at_least(poly, up));
                let cases = [at_most(poly, at), up].map(|relation| relation.into_iter().collect::<Case>());
                if cases.iter().any(Vec::is_empty) { Vec::new() } else { cases.into() }
            }
            Split::Of(value) => {
                self.asked(value, |inst, terms, table| (inst.op.row().cases)(terms, inst.imm, table))
            }
        }
    }

    /// What two values say together, by the row of the first one's op, provided that the polynomial is not negative: the first
    /// operand of the second value less that of the first.
    pub fn beside(&self, first: Value, second: Value) -> Option<(Relation, Poly)> {
        let inst = self.func.inst(self.atom(second))?;
        let (op, imm, terms) = (inst.op, inst.imm, self.terms(second, inst));
        self.asked(first, |inst, of_first, table| {
            let are_same = || (2..4).all(|at| of_first[at].poly == terms[at].poly);
            let is_alike = inst.op == op && inst.imm == imm && (are_same() || !required(Side::Alike));
            let other = Other { op, imm, terms: terms.clone(), is_alike };
            let relation = (inst.op.row().pairs)(of_first, inst.imm, table, &other)?;
            let more = if is_alike { terms[1].poly.plus(-1, &of_first[1].poly)? } else { Poly::default() };
            Some((relation, more))
        })
    }

    /// What two values say together, if their first operands are known to be in order.
    pub fn together(&self, first: Value, second: Value) -> Option<Relation> {
        let (relation, more) = self.beside(first, second)?;
        let is_known = match more.degree() {
            0 => more.coefficient(Monomial::ONE) >= 0,
            _ => self.above.iter().any(|above| above.poly == more),
        };
        (is_known || !required(Side::Order)).then_some(relation)
    }

    /// Whether a relation about one atom says no more than what is known of the atom.
    pub fn implies(&self, relation: &Relation) -> bool {
        relation.poly.single().is_some_and(|(atom, coefficient, constant)| {
            let allowed = ends(coefficient, constant, relation.is_zero);
            allowed != Interval::FULL && allowed.contains_all(self.range(atom))
        })
    }

    /// Adds a relation, what it says of one atom, and what that says of the parts of a condition.
    pub fn assume(&mut self, relation: Relation) {
        let narrowed = self.add(relation);
        let Some(atom) = narrowed.filter(|atom| self.func.values[*atom].ty.is_bool()) else { return };
        let Some(holds) = self.range(atom).single() else { return };
        // all parts of the parts as well: nothing here recurses
        for (part, holds) in self.facts.parts(atom, holds != 0).into_iter().skip(1) {
            self.add(is_truth(self.term(part), holds));
        }
    }

    /// Adds what the transfer function of a value gives here. Nothing if it gives no interval.
    pub fn derive(&mut self, value: Value) -> Option<()> {
        let atom = self.atom(value);
        let inst = *self.func.inst(atom)?;
        let range = self.transfer(&inst)?;
        let poly = Poly::of(atom);
        self.assume(at_least(&poly, range.lo)?);
        self.assume(at_most(&poly, range.hi)?);
        Some(())
    }

    /// What the transfer function of a value gives here.
    pub fn derived(&self, value: Value) -> Option<Interval> {
        self.transfer(self.func.inst(self.atom(value))?)
    }

    /// Adds that a condition holds or has failed, and what that says of its parts.
    pub fn know(&mut self, condition: Value, holds: bool) {
        for (part, holds) in self.facts.parts(condition, holds) {
            self.add(is_truth(self.term(part), holds));
        }
    }

    /// A place to go back to.
    pub fn mark(&self) -> Mark {
        Mark(self.undo.len())
    }

    /// Goes back.
    pub fn undo(&mut self, mark: Mark) {
        for undo in self.undo.drain(mark.0..).rev() {
            match undo {
                Undo::Above => drop(self.above.pop()),
                Undo::Narrowed(atom, Some(before)) => drop(self.narrowed.insert(atom, before)),
                Undo::Narrowed(atom, None) => drop(self.narrowed.remove(&atom)),
            }
        }
    }

    /// What it costs to ask what the op of a value says, its cases or its transfer function, in monomials: a table may be
    /// read as a whole, and days are moved through every month of a cycle.
    pub fn cost(&self, value: Value) -> usize {
        const ENTRIES_PER_MONOMIAL: usize = 16;
        const MONTHS: usize = 600;
        let inst = self.func.inst(self.atom(value));
        let entries = inst.map_or(0, |inst| self.func.table(inst).len() / ENTRIES_PER_MONOMIAL);
        1 + entries + if inst.is_some_and(|inst| inst.op == Op::AddMonths) { MONTHS } else { 0 }
    }

    /// Adds a relation and what it says of one atom, which is given where more is known of it now.
    fn add(&mut self, relation: Relation) -> Option<Value> {
        let single = relation.poly.single();
        let narrowed = single.filter(|(atom, coefficient, constant)| {
            self.narrow(*atom, ends(*coefficient, *constant, relation.is_zero))
        });
        self.above.push(relation);
        self.undo.push(Undo::Above);
        narrowed.map(|(atom, ..)| atom)
    }

    /// Whether more is known of an atom than before.
    fn narrow(&mut self, atom: Value, range: Interval) -> bool {
        let before = self.narrowed.get(&atom).copied();
        let known = before.unwrap_or(Interval::FULL);
        // where the two contradict each other, the relations say so
        let Some(both) = known.intersect(range).filter(|both| *both != known) else { return false };
        self.undo.push(Undo::Narrowed(atom, before));
        self.narrowed.insert(atom, both);
        true
    }

    fn transfer(&self, inst: &Inst) -> Option<Interval> {
        let row = inst.op.row();
        let is_open = self.func.entries(inst).is_some_and(|entries| entries.open().is_some());
        if inst.args().is_empty() || inst.op.is_claim() || is_open || !row.imm.is_valid(inst.imm, self.func) {
            return None;
        }
        let mut args = [Interval::point(0); 3];
        for (range, arg) in args.iter_mut().zip(inst.args()) {
            *range = self.range(*arg);
        }
        let table = self.func.table(inst);
        let (field, established) = (Interval::FULL, Interval::FULL);
        (row.range)(&Ranges { args, imm: inst.imm, table, field, established }).ok()
    }

    fn asked<T: Default>(&self, value: Value, ask: impl Fn(&Inst, &[Term; 4], &[i128]) -> T) -> T {
        let atom = self.atom(value);
        let Some(inst) = self.func.inst(atom).filter(|inst| !inst.args().is_empty()) else {
            return T::default();
        };
        let is_open = self.func.entries(inst).is_some_and(|entries| matches!(entries, Entries::Open(_)));
        let ascends = inst.op != Op::Bucket || self.func.table(inst).is_sorted_by(|a, b| a < b);
        if is_open || !ascends || (inst.op.row().imm == Imm::Table && self.func.entries(inst).is_none()) {
            return T::default();
        }
        ask(inst, &self.terms(atom, inst), self.func.table(inst))
    }

    /// A value and its operands.
    fn terms(&self, value: Value, inst: &Inst) -> [Term; 4] {
        let atom = self.atom(value);
        let mut terms: [Term; 4] = std::array::from_fn(|_| Term::constant(0));
        terms[0] = Term { poly: Poly::of(atom), range: self.range(atom) };
        for (term, arg) in terms[1..].iter_mut().zip(inst.args()) {
            *term = self.term(*arg);
        }
        terms
    }
}

/// A truth value is known.
fn is_truth(part: Term, holds: bool) -> Relation {
    let poly = part.poly.plus(-i128::from(holds), &Poly::constant(1));
    Relation { poly: poly.expect("a truth value is 0 or 1"), is_zero: true }
}

/// `poly >= low`
fn at_least(poly: &Poly, low: i128) -> Option<Relation> {
    poly.at_least(low).map(|poly| Relation { poly, is_zero: false })
}

/// `poly <= high`
fn at_most(poly: &Poly, high: i128) -> Option<Relation> {
    poly.at_most(high).map(|poly| Relation { poly, is_zero: false })
}

/// Where `coefficient * x + constant` is zero, or not negative.
fn ends(coefficient: i128, constant: i128, is_zero: bool) -> Interval {
    let Some(limit) = constant.checked_neg().filter(|_| coefficient != i128::MIN) else {
        return Interval::FULL;
    };
    let floor = limit.checked_div_euclid(coefficient.saturating_abs()).unwrap_or(0);
    let exact = limit.checked_rem(coefficient).unwrap_or(1) == 0;
    match (is_zero, coefficient > 0) {
        (true, _) if exact => limit.checked_div(coefficient).map_or(Interval::FULL, Interval::point),
        // no integer is a solution: the relation says so
        (true, _) => Interval::FULL,
        // c * x >= limit
        (false, true) => Interval { lo: if exact { floor } else { floor.saturating_add(1) }, hi: i128::MAX },
        // -c * x <= constant
        (false, false) => {
            let most = constant.checked_div_euclid(coefficient.saturating_abs()).unwrap_or(i128::MAX);
            Interval { lo: i128::MIN, hi: most }
        }
    }
}
