//! Why was a row decided as it was, and what would have changed the decision?
//!
//! An [`Explanation`] is one tree of facts: the version and the date that selected it, the trace, the result, the
//! reasons if the result is adverse, and for each field that is `actionable` the nearest values for which the row would
//! have been decided as wanted. It is printed as text and Markdown, and its JSON is the tree itself.
//!
//! In reading order: what is wanted ([`want`]), the nearest values ([`search`]), why the result is adverse ([`reasons`]), and
//! the printed forms (`words`).
//!
//! Nothing is guessed. Results come from the reference evaluator: it was run with each value that is shown, and with
//! the adjacent value that does not give the wanted result.

pub mod reasons;
pub mod search;
pub mod want;
mod words;

use opus_frontend::hir::{Actionable, Direction, Policy};
use opus_frontend::reference::{self, Admitted};
use opus_frontend::{display, limits};
use opus_ir::{Kind, Place, Verdict, date};
use opus_runtime::Snapshot;
use serde::{Serialize, Serializer};

use crate::trace;
pub use reasons::Reasons;
use search::{Near, Row, Side};
pub use want::{Want, WantError};

/// Why a row was decided like this, and what would have changed it.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The name of the policy.
    pub policy: String,
    /// The version that decided.
    pub version: Version,
    /// What it decided.
    pub result: Decided,
    /// How.
    #[serde(serialize_with = "as_trace")]
    pub trace: Vec<trace::Line>,
    /// Why, if the result is adverse.
    pub reasons: Option<Reasons>,
    /// What would have changed it.
    pub changes: Changes,
}

/// The version that decided.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// Its number.
    pub number: u32,
    /// Its first day; `None` in a policy without versions.
    pub from: Option<String>,
    /// Its citation.
    pub cite: Option<String>,
    /// The field that selected it, and its date.
    pub chosen_by: Option<Named>,
}

/// A value with its name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Named {
    /// The name.
    pub name: String,
    /// The value, as a policy writes it.
    pub value: String,
    /// What a value of an enum says to people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rule {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Its citation.
    pub cite: Option<String>,
}

/// A result: a decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Decided {
    /// The outputs, in order.
    pub outputs: Vec<Named>,
    /// The rule that decided.
    pub rule: Rule,
}

/// The result of a row that may be refused.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was decided.
    Decided(Decided),
    /// It was refused, because of these fields and requires.
    Refused(Vec<String>),
}

/// What would have changed the result.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Changes {
    /// Nothing was sought, for this reason.
    NotSought(String),
    /// The result is what was sought.
    AlreadyAsWanted {
        /// What was sought, in words.
        wanted: String,
    },
    /// Each field that is `actionable` was changed alone.
    Sought {
        /// What was sought, in words.
        wanted: String,
        /// The fields.
        fields: Vec<Field>,
    },
}

/// What could be otherwise about a field.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The value that it has; `None` if it is missing, and then no value was sought.
    pub value: Option<String>,
    /// The values with which the result is as wanted: the nearest on each side, or all of an enum.
    pub found: Vec<Found>,
    /// What was sought and not found, in words.
    pub not_found: Vec<String>,
}

/// A value with which the result is as wanted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Found {
    /// The value.
    pub value: String,
    /// The whole result with it.
    pub result: Decided,
    /// The value next to it, on the side of the row's own value, and the result with that; `None` for values without
    /// an order.
    pub beside: Option<Beside>,
}

/// A value that does not do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Beside {
    /// The value.
    pub value: String,
    /// The result with it.
    pub result: Outcome,
}

/// Why a row could not be explained: it was refused, because of these fields and requires.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused(pub Vec<String>);

/// Explains the decision on a row: by input index, the scaled integers of its fields. `source` is the text that the policy
/// was compiled from. After the fields come the integers of the facts, if there are any, which are from `snapshot`. Without
/// `want`, a result that is not adverse is wanted, if the policy says what is adverse.
///
/// ```
/// use opus_govern::explain::explain;
/// let source = "policy loans.small {
///   enum Answer { lend, refuse }
///   input { age : int in 18..99   income : int in 0..9_999 actionable up }
///   output { answer : Answer }
///   adverse answer in {refuse}
///   rules first { rule A when income < 20 * age => refuse  otherwise B => lend } }";
/// let policy = opus_frontend::compile(source).0.unwrap().policy;
/// let explanation = explain(&policy, source, &[Some(40), Some(650)], None, None).unwrap();
/// assert!(explanation.to_text().contains("with 800: answer = lend (rule B)"));
/// # assert!(explanation.to_text().contains("income < 20 * age"));
/// ```
///
/// # Errors
/// Where the row is refused.
pub fn explain(
    policy: &Policy,
    source: &str,
    given: &[Option<i128>],
    snapshot: Option<&Snapshot>,
    want: Option<&Want>,
) -> Result<Explanation, Refused> {
    let admitted = admitted(policy, given).map_err(Refused)?;
    let trace = reference::trace(policy, &admitted);
    let verdict = &trace.verdict;
    let is_adverse = policy.adverse.as_ref().is_some_and(|adverse| adverse.holds(&verdict.outputs));
    Ok(Explanation {
        policy: policy.name.clone(),
        version: version(policy, given, verdict),
        result: decided(policy, verdict),
        trace: trace::lines(policy, source, given, snapshot, &trace),
        reasons: is_adverse.then(|| reasons::reasons(policy, source, given, &trace)),
        changes: changes(policy, given, verdict, want),
    })
}

fn admitted(policy: &Policy, given: &[Option<i128>]) -> Result<Admitted, Vec<String>> {
    reference::admit(policy, given).map_err(|refused| {
        let named = |place: Place| match place {
            Place::Field(index) => policy.schema.inputs[index as usize].name.clone(),
            Place::Require(index) => policy.requires[index as usize].id.clone(),
            Place::Row => "the row".to_owned(),
        };
        refused
            .into_iter()
            .map(|refused| format!("{}: {}", named(refused.place), refused.fault.code()))
            .collect()
    })
}

fn version(policy: &Policy, given: &[Option<i128>], verdict: &Verdict) -> Version {
    let version = &policy.versions[verdict.version];
    let chosen_by = policy.schema.effective.and_then(|field| {
        Some(Named {
            name: policy.schema.inputs[field as usize].name.clone(),
            value: date::civil(given[field as usize]?).to_string(),
            text: None,
        })
    });
    let from = chosen_by.as_ref().map(|_| date::civil(i128::from(version.from)).to_string());
    Version { number: version.number, from, cite: version.cite.clone(), chosen_by }
}

pub(crate) fn rule(policy: &Policy, index: usize) -> Rule {
    let info = &policy.rules[index];
    Rule { id: info.id.clone(), title: info.title.clone(), cite: info.cite.clone() }
}

fn decided(policy: &Policy, verdict: &Verdict) -> Decided {
    let outputs = policy.schema.outputs.iter().zip(&verdict.outputs);
    let named = |(field, value): (&opus_ir::Field, &i128)| {
        let text = match field.kind {
            Kind::Enum(of) => policy.schema.enums[of as usize].values[*value as usize].text.clone(),
            _ => None,
        };
        Named {
            name: field.name.clone(),
            value: display::whole_text(&policy.schema, field.kind, *value),
            text,
        }
    };
    Decided { outputs: outputs.map(named).collect(), rule: rule(policy, verdict.rule) }
}

fn outcome(policy: &Policy, given: &[Option<i128>]) -> Outcome {
    match admitted(policy, given) {
        Ok(admitted) => Outcome::Decided(decided(policy, &reference::decide(policy, &admitted))),
        Err(refused) => Outcome::Refused(refused),
    }
}

fn changes(policy: &Policy, given: &[Option<i128>], verdict: &Verdict, want: Option<&Want>) -> Changes {
    let not_adverse = policy.adverse.clone().map(Want::not_adverse);
    let Some(want) = want.or(not_adverse.as_ref()) else {
        return Changes::NotSought(
            "the policy has no `adverse` declaration; `--want` names the wanted result".to_owned(),
        );
    };
    let wanted = want.in_words(&policy.schema);
    if want.holds(&verdict.outputs) {
        return Changes::AlreadyAsWanted { wanted };
    }
    let fields: Vec<Field> = (0..policy.schema.inputs.len())
        .filter_map(|index| Some(field(policy, given, index as u32, policy.actionable[index]?, want)))
        .collect();
    if fields.is_empty() {
        return Changes::NotSought("the policy declares no input `actionable`".to_owned());
    }
    Changes::Sought { wanted, fields }
}

fn field(policy: &Policy, given: &[Option<i128>], index: u32, actionable: Actionable, want: &Want) -> Field {
    let of = &policy.schema.inputs[index as usize];
    let text = |value: i128| display::whole_text(&policy.schema, of.kind, value);
    let own = given[index as usize];
    let mut field =
        Field { name: of.name.clone(), value: own.map(text), found: Vec::new(), not_found: Vec::new() };
    if own.is_none() {
        return field;
    }
    let mut row = Row::new(policy, given, index, want);
    let found = |row: &Row, value: i128, beside: Option<i128>| Found {
        value: text(value),
        result: match outcome(policy, &row.with(value)) {
            Outcome::Decided(decided) => decided,
            Outcome::Refused(_) => unreachable!("a value that was found was admitted"),
        },
        beside: beside.map(|value| Beside { value: text(value), result: outcome(policy, &row.with(value)) }),
    };
    if matches!(of.kind, Kind::Bool | Kind::Enum(_)) {
        field.found = row.others().into_iter().map(|value| found(&row, value, None)).collect();
        if field.found.is_empty() {
            field.not_found.push("no other value would have changed it".to_owned());
        }
        return field;
    }
    let sides = match actionable.direction {
        Some(Direction::Up) => vec![Side::Above],
        Some(Direction::Down) => vec![Side::Below],
        None => vec![Side::Below, Side::Above],
    };
    for side in sides {
        match row.nearest(side, limits::EXPLANATION_WORK_MAX) {
            Near::Found { value, beside } => field.found.push(found(&row, value, Some(beside))),
            Near::Nowhere => {
                field.not_found.push(format!("no {} value would have changed it", side.word(of.kind)))
            }
            Near::NotAmong(count) => field
                .not_found
                .push(format!("not found among the {count} nearest {} values", side.word(of.kind))),
        }
    }
    field
}

fn as_trace<S: Serializer>(lines: &[trace::Line], serializer: S) -> Result<S::Ok, S::Error> {
    trace::json(lines).serialize(serializer)
}
