//! Is the policy right in one of its versions? It is reduced to what is in force in that version, and checked as if
//! that were the whole policy.

use std::collections::BTreeMap;

use crate::hir::{self, ParamId};
use crate::text::ast::{self, Statement};

use super::names::{self, Meaning};
use super::order::{self, Definition};
use super::presence::Known;
use super::schema::Declared;
use super::scope::{Binding, Checker, Named};

/// Checks one version, but not yet the rows of its tables: its typed tree means something where nothing was found.
pub(super) fn check<'a>(declared: &'a Declared<'a>, index: usize) -> Checker<'a> {
    let mut checker = Checker::new(declared, declared.versions[index]);
    checker.bind_inputs();
    checker.bind_params(index);
    checker.bind_fact_tables();
    let definitions = checker.definitions();
    checker.announce_lets_of_rules();
    let requires: Vec<&ast::Require> =
        declared.items.requires.iter().filter(|item| checker.in_force(item.dated)).copied().collect();
    let conditions: Vec<ast::ExprId> = requires.iter().map(|item| item.condition).collect();
    let order = order::order(&declared.tree.exprs, &definitions, &conditions, &mut checker.findings);
    for definition in order.circular {
        checker.bind_nothing(definition);
    }
    let nothing = Known::default();
    checker.define_all(order.for_requires, &nothing);
    let known = checker.requires(&requires);
    checker.define_all(order.others, &known);
    checker.among_rules = true;
    checker.rules(known);
    checker
}

impl<'a> Checker<'a> {
    fn bind_inputs(&mut self) {
        for (index, input) in self.declared.inputs.iter().enumerate() {
            self.bindings.insert(&input.decl.name.text, Binding::Input(index as u32));
        }
    }

    fn bind_params(&mut self, version: usize) {
        let declared = self.declared;
        for (index, param) in declared.items.params.iter().enumerate() {
            if !self.means(&param.name, Meaning::Param(index as u32)) {
                continue;
            }
            let binding = if param.from_snapshot {
                Binding::Hole(self.declared.hole_named(&param.name), param.name.span)
            } else {
                Binding::Param(self.param(index, version), param.name.span)
            };
            self.bindings.insert(&param.name.text, binding);
        }
        for (index, set) in declared.items.sets.iter().enumerate() {
            if self.means(&set.name, Meaning::Set(index as u32)) {
                let binding = Binding::Set(declared.hole_named(&set.name), set.name.span);
                self.bindings.insert(&set.name.text, binding);
            }
        }
    }

    /// The tables from a snapshot.
    fn bind_fact_tables(&mut self) {
        let declared = self.declared;
        for (index, table) in declared.items.fact_tables.iter().enumerate() {
            if self.means(&table.name, Meaning::FactTable(index as u32)) {
                let binding = Binding::FactTable(declared.hole_named(&table.name), table.name.span);
                self.bindings.insert(&table.name.text, binding);
            }
        }
    }

    fn param(&mut self, index: usize, version: usize) -> Option<ParamId> {
        let decl = self.declared.items.params[index];
        let ty = self.declared.ty(self.declared.params[index].as_ref()?.kind);
        let (value, span) = self.declared.amounts[index][version]?;
        let cite = decl.cite.as_ref().map(|cite| cite.text.clone());
        Some(self.version.params.push(hir::Param { name: decl.name.text.clone(), ty, value, cite, span }))
    }

    /// Whether this is what a name means in the policy. Of several definitions with the same name, the first counts.
    fn means(&self, name: &ast::Name, meaning: Meaning) -> bool {
        let found = self.declared.names.values.get(name.text.as_str());
        found
            .is_some_and(|(known, span)| *known == meaning && (meaning == Meaning::Let || *span == name.span))
    }

    /// The `let`s, tables and grids of the policy's level that are in force.
    fn definitions(&mut self) -> Vec<Definition<'a>> {
        let items = &self.declared.items;
        let mut lets: BTreeMap<&str, ast::Span> = BTreeMap::new();
        let mut found = vec![];
        for item in &items.lets {
            if !self.means(&item.name, Meaning::Let) || !self.in_force(item.dated) {
                continue;
            }
            match lets.get(item.name.text.as_str()) {
                Some(first) => self.findings.report(names::duplicate(&item.name, *first, "the `let`")),
                None => {
                    lets.insert(&item.name.text, item.name.span);
                    found.push(Definition::Let(item));
                }
            }
        }
        for item in items.lets.iter().filter(|item| !lets.contains_key(item.name.text.as_str())) {
            self.bindings.entry(&item.name.text).or_insert(Binding::NotInForce(item.name.span));
        }
        let tables = items.tables.iter().enumerate();
        let tables = tables.filter(|(index, item)| self.means(item.name(), Meaning::Table(*index as u32)));
        found.extend(tables.map(|(index, item)| Definition::Table(*item, index as u32)));
        found
    }

    /// Lets the names of `let`s between rules be known before they are passed, so that early use is distinguished
    /// from unknown names.
    fn announce_lets_of_rules(&mut self) {
        let rules = self.declared.items.rules;
        for statement in rules.iter().flat_map(|rules| &rules.statements) {
            if let Statement::Let(item) = statement {
                let span = item.name.span;
                let binding =
                    if self.in_force(item.dated) { Binding::Later(span) } else { Binding::NotInForce(span) };
                let known = self.declared.names.values.contains_key(item.name.text.as_str());
                match self.bindings.get(item.name.text.as_str()) {
                    Some(Binding::NotInForce(_)) | None if !known || self.in_force(item.dated) => {
                        self.bindings.insert(&item.name.text, binding);
                    }
                    _ => {}
                }
            }
        }
    }

    fn bind_nothing(&mut self, definition: Definition<'a>) {
        let name = definition.name();
        let binding = match definition {
            Definition::Let(_) => Binding::Let(None, name.span),
            Definition::Table(..) => Binding::Table(None, name.span),
        };
        self.bindings.insert(&name.text, binding);
    }

    fn define_all(&mut self, definitions: Vec<Definition<'a>>, known: &Known) {
        for definition in definitions {
            let name = definition.name();
            let binding = match definition {
                Definition::Let(item) => Binding::Let(self.define(item, known), name.span),
                Definition::Table(item, index) => Binding::Table(self.table(item, index), name.span),
            };
            self.bindings.insert(&name.text, binding);
        }
    }

    /// Understands a `let`.
    pub fn define(&mut self, item: &'a ast::Let, known: &Known) -> Option<Named> {
        if self.declared.tree.is_lost(item.span) {
            return None;
        }
        let body = self.expr(item.value, None, known)?;
        let name = item.name.text.clone();
        let id = self.version.lets.push(hir::Let { name, body: body.id, span: item.span });
        Some(Named { id, ty: body.ty, truth: body.truth })
    }

    /// Understands the requires, and answers which fields are present where all of them hold. Each is judged
    /// without the others, because every row is checked against all.
    fn requires(&mut self, requires: &[&'a ast::Require]) -> Known {
        let mut seen: BTreeMap<&str, ast::Span> = BTreeMap::new();
        let (nothing, mut known) = (Known::default(), Known::default());
        for item in requires {
            if let Some(first) = seen.insert(&item.id.text, item.id.span) {
                self.findings.report(names::duplicate(&item.id, first, "the requirement"));
            }
            let Some(condition) = self.condition(item.condition, &nothing) else { continue };
            known = known.and_also(&condition.truth.holds);
            let index = self.declared.require_index(item.id.span);
            self.version.requires.push((index, condition.id));
        }
        known
    }
}
