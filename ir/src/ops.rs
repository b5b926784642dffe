//! What can be done with values? One table, one row per op ([`for_each_op!`](crate::for_each_op)).
//!
//! A row holds the op's documentation, stable code, mnemonic, operand classes, immediate, result class, laws, meaning on
//! integers of any width and transfer on intervals. Everything else that has to know about ops derives from the table:
//! printer, parser, verifier, interpreter, constant folder, the bytecode with its encoder, verifier and both of its
//! engines, the visitor that the native back ends implement ([`Visitor`]) and the references in `spec/`. A new op is a
//! row here, a lowering in each of the two native back ends, and a case in `spec/cases/ops.md`; a forgotten lowering
//! does not compile, and a forgotten case fails a test.
//!
//! Every op is total on every bit pattern: arithmetic wraps at the result's type, a division by zero is 0, an
//! index is clamped. The transfer functions say where that can be relied upon: they refuse what could leave
//! 128 bits or divide by zero, and with them the verifier refuses the function.
//!
//! An op computes in the widest type among its operands and its result; narrower operands are sign-extended. Where a
//! row asks for a small operand, a wider one counts as the nearest integer of 32 bits.

mod table;

use crate::date::{self, MonthEnd};
use crate::for_each_op;
use crate::func::{Func, Table as TableId, Value};
use crate::interval::Interval;
use crate::proof::{
    Case, Other, Relation, Term, balance, both, choices, choose, contrary, either, extremes, is_divisor,
    least, magnitude, magnitudes, months, moved, order, parity, product, quotient, remainder, rest, rising,
    stretch, sum,
};
use crate::rounding::Rounding;
use crate::scalar::Scalar;

/// What kind of operand or result a row asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// An integer of any width.
    Int,
    /// A Boolean.
    Bool,
    /// Either; all `Any` of one op are alike (all integers, or all Booleans).
    Any,
    /// An integer that counts, indexes or is a day: engines compute it in 32 bits, and a wider one counts as the
    /// nearest integer of 32 bits.
    Small,
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

/// What an op is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A constant, or what the row holds.
    Leaf,
    /// It follows from operands and immediate alone.
    Computed,
    /// Its first operand, about which it says more. It stays in its block, and engines never see it.
    Claim,
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
    /// The op has no such immediate.
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
    /// What it is for.
    pub role: Role,
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
    /// What proofs may use: relations of the result and the operands, from the two as terms (the result first), the
    /// immediate and the table that it names.
    pub says: fn(&[Term; 4], i128, &[i128]) -> Vec<Relation>,
    /// A complete list of cases, in the same way; none where there is none.
    pub cases: fn(&[Term; 4], i128, &[i128]) -> Vec<Case>,
    /// What proofs may use of the result together with another value; nothing for most ops.
    pub pairs: fn(&[Term; 4], i128, &[i128], &Other) -> Option<Relation>,
}

/// Equations that hold for an op on all operands with which it is proved. Passes and engines read them here alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Laws {
    /// The order of its two operands does not matter.
    pub commutes: bool,
    /// Idempotent: with two equal operands, the result is that operand.
    pub idempotent: bool,
    /// The low bits of the result follow from the low bits of the integer operands.
    pub modular: bool,
    /// With this as the second operand, the result is the first operand.
    pub unit: Option<i128>,
    /// With two equal operands, the result is this.
    pub of_equals: Option<i128>,
}

impl Laws {
    const NONE: Laws =
        Laws { commutes: false, idempotent: false, modular: false, unit: None, of_equals: None };

    const fn commutes(self) -> Laws {
        Laws { commutes: true, ..self }
    }

    const fn idempotent(self) -> Laws {
        Laws { idempotent: true, ..self }
    }

    const fn modular(self) -> Laws {
        Laws { modular: true, ..self }
    }

    const fn unit(self, x: i128) -> Laws {
        Laws { unit: Some(x), ..self }
    }

    const fn of_equals(self, x: i128) -> Laws {
        Laws { of_equals: Some(x), ..self }
    }
}

/// The Rust type of an operand or result of a class, for an op that computes in `$scalar`.
#[macro_export]
macro_rules! scalar_of {
    (Int, $scalar:ty) => {
        $scalar
    };
    (Any, $scalar:ty) => {
        $scalar
    };
    (Bool, $scalar:ty) => {
        i8
    };
    (Small, $scalar:ty) => {
        i32
    };
}

/// An immediate as the meaning of an op takes it: from the stored number, or from the table that the number names.
#[macro_export]
macro_rules! immediate {
    (Rounding, $imm:expr, $table:expr) => {
        $crate::ops::rounding($imm as i128)
    };
    (MonthEnd, $imm:expr, $table:expr) => {
        $crate::ops::month_end($imm as i128)
    };
    (Table, $imm:expr, $table:expr) => {
        $table
    };
}

/// The type of an immediate, from [`immediate!`].
macro_rules! immediate_type {
    (Rounding) => {
        Rounding
    };
    (MonthEnd) => {
        MonthEnd
    };
    (Table) => {
        &[i128]
    };
}

/// An operand of a class, from one of 128 bits.
macro_rules! operand {
    (Bool, $x:expr) => {
        ($x != 0) as i8
    };
    (Small, $x:expr) => {
        i32::nearest($x)
    };
    ($any:ident, $x:expr) => {
        $x
    };
}

/// The type of an immediate that a [`Visitor`] gets, and its value.
macro_rules! visited {
    (Const) => {
        i128
    };
    (Field) => {
        usize
    };
    (Table) => {
        TableId
    };
    ($kind:ident) => {
        immediate_type!($kind)
    };
    (Const, $imm:expr) => {
        $imm
    };
    (Field, $imm:expr) => {
        $imm as usize
    };
    (Table, $imm:expr) => {
        TableId::from_u32($imm as u32)
    };
    ($kind:ident, $imm:expr) => {
        immediate!($kind, $imm, ())
    };
}

macro_rules! kind_of {
    () => {
        Imm::None
    };
    ($kind:ident) => {
        Imm::$kind
    };
}

macro_rules! define {
    (
        leaves { $(
            $(#[doc = $leaf_doc:literal])+
            $leaf_code:literal $leaf:ident $leaf_method:ident(; $leaf_imm:ident: $leaf_kind:ident) -> $leaf_result:ident {
                meaning: $read:expr;
                range: $leaf_range:expr;
            }
        )+ }
        computed { $(
            $(#[doc = $doc:literal])+
            $code:literal $name:ident $method:ident(
                $($param:ident: $class:ident),+ $(; $imm:ident: $kind:ident)?
            ) -> $result:ident {
                $(laws: $($law:ident $(($value:literal))?),+;)?
                meaning: $meaning:expr;
                range: $range:expr;
                says: |$q:pat_param| $says:expr;
                cases: |$of:pat_param| $cases:expr;
                pairs: |$one:pat_param, $other:pat_param| $pairs:expr;
            }
        )+ }
        claims { $(
            $(#[doc = $claim_doc:literal])+
            $claim_code:literal $claim:ident $claim_method:ident(
                $($claim_param:ident: $claim_class:ident),+ $(; $claim_imm:ident: $claim_kind:ident)?
            ) -> $claim_result:ident {
                range: $claim_range:expr;
            }
        )+ }
    ) => {
        /// An op. The numbers are stable: artifacts hold them.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Op {
            $( $(#[doc = $leaf_doc])+ $leaf = $leaf_code, )+
            $( $(#[doc = $doc])+ $name = $code, )+
            $( $(#[doc = $claim_doc])+ $claim = $claim_code, )+
        }

        /// The table, in the order of the codes.
        pub const TABLE: &[Row] = &[
            $( Row {
                op: Op::$leaf,
                role: Role::Leaf,
                mnemonic: stringify!($leaf_method),
                doc: concat!($($leaf_doc),+),
                params: &[],
                result: Class::$leaf_result,
                imm: Imm::$leaf_kind,
                laws: Laws::NONE,
                eval: $read,
                range: $leaf_range,
                says: |_, _, _| Vec::new(),
                cases: |_, _, _| Vec::new(),
                pairs: |_, _, _, _| None,
            }, )+
            $( Row {
                op: Op::$name,
                role: Role::Computed,
                mnemonic: stringify!($method),
                doc: concat!($($doc),+),
                params: &[ $( (stringify!($param), Class::$class) ),+ ],
                result: Class::$result,
                imm: kind_of!($($kind)?),
                laws: Laws::NONE $($( .$law($($value)?) )+)?,
                eval: |o| {
                    let [$($param,)+ ..] = o.args;
                    meaning::$method::<i128>(
                        $(operand!($class, $param),)+ $(immediate!($kind, o.imm, o.table))?
                    ).wide()
                },
                range: |r| {
                    let [$($param,)+ ..] = r.args;
                    $( let $imm = immediate!($kind, r.imm, r.table); )?
                    $range
                },
                says: |terms, _imm, _table| {
                    #[allow(unused_variables, reason = "a look-up says nothing")]
                    let [$q, $($param,)+ ..] = terms.clone();
                    $( #[allow(unused_variables, reason = "a look-up says nothing")] let $imm = immediate!($kind, _imm, _table); )?
                    $says
                },
                cases: |terms, _imm, _table| {
                    #[allow(unused_variables, reason = "most ops have no cases")]
                    let [$of, $($param,)+ ..] = terms.clone();
                    $cases
                },
                pairs: |terms, _imm, _table, $other| {
                    #[allow(unused_variables, reason = "most ops say nothing together with another value")]
                    let [$one, $($param,)+ ..] = terms.clone();
                    $( #[allow(unused_variables, reason = "as above")] let $imm = immediate!($kind, _imm, _table); )?
                    $pairs
                },
            }, )+
            $( Row {
                op: Op::$claim,
                role: Role::Claim,
                mnemonic: stringify!($claim_method),
                doc: concat!($($claim_doc),+),
                params: &[ $( (stringify!($claim_param), Class::$claim_class) ),+ ],
                result: Class::$claim_result,
                imm: kind_of!($($claim_kind)?),
                laws: Laws::NONE,
                eval: |o| o.args[0],
                range: $claim_range,
                says: |_, _, _| Vec::new(),
                cases: |_, _, _| Vec::new(),
                pairs: |_, _, _, _| None,
            }, )+
        ];

        impl Op {
            /// Every op, in the order of the codes.
            pub const ALL: &[Op] = &[ $( Op::$leaf, )+ $( Op::$name, )+ $( Op::$claim, )+ ];
        }

        /// What each computed op means, on integers of any width: one function per op.
        #[allow(clippy::extra_unused_type_parameters, reason = "every op is called alike, by the type it computes in")]
        pub mod meaning {
            use super::*;

            $(
                $(#[doc = $doc])+
                #[inline(always)]
                pub fn $method<T: Scalar>(
                    $($param: scalar_of!($class, T),)+ $($imm: immediate_type!($kind))?
                ) -> scalar_of!($result, T) {
                    $meaning
                }
            )+
        }

        /// One method per op, for what has to be written op by op: the lowerings of the native back ends. Claims have
        /// none, as straight-line code does not hold them.
        ///
        /// `at` is the value that the op defines; its type and interval are in the function.
        pub trait Visitor {
            /// What a method answers.
            type Output;
            $(
                $(#[doc = $leaf_doc])+
                fn $leaf_method(&mut self, at: Value, $leaf_imm: visited!($leaf_kind)) -> Self::Output;
            )+
            $(
                $(#[doc = $doc])+
                fn $method(&mut self, at: Value, $($param: Value,)+ $($imm: visited!($kind))?) -> Self::Output;
            )+
        }

        /// Calls the visitor's method for an instruction, which defines `at`.
        ///
        /// # Panics
        /// For claims.
        pub fn visit<V: Visitor>(visitor: &mut V, inst: &crate::func::Inst, at: Value) -> V::Output {
            match inst.op {
                $( Op::$leaf => visitor.$leaf_method(at, visited!($leaf_kind, inst.imm)), )+
                $( Op::$name => {
                    let [$($param),+] = inst.operands();
                    visitor.$method(at, $($param,)+ $(visited!($kind, inst.imm))?)
                } )+
                $( Op::$claim )|+ => unreachable!("straight-line code holds no claims"),
            }
        }
    };
}

for_each_op!(define);

impl Op {
    /// The op's row.
    pub const fn row(self) -> &'static Row {
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

    /// Whether a proof may say what the transfer function does not: where all that is in doubt is whether the exact result fits
    /// in 128 bits, its low bits are right in any case.
    pub fn may_be_proved(self, unproved: Unproved) -> bool {
        unproved == Unproved::Overflow && self.row().laws.modular
    }

    /// The op with this code, `None` if there is none.
    pub fn from_code(code: u8) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| *op as u8 == code)
    }

    /// The op with this mnemonic, `None` if there is none.
    pub fn from_mnemonic(mnemonic: &str) -> Option<Op> {
        TABLE.iter().find(|row| row.mnemonic == mnemonic).map(|row| row.op)
    }

    /// Whether its result is its first operand, with a narrower claim. Such an op stays in its block.
    pub fn is_claim(self) -> bool {
        self.row().role == Role::Claim
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
#[inline]
pub fn bucket_of(table: &[i128], x: i128) -> i128 {
    table.partition_point(|cut| *cut <= x) as i128
}

/// The entry at a clamped index, 0 in an empty table.
#[inline]
pub fn entry(table: &[i128], index: i128) -> i128 {
    let last = table.len().saturating_sub(1) as i128;
    table.get(index.clamp(0, last) as usize).copied().unwrap_or(0)
}

fn at<T: Copy + Default>(values: &[T], index: i128) -> T {
    usize::try_from(index).ok().and_then(|i| values.get(i).copied()).unwrap_or_default()
}

/// The rounding mode with this number; the first if there is none.
#[inline]
pub fn rounding(imm: i128) -> Rounding {
    Rounding::from_number(imm).unwrap_or(Rounding::HalfEven)
}

/// The end of a month with this number; the first if there is none.
#[inline]
pub fn month_end(imm: i128) -> MonthEnd {
    MonthEnd::from_number(imm).unwrap_or(MonthEnd::Clip)
}

fn bounded(interval: Option<Interval>) -> Transfer {
    interval.ok_or(Unproved::Overflow)
}

/// Rounding is monotone in the quotient, and the quotient is monotone in each argument as long as the divisor
/// keeps its sign: the corners are exact.
fn divide_range(a: Interval, b: Interval, mode: Rounding) -> Transfer {
    if b.contains(0) {
        return Err(Unproved::ZeroDivisor);
    }
    let overflows = a.lo == i128::MIN && b.contains(-1);
    bounded((!overflows).then(|| a.corners(b, |x, y| Some(mode.divide(x, y)))).flatten())
}

fn modulo_range(a: Interval, b: Interval) -> Transfer {
    if b.contains(0) || b.lo == i128::MIN {
        return Err(if b.contains(0) { Unproved::ZeroDivisor } else { Unproved::Overflow });
    }
    // the dividend itself if it is already between zero and every divisor
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

fn eq_range(a: Interval, b: Interval) -> Interval {
    let same = a.single().is_some_and(|x| b.single() == Some(x));
    known(same, a.intersect(b).is_none())
}

fn not_range(range: Interval) -> Interval {
    Interval::new(1 - range.hi, 1 - range.lo)
}

fn select_range(condition: Interval, a: Interval, b: Interval) -> Interval {
    match condition.single() {
        Some(0) => b,
        Some(_) => a,
        None => a.hull(b),
    }
}

fn lookup_range(index: Interval, table: &[i128]) -> Interval {
    let last = table.len().saturating_sub(1) as i128;
    let (lo, hi) = (index.lo.clamp(0, last) as usize, index.hi.clamp(0, last) as usize);
    let reached = table.get(lo..=hi).unwrap_or(&[]);
    Interval::hull_of(reached.iter().copied()).unwrap_or(Interval::point(0))
}
