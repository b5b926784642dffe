//! How does an output value travel through JSON without losing a digit? As the text that it is written in.

use std::fmt;

use opus_ir::{Kind, Schema};
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Error as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::admission::json::Quoted;
use crate::admission::{Shown, is_bare};

/// The value of an output.
///
/// ```
/// use opus_runtime::record::Value;
/// let value: Value = serde_json::from_str("9000.00").unwrap();
/// assert_eq!(value, Value::Number("9000.00".into()));
/// assert_eq!(serde_json::to_string(&value).unwrap(), "9000.00");
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// There is none.
    Missing,
    /// A Boolean.
    Bool(bool),
    /// A number, as JSON writes it, with all its decimals.
    Number(String),
    /// A percentage with its sign, a date, a name of an enum.
    Text(String),
}

impl Value {
    /// An integer that counts values of this kind.
    pub fn of(schema: &Schema, kind: Kind, value: i128) -> Value {
        let text = Shown::new(schema, kind, value).to_string();
        match kind {
            Kind::Bool => Value::Bool(value != 0),
            kind if is_bare(kind) => Value::Number(text),
            _ => Value::Text(text),
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> String {
        match self {
            Value::Missing => "null".into(),
            Value::Bool(value) => value.to_string(),
            Value::Number(text) => text.clone(),
            Value::Text(text) => Quoted(text).to_string(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Missing => Ok(()),
            Value::Bool(value) => value.fmt(f),
            Value::Number(text) | Value::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_json()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'n') => Ok(Value::Missing),
            Some(b't' | b'f') => Ok(Value::Bool(text == "true")),
            Some(b'"') => serde_json::from_str(text).map(Value::Text).map_err(D::Error::custom),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(text.to_owned())),
            _ => Err(D::Error::custom("an output is a Boolean, a number, a string or null")),
        }
    }
}

/// Outputs by name, in the order of the policy; in JSON an object.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outputs(pub Vec<(String, Value)>);

impl Outputs {
    /// The value of an output.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(output, _)| output == name).map(|(_, value)| value)
    }
}

impl Serialize for Outputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Outputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Outputs, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Outputs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of outputs")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outputs, A::Error> {
                let mut outputs = Vec::new();
                while let Some(output) = map.next_entry()? {
                    outputs.push(output);
                }
                Ok(Outputs(outputs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
