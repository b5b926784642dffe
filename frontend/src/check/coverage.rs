//! Does every table of the version have a row for every key, and does every row matter?

use std::collections::BTreeMap;

use opus_ir::Interval;

use crate::analysis::tables::{self, Accepts, Axis, Budget, Exhausted, Faults, Missing, Point, Space};
use crate::diagnostic::{Code, Diagnostic};
use crate::hir::{Cell, ExprKind, Table, TableId, TableRow};
use crate::limits::TABLE_WORK_MAX;
use crate::text::ast::Span;

use super::cells::UNBOUNDED;
use super::items::TableItem;
use super::scope::Checker;

/// How many faults of one kind are shown of one table.
const SHOWN_MAX: usize = 10;

/// What has been judged in the versions before, and what may still be spent: most tables are the same in most
/// versions.
pub(super) struct Judge {
    budget: Budget,
    /// By table, and by key of a grid, the last question and its answer.
    known: BTreeMap<(Span, usize), (Space, Result<Faults, Exhausted>)>,
}

impl Judge {
    /// Before any version.
    pub fn new() -> Judge {
        Judge { budget: Budget(TABLE_WORK_MAX), known: BTreeMap::new() }
    }

    fn faults(&mut self, table: &Table, axis: usize, space: Space) -> Result<Faults, Exhausted> {
        let last = self.known.get(&(table.span, axis));
        if let Some((_, answer)) = last.filter(|(known, _)| *known == space) {
            return answer.clone();
        }
        let judged = if table.unique { tables::partition } else { tables::cascade };
        let answer = judged(&space, &mut self.budget);
        self.known.insert((table.span, axis), (space, answer.clone()));
        answer
    }
}

impl Checker<'_> {
    /// Judges the tables, now that all uses are known.
    pub fn coverage(&mut self, judge: &mut Judge) {
        for index in 0..self.version.tables.len() {
            let id = TableId::from_u32(index as u32);
            let space = self.space(id);
            self.mark_optional_keys(id, &space);
            let table = &self.version.tables[id];
            let found = match self.grid(table) {
                Some(columns) => grid_faults(self, table, &space, columns, judge),
                None => table_faults(self, table, space, judge),
            };
            for diagnostic in found {
                self.findings.report(diagnostic);
            }
        }
    }

    /// The number of columns, where the table is a grid.
    fn grid(&self, table: &Table) -> Option<usize> {
        let item = self.declared.items.tables.iter().find(|item| item.span() == table.span)?;
        match item {
            TableItem::Grid(grid) => Some(grid.columns.len()),
            TableItem::Table(_) => None,
        }
    }

    /// A key that may be missing where the table is used is reported at that place.
    fn mark_optional_keys(&mut self, id: TableId, space: &Space) {
        for (key, axis) in self.version.tables[id].keys.iter_mut().zip(&space.axes) {
            if let (ExprKind::Field(field), Missing::Asked) =
                (&self.version.exprs[key.value].kind, axis.missing)
            {
                key.optional = Some(*field);
            }
        }
    }

    fn space(&self, id: TableId) -> Space {
        let table = &self.version.tables[id];
        let uses = self.missing_keys.get(&id);
        let axis = |(at, key): (usize, &crate::hir::Key)| {
            let expr = &self.version.exprs[key.value];
            let optional = match expr.kind {
                ExprKind::Field(field) => self.declared.inputs[field as usize].decl.optional.is_some(),
                _ => false,
            };
            let asked = uses.is_some_and(|uses| uses[at].is_some());
            let missing = match (optional, asked) {
                (false, _) => Missing::Never,
                (true, false) => Missing::Unasked,
                (true, true) => Missing::Asked,
            };
            Axis { domain: self.key_domain(key), missing }
        };
        let axes: Vec<Axis> = table.keys.iter().enumerate().map(axis).collect();
        let rows = table.rows.iter().map(|row| self.accepts(table, &axes, row)).collect();
        Space { axes, rows }
    }

    fn accepts(&self, table: &Table, axes: &[Axis], row: &TableRow) -> Vec<Accepts> {
        let cell = |((cell, key), axis): ((&Cell, &crate::hir::Key), &Axis)| match cell {
            Cell::Any => Accepts { spans: vec![Interval::FULL], missing: true },
            Cell::Missing => Accepts { spans: vec![], missing: true },
            Cell::Within(spans) => {
                let ty = self.version.exprs[key.value].ty;
                let spans = spans.iter().filter_map(|span| self.interval(span, ty, axis.domain.range));
                Accepts { spans: spans.collect(), missing: false }
            }
        };
        row.cells.iter().zip(&table.keys).zip(axes).map(cell).collect()
    }

    /// The name of a table where it is declared.
    fn name_span(&self, table: &Table) -> Span {
        let item = self.declared.items.tables.iter().find(|item| item.span() == table.span);
        item.map_or(table.span, |item| item.name().span)
    }

    /// A combination in words and as an input.
    fn shown(&self, table: &Table, point: &Point) -> (String, Vec<(String, String)>) {
        let (mut words, mut fields) = (vec![], vec![]);
        for (at, (key, value)) in table.keys.iter().zip(point).enumerate() {
            let expr = &self.version.exprs[key.value];
            let name = self.key_name(&expr.kind);
            let shown = value.map(|value| self.declared.written(expr.ty, self.sensible(table, at, value)));
            words.push(match &shown {
                Some(value) => format!("{name} = {value}"),
                None => format!("{name} is missing"),
            });
            let value = shown.unwrap_or("missing".into());
            if matches!(expr.kind, ExprKind::Field(_)) {
                fields.push((name, value));
            }
        }
        (words.join(", "), fields)
    }

    /// A value of a key to show instead of one at the end of all numbers, which only says that nothing bounds the key:
    /// one next to a value that the rows name, to which the same rows apply.
    fn sensible(&self, table: &Table, at: usize, value: i128) -> i128 {
        let range = table.keys[at].range;
        let far = |value: i128| value <= UNBOUNDED.lo + 1 || value >= UNBOUNDED.hi - 1;
        if !far(value) {
            return value;
        }
        let ty = self.version.exprs[table.keys[at].value].ty;
        let spans = |row: &TableRow| -> Vec<Interval> {
            match &row.cells[at] {
                Cell::Within(spans) => {
                    spans.iter().filter_map(|span| self.interval(span, ty, UNBOUNDED)).collect()
                }
                Cell::Any => vec![UNBOUNDED],
                Cell::Missing => vec![],
            }
        };
        let rows: Vec<Vec<Interval>> = table.rows.iter().map(spans).collect();
        let apply = |value: i128| -> Vec<bool> {
            rows.iter().map(|spans| spans.iter().any(|span| span.contains(value))).collect()
        };
        let ends = rows.iter().flatten().flat_map(|span| [span.lo, span.hi, span.lo - 1, span.hi + 1]);
        let mut near: Vec<i128> = ends.filter(|value| !far(*value) && range.contains(*value)).collect();
        near.sort_by_key(|value| (value.unsigned_abs(), *value));
        let expected = apply(value);
        near.into_iter().chain([0]).find(|value| apply(*value) == expected).unwrap_or(value)
    }

    fn key_name(&self, kind: &ExprKind) -> String {
        match kind {
            ExprKind::Field(field) => self.declared.inputs[*field as usize].decl.name.text.clone(),
            ExprKind::Param(param) => self.version.params[*param].name.clone(),
            ExprKind::Let(id) => self.version.lets[*id].name.clone(),
            ExprKind::Hole(hole) => self.declared.holes[*hole as usize].hole.name.clone(),
            _ => unreachable!("keys are inputs, parameters and `let`s"),
        }
    }

    /// The place where a table is used with a key that may be missing, of the first key that the combination
    /// leaves out.
    fn asked_at(&self, table: &Table, point: &Point) -> Option<Span> {
        let (_, uses) =
            self.missing_keys.iter().find(|(id, _)| self.version.tables[**id].span == table.span)?;
        uses.iter().zip(point).find_map(|(at, value)| at.filter(|_| value.is_none()))
    }
}

fn table_faults(checker: &Checker, table: &Table, space: Space, judge: &mut Judge) -> Vec<Diagnostic> {
    let Ok(faults) = judge.faults(table, 0, space.clone()) else {
        return too_intricate(checker, table).into_iter().collect();
    };
    if faults.gap.is_none()
        && let Some(found) = meant_first(checker, table, &space, &faults)
    {
        return vec![found];
    }
    let empty = faults.empty.iter().map(|&row| empty_row(checker, table, &table.rows[row]));
    let unreached = faults.unreached.iter().map(|&row| unreached_row(&table.rows[row]));
    let overlaps = faults.overlaps.iter().map(|(first, second, point)| {
        let (first, second) = (table.rows[*first].span, table.rows[*second].span);
        overlap(checker, table, first, second, point)
    });
    let gap = faults.gap.iter().map(|point| gap(checker, table, point));
    let all = [empty.take(SHOWN_MAX).collect(), unreached.take(SHOWN_MAX).collect::<Vec<_>>()];
    let more = [overlaps.take(SHOWN_MAX).collect::<Vec<_>>(), gap.collect()];
    all.into_iter().chain(more).flatten().collect()
}

/// A grid is right where its rows and its columns each are.
fn grid_faults(
    checker: &Checker,
    table: &Table,
    space: &Space,
    columns: usize,
    judge: &mut Judge,
) -> Vec<Diagnostic> {
    let heads: Vec<usize> = (0..columns.min(space.rows.len())).collect();
    let rows: Vec<usize> = (0..space.rows.len()).step_by(columns.max(1)).collect();
    let mut found = vec![];
    for (axis, members, noun) in [(0, rows, "row"), (1, heads, "column")] {
        if axis == 1 && members.is_empty() {
            continue;
        }
        let line = Space {
            axes: vec![space.axes[axis].clone()],
            rows: members.iter().map(|&row| vec![space.rows[row][axis].clone()]).collect(),
        };
        match judge.faults(table, axis, line) {
            Ok(faults) => found.extend(line_faults(checker, table, axis, noun, &members, &faults)),
            Err(_) => found.extend(too_intricate(checker, table)),
        }
    }
    found
}

/// The faults of the rows or the columns of a grid; `members` are rows of its table.
fn line_faults(
    checker: &Checker,
    table: &Table,
    axis: usize,
    noun: &str,
    members: &[usize],
    faults: &Faults,
) -> Vec<Diagnostic> {
    let span = |line: &usize| table.rows[members[*line]].span;
    let key = |point: &Point| {
        let mut whole = vec![Some(0); table.keys.len()];
        whole[axis] = point[0];
        whole
    };
    let one_key = Table { keys: vec![table.keys[axis].clone()], ..table.clone() };
    let empty = faults.empty.iter().take(SHOWN_MAX).map(|line| {
        let name = checker.key_name(&checker.version.exprs[table.keys[axis].value].kind);
        let message = format!("this {noun} does not apply to any value of `{name}`");
        Diagnostic::new(Code::DeadRow, span(line), message).help("correct its cell, or remove it")
    });
    let overlaps = faults.overlaps.iter().take(SHOWN_MAX).map(|(first, second, point)| {
        let (words, fields) = checker.shown(&one_key, point);
        let message = format!("two {noun}s of `{}` apply when {words}", table.name);
        let found = Diagnostic::new(Code::TableOverlap, span(second), message);
        on(
            found
                .also(span(first), "the other row")
                .help(format!("change the cells so that exactly one {noun} applies to each value")),
            fields,
        )
    });
    let gap = faults.gap.iter().map(|point| {
        let asked = checker.asked_at(table, &key(point));
        let (words, fields) = checker.shown(&one_key, point);
        gap_of(
            checker.name_span(table),
            format!("no {noun} of `{}` applies when {words}", table.name),
            fields,
            asked,
            true,
        )
    });
    empty.chain(overlaps).chain(gap).collect()
}

fn empty_row(checker: &Checker, table: &Table, row: &TableRow) -> Diagnostic {
    let keys = table.keys.iter().map(|key| checker.key_name(&checker.version.exprs[key.value].kind));
    let keys: Vec<String> = keys.map(|key| format!("`{key}`")).collect();
    let message = format!("this row does not apply to any value of {}", keys.join(", "));
    Diagnostic::new(Code::DeadRow, row.span, message).help("correct its cells, or remove it")
}

fn unreached_row(row: &TableRow) -> Diagnostic {
    let message = "this row is never used: earlier rows apply to all its values";
    Diagnostic::new(Code::DeadRow, row.span, message).help("move it up, or remove it")
}

/// Rows that overlap as they do where the first that applies is meant to count: each later row takes in the ones that
/// it overlaps.
fn meant_first(checker: &Checker, table: &Table, space: &Space, faults: &Faults) -> Option<Diagnostic> {
    let (_, _, point) = faults.overlaps.first()?;
    let widens = |&(first, second, _): &(usize, usize, Point)| {
        let (inner, outer) = (&space.rows[first], &space.rows[second]);
        inner.iter().zip(outer).all(|(inner, outer)| takes_in(outer, inner)) && inner != outer
    };
    let choice = checker.declared.items.tables.iter().find_map(|item| match item {
        TableItem::Table(item) if item.span == table.span => Some(item.choice_span),
        _ => None,
    })?;
    faults.overlaps.iter().all(widens).then(|| {
        let (words, fields) = checker.shown(table, point);
        let message = format!(
            "`unique` allows one row for each value, but several rows of `{}` apply when {words}",
            table.name
        );
        let (first, second, _) = &faults.overlaps[0];
        let found = Diagnostic::new(Code::TableOverlap, choice, message)
            .also(table.rows[*first].span, "one row")
            .also(table.rows[*second].span, "another row")
            .help("write `first` if the first row that applies should count")
            .fix(choice, "first");
        on(found, fields)
    })
}

/// Whether one cell holds wherever the other does.
fn takes_in(outer: &Accepts, inner: &Accepts) -> bool {
    let within = |span: &Interval| outer.spans.iter().any(|wide| wide.lo <= span.lo && span.hi <= wide.hi);
    (outer.missing || !inner.missing) && inner.spans.iter().all(within)
}

fn overlap(checker: &Checker, table: &Table, first: Span, second: Span, point: &Point) -> Diagnostic {
    let (words, fields) = checker.shown(table, point);
    let message = format!("two rows of `{}` apply when {words}", table.name);
    let found = Diagnostic::new(Code::TableOverlap, second, message)
        .also(first, "the other row")
        .help("change the cells so that each combination has one row, or write `first` if the first row should count");
    on(found, fields)
}

fn gap(checker: &Checker, table: &Table, point: &Point) -> Diagnostic {
    let (words, fields) = checker.shown(table, point);
    let asked = checker.asked_at(table, point);
    let at = checker.name_span(table);
    gap_of(at, format!("no row of `{}` applies when {words}", table.name), fields, asked, table.unique)
}

fn gap_of(
    at: Span,
    message: String,
    fields: Vec<(String, String)>,
    asked: Option<Span>,
    unique: bool,
) -> Diagnostic {
    let found = match asked {
        Some(asked) => Diagnostic::new(Code::MissingNotCovered, asked, message)
            .label("a key may be missing here")
            .also(at, "declared here")
            .help("add a row with `missing` or `any`, or decide such rows in an earlier rule"),
        None => Diagnostic::new(Code::TableGap, at, message).help(match unique {
            true => "add a row, or widen one: `< a` and `>= a` have no outer end",
            false => "add a row, or end the table with a row of `any`",
        }),
    };
    on(found, fields)
}

/// With the failing inputs, if inputs are among the keys.
fn on(diagnostic: Diagnostic, fields: Vec<(String, String)>) -> Diagnostic {
    if fields.is_empty() { diagnostic } else { diagnostic.counterexample(fields) }
}

/// A table that ends with a row for everything is not reported: nothing is claimed that is not proved.
fn too_intricate(checker: &Checker, table: &Table) -> Option<Diagnostic> {
    let closed = table.rows.last().is_some_and(|row| row.cells.iter().all(|cell| *cell == Cell::Any));
    if closed && !table.unique {
        return None;
    }
    let message = format!("`{}` is too complex to check that its rows cover everything", table.name);
    let diagnostic = Diagnostic::new(Code::TableTooIntricate, checker.name_span(table), message);
    Some(diagnostic.help("split it into tables with fewer keys, or end a `first` table with a row of `any`"))
}
