//! What does an account of a change claim, and does it hold when acted on?
//!
//! One answer form and one checker for all systems. A claim names a place in what the system executes. It holds if the old
//! value is read there, and if writing the new value there alone, and executing again, gives the claimed results and no
//! others.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;
use crate::answer::{Answer, Shape, object};
use crate::domain::Domain;
use crate::quantity::{Quantity, rewritten};
use crate::scenario::Scenario;
use crate::system::{Case, Outcome, System, Texts};

/// An account of a change.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Claims {
    /// What is different.
    pub changes: Vec<Change>,
    /// Which cases are decided differently, and why.
    pub changed: Vec<Changed>,
    /// In words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub narrative: String,
}

/// A value that is different.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Its name in this account.
    pub id: String,
    /// Where the system holds the old value.
    pub place: String,
    /// The old value with its unit.
    pub from: String,
    /// The new value with its unit.
    pub to: String,
}

/// A case that is decided differently.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Changed {
    /// Its name.
    pub scenario: String,
    /// What the old version decides.
    pub before: Value,
    /// What the new version decides.
    pub after: Value,
    /// The ids of the changes that make the difference.
    pub changes: Vec<String>,
}

impl Claims {
    /// The account in a text. `None` where there is none.
    pub fn find(text: &str) -> Option<Claims> {
        serde_json::from_value(Value::Object(object(text)?)).ok()
    }

    /// The canonical form: without the narrative, values by meaning, in one order.
    pub fn canonical(&self, shape: &Shape) -> Value {
        let mut claims = Claims { narrative: String::new(), ..self.clone() };
        let answer = |value: &mut Value| {
            if let Some(read) = value.as_object().and_then(|object| shape.read(object)) {
                *value = shape.canonical(&read);
            }
        };
        for changed in &mut claims.changed {
            answer(&mut changed.before);
            answer(&mut changed.after);
            changed.changes.sort();
        }
        claims.changes.sort_by(|a, b| (&a.place, &a.id).cmp(&(&b.place, &b.id)));
        claims.changed.sort_by(|a, b| a.scenario.cmp(&b.scenario));
        serde_json::to_value(claims).expect("claims are JSON")
    }
}

/// What an account gets right.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Judged {
    /// How many claims are right.
    pub right: u32,
    /// How many there should be.
    pub expected: u32,
    /// How many there are.
    pub made: u32,
}

/// Compares an account with the expected one. Places differ from system to system and are not compared: acting on them
/// tells whether they hold ([`act`]).
pub fn judge(claims: &Claims, scenario: &Scenario, shape: &Shape) -> Judged {
    let expected = &scenario.expected;
    let list = |name: &str| expected[name].as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (changes, decisions) = (list("changes"), list("changed_decisions"));
    // each expected change is matched once, by its values
    let mut matched: BTreeMap<&str, String> = BTreeMap::new();
    let mut taken: BTreeSet<usize> = BTreeSet::new();
    for change in &claims.changes {
        let fits = |(index, right): &(usize, &Value)| {
            !taken.contains(index)
                && Quantity::parse(&change.from) == Quantity::parse(&word(&right["from"]))
                && Quantity::parse(&change.to) == Quantity::parse(&word(&right["to"]))
        };
        let found = changes.iter().enumerate().find(fits);
        if let Some((index, right)) = found.filter(|_| !matched.contains_key(change.id.as_str())) {
            taken.insert(index);
            matched.insert(&change.id, word(&right["element"]));
        }
    }
    let read = |value: &Value| value.as_object().and_then(|object| shape.read(object));
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let right_decisions = claims.changed.iter().filter(|changed| {
        let Some(right) = decisions.iter().find(|right| right["scenario"] == *changed.scenario) else {
            return false;
        };
        let causes: Option<BTreeSet<&String>> =
            changed.changes.iter().map(|id| matched.get(id.as_str())).collect();
        let because = word(&right["because_of"]);
        read(&changed.before).is_some()
            && read(&changed.before) == read(&right["under_version_1"])
            && read(&changed.after) == read(&right["under_version_2"])
            && causes == Some(BTreeSet::from([&because]))
            // the same case twice counts once
            && seen.insert(&changed.scenario)
    });
    let count = |length: usize| u32::try_from(length).expect("an account is short");
    Judged {
        right: count(matched.len() + right_decisions.count()),
        expected: count(changes.len() + decisions.len()),
        made: count(claims.changes.len() + claims.changed.len()),
    }
}

/// What acting on an account shows.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Acted {
    /// Each claim: what it is, and why it does not hold, if it does not.
    pub claims: Vec<Tested>,
    /// Whether the changes, taken back, give every result of before.
    pub invertible: bool,
    /// The runs of the system that this took.
    pub extra_runs: u32,
    /// The hashes of what these runs sent to a model and received.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

impl Acted {
    /// Runs the system, which counts, and reads its answers.
    fn run(
        &mut self,
        domain: &Domain,
        execute: impl FnOnce() -> Result<Vec<Outcome>, Failure>,
    ) -> Result<Vec<Option<Answer>>, Failure> {
        let outcomes = execute()?;
        self.extra_runs += u32::try_from(outcomes.len()).expect("a population is small");
        self.evidence.extend(outcomes.iter().flat_map(|outcome| outcome.evidence.iter().cloned()));
        Ok(outcomes.iter().map(|outcome| answer(domain, outcome)).collect())
    }
}

/// A claim that was acted on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tested {
    /// The id of a change, or the name of a case.
    pub claim: String,
    /// Why it does not hold; `None` if it does.
    pub fault: Option<String>,
}

impl Acted {
    /// The share of the claims that hold; 0 where there are none.
    pub fn authority(&self) -> f64 {
        let holding = self.claims.iter().filter(|tested| tested.fault.is_none()).count();
        if self.claims.is_empty() { 0.0 } else { holding as f64 / self.claims.len() as f64 }
    }
}

/// Acts on an account: writes each new value where it says, and executes the system again.
///
/// # Errors
/// As [`System::answer`].
pub fn act(
    system: &dyn System,
    domain: &Domain,
    version: u32,
    population: &[Case],
    claims: &Claims,
    run: u32,
) -> Result<Acted, Failure> {
    let mut acted = Acted::default();
    let texts = system.texts(domain, version)?;
    let mut turn = 0;
    let mut results = |acted: &mut Acted, texts: &Texts| {
        let this = turn;
        turn += 1;
        acted.run(domain, || system.execute(domain, texts, version, population, run, this))
    };
    let before = results(&mut acted, &texts)?;
    let mut edited: BTreeMap<Vec<String>, Result<Vec<Option<Answer>>, String>> = BTreeMap::new();
    let alone = claims.changes.iter().map(|change| vec![change.id.clone()]);
    for ids in alone.chain(claims.changed.iter().map(Changed::causes)) {
        if let Entry::Vacant(place) = edited.entry(ids) {
            let after = match with(system, &texts, claims, place.key()) {
                Ok(texts) => Ok(results(&mut acted, &texts)?),
                Err(why) => Err(why),
            };
            place.insert(after);
        }
    }
    let index = |name: &str| population.iter().position(|(scenario, _)| scenario == name);
    let read = |value: &Value| value.as_object().and_then(|object| domain.shape.read(object));
    for (number, change) in claims.changes.iter().enumerate() {
        let own = vec![change.id.clone()];
        let fault = match &edited[&own] {
            Err(why) => Some(why.clone()),
            Ok(_) if claims.changes[..number].iter().any(|other| other.id == change.id) => {
                Some(format!("{} is claimed twice", change.id))
            }
            Ok(after) => (0..population.len()).find_map(|at| {
                let name = &population[at].0;
                let about = claims.changed.iter().filter(|changed| changed.scenario == *name);
                let about: Vec<&Changed> =
                    about.filter(|changed| changed.causes().contains(&change.id)).collect();
                // a case that needs other changes too says nothing about this one alone
                let is_wrong = |changed: &&Changed| {
                    let claimed = read(&changed.after);
                    changed.causes() == own && (claimed.is_none() || claimed != after[at])
                };
                if about.is_empty() {
                    let is_same = before[at] == after[at];
                    (!is_same).then(|| format!("{name} changes too, which is not claimed"))
                } else {
                    about.iter().any(is_wrong).then(|| format!("{name} does not change as claimed"))
                }
            }),
        };
        acted.claims.push(Tested { claim: change.id.clone(), fault });
    }
    for changed in &claims.changed {
        let fault = match (index(&changed.scenario), &edited[&changed.causes()]) {
            (None, _) => Some("there is no such case".to_owned()),
            (Some(_), _) if changed.changes.is_empty() => Some("it names no change".to_owned()),
            (_, Err(why)) => Some(why.clone()),
            (Some(at), Ok(after)) => match (read(&changed.before), read(&changed.after)) {
                (None, _) | (_, None) => Some("its results cannot be read".to_owned()),
                (found, claimed) if found == claimed => Some("its two results are the same".to_owned()),
                (found, _) if found != before[at] => {
                    Some("the system does not decide as claimed before the change".to_owned())
                }
                (_, found) if found != after[at] => {
                    Some("the system does not decide as claimed after the change".to_owned())
                }
                _ => None,
            },
        };
        acted.claims.push(Tested { claim: changed.scenario.clone(), fault });
    }
    let all: Vec<String> = claims.changes.iter().map(|change| change.id.clone()).collect();
    let back = |there: Texts| {
        let taken_back = claims.changes.iter().rev();
        taken_back.map(Change::reversed).try_fold(there, |texts, change| made(system, &texts, &change))
    };
    acted.invertible = match with(system, &texts, claims, &all).and_then(back) {
        Ok(texts) if !all.is_empty() && before.iter().all(Option::is_some) => {
            results(&mut acted, &texts)? == before
        }
        _ => false,
    };
    Ok(acted)
}

impl Change {
    /// The change that takes this one back.
    fn reversed(&self) -> Change {
        Change { from: self.to.clone(), to: self.from.clone(), ..self.clone() }
    }
}

impl Changed {
    /// The ids of its changes, each once, in order.
    fn causes(&self) -> Vec<String> {
        self.changes.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect()
    }
}

/// The answer in an outcome.
fn answer(domain: &Domain, outcome: &Outcome) -> Option<Answer> {
    if outcome.error.is_some() { None } else { domain.shape.find(&outcome.text) }
}

/// The texts with some changes made.
fn with(system: &dyn System, texts: &Texts, claims: &Claims, ids: &[String]) -> Result<Texts, String> {
    ids.iter().try_fold(texts.clone(), |texts, id| {
        let change = claims.changes.iter().find(|change| change.id == *id);
        made(system, &texts, change.ok_or_else(|| format!("there is no change {id}"))?)
    })
}

/// The texts with one change made: a number in the place of a number, in the way in which the old one is written.
fn made(system: &dyn System, texts: &Texts, change: &Change) -> Result<Texts, String> {
    let literal = placed(system, texts, change)?;
    let (old, new) = (Quantity::parse(&change.from), Quantity::parse(&change.to));
    let written = match (&old, &new) {
        (Quantity::Number { .. }, Quantity::Number { .. }) if old != new => rewritten(&literal, &change.to),
        (Quantity::Word(old), Quantity::Word(new)) if old != new && is_name(new) => Some(new.clone()),
        (old, new) if old == new => return Err(format!("{} changes nothing", change.id)),
        _ => None,
    };
    let written = written.ok_or_else(|| format!("`{}` is not a value like `{}`", change.to, change.from))?;
    let edited = system.write(texts, &change.place, &written);
    edited.ok_or_else(|| format!("`{written}` cannot be written at {}", change.place))
}

/// Whether a text is a name. What systems claim is written into what they execute, so it must not be anything else.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The literal at the place of a change, which is its old value.
fn placed(system: &dyn System, texts: &Texts, change: &Change) -> Result<String, String> {
    let found = system.read(texts, &change.place);
    let found = found.ok_or_else(|| format!("{} is not the place of a value", change.place))?;
    match Quantity::parse(&found).has_number_of(&Quantity::parse(&change.from)) {
        true => Ok(found),
        false => Err(format!("{} is `{found}`, not `{}`", change.place, change.from)),
    }
}
