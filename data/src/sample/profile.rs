//! What does a portfolio look like? A profile says so field by field (`--profile`): where values are, how they are
//! spread, and how many are missing.
//!
//! ```toml
//! [annual_income]
//! quantiles = [12_000, 36_000, 55_000, 90_000, 400_000]
//!
//! [score]
//! range        = [480, 850]
//! distribution = "normal"
//! missing      = "4%"
//!
//! [employment]
//! weights = { salaried = 70, self_employed = 12, retired = 10, student = 5, unemployed = 3 }
//! ```
//!
//! Fields are drawn independently of one another. A field that the profile does not name is drawn from its type.
//! All arithmetic is on integers, so that the same rows come out on every machine.

use std::path::Path;

use opus_ir::{Domain, Field, Interval, Kind, Schema};
use opus_runtime::admission::{Admission, Allowed, Reading, Unit};
use toml::{Table, Value};

use super::random::Random;
use crate::did_you_mean;
use crate::endpoint::read_text;
use crate::error::{DataError, invalid_toml};

/// How the fields of a policy are drawn.
///
/// ```
/// use opus_data::sample::profile::Profile;
/// let schema = opus_runtime::example::program().schema;
/// assert!(Profile::parse("score = { range = [600, 800], missing = \"4%\" }", &schema).is_ok());
/// let failure = Profile::parse("scor = { missing = \"4%\" }", &schema).unwrap_err();
/// assert_eq!(failure.remedy.as_deref(), Some("did you mean `score`?"));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Profile {
    /// By input index.
    fields: Vec<FieldProfile>,
}

/// How one field is drawn.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct FieldProfile {
    /// The values that are present; `None` where they are drawn from the type of the field.
    pub spread: Option<Spread>,
    /// How many of a million values are missing, where the profile says so.
    pub missing_per_million: Option<u32>,
}

/// How values are spread.
#[derive(Clone, PartialEq, Debug)]
pub enum Spread {
    /// Over a range.
    Range(Domain, Shape),
    /// As often between each two neighbours, evenly there.
    Quantiles(Vec<i128>),
    /// Values, each with the sum of the weights up to and including its own.
    Weights(Vec<(i128, u64)>),
}

/// How values are spread over a range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Evenly.
    Uniform,
    /// As many between 10 and 100 above the lower end as between 100 and 1,000.
    LogUniform,
    /// As a bell: the mean is in the middle of the range, and each end is three standard deviations away.
    Normal,
}

const KEYS: [&str; 5] = ["range", "distribution", "quantiles", "weights", "missing"];

const SHAPES: [(&str, Shape); 3] =
    [("uniform", Shape::Uniform), ("log-uniform", Shape::LogUniform), ("normal", Shape::Normal)];

/// Weights add up to less than this.
const WEIGHT_MAX: i64 = 1 << 40;

const MILLION: u32 = 1_000_000;

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// Where it cannot be read, or does not fit the fields of the policy.
    pub fn read(path: &Path, schema: &Schema) -> Result<Profile, DataError> {
        let text = read_text(path)?;
        Profile::parse(&text, schema).map_err(|error| {
            let message = format!("{}: {}", path.display(), error.message);
            DataError { message, ..error }
        })
    }

    /// Reads the text of a profile.
    ///
    /// # Errors
    /// Where it does not fit the fields of the policy.
    pub fn parse(text: &str, schema: &Schema) -> Result<Profile, DataError> {
        let table: Table = text.parse().map_err(|error| invalid_toml(text, &error))?;
        let mut fields = vec![FieldProfile::default(); schema.inputs.len()];
        for (name, entry) in &table {
            let index = schema.input(name).ok_or_else(|| {
                let names = schema.inputs.iter().map(|field| field.name.as_str());
                let remedy = did_you_mean(name, names).unwrap_or("name an input field of the policy".into());
                DataError::mapping(format!("unknown field `{name}`")).remedy(remedy)
            })?;
            let Value::Table(entry) = entry else {
                return Err(DataError::mapping(format!("`{name}` must be a table"))
                    .remedy(format!("write [{name}], then {} below it", listed(&KEYS))));
            };
            let reader = EntryReader { schema, index, field: &schema.inputs[index], entry };
            fields[index] = reader.read()?;
        }
        Ok(Profile { fields })
    }

    /// How the field with this index is drawn.
    pub fn field(&self, index: usize) -> &FieldProfile {
        &self.fields[index]
    }
}

impl FieldProfile {
    /// Whether the profile says how many values are missing, and this one is.
    pub fn draw_missing(&self, random: &mut Random) -> Option<bool> {
        self.missing_per_million.map(|share| random.below(MILLION as u128) < share as u128)
    }
}

impl Spread {
    /// Draws a value.
    pub fn draw(&self, random: &mut Random) -> i128 {
        match self {
            Spread::Range(domain, shape) => {
                let lo = domain.range.lo;
                let span = match &domain.set {
                    Some(set) => set.len() as u128 - 1,
                    None => domain.range.hi.wrapping_sub(lo) as u128,
                };
                let offset = match shape {
                    Shape::Uniform => random.below(span.saturating_add(1)),
                    Shape::LogUniform => random.log_uniform(span),
                    Shape::Normal => random.normal(span),
                };
                match &domain.set {
                    Some(set) => set[offset as usize],
                    None => lo.wrapping_add(offset as i128),
                }
            }
            Spread::Quantiles(quantiles) => {
                let part = random.below(quantiles.len() as u128 - 1) as usize;
                let (lo, hi) = (quantiles[part], quantiles[part + 1]);
                let span = hi.wrapping_sub(lo) as u128;
                lo.wrapping_add(random.below(span.saturating_add(1)) as i128)
            }
            Spread::Weights(weights) => {
                let total = weights.last().map_or(0, |(_, sum)| *sum);
                let drawn = random.below(total as u128) as u64;
                let at = weights.partition_point(|(_, sum)| *sum <= drawn);
                weights[at].0
            }
        }
    }
}

/// Reads what the profile says about one field.
struct EntryReader<'a> {
    schema: &'a Schema,
    index: usize,
    field: &'a Field,
    entry: &'a Table,
}

impl EntryReader<'_> {
    fn read(&self) -> Result<FieldProfile, DataError> {
        if let Some(key) = self.entry.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let help = did_you_mean(key, KEYS).unwrap_or_else(|| format!("the keys are {}", listed(&KEYS)));
            return Err(self.error(&format!("unknown key `{key}`")).remedy(help));
        }
        let spreads = ["range", "quantiles", "weights"];
        let named: Vec<&str> = spreads.into_iter().filter(|key| self.entry.contains_key(*key)).collect();
        if let [first, second, ..] = named[..] {
            let message = format!("`{first}` and `{second}` exclude each other");
            return Err(self.error(&message).remedy(format!("keep one of {}", listed(&spreads))));
        }
        let is_shaped = self.entry.contains_key("distribution");
        if let Some(key) = named.first().filter(|key| is_shaped && **key != "range") {
            let message = format!("`distribution` and `{key}` exclude each other");
            return Err(self
                .error(&message)
                .remedy("`distribution` says how values are spread over a range"));
        }
        let spread = match named.first() {
            Some(&"quantiles") => Some(self.quantiles()?),
            Some(&"weights") => Some(self.weights()?),
            named if named.is_some() || is_shaped => Some(self.range()?),
            _ => None,
        };
        Ok(FieldProfile { spread, missing_per_million: self.missing()? })
    }

    fn error(&self, message: &str) -> DataError {
        DataError::mapping(format!("{}: {message}", self.field.name))
    }

    fn range(&self) -> Result<Spread, DataError> {
        self.is_ordered("range")?;
        let mut domain = self.field.domain.clone();
        if let Some(value) = self.entry.get("range") {
            let ends = self.values("range", value)?;
            let [lo, hi] = ends[..] else {
                let help = "write the least and the greatest value, such as range = [1, 10]";
                return Err(self.error("`range` must be an array of two values").remedy(help));
            };
            if lo > hi {
                return Err(self.error("the first value of `range` is greater than the second"));
            }
            domain.range = Interval::new(lo, hi);
            if let Some(set) = &mut domain.set {
                set.retain(|value| (lo..=hi).contains(value));
            }
        }
        let shape = match self.entry.get("distribution") {
            None if self.field.kind == Kind::Money => Shape::LogUniform,
            None => Shape::Uniform,
            Some(value) => {
                let found = SHAPES.iter().find(|(name, _)| value.as_str() == Some(name));
                let names = SHAPES.map(|(name, _)| name);
                let unknown = || {
                    self.error(&format!("unknown distribution {value}"))
                        .remedy(format!("the distributions are {}", listed(&names)))
                };
                found.ok_or_else(unknown)?.1
            }
        };
        Ok(Spread::Range(domain, shape))
    }

    fn quantiles(&self) -> Result<Spread, DataError> {
        self.is_ordered("quantiles")?;
        if self.field.domain.set.is_some() {
            let help = "give each value a weight: weights = { … }";
            return Err(self.error("a field with listed values has no quantiles").remedy(help));
        }
        let quantiles = self.values("quantiles", &self.entry["quantiles"])?;
        if quantiles.len() < 2 || !quantiles.is_sorted() {
            let help = "write them as in quantiles = [0, 10, 100]: half of the values are then at most 10";
            return Err(self.error("`quantiles` must be at least two ascending values").remedy(help));
        }
        Ok(Spread::Quantiles(quantiles))
    }

    fn weights(&self) -> Result<Spread, DataError> {
        let wanted = || {
            self.error("`weights` must be a table of whole numbers, at least one of them above 0")
                .remedy("write it as in weights = { first = 70, second = 30 }")
        };
        let table = self.entry["weights"].as_table().ok_or_else(wanted)?;
        let (mut sum, mut weights) = (0i64, Vec::new());
        for (name, weight) in table {
            let weight = weight.as_integer().filter(|weight| (0..WEIGHT_MAX).contains(weight));
            let weight = weight.ok_or_else(wanted)?;
            sum = sum.saturating_add(weight);
            let value = self.value(Reading::Text(name))?;
            if weight > 0 {
                weights.push((value, sum as u64));
            }
        }
        if weights.is_empty() || sum >= WEIGHT_MAX {
            return Err(wanted());
        }
        Ok(Spread::Weights(weights))
    }

    fn missing(&self) -> Result<Option<u32>, DataError> {
        let Some(value) = self.entry.get("missing") else { return Ok(None) };
        if !self.field.optional {
            return Err(self.error("`missing` is for optional fields, and this field is required"));
        }
        let share = value.as_str().and_then(|text| text.strip_suffix('%'));
        let share = share.and_then(|text| opus_runtime::admission::number::scaled(text.trim(), 4).ok());
        let share = share.and_then(|share| u32::try_from(share).ok()).filter(|share| *share <= MILLION);
        let wrong = || {
            self.error("`missing` must be a percentage from 0% to 100%")
                .remedy("write it as a text, such as missing = \"4.5%\"")
        };
        share.ok_or_else(wrong).map(Some)
    }

    /// That values of the field have an order that means something.
    fn is_ordered(&self, key: &str) -> Result<(), DataError> {
        if !matches!(self.field.kind, Kind::Bool | Kind::Enum(_)) {
            return Ok(());
        }
        let key = if self.entry.contains_key(key) { key } else { "distribution" };
        let help = format!("give its values weights: {}", Allowed::new(self.schema, self.field));
        Err(self.error(&format!("`{key}` is for numbers and dates")).remedy(help))
    }

    fn values(&self, key: &str, value: &Value) -> Result<Vec<i128>, DataError> {
        let array = value.as_array().ok_or_else(|| self.error(&format!("`{key}` must be an array")))?;
        let value = |value: &Value| match value {
            Value::String(text) => self.value(Reading::Text(text)),
            Value::Datetime(date) => self.value(Reading::Text(&date.to_string())),
            Value::Integer(x) => self.value(Reading::Text(&x.to_string())),
            Value::Float(x) => self.value(Reading::Double(*x)),
            _ => Err(self.error(&format!("`{key}` must hold numbers, dates or texts"))),
        };
        array.iter().map(value).collect()
    }

    /// A value of the field, as it is written in a file of rows. Percentages may leave out their sign.
    fn value(&self, reading: Reading<'_>) -> Result<i128, DataError> {
        let is_percent = matches!(self.field.kind, Kind::Percent(_));
        let unit = if is_percent { Unit::Percent } else { Unit::Written };
        match Admission::new(self.schema, self.index, unit).admit(reading) {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err(self.error("an empty text is not a value")),
            Err(reason) => Err(DataError::mapping(reason.message)),
        }
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, kind: Kind, lo: i128, hi: i128, optional: bool) -> Field {
        Field { name: name.to_owned(), kind, domain: Domain::all(Interval::new(lo, hi)), optional }
    }

    fn schema() -> Schema {
        let value = |name: &str| opus_ir::EnumValue { name: name.to_owned(), text: None };
        let work = ["salaried", "retired", "other"].map(value).to_vec();
        let term = Domain { set: Some(vec![12, 24, 36]), ..Domain::all(Interval::new(12, 36)) };
        Schema {
            inputs: vec![
                field("income", Kind::Money, 0, 1_000_000_000, false),
                field("score", Kind::Int, 300, 850, true),
                field("opened", Kind::Date, 0, 30_000, false),
                field("work", Kind::Enum(0), 0, 2, false),
                Field { domain: term, ..field("term", Kind::Int, 12, 36, false) },
                field("share", Kind::Percent(1), 0, 1_000, false),
            ],
            enums: vec![opus_ir::EnumDef { name: "Work".to_owned(), values: work }],
            currency: Some(opus_ir::Currency { code: "USD".to_owned(), digits: 2 }),
            ..Schema::default()
        }
    }

    /// The values of a field that is drawn so.
    fn drawn(text: &str, name: &str) -> Vec<i128> {
        let schema = schema();
        let profile = Profile::parse(text, &schema).unwrap_or_else(|error| panic!("{error}"));
        let spread = profile.field(schema.input(name).unwrap()).spread.clone().unwrap();
        let mut random = Random::new(1, 0, 0);
        (0..10_000).map(|_| spread.draw(&mut random)).collect()
    }

    fn share(values: &[i128], is: impl Fn(i128) -> bool) -> f64 {
        values.iter().filter(|value| is(**value)).count() as f64 / values.len() as f64
    }

    #[test]
    fn values_keep_to_their_range_and_shape() {
        let days = drawn("opened = { range = [2024-01-01, \"2024-12-31\"] }", "opened");
        assert!(days.iter().all(|day| (19_723..=20_088).contains(day)));
        assert!((share(&days, |day| day < 19_723 + 183) - 0.5).abs() < 0.02);
        let scores = drawn("score = { range = [400, 800], distribution = \"normal\" }", "score");
        assert!(scores.iter().all(|score| (400..=800).contains(score)));
        assert!((share(&scores, |score| (533..=667).contains(&score)) - 0.68).abs() < 0.03);
        let incomes = drawn("income = { range = [1, 1_000_000] }", "income");
        assert!(
            share(&incomes, |cents| cents < 10_000) > 0.2,
            "amounts are log-uniform unless they say otherwise"
        );
        let shares = drawn("share = { range = [2.5, \"7.5%\"] }", "share");
        assert!(shares.iter().all(|share| (25..=75).contains(share)));
    }

    #[test]
    fn quantiles_hold_as_many_values_each() {
        let incomes = drawn("income = { quantiles = [0, 100, 200.50, 100_000] }", "income");
        assert!(incomes.iter().all(|cents| (0..=10_000_000).contains(cents)));
        assert!((share(&incomes, |cents| cents < 10_000) - 1.0 / 3.0).abs() < 0.02);
        assert!((share(&incomes, |cents| cents < 20_050) - 2.0 / 3.0).abs() < 0.02);
    }

    #[test]
    fn weights_are_shares() {
        let work = drawn("work.weights = { salaried = 7, retired = 3, other = 0 }", "work");
        assert!((share(&work, |value| value == 0) - 0.7).abs() < 0.02);
        assert_eq!(share(&work, |value| value == 2), 0.0);
        let terms = drawn("term.weights = { 12 = 1, 36 = 1 }", "term");
        assert!((share(&terms, |months| months == 12) - 0.5).abs() < 0.02);
        let terms = drawn("term.range = [24, 36]", "term");
        assert!((share(&terms, |months| months == 24) - 0.5).abs() < 0.02);
    }

    #[test]
    fn a_share_is_missing() {
        let profile = Profile::parse("score.missing = \"12.5%\"", &schema()).unwrap();
        let mut random = Random::new(1, 0, 0);
        let missing =
            (0..10_000).filter(|_| profile.field(1).draw_missing(&mut random) == Some(true)).count();
        assert!((1_150..1_350).contains(&missing), "{missing}");
        assert_eq!(profile.field(0).draw_missing(&mut random), None);
    }

    #[test]
    fn what_does_not_fit_is_an_error_in_the_words_of_the_profile() {
        for (text, message, help) in [
            ("income", "line 1, `income`, is not valid TOML", "double quotes"),
            ("scor.range = [1, 2]", "unknown field `scor`", "did you mean `score`?"),
            ("score = 5", "`score` must be a table", "write [score]"),
            ("score.rnge = [1, 2]", "score: unknown key `rnge`", "did you mean `range`?"),
            ("score.range = [1, 2]", "score: 1 is outside 300..850", ""),
            ("score.range = [400, 300]", "score: the first value of `range` is greater than the second", ""),
            ("score.range = [400]", "score: `range` must be an array of two values", "range = [1, 10]"),
            ("score.range = 400", "score: `range` must be an array", ""),
            (
                "score = { range = [400, 500], quantiles = [400, 500] }",
                "score: `range` and `quantiles` exclude",
                "keep one",
            ),
            ("score.distribution = \"bell\"", "score: unknown distribution \"bell\"", "`normal`"),
            (
                "score = { distribution = \"normal\", quantiles = [400, 500] }",
                "score: `distribution` and `quantiles`",
                "",
            ),
            ("score.quantiles = [500, 400]", "score: `quantiles` must be at least two ascending values", ""),
            ("score.missing = 4", "score: `missing` must be a percentage from 0% to 100%", "\"4.5%\""),
            ("score.missing = \"101%\"", "score: `missing` must be a percentage", ""),
            ("income.missing = \"1%\"", "income: `missing` is for optional fields", ""),
            ("income.range = [0.001, 5]", "income: 0.001", ""),
            (
                "work.range = [\"salaried\", \"other\"]",
                "work: `range` is for numbers and dates",
                "salaried, retired, other",
            ),
            ("work.weights = { salried = 1 }", "work: `salried`", ""),
            (
                "work.weights = { salaried = 0 }",
                "work: `weights` must be a table of whole numbers",
                "first = 70",
            ),
            ("work.weights = { salaried = -1 }", "work: `weights` must be a table of whole numbers", ""),
            ("term.quantiles = [12, 36]", "term: a field with listed values has no quantiles", "weights"),
            ("opened.range = [\"2024-13-01\", \"2024-12-31\"]", "opened: ", ""),
        ] {
            let error = Profile::parse(text, &schema()).expect_err(text);
            assert!(error.message.starts_with(message), "{text}: {}", error.message);
            let found = error.remedy.unwrap_or_default();
            assert!(found.contains(help), "{text}: {found}");
        }
    }
}
