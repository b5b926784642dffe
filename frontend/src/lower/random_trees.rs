//! Does lowering preserve the meaning of every tree? Random typed trees are lowered, and those that compile must
//! decide random rows as the reference evaluator does.

use opus_ir::{Interval, Kind, Rounding};

use super::testing::{Tree, ty_of};
use crate::hir::*;

/// How exact an expression has to be held.
#[derive(Clone, Copy, PartialEq)]
enum Held {
    /// As an integer.
    Whole,
    /// With decimals.
    Scaled,
    /// As a quotient, perhaps.
    Any,
}

struct Maker {
    tree: Tree,
    state: u64,
    numbers: Vec<(ExprId, Held)>,
    optional: Vec<(u32, Held)>,
    truths: Vec<ExprId>,
    lets: Vec<(LetId, Held)>,
    tables: Vec<TableId>,
}

impl Maker {
    fn below(&mut self, limit: usize) -> usize {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn fields(&mut self) {
        for _ in 0..2 + self.below(3) {
            let (kind, held) = self.one_of(&[(Kind::Int, Held::Whole), (Kind::Decimal(2), Held::Scaled)]);
            let lo = self.one_of(&[-20, -3, 0, 0, 1, 5]);
            let hi = lo + self.one_of(&[0, 1, 7, 40, 3_000, 1_000_000_000]);
            if self.below(4) == 0 {
                let field = self.tree.input(kind, lo, hi, true);
                self.optional.push((field, held));
            } else {
                let field = self.tree.field(kind, lo, hi);
                self.numbers.push((field, held));
            }
        }
        let truth = self.tree.field(Kind::Bool, 0, 1);
        self.truths.push(truth);
    }

    fn number_constant(&mut self, held: Held) -> ExprId {
        let mantissa = self.one_of(&[-7, -1, 0, 1, 2, 3, 10, 12, 99, 250]);
        let scale = if held == Held::Whole { 0 } else { self.one_of(&[0, 1, 2]) };
        self.tree.constant(mantissa, scale, Unit::Number)
    }

    fn leaf(&mut self, held: Held) -> ExprId {
        let fits = |(_, found): &&(ExprId, Held)| held != Held::Whole || *found == Held::Whole;
        let known: Vec<ExprId> = self.numbers.iter().filter(fits).map(|(expr, _)| *expr).collect();
        if known.is_empty() || self.below(4) == 0 { self.number_constant(held) } else { self.one_of(&known) }
    }

    fn scaled(&mut self, kind: ExprKind, held: Held, parts: &[ExprId]) -> ExprId {
        let scales = parts.iter().map(|part| self.tree.version().exprs[*part].ty.scale());
        let form = match scales.collect::<Option<Vec<u8>>>() {
            Some(_) if held == Held::Whole => Form::Scaled(0),
            Some(scales) => Form::Scaled(scales.into_iter().max().unwrap_or(0)),
            None => Form::Rational,
        };
        self.tree.expr(kind, Ty { unit: Unit::Number, form })
    }

    fn number(&mut self, depth: usize, held: Held) -> ExprId {
        if depth == 0 {
            return self.leaf(held);
        }
        match self.below(16) {
            0..=2 => {
                let (a, b) = (self.number(depth - 1, held), self.number(depth - 1, held));
                self.tree.arithmetic(Arithmetic::Add, a, b)
            }
            3..=5 => {
                let (a, b) = (self.number(depth - 1, held), self.number(depth - 1, held));
                self.tree.arithmetic(Arithmetic::Sub, a, b)
            }
            6 | 7 => {
                let (a, b) = (self.number(depth - 1, held), self.leaf(held));
                self.tree.arithmetic(Arithmetic::Mul, a, b)
            }
            8 | 9 if held == Held::Any => {
                let (a, b) = (self.number(depth - 1, held), self.divisor(depth - 1, held));
                self.tree.arithmetic(Arithmetic::Div, a, b)
            }
            8 | 9 if held == Held::Whole => {
                let op = self.one_of(&[Arithmetic::FloorDiv, Arithmetic::Mod]);
                let (a, b) = (self.number(depth - 1, held), self.divisor(0, held));
                self.tree.arithmetic(op, a, b)
            }
            10 => {
                let op = self.one_of(&[Arithmetic::Min, Arithmetic::Max]);
                let (a, b) = (self.number(depth - 1, held), self.number(depth - 1, held));
                self.tree.arithmetic(op, a, b)
            }
            11 => {
                let condition = self.truth(depth - 1);
                let (a, b) = (self.number(depth - 1, held), self.number(depth - 1, held));
                self.scaled(ExprKind::If(condition, a, b), held, &[a, b])
            }
            12 => self.rounded(depth - 1, held),
            13 => {
                let a = self.number(depth - 1, held);
                let ty = self.tree.version().exprs[a].ty;
                self.tree.expr(ExprKind::Negate(a), ty)
            }
            14 if !self.lets.is_empty() => {
                let (name, found) = self.one_of(&self.lets.clone());
                let body = self.tree.version().lets[name].body;
                let ty = self.tree.version().exprs[body].ty;
                let fits =
                    held == Held::Any || found == held || (held == Held::Scaled && found == Held::Whole);
                if fits { self.tree.expr(ExprKind::Let(name), ty) } else { self.leaf(held) }
            }
            15 if !self.tables.is_empty() => {
                let table = self.one_of(&self.tables.clone());
                self.tree.expr(ExprKind::Table(table), Ty::scaled(Unit::Number, 0))
            }
            _ => self.or_else(depth - 1, held),
        }
    }

    /// A number that is rarely zero.
    fn divisor(&mut self, depth: usize, held: Held) -> ExprId {
        let number = self.number(depth, held);
        if self.below(5) == 0 || self.tree.version().exprs[number].ty.scale().is_none() {
            return if self.below(5) == 0 { number } else { self.tree.constant(3, 0, Unit::Number) };
        }
        let one = self.tree.constant(1, 0, Unit::Number);
        self.tree.arithmetic(Arithmetic::Max, number, one)
    }

    fn or_else(&mut self, depth: usize, held: Held) -> ExprId {
        let fits = |(_, found): &&(u32, Held)| held != Held::Whole || *found == Held::Whole;
        let known: Vec<u32> = self.optional.iter().filter(fits).map(|(field, _)| *field).collect();
        if known.is_empty() {
            return self.leaf(held);
        }
        let (field, other) = (self.one_of(&known), self.number(depth, held));
        let form = match self.tree.version().exprs[other].ty.scale() {
            Some(_) if held == Held::Whole => Form::Scaled(0),
            Some(scale) => Form::Scaled(scale.max(2)),
            None => Form::Rational,
        };
        self.tree.expr(ExprKind::OrElse(field, other), Ty { unit: Unit::Number, form })
    }

    fn rounded(&mut self, depth: usize, held: Held) -> ExprId {
        let value = self.number(depth, Held::Any);
        let mode = self.one_of(&Rounding::ALL);
        let units = [(1, 0), (5, 0), (100, 0), (25, 2), (1, 2), (3, 1)];
        let (mantissa, scale) = self.one_of(if held == Held::Whole { &units[..3] } else { &units[..] });
        let unit = Number { mantissa, scale };
        self.tree.expr(ExprKind::Round { value, mode, unit }, Ty::scaled(Unit::Number, scale))
    }

    fn truth(&mut self, depth: usize) -> ExprId {
        if depth == 0 {
            return self.one_of(&self.truths.clone());
        }
        match self.below(12) {
            0 | 1 => {
                let (a, b) = (self.truth(depth - 1), self.truth(depth - 1));
                self.tree.and(a, b)
            }
            2 | 3 => {
                let (a, b) = (self.truth(depth - 1), self.truth(depth - 1));
                self.tree.or(a, b)
            }
            4 => {
                let a = self.truth(depth - 1);
                self.tree.expr(ExprKind::Not(a), Ty::BOOL)
            }
            5 => {
                let (condition, a, b) = (self.truth(depth - 1), self.truth(depth - 1), self.truth(depth - 1));
                self.tree.expr(ExprKind::If(condition, a, b), Ty::BOOL)
            }
            6 => {
                let (a, b) = (self.truth(depth - 1), self.truth(depth - 1));
                let comparison = self.one_of(&[Comparison::Eq, Comparison::Ne]);
                self.tree.compare(comparison, a, b)
            }
            7 => {
                let value = self.number(depth - 1, Held::Any);
                let mut ranges = Vec::new();
                for _ in 0..1 + self.below(3) {
                    let low = self.leaf(Held::Scaled);
                    ranges.push(if self.below(2) == 0 { (low, low) } else { (low, self.leaf(Held::Scaled)) });
                }
                self.tree.expr(ExprKind::In(value, ranges), Ty::BOOL)
            }
            8 if !self.optional.is_empty() => {
                let (field, _) = self.one_of(&self.optional.clone());
                let present = self.tree.expr(ExprKind::IsPresent(field), Ty::BOOL);
                let kind = self.tree.policy.schema.inputs[field as usize].kind;
                let value = self.tree.expr(ExprKind::Field(field), ty_of(kind));
                let limit = self.leaf(Held::Any);
                let low = self.tree.compare(Comparison::Lt, value, limit);
                self.tree.and(present, low)
            }
            _ => {
                let comparisons = [
                    Comparison::Lt,
                    Comparison::Le,
                    Comparison::Gt,
                    Comparison::Ge,
                    Comparison::Eq,
                    Comparison::Ne,
                ];
                let comparison = self.one_of(&comparisons);
                let (a, b) = (self.number(depth - 1, Held::Any), self.number(depth - 1, Held::Any));
                self.tree.compare(comparison, a, b)
            }
        }
    }

    /// A `first` table over one or two fields, some of which may be missing.
    fn table(&mut self) {
        let mut keys = Vec::new();
        for _ in 0..1 + self.below(3) {
            let fields = self.tree.policy.schema.inputs.len();
            let field = self.below(fields);
            let input = self.tree.policy.schema.inputs[field].clone();
            let value = self.tree.expr(ExprKind::Field(field as u32), ty_of(input.kind));
            let optional = input.optional.then_some(field as u32);
            keys.push(Key { value, optional, range: input.domain.range });
        }
        let mut rows = Vec::new();
        for _ in 0..self.below(6) {
            let cells = keys.clone().iter().map(|key| self.cell(key)).collect();
            rows.push((cells, self.one_of(&[0, 10, 20, -30, 7])));
        }
        rows.push((vec![Cell::Any; keys.len()], 5));
        let row = |(cells, value)| TableRow {
            cells,
            value: Constant::Number(Number::whole(value)),
            id: None,
            cite: None,
            span: Default::default(),
        };
        let rows = rows.into_iter().map(row).collect();
        let ty = Ty::scaled(Unit::Number, 0);
        let table = Table {
            name: "table".into(),
            keys,
            rows,
            ty,
            unique: false,
            cite: None,
            span: Default::default(),
        };
        let table = self.tree.version().tables.push(table);
        self.tables.push(table);
    }

    fn cell(&mut self, key: &Key) -> Cell {
        let Interval { lo, hi } = key.range;
        let is_truth = self.tree.version().exprs[key.value].ty.unit == Unit::Bool;
        let scale = self.tree.version().exprs[key.value].ty.scale().unwrap_or(0);
        let end = |maker: &mut Maker| {
            let mantissa = lo + maker.below((hi - lo) as usize % 60 + 1) as i128;
            let constant = match is_truth {
                true => Constant::Bool(mantissa != 0),
                false => Constant::Number(Number { mantissa, scale }),
            };
            (maker.below(4) > 0).then(|| (constant, is_truth || maker.below(2) == 0))
        };
        match self.below(5) {
            0 => Cell::Any,
            1 if key.optional.is_some() => Cell::Missing,
            _ => Cell::Within(
                (0..1 + self.below(2)).map(|_| CellSpan { low: end(self), high: end(self) }).collect(),
            ),
        }
    }

    fn outcome(&mut self) -> Vec<ExprId> {
        let value = self.number(2, Held::Any);
        let unit = Number { mantissa: 1, scale: 2 };
        let value = self
            .tree
            .expr(ExprKind::Round { value, mode: Rounding::HalfEven, unit }, Ty::scaled(Unit::Number, 2));
        let (low, high) =
            (self.tree.constant(-5000, 2, Unit::Number), self.tree.constant(90_000, 2, Unit::Number));
        let value = if self.below(4) > 0 {
            let value = self.tree.arithmetic(Arithmetic::Max, value, low);
            self.tree.arithmetic(Arithmetic::Min, value, high)
        } else {
            value
        };
        let truth = self.truth(2);
        vec![value, truth]
    }

    fn made(seed: u64) -> Tree {
        let mut maker = Maker {
            tree: Tree::new(),
            state: seed,
            numbers: Vec::new(),
            optional: Vec::new(),
            truths: Vec::new(),
            lets: Vec::new(),
            tables: Vec::new(),
        };
        maker.below(2);
        maker.fields();
        maker.tree.output(Kind::Decimal(2), -5000, 90_000);
        maker.tree.output(Kind::Bool, 0, 1);
        for _ in 0..maker.below(3) {
            maker.table();
        }
        for _ in 0..maker.below(2) {
            let condition = maker.truth(2);
            maker.tree.require(condition);
        }
        for _ in 0..1 + maker.below(4) {
            if maker.below(2) == 0 {
                let held = maker.one_of(&[Held::Whole, Held::Scaled, Held::Any]);
                let body = maker.number(2, held);
                let name = maker.tree.version().lets.push(Let {
                    name: "let".into(),
                    body,
                    span: Default::default(),
                });
                maker.tree.version().steps.push(Step::Let(name));
                maker.lets.push((name, held));
            }
            let condition = maker.truth(3);
            let outcome = maker.outcome();
            maker.tree.rule(Some(condition), &outcome);
        }
        let outcome = maker.outcome();
        maker.tree.rule(None, &outcome);
        maker.tree
    }
}

#[test]
fn random_trees_decide_as_the_reference_evaluator_does() {
    let (mut compiled, mut dead, mut decided) = (0, 0, 0);
    for seed in 0..crate::lower::testing::seeds() {
        let tree = Maker::made(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let Some((version, unreachable)) = tree.lowered() else { continue };
        let rules = tree.agree(&version, 60, &format!("seed {seed}"));
        for unreachable in &unreachable {
            assert!(
                !rules.contains(&(unreachable.rule as u32)),
                "seed {seed}: rule {} is reached",
                unreachable.rule
            );
        }
        compiled += 1;
        dead += unreachable.len();
        decided += rules.len();
    }
    let counts = format!("{compiled} trees compile, {dead} rules are dead, {decided} rows are decided");
    assert!(compiled > 50 && dead > 50 && decided > 1000, "{counts}");
}

/// Many of the others have none: what cannot be proved need not be possible.
#[test]
fn counterexamples_are_found_for_much_of_what_could_go_wrong() {
    let (mut found, mut all) = (0, 0);
    for seed in 0..60u64 {
        let (_, diagnostics) = Maker::made(!seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)).lower();
        let could = diagnostics.iter().filter(|diagnostic| diagnostic.code.code() < "E05");
        for diagnostic in could {
            all += 1;
            found += diagnostic.counterexample.is_some() as usize;
        }
    }
    assert!(all > 5 && found * 3 > all, "{found} of {all}");
}
