//! The credit policy as a service without Opus would have it: a typed struct that `sonic-rs` or `serde_json` fills,
//! amounts that are read exactly from their digits, every range checked, the rules as `if`s, and an answer that is
//! put together from constant parts.

use opus_runtime::admission::push_decimal;
use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

/// An application, as its JSON object has it.
#[derive(Deserialize)]
pub struct Application<'a, A> {
    submitted_on: &'a str,
    age: u8,
    score: Option<u16>,
    annual_income: A,
    monthly_debt: A,
    requested_amount: A,
    term_months: u8,
    employment: Employment,
    months_employed: u16,
    delinquencies_24m: u8,
    months_since_bankruptcy: Option<u16>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Employment {
    Salaried,
    SelfEmployed,
    Retired,
    Student,
    Unemployed,
}

/// An amount, whichever library hands its digits over.
pub trait Amount {
    /// In cents.
    fn cents(&self) -> i64;
}

/// An amount by `sonic-rs`.
pub struct Sonic(i64);

/// An amount by `serde_json`.
pub struct Serde(i64);

impl<'de> Deserialize<'de> for Sonic {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sonic, D::Error> {
        let raw = sonic_rs::LazyValue::deserialize(deserializer)?;
        cents(raw.as_raw_str()).map(Sonic).ok_or_else(|| D::Error::custom("not an amount"))
    }
}

impl<'de> Deserialize<'de> for Serde {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Serde, D::Error> {
        let raw = <&serde_json::value::RawValue>::deserialize(deserializer)?;
        cents(raw.get()).map(Serde).ok_or_else(|| D::Error::custom("not an amount"))
    }
}

impl Amount for Sonic {
    fn cents(&self) -> i64 {
        self.0
    }
}

impl Amount for Serde {
    fn cents(&self) -> i64 {
        self.0
    }
}

/// The cents of `9000`, `9000.5` or `9000.50`; the text is a JSON number already.
fn cents(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: i64 = whole.parse().ok()?;
    let fraction = match fraction.as_bytes() {
        [] => 0,
        [tenths @ b'0'..=b'9'] => (tenths - b'0') as i64 * 10,
        [tenths @ b'0'..=b'9', rest @ b'0'..=b'9'] => (tenths - b'0') as i64 * 10 + (rest - b'0') as i64,
        _ => return None,
    };
    whole.checked_mul(100)?.checked_add(fraction).filter(|_| whole >= 0)
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Refused {
    /// The text is not an application.
    Malformed,
    /// A field has a value that it may not have.
    Field(&'static str),
}

/// Answers a request with `sonic-rs`.
///
/// # Errors
/// Why there is no answer.
pub fn answer_with_sonic(request: &str, artifact: &str, answer: &mut String) -> Result<(), Refused> {
    let application: Application<'_, Sonic> = sonic_rs::from_str(request).map_err(|_| Refused::Malformed)?;
    application.answer(artifact, answer)
}

/// Answers a request with `serde_json`.
///
/// # Errors
/// Why there is no answer.
pub fn answer_with_serde(request: &str, artifact: &str, answer: &mut String) -> Result<(), Refused> {
    let application: Application<'_, Serde> =
        serde_json::from_str(request).map_err(|_| Refused::Malformed)?;
    application.answer(artifact, answer)
}

/// By rule: the decision, the reason, and the rule in the answer.
const RULES: [(&str, &str, &str); 10] = [
    ("decline", "UNDER_AGE", r#"{"id":"C1","title":"Applicant is a minor","cite":"CP 2.1"}"#),
    ("refer", "THIN_FILE", r#"{"id":"C2","cite":"CP 3.1"}"#),
    ("decline", "RECENT_BANKRUPTCY", r#"{"id":"C3","cite":"CP 3.4"}"#),
    ("decline", "SCORE_BELOW_FLOOR", r#"{"id":"C4","cite":"CP 3.2"}"#),
    ("decline", "DTI_TOO_HIGH", r#"{"id":"C5","title":"Debt to income","cite":"CP 4.1"}"#),
    ("refer", "DELINQUENCIES", r#"{"id":"C6"}"#),
    ("refer", "SHORT_EMPLOYMENT", r#"{"id":"C7"}"#),
    ("approve", "WITHIN_CAP", r#"{"id":"C8"}"#),
    ("approve", "CAPPED", r#"{"id":"C9"}"#),
    ("decline", "CAP_TOO_LOW", r#"{"id":"C10"}"#),
];

/// By version, the version in the answer, up to the date that selected it.
const VERSIONS: [&str; 2] = [
    r#"{"number":1,"from":"2023-01-01","chosen_by":{"submitted_on":""#,
    r#"{"number":2,"from":"2025-01-01","cite":"Risk Committee 2024-11-18","chosen_by":{"submitted_on":""#,
];

impl<A: Amount> Application<'_, A> {
    fn answer(&self, artifact: &str, answer: &mut String) -> Result<(), Refused> {
        let day = self.check()?;
        let is_second = day >= 20_250_101;
        let (rule, amount) = self.decide(is_second);
        let (decision, reason, rule) = RULES[rule];
        for part in ["{\"outputs\":{\"decision\":\"", decision, "\",\"credit_amount\":"] {
            answer.push_str(part);
        }
        push_decimal(answer, amount.into(), 2);
        for part in [
            ",\"reason_code\":\"",
            reason,
            "\"},\"rule\":",
            rule,
            ",\"version\":",
            VERSIONS[is_second as usize],
            self.submitted_on,
            "\"}},\"record\":1,\"artifact\":\"",
            artifact,
            "\"}",
        ] {
            answer.push_str(part);
        }
        Ok(())
    }

    /// Checks every range; the date as a number.
    fn check(&self) -> Result<u32, Refused> {
        let amount = |cents: i64, lo: i64, hi: i64, name| within(cents, lo * 100, hi * 100, name);
        let day = date(self.submitted_on).ok_or(Refused::Field("submitted_on"))?;
        within(day, 20_230_101, 20_301_231, "submitted_on")?;
        within(self.age, 16, 120, "age")?;
        within(self.score.unwrap_or(300), 300, 850, "score")?;
        amount(self.annual_income.cents(), 0, 10_000_000, "annual_income")?;
        amount(self.monthly_debt.cents(), 0, 1_000_000, "monthly_debt")?;
        amount(self.requested_amount.cents(), 500, 75_000, "requested_amount")?;
        if !matches!(self.term_months, 12 | 24 | 36 | 48 | 60) {
            return Err(Refused::Field("term_months"));
        }
        within(self.months_employed, 0, 720, "months_employed")?;
        within(self.delinquencies_24m, 0, 99, "delinquencies_24m")?;
        within(self.months_since_bankruptcy.unwrap_or(0), 0, 1200, "months_since_bankruptcy")?;
        Ok(day)
    }

    /// The index of the rule, and the amount in cents.
    fn decide(&self, is_second: bool) -> (usize, i64) {
        let (income, requested) = (self.annual_income.cents(), self.requested_amount.cents());
        if self.age < 18 {
            return (0, 0);
        }
        let Some(score) = self.score else { return (1, 0) };
        if self.months_since_bankruptcy.is_some_and(|months| months < 84) {
            return (2, 0);
        }
        if score < if is_second { 700 } else { 680 } {
            return (3, 0);
        }
        let term = self.term_months as i64;
        if (self.monthly_debt.cents() * term + requested) * 1200 > income * 43 * term {
            return (4, 0);
        }
        if self.delinquencies_24m > 2 {
            return (5, 0);
        }
        if self.months_employed < 6 && self.employment != Employment::Retired {
            return (6, 0);
        }
        let tenths = match score {
            ..740 => 2,
            740..780 => 3,
            _ => 4,
        };
        let (whole, rest) = (income * tenths / 10, income * tenths % 10);
        let cap = whole + (rest > 5 || rest == 5 && whole % 2 == 1) as i64;
        match cap {
            _ if requested <= cap => (7, requested),
            50_000.. => (8, cap),
            _ => (9, 0),
        }
    }
}

fn within<T: PartialOrd>(value: T, lo: T, hi: T, name: &'static str) -> Result<(), Refused> {
    if lo <= value && value <= hi { Ok(()) } else { Err(Refused::Field(name)) }
}

/// A date as the number that its digits are: 2025-01-31 is 20250131.
fn date(text: &str) -> Option<u32> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let mut number = 0;
    for at in [0, 1, 2, 3, 5, 6, 8, 9] {
        let digit = bytes[at].wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number * 10 + digit as u32;
    }
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + is_leap as u32,
        _ => return None,
    };
    (1..=days).contains(&day).then_some(number)
}
