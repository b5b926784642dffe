//! What do the rows of a table or grid say? Resolves keys and reads cells and values according to their types. A grid
//! becomes a table of two keys with one row for each of its values.

use std::collections::BTreeMap;

use opus_ir::date::{DAY_MAX, DAY_MIN};
use opus_ir::{Domain, Interval};

use crate::diagnostic::{Code, Diagnostic, counted};
use crate::hir::{self, Cell, CellSpan, Constant, ExprKind, Key, TableId, TableRow, Ty, Unit};
use crate::text::ast::{self, CellKind, Choice, Comparison, Name, Span, Text};

use super::items::TableItem;
use super::names;
use super::schema::TypeInfo;
use super::scope::{Binding, Checker, Named};
use super::words::{plain, unit_to_round_to};

/// The range of a value about which nothing is known: its distance from any other still fits 128 bits.
pub(super) const UNBOUNDED: Interval = Interval { lo: -(1 << 120), hi: 1 << 120 };

/// A key while cells are read against it.
#[derive(Clone)]
struct Column<'a> {
    key: Key,
    ty: Ty,
    name: &'a Name,
    optional: bool,
}

/// What rows of tables and grids have beside cells and values.
struct RowNote<'a> {
    id: Option<&'a Name>,
    cite: Option<&'a Text>,
}

impl<'a> Checker<'a> {
    /// Understands a table or grid; its coverage is judged when all its uses are known.
    pub fn table(&mut self, item: TableItem<'a>, index: u32) -> Option<TableId> {
        let columns = self.columns(item);
        let info = self.declared.tables[index as usize].clone();
        let mut columns = columns?;
        let (rows, unique, cite) = match item {
            TableItem::Table(table) => {
                (self.rows(table, &columns, info.as_ref()), table.choice == Choice::Unique, &table.cite)
            }
            TableItem::Grid(grid) => (self.grid_rows(grid, &columns, info.as_ref()), true, &grid.cite),
        };
        let ty = self.declared.ty(info?.kind);
        let rows = rows?;
        self.bound_named_keys(&mut columns, &rows);
        let keys = columns.into_iter().map(|column| column.key).collect();
        let name = item.name().text.clone();
        let cite = cite.as_ref().map(|cite| cite.text.clone());
        let span = item.span();
        Some(self.version.tables.push(hir::Table { name, keys, rows, ty, unique, cite, span }))
    }

    fn columns(&mut self, item: TableItem<'a>) -> Option<Vec<Column<'a>>> {
        let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
        let mut columns = Some(vec![]);
        for (at, name) in item.args().into_iter().enumerate() {
            if let Some(first) = seen.insert(&name.text, name.span) {
                self.findings.report(names::duplicate(name, first, "the key"));
            }
            match (self.column(name, item, at), &mut columns) {
                (Some(column), Some(columns)) => columns.push(column),
                _ => columns = None,
            }
        }
        columns
    }

    /// A key: an input, parameter or `let` of the policy's level.
    fn column(&mut self, name: &'a Name, item: TableItem<'a>, at: usize) -> Option<Column<'a>> {
        let Some(binding) = self.bindings.get(name.text.as_str()).cloned() else {
            let known = self.bindings.keys().copied();
            self.findings.report(names::unknown(name, "input, parameter or `let`", known));
            return None;
        };
        let (kind, ty, optional) = match binding {
            Binding::Input(index) => {
                let field = &self.declared.inputs[index as usize];
                self.findings.refer(field.decl.name.span);
                let info = field.ty.as_ref().filter(|info| info.domain.is_some())?;
                (ExprKind::Field(index), self.declared.ty(info.kind), field.decl.optional.is_some())
            }
            Binding::Param(param, defined) => {
                self.findings.refer(defined);
                (ExprKind::Param(param?), self.version.params[param?].ty, false)
            }
            Binding::Hole(hole, defined) => {
                self.findings.refer(defined);
                (ExprKind::Hole(hole?), self.declared.holes[hole? as usize].ty, false)
            }
            Binding::Set(_, defined) => return self.bad_key(name, defined, "is a set"),
            Binding::Let(named, defined) => {
                self.findings.refer(defined);
                let Named { id, ty, .. } = named?;
                (ExprKind::Let(id), ty, false)
            }
            Binding::Table(_, defined) | Binding::FactTable(_, defined) => {
                return self.bad_key(name, defined, "is a table");
            }
            Binding::Later(defined) => return self.bad_key(name, defined, "is defined between rules"),
            Binding::NotInForce(defined) => {
                return self.bad_key(name, defined, "is not defined");
            }
        };
        if ty.scale().is_none() {
            self.findings.report(self.quotient_key(name, ty, item, at));
            return None;
        }
        let range = self.key_range(&kind, ty);
        let value = self.push(kind, ty, name.span).id;
        let key = Key { value, optional: None, range };
        Some(Column { key, ty, name, optional })
    }

    /// A key that is an exact quotient: its `let` has to round it, to what the cells hold.
    fn quotient_key(&self, name: &Name, ty: Ty, item: TableItem, at: usize) -> Diagnostic {
        let message = format!("`{}` is an exact quotient, and a table needs a rounded key", name.text);
        let defined = self.declared.items.lets.iter().find(|item| item.name.text == name.text);
        let place = defined.map_or(name.span, |item| self.node(item.value).span);
        let diagnostic = Diagnostic::new(Code::QuotientStored, place, message);
        let diagnostic = if defined.is_some() {
            diagnostic.also(name.span, format!("a key of `{}`", item.name().text))
        } else {
            diagnostic
        };
        let cell = match item {
            TableItem::Table(table) => {
                table.rows.iter().filter_map(|row| row.cells.get(at)).find_map(first_of)
            }
            TableItem::Grid(grid) if at == 0 => grid.rows.iter().find_map(|row| first_of(&row.cell)),
            TableItem::Grid(grid) => grid.columns.iter().find_map(first_of),
        };
        let unit = match cell.map(|cell| &self.node(cell).kind) {
            Some(ast::ExprKind::Percent(_)) => "0.01%",
            Some(ast::ExprKind::Number(number)) if number.scale > 0 => "0.01",
            Some(ast::ExprKind::Number(_)) => "integer",
            _ => unit_to_round_to(ty.unit),
        };
        diagnostic.help(format!("round it in its `let`: `let {} = … rounded half_up to {unit}`", name.text))
    }

    fn bad_key<T>(&mut self, name: &Name, defined: Span, why: &str) -> Option<T> {
        self.findings.refer(defined);
        let message = format!("`{}` cannot be the key of a table, because it {why}", name.text);
        let diagnostic = Diagnostic::new(Code::BadKey, name.span, message).also(defined, "defined here");
        self.findings.report(diagnostic.help("a key is an input, a parameter or a `let` outside the rules"));
        None
    }

    /// The values that a key can have. Those of a `let` are not known before it is lowered: see
    /// [`Checker::bound_named_keys`].
    fn key_range(&self, kind: &ExprKind, ty: Ty) -> Interval {
        match kind {
            ExprKind::Field(index) => self.input_domain(*index).range,
            ExprKind::Hole(hole) => self.declared.holes[*hole as usize].domain().range,
            ExprKind::Param(param) => {
                let value = self.declared.scaled(ty, self.version.params[*param].value);
                value.map_or(UNBOUNDED, Interval::point)
            }
            _ => match ty.unit {
                Unit::Bool => Interval::BOOL,
                Unit::Enum(index) => {
                    let values = self.declared.enums[index as usize].values.len();
                    Interval::new(0, values.max(1) as i128 - 1)
                }
                Unit::Date => Interval::new(DAY_MIN, DAY_MAX),
                _ => UNBOUNDED,
            },
        }
    }

    fn input_domain(&self, index: u32) -> Domain {
        let info = self.declared.inputs[index as usize].ty.as_ref();
        info.and_then(|info| info.domain.clone()).unwrap_or(Domain::all(UNBOUNDED))
    }

    /// The values over which the rows are judged for a key.
    pub fn key_domain(&self, key: &Key) -> Domain {
        match self.version.exprs[key.value].kind {
            ExprKind::Field(index) => self.input_domain(index),
            ExprKind::Hole(hole) => self.declared.holes[hole as usize].domain(),
            _ => Domain::all(key.range),
        }
    }

    /// Where a key is a `let`, its range is from the least to the greatest value that the rows name, and beyond where one
    /// of them is open there. That no value leaves this range is proved where the policy is lowered.
    fn bound_named_keys(&self, columns: &mut [Column], rows: &[TableRow]) {
        for (at, column) in columns.iter_mut().enumerate() {
            let ordered = !matches!(column.ty.unit, Unit::Bool | Unit::Enum(_));
            if ordered && matches!(self.version.exprs[column.key.value].kind, ExprKind::Let(_)) {
                let range = column.key.range;
                let named = rows.iter().flat_map(|row| self.named_by(&row.cells[at], column.ty, range));
                column.key.range = named.reduce(Interval::hull).unwrap_or(range);
            }
        }
    }

    fn named_by(&self, cell: &Cell, ty: Ty, range: Interval) -> Vec<Interval> {
        match cell {
            Cell::Any => vec![range],
            Cell::Missing => vec![],
            Cell::Within(spans) => spans.iter().filter_map(|span| self.interval(span, ty, range)).collect(),
        }
    }

    fn rows(
        &mut self,
        table: &'a ast::Table,
        columns: &[Column],
        info: Option<&TypeInfo>,
    ) -> Option<Vec<TableRow>> {
        let mut ids: BTreeMap<&str, Span> = BTreeMap::new();
        let mut rows = Some(vec![]);
        let start = self.period.from;
        for row in table.rows.iter().filter(|row| row.dated.holds_on(start)) {
            let note = RowNote { id: row.id.as_ref(), cite: row.cite.as_ref() };
            self.row_id_once(&note, &mut ids);
            if row.cells.len() != columns.len() {
                self.findings.report(wrong_cells(row.span, row.cells.len(), columns));
                rows = None;
                continue;
            }
            let cells: Vec<Option<Cell>> =
                row.cells.iter().zip(columns).map(|(cell, column)| self.cell(cell, column)).collect();
            let cells = cells.into_iter().collect::<Option<Vec<Cell>>>();
            let value = self.row_value(row.value, info);
            match (cells, value, &mut rows) {
                (Some(cells), Some(value), Some(rows)) => rows.push(note.row(cells, value, row.span)),
                _ => rows = None,
            }
        }
        rows
    }

    fn grid_rows(
        &mut self,
        grid: &'a ast::Grid,
        columns: &[Column],
        info: Option<&TypeInfo>,
    ) -> Option<Vec<TableRow>> {
        let [row_key, column_key] = columns else { return None };
        let heads: Vec<Option<Cell>> = grid.columns.iter().map(|cell| self.cell(cell, column_key)).collect();
        let heads = heads.into_iter().collect::<Option<Vec<Cell>>>();
        let mut ids: BTreeMap<&str, Span> = BTreeMap::new();
        let mut rows = Some(vec![]);
        let start = self.period.from;
        for row in grid.rows.iter().filter(|row| row.dated.holds_on(start)) {
            let note = RowNote { id: row.id.as_ref(), cite: row.cite.as_ref() };
            self.row_id_once(&note, &mut ids);
            let cell = self.cell(&row.cell, row_key);
            let values: Vec<Option<Constant>> =
                row.values.iter().map(|value| self.row_value(*value, info)).collect();
            let values = values.into_iter().collect::<Option<Vec<Constant>>>();
            if row.values.len() != grid.columns.len() {
                self.findings.report(wrong_values(row, grid.columns.len()));
                rows = None;
            }
            let (Some(cell), Some(values), Some(heads), Some(rows)) = (cell, values, &heads, &mut rows)
            else {
                rows = None;
                continue;
            };
            for ((head, value), at) in heads.iter().zip(values).zip(&row.values) {
                let span = self.declared.tree.exprs[*at].span;
                rows.push(note.row(vec![cell.clone(), head.clone()], value, span));
            }
        }
        rows
    }

    fn row_id_once<'n>(&mut self, note: &RowNote<'n>, ids: &mut BTreeMap<&'n str, Span>) {
        if let Some(id) = note.id
            && let Some(first) = ids.insert(&id.text, id.span)
        {
            self.findings.report(names::duplicate(id, first, "the row"));
        }
    }

    fn row_value(&mut self, value: ast::ExprId, info: Option<&TypeInfo>) -> Option<Constant> {
        self.declared.constant_in(value, info?, &mut self.findings)
    }

    fn cell(&mut self, cell: &ast::Cell, column: &Column) -> Option<Cell> {
        let spans = match &cell.kind {
            CellKind::Any => return Some(Cell::Any),
            CellKind::Missing if column.optional => return Some(Cell::Missing),
            CellKind::Missing => {
                let message = format!("`{}` is never missing", column.name.text);
                let diagnostic = Diagnostic::new(Code::NeverMissing, cell.span, message);
                self.findings.report(diagnostic.help("remove the row, or declare the input `optional`"));
                return None;
            }
            CellKind::Value(value) => vec![self.point(*value, column)?],
            CellKind::Set(members) => {
                let points: Vec<Option<CellSpan>> =
                    members.iter().map(|member| self.point(*member, column)).collect();
                points.into_iter().collect::<Option<_>>()?
            }
            CellKind::Range { low, high } => {
                vec![self.span(cell, column, Some((*low, true)), Some((*high, true)))?]
            }
            CellKind::Below { low, high } => {
                vec![self.span(cell, column, Some((*low, true)), Some((*high, false)))?]
            }
            CellKind::Above { low, high } => {
                vec![self.span(cell, column, Some((*low, false)), Some((*high, true)))?]
            }
            CellKind::Compare { op, bound } => {
                let (low, high) = match op {
                    Comparison::Less => (None, Some((*bound, false))),
                    Comparison::LessOrEqual => (None, Some((*bound, true))),
                    Comparison::Greater => (Some((*bound, false)), None),
                    Comparison::GreaterOrEqual => (Some((*bound, true)), None),
                    Comparison::Equal => (Some((*bound, true)), Some((*bound, true))),
                    Comparison::NotEqual => {
                        self.findings.hole();
                        return None;
                    }
                };
                vec![self.span(cell, column, low, high)?]
            }
        };
        Some(Cell::Within(spans))
    }

    fn point(&mut self, value: ast::ExprId, column: &Column) -> Option<CellSpan> {
        if let Some(diagnostic) = self.range_with_minus(value) {
            self.findings.report(diagnostic);
            return None;
        }
        let domain = self.known_domain(column);
        let constant = self.declared.constant_near(value, column.ty, domain.as_ref(), &mut self.findings)?;
        Some(CellSpan { low: Some((constant, true)), high: Some((constant, true)) })
    }

    /// The declared range of a key that is an input.
    fn known_domain(&self, column: &Column) -> Option<Domain> {
        let ExprKind::Field(index) = self.version.exprs[column.key.value].kind else { return None };
        Some(self.input_domain(index))
    }

    /// `700-759`: a range as in prose.
    fn range_with_minus(&self, value: ast::ExprId) -> Option<Diagnostic> {
        use ast::ExprKind::{Arithmetic, Date, Money, Number, Percent};
        let node = self.node(value);
        let Arithmetic { op: ast::Arithmetic::Subtract, left, right } = node.kind else { return None };
        let literal = |expr: ast::ExprId| {
            matches!(self.node(expr).kind, Number(_) | Percent(_) | Money { .. } | Date(_))
        };
        let (low, high) = (self.node(left), self.node(right));
        if !literal(left) || !literal(right) {
            return None;
        }
        let example = match (&low.kind, &high.kind) {
            (Number(a), Number(b)) => format!("{}..{}", plain(*a), plain(*b)),
            (Percent(a), Percent(b)) => format!("{}%..{}%", plain(*a), plain(*b)),
            _ => "a..b".into(),
        };
        let between = Span { start: low.span.end, end: high.span.start };
        let diagnostic = Diagnostic::new(Code::NotConstant, node.span, "a range is not written with `-`");
        Some(diagnostic.help(format!("write `{example}`, with both ends included")).fix(between, ".."))
    }

    fn span(
        &mut self,
        cell: &ast::Cell,
        column: &Column,
        low: Option<(ast::ExprId, bool)>,
        high: Option<(ast::ExprId, bool)>,
    ) -> Option<CellSpan> {
        if matches!(column.ty.unit, Unit::Bool | Unit::Enum(_)) {
            let message = format!("{} has no order", self.declared.describe(column.ty));
            let diagnostic = Diagnostic::new(Code::NoRange, cell.span, message);
            self.findings.report(diagnostic.help("list the values: `{a, b}`"));
            return None;
        }
        let domain = self.known_domain(column);
        let mut end = |end: Option<(ast::ExprId, bool)>| -> Option<Option<(Constant, bool)>> {
            let Some((expr, closed)) = end else { return Some(None) };
            let constant =
                self.declared.constant_near(expr, column.ty, domain.as_ref(), &mut self.findings)?;
            Some(Some((constant, closed)))
        };
        let (low, high) = (end(low), end(high));
        let span = CellSpan { low: low?, high: high? };
        if self.interval(&span, column.ty, UNBOUNDED).is_none() {
            let of =
                |end: Option<(Constant, bool)>| end.and_then(|(end, _)| self.declared.scaled(column.ty, end));
            let diagnostic = match (of(span.low), of(span.high)) {
                (Some(low), Some(high)) if low > high => {
                    self.declared.empty_range(cell.span, column.ty, low, high)
                }
                _ => Diagnostic::new(Code::EmptyRange, cell.span, "this range is empty")
                    .help("correct its ends, or remove the row"),
            };
            self.findings.report(diagnostic);
            return None;
        }
        Some(span)
    }

    /// The values of a span as integers of the key's scale, within what the key can have; `None` if there
    /// are none.
    pub fn interval(&self, span: &CellSpan, ty: Ty, within: Interval) -> Option<Interval> {
        let low = match span.low {
            None => within.lo,
            Some((end, closed)) => self.declared.scaled(ty, end)?.checked_add(!closed as i128)?,
        };
        let high = match span.high {
            None => within.hi,
            Some((end, closed)) => self.declared.scaled(ty, end)?.checked_sub(!closed as i128)?,
        };
        (low <= high).then(|| Interval::new(low, high)).and_then(|span| span.intersect(within))
    }
}

impl RowNote<'_> {
    fn row(&self, cells: Vec<Cell>, value: Constant, span: Span) -> TableRow {
        let id = self.id.map(|id| id.text.clone());
        let cite = self.cite.map(|cite| cite.text.clone());
        TableRow { cells, value, id, cite, span }
    }
}

/// The first value in a cell.
fn first_of(cell: &ast::Cell) -> Option<ast::ExprId> {
    match &cell.kind {
        CellKind::Any | CellKind::Missing => None,
        CellKind::Value(value) => Some(*value),
        CellKind::Set(members) => members.first().copied(),
        CellKind::Range { low, .. } | CellKind::Below { low, .. } | CellKind::Above { low, .. } => Some(*low),
        CellKind::Compare { bound, .. } => Some(*bound),
    }
}

fn wrong_cells(span: Span, found: usize, columns: &[Column]) -> Diagnostic {
    let keys: Vec<String> = columns.iter().map(|column| format!("`{}`", column.name.text)).collect();
    let cells = counted(found, "cell");
    let message =
        format!("this row has {cells} before `=>`, but the keys of the table are {}", keys.join(", "));
    Diagnostic::new(Code::WrongCellCount, span, message)
        .help("write one cell for each key, and `any` where the key does not matter")
}

fn wrong_values(row: &ast::GridRow, expected: usize) -> Diagnostic {
    let (columns, values) = (counted(expected, "column"), counted(row.values.len(), "value"));
    let message = format!("the grid has {columns}, but this row has {values}");
    Diagnostic::new(Code::WrongCellCount, row.span, message).help("write one value for each column")
}
