//! What is an answer? Three fields, or a refusal; compared by meaning, not by spelling.

use std::fmt;

use serde_json::{Map, Value, json};

/// The fields of a domain's answers, and the values that they may have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The values of `decision`.
    pub decisions: Vec<String>,
    /// The name of the amount.
    pub amount: String,
    /// The values of `reason_code`.
    pub reasons: Vec<String>,
}

/// An answer that can be understood.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// A decision.
    Decided {
        /// One of the domain's decisions, or another word.
        decision: String,
        /// In cents.
        amount_cents: i128,
        /// One of the domain's reasons, or another word.
        reason: String,
    },
    /// The case cannot be decided, because of this field.
    Refused(String),
}

/// Why a run counts as failed: the first that holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The answer cannot be understood.
    MalformedOutput,
    /// `decision` or `reason_code` has a value that the policy does not have.
    EnumValueInvalid,
    /// The decision is another one.
    WrongDecision,
    /// The decision is right, the amount is not.
    WrongAmount,
    /// Decision and amount are right, the reason is not.
    WrongReasonCode,
}

impl Class {
    /// All classes, in the order in which they are tried.
    pub const ALL: [Class; 5] = [
        Class::MalformedOutput,
        Class::EnumValueInvalid,
        Class::WrongDecision,
        Class::WrongAmount,
        Class::WrongReasonCode,
    ];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Class::MalformedOutput => "malformed_output",
            Class::EnumValueInvalid => "enum_value_invalid",
            Class::WrongDecision => "wrong_decision",
            Class::WrongAmount => "wrong_amount",
            Class::WrongReasonCode => "wrong_reason_code",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

const DECISION: &str = "decision";
const REASON: &str = "reason_code";
const REFUSED: &str = "refused";

impl Shape {
    /// The shape that a JSON schema describes: an object of `decision`, `reason_code`, and one more field, the amount.
    ///
    /// # Errors
    /// What the schema lacks.
    pub fn of_schema(schema: &str) -> Result<Shape, String> {
        let schema: Value = serde_json::from_str(schema).map_err(|error| error.to_string())?;
        let properties = schema["properties"].as_object().ok_or("it has no `properties`")?;
        let values = |name: &str| -> Result<Vec<String>, String> {
            let listed = properties.get(name).and_then(|property| property["enum"].as_array());
            let listed = listed.ok_or_else(|| format!("`{name}` has no `enum`"))?;
            Ok(listed.iter().filter_map(|value| Some(value.as_str()?.to_owned())).collect())
        };
        let mut others = properties.keys().filter(|name| ![DECISION, REASON].contains(&name.as_str()));
        match (others.next(), others.next()) {
            (Some(amount), None) => {
                Ok(Shape { decisions: values(DECISION)?, amount: amount.clone(), reasons: values(REASON)? })
            }
            _ => Err("an answer has three fields: `decision`, an amount and `reason_code`".into()),
        }
    }

    /// The answer in a text: the text itself, or its only code block, is a JSON object. `None` if there is none.
    pub fn find(&self, text: &str) -> Option<Answer> {
        self.read(&object(text)?)
    }

    /// The answer that an object gives, whatever its values of enums.
    pub fn read(&self, object: &Map<String, Value>) -> Option<Answer> {
        let word = |name: &str| Some(object.get(name)?.as_str()?.to_owned());
        if let (Some(field), None) = (word(REFUSED), object.get(DECISION)) {
            return Some(Answer::Refused(field));
        }
        Some(Answer::Decided {
            decision: word(DECISION)?,
            amount_cents: cents(object.get(&self.amount)?)?,
            reason: word(REASON)?,
        })
    }

    /// Whether the answer uses only values that the policy has.
    pub fn is_within(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Decided { decision, reason, .. } => {
                self.decisions.contains(decision) && self.reasons.contains(reason)
            }
            Answer::Refused(_) => true,
        }
    }

    /// The canonical form: one object, amounts with two decimals.
    pub fn canonical(&self, answer: &Answer) -> Value {
        match answer {
            Answer::Refused(field) => json!({ REFUSED: field }),
            Answer::Decided { decision, amount_cents, reason } => {
                json!({ DECISION: decision, &self.amount: amount(*amount_cents), REASON: reason })
            }
        }
    }

    /// Why an answer is not the expected one; `None` if it is.
    pub fn judge(&self, found: Option<&Answer>, expected: &Answer) -> Option<Class> {
        let Some(found) = found else { return Some(Class::MalformedOutput) };
        if !self.is_within(found) {
            return Some(Class::EnumValueInvalid);
        }
        match (found, expected) {
            (Answer::Refused(found), Answer::Refused(expected)) => {
                (found != expected).then_some(Class::WrongReasonCode)
            }
            (Answer::Refused(_), Answer::Decided { .. }) | (Answer::Decided { .. }, Answer::Refused(_)) => {
                Some(Class::WrongDecision)
            }
            (
                Answer::Decided { decision, amount_cents, reason },
                Answer::Decided { decision: right, amount_cents: right_cents, reason: right_reason },
            ) => match () {
                () if decision != right => Some(Class::WrongDecision),
                () if amount_cents != right_cents => Some(Class::WrongAmount),
                () if reason != right_reason => Some(Class::WrongReasonCode),
                () => None,
            },
        }
    }
}

impl Answer {
    /// Decision and amount, which is what tier 2 compares.
    pub fn binding(&self) -> (Option<&str>, i128) {
        match self {
            Answer::Decided { decision, amount_cents, .. } => (Some(decision), *amount_cents),
            Answer::Refused(_) => (None, 0),
        }
    }
}

/// The JSON object that a text is, or that its only code block is.
pub fn object(text: &str) -> Option<Map<String, Value>> {
    let whole = text.trim();
    let inner = || {
        let mut parts = whole.split("```");
        let (_, block, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(block.strip_prefix("json").unwrap_or(block).trim())
    };
    let read = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    };
    read(whole).or_else(|| read(inner()?))
}

/// An amount as text, or as a JSON number, in cents. `None` where it is finer than a cent or no number.
fn cents(value: &Value) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |digits| (-1, digits));
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = if decimals.len() > 2 { decimals.trim_end_matches('0') } else { decimals };
    if whole.is_empty() || whole.len() > 30 || decimals.len() > 2 || !is_digits(whole) || !is_digits(decimals)
    {
        return None;
    }
    format!("{whole}{decimals:0<2}").parse::<i128>().ok().map(|cents| sign * cents)
}

/// Cents as an amount.
pub fn amount(cents: i128) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape {
            decisions: vec!["yes".into(), "no".into()],
            amount: "sum".into(),
            reasons: vec!["A".into(), "B".into()],
        }
    }

    fn answer(text: &str) -> Option<Answer> {
        shape().find(text)
    }

    #[test]
    fn amounts_are_compared_by_value() {
        let texts = [r#""120.00""#, r#""120""#, "120", "120.0", "120.000"];
        let read = texts.map(|sum| answer(&format!(r#"{{"decision":"yes","sum":{sum},"reason_code":"A"}}"#)));
        assert!(read.iter().all(|answer| answer.is_some() && *answer == read[0]), "{read:?}");
        for wrong in [r#""120.005""#, r#""$120""#, "null", r#""""#] {
            let text = format!(r#"{{"decision":"yes","sum":{wrong},"reason_code":"A"}}"#);
            assert_eq!(answer(&text), None, "{wrong}");
        }
    }

    #[test]
    fn the_first_class_that_holds_is_the_class() {
        let right = answer(r#"{"decision":"yes","sum":"1.00","reason_code":"A"}"#).unwrap();
        let class = |text: &str| shape().judge(answer(text).as_ref(), &right);
        assert_eq!(class(r#"{"decision":"yes","sum":1,"reason_code":"A"}"#), None);
        assert_eq!(class("Yes, it is approved."), Some(Class::MalformedOutput));
        assert_eq!(class(r#"{"decision":"yes"}"#), Some(Class::MalformedOutput));
        assert_eq!(class(r#"{"decision":"maybe","sum":2,"reason_code":"B"}"#), Some(Class::EnumValueInvalid));
        assert_eq!(class(r#"{"decision":"no","sum":2,"reason_code":"B"}"#), Some(Class::WrongDecision));
        assert_eq!(class(r#"{"decision":"yes","sum":2,"reason_code":"B"}"#), Some(Class::WrongAmount));
        assert_eq!(class(r#"{"decision":"yes","sum":1,"reason_code":"B"}"#), Some(Class::WrongReasonCode));
        assert_eq!(class(r#"{"refused":"day"}"#), Some(Class::WrongDecision));
        assert_eq!(class("```json\n{\"decision\":\"yes\",\"sum\":1,\"reason_code\":\"A\"}\n```"), None);
    }
}
