//! What does a cell of an Arrow column hold? One reading at a time, for every physical type. This way is slow and says
//! exactly what is wrong; the fast one is in [`super::columnar`].

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrowPrimitiveType, Decimal256Array, Float32Array, Float64Array};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};
use opus_ir::date;
use opus_runtime::admission::Reading;

/// Seconds in a day.
pub const DAY_SECONDS: i64 = 86_400;

/// A column, cell by cell.
pub struct Cells<'a> {
    nulls: Option<&'a NullBuffer>,
    values: Values<'a>,
    decimals: u8,
    /// Whether numbers are rounded.
    rounds: bool,
}

type Getter<'a, T> = Box<dyn Fn(usize) -> T + 'a>;

enum Values<'a> {
    Nothing,
    Bool(Getter<'a, bool>),
    Integer(Getter<'a, i128>),
    Decimal(Getter<'a, i128>, i32),
    Wide(&'a Decimal256Array, i32),
    Single(&'a Float32Array),
    Double(&'a Float64Array),
    Day(Getter<'a, i64>),
    /// Ticks since midnight, and how many make a second.
    Clock(Getter<'a, i64>, i64),
    /// Ticks since the epoch, and how many make a second.
    Moment(Getter<'a, i64>, i64),
    Text(Getter<'a, &'a str>),
    Coded(Vec<usize>, Box<Cells<'a>>),
    Other(&'static str),
}

impl<'a> Cells<'a> {
    /// The cells of a column, read for a field with this many decimals.
    pub fn new(array: &'a dyn Array, decimals: u8) -> Cells<'a> {
        Cells { nulls: array.nulls(), values: values_of(array, decimals), decimals, rounds: false }
    }

    /// The same for a field whose numbers are rounded: then a float of 32 bits is never the number that its text says.
    pub fn rounding(mut self, rounds: bool) -> Cells<'a> {
        self.rounds = rounds;
        if let Values::Coded(_, cells) = &mut self.values {
            cells.rounds = rounds;
        }
        self
    }

    /// Whether a cell holds nothing.
    pub fn is_missing(&self, row: usize) -> bool {
        let null = self.nulls.is_some_and(|nulls| nulls.is_null(row));
        null || match &self.values {
            Values::Nothing => true,
            Values::Coded(keys, cells) => cells.is_missing(keys[row]),
            _ => false,
        }
    }

    /// What a cell holds; `scratch` keeps its text if it has to be made.
    pub fn reading<'s>(&'s self, row: usize, scratch: &'s mut String) -> Reading<'s> {
        if self.is_missing(row) {
            return Reading::Missing;
        }
        match &self.values {
            Values::Nothing => Reading::Missing,
            Values::Bool(value) => Reading::Bool(value(row)),
            Values::Integer(value) => Reading::Integer(value(row)),
            Values::Decimal(digits, scale) => Reading::Decimal { digits: digits(row), scale: *scale },
            Values::Wide(array, scale) => wide(array, row, *scale, scratch),
            Values::Single(array) => single(array.value(row), self.decimals, self.rounds, scratch),
            Values::Double(array) => Reading::Double(array.value(row)),
            Values::Day(day) => day_reading(day(row), scratch),
            Values::Moment(ticks, per_second) => moment(ticks(row), *per_second, scratch),
            Values::Clock(ticks, per_second) => {
                // the time of the first day there is
                let text = moment_text(ticks(row), *per_second);
                *scratch = text.split_once('T').map_or(text.clone(), |(_, clock)| clock.to_owned());
                Reading::Text(scratch)
            }
            Values::Text(text) => Reading::Text(text(row)),
            Values::Coded(keys, cells) => cells.reading(keys[row], scratch),
            Values::Other(name) => Reading::Other(name),
        }
    }
}

fn native<'a, T: ArrowPrimitiveType>(array: &'a dyn Array) -> impl Fn(usize) -> T::Native + 'a {
    let values = array.as_primitive::<T>();
    move |row| values.value(row)
}

fn integer<'a, T: ArrowPrimitiveType>(array: &'a dyn Array) -> Getter<'a, i128>
where
    T::Native: Into<i128>,
{
    let value = native::<T>(array);
    Box::new(move |row| value(row).into())
}

fn values_of(array: &dyn Array, decimals: u8) -> Values<'_> {
    use DataType::*;
    match array.data_type() {
        Null => Values::Nothing,
        Boolean => {
            let values = array.as_boolean();
            Values::Bool(Box::new(|row| values.value(row)))
        }
        Int8 => Values::Integer(integer::<Int8Type>(array)),
        Int16 => Values::Integer(integer::<Int16Type>(array)),
        Int32 => Values::Integer(integer::<Int32Type>(array)),
        Int64 => Values::Integer(integer::<Int64Type>(array)),
        UInt8 => Values::Integer(integer::<UInt8Type>(array)),
        UInt16 => Values::Integer(integer::<UInt16Type>(array)),
        UInt32 => Values::Integer(integer::<UInt32Type>(array)),
        UInt64 => Values::Integer(integer::<UInt64Type>(array)),
        Decimal32(_, scale) => Values::Decimal(integer::<Decimal32Type>(array), *scale as i32),
        Decimal64(_, scale) => Values::Decimal(integer::<Decimal64Type>(array), *scale as i32),
        Decimal128(_, scale) => Values::Decimal(integer::<Decimal128Type>(array), *scale as i32),
        Decimal256(_, scale) => Values::Wide(array.as_primitive::<Decimal256Type>(), *scale as i32),
        Float32 => Values::Single(array.as_primitive::<Float32Type>()),
        Float64 => Values::Double(array.as_primitive::<Float64Type>()),
        Date32 => {
            let day = native::<Date32Type>(array);
            Values::Day(Box::new(move |row| day(row) as i64))
        }
        Date64 => Values::Moment(Box::new(native::<Date64Type>(array)), 1_000),
        Timestamp(unit, None) => timestamps(array, *unit),
        Time32(TimeUnit::Second) => {
            let ticks = native::<Time32SecondType>(array);
            Values::Clock(Box::new(move |row| ticks(row).into()), 1)
        }
        Time32(TimeUnit::Millisecond) => {
            let ticks = native::<Time32MillisecondType>(array);
            Values::Clock(Box::new(move |row| ticks(row).into()), 1_000)
        }
        Time64(TimeUnit::Microsecond) => {
            Values::Clock(Box::new(native::<Time64MicrosecondType>(array)), 1_000_000)
        }
        Time64(TimeUnit::Nanosecond) => {
            Values::Clock(Box::new(native::<Time64NanosecondType>(array)), 1_000_000_000)
        }
        Utf8 => {
            let texts = array.as_string::<i32>();
            Values::Text(Box::new(|row| texts.value(row)))
        }
        LargeUtf8 => {
            let texts = array.as_string::<i64>();
            Values::Text(Box::new(|row| texts.value(row)))
        }
        Utf8View => {
            let texts = array.as_string_view();
            Values::Text(Box::new(|row| texts.value(row)))
        }
        Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if dictionary.values().is_empty() {
                return Values::Nothing;
            }
            Values::Coded(
                dictionary.normalized_keys(),
                Box::new(Cells::new(dictionary.values().as_ref(), decimals)),
            )
        }
        _ => Values::Other("a nested value"),
    }
}

/// How many ticks of a unit make a second.
pub fn ticks_per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

fn timestamps(array: &dyn Array, unit: TimeUnit) -> Values<'_> {
    let ticks: Getter<'_, i64> = match unit {
        TimeUnit::Second => Box::new(native::<TimestampSecondType>(array)),
        TimeUnit::Millisecond => Box::new(native::<TimestampMillisecondType>(array)),
        TimeUnit::Microsecond => Box::new(native::<TimestampMicrosecondType>(array)),
        TimeUnit::Nanosecond => Box::new(native::<TimestampNanosecondType>(array)),
    };
    Values::Moment(ticks, ticks_per_second(unit))
}

/// A decimal of 256 bits as the text of its digits, where it does not fit in 128.
fn wide<'s>(array: &Decimal256Array, row: usize, scale: i32, scratch: &'s mut String) -> Reading<'s> {
    let digits = array.value(row);
    match digits.to_i128() {
        Some(digits) => Reading::Decimal { digits, scale },
        None => {
            *scratch = format!("{digits}e{}", -scale);
            Reading::Number(scratch)
        }
    }
}

/// Below so many steps of the field, a float of 32 bits tells a value from its neighbours: they are further
/// apart than the floats are.
const TOLD_APART: f64 = (1 << 23) as f64;

/// A float of 32 bits: the number with the fewest digits that it is the nearest float to, where no other value
/// with so many decimals has the same float.
fn single(x: f32, decimals: u8, rounds: bool, scratch: &mut String) -> Reading<'_> {
    let steps = (x as f64 * 10f64.powi(decimals as i32)).abs();
    if x.is_nan() {
        Reading::Missing
    } else if !x.is_finite() {
        Reading::Double(x as f64)
    } else if steps < TOLD_APART && !rounds {
        *scratch = x.to_string();
        Reading::Number(scratch)
    } else {
        *scratch = x.to_string();
        Reading::Inexact(scratch)
    }
}

fn day_reading(day: i64, scratch: &mut String) -> Reading<'_> {
    match i32::try_from(day).ok().filter(|day| (date::DAY_MIN..=date::DAY_MAX).contains(&(*day as i128))) {
        Some(day) => Reading::Day(day),
        None => {
            *scratch = date_text(day);
            Reading::Text(scratch)
        }
    }
}

/// A day in ISO 8601, also outside of the years 1 to 9999, which policies know: `0000-12-31`, `10000-01-01`.
fn date_text(day: i64) -> String {
    /// The calendar repeats after 400 years, which have this many days.
    const CYCLE_DAYS: i64 = 146_097;
    // from the first of March of the year 0, so that leap days come last
    let day = day as i128 + 719_468;
    let (cycle, day) = (day.div_euclid(CYCLE_DAYS as i128), day.rem_euclid(CYCLE_DAYS as i128) as i64);
    let year = (day - day / 1_460 + day / 36_524 - day / (CYCLE_DAYS - 1)) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + i128::from(year) + i128::from(month <= 2);
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{of_month:02}", year.unsigned_abs())
}

/// A moment without a zone: a day if it is midnight, otherwise a text, which is not a date.
fn moment(ticks: i64, per_second: i64, scratch: &mut String) -> Reading<'_> {
    let per_day = DAY_SECONDS * per_second;
    let (day, rest) = (ticks.div_euclid(per_day), ticks.rem_euclid(per_day));
    if rest == 0 {
        return day_reading(day, scratch);
    }
    *scratch = moment_text(ticks, per_second);
    Reading::Text(scratch)
}

/// A moment without a zone in ISO 8601: `2025-01-31T13:30:00`, with a fraction where there is one.
pub fn moment_text(ticks: i64, per_second: i64) -> String {
    let per_day = DAY_SECONDS * per_second;
    let (day, rest) = (ticks.div_euclid(per_day), ticks.rem_euclid(per_day));
    let (seconds, fraction) = (rest / per_second, rest % per_second);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{}T{hour:02}:{minute:02}:{second:02}", date_text(day));
    if fraction != 0 {
        let width = per_second.ilog10() as usize;
        text.push_str(&format!(".{fraction:0width$}"));
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_every_year_have_a_text() {
        for day in (date::DAY_MIN as i64..=date::DAY_MAX as i64).step_by(97) {
            assert_eq!(date_text(day), date::civil(day as i128).to_string());
        }
        for (day, text) in [
            (date::DAY_MIN as i64 - 1, "0000-12-31"),
            (date::DAY_MIN as i64 - 366, "0000-01-01"),
            (date::DAY_MIN as i64 - 367, "-0001-12-31"),
            (date::DAY_MAX as i64 + 1, "10000-01-01"),
        ] {
            assert_eq!(date_text(day), text);
        }
        // far away, but without overflow
        date_text(i64::MAX);
        date_text(i64::MIN);
        assert_eq!(moment_text(-62_135_596_800_001, 1_000), "0000-12-31T23:59:59.999");
    }
}
