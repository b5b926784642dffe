//! Does a JSON value have the form that a schema describes?
//!
//! A part of JSON Schema, draft 2020-12: the keywords in [`Schema::KEYWORDS`]. A schema with any other is not read, so
//! that nothing is left unchecked in silence. `format` is an annotation, as the standard has it.

use regex_lite::Regex;
use serde_json::{Map, Value};

/// A schema.
#[derive(Clone, PartialEq, Debug)]
pub struct Schema(Value);

impl Schema {
    /// The keywords that are checked, and those that only describe.
    pub const KEYWORDS: [&str; 22] = [
        "$schema",
        "$id",
        "$defs",
        "$ref",
        "title",
        "description",
        "format",
        "type",
        "properties",
        "required",
        "additionalProperties",
        "items",
        "minItems",
        "maxItems",
        "minLength",
        "minimum",
        "maximum",
        "pattern",
        "enum",
        "const",
        "anyOf",
        "oneOf",
    ];

    /// Reads a schema.
    ///
    /// # Errors
    /// Where it is not JSON, or has a keyword that is not checked.
    pub fn read(text: &str) -> Result<Schema, String> {
        Schema::of(serde_json::from_str(text).map_err(|error| error.to_string())?)
    }

    /// The schema that a value is.
    ///
    /// # Errors
    /// Where it has a keyword that is not checked.
    pub fn of(value: Value) -> Result<Schema, String> {
        known(&value)?;
        Ok(Schema(value))
    }

    /// The schema as JSON.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Checks a value.
    ///
    /// # Errors
    /// Where it does not have the form: the first thing that is wrong, and where.
    ///
    /// ```
    /// let schema = opus_experiment::schema::Schema::read(r#"{"properties": {"age": {"minimum": 18}}}"#).unwrap();
    /// assert_eq!(schema.check(&serde_json::json!({"age": 20})), Ok(()));
    /// assert_eq!(schema.check(&serde_json::json!({"age": 17})), Err("`age`: 17 is less than 18".into()));
    /// ```
    pub fn check(&self, value: &Value) -> Result<(), String> {
        let wrong = |(place, what): (String, String)| match place.trim_start_matches('.') {
            "" => what,
            place => format!("`{place}`: {what}"),
        };
        self.checked(&self.0, value, "").map_err(wrong)
    }

    /// Checks a value at a place. An error is the place and what is wrong there.
    fn checked(&self, schema: &Value, value: &Value, place: &str) -> Result<(), (String, String)> {
        let wrong = |what: String| Err((place.to_owned(), what));
        let keywords = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(keywords) => keywords,
            _ => return wrong("nothing is allowed here".into()),
        };
        for (keyword, argument) in keywords {
            let fault = match keyword.as_str() {
                "$ref" => {
                    self.checked(self.target(argument), value, place)?;
                    None
                }
                "type" => {
                    let any = names(argument).into_iter().any(|name| is_of(value, name));
                    (!any).then(|| format!("{} is not of type {argument}", short(value)))
                }
                "enum" => {
                    let listed = argument.as_array().is_some_and(|values| values.contains(value));
                    (!listed).then(|| format!("{} is none of {argument}", short(value)))
                }
                "const" => (value != argument).then(|| format!("{} is not {argument}", short(value))),
                "minimum" => (value.is_number() && value.as_f64() < argument.as_f64())
                    .then(|| format!("{value} is less than {argument}")),
                "maximum" => (value.is_number() && value.as_f64() > argument.as_f64())
                    .then(|| format!("{value} is more than {argument}")),
                "minLength" => value
                    .as_str()
                    .is_some_and(|text| (text.chars().count() as u64) < argument.as_u64().unwrap_or(0))
                    .then(|| format!("{} is shorter than {argument}", short(value))),
                "pattern" => value
                    .as_str()
                    .is_some_and(|text| !pattern(argument).is_ok_and(|pattern| pattern.is_match(text)))
                    .then(|| format!("{} does not match {argument}", short(value))),
                "minItems" | "maxItems" => {
                    let (limit, length) =
                        (argument.as_u64(), value.as_array().map(|items| items.len() as u64));
                    let fits = match keyword.as_str() {
                        "minItems" => length.is_none_or(|length| Some(length) >= limit),
                        _ => length.is_none_or(|length| Some(length) <= limit),
                    };
                    (!fits).then(|| format!("{keyword} is {argument}"))
                }
                "required" => names(argument)
                    .into_iter()
                    .find(|name| value.is_object() && value.get(name).is_none())
                    .map(|name| format!("`{name}` is missing")),
                "properties" => {
                    for (name, member) in value.as_object().into_iter().flatten() {
                        if let Some(schema) = argument.get(name) {
                            self.checked(schema, member, &format!("{place}.{name}"))?;
                        }
                    }
                    None
                }
                "additionalProperties" => {
                    let described =
                        |name: &str| keywords.get("properties").and_then(|all| all.get(name)).is_some();
                    let others = value.as_object().into_iter().flatten().filter(|(name, _)| !described(name));
                    for (name, member) in others {
                        if *argument == Value::Bool(false) {
                            return wrong(format!("`{name}` does not belong here"));
                        }
                        self.checked(argument, member, &format!("{place}.{name}"))?;
                    }
                    None
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.checked(argument, item, &format!("{place}[{index}]"))?;
                    }
                    None
                }
                "anyOf" | "oneOf" => {
                    let ways = argument.as_array().map_or(&[][..], Vec::as_slice);
                    let tried: Vec<_> = ways.iter().map(|way| self.checked(way, value, place)).collect();
                    match tried.iter().filter(|tried| tried.is_ok()).count() {
                        0 => {
                            // the way in which the most is right is the one that was meant: its fault lies deepest
                            let faults = tried.into_iter().filter_map(Result::err);
                            let meant = faults.reduce(|a, b| if b.0.len() > a.0.len() { b } else { a });
                            return Err(meant.unwrap_or((place.to_owned(), "no form is allowed".into())));
                        }
                        1 => None,
                        _ => (keyword == "oneOf").then(|| format!("{} has more than one form", short(value))),
                    }
                }
                _ => None,
            };
            if let Some(fault) = fault {
                return wrong(fault);
            }
        }
        Ok(())
    }

    /// The schema that a reference within this one names; nothing is allowed where it names none.
    fn target(&self, reference: &Value) -> &Value {
        let pointer = reference.as_str().and_then(|text| text.strip_prefix('#'));
        pointer.and_then(|pointer| self.0.pointer(pointer)).unwrap_or(&Value::Null)
    }
}

/// A schema in which every reference to another file, such as `{"$ref": "answer.schema.json"}`, is replaced by the schema
/// in that file. Names of drafts and titles are left out of what is put in.
pub fn resolved(schema: &Value, file: &str, content: &Value) -> Value {
    match schema {
        Value::Object(members) if members.get("$ref").and_then(Value::as_str) == Some(file) => {
            let described = |(name, _): &(&String, &Value)| !matches!(name.as_str(), "$schema" | "title");
            let members = content.as_object().into_iter().flatten();
            Value::Object(
                members.filter(described).map(|(name, value)| (name.clone(), value.clone())).collect(),
            )
        }
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| (name.clone(), resolved(value, file, content));
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(|item| resolved(item, file, content)).collect(),
        other => other.clone(),
    }
}

/// Checks that all keywords of a schema are known, and its patterns and references can be used.
fn known(schema: &Value) -> Result<(), String> {
    let Value::Object(keywords) = schema else {
        return if schema.is_boolean() { Ok(()) } else { Err(format!("{} is not a schema", short(schema))) };
    };
    for (keyword, argument) in keywords {
        match keyword.as_str() {
            "properties" | "$defs" => {
                argument.as_object().into_iter().flatten().try_for_each(|(_, schema)| known(schema))?;
            }
            "items" | "additionalProperties" => known(argument)?,
            "anyOf" | "oneOf" => argument.as_array().into_iter().flatten().try_for_each(known)?,
            "pattern" => drop(pattern(argument)?),
            "$ref" if !argument.as_str().is_some_and(|text| text.starts_with('#')) => {
                return Err(format!("{argument} does not refer to a part of the same schema"));
            }
            other if Schema::KEYWORDS.contains(&other) => {}
            other => return Err(format!("the keyword `{other}` is not supported")),
        }
    }
    Ok(())
}

fn pattern(argument: &Value) -> Result<Regex, String> {
    Regex::new(argument.as_str().unwrap_or_default()).map_err(|error| format!("{argument}: {error}"))
}

/// A name, or a list of names.
fn names(argument: &Value) -> Vec<&str> {
    match argument {
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        name => name.as_str().into_iter().collect(),
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => {
            value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
        }
        _ => false,
    }
}

/// A value, shortened for a message.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_keyword_finds_its_fault() {
        let cases = [
            (json!({"type": "string"}), json!("a"), json!(1)),
            (json!({"type": ["string", "null"]}), json!(null), json!(1)),
            (json!({"type": "integer"}), json!(2.0), json!(2.5)),
            (json!({"enum": ["a", "b"]}), json!("b"), json!("c")),
            (json!({"const": 1}), json!(1), json!(2)),
            (json!({"minimum": 0}), json!(0), json!(-1)),
            (json!({"maximum": 1}), json!(1), json!(2)),
            (json!({"minLength": 1}), json!("é"), json!("")),
            (json!({"pattern": "^[0-9]+\\.[0-9]{2}$"}), json!("10.00"), json!("10.0")),
            (json!({"minItems": 1}), json!([1]), json!([])),
            (json!({"maxItems": 1}), json!([1]), json!([1, 2])),
            (json!({"required": ["a"]}), json!({"a": 1}), json!({"b": 1})),
            (json!({"properties": {"a": {"type": "null"}}}), json!({"b": 1}), json!({"a": 1})),
            (json!({"additionalProperties": false}), json!({}), json!({"a": 1})),
            (json!({"additionalProperties": {"type": "null"}}), json!({"a": null}), json!({"a": 1})),
            (json!({"items": {"type": "null"}}), json!([null]), json!([null, 1])),
            (json!({"anyOf": [{"const": 1}, {"const": 2}]}), json!(2), json!(3)),
            (json!({"oneOf": [{"type": "number"}, {"const": 2}]}), json!(1), json!(2)),
            (json!({"$defs": {"a": {"const": 1}}, "$ref": "#/$defs/a"}), json!(1), json!(2)),
        ];
        for (schema, right, wrong) in cases {
            let schema = Schema::of(schema).unwrap();
            assert_eq!(schema.check(&right), Ok(()), "{schema:?}");
            assert!(schema.check(&wrong).is_err(), "{schema:?}");
        }
    }

    #[test]
    fn what_is_not_checked_is_not_read() {
        assert_eq!(
            Schema::of(json!({"items": {"prefixItems": []}})),
            Err("the keyword `prefixItems` is not supported".into())
        );
        assert!(Schema::of(json!({"$ref": "other.json"})).is_err());
    }

    #[test]
    fn a_fault_is_told_for_the_form_that_was_meant() {
        let way = json!({"type": "object", "properties": {"kind": {"enum": ["a"]}}, "required": ["kind"]});
        let schema = Schema::of(json!({"properties": {"x": {"anyOf": [way, {"type": "null"}]}}})).unwrap();
        assert_eq!(
            schema.check(&json!({"x": {"kind": "b"}})),
            Err("`x.kind`: \"b\" is none of [\"a\"]".into())
        );
    }
}
