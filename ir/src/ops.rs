//! What can be done with values? One table, one row per op.
//!
//! A row holds the op's documentation, stable code, mnemonic, operand classes, result class, immediate,
//! meaning on single values and transfer on intervals. Everything else that has to know about ops derives
//! from the table: printer, parser, verifier, interpreter, constant folder, the visitor that engines
//! implement ([`Visitor`]) and the reference in `spec/`. An op that is added here and forgotten somewhere else
//! does not compile.
//!
//! Every op is total on every bit pattern: arithmetic wraps at the result's type, a division by zero is 0, an
//! index is clamped. The transfer functions say where that can be relied upon: they refuse what could leave
//! 128 bits or divide by zero, and with them the verifier refuses the function.
//!
//! An op computes in the widest type among its operands and its result; narrower operands are sign-extended.

use crate::date::{self, MonthEnd};
use crate::func::{Func, Value};
use crate::interval::Interval;
use crate::rounding::Rounding;

/// What kind of operand or result a row asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// An integer of any width.
    Int,
    /// A truth value.
    Bool,
    /// Either; all `Any` of one op are alike (all integers, or all truth values).
    Any,
}

/// What an op's immediate says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Imm {
    /// There is none; the stored immediate is 0.
    None,
    /// The constant itself.
    Const,
    /// The index of an input field.
    Field,
    /// The index of a constant table of the function.
    Table,
    /// The number of a [`Rounding`].
    Rounding,
    /// The number of a [`MonthEnd`].
    MonthEnd,
    /// 1 where the condition holds, 0 where it has failed.
    Polarity,
}

/// What an op sees of one row when it is evaluated.
#[derive(Clone, Copy, Debug)]
pub struct Operands<'a> {
    /// The operands; those that the op does not have are 0.
    pub args: [i128; 3],
    /// The immediate.
    pub imm: i128,
    /// The constant table that the immediate names; empty for other immediates.
    pub table: &'a [i128],
    /// The values of the input fields; a missing one has any value of its range.
    pub values: &'a [i128],
    /// Which of the input fields are present.
    pub present: &'a [bool],
}

/// What an op sees of the intervals of its operands.
#[derive(Clone, Copy, Debug)]
pub struct Ranges<'a> {
    /// The operands' intervals; those that the op does not have are the point 0.
    pub args: [Interval; 3],
    /// The immediate.
    pub imm: i128,
    /// The constant table that the immediate names; empty for other immediates.
    pub table: &'a [i128],
    /// The declared range of the field that the immediate names.
    pub field: Interval,
    /// For `refine`, what the condition establishes of the first operand ([`crate::facts::established`]).
    pub established: Interval,
}

/// Why an op has no interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unproved {
    /// A result could leave 128 bits.
    Overflow,
    /// The divisor could be zero.
    ZeroDivisor,
    /// A date could leave the years 1 to 9999.
    Calendar,
    /// The immediate is none that the op knows.
    Immediate,
}

impl std::fmt::Display for Unproved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Unproved::Overflow => "a result could leave 128 bits",
            Unproved::ZeroDivisor => "the divisor could be zero",
            Unproved::Calendar => "a date could leave the years 1 to 9999",
            Unproved::Immediate => "the immediate is out of range",
        })
    }
}

/// The answer of a transfer function.
pub type Transfer = Result<Interval, Unproved>;

/// A row of the table, apart from the op's name in the program.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The op.
    pub op: Op,
    /// The name in the text form.
    pub mnemonic: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Operand names and classes.
    pub params: &'static [(&'static str, Class)],
    /// The class of the result.
    pub result: Class,
    /// What the immediate says.
    pub imm: Imm,
    /// What equations hold for it.
    pub laws: Laws,
    /// The meaning, before it is wrapped to the result's type.
    pub eval: fn(&Operands) -> i128,
    /// The transfer on intervals.
    pub range: fn(&Ranges) -> Transfer,
}

/// Equations that hold for an op on all operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Laws {
    /// The order of its two operands does not matter.
    pub commutes: bool,
    /// Of two equal operands it gives just that.
    pub idempotent: bool,
}

impl Laws {
    const NONE: Laws = Laws { commutes: false, idempotent: false };
}

macro_rules! ops {
    ($(
        $(#[doc = $doc:literal])+
        $code:literal $name:ident $method:ident ( $($param:ident : $class:ident),* ) $imm:ident -> $result:ident $(, $law:ident)*
            { $eval:expr } { $range:expr }
    )+) => {
        /// An op. The numbers are stable: artifacts hold them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Op { $( $(#[doc = $doc])+ $name = $code ),+ }

        /// The table, in the order of the codes.
        #[allow(clippy::needless_update, reason = "a row that states every law leaves nothing to update")]
        pub const TABLE: &[Row] = &[ $( Row {
            op: Op::$name,
            mnemonic: stringify!($method),
            doc: concat!($($doc),+),
            params: &[ $( (stringify!($param), Class::$class) ),* ],
            result: Class::$result,
            imm: Imm::$imm,
            laws: Laws { $($law: true,)* ..Laws::NONE },
            eval: $eval,
            range: $range,
        } ),+ ];

        impl Op {
            /// Every op, in the order of the codes.
            pub const ALL: &[Op] = &[ $( Op::$name ),+ ];

            /// The op's row.
            pub fn row(self) -> &'static Row {
                const INDEX: [u8; 256] = {
                    let mut index = [u8::MAX; 256];
                    let mut i = 0;
                    while i < TABLE.len() {
                        assert!(index[TABLE[i].op as usize] == u8::MAX, "two ops share a code");
                        index[TABLE[i].op as usize] = i as u8;
                        i += 1;
                    }
                    index
                };
                &TABLE[INDEX[self as usize] as usize]
            }
        }

        /// One method per op, for what has to be written op by op: the lowerings of the engines.
        ///
        /// `at` is the value that the op defines; its type and interval are in the function.
        pub trait Visitor {
            /// What a method answers.
            type Output;
            $( $(#[doc = $doc])+ fn $method(&mut self, at: Value, imm: i128, $($param: Value),*) -> Self::Output; )+
        }

        /// Calls the visitor's method for the op that defines `at`; `None` where `at` is a block parameter.
        pub fn visit<V: Visitor>(visitor: &mut V, inst: &crate::func::Inst, at: Value) -> V::Output {
            match inst.op { $( Op::$name => {
                let [$($param),*] = inst.operands();
                visitor.$method(at, inst.imm, $($param),*)
            } ),+ }
        }
    };
}

ops! {
    /// The constant itself.
    1 Const constant() Const -> Any
        { |o| o.imm } { |r| Ok(Interval::point(r.imm)) }
    /// The value of an input field. Where the field is missing it is any value of the field's range.
    2 Field field() Field -> Any
        { |o| at(o.values, o.imm) } { |r| Ok(r.field) }
    /// Whether an input field is present.
    3 Present present() Field -> Bool
        { |o| usize::try_from(o.imm).ok().and_then(|i| o.present.get(i)).is_some_and(|p| *p) as i128 }
        { |_| Ok(Interval::BOOL) }

    /// The sum.
    10 Add add(a: Int, b: Int) None -> Int, commutes
        { |o| o.args[0].wrapping_add(o.args[1]) } { |r| bounded(r.args[0].add(r.args[1])) }
    /// The difference.
    11 Sub sub(a: Int, b: Int) None -> Int
        { |o| o.args[0].wrapping_sub(o.args[1]) } { |r| bounded(r.args[0].sub(r.args[1])) }
    /// The product.
    12 Mul mul(a: Int, b: Int) None -> Int, commutes
        { |o| o.args[0].wrapping_mul(o.args[1]) } { |r| bounded(r.args[0].mul(r.args[1])) }
    /// The quotient rounded by the mode; 0 where the divisor is 0.
    13 Divide divide(a: Int, b: Int) Rounding -> Int
        { |o| rounding(o.imm).divide(o.args[0], o.args[1]) } { divide_range }
    /// What floor division leaves: it has the divisor's sign; 0 where the divisor is 0.
    14 Modulo modulo(a: Int, b: Int) None -> Int
        { |o| floor_modulo(o.args[0], o.args[1]) } { modulo_range }
    /// The smaller.
    15 Min min(a: Int, b: Int) None -> Int, commutes, idempotent
        { |o| o.args[0].min(o.args[1]) } { |r| Ok(r.args[0].min(r.args[1])) }
    /// The greater.
    16 Max max(a: Int, b: Int) None -> Int, commutes, idempotent
        { |o| o.args[0].max(o.args[1]) } { |r| Ok(r.args[0].max(r.args[1])) }

    /// Whether the two are equal.
    20 Eq eq(a: Int, b: Int) None -> Bool, commutes
        { |o| (o.args[0] == o.args[1]) as i128 } { |r| Ok(eq_range(r)) }
    /// Whether the two differ.
    21 Ne ne(a: Int, b: Int) None -> Bool, commutes
        { |o| (o.args[0] != o.args[1]) as i128 } { |r| Ok(not_range(eq_range(r))) }
    /// Whether the first is below the second.
    22 Lt lt(a: Int, b: Int) None -> Bool
        { |o| (o.args[0] < o.args[1]) as i128 }
        { |r| Ok(known(r.args[0].hi < r.args[1].lo, r.args[0].lo >= r.args[1].hi)) }
    /// Whether the first is at most the second.
    23 Le le(a: Int, b: Int) None -> Bool
        { |o| (o.args[0] <= o.args[1]) as i128 }
        { |r| Ok(known(r.args[0].hi <= r.args[1].lo, r.args[0].lo > r.args[1].hi)) }

    /// Whether both hold.
    30 And and(a: Bool, b: Bool) None -> Bool, commutes, idempotent
        { |o| o.args[0] & o.args[1] } { |r| Ok(r.args[0].min(r.args[1])) }
    /// Whether one holds at least.
    31 Or or(a: Bool, b: Bool) None -> Bool, commutes, idempotent
        { |o| o.args[0] | o.args[1] } { |r| Ok(r.args[0].max(r.args[1])) }
    /// Whether exactly one holds.
    32 Xor xor(a: Bool, b: Bool) None -> Bool, commutes
        { |o| o.args[0] ^ o.args[1] } { |r| Ok(not_range(eq_range(r))) }
    /// Whether it fails.
    33 Not not(a: Bool) None -> Bool
        { |o| o.args[0] ^ 1 } { |r| Ok(not_range(r.args[0])) }
    /// The second where the first holds, the third where it fails.
    34 Select select(condition: Bool, a: Any, b: Any) None -> Any
        { |o| if o.args[0] != 0 { o.args[1] } else { o.args[2] } } { select_range }

    /// How many entries of an ascending table are at most the operand.
    40 Bucket bucket(a: Int) Table -> Int
        { |o| bucket_of(o.table, o.args[0]) }
        { |r| Ok(Interval::new(bucket_of(r.table, r.args[0].lo), bucket_of(r.table, r.args[0].hi))) }
    /// The entry of a table at an index, which is clamped to the table; 0 in an empty table.
    41 Lookup lookup(index: Int) Table -> Int
        { |o| entry(o.table, o.args[0]) } { lookup_range }

    /// The day moved by so many months. Days are clamped to the years 1 to 9999, months to the same span.
    50 AddMonths add_months(day: Int, months: Int) MonthEnd -> Int
        { |o| date::add_months(o.args[0], o.args[1], month_end(o.imm)) }
        { |r| date::add_months_range(r.args[0], r.args[1], month_end(r.imm)).ok_or(Unproved::Calendar) }
    /// The whole months from the first day to the second, negative where it is earlier. Both are proved to lie in
    /// the years 1 to 9999, and are clamped to them.
    51 WholeMonths whole_months(from: Int, to: Int) None -> Int
        { |o| date::whole_months(o.args[0], o.args[1]) }
        { |r| date::whole_months_range(r.args[0], r.args[1]).ok_or(Unproved::Calendar) }

    /// The first operand, of which the condition (the second), holding or failed, says more than its own
    /// definition does. Allowed only in a block that every path enters by that side of the condition.
    60 Refine refine(a: Any, condition: Bool) Polarity -> Any
        { |o| o.args[0] } { |r| Ok(r.args[0].intersect(r.established).unwrap_or(r.args[0])) }
}

impl Op {
    /// The op with this code, `None` where there is none.
    pub fn from_code(code: u8) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| *op as u8 == code)
    }

    /// The op with this mnemonic, `None` where there is none.
    pub fn from_mnemonic(mnemonic: &str) -> Option<Op> {
        TABLE.iter().find(|row| row.mnemonic == mnemonic).map(|row| row.op)
    }

    /// Whether the result follows from operands and immediate alone, so that equal ones give equal results and
    /// constant ones can be folded. `refine` says where it stands and stays there.
    pub fn is_pure(self) -> bool {
        self.row().imm != Imm::Field && self != Op::Refine
    }
}

impl Imm {
    /// Whether `imm` is one that an op with this kind of immediate may hold in `func`: a field or a table that
    /// there is, a known mode.
    pub fn is_valid(self, imm: i128, func: &Func) -> bool {
        match self {
            Imm::None => imm == 0,
            Imm::Const => true,
            Imm::Field => (0..func.fields.len() as i128).contains(&imm),
            Imm::Table => (0..func.tables.len() as i128).contains(&imm),
            Imm::Rounding => Rounding::from_number(imm).is_some(),
            Imm::MonthEnd => MonthEnd::from_number(imm).is_some(),
            Imm::Polarity => imm == 0 || imm == 1,
        }
    }
}

/// How many entries of an ascending `table` are at most `x`.
pub fn bucket_of(table: &[i128], x: i128) -> i128 {
    table.partition_point(|cut| *cut <= x) as i128
}

/// The entry at a clamped index, 0 in an empty table.
pub fn entry(table: &[i128], index: i128) -> i128 {
    let last = table.len().saturating_sub(1) as i128;
    table.get(index.clamp(0, last) as usize).copied().unwrap_or(0)
}

fn at(values: &[i128], index: i128) -> i128 {
    usize::try_from(index).ok().and_then(|i| values.get(i).copied()).unwrap_or(0)
}

fn rounding(imm: i128) -> Rounding {
    Rounding::from_number(imm).unwrap_or(Rounding::HalfEven)
}

fn month_end(imm: i128) -> MonthEnd {
    MonthEnd::from_number(imm).unwrap_or(MonthEnd::Clip)
}

fn floor_modulo(a: i128, b: i128) -> i128 {
    let floor = Rounding::Floor.divide(a, b);
    if b == 0 { 0 } else { a.wrapping_sub(floor.wrapping_mul(b)) }
}

fn bounded(interval: Option<Interval>) -> Transfer {
    interval.ok_or(Unproved::Overflow)
}

/// Rounding is monotone in the quotient, and the quotient is monotone in each argument as long as the divisor
/// keeps its sign: the corners are exact.
fn divide_range(r: &Ranges) -> Transfer {
    let [a, b, _] = r.args;
    if b.contains(0) {
        return Err(Unproved::ZeroDivisor);
    }
    let mode = rounding(r.imm);
    let overflows = a.lo == i128::MIN && b.contains(-1);
    bounded((!overflows).then(|| a.corners(b, |x, y| Some(mode.divide(x, y)))).flatten())
}

fn modulo_range(r: &Ranges) -> Transfer {
    let [a, b, _] = r.args;
    if b.contains(0) || b.lo == i128::MIN {
        return Err(if b.contains(0) { Unproved::ZeroDivisor } else { Unproved::Overflow });
    }
    // the dividend itself where it already lies between zero and every divisor
    let (below, above) = if b.lo > 0 { (0, b.lo - 1) } else { (b.hi + 1, 0) };
    if Interval::new(below, above).contains_all(a) {
        return Ok(a);
    }
    Ok(if b.lo > 0 { Interval::new(0, b.hi - 1) } else { Interval::new(b.lo + 1, 0) })
}

fn known(surely: bool, never: bool) -> Interval {
    match (surely, never) {
        (true, _) => Interval::point(1),
        (_, true) => Interval::point(0),
        _ => Interval::BOOL,
    }
}

fn eq_range(r: &Ranges) -> Interval {
    let same = r.args[0].single().is_some_and(|x| r.args[1].single() == Some(x));
    known(same, r.args[0].intersect(r.args[1]).is_none())
}

fn not_range(range: Interval) -> Interval {
    Interval::new(1 - range.hi, 1 - range.lo)
}

fn select_range(r: &Ranges) -> Transfer {
    let [condition, a, b] = r.args;
    Ok(match condition.single() {
        Some(0) => b,
        Some(_) => a,
        None => a.hull(b),
    })
}

fn lookup_range(r: &Ranges) -> Transfer {
    let last = r.table.len().saturating_sub(1) as i128;
    let (lo, hi) = (r.args[0].lo.clamp(0, last) as usize, r.args[0].hi.clamp(0, last) as usize);
    let reached = r.table.get(lo..=hi).unwrap_or(&[]);
    Ok(Interval::hull_of(reached.iter().copied()).unwrap_or(Interval::point(0)))
}
