//! Does every table of the version have a row for every key, and does every row matter?
//!
//! A key has the values of its field or parameter. Of a `let`, rows are judged in two ranges. What they leave out, and where
//! two of them apply, counts within the range that interval arithmetic proves for it. Whether a row matters is judged from
//! the least to the greatest value that the rows name, and beyond where one of them is open there: a row for more values
//! than there are is no mistake.
//!
//! A combination of keys need not occur, even if each of its values does. So an input is searched that comes to a gap or an
//! overlap, and only values that were met on one are shown.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::ToPrimitive;
use opus_ir::{Domain, Interval};

use crate::analysis::counterexample::{Keys, Searches, Wrong};
use crate::analysis::stretch::{Answer, Extent, Stretch};
use crate::analysis::tables::{self, Accepts, Axis, Budget, Exhausted, Faults, Missing, Point, Space};
use crate::diagnostic::{Code, Diagnostic};
use crate::hir::{Cell, Expr, ExprKind, Key, Policy, Table, TableId, TableRow, Ty};
use crate::limits::TABLE_WORK_MAX;
use crate::lower::complaint::unseen;
use crate::lower::table;
use crate::reference::Value;
use crate::text::ast::Span;

use super::items::TableItem;
use super::scope::Checker;

/// How many faults of one kind are shown of one table.
const SHOWN_MAX: usize = 10;

/// What has been judged in the versions before, and what may still be spent: most tables are the same in most
/// versions.
pub(super) struct Judge<'p> {
    budget: Budget,
    /// The fields and facts of the policy, if they were understood.
    fields: Option<&'p Policy>,
    /// By table, by key of a grid, and by the range of keys, the last question and its answer.
    known: BTreeMap<(Span, usize, Within), (Space, Answered)>,
}

/// What was found out about a table.
type Answered = Result<Faults, Exhausted>;

/// In which range the keys of a table are taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    /// The range that the rows name.
    Named,
    /// The part of it that is proved.
    Proved,
}

/// Something wrong with the rows of a table for some values of its keys, which are still to be met on an input.
pub(super) struct Found {
    keys: Keys,
    /// What a line is called: a row, or a column of a grid.
    noun: &'static str,
    /// Where a key may be missing that the rows leave out.
    asked: Option<Span>,
    /// The word `unique`, where every later row takes in the ones that it overlaps.
    choice: Option<Span>,
    /// By key of the table, the values that are proved for it where it is a `let`.
    proved: Vec<Option<Domain>>,
}

/// How what was found is shown.
struct Shown {
    /// The values of the keys.
    words: Option<String>,
    /// An input that comes to them, field by field.
    input: Vec<(String, String)>,
    /// The proved ranges of the keys.
    ranges: String,
    /// Whether an input was searched.
    searched: bool,
}

impl<'p> Judge<'p> {
    /// Before any version.
    pub fn new(fields: Option<&'p Policy>) -> Judge<'p> {
        Judge { budget: Budget(TABLE_WORK_MAX), fields, known: BTreeMap::new() }
    }

    fn faults(&mut self, table: &Table, axis: usize, within: Within, space: Space) -> Answered {
        let last = self.known.get(&(table.span, axis, within));
        if let Some((_, answer)) = last.filter(|(known, _)| *known == space) {
            return answer.clone();
        }
        let judged = if table.unique { tables::partition } else { tables::cascade };
        let answer = judged(&space, &mut self.budget);
        self.known.insert((table.span, axis, within), (space, answer.clone()));
        answer
    }

    /// The faults of rows whose keys are taken in two ranges.
    fn of_both(&mut self, table: &Table, axis: usize, [named, proved]: [Space; 2]) -> Answered {
        if named == proved {
            return self.faults(table, axis, Within::Named, named);
        }
        let Faults { gap, overlaps, .. } = self.faults(table, axis, Within::Proved, proved)?;
        let named = self.faults(table, axis, Within::Named, named)?;
        Ok(Faults { gap, overlaps, ..named })
    }
}

impl Checker<'_> {
    /// Judges the tables, now that all uses are known. What depends on values is answered, still to be met on an input.
    pub fn coverage(&mut self, judge: &mut Judge) -> Vec<Found> {
        let mut all = vec![];
        for index in 0..self.version.tables.len() {
            let id = TableId::from_u32(index as u32);
            let proved = self.proved_domains(id, judge.fields);
            let spaces = [None, Some(&proved)].map(|proved| self.space(id, proved));
            self.mark_optional_keys(id, &spaces[0]);
            let (said, found) = self.judged(id, spaces, judge);
            said.into_iter().for_each(|diagnostic| self.findings.report(diagnostic));
            all.extend(found.into_iter().map(|found| Found { proved: proved.clone(), ..found }));
        }
        all
    }

    /// What is wrong with the rows of a table in the range that they name, and in the one that is proved.
    fn judged(&self, id: TableId, spaces: [Space; 2], judge: &mut Judge) -> Judged {
        match self.grid(&self.version.tables[id]) {
            Some(columns) => grid_faults(self, id, &spaces, columns, judge),
            None => table_faults(self, id, spaces, judge),
        }
    }

    /// What is still wrong with a table within the ranges that the lowering proves for its keys.
    fn lowered(
        &self,
        id: TableId,
        found: Vec<Found>,
        policy: &Policy,
        version: usize,
        judge: &mut Judge,
    ) -> Vec<Found> {
        let before = &found[0].proved;
        let version = &policy.versions[version];
        let sharper = |(key, before): (&Key, &Option<Domain>)| {
            let is_let = matches!(version.exprs[key.value].kind, ExprKind::Let(_));
            let range = is_let.then(|| table::range_of_key(policy, version, id, key.value)).flatten();
            match (range.map(Domain::all), before) {
                (Some(range), Some(before)) => both(&range, before).or_else(|| Some(before.clone())),
                (range, before) => range.or_else(|| before.clone()),
            }
        };
        let keys = &self.version.tables[id].keys;
        let proved: Vec<Option<Domain>> = keys.iter().zip(before).map(sharper).collect();
        if proved == *before {
            return found;
        }
        let spaces = [None, Some(&proved)].map(|proved| self.space(id, proved));
        let (_, found) = self.judged(id, spaces, judge);
        found.into_iter().map(|found| Found { proved: proved.clone(), ..found }).collect()
    }

    /// By key of a table, the values that are proved for it where it is a `let`.
    fn proved_domains(&self, id: TableId, fields: Option<&Policy>) -> Vec<Option<Domain>> {
        let keys = &self.version.tables[id].keys;
        let Some(fields) = fields else { return vec![None; keys.len()] };
        let mut stretch = Stretch::anywhere(fields, &self.version);
        let mut proved = |key: &Key| {
            let expr = &self.version.exprs[key.value];
            let is_let = matches!(expr.kind, ExprKind::Let(_));
            is_let.then(|| domain_of(&stretch.extent(key.value), expr.ty)).flatten()
        };
        keys.iter().map(&mut proved).collect()
    }

    /// Says what was found in the version with this index; where the policy could be read, with an input on which it is met.
    pub fn say(
        &mut self,
        found: Vec<Found>,
        version: usize,
        judge: &mut Judge,
        whole: &mut Option<(&Policy, Searches)>,
    ) {
        let mut by_table: BTreeMap<TableId, Vec<Found>> = BTreeMap::new();
        for found in found {
            by_table.entry(found.keys.table).or_default().push(found);
        }
        for (id, mut found) in by_table {
            if let Some((policy, _)) = whole {
                found = self.lowered(id, found, policy, version, judge);
            }
            for found in found {
                let shown = self.shown(&found, version, whole.as_mut().map(|(_, searches)| searches));
                let diagnostic = told(self, &found, shown);
                self.findings.report(diagnostic);
            }
        }
    }

    fn shown(&self, found: &Found, version: usize, searches: Option<&mut Searches>) -> Shown {
        let Keys { table, keys, near, .. } = &found.keys;
        let table = &self.version.tables[*table];
        let exprs = keys.iter().map(|key| &self.version.exprs[table.keys[*key].value]);
        let words = |values: &[Option<i128>]| {
            let words = exprs.clone().zip(values).map(|(expr, value)| match value {
                Some(value) => {
                    format!("{} = {}", self.key_name(&expr.kind), self.declared.written(expr.ty, *value))
                }
                None => format!("{} is missing", self.key_name(&expr.kind)),
            });
            words.collect::<Vec<_>>().join(", ")
        };
        let ranges = exprs.clone().zip(keys).filter_map(|(expr, key)| {
            let domain = match expr.kind {
                ExprKind::Let(_) => found.proved[*key].clone()?,
                _ => self.key_domain(&table.keys[*key]),
            };
            let range = self.declared.range_in_words(expr.ty, &domain);
            Some(format!(
                "`{}` is known to be {}{range}",
                self.key_name(&expr.kind),
                if domain.set.is_some() { "" } else { "in " }
            ))
        });
        let ranges = ranges.collect::<Vec<_>>().join(", ");
        let searched = searches.is_some();
        // what a rule before the use of a key that may be missing decides never comes to that use
        let at = found.asked.and_then(|asked| {
            let is_use = |expr: &Expr| {
                expr.span == asked && matches!(expr.kind, ExprKind::Table(id) if id == found.keys.table)
            };
            self.version.exprs.iter().find(|(_, expr)| is_use(expr)).map(|(at, _)| at)
        });
        let met = searches.and_then(|searches| {
            let (input, values) = searches.keys(version, &found.keys, at)?;
            let scaled = exprs.clone().zip(&values).map(|(expr, value)| scaled(value.as_ref()?, expr.ty));
            Some((input, scaled.collect::<Vec<_>>()))
        });
        match met {
            Some((input, values)) => Shown { words: Some(words(&values)), input, ranges, searched },
            None => {
                // without a search, values of fields and parameters are those that they can have
                let is_known = exprs.clone().all(|expr| !matches!(expr.kind, ExprKind::Let(_)));
                let words = (!searched && is_known).then(|| words(near));
                Shown { words, input: vec![], ranges, searched }
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

    /// The keys and rows of a table, keys only within what is proved where that is given.
    fn space(&self, id: TableId, proved: Option<&Vec<Option<Domain>>>) -> Space {
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
            let named = self.key_domain(key);
            let proved = proved.and_then(|proved| proved[at].as_ref());
            Axis { domain: proved.and_then(|proved| both(&named, proved)).unwrap_or(named), missing }
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

    fn key_name(&self, kind: &ExprKind) -> String {
        match kind {
            ExprKind::Field(field) => self.declared.inputs[*field as usize].decl.name.text.clone(),
            ExprKind::Param(param) => self.version.params[*param].name.clone(),
            ExprKind::Let(id) => self.version.lets[*id].name.clone(),
            ExprKind::Hole(hole) => self.declared.holes[*hole as usize].hole.name.clone(),
            _ => unreachable!("keys are inputs, parameters and `let`s"),
        }
    }

    /// A row that applies next to a combination of keys to which none does.
    fn row_beside(&self, Keys { table, keys, near, .. }: &Keys) -> Option<Span> {
        let table = &self.version.tables[*table];
        let applies = |row: &&TableRow, point: &Point| {
            keys.iter().zip(point).all(|(key, value)| match (&row.cells[*key], value) {
                (Cell::Any, _) | (Cell::Missing, None) => true,
                (Cell::Within(spans), Some(value)) => {
                    let ty = self.version.exprs[table.keys[*key].value].ty;
                    let holds = |span| {
                        self.interval(span, ty, Interval::FULL).is_some_and(|span| span.contains(*value))
                    };
                    spans.iter().any(holds)
                }
                _ => false,
            })
        };
        let beside = |at: usize| {
            [-1, 1].into_iter().filter_map(move |step| {
                let mut point = near.clone();
                point[at] = Some(near[at]?.checked_add(step)?);
                Some(point)
            })
        };
        let mut points = (0..near.len()).flat_map(beside);
        points.find_map(|point| table.rows.iter().find(|row| applies(row, &point))).map(|row| row.span)
    }

    /// The place where a table is used with a key that may be missing, of the first key that the combination
    /// leaves out.
    fn asked_at(&self, table: &Table, point: &Point) -> Option<Span> {
        let (_, uses) =
            self.missing_keys.iter().find(|(id, _)| self.version.tables[**id].span == table.span)?;
        uses.iter().zip(point).find_map(|(at, value)| at.filter(|_| value.is_none()))
    }
}

/// What the values of a proved range are as integers of the type's scale; `None` if one of its ends is not known.
fn domain_of(extent: &Extent, ty: Ty) -> Option<Domain> {
    match extent {
        Extent::Number(Some(low), Some(high)) => {
            let power = BigRational::from(num_traits::pow(BigInt::from(10), ty.scale()?.into()));
            let (lo, hi) = ((low * &power).ceil(), (high * &power).floor());
            let (lo, hi) = (lo.to_integer().to_i128()?, hi.to_integer().to_i128()?);
            (lo <= hi).then(|| Domain::all(Interval::new(lo, hi)))
        }
        Extent::Number(..) | Extent::Bool(Answer::Unknown) | Extent::Enum(None) => None,
        Extent::Bool(answer) => Some(Domain::all(Interval::point((*answer == Answer::Yes).into()))),
        Extent::Enum(Some(values)) => Domain::of(values.iter().map(|value| i128::from(*value)).collect()),
    }
}

/// What two domains have in common, one of which is a range; `None` if that is nothing.
fn both(range: &Domain, other: &Domain) -> Option<Domain> {
    let within = range.range;
    match &other.set {
        Some(set) => {
            let common: Vec<i128> = set.iter().copied().filter(|value| within.contains(*value)).collect();
            if common.is_empty() { None } else { Domain::of(common) }
        }
        None => other.range.intersect(within).map(Domain::all),
    }
}

/// A value as an integer of the type's scale.
fn scaled(value: &Value, ty: Ty) -> Option<i128> {
    match value {
        Value::Number(number) => {
            let power = BigRational::from(num_traits::pow(BigInt::from(10), ty.scale()?.into()));
            (number * power).to_integer().to_i128()
        }
        Value::Bool(value) => Some((*value).into()),
        Value::Enum(value) => Some((*value).into()),
    }
}

type Judged = (Vec<Diagnostic>, Vec<Found>);

fn table_faults(checker: &Checker, id: TableId, spaces: [Space; 2], judge: &mut Judge) -> Judged {
    let table = &checker.version.tables[id];
    let rows = spaces[1].rows.clone();
    let Ok(faults) = judge.of_both(table, 0, spaces) else {
        return (too_intricate(checker, table).into_iter().collect(), vec![]);
    };
    let all: Vec<usize> = (0..table.keys.len()).collect();
    let wrong = |near: &Point, wrong: Wrong| Found {
        keys: Keys { table: id, keys: all.clone(), near: near.clone(), wrong },
        noun: "row",
        asked: None,
        choice: None,
        proved: vec![],
    };
    if faults.gap.is_none()
        && let Some(choice) = meant_first(checker, table, &rows, &faults)
    {
        let (first, second, point) = &faults.overlaps[0];
        let found = Found { choice: Some(choice), ..wrong(point, Wrong::Overlap(*first, *second)) };
        return (vec![], vec![found]);
    }
    let empty = faults.empty.iter().map(|&row| empty_row(checker, table, &table.rows[row]));
    let unreached = faults.unreached.iter().map(|&row| unreached_row(&table.rows[row]));
    let said = empty.take(SHOWN_MAX).chain(unreached.take(SHOWN_MAX)).collect();
    let overlaps = faults.overlaps.iter().take(SHOWN_MAX);
    let overlaps = overlaps.map(|(first, second, point)| wrong(point, Wrong::Overlap(*first, *second)));
    let gap = faults
        .gap
        .iter()
        .map(|point| Found { asked: checker.asked_at(table, point), ..wrong(point, Wrong::Gap) });
    (said, overlaps.chain(gap).collect())
}

/// A grid is right where its rows and its columns each are.
fn grid_faults(
    checker: &Checker,
    id: TableId,
    spaces: &[Space; 2],
    columns: usize,
    judge: &mut Judge,
) -> Judged {
    let table = &checker.version.tables[id];
    let count = table.rows.len();
    let heads: Vec<usize> = (0..columns.min(count)).collect();
    let rows: Vec<usize> = (0..count).step_by(columns.max(1)).collect();
    let (mut said, mut all) = (vec![], vec![]);
    for (axis, members, noun) in [(0, rows, "row"), (1, heads, "column")] {
        if axis == 1 && members.is_empty() {
            continue;
        }
        let line = |space: &Space| Space {
            axes: vec![space.axes[axis].clone()],
            rows: members.iter().map(|&row| vec![space.rows[row][axis].clone()]).collect(),
        };
        let Ok(faults) = judge.of_both(table, axis, [line(&spaces[0]), line(&spaces[1])]) else {
            said.extend(too_intricate(checker, table));
            continue;
        };
        let name = checker.key_name(&checker.version.exprs[table.keys[axis].value].kind);
        said.extend(faults.empty.iter().take(SHOWN_MAX).map(|line| {
            let message = format!("this {noun} does not apply to any value of `{name}`");
            let span = table.rows[members[*line]].span;
            Diagnostic::new(Code::DeadRow, span, message).help("correct its cell, or remove it")
        }));
        let wrong = |near: &Point, wrong: Wrong, asked: Option<Span>| Found {
            keys: Keys { table: id, keys: vec![axis], near: near.clone(), wrong },
            noun,
            asked,
            choice: None,
            proved: vec![],
        };
        let overlaps = faults.overlaps.iter().take(SHOWN_MAX).map(|(first, second, point)| {
            wrong(point, Wrong::Overlap(members[*first], members[*second]), None)
        });
        let gap = faults.gap.iter().map(|point| {
            let mut whole = vec![Some(0); table.keys.len()];
            whole[axis] = point[0];
            wrong(point, Wrong::Gap, checker.asked_at(table, &whole))
        });
        all.extend(overlaps.chain(gap));
    }
    (said, all)
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
/// it overlaps. The word that says otherwise.
fn meant_first(checker: &Checker, table: &Table, rows: &[Vec<Accepts>], faults: &Faults) -> Option<Span> {
    let widens = |&(first, second, _): &(usize, usize, Point)| {
        let (inner, outer) = (&rows[first], &rows[second]);
        inner.iter().zip(outer).all(|(inner, outer)| takes_in(outer, inner)) && inner != outer
    };
    let choice = checker.declared.items.tables.iter().find_map(|item| match item {
        TableItem::Table(item) if item.span == table.span => Some(item.choice_span),
        _ => None,
    })?;
    (!faults.overlaps.is_empty() && faults.overlaps.iter().all(widens)).then_some(choice)
}

/// Whether one cell holds wherever the other does.
fn takes_in(outer: &Accepts, inner: &Accepts) -> bool {
    let within = |span: &Interval| outer.spans.iter().any(|wide| wide.lo <= span.lo && span.hi <= wide.hi);
    (outer.missing || !inner.missing) && inner.spans.iter().all(within)
}

/// What was found, in words.
fn told(checker: &Checker, found: &Found, shown: Shown) -> Diagnostic {
    let table = &checker.version.tables[found.keys.table];
    let (name, noun) = (&table.name, found.noun);
    let Shown { words, input, ranges, searched } = shown;
    let ranges = if ranges.is_empty() { String::new() } else { format!(": {ranges}") };
    let diagnostic = match found.keys.wrong {
        Wrong::Overlap(first, second) => {
            let (first, second) = (table.rows[first].span, table.rows[second].span);
            if let Some(choice) = found.choice {
                let message = match words {
                    Some(words) => format!("several rows of `{name}` apply when {words}"),
                    None => format!("several rows of `{name}` could apply{ranges}"),
                };
                Diagnostic::new(
                    Code::TableOverlap,
                    choice,
                    format!("`unique` allows one row for each value, but {message}"),
                )
                .also(first, "one row")
                .also(second, "another row")
                .help("write `first` if the first row that applies should count")
                .fix(choice, "first")
            } else {
                let message = match words {
                    Some(words) => format!("two {noun}s of `{name}` apply when {words}"),
                    None => format!("two {noun}s of `{name}` could apply to one value{ranges}"),
                };
                let help = match checker.grid(table) {
                    Some(_) => format!("change the cells so that exactly one {noun} applies to each value"),
                    None => "change the cells so that each combination has one row, or write `first` if the first row should count".into(),
                };
                Diagnostic::new(Code::TableOverlap, second, message).also(first, "the other row").help(help)
            }
        }
        Wrong::Gap => {
            let at = checker.name_span(table);
            match (found.asked, words) {
                (Some(asked), Some(words)) => Diagnostic::new(
                    Code::MissingNotCovered,
                    asked,
                    format!("no {noun} of `{name}` applies when {words}"),
                )
                .label("a key may be missing here")
                .also(at, "declared here")
                .help("add a row with `missing` or `any`, or decide such rows in an earlier rule"),
                (Some(asked), None) => Diagnostic::new(
                    Code::MissingNotCovered,
                    asked,
                    format!("the {noun}s of `{name}` do not cover every key that is missing"),
                )
                .label("a key could be missing here")
                .also(at, "declared here")
                .help("add a row with `missing` or `any`, or decide such rows in an earlier rule"),
                (None, words) => {
                    let beside = if words.is_none() { checker.row_beside(&found.keys) } else { None };
                    let message = match words {
                        Some(words) => format!("no {noun} of `{name}` applies when {words}"),
                        None => format!("the {noun}s of `{name}` could leave a gap{ranges}"),
                    };
                    let diagnostic = Diagnostic::new(Code::TableGap, at, message);
                    let diagnostic = beside.into_iter().fold(diagnostic, |diagnostic, row| {
                        diagnostic.also(row, format!("no {noun} continues this one"))
                    });
                    diagnostic.help(match table.unique {
                        true => "add a row, or widen one: `< a` and `>= a` have no outer end",
                        false => "add a row, or end the table with a row of `any`",
                    })
                }
            }
        }
    };
    if !input.is_empty() {
        return diagnostic.counterexample(input);
    }
    if searched { unseen(diagnostic, "") } else { diagnostic }
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
