//! Of what type is a value, and how wide is it in memory?
//!
//! A type is what engines compute in; a width is what columns and rows store. Both follow from an interval.

use crate::interval::Interval;

/// The type of an SSA value. Integers are signed two's complement and wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Type {
    /// A Boolean: 0 or 1.
    Bool = 0,
    /// 32-bit integer.
    I32 = 1,
    /// 64-bit integer.
    I64 = 2,
    /// 128-bit integer.
    I128 = 3,
}

impl Type {
    /// Every type, narrowest first.
    pub const ALL: [Type; 4] = [Type::Bool, Type::I32, Type::I64, Type::I128];

    /// The values that the type can hold.
    pub const fn range(self) -> Interval {
        match self {
            Type::Bool => Interval::BOOL,
            Type::I32 => Interval { lo: i32::MIN as i128, hi: i32::MAX as i128 },
            Type::I64 => Interval { lo: i64::MIN as i128, hi: i64::MAX as i128 },
            Type::I128 => Interval::FULL,
        }
    }

    /// How wide a value of the type is: a Boolean takes a byte.
    pub const fn width(self) -> Width {
        match self {
            Type::Bool => Width::W8,
            Type::I32 => Width::W32,
            Type::I64 => Width::W64,
            Type::I128 => Width::W128,
        }
    }

    /// The narrowest integer type that holds every value of `range`.
    ///
    /// ```
    /// use opus_ir::{Interval, Type};
    /// assert_eq!(Type::narrowest(Interval::new(0, 100)), Type::I32);
    /// assert_eq!(Type::narrowest(Interval::new(0, 1 << 40)), Type::I64);
    /// ```
    pub fn narrowest(range: Interval) -> Type {
        let fits = |ty: &Type| ty.range().contains_all(range);
        [Type::I32, Type::I64].into_iter().find(fits).unwrap_or(Type::I128)
    }

    /// `x` reduced to the type's bits: the identity on values in range.
    #[inline]
    pub fn wrap(self, x: i128) -> i128 {
        match self {
            Type::Bool => (x != 0) as i128,
            Type::I32 => x as i32 as i128,
            Type::I64 => x as i64 as i128,
            Type::I128 => x,
        }
    }

    /// The name in the text form.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::I128 => "i128",
        }
    }

    /// Whether values of this type are Booleans.
    pub const fn is_bool(self) -> bool {
        matches!(self, Type::Bool)
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How many bytes one value of a column or of a row slot takes: signed, little-endian, aligned to itself.
///
/// Truth values and enum codes are stored like any other integer of their range, so one byte as a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Width {
    /// One byte.
    W8 = 1,
    /// Two bytes.
    W16 = 2,
    /// Four bytes.
    W32 = 4,
    /// Eight bytes.
    W64 = 8,
    /// Sixteen bytes.
    W128 = 16,
}

impl Width {
    /// Every width, narrowest first.
    pub const ALL: [Width; 5] = [Width::W8, Width::W16, Width::W32, Width::W64, Width::W128];

    /// Size and alignment in bytes.
    pub const fn bytes(self) -> usize {
        self as usize
    }

    /// The narrowest width that holds every value of `range`.
    ///
    /// ```
    /// use opus_ir::{Interval, Width};
    /// assert_eq!(Width::narrowest(Interval::new(0, 127)), Width::W8);
    /// assert_eq!(Width::narrowest(Interval::new(0, 128)), Width::W16);
    /// ```
    pub fn narrowest(range: Interval) -> Width {
        let fits = |width: &Width| {
            let half = 1i128.checked_shl(width.bytes() as u32 * 8 - 1).unwrap_or(i128::MIN);
            *width == Width::W128 || Interval { lo: -half, hi: half - 1 }.contains_all(range)
        };
        Width::ALL.into_iter().find(fits).unwrap_or(Width::W128)
    }
}
