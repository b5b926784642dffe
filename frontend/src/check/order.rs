//! In which order are top-level definitions checked, each before its uses?
//!
//! Order in the source does not matter for `let`s, tables and grids outside of rules; a cycle among them is an error.
//! Definitions that requires need come first, because they are checked without what the requires establish.

use std::collections::BTreeMap;

use crate::diagnostic::{Code, Diagnostic};
use crate::text::ast::{self, ExprKind, Name};

use super::findings::Findings;
use super::items::TableItem;

/// A `let`, table or grid of the policy's level.
#[derive(Clone, Copy)]
pub(super) enum Definition<'a> {
    Let(&'a ast::Let),
    /// With its index in the source.
    Table(TableItem<'a>, u32),
}

impl<'a> Definition<'a> {
    /// Its name.
    pub fn name(self) -> &'a Name {
        match self {
            Definition::Let(item) => &item.name,
            Definition::Table(item, _) => item.name(),
        }
    }
}

/// Definitions in the order in which they are understood.
pub(super) struct Order<'a> {
    /// Those that the conditions of requires need.
    pub for_requires: Vec<Definition<'a>>,
    /// All others.
    pub others: Vec<Definition<'a>>,
    /// Those that need themselves.
    pub circular: Vec<Definition<'a>>,
}

/// Orders the definitions of a version, and reports cycles among them.
pub(super) fn order<'a>(
    exprs: &ast::Exprs,
    definitions: &[Definition<'a>],
    requires: &[ast::ExprId],
    findings: &mut Findings,
) -> Order<'a> {
    let by_name: BTreeMap<&str, usize> = definitions
        .iter()
        .enumerate()
        .map(|(index, definition)| (definition.name().text.as_str(), index))
        .collect();
    let needs: Vec<Vec<usize>> =
        definitions.iter().map(|definition| needs(exprs, *definition, &by_name)).collect();
    let mut walk = Walk { needs: &needs, state: vec![State::New; needs.len()], done: vec![], cycles: vec![] };
    let roots: Vec<usize> = requires.iter().flat_map(|expr| names_in(exprs, *expr, &by_name)).collect();
    for root in roots {
        walk.visit(root);
    }
    let for_requires = std::mem::take(&mut walk.done);
    for root in 0..needs.len() {
        walk.visit(root);
    }
    let mut circular = vec![false; needs.len()];
    for cycle in &walk.cycles {
        if cycle.iter().any(|index| !circular[*index]) {
            findings.report(cycle_of(&cycle.iter().map(|index| definitions[*index]).collect::<Vec<_>>()));
        }
        cycle.iter().for_each(|index| circular[*index] = true);
    }
    let sound = |indices: &[usize]| -> Vec<Definition<'a>> {
        indices.iter().filter(|index| !circular[**index]).map(|index| definitions[*index]).collect()
    };
    let (for_requires, others) = (sound(&for_requires), sound(&walk.done));
    let circular =
        (0..needs.len()).filter(|index| circular[*index]).map(|index| definitions[index]).collect();
    Order { for_requires, others, circular }
}

fn needs(exprs: &ast::Exprs, definition: Definition, by_name: &BTreeMap<&str, usize>) -> Vec<usize> {
    match definition {
        Definition::Let(item) => names_in(exprs, item.value, by_name),
        Definition::Table(item, _) => {
            item.args().into_iter().filter_map(|arg| by_name.get(arg.text.as_str()).copied()).collect()
        }
    }
}

/// The definitions that an expression names.
fn names_in(exprs: &ast::Exprs, root: ast::ExprId, by_name: &BTreeMap<&str, usize>) -> Vec<usize> {
    let mut found = vec![];
    let mut open = vec![root];
    while let Some(expr) = open.pop() {
        let kind = &exprs[expr].kind;
        if let ExprKind::Name(name) = kind {
            found.extend(by_name.get(name.text.as_str()));
        }
        open.extend(kind.children().into_iter().rev());
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// A walk in depth, its path kept by hand so that long chains cost no stack.
struct Walk<'n> {
    needs: &'n [Vec<usize>],
    state: Vec<State>,
    done: Vec<usize>,
    cycles: Vec<Vec<usize>>,
}

impl Walk<'_> {
    fn visit(&mut self, root: usize) {
        if self.state[root] != State::New {
            return;
        }
        self.state[root] = State::Open;
        let mut path = vec![(root, 0)];
        while let Some((node, next)) = path.last_mut() {
            let (node, at) = (*node, *next);
            *next += 1;
            match self.needs[node].get(at) {
                None => {
                    self.state[node] = State::Done;
                    self.done.push(node);
                    path.pop();
                }
                Some(&need) if self.state[need] == State::New => {
                    self.state[need] = State::Open;
                    path.push((need, 0));
                }
                Some(&need) if self.state[need] == State::Open => {
                    let nodes = path.iter().map(|(node, _)| *node);
                    self.cycles.push(nodes.skip_while(|node| *node != need).collect());
                }
                Some(_) => {}
            }
        }
    }
}

fn cycle_of(cycle: &[Definition]) -> Diagnostic {
    let first = cycle[0].name();
    let names: Vec<&str> = cycle.iter().chain(&cycle[..1]).map(|it| it.name().text.as_str()).collect();
    let message = format!("`{}` depends on itself: {}", first.text, names.join(" → "));
    let diagnostic = Diagnostic::new(Code::CircularDefinition, first.span, message);
    let others = cycle[1..].iter().take(8);
    let diagnostic =
        others.fold(diagnostic, |diagnostic, it| diagnostic.also(it.name().span, "through this definition"));
    diagnostic.help("define one of them without the others")
}
