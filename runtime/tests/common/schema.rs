//! Is a JSON value what a schema in `spec` says? The keywords that the schemas use, and no others: a schema
//! with another keyword is refused, so that nothing is passed over.

use std::path::Path;

use serde_json::Value;

/// That a JSON text is a record, and that it has no member that the schema does not describe.
pub fn assert_record(text: &str) {
    assert_form(text, "");
}

/// That a JSON text is a line of a batch.
#[allow(dead_code, reason = "not every test that checks records writes files")]
pub fn assert_row(text: &str) {
    assert_form(text, "/$defs/row");
}

/// That a JSON text is what a schema in `spec` says.
#[allow(dead_code, reason = "not every test that checks records writes files")]
pub fn assert_schema(text: &str, file: &str) {
    assert_of(text, file, "");
}

fn assert_form(text: &str, pointer: &str) {
    assert_of(text, "record.schema.json", pointer);
}

fn assert_of(text: &str, file: &str, pointer: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec").join(file);
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let schema = Schema { root: &schema };
    if let Err(wrong) = schema.check(schema.root.pointer(pointer).unwrap(), &value) {
        panic!("{wrong}: {text}");
    }
}

struct Schema<'a> {
    root: &'a Value,
}

impl Schema<'_> {
    fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let keywords = schema.as_object().expect("a schema is an object");
        for (keyword, argument) in keywords {
            match keyword.as_str() {
                "$schema" | "$id" | "title" | "description" | "$defs" => {}
                "$ref" => {
                    let pointer =
                        argument.as_str().and_then(|at| at.strip_prefix('#')).expect("a local $ref");
                    self.check(self.root.pointer(pointer).expect("a $ref leads somewhere"), value)?;
                }
                "oneOf" => {
                    let forms: Vec<_> =
                        argument.as_array().unwrap().iter().map(|form| self.check(form, value)).collect();
                    if forms.iter().filter(|form| form.is_ok()).count() != 1 {
                        return Err(format!("not exactly one of the forms holds: {forms:?}"));
                    }
                }
                "type" => {
                    let holds = match argument {
                        Value::String(name) => is_of(value, name),
                        names => {
                            names.as_array().unwrap().iter().any(|name| is_of(value, name.as_str().unwrap()))
                        }
                    };
                    if !holds {
                        return Err(format!("{value} is not of the type {argument}"));
                    }
                }
                "const" if value != argument => return Err(format!("{value} is not {argument}")),
                "enum" if !argument.as_array().unwrap().contains(value) => {
                    return Err(format!("{value} is none of {argument}"));
                }
                "minimum" if value.as_f64() < argument.as_f64() => {
                    return Err(format!("{value} is less than {argument}"));
                }
                "pattern" if !matches(argument.as_str().unwrap(), value.as_str().unwrap_or_default()) => {
                    return Err(format!("{value} does not match {argument}"));
                }
                "minItems" if (value.as_array().map_or(0, Vec::len) as u64) < argument.as_u64().unwrap() => {
                    return Err(format!("{value} has fewer than {argument} items"));
                }
                "const" | "enum" | "minimum" | "pattern" | "minItems" => {}
                "items" => {
                    let items = value.as_array().map_or(&[][..], Vec::as_slice);
                    items.iter().try_for_each(|item| self.check(argument, item))?;
                }
                "required" => {
                    let names = argument.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                    if let Some(name) = names.into_iter().find(|name| value.get(name).is_none()) {
                        return Err(format!("there is no `{name}`"));
                    }
                }
                "properties" => {
                    for (name, member) in value.as_object().into_iter().flatten() {
                        match argument.get(name) {
                            Some(schema) => {
                                self.check(schema, member).map_err(|wrong| format!("{name}: {wrong}"))?;
                            }
                            // a row has the columns of its policy
                            None if keywords
                                .get("title")
                                .is_some_and(|title| title.to_string().contains("batch")) => {}
                            None => return Err(format!("the schema does not describe `{name}`")),
                        }
                    }
                }
                "additionalProperties" => {
                    let mut members = value.as_object().into_iter().flatten();
                    members.try_for_each(|(_, member)| self.check(argument, member))?;
                }
                other => panic!("the schema has a keyword that is not checked: {other}"),
            }
        }
        Ok(())
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
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("there is no type {other}"),
    }
}

/// A pattern of classes with counts, and characters that stand for themselves.
fn matches(pattern: &str, text: &str) -> bool {
    let mut rest =
        pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$')).expect("a whole pattern");
    let mut text = text.chars();
    while !rest.is_empty() {
        let (class, count, after) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (class, after) = inner.split_once("]{").expect("a class with a count");
                let (count, after) = after.split_once('}').expect("a count");
                (class, count.parse().expect("a number"), after)
            }
            None => (&rest[..1], 1, &rest[1..]),
        };
        for _ in 0..count {
            if !text.next().is_some_and(|character| is_in(class, character)) {
                return false;
            }
        }
        rest = after;
    }
    text.next().is_none()
}

fn is_in(class: &str, character: char) -> bool {
    let class: Vec<char> = class.chars().collect();
    match class.as_slice() {
        [one] => *one == character,
        spans => spans.chunks(3).any(|span| span[0] <= character && character <= span[2]),
    }
}
