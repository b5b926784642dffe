//! What is asked, and what is the right answer?

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Failure;

/// A case with its right answer. Right answers come from the prose.
#[derive(Clone, Debug, Deserialize)]
pub struct Scenario {
    /// Its name.
    pub id: String,
    /// What it is there for.
    pub tier: Tier,
    /// The name of its domain.
    pub domain: String,
    /// What it is about, in words.
    pub title: String,
    /// The fields of the case; of tier 3, the versions and the population.
    pub input: Map<String, Value>,
    /// The right answer: the outputs, or `{"refused": FIELD}`; of tier 3, the changes and the changed decisions.
    pub expected: Value,
    /// The version in force for the case.
    #[serde(default)]
    pub bound_version: Option<u32>,
    /// Whether the other version gives another answer.
    #[serde(default)]
    pub signal_dependent: bool,
    /// The other version's answer, where it is another one.
    #[serde(default)]
    pub misbound: Option<Value>,
}

/// What a scenario is there for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(try_from = "Value")]
pub enum Tier {
    /// Is the decision right?
    Decision,
    /// Is it made by the version in force?
    Binding,
    /// Is a change from version to version accounted for?
    Governance,
    /// Beyond the published experiment: what was known when, and dates that no version covers.
    Temporal,
}

impl Tier {
    /// 1, 2 or 3; 0 for what the published experiment leaves out.
    pub fn number(self) -> u8 {
        match self {
            Tier::Decision => 1,
            Tier::Binding => 2,
            Tier::Governance => 3,
            Tier::Temporal => 0,
        }
    }
}

impl TryFrom<Value> for Tier {
    type Error = String;

    fn try_from(value: Value) -> Result<Tier, String> {
        match (value.as_u64(), value.as_str()) {
            (Some(1), _) => Ok(Tier::Decision),
            (Some(2), _) => Ok(Tier::Binding),
            (Some(3), _) => Ok(Tier::Governance),
            (_, Some("temporal")) => Ok(Tier::Temporal),
            _ => Err(format!("a tier is 1, 2, 3 or \"temporal\", not {value}")),
        }
    }
}

#[derive(Deserialize)]
struct File {
    scenarios: Vec<Scenario>,
}

/// The scenarios of one domain in a file.
///
/// # Errors
/// Where the file cannot be read or is not as it should be.
pub fn read(path: &Path, domain: &str) -> Result<Vec<Scenario>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| Failure::io(path, "read", &error))?;
    let file: File = serde_json::from_str(&text)
        .map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?;
    Ok(file.scenarios.into_iter().filter(|scenario| scenario.domain == domain).collect())
}

impl Scenario {
    /// The case as JSON on one line.
    pub fn input_json(&self) -> String {
        Value::Object(self.input.clone()).to_string()
    }

    /// Of tier 3: from which version to which.
    pub fn versions(&self) -> Option<(u32, u32)> {
        let number =
            |name: &str| self.input.get(name)?.as_u64().and_then(|number| u32::try_from(number).ok());
        Some((number("from_version")?, number("to_version")?))
    }

    /// Of tier 3: the ids of the cases that are looked at.
    pub fn population(&self) -> Vec<&str> {
        let listed = self.input.get("population").and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str).collect()
    }
}
