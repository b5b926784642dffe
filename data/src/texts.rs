//! How do the texts of CSV cells and JSON values become the integers of their fields? Texts in the usual form are read
//! here, column by column over a block of rows. Everything else goes to [`Intake::admit`], which knows what to say: a
//! text that is read here would be read as the same integer there.

use opus_ir::memory::{Columns, ROWS_PER_GROUP};
use opus_ir::{Kind, Scalar, by_width, date};
use opus_runtime::admission::{Reading, Reason, Unit};

use super::columnar::RowFault;
use super::intake::Intake;

/// Rows of a block; a multiple of [`ROWS_PER_GROUP`].
pub const BLOCK_ROWS: usize = 512;

const BLOCK_WORDS: usize = BLOCK_ROWS / ROWS_PER_GROUP;

/// More digits than this may not fit in 64 bits.
const DIGITS_MAX: usize = 18;

/// Reads the texts of one field that are in the usual form.
pub struct Usual<'a> {
    form: Form<'a>,
    lo: i64,
    hi: i64,
    listed: Listed<'a>,
    /// Whether a missing value is what it seems, and admitted.
    may_be_missing: bool,
}

/// Which values of the range are listed.
#[derive(Clone, Copy)]
enum Listed<'a> {
    All,
    /// Those whose bit is set, counted from the lower end.
    Near(u64),
    Far(&'a [i128]),
}

/// The usual form of a field's texts.
enum Form<'a> {
    /// Digits, perhaps with a sign, and with at most this many decimals.
    Number(usize),
    /// `2025-01-31`
    Date,
    /// `false` and `true`
    Bool,
    /// The names of an enum, by value.
    Names(Vec<&'a [u8]>),
    /// There is none: every text goes to [`Intake::admit`].
    None,
}

impl<'a> Usual<'a> {
    /// The usual form of the texts of the field with this index.
    pub fn new(intake: &'a Intake, index: usize) -> Usual<'a> {
        let field = &intake.schema.inputs[index];
        let mapping = intake.field_mapping(index);
        let is_plain = mapping.is_plain() && mapping.unit == Unit::Written;
        let range = field.domain.range;
        let form = match (field.kind, i64::try_from(range.lo), i64::try_from(range.hi)) {
            (_, Err(_), _) | (_, _, Err(_)) => Form::None,
            _ if !is_plain => Form::None,
            (Kind::Int | Kind::Decimal(_) | Kind::Money | Kind::Days, ..) => {
                Form::Number(intake.schema.decimals(field.kind) as usize)
            }
            (Kind::Percent(_), ..) => Form::None,
            (Kind::Date, ..) => Form::Date,
            (Kind::Bool, ..) => Form::Bool,
            (Kind::Enum(index), ..) => {
                let values = &intake.schema.enums[index as usize].values;
                Form::Names(values.iter().map(|value| value.name.as_bytes()).collect())
            }
        };
        Usual {
            form,
            lo: range.lo as i64,
            hi: range.hi as i64,
            listed: match field.domain.set.as_deref() {
                None => Listed::All,
                Some(set) if range.hi.checked_sub(range.lo).is_some_and(|span| span < 64) => {
                    Listed::Near(set.iter().fold(0, |mask, value| mask | 1 << (value - range.lo)))
                }
                Some(set) => Listed::Far(set),
            },
            may_be_missing: is_plain && field.optional,
        }
    }

    /// Whether JSON writes such values with quotes.
    fn is_quoted(&self) -> bool {
        matches!(self.form, Form::Date | Form::Names(_))
    }

    /// Whether the field admits an integer.
    #[inline]
    fn admits(&self, value: i64) -> bool {
        self.lo <= value
            && value <= self.hi
            && match self.listed {
                Listed::All => true,
                Listed::Near(mask) => mask >> (value - self.lo) & 1 == 1,
                Listed::Far(set) => set.binary_search(&(value as i128)).is_ok(),
            }
    }
}

/// The value of `2025-01-31`, as a day.
fn day(text: &[u8]) -> Option<i64> {
    date::parse(text).map(i64::from)
}

fn boolean(text: &[u8]) -> Option<i64> {
    match text {
        b"false" => Some(0),
        b"true" => Some(1),
        _ => None,
    }
}

/// Digits with at most this many decimals, counted in units of the last decimal.
#[inline]
fn number(text: &[u8], decimals: usize) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    if digits.len() + decimals > DIGITS_MAX {
        return None;
    }
    let (mut value, mut at) = (0i64, 0);
    while let Some(digit) = digits.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value * 10 + digit as i64;
        at += 1;
    }
    if at == 0 {
        return None;
    }
    let mut left = decimals;
    if at < digits.len() {
        let fraction = digits[at..].strip_prefix(b".")?;
        if fraction.is_empty() || fraction.len() > decimals {
            return None;
        }
        for byte in fraction {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                return None;
            }
            value = value * 10 + digit as i64;
        }
        left -= fraction.len();
    }
    for _ in 0..left {
        value *= 10;
    }
    Some(if is_negative { -value } else { value })
}

/// How a format writes values.
pub trait Texts {
    /// The text of a value without the quotes of the format, if it may be in the usual form; `None` where it is not.
    fn plain(text: &str, is_quoted: bool) -> Option<&[u8]>;
    /// Whether a text says that there is no value.
    fn is_missing(text: &str) -> bool;
    /// What any text says; `scratch` keeps what it stands for.
    fn reading<'t>(text: Option<&'t str>, scratch: &'t mut String) -> Reading<'t>;
}

/// Rows of a block, from `first_row` on: by row, the texts of its cells. Rows that are `set_aside` are left out.
pub struct Block<'t, 's> {
    pub first_row: usize,
    pub rows: usize,
    /// How many cells a row has.
    pub width: usize,
    pub cells: &'s [Option<&'t str>],
    pub set_aside: &'s [bool],
}

impl<'t> Block<'t, '_> {
    fn cell(&self, row: usize, cell: usize) -> Option<&'t str> {
        self.cells[row * self.width + cell]
    }

    /// Fills the column of a field from the cells of one column of texts.
    pub fn fill<F: Texts>(
        &self,
        intake: &Intake,
        (index, usual): (usize, &Usual<'_>),
        cell: usize,
        columns: &mut Columns,
        faults: &mut Vec<RowFault>,
    ) {
        let unusual = by_width!(columns.column(index).width, Cell => {
            self.fill_usual::<F, Cell>(usual, cell, index, columns)
        });
        let mut scratch = String::new();
        for row in unusual {
            let at = self.first_row + row;
            match intake.admit(index, F::reading(self.cell(row, cell), &mut scratch)) {
                Ok(value) => columns.set(index, at, value),
                Err(reason) => faults.push((at as u32, reason)),
            }
        }
    }

    /// Fills in what is in the usual form; returns the other rows.
    fn fill_usual<F: Texts, W: Scalar>(
        &self,
        usual: &Usual<'_>,
        cell: usize,
        index: usize,
        columns: &mut Columns,
    ) -> Vec<usize> {
        match &usual.form {
            Form::Number(decimals) => {
                self.fill_by::<F, W>(usual, cell, index, columns, |text| number(text, *decimals))
            }
            Form::Date => self.fill_by::<F, W>(usual, cell, index, columns, day),
            Form::Bool => self.fill_by::<F, W>(usual, cell, index, columns, boolean),
            Form::Names(names) => {
                let code = |text: &[u8]| names.iter().position(|name| *name == text).map(|at| at as i64);
                self.fill_by::<F, W>(usual, cell, index, columns, code)
            }
            Form::None => self.fill_by::<F, W>(usual, cell, index, columns, |_| None),
        }
    }

    #[inline(always)]
    fn fill_by<F: Texts, W: Scalar>(
        &self,
        usual: &Usual<'_>,
        cell: usize,
        index: usize,
        columns: &mut Columns,
        value_of: impl Fn(&[u8]) -> Option<i64>,
    ) -> Vec<usize> {
        let mut unusual = Vec::new();
        let mut present = [0u64; BLOCK_WORDS];
        let is_quoted = usual.is_quoted();
        let out = &mut columns.values_mut::<W>(index)[self.first_row..][..self.rows];
        for (row, out) in out.iter_mut().enumerate() {
            let value = match self.cell(row, cell).filter(|text| !F::is_missing(text)) {
                None if usual.may_be_missing => continue,
                None => None,
                Some(text) => F::plain(text, is_quoted).and_then(&value_of),
            };
            match value.filter(|value| usual.admits(*value)) {
                Some(value) => {
                    *out = W::truncate(i128::from(value));
                    present[row / ROWS_PER_GROUP] |= 1 << (row % ROWS_PER_GROUP);
                }
                None if self.set_aside[row] => {}
                None => unusual.push(row),
            }
        }
        let words = columns.validity_mut(index);
        if !words.is_empty() {
            let first = self.first_row / ROWS_PER_GROUP;
            words[first..][..self.rows.div_ceil(ROWS_PER_GROUP)]
                .copy_from_slice(&present[..self.rows.div_ceil(ROWS_PER_GROUP)]);
        }
        unusual
    }
}

/// The most characters shown of a row that cannot be read.
const TOLD_CHARACTERS: usize = 1000;

/// A row that could not be read.
pub fn malformed(wrong: String, row: &[u8]) -> Reason {
    let value = truncated(&String::from_utf8_lossy(row), TOLD_CHARACTERS);
    Reason { value, ..Reason::malformed_row(wrong) }
}

/// The text up to a number of characters, with a mark where there is more.
pub fn truncated(text: &str, characters: usize) -> String {
    let mut shown: String = text.chars().take(characters).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_runtime::admission::number::scaled;

    #[test]
    fn numbers_in_the_usual_form_are_read_as_elsewhere() {
        for decimals in [0u8, 2, 4] {
            for text in [
                "0",
                "-0",
                "7",
                "-7",
                "12.3",
                "12.34",
                "12.345",
                "00012",
                "-0.5",
                "9999999999",
                "123456789012345",
                "1.",
                ".5",
                "",
                "-",
                "+5",
                "1e3",
                "1,000",
                " 5",
                "5 ",
                "1.2.3",
                "0x1",
                "999999999999999999",
                "12345678901234567890",
                "é",
            ] {
                if let Some(value) = number(text.as_bytes(), decimals as usize) {
                    assert_eq!(scaled(text, decimals), Ok(value as i128), "{text} with {decimals} decimals");
                }
            }
        }
        assert_eq!(number(b"12.3", 2), Some(1_230));
        assert_eq!(number(b"-12.34", 2), Some(-1_234));
        assert_eq!(number(b"850", 0), Some(850));
        assert_eq!(number(b"12.345", 2), None);
    }
}
