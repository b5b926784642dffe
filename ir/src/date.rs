//! Which day is it? Day numbers (1970-01-01 is day 0) in the proleptic Gregorian calendar, and the arithmetic
//! of months on them.
//!
//! Every function is total on all of `i128`, because predicated code also runs on values that are not
//! selected: beyond [`DAY_MIN`] and [`DAY_MAX`] days are clamped, before anything else is done with them.

use crate::interval::Interval;

/// 0001-01-01.
pub const DAY_MIN: i128 = -719_162;
/// 9999-12-31.
pub const DAY_MAX: i128 = 2_932_896;
/// The months that `add_months` accepts: beyond, they are clamped. They span all representable dates.
pub const MONTHS_MAX: i128 = 12 * 9999;

/// The bounds of `4800 * (reached - day) - 146097 * months` for every day and number of months, whichever the end of the
/// month: a month has 146,097 / 4,800 days on average, and a test finds both ends in the cycle of 400 years.
pub const SLOPE_MOVED: Interval = Interval::new(-21_081, 21_081);
/// The bounds of `146097 * months - 4800 * (to - from)` for the whole months between every two days.
pub const SLOPE_BETWEEN: Interval = Interval::new(-162_378, 162_378);

/// What `+ n months` does where the month that is reached has no such day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum MonthEnd {
    /// The last day of the month.
    Clip = 0,
    /// As many days into the next month.
    Carry = 1,
}

impl MonthEnd {
    /// Both, by number.
    pub const ALL: [MonthEnd; 2] = [MonthEnd::Clip, MonthEnd::Carry];

    /// The word in the language.
    pub const fn name(self) -> &'static str {
        match self {
            MonthEnd::Clip => "clip",
            MonthEnd::Carry => "carry",
        }
    }

    /// The choice with this number, `None` if there is none.
    #[inline]
    pub fn from_number(number: i128) -> Option<MonthEnd> {
        usize::try_from(number).ok().and_then(|i| MonthEnd::ALL.get(i).copied())
    }
}

/// A year, a month from 1 and a day of the month from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Civil {
    /// The year, 1 to 9999.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: u32,
    /// The day of the month, 1 to 31.
    pub day: u32,
}

/// The day number of a date, `None` if the date does not exist.
///
/// ```
/// use opus_ir::date::{Civil, day_number};
/// assert_eq!(day_number(Civil { year: 2024, month: 2, day: 29 }), Some(19782));
/// assert_eq!(day_number(Civil { year: 2023, month: 2, day: 29 }), None);
/// ```
pub fn day_number(date: Civil) -> Option<i32> {
    let in_range = (1..=9999).contains(&date.year) && (1..=12).contains(&date.month);
    let (year, month, day) = (date.year as i64, date.month as i64, date.day as i64);
    let valid = in_range && day >= 1 && day <= days_in_month(year, month);
    valid.then(|| days_from_civil(year, month, day) as i32)
}

/// The date with this day number; clamped to the years 1 to 9999.
pub fn civil(day: i128) -> Civil {
    let (year, month, day) = civil_from_days(within_calendar(day));
    Civil { year: year as i32, month: month as u32, day: day as u32 }
}

impl std::fmt::Display for Civil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Reads `2025-01-31`, nothing shorter, longer or looser, from text or its bytes.
pub fn parse(text: impl AsRef<[u8]>) -> Option<i32> {
    let bytes = text.as_ref();
    let dashes = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    let digits = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0i32, |n, b| b.is_ascii_digit().then(|| n * 10 + (b - b'0') as i32))
    };
    if !dashes {
        return None;
    }
    let (year, month, day) = (digits(0..4)?, digits(5..7)? as u32, digits(8..10)? as u32);
    day_number(Civil { year, month, day })
}

/// `day` moved by `months`. Days beyond the calendar and months beyond [`MONTHS_MAX`] are clamped, and so is
/// the result.
///
/// ```
/// use opus_ir::date::{MonthEnd, add_months, parse, civil};
/// let day = parse("2024-01-31").unwrap() as i128;
/// assert_eq!(civil(add_months(day, 1, MonthEnd::Clip)).to_string(), "2024-02-29");
/// assert_eq!(civil(add_months(day, 1, MonthEnd::Carry)).to_string(), "2024-03-02");
/// ```
pub fn add_months(day: i128, months: i128, end: MonthEnd) -> i128 {
    let (year, month, of_month) = civil_from_days(within_calendar(day));
    let total = year * 12 + (month - 1) + months.clamp(-MONTHS_MAX, MONTHS_MAX) as i64;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) + 1);
    let length = days_in_month(year, month);
    let reached = match end {
        MonthEnd::Clip => days_from_civil(year, month, of_month.min(length)),
        MonthEnd::Carry => days_from_civil(year, month, 1) + of_month - 1,
    };
    (reached as i128).clamp(DAY_MIN, DAY_MAX)
}

/// The whole months from `from` to `to`: a month is whole once its day of the month is reached, so the last day of
/// a shorter month does not complete one that began later in its own. Negative where `to` is earlier (the whole
/// months from `to` to `from`, negated).
///
/// ```
/// use opus_ir::date::{parse, whole_months};
/// let day = |text| parse(text).unwrap() as i128;
/// assert_eq!(whole_months(day("2024-01-31"), day("2024-02-29")), 0);
/// assert_eq!(whole_months(day("2024-01-15"), day("2025-01-15")), 12);
/// assert_eq!(whole_months(day("2025-01-15"), day("2024-01-15")), -12);
/// ```
pub fn whole_months(from: i128, to: i128) -> i128 {
    let (y0, m0, d0) = civil_from_days(within_calendar(from.min(to)));
    let (y1, m1, d1) = civil_from_days(within_calendar(from.max(to)));
    let months = ((y1 * 12 + m1) - (y0 * 12 + m0) - (d1 < d0) as i64) as i128;
    if to < from { -months } else { months }
}

/// The transfer of [`add_months`]: from its least to its greatest result. `None` where a date could leave the calendar.
///
/// Any day moves further with more months. Where days are clipped, later days also stay in order. Where they carry, they do
/// so within one month only: `01-31` and one month is `03-03`, and `02-01` and one month is `03-01`. But no day is
/// carried beyond the third of a month, so the first day competes with the beginning of the next month alone, and the last
/// day with the end of the month before it.
pub fn add_months_range(days: Interval, months: Interval, end: MonthEnd) -> Option<Interval> {
    let inside = Interval::new(DAY_MIN, DAY_MAX).contains_all(days)
        && Interval::new(-MONTHS_MAX, MONTHS_MAX).contains_all(months);
    if !inside {
        return None;
    }
    let (least, greatest) = match end {
        MonthEnd::Clip => (vec![days.lo], vec![days.hi]),
        MonthEnd::Carry => (vec![days.lo, next_month(days.lo)], vec![days.hi, month_before(days.hi)]),
    };
    let reached = |candidates: Vec<i128>, months: i128| {
        let met = candidates.into_iter().filter(|day| days.contains(*day));
        met.map(move |day| add_months(day, months, end))
    };
    let (lo, hi) = (reached(least, months.lo).min()?, reached(greatest, months.hi).max()?);
    (DAY_MIN < lo && hi < DAY_MAX).then(|| Interval::new(lo, hi))
}

/// The first day of the month after that of a day within the calendar.
fn next_month(day: i128) -> i128 {
    let (year, month, _) = civil_from_days(within_calendar(day));
    month_before(day) + 1 + days_in_month(year, month) as i128
}

/// The last day of the month before that of a day within the calendar.
fn month_before(day: i128) -> i128 {
    day - i128::from(civil(day).day)
}

/// By how many days [`add_months`] moves a day, for this number of months: the least and the greatest, from every month
/// of the cycle of 400 years.
pub fn days_moved(months: i128, end: MonthEnd) -> Interval {
    let months = months.clamp(-MONTHS_MAX, MONTHS_MAX) as i64;
    let first = |month: i64| days_from_civil(month.div_euclid(12), month.rem_euclid(12) + 1, 1);
    let length = |month: i64| days_in_month(month.div_euclid(12), month.rem_euclid(12) + 1);
    let moved = |month: i64| {
        let days = first(month + months) - first(month);
        let clipped = match end {
            MonthEnd::Clip => (length(month) - length(month + months)).max(0),
            MonthEnd::Carry => 0,
        };
        Interval::new((days - clipped).into(), days.into())
    };
    (0..4800).map(moved).reduce(Interval::hull).expect("a cycle has months")
}

/// The transfer of [`whole_months`]: it falls with the first argument and grows with the second. `None` where a
/// day could be outside the calendar: no engine has to count months from there, so none keeps such days.
pub fn whole_months_range(from: Interval, to: Interval) -> Option<Interval> {
    let calendar = Interval::new(DAY_MIN, DAY_MAX);
    let inside = calendar.contains_all(from) && calendar.contains_all(to);
    inside.then(|| Interval::new(whole_months(from.hi, to.lo), whole_months(from.lo, to.hi)))
}

/// A day, clamped to the calendar: from here on, 64 bits are enough.
fn within_calendar(day: i128) -> i64 {
    day.clamp(DAY_MIN, DAY_MAX) as i64
}

/// Days before 1970-01-01 of a proleptic Gregorian date; the algorithm counts from March, in eras of 400 years.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted - era * 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}
