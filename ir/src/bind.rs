//! How do facts become constants? A table that a function left open is filled in with the entries of a snapshot.
//!
//! Nothing else changes, so that every proof stays what it was. The verifier derives the interval of a value from what
//! the function claims of its operands, and no claim changes. Only a look-up has another interval than before, that of
//! its entries, and each of these is within the declared range, which the function claims for it. So the verifier finds
//! the same certificate again.
//!
//! Where the facts change while the function is in force, all their periods are in one table, one period after another,
//! and the effective date finds the period.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use cranelift_entity::EntityRef;

use crate::func::{Def, Entries, Func, Inst, Open, Table, Value, ValueData};
use crate::interval::Interval;
use crate::ops::Op;
use crate::types::Type;

/// Up to how many days from one change of a fact to the last are looked up directly; of more, the first days of the
/// periods are searched.
const DAYS_MAX: i128 = 1 << 16;

/// What a function gets for one hole: its entries, period by period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filling {
    /// The first day of each period but the first, ascending.
    pub starts: Vec<i32>,
    /// By period, the entries of the hole. There is one period more than there are starts.
    pub periods: Vec<Vec<i128>>,
}

impl Filling {
    /// The same entries on every day.
    pub fn always(entries: Vec<i128>) -> Filling {
        Filling { starts: Vec::new(), periods: vec![entries] }
    }
}

/// A function with the entries of `fillings`, by hole, in the place of its open tables. `effective` is the field that
/// holds the effective date, which is needed where a filling has several periods.
///
/// ```
/// use opus_ir::{Builder, End, Filling, Interval, Op, Open, bind, verify};
/// let range = Interval::new(300, 850);
/// let mut builder = Builder::new(vec![], vec![range]);
/// let floor = builder.hole(Open { hole: 0, count: 1, range }).as_u32();
/// let first = builder.constant(0);
/// let floor = builder.push(Op::Lookup, &[first], floor.into()).unwrap();
/// builder.end(End::Decide { rule: 0, outputs: vec![floor] });
/// let open = verify(builder.finish()).unwrap();
///
/// let bound = verify(bind(&*open, None, &[Filling::always(vec![700])])).unwrap();
/// assert_eq!(opus_ir::interpret(&bound, &[], &[]).outputs, [700]);
/// assert_eq!(bound.certificate(), open.certificate());
/// ```
///
/// # Panics
/// Where a filling is missing, has no periods or needs a date that there is not.
pub fn bind(func: &impl Borrow<Func>, effective: Option<u32>, fillings: &[Filling]) -> Func {
    let effective = |_| effective.expect("facts change with the effective date alone");
    bind_by(func, effective, fillings)
}

/// As [`bind`](bind()), but each hole has a field of its own that selects its period, in the place of the effective date.
///
/// # Panics
/// Where a filling is missing or has no periods.
pub fn bind_by(func: &impl Borrow<Func>, field: impl Fn(u32) -> u32, fillings: &[Filling]) -> Func {
    let mut func = func.borrow().clone();
    let mut dated: BTreeMap<Table, Dated> = BTreeMap::new();
    for (table, entries) in func.tables.iter_mut() {
        let Some(Open { hole, count, .. }) = entries.open() else { continue };
        let filling = &fillings[hole as usize];
        *entries = Entries::Known(filling.periods.concat());
        if !filling.starts.is_empty() {
            dated.insert(table, Dated { field: field(hole), count, filling });
        }
    }
    if !dated.is_empty() {
        find_periods(&mut func, &dated);
    }
    func
}

/// What is known of a table of several periods.
struct Dated<'a> {
    /// The field that selects the period.
    field: u32,
    /// How many entries a period has.
    count: u32,
    filling: &'a Filling,
}

/// Makes every look-up in a table of several periods one in the period of the effective date.
fn find_periods(func: &mut Func, dated: &BTreeMap<Table, Dated>) {
    let mut offsets: BTreeMap<Table, Table> = BTreeMap::new();
    for block in func.blocks.keys() {
        for value in std::mem::take(&mut func.blocks[block].body) {
            let inst = func.inst(value).filter(|inst| inst.op == Op::Lookup).copied();
            let table = inst.map(|inst| Table::new(inst.imm as usize));
            if let (Some(inst), Some(table)) = (inst, table)
                && let Some(of) = dated.get(&table)
            {
                let mut place = Place { func, block };
                let offset = place.offset(of, offsets.get(&table).copied());
                offsets.insert(table, offset.1);
                let index = place.push(Op::Add, &[offset.0, inst.args()[0]], 0);
                func.values[value].def = Def::Inst(Inst::new(Op::Lookup, &[index], inst.imm));
            }
            func.blocks[block].body.push(value);
        }
    }
}

/// Where instructions are added.
struct Place<'a> {
    func: &'a mut Func,
    block: crate::func::Block,
}

impl Place<'_> {
    /// The index of the first entry of the period that holds the day, and the table that it was found with.
    fn offset(&mut self, of: &Dated, known: Option<Table>) -> (Value, Table) {
        let Dated { field, count, filling } = *of;
        let day = self.push(Op::Field, &[], field.into());
        let (first, last) =
            (i128::from(filling.starts[0]), i128::from(filling.starts[filling.starts.len() - 1]));
        if last - first < DAYS_MAX {
            // the day before the first change, and every earlier one, is in the first period
            let by_day = || {
                let period = |day: i128| filling.starts.partition_point(|start| i128::from(*start) <= day);
                (first - 1..=last).map(|day| period(day) as i128 * i128::from(count)).collect()
            };
            let table = known.unwrap_or_else(|| self.func.tables.push(Entries::Known(by_day())));
            let before = self.constant(first - 1);
            let since = self.push(Op::Sub, &[day, before], 0);
            return (self.push(Op::Lookup, &[since], table.index() as i128), table);
        }
        let starts = || filling.starts.iter().map(|start| i128::from(*start)).collect();
        let table = known.unwrap_or_else(|| self.func.tables.push(Entries::Known(starts())));
        let period = self.push(Op::Bucket, &[day], table.index() as i128);
        let count = self.constant(count.into());
        (self.push(Op::Mul, &[period, count], 0), table)
    }

    fn constant(&mut self, x: i128) -> Value {
        self.push(Op::Const, &[], x)
    }

    fn push(&mut self, op: Op, args: &[Value], imm: i128) -> Value {
        let inst = Inst::new(op, args, imm);
        let range: Interval = self.func.transfer(&inst).expect("days and indices are small");
        let ty = Type::narrowest(range).max(Type::I64);
        let value = self.func.values.push(ValueData { ty, range, def: Def::Inst(inst) });
        self.func.blocks[self.block].body.push(value);
        value
    }
}
