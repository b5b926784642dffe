//! What is a table lowered to? Each key becomes the number of its class, a set of values that no row distinguishes.
//! The classes become one index, and the index is looked up. If that would take too many entries, the rows become a
//! chain of selects.

use std::collections::BTreeMap;

use opus_ir::{Interval, Op, Value};

use super::complaint::Fault;
use super::expr::{Failed, Lowerer};
use super::quantity::{Sum, gcd, power_of_ten};
use super::site::Truth;
use crate::hir::{Cell, CellSpan, Constant, ExprId, ExprKind, Key, Policy, Table, TableId, Unit, Version};

/// The most entries of a table over several keys, or this many for each of its rows. (A table over one key has at
/// most two for each span.)
const ENTRIES_MAX: usize = 4096;
const ENTRIES_PER_ROW_MAX: usize = 4;
/// Up to how many values a key is looked up directly, without being compared.
const DIRECT_MAX: i128 = 64;

/// The values of a key in classes that no row tells apart.
struct Classes {
    /// The first value of each span of neighbouring values, the first being the least of the key.
    starts: Vec<i128>,
    /// The class of each of these spans.
    of_span: Vec<usize>,
    /// By class, without that of a missing key: the rows whose cells hold.
    rows: Vec<Rows>,
    /// The rows whose cells hold for a missing key.
    missing: Rows,
}

/// A set of rows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Rows(Vec<u64>);

/// The range that is proved for a key of a table where the table is declared, as integers of the key's scale: on rows for
/// which the requires hold, unless they depend on the table. `None` if the key could not be lowered.
pub fn range_of_key(policy: &Policy, version: &Version, table: TableId, key: ExprId) -> Option<Interval> {
    let mut lowerer = Lowerer::new(policy, version, Vec::new());
    let needed = version.needed(version.requires.iter().map(|(_, condition)| *condition));
    let is_use = |expr: &ExprId| matches!(version.exprs[*expr].kind, ExprKind::Table(used) if used == table);
    if !needed.iter().any(is_use) {
        lowerer.require();
    }
    let value = lowerer.key_value(key, version.exprs[key].ty.scale()?).ok()?;
    Some(lowerer.site.bounds(value))
}

impl Lowerer<'_> {
    /// The cell of a table that applies, as the integer of the table's scale.
    pub(super) fn cell(&mut self, at: ExprId, id: TableId) -> Result<Sum, Failed> {
        let table = &self.version.tables[id];
        let entries = self.entries(at, table)?;
        let common = entries.iter().fold(0, |common, entry| gcd(common, *entry)).max(1);
        let entries: Vec<i128> = entries.into_iter().map(|entry| entry / common).collect();
        let scales = table.keys.iter().map(|key| self.scale_of(key)).collect::<Option<Vec<u8>>>();
        let scales = scales.expect("keys are scaled: types say so");
        let value = match table.keys.as_slice() {
            [key] => self.by_one(at, table, key, scales[0], &entries)?,
            _ => self.by_several(at, table, &scales, &entries)?,
        };
        let sum = self.site.times(value, common);
        self.proved(at, sum)
    }

    /// The value of each row, as an integer of the table's scale.
    fn entries(&mut self, at: ExprId, table: &Table) -> Result<Vec<i128>, Failed> {
        let scale = table.ty.scale().expect("cells are scaled: types say so");
        let entry = |constant: Constant| match constant {
            Constant::Number(number) => number.at_scale(scale),
            Constant::Bool(truth) => Some(truth as i128),
            Constant::Enum(code) => Some(code as i128),
        };
        let entries = table.rows.iter().map(|row| entry(row.value)).collect();
        self.sized(at, entries, None)
    }

    fn scale_of(&self, key: &Key) -> Option<u8> {
        self.version.exprs[key.value].ty.scale()
    }

    /// The entry of a table over one key.
    fn by_one(
        &mut self,
        at: ExprId,
        table: &Table,
        key: &Key,
        scale: u8,
        entries: &[i128],
    ) -> Result<Value, Failed> {
        let spans: Vec<Vec<Interval>> =
            table.rows.iter().map(|row| spans_of(&row.cells[0], key, scale)).collect();
        let (starts, winners) = first_rows(&spans, key.range);
        let entry = |row: Option<usize>| {
            row.and_then(|row| entries.get(row)).or(entries.first()).copied().unwrap_or(0)
        };
        let missing = table.rows.iter().position(|row| matches!(row.cells[0], Cell::Any | Cell::Missing));
        let present = key.optional.map_or(Truth::Known(true), |field| self.site.present(field));
        let missing = self.site.constant(entry(missing));
        if present == Truth::Known(false) {
            return Ok(missing);
        }
        let found = self.supposing(present, |this| -> Result<Value, Failed> {
            let value = this.key(at, key, scale)?;
            let by_span: Vec<i128> = winners.iter().map(|row| entry(*row)).collect();
            Ok(this.look_up(value, key.range, &starts, &by_span))
        })?;
        Ok(self.either(present, found, missing))
    }

    /// The entry of a table over several keys.
    fn by_several(
        &mut self,
        at: ExprId,
        table: &Table,
        scales: &[u8],
        entries: &[i128],
    ) -> Result<Value, Failed> {
        let classes: Vec<Classes> =
            (0..table.keys.len()).map(|index| Classes::of(table, index, scales[index])).collect();
        let sizes: Vec<usize> =
            classes.iter().zip(&table.keys).map(|(classes, key)| classes.size(key)).collect();
        let size = sizes.iter().try_fold(1usize, |size, count| size.checked_mul(*count));
        let size_max = ENTRIES_MAX.max(ENTRIES_PER_ROW_MAX * table.rows.len());
        let Some(size) = size.filter(|size| *size <= size_max) else {
            return self.chain(at, table, scales, entries);
        };
        let dense = dense(&classes, &sizes, size, entries);
        let mut index = Sum::constant(0);
        for (key, classes) in classes.iter().enumerate() {
            let stride: usize = sizes[key + 1..].iter().product();
            let class = self.class(at, &table.keys[key], scales[key], classes)?;
            let part = self.site.times(class, stride as i128);
            let part = self.proved(at, part)?;
            index = index.add(&part).expect("an index is small");
        }
        let index = self.site.sum(&index);
        let index = self.proved(at, index)?;
        Ok(self.entry(index, dense))
    }

    /// The number of the class that a key's value is in.
    fn class(&mut self, at: ExprId, key: &Key, scale: u8, classes: &Classes) -> Result<Value, Failed> {
        let present = key.optional.map_or(Truth::Known(true), |field| self.site.present(field));
        let missing = self.site.constant(classes.rows.len() as i128);
        if present == Truth::Known(false) {
            return Ok(missing);
        }
        let class = self.supposing(present, |this| -> Result<Value, Failed> {
            let value = this.key(at, key, scale)?;
            let by_span: Vec<i128> = classes.of_span.iter().map(|class| *class as i128).collect();
            Ok(this.look_up(value, key.range, &classes.starts, &by_span))
        })?;
        Ok(self.either(present, class, missing))
    }

    /// A key as an integer of its scale, which is within its range.
    fn key(&mut self, at: ExprId, key: &Key, scale: u8) -> Result<Value, Failed> {
        let value = self.key_value(key.value, scale)?;
        let found = self.site.bounds(value);
        if key.range.contains_all(found) {
            return Ok(value);
        }
        let possible = self.site.possible(value);
        let is_listed = possible.iter().all(|span| key.range.contains_all(*span));
        if !is_listed && !self.site.keeps(value, key.range) {
            let fault = Fault::Key { key: key.value, found, range: key.range };
            return Err(self.note_range(at, fault, value, key.range));
        }
        self.site.claim(value, key.range);
        Ok(value)
    }

    /// A key as an integer of its scale.
    fn key_value(&mut self, key: ExprId, scale: u8) -> Result<Value, Failed> {
        match self.version.exprs[key].ty.unit {
            Unit::Bool => {
                let truth = self.truth(key)?;
                let (one, zero) = (self.site.constant(1), self.site.constant(0));
                Ok(self.either(truth, one, zero))
            }
            _ => {
                let quantity = self.number(key)?;
                let units = power_of_ten(scale).and_then(|units| quantity.counted(units));
                let sum = self.sized(key, units, None)?;
                let value = self.site.sum(&sum);
                self.proved(key, value)
            }
        }
    }

    /// The entry of a table from a snapshot: an index of the ranks of its keys, the last varying fastest.
    pub(super) fn entry_of(&mut self, at: ExprId, args: &[ExprId], hole: u32) -> Result<Value, Failed> {
        let policy = self.policy;
        let keys = policy.holes[hole as usize].keys();
        let mut index = Sum::constant(0);
        for (number, (arg, key)) in args.iter().zip(keys).enumerate() {
            let stride: i128 = keys[number + 1..].iter().map(|key| key.domain.count()).product();
            let range = key.domain.range;
            let rank = match &key.domain.set {
                None => {
                    let value = self.key(at, &Key { value: *arg, optional: None, range }, 0)?;
                    match range.lo {
                        0 => value,
                        low => {
                            let low = self.site.constant(low);
                            self.computed(Op::Sub, &[value, low])
                        }
                    }
                }
                Some(set) => {
                    let value = self.key_value(*arg, 0)?;
                    if !self.is_listed(*arg, set) {
                        let found = self.site.bounds(value);
                        return Err(self.note_range(
                            at,
                            Fault::Key { key: *arg, found, range },
                            value,
                            range,
                        ));
                    }
                    self.site.claim(value, range);
                    let ranks: Vec<i128> = (0..set.len() as i128).collect();
                    self.look_up(value, range, set, &ranks)
                }
            };
            let part = self.site.times(rank, stride);
            let part = self.proved(at, part)?;
            index = index.add(&part).expect("an index is small");
        }
        let index = self.site.sum(&index);
        let index = self.proved(at, index)?;
        Ok(self.fact(hole, Some(index)))
    }

    /// Whether an expression can only have listed values, by all that is known here.
    fn is_listed(&mut self, expr: ExprId, listed: &[i128]) -> bool {
        let version = self.version;
        match &version.exprs[expr].kind {
            ExprKind::Let(name) => return self.is_listed(version.lets[*name].body, listed),
            ExprKind::If(condition, a, b) => {
                let Ok(condition) = self.truth(*condition) else { return false };
                let mut listed_if = |truth: Truth, expr: ExprId| {
                    truth == Truth::Known(false) || self.supposing(truth, |this| this.is_listed(expr, listed))
                };
                if listed_if(condition, *a) && listed_if(!condition, *b) {
                    return true;
                }
            }
            _ => {}
        }
        let Ok(value) = self.key_value(expr, 0) else { return false };
        let possible = self.site.possible(value);
        let is_member = |value: i128| listed.binary_search(&value).is_ok();
        let of_field = match version.exprs[expr].kind {
            ExprKind::Field(field) => self.policy.schema.inputs[field as usize].domain.set.as_ref(),
            _ => None,
        };
        if let Some(set) = of_field {
            let is_possible = |value: i128| possible.iter().any(|span| span.contains(value));
            return set.iter().all(|value| !is_possible(*value) || is_member(*value));
        }
        // where more values are possible than are listed, one is not
        let count = |span: &Interval| span.hi.saturating_sub(span.lo).saturating_add(1);
        let few = possible.iter().fold(0, |total: i128, span| total.saturating_add(count(span)));
        few <= listed.len() as i128 && possible.iter().all(|span| (span.lo..=span.hi).all(is_member))
    }

    /// The entry for the span of values that contains `value`.
    fn look_up(&mut self, value: Value, range: Interval, starts: &[i128], by_span: &[i128]) -> Value {
        let alike = |pair: &[i128]| pair[0] == pair[1];
        if by_span.windows(2).all(alike) {
            return self.site.constant(by_span.first().copied().unwrap_or(0));
        }
        if range.hi - range.lo < DIRECT_MAX {
            let span_at = |value: i128| starts.partition_point(|start| *start <= value).saturating_sub(1);
            let entries = (range.lo..=range.hi).map(|value| by_span[span_at(value)]).collect();
            let low = self.site.constant(range.lo);
            let index = if range.lo == 0 { value } else { self.computed(Op::Sub, &[value, low]) };
            return self.entry(index, entries);
        }
        // adjacent spans with the same entry are merged
        let changes = |span: &usize| by_span[*span] != by_span[*span - 1];
        let kept: Vec<usize> = (1..starts.len()).filter(changes).collect();
        let cuts = self.site.table(kept.iter().map(|span| starts[*span]).collect());
        let span = self.site.compute(Op::Bucket, &[value], cuts).expect("a bucket is always proved");
        let entries = std::iter::once(0).chain(kept).map(|span| by_span[span]).collect();
        self.entry(span, entries)
    }

    /// The entry of a constant table.
    fn entry(&mut self, index: Value, entries: Vec<i128>) -> Value {
        let is_index = entries.iter().enumerate().all(|(index, entry)| index as i128 == *entry);
        if is_index {
            return index;
        }
        let table = self.site.table(entries);
        self.site.compute(Op::Lookup, &[index], table).expect("a look-up is always proved")
    }

    fn computed(&mut self, op: Op, args: &[Value]) -> Value {
        self.site.compute(op, args, 0).expect("keys are within their range, which is far from any limit")
    }

    /// The first where the condition holds, otherwise the second.
    fn either(&mut self, condition: Truth, a: Value, b: Value) -> Value {
        match condition {
            Truth::Known(known) => {
                if known {
                    a
                } else {
                    b
                }
            }
            _ if a == b => a,
            Truth::Is(value, true) => self.computed(Op::Select, &[value, a, b]),
            Truth::Is(value, false) => self.computed(Op::Select, &[value, b, a]),
        }
    }

    /// The entry of the first row that applies, row by row.
    fn chain(&mut self, at: ExprId, table: &Table, scales: &[u8], entries: &[i128]) -> Result<Value, Failed> {
        let mut keys = Vec::with_capacity(table.keys.len());
        for (key, scale) in table.keys.iter().zip(scales) {
            let present = key.optional.map_or(Truth::Known(true), |field| self.site.present(field));
            let value = self.supposing(present, |this| this.key(at, key, *scale))?;
            keys.push((present, value));
        }
        let mut found = self.site.constant(entries.last().copied().unwrap_or(0));
        for (row, entry) in table.rows.iter().zip(entries).rev().skip(1) {
            let mut applies = Truth::Known(true);
            for (index, (present, value)) in keys.iter().enumerate() {
                let holds =
                    self.holds(&row.cells[index], &table.keys[index], scales[index], *present, *value);
                applies = self.site.and(applies, holds);
            }
            let entry = self.site.constant(*entry);
            found = self.either(applies, entry, found);
        }
        Ok(found)
    }

    /// Whether a cell holds.
    fn holds(&mut self, cell: &Cell, key: &Key, scale: u8, present: Truth, value: Value) -> Truth {
        match cell {
            Cell::Any => Truth::Known(true),
            Cell::Missing => !present,
            Cell::Within(_) => {
                let bounds = self.site.bounds(value);
                let mut within = Truth::Known(false);
                for span in spans_of(cell, key, scale).into_iter().filter_map(|span| span.intersect(bounds)) {
                    let inside = self.site.inside(value, span, bounds);
                    within = self.site.or(within, inside);
                }
                self.site.and(present, within)
            }
        }
    }
}

impl Classes {
    fn of(table: &Table, index: usize, scale: u8) -> Classes {
        let key = &table.keys[index];
        let cells: Vec<&Cell> = table.rows.iter().map(|row| &row.cells[index]).collect();
        let spans: Vec<Vec<Interval>> = cells.iter().map(|cell| spans_of(cell, key, scale)).collect();
        let mut missing = Rows::none(cells.len());
        let holding = cells.iter().enumerate().filter(|(_, cell)| matches!(cell, Cell::Any | Cell::Missing));
        holding.for_each(|(row, _)| missing.set(row, true));
        let (mut by_rows, mut rows, mut of_span) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut now = Rows::none(cells.len());
        let starts = sweep(&spans, key.range, |changes, holding| {
            changes.iter().for_each(|row| now.set(*row, holding.contains_key(row)));
            let next = by_rows.len();
            let class = *by_rows.entry(now.clone()).or_insert(next);
            if class == next {
                rows.push(now.clone());
            }
            of_span.push(class);
        });
        Classes { starts, of_span, rows, missing }
    }

    /// How many classes there are, that of a missing key included where it may be missing.
    fn size(&self, key: &Key) -> usize {
        self.rows.len() + key.optional.is_some() as usize
    }

    /// Whether a row's cell holds for a class; the last is that of a missing key.
    fn holds(&self, row: usize, class: usize) -> bool {
        self.rows.get(class).unwrap_or(&self.missing).has(row)
    }
}

impl Rows {
    fn none(count: usize) -> Rows {
        Rows(vec![0; count.div_ceil(64)])
    }

    fn set(&mut self, row: usize, holds: bool) {
        let word = &mut self.0[row / 64];
        *word = *word & !(1 << (row % 64)) | (holds as u64) << (row % 64);
    }

    fn has(&self, row: usize) -> bool {
        self.0[row / 64] >> (row % 64) & 1 == 1
    }
}

/// The entry for every combination of classes, the first key counting most.
fn dense(classes: &[Classes], sizes: &[usize], size: usize, entries: &[i128]) -> Vec<i128> {
    let mut dense = vec![entries.first().copied().unwrap_or(0); size];
    for (row, entry) in entries.iter().enumerate().rev() {
        let mut indices = vec![0];
        for (classes, size) in classes.iter().zip(sizes) {
            let holding: Vec<usize> = (0..*size).filter(|class| classes.holds(row, *class)).collect();
            let longer = |index: &usize| holding.iter().map(|class| index * size + class).collect::<Vec<_>>();
            indices = indices.iter().flat_map(longer).collect();
        }
        indices.into_iter().for_each(|index| dense[index] = *entry);
    }
    dense
}

/// The values of a present key that a cell holds for.
fn spans_of(cell: &Cell, key: &Key, scale: u8) -> Vec<Interval> {
    let span_of = |span: &CellSpan| {
        let lo = span.low.map_or(key.range.lo, |(end, closed)| least(end, closed, scale));
        let hi = span.high.map_or(key.range.hi, |(end, closed)| greatest(end, closed, scale));
        (lo <= hi).then(|| Interval::new(lo, hi)).and_then(|span| span.intersect(key.range))
    };
    match cell {
        Cell::Any => vec![key.range],
        Cell::Missing => Vec::new(),
        Cell::Within(spans) => spans.iter().filter_map(span_of).collect(),
    }
}

/// The least integer of the scale that is above an end, or at it where it is closed.
fn least(end: Constant, closed: bool, scale: u8) -> i128 {
    let (floor, exact) = at_scale(end, scale);
    if closed && exact { floor } else { floor.saturating_add(1) }
}

/// The greatest integer of the scale that is below an end, or at it where it is closed.
fn greatest(end: Constant, closed: bool, scale: u8) -> i128 {
    let (floor, exact) = at_scale(end, scale);
    if closed || !exact { floor } else { floor.saturating_sub(1) }
}

/// A constant as an integer of the scale, rounded down, and whether it is one exactly.
fn at_scale(constant: Constant, scale: u8) -> (i128, bool) {
    let number = match constant {
        Constant::Number(number) => number,
        Constant::Bool(truth) => return (truth as i128, true),
        Constant::Enum(code) => return (code as i128, true),
    };
    if let Some(exact) = number.at_scale(scale) {
        return (exact, true);
    }
    let power = power_of_ten(number.scale.saturating_sub(scale)).unwrap_or(i128::MAX);
    if number.scale > scale {
        return (number.mantissa.div_euclid(power), false);
    }
    // beyond 128 bits, so beyond every key
    (if number.mantissa < 0 { i128::MIN } else { i128::MAX }, true)
}

/// Where the spans of a key's values begin: at the least value, and wherever a span of a row begins or has
/// ended.
fn starts_of(spans: &[Vec<Interval>], range: Interval) -> Vec<i128> {
    let ends = |span: &Interval| [span.lo, span.hi.saturating_add(1)];
    let mut starts: Vec<i128> =
        spans.iter().flatten().flat_map(ends).filter(|start| range.contains(*start)).collect();
    starts.push(range.lo);
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// Where spans of values begin, and the first row that holds for each.
fn first_rows(spans: &[Vec<Interval>], range: Interval) -> (Vec<i128>, Vec<Option<usize>>) {
    let mut winners = Vec::new();
    let starts = sweep(spans, range, |_, holding| winners.push(holding.keys().next().copied()));
    (starts, winners)
}

/// Visits the spans of values in which the same rows hold, in one pass over the ends, with the rows that may
/// have changed and those that hold (how many of their spans do); answers where these spans begin.
fn sweep(
    spans: &[Vec<Interval>],
    range: Interval,
    mut visit: impl FnMut(&[usize], &BTreeMap<usize, usize>),
) -> Vec<i128> {
    let starts = starts_of(spans, range);
    let mut ends: Vec<(i128, bool, usize)> = Vec::new();
    for (row, spans) in spans.iter().enumerate() {
        for span in spans {
            ends.push((span.lo, true, row));
            ends.push((span.hi.saturating_add(1), false, row));
        }
    }
    ends.sort_unstable();
    let mut ends = ends.into_iter().peekable();
    let mut holding: BTreeMap<usize, usize> = BTreeMap::new();
    for start in &starts {
        let mut changes = Vec::new();
        while let Some((_, begins, row)) = ends.next_if(|(at, ..)| at <= start) {
            let count = holding.entry(row).or_insert(0);
            *count = if begins { *count + 1 } else { *count - 1 };
            if *count == 0 {
                holding.remove(&row);
            }
            changes.push(row);
        }
        visit(&changes, &holding);
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hir::Number;

    #[test]
    fn ends_are_cut_at_the_scale_of_the_key() {
        let end = |mantissa, scale| Constant::Number(Number { mantissa, scale });
        let cases = [
            (end(25, 1), 0, (3, 3), (2, 2)),
            (end(2, 0), 0, (2, 3), (2, 1)),
            (end(-25, 1), 0, (-2, -2), (-3, -3)),
            (end(25, 1), 2, (250, 251), (250, 249)),
        ];
        for (end, scale, (at, above), (up_to, below)) in cases {
            assert_eq!((least(end, true, scale), least(end, false, scale)), (at, above));
            assert_eq!((greatest(end, true, scale), greatest(end, false, scale)), (up_to, below));
        }
    }

    #[test]
    fn the_first_row_that_holds_wins() {
        let spans = vec![vec![Interval::new(3, 5)], vec![Interval::new(0, 9), Interval::new(4, 4)]];
        let (starts, rows) = first_rows(&spans, Interval::new(0, 12));
        assert_eq!(starts, [0, 3, 4, 5, 6, 10]);
        assert_eq!(rows, [Some(1), Some(0), Some(0), Some(0), Some(1), None]);
    }
}
