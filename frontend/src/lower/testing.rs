//! Typed trees built by hand, for tests of the lowering that do not depend on the parser and the checks.

use cranelift_entity::PrimaryMap;
use opus_ir::date::MonthEnd;
use opus_ir::{Currency, Domain, Field, Interval, Kind, Program, Rounding, Schema, interpret, verify};

use super::{finished, lower, lower_version};
use crate::analysis::reach::Unreachable;
use crate::analysis::regions::Budget;
use crate::diagnostic::Diagnostic;
use crate::hir::*;
use crate::reference;
use crate::text::ast::Span;

/// A policy of one version.
pub struct Tree {
    pub policy: Policy,
    fields: u32,
}

impl Tree {
    pub fn new() -> Tree {
        let version = Version {
            number: 1,
            from: 0,
            until: i32::MAX,
            cite: None,
            span: Span::default(),
            exprs: PrimaryMap::new(),
            params: PrimaryMap::new(),
            lets: PrimaryMap::new(),
            tables: PrimaryMap::new(),
            requires: Vec::new(),
            steps: Vec::new(),
            unsure: std::collections::BTreeMap::new(),
        };
        let currency = Some(Currency { code: "USD".into(), digits: 2 });
        let policy = Policy {
            name: "by.hand".into(),
            schema: Schema { currency, ..Schema::default() },
            input_spans: Vec::new(),
            actionable: Vec::new(),
            adverse: None,
            output_spans: Vec::new(),
            month_end: Some(MonthEnd::Clip),
            holes: vec![],
            rules: Vec::new(),
            requires: Vec::new(),
            versions: vec![version],
            tests: Vec::new(),
        };
        Tree { policy, fields: 0 }
    }

    pub fn version(&mut self) -> &mut Version {
        &mut self.policy.versions[0]
    }

    /// A new input; answers its index.
    pub fn input(&mut self, kind: Kind, lo: i128, hi: i128, optional: bool) -> u32 {
        let domain = Domain::all(Interval::new(lo, hi));
        let name = format!("field_{}", self.fields);
        self.policy.schema.inputs.push(Field { name, kind, domain, optional });
        self.policy.input_spans.push(Span::default());
        self.policy.actionable.push(None);
        self.fields += 1;
        self.fields - 1
    }

    /// A new input that is always there, as an expression.
    pub fn field(&mut self, kind: Kind, lo: i128, hi: i128) -> ExprId {
        let field = self.input(kind, lo, hi, false);
        self.expr(ExprKind::Field(field), ty_of(kind))
    }

    pub fn output(&mut self, kind: Kind, lo: i128, hi: i128) {
        let domain = Domain::all(Interval::new(lo, hi));
        let name = format!("output_{}", self.policy.schema.outputs.len());
        self.policy.schema.outputs.push(Field { name, kind, domain, optional: false });
        self.policy.output_spans.push(Span::default());
    }

    /// An expression. Each has a place of its own, so that diagnostics can be told apart.
    pub fn expr(&mut self, kind: ExprKind, ty: Ty) -> ExprId {
        let at = self.version().exprs.len();
        let span = Span::new(at, at + 1);
        self.version().exprs.push(Expr { kind, ty, span })
    }

    pub fn constant(&mut self, mantissa: i128, scale: u8, unit: Unit) -> ExprId {
        self.expr(ExprKind::Constant(Constant::Number(Number { mantissa, scale })), Ty::scaled(unit, scale))
    }

    pub fn cents(&mut self, cents: i128) -> ExprId {
        self.constant(cents, 2, Unit::Money)
    }

    pub fn int(&mut self, x: i128) -> ExprId {
        self.constant(x, 0, Unit::Number)
    }

    pub fn arithmetic(&mut self, op: Arithmetic, a: ExprId, b: ExprId) -> ExprId {
        let (a_ty, b_ty) = (self.version().exprs[a].ty, self.version().exprs[b].ty);
        let form = match (op, a_ty.form, b_ty.form) {
            (Arithmetic::Div, ..) | (_, Form::Rational, _) | (_, _, Form::Rational) => Form::Rational,
            (Arithmetic::Mul, Form::Scaled(a), Form::Scaled(b)) => Form::Scaled(a + b),
            (_, Form::Scaled(a), Form::Scaled(b)) => Form::Scaled(a.max(b)),
        };
        let unit = if op == Arithmetic::Mul && a_ty.unit != Unit::Money { b_ty.unit } else { a_ty.unit };
        self.expr(ExprKind::Arithmetic(op, a, b), Ty { unit, form })
    }

    pub fn compare(&mut self, comparison: Comparison, a: ExprId, b: ExprId) -> ExprId {
        self.expr(ExprKind::Compare(comparison, a, b), Ty::BOOL)
    }

    pub fn and(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.expr(ExprKind::And(a, b), Ty::BOOL)
    }

    pub fn or(&mut self, a: ExprId, b: ExprId) -> ExprId {
        self.expr(ExprKind::Or(a, b), Ty::BOOL)
    }

    pub fn round_to_cents(&mut self, value: ExprId, mode: Rounding) -> ExprId {
        let unit = Number { mantissa: 1, scale: 2 };
        self.expr(ExprKind::Round { value, mode, unit }, Ty::scaled(Unit::Money, 2))
    }

    pub fn rule(&mut self, when: Option<ExprId>, outcome: &[ExprId]) {
        let index = self.policy.rules.len() as u32;
        let span = Span::new(1000 + index as usize, 1001 + index as usize);
        let info = RuleInfo { id: format!("R{}", index + 1), title: None, cite: None, span };
        self.policy.rules.push(info);
        self.version().steps.push(Step::Rule(Rule { index, when, outcome: outcome.to_vec(), span }));
    }

    pub fn require(&mut self, condition: ExprId) {
        let index = self.policy.requires.len() as u32;
        self.policy.requires.push(RuleInfo {
            id: format!("Q{index}"),
            title: None,
            cite: None,
            span: Span::default(),
        });
        self.version().requires.push((index, condition));
    }

    pub fn lower(&self) -> (Option<Program>, Vec<Diagnostic>) {
        lower(&self.policy, "")
    }

    /// The codes of the diagnostics.
    pub fn codes(&self) -> Vec<&'static str> {
        self.lower().1.iter().map(|diagnostic| diagnostic.code.code()).collect()
    }

    /// The program, which has to be there, after it has decided many rows as the reference evaluator does.
    pub fn compiled(&self) -> Program {
        let (program, diagnostics) = self.lower();
        assert_eq!(diagnostics, [], "the policy compiles");
        let program = program.expect("there is a program where there is no error");
        let decided = self.agree(&program.versions[0], 2000, "by hand");
        assert!(decided.len() > 100, "too few rows are admitted to compare");
        program
    }

    /// The version and its rules that no input reaches, where nothing can go wrong; it would be refused for
    /// such a rule alone.
    pub fn lowered(&self) -> Option<(opus_ir::Version, Vec<Unreachable>)> {
        let lowered = lower_version(
            &self.policy,
            &self.policy.versions[0],
            &super::used(&self.policy),
            &mut Budget(usize::MAX),
        );
        let dead = lowered.dead.clone();
        lowered.failures.is_empty().then(|| (finished(&self.policy.versions[0], lowered), dead))
    }

    /// Compares a version with the reference evaluator on rows; answers which rules decided those that were
    /// admitted.
    pub fn agree(&self, version: &opus_ir::Version, rows: usize, name: &str) -> Vec<u32> {
        let decide = verify(version.decide.clone()).expect("lowered functions verify");
        let admit = verify(version.admit.clone()).expect("lowered functions verify");
        let mut state = 1u64;
        let mut random = |limit: u128| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as u128 % limit
        };
        let mut decided = Vec::new();
        for _ in 0..rows {
            let value = |field: &Field| {
                let Interval { lo, hi } = field.domain.range;
                let near = random(4) as i128;
                let any = lo + random((hi - lo) as u128 + 1) as i128;
                let value = [
                    any,
                    (lo + near).min(hi),
                    (hi - near).max(lo),
                    any.clamp(lo.max(-9), hi.min(9).max(lo.max(-9))),
                ][random(4) as usize];
                let present = !field.optional || random(3) > 0;
                present.then_some(value.clamp(lo, hi))
            };
            let given: Vec<Option<i128>> = self.policy.schema.inputs.iter().map(value).collect();
            let values: Vec<i128> = given.iter().map(|value| value.unwrap_or(i128::MAX)).collect();
            let present: Vec<bool> = given.iter().map(Option::is_some).collect();
            let admits = interpret(&admit, &values, &present).outputs.iter().all(|holds| *holds == 1);
            let admitted = reference::admit(&self.policy, &given);
            assert_eq!(admits, admitted.is_ok(), "{name}: {given:?}");
            if let Ok(row) = admitted {
                let expected = reference::decide(&self.policy, &row);
                let found = interpret(&decide, &values, &present);
                assert_eq!(
                    (found.rule, found.outputs),
                    (expected.rule as u32, expected.outputs),
                    "{name}: {given:?}"
                );
                decided.push(found.rule);
            }
        }
        decided
    }
}

/// The type of a field of this kind.
pub fn ty_of(kind: Kind) -> Ty {
    let schema = Schema { currency: Some(Currency { code: "USD".into(), digits: 2 }), ..Schema::default() };
    Ty::scaled(crate::display::unit_of(kind), crate::display::value_scale(&schema, kind))
}

/// How many random trees are tried: a few in every run, more where `OPUS_SEEDS` says so.
#[cfg(test)]
pub fn seeds() -> u64 {
    std::env::var("OPUS_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(150)
}
