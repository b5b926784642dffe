//! How precise are the times in a ledger? They are instants in UTC, to the microsecond. A written time must have an
//! offset, because otherwise the instant is unknown.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// An instant, to the microsecond.
///
/// ```
/// use opus_store::Time;
/// let time: Time = "2026-02-01T10:30:00+01:00".parse()?;
/// assert_eq!(time.to_string(), "2026-02-01T09:30:00.000000Z");
/// assert_eq!(Time::from_microseconds(time.microseconds()), Some(time));
/// assert!("2026-02-01".parse::<Time>().is_err());
/// # Ok::<(), opus_store::time::NotATime>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Time(Timestamp);

/// Why a text is not an instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotATime {
    /// A day, which has many instants.
    Day(Date),
    /// A date and a time of day, without the offset that would make it an instant.
    NoOffset(String),
    /// The second 60, which the instants of a ledger do not have.
    LeapSecond(String),
    /// More than six decimal places.
    TooPrecise(String),
    /// Something else.
    Other(String),
}

impl Time {
    /// The instant that is so many microseconds after the beginning of 1970 in UTC; `None` beyond the year 9999.
    pub fn from_microseconds(microseconds: i64) -> Option<Time> {
        Timestamp::from_microsecond(microseconds).ok().map(Time)
    }

    /// The microseconds since the beginning of 1970 in UTC.
    pub fn microseconds(self) -> i64 {
        self.0.as_microsecond()
    }

    /// The instant that a clock shows, without what is below a microsecond; `None` beyond the year 9999.
    pub fn of_clock(clock: SystemTime) -> Option<Time> {
        Time::from_microseconds(Timestamp::try_from(clock).ok()?.as_microsecond())
    }

    /// The day in UTC.
    pub fn day(self) -> Date {
        jiff::tz::Offset::UTC.to_datetime(self.0).date()
    }
}

impl FromStr for Time {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Time, NotATime> {
        let other = || NotATime::Other(text.to_owned());
        // a zone in brackets could contradict the offset
        if text.contains('[') {
            return Err(other());
        }
        // it would be read as the second before
        if text.parse::<Timestamp>().is_ok() && is_leap_second(text) {
            return Err(NotATime::LeapSecond(text.to_owned()));
        }
        let Ok(instant) = text.parse::<Timestamp>() else {
            let is_day = text.len() <= "-009999-12-31".len();
            return Err(match (text.parse::<Date>(), text.parse::<DateTime>()) {
                (Ok(day), _) if is_day => NotATime::Day(day),
                (_, Ok(_)) => NotATime::NoOffset(text.to_owned()),
                _ => other(),
            });
        };
        match instant.subsec_nanosecond() % 1000 == 0 {
            true => Ok(Time(instant)),
            false => Err(NotATime::TooPrecise(text.to_owned())),
        }
    }
}

/// Whether the time of day in an instant ends with the second 60.
fn is_leap_second(text: &str) -> bool {
    let time = text.split_once(['T', 't', ' ']).map_or("", |(_, time)| time);
    let digits: String =
        time.chars().take_while(|c| c.is_ascii_digit() || *c == ':').filter(char::is_ascii_digit).collect();
    digits.len() == 6 && digits.ends_with("60")
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.0)
    }
}

impl fmt::Display for NotATime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotATime::Day(day) => {
                write!(f, "`{day}` is a day, not an instant: `{day}T00:00:00Z` is its beginning, ")?;
                write!(f, "`{day}T23:59:59.999999Z` its end, both in UTC")
            }
            NotATime::NoOffset(text) => {
                write!(f, "`{text}` has no offset: `{text}Z` is in UTC, `{text}+01:00` one hour ahead of it")
            }
            NotATime::LeapSecond(text) => {
                write!(f, "`{text}` is a leap second, which is not distinguished from its neighbours: ")?;
                write!(f, "give the second before or after it")
            }
            NotATime::TooPrecise(text) => write!(f, "`{text}` has more than six decimal places"),
            NotATime::Other(text) => {
                let text = text.escape_debug();
                write!(
                    f,
                    "`{text}` is not an instant: it is written as in `2026-02-01T09:30:00Z` or `2026-02-01T10:30:00+01:00`"
                )
            }
        }
    }
}

impl std::error::Error for NotATime {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_an_offset_and_at_most_six_decimal_places() {
        let says =
            |text: &str| text.parse::<Time>().map_or_else(|error| error.to_string(), |time| time.to_string());
        assert_eq!(says("2026-02-01T00:30:00.123456+02:00"), "2026-01-31T22:30:00.123456Z");
        assert_eq!(says("2026-02-01T00:30Z"), "2026-02-01T00:30:00.000000Z");
        assert_eq!(
            says("2026-02-01"),
            "`2026-02-01` is a day, not an instant: `2026-02-01T00:00:00Z` is its beginning, \
             `2026-02-01T23:59:59.999999Z` its end, both in UTC"
        );
        assert!(says("2026-02-01T09:30:00").contains("has no offset"), "{}", says("2026-02-01T09:30:00"));
        assert!(says("2026-02-01T09:30:00.1234567Z").contains("six decimal places"));
        for leap in ["2026-01-01T23:59:60Z", "2026-01-02 00:59:60.5+01:00", "20260101T235960Z"] {
            assert!(says(leap).contains("is a leap second"), "{leap}: {}", says(leap));
        }
        assert_eq!(says("2026-01-01T23:00:59-01:00"), "2026-01-02T00:00:59.000000Z");
        for text in ["", "now", "2026-02-30T00:00:00Z", "1700000000", "2026-02-01T00:30:00+02:00[Asia/Tokyo]"]
        {
            assert!(says(text).contains("is not an instant"), "{text}: {}", says(text));
        }
    }
}
