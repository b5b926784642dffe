//! The reader of JSON objects against one that is built on `serde_json` and the setters of a row: whatever a text
//! holds, both admit the same row or refuse it for the same reasons.

use std::cell::RefCell;
use std::fmt;

use opus_ir::testing::{Seed, Source};
use opus_ir::{
    Builder, Currency, Domain, End, EnumDef, EnumValue, Field, Interval, Kind, Program, Rule, Schema, Version,
};
use opus_runtime::admission::{Admission, Reading, Reason, Unit};
use opus_runtime::artifact::SourceText;
use opus_runtime::{Artifact, Cache, Engine, Options, Policy, Refusal, Row};
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A policy whose inputs are of every kind and size, required and optional.
fn policy() -> Policy {
    let all = |lo, hi| Domain::all(Interval::new(lo, hi));
    let wide = 10i128.pow(30);
    let kinds = [
        ("flag", Kind::Bool, all(0, 1)),
        ("count", Kind::Int, all(-1_000, 1_000)),
        ("term", Kind::Int, Domain::of(vec![12, 24, 36, 48, 60]).unwrap()),
        ("long", Kind::Int, all(i64::MIN as i128, i64::MAX as i128)),
        ("wide", Kind::Int, all(-wide, wide)),
        ("ratio", Kind::Decimal(3), all(-10_000, 10_000_000)),
        ("fine", Kind::Decimal(18), all(0, 10i128.pow(18))),
        ("amount", Kind::Money, all(0, 1_000_000_000)),
        ("share", Kind::Percent(2), all(-500, 20_000)),
        ("wait", Kind::Days, all(0, 5_000)),
        ("on", Kind::Date, all(0, 30_000)),
        ("work", Kind::Enum(0), all(0, 3)),
    ];
    let field = |prefix: &str, optional| {
        let prefix = prefix.to_string();
        move |(name, kind, domain): (&str, Kind, Domain)| Field {
            name: format!("{prefix}{name}"),
            kind,
            domain,
            optional,
        }
    };
    let value = |name: &str| EnumValue { name: name.into(), text: None };
    let names = ["salaried", "self_employed", "retired", "say \"é\""];
    let inputs =
        kinds.clone().into_iter().map(field("", false)).chain(kinds.into_iter().map(field("maybe_", true)));
    let schema = Schema {
        currency: Some(Currency { code: "USD".into(), digits: 2 }),
        enums: vec![EnumDef { name: "Work".into(), values: names.map(value).to_vec() }],
        inputs: inputs.collect(),
        ..Schema::default()
    };
    let function = || {
        let mut builder = Builder::new(schema.field_ranges(), vec![]);
        builder.end(End::Decide { rule: 0, outputs: vec![] });
        builder.finish()
    };
    let version = Version {
        number: 1,
        from: 0,
        until: i32::MAX,
        cite: None,
        requires: vec![],
        admit: function(),
        decide: function(),
    };
    let program = Program {
        name: "every.kind".into(),
        schema,
        rules: vec![Rule { id: "R".into(), title: None, cite: None, span: (0, 0) }],
        requires: vec![],
        holes: vec![],
        versions: vec![version],
    };
    let options = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
    Policy::from_artifact(
        Artifact::build(program, SourceText { text: "", compiler: "test" }).unwrap(),
        &options,
    )
    .unwrap()
}

/// What a text gives: the integers of the fields; or the reasons, which are empty where the text is malformed.
type Outcome = Result<Vec<Option<i128>>, Vec<Reason>>;

fn values(row: &Row) -> Vec<Option<i128>> {
    (0..row.policy().schema().inputs.len()).map(|index| row.get(index)).collect()
}

fn by_reader(row: &mut Row, text: &str) -> Outcome {
    match row.set_json(text) {
        Ok(()) => Ok(values(row)),
        Err(Refusal::Row(_)) => {
            let empty = row.policy().row();
            assert_eq!(values(row), values(&empty), "a malformed text leaves an empty row: {text}");
            Err(Vec::new())
        }
        Err(refusal) => Err(refusal.reasons().to_vec()),
    }
}

fn by_serde(policy: &Policy, text: &str) -> Outcome {
    let schema = policy.schema();
    let row = RefCell::new(policy.row());
    let seen = RefCell::new(vec![false; schema.inputs.len()]);
    let reasons = RefCell::new(Vec::new());
    let take = |name: &str, raw: &str| {
        let Some(index) = schema.input(name) else { return Ok(()) };
        if std::mem::replace(&mut seen.borrow_mut()[index], true) {
            return Err("twice".to_string());
        }
        let string: String;
        let reading = match raw.as_bytes()[0] {
            b'"' => {
                string = serde_json::from_str(raw).map_err(|error| error.to_string())?;
                Reading::Text(&string)
            }
            b'n' => Reading::Missing,
            b't' => Reading::Bool(true),
            b'f' => Reading::Bool(false),
            b'[' => Reading::Other("an array"),
            b'{' => Reading::Other("an object"),
            _ => Reading::Number(raw),
        };
        reasons.borrow_mut().extend(row.borrow_mut().set(index, reading).err());
        Ok(())
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = reader.deserialize_map(Members(take)).and_then(|()| reader.end());
    if read.is_err() || !is_unicode(text) {
        return Err(Vec::new());
    }
    let mut reasons = reasons.into_inner();
    let required = |index: &usize| !schema.inputs[*index].optional && !seen.borrow()[*index];
    let missing = (0..schema.inputs.len()).filter(required);
    reasons.extend(missing.map(|index| {
        Admission::new(schema, index, Unit::Written).admit(Reading::Missing).expect_err("it is required")
    }));
    reasons.sort_by_key(|reason| reason.place);
    if reasons.is_empty() { Ok(values(&row.borrow())) } else { Err(reasons) }
}

/// Whether all strings of a text that is JSON are whole, also those that nobody reads.
fn is_unicode(text: &str) -> bool {
    let text = text.trim();
    match text.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(text).is_ok(),
        Some(b'[') => serde_json::from_str::<Vec<Box<RawValue>>>(text)
            .is_ok_and(|items| items.iter().all(|item| is_unicode(item.get()))),
        Some(b'{') => {
            let take = |_: &str, raw: &str| is_unicode(raw).then_some(()).ok_or_else(String::new);
            serde_json::Deserializer::from_str(text).deserialize_map(Members(take)).is_ok()
        }
        _ => true,
    }
}

struct Members<F>(F);

impl<'de, F: FnMut(&str, &str) -> Result<(), String>> Visitor<'de> for Members<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let raw: &RawValue = map.next_value()?;
            (self.0)(&name, raw.get()).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Values as they may be written: right, wrong, and broken.
const TOKENS: &[&str] = &[
    "0",
    "-0",
    "1",
    "12",
    "24",
    "36",
    "60",
    "-1",
    "40",
    "999",
    "1000",
    "1001",
    "-1000",
    "007",
    "00",
    "0.0",
    "0.00",
    "12.5",
    "12.50",
    "12.5000",
    "12.345",
    "12.3456",
    "9999.999",
    "1e2",
    "1E+2",
    "1.2e1",
    "120e-1",
    "1e-2",
    "0e999",
    "1e400",
    "-1e400",
    "5e",
    "5e+",
    "1.",
    ".5",
    "+5",
    "-",
    "--5",
    "0x10",
    "1_000",
    "NaN",
    "Infinity",
    "1.5.2",
    "1 2",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "999999999999999999",
    "1000000000000000000",
    "1000000000000000000000000000000",
    "-1000000000000000000000000000001",
    "0.000000000000000001",
    "1.000000000000000000",
    "0.0000000000000000001",
    "123456789012345678901234567890123456789012345",
    "0000000000000000000000012",
    "10000000.00",
    "10000000.01",
    "true",
    "false",
    "null",
    "tru",
    "truex",
    "nul",
    "True",
    "\"\"",
    "\"40\"",
    "\"12.5\"",
    "\"-0.10\"",
    "\"43.5%\"",
    "\"43.55%\"",
    "\"43.555%\"",
    "\"0%\"",
    "\"-5%\"",
    "\"-5.01%\"",
    "\"+5%\"",
    "\".5%\"",
    "\"5.%\"",
    "\"5e0%\"",
    "\"05%\"",
    "\"200.00%\"",
    "\"200.01%\"",
    "\"5 %\"",
    "\"%\"",
    "\"5%%\"",
    "\"5%",
    "\"2025-02-01\"",
    "\"2024-02-29\"",
    "\"2025-02-29\"",
    "\"1970-01-01\"",
    "\"1969-12-31\"",
    "\"2052-02-20\"",
    "\"2052-02-21\"",
    "\"0000-01-01\"",
    "\"2025-13-01\"",
    "\"2025-1-1\"",
    "\"2025-02-01T00:00:00\"",
    "\"2025/02/01\"",
    "\"２０２５-01-01\"",
    "\"20250201\"",
    "\"salaried\"",
    "\"retired\"",
    "\"Retired\"",
    "\"student\"",
    "\"retired \"",
    "\"self_employed\"",
    "\"say \\\"é\\\"\"",
    "\"say \\\"\\u00e9\\\"\"",
    "\"\\u0072etired\"",
    "\"retire\\u0064\"",
    "\"2025-02-0\\u0031\"",
    "\"\\u0034\\u0033%\"",
    "\"true\"",
    "\"false\"",
    "\"TRUE\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ude00\"",
    "\"\\ud83d\\u0041\"",
    "\"\\ud83dx\"",
    "\"\\uD83D\\uDE0\"",
    "\"\\u12\"",
    "\"\\u12g4\"",
    "\"\\x41\"",
    "\"\\\"",
    "\"a\tb\"",
    "\"a\nb\"",
    "\"a\u{1f}b\"",
    "\"a\u{7f}b\"",
    "\"\\/\\b\\f\\n\\r\\t\\\\\"",
    "[]",
    "{}",
    "[1, 2]",
    "{\"a\": 1}",
    "[1,]",
    "{\"a\":1,}",
    "[,]",
    "{,}",
    "{\"a\" 1}",
    "{a: 1}",
    "[[[[]]]]",
    "[{\"a\":[{}]}]",
    "[\"]\"]",
    "{\"}\":\"{\"}",
    "[\"\\ud800\"]",
    "{\"\\ud800\":1}",
    "[1",
    "{\"a\":1",
    "]",
    "}",
    "[1 2]",
    "[01]",
    "[1e]",
    "[tru]",
    "[\"a\tb\"]",
    "[1}",
    "{\"a\":1]",
    "'a'",
    "\"é\"",
    "\"日本\"",
    "",
    " ",
    "/* c */ 1",
    "// c",
];

/// What may be between values: mostly what JSON allows.
const SPACES: &[&str] =
    &["", "", "", "", " ", " ", "  ", "\n", "\t", "\r\n", " \n\t\r", "\u{a0}", "\u{b}", "\u{feff}", ","];

struct Texts(Seed);

impl Texts {
    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    fn below(&mut self, count: usize) -> usize {
        (self.0.next() % count as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn space(&mut self, sloppy: bool) -> &'static str {
        if sloppy { self.pick(SPACES) } else { self.pick(&SPACES[..8]) }
    }

    /// A value that its field admits.
    fn good(&mut self, field: &Field) -> String {
        let pick = |texts: &mut Texts, from: &[&str]| texts.pick(from).to_string();
        if field.optional && self.one_in(6) {
            return "null".into();
        }
        match field.name.trim_start_matches("maybe_") {
            "flag" => pick(self, &["true", "false", "\"true\""]),
            "count" => pick(self, &["0", "-0", "40", "-1000", "1e2", "12.0", "\"40\"", "999"]),
            "term" => pick(self, &["12", "24", "36.00", "60", "4.8e1"]),
            "long" => pick(self, &["0", "9223372036854775807", "-9223372036854775808", "123456789012345678"]),
            "wide" => pick(self, &["7", "1000000000000000000000000000000", "-99999999999999999999"]),
            "ratio" => pick(self, &["0", "1.5", "-9.999", "9999.99", "1.25e1", "0.500", "\"2.5\""]),
            "fine" => pick(self, &["0", "1", "0.000000000000000001", "0.5", "0.123456789012345678"]),
            "amount" => {
                pick(self, &["0", "9000", "9000.00", "90000.5", "10000000", "1e5", "0.01", "\"3.50\""])
            }
            "share" => {
                pick(self, &["\"43%\"", "\"43.5%\"", "\"-5.00%\"", "\"200%\"", "\"0.01%\"", "\"+1%\""])
            }
            "wait" => pick(self, &["0", "30", "5000", "3e1"]),
            "on" => {
                pick(self, &["\"1970-01-01\"", "\"2025-02-01\"", "\"2024-02-29\"", "\"2025-01-3\\u0031\""])
            }
            _ => pick(self, &["\"salaried\"", "\"self_employed\"", "\"retired\"", "\"say \\\"é\\\"\""]),
        }
    }

    fn name(&mut self, name: &str) -> String {
        match self.below(40) {
            0 => format!("\"{}\"", name.replace('a', "\\u0061")),
            1 => format!("\"{}\"", name.to_uppercase()),
            2 => format!("\"{name} \""),
            3 => format!("\"{}\"", &name[..name.len() - 1]),
            4 => self
                .pick(&["\"\\ud800\"", "name", "\"\"", "5", "null", "\"x\\\"y\"", "'a'", "\"count", "\"\t\""])
                .into(),
            _ => format!("\"{name}\""),
        }
    }

    /// An object in which most is right, and in some way everything may be wrong.
    fn text(&mut self, schema: &Schema) -> String {
        let sloppy = self.one_in(6);
        let wrong = [0, 0, 2, 20][self.below(4)];
        let mut order: Vec<usize> = (0..schema.inputs.len()).collect();
        if self.one_in(3) {
            for index in (1..order.len()).rev() {
                let other = self.below(index + 1);
                order.swap(index, other);
            }
        }
        let mut members = Vec::new();
        for index in order {
            let field = &schema.inputs[index];
            if self.one_in(if field.optional { 4 } else { 60 }) {
                continue;
            }
            for _ in 0..1 + self.one_in(150) as usize {
                let value = if wrong > 0 && self.below(40) < wrong {
                    self.pick(TOKENS).to_string()
                } else {
                    self.good(field)
                };
                let name = if wrong > 0 { self.name(&field.name) } else { format!("\"{}\"", field.name) };
                members.push((name, value));
            }
            if self.one_in(20) {
                let name = self.pick(&[
                    "\"customer\"",
                    "\"Count\"",
                    "\"coun\"",
                    "\"count_\"",
                    "\"\\ud800\"",
                    "\"\"",
                ]);
                let value = self.pick(TOKENS).to_string();
                let value = if wrong > 0 { value } else { "{\"a\": [1, \"b\", {}]}".to_string() };
                members.push((name.to_string(), value));
            }
        }
        let mut text = format!("{}{{", self.space(sloppy));
        for (index, (name, value)) in members.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let spaces = [(); 4].map(|()| self.space(sloppy));
            text += &format!("{comma}{}{name}{}:{}{value}{}", spaces[0], spaces[1], spaces[2], spaces[3]);
        }
        text += &format!("}}{}", self.space(sloppy));
        if self.one_in(12) {
            self.damage(&mut text);
        }
        text
    }

    /// Cuts a text, or changes a character of it.
    fn damage(&mut self, text: &mut String) {
        let mut at = self.below(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        match self.below(3) {
            0 => text.truncate(at),
            1 => drop(text.remove(at)),
            _ => text.insert_str(
                at,
                self.pick(&["\"", ",", ":", "{", "}", "[", "]", "\\", "0", " ", "\u{0}", "e", "é"]),
            ),
        }
    }
}

#[test]
fn every_text_gives_the_same_row_or_the_same_reasons() {
    let policy = policy();
    let mut texts = Texts(Seed(1));
    let mut row = policy.row();
    let (mut admitted, mut refused, mut malformed) = (0, 0, 0);
    for round in 0..30_000 {
        let text = texts.text(policy.schema());
        let (found, expected) = (by_reader(&mut row, &text), by_serde(&policy, &text));
        assert_eq!(found, expected, "round {round}: {text}");
        match found {
            Ok(_) => admitted += 1,
            Err(reasons) if reasons.is_empty() => malformed += 1,
            Err(_) => refused += 1,
        }
    }
    // the texts reach all three in number
    assert!(admitted > 2_500 && refused > 2_500 && malformed > 2_500, "{admitted} {refused} {malformed}");
}

#[test]
fn every_token_in_every_field() {
    let policy = policy();
    let mut row = policy.row();
    for field in &policy.schema().inputs {
        for token in TOKENS {
            for text in [
                format!("{{\"{}\":{token}}}", field.name),
                format!("{{ \"x\" : {token} , \"{}\" : {token} }}", field.name),
            ] {
                assert_eq!(by_reader(&mut row, &text), by_serde(&policy, &text), "{text}");
            }
        }
    }
}

#[test]
fn an_old_row_leaves_nothing_behind() {
    let policy = policy();
    let mut texts = Texts(Seed(2));
    let mut row = policy.row();
    for _ in 0..2_000 {
        let text = texts.text(policy.schema());
        assert_eq!(by_reader(&mut row, &text), by_reader(&mut policy.row(), &text), "{text}");
    }
}

#[test]
fn nesting_has_no_limit() {
    let policy = policy();
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(200_000), close.repeat(200_000));
        let refused =
            by_reader(&mut policy.row(), &format!("{{\"x\":{deep},\"count\":{deep}}}")).unwrap_err();
        assert!(refused.iter().any(|reason| reason.name == "count"), "nesting is read to its end");
        let cut = &deep[..deep.len() - 1];
        assert!(by_reader(&mut policy.row(), &format!("{{\"x\":{cut}}}")).unwrap_err().is_empty());
    }
}
