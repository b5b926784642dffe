//! What is decided? A domain: a folder with prose, policy, scenarios and programs. Adding one needs no code.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::Failure;
use crate::answer::Shape;
use crate::scenario::{self, Scenario};
use crate::system::Case;

/// The file in a domain's folder that names all others.
const FILE: &str = "domain.toml";

/// A domain.
#[derive(Clone, Debug)]
pub struct Domain {
    /// The name of its folder.
    pub name: String,
    /// Its title.
    pub title: String,
    /// The policy in prose, all versions.
    pub prose: String,
    /// The policy in Opus.
    pub policy: String,
    /// The numbers of its versions.
    pub versions: Vec<u32>,
    /// What the versions change, for the report; empty where there is one version.
    pub change: String,
    /// What an answer looks like.
    pub shape: Shape,
    /// The JSON schema of an answer.
    pub schema: String,
    /// The Python program that decides.
    pub decide_py: String,
    /// The Python program that accounts for a change, where there are versions to compare.
    pub govern_py: Option<String>,
    /// Facts with the times at which they were recorded, where the policy takes facts.
    pub facts: Option<String>,
    /// Its scenarios, in the order of the file.
    pub scenarios: Vec<Scenario>,
    /// Rows beyond the scenarios.
    pub rows: Option<Rows>,
    /// Every file that the domain consists of, by what it is, with its path.
    pub files: BTreeMap<String, PathBuf>,
}

/// Rows with expected decisions.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The rows.
    pub file: PathBuf,
    /// The expected decisions, as CSV.
    pub expected: PathBuf,
    /// The column of both that says which row it is.
    pub id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    title: String,
    prose: String,
    policy: String,
    scenarios: Option<String>,
    temporal: Option<String>,
    answer: String,
    versions: Vec<u32>,
    #[serde(default)]
    change: String,
    facts: Option<String>,
    python: WrittenPython,
    rows: Option<WrittenRows>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPython {
    decide: String,
    govern: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRows {
    file: String,
    expected: String,
    id: String,
}

impl Domain {
    /// Reads a folder.
    ///
    /// # Errors
    /// Where a file is missing or not as it should be.
    pub fn read(folder: &Path) -> Result<Domain, Failure> {
        let path = folder.join(FILE);
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let written: Written = toml::from_str(&text(&path)?)
            .map_err(|error| Failure::new(format!("`{}`: {error}", path.display())))?;
        let mut files = BTreeMap::from([("domain".to_owned(), path)]);
        let mut file = |what: &str, relative: &str| {
            let path = folder.join(relative);
            files.insert(what.to_owned(), path.clone());
            path
        };
        let (prose, policy) = (file("prose", &written.prose), file("policy", &written.policy));
        let schema = file("answer", &written.answer);
        let mut scenarios = Vec::new();
        for (what, relative) in [("scenarios", &written.scenarios), ("temporal", &written.temporal)] {
            if let Some(relative) = relative {
                scenarios.extend(scenario::read(&file(what, relative), &name)?);
            }
        }
        let decide = file("decide.py", &written.python.decide);
        let govern = written.python.govern.as_ref().map(|relative| file("govern.py", relative));
        let facts = written.facts.as_ref().map(|relative| file("facts", relative));
        let rows = written.rows.as_ref().map(|rows| Rows {
            file: file("rows", &rows.file),
            expected: file("rows.expected", &rows.expected),
            id: rows.id.clone(),
        });
        let schema_text = text(&schema)?;
        let shape = Shape::of_schema(&schema_text)
            .map_err(|why| Failure::new(format!("`{}`: {why}", schema.display())))?;
        Ok(Domain {
            title: written.title,
            prose: text(&prose)?,
            policy: text(&policy)?,
            versions: written.versions,
            change: written.change,
            shape,
            schema: schema_text,
            decide_py: text(&decide)?,
            govern_py: govern.as_deref().map(text).transpose()?,
            facts: facts.as_deref().map(text).transpose()?,
            scenarios,
            rows,
            files,
            name,
        })
    }

    /// The field whose date selects the version, which is the first of every case.
    pub fn date_field(&self) -> &str {
        let first = self.scenarios.iter().filter(|scenario| scenario.tier != scenario::Tier::Governance);
        first.filter_map(|scenario| scenario.input.keys().next()).next().map_or("", |name| name)
    }

    /// The cases that a scenario of tier 3 looks at, which are scenarios of this domain.
    pub fn population(&self, scenario: &Scenario) -> Vec<Case> {
        let case = |id: &str| Some((id.to_owned(), self.scenario(id)?.input.clone()));
        scenario.population().into_iter().filter_map(case).collect()
    }

    /// The scenario with this id.
    pub fn scenario(&self, id: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|scenario| scenario.id == id)
    }
}

/// All domains of a folder, by name.
///
/// # Errors
/// Where one cannot be read, or there is none.
pub fn all(folder: &Path) -> Result<Vec<Domain>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io(folder, "read", &error))?;
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(FILE).is_file())
        .collect();
    folders.sort();
    match folders.is_empty() {
        true => Err(Failure::new(format!("`{}` has no domains", folder.display()))
            .help("a domain is a folder with a file `domain.toml`")),
        false => folders.iter().map(|folder| Domain::read(folder)).collect(),
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::io(path, "read", &error))
}
