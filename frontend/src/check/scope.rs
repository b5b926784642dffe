//! What is known at a place in one version: the meaning of each name there, and the tree under construction.

use std::collections::BTreeMap;

use cranelift_entity::PrimaryMap;

use crate::hir::{self, Constant, ExprKind, LetId, Number, ParamId, TableId, Ty, Unit};
use crate::text::ast::{self, Span};

use super::findings::Findings;
use super::presence::Truth;
use super::schema::Declared;
use super::versions::Period;

/// The check of one version.
pub(super) struct Checker<'a> {
    pub declared: &'a Declared<'a>,
    pub period: Period<'a>,
    /// What is being built.
    pub version: hir::Version,
    /// The meanings of names; of `let`s between rules, those passed so far and those to come.
    pub bindings: BTreeMap<&'a str, Binding>,
    /// By table and key, the first use at which the key may be missing.
    pub missing_keys: BTreeMap<TableId, Vec<Option<Span>>>,
    /// Whether the current expression is between the rules.
    pub among_rules: bool,
    pub findings: Findings,
}

/// The meaning of a name in a version. `None` if its definition is wrong, which has been reported.
#[derive(Clone)]
pub(super) enum Binding {
    /// An input, by index.
    Input(u32),
    /// A parameter.
    Param(Option<ParamId>, Span),
    /// A parameter from a snapshot, by its hole.
    Hole(Option<u32>, Span),
    /// A set from a snapshot, by its hole.
    Set(Option<u32>, Span),
    /// A table from a snapshot, by its hole.
    FactTable(Option<u32>, Span),
    /// A named value that is known.
    Let(Option<Named>, Span),
    /// A table or grid.
    Table(Option<TableId>, Span),
    /// A `let` between rules that has not been passed yet.
    Later(Span),
    /// A `let` that is in force in other versions only.
    NotInForce(Span),
}

/// A named value: its type, and as a condition what it establishes.
#[derive(Clone)]
pub(super) struct Named {
    pub id: LetId,
    pub ty: Ty,
    pub truth: Truth,
}

/// A typed expression, and as a condition what it establishes.
#[derive(Clone)]
pub(super) struct Typed {
    pub id: hir::ExprId,
    pub ty: Ty,
    pub truth: Truth,
}

impl<'a> Checker<'a> {
    /// The check of a version, before anything is known.
    pub fn new(declared: &'a Declared<'a>, period: Period<'a>) -> Checker<'a> {
        let version = hir::Version {
            number: period.number,
            from: period.from,
            until: period.until,
            cite: period.cite.map(|cite| cite.text.clone()),
            span: period.span,
            exprs: PrimaryMap::new(),
            params: PrimaryMap::new(),
            lets: PrimaryMap::new(),
            tables: PrimaryMap::new(),
            requires: vec![],
            steps: vec![],
            unsure: BTreeMap::new(),
        };
        let (bindings, missing_keys) = (BTreeMap::new(), BTreeMap::new());
        let findings = Findings::default();
        Checker { declared, period, version, bindings, missing_keys, among_rules: false, findings }
    }

    /// Whether something dated is in force.
    pub fn in_force(&self, dated: ast::Dated) -> bool {
        dated.holds_on(self.period.from)
    }

    /// The node of the source.
    pub fn node(&self, expr: ast::ExprId) -> &'a ast::Expr {
        &self.declared.tree.exprs[expr]
    }

    /// Adds an expression to the tree.
    pub fn push(&mut self, kind: ExprKind, ty: Ty, span: Span) -> Typed {
        let id = self.version.exprs.push(hir::Expr { kind, ty, span });
        Typed { id, ty, truth: Truth::default() }
    }

    /// Adds a constant to the tree.
    pub fn push_number(&mut self, number: Number, unit: Unit, span: Span) -> Typed {
        let ty = Ty::scaled(unit, number.scale);
        self.push(ExprKind::Constant(Constant::Number(number)), ty, span)
    }
}
