//! What do the three systems with a model have in common? Prompts that they execute, and a dialogue that is recorded.
//!
//! What such a system executes is the text of its prompts, with the policy's prose in them and without the case. A place is
//! `NAME:A..B`: the bytes A to B of the text with that name. After a value was written, the text is in pieces that are
//! named by the bytes of the original that they stand for, so that a place means the same before and after.

use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::Failure;
use crate::domain::Domain;
use crate::model::config::HOW;
use crate::model::{Model, Reply, Request, Slot, Turn};
use crate::schema::{Schema, resolved};
use crate::system::{Case, Outcome, Replay, State, System, Task, Texts};
use crate::systems::{agent, raw, structured};

/// The text that all roles share.
pub const PROMPT: &str = "prompt";

/// What prompted systems share: names of locked files, and their texts as they are built in.
const GOVERN: (&str, &str) = ("prompts/govern.md", include_str!("../../prompts/govern.md"));
const CHOSEN: (&str, &str) = ("prompts/version_chosen.md", include_str!("../../prompts/version_chosen.md"));
const FIXED: (&str, &str) = ("prompts/version_fixed.md", include_str!("../../prompts/version_fixed.md"));
const DECIDE_SCHEMA: (&str, &str) =
    ("schemas/decide.schema.json", include_str!("../../schemas/decide.schema.json"));
const GOVERN_SCHEMA: (&str, &str) =
    ("schemas/govern.schema.json", include_str!("../../schemas/govern.schema.json"));

/// What these two schemas call the schema of a domain's answers.
const ANSWER_SCHEMA: &str = "answer.schema.json";

/// The longest answers, in tokens.
const DECIDE_TOKENS_MAX: u32 = 1024;
const GOVERN_TOKENS_MAX: u32 = 8192;

/// The three kinds, in the order of the published tables.
pub static KINDS: [&Kind; 3] = [&structured::KIND, &agent::KIND, &raw::KIND];

/// What tells one from another.
pub struct Kind {
    /// Its name in records and results.
    pub name: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// The prompt that decides: file and text.
    pub decide: (&'static str, &'static str),
    /// Further prompts, each for a call of its own: name, file and text.
    pub roles: &'static [(&'static str, &'static str, &'static str)],
    /// How it finds an answer.
    pub converse: fn(&mut Dialogue<'_>, &Subject<'_>) -> Result<(), Failure>,
}

impl Kind {
    /// The prompts and schemas that it uses: files, from the folder of this crate, and their texts as they are built in.
    pub fn files(&self) -> Vec<(&'static str, &'static str)> {
        let roles = self.roles.iter().map(|(_, file, text)| (*file, *text));
        let shared = [CHOSEN, FIXED, GOVERN];
        let schemas = (self.name == structured::KIND.name).then_some([DECIDE_SCHEMA, GOVERN_SCHEMA]);
        let files = [self.decide].into_iter().chain(roles).chain(shared);
        files.chain(schemas.into_iter().flatten()).collect()
    }
}

/// All prompts and schemas: files, from the folder of this crate, and their texts as they are built in.
pub fn files() -> Vec<(&'static str, &'static str)> {
    let mut files: Vec<_> = KINDS.iter().flat_map(|kind| kind.files()).collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// What a dialogue is about.
pub struct Subject<'a> {
    /// What it is called in messages.
    pub what: &'static str,
    /// The case, or the population.
    pub json: &'a str,
    /// The form of the answer.
    pub schema: &'a Schema,
    texts: &'a Texts,
}

impl Subject<'_> {
    /// The prompt of a role: the shared text, and what the role is told beyond that.
    pub fn prompt(&self, role: &str) -> String {
        let mut texts = vec![joined(self.texts, PROMPT)];
        if role != PROMPT {
            texts.push(joined(self.texts, role));
        }
        texts.join("\n")
    }
}

/// Who answers a request: a model, or a stand-in.
pub type Answerer<'a> = &'a (dyn Fn(&Request, Slot) -> Result<Reply, Failure> + Sync);

/// Calls of a model that lead to one outcome.
pub struct Dialogue<'a> {
    answerer: Answerer<'a>,
    run: u32,
    turn: Turn,
    tokens_max: u32,
    /// What has come of it so far. Attempts are calls.
    pub outcome: Outcome,
}

impl Dialogue<'_> {
    /// Asks with a prompt and named parts. `None` if there is no answer: the outcome then has the error.
    ///
    /// # Errors
    /// As [`Model::complete`].
    pub fn ask(
        &mut self,
        prompt: &str,
        parts: &[(&str, &str)],
        schema: Option<&Schema>,
    ) -> Result<Option<Reply>, Failure> {
        let parts: Vec<String> = parts.iter().map(|(what, text)| format!("## {what}\n\n{text}")).collect();
        let request = Request {
            system: prompt.to_owned(),
            user: parts.join("\n\n"),
            schema: schema.map(|schema| schema.value().clone()),
            tokens_max: self.tokens_max,
        };
        let slot = Slot { run: self.run, turn: self.turn, call: self.outcome.attempts };
        let reply = (self.answerer)(&request, slot)?;
        let outcome = &mut self.outcome;
        outcome.attempts += 1;
        outcome.tokens_in += reply.tokens_in;
        outcome.tokens_out += reply.tokens_out;
        outcome.evidence.push(reply.evidence.clone());
        if !reply.model.is_empty() && !outcome.models.contains(&reply.model) {
            outcome.models.push(reply.model.clone());
        }
        match &reply.error {
            None => Ok(Some(reply)),
            Some(error) => {
                outcome.text.clear();
                outcome.error = Some(error.clone());
                Ok(None)
            }
        }
    }
}

/// A system with a model, or without the one that it needs.
pub struct Prompted {
    kind: &'static Kind,
    model: Option<Arc<Model>>,
}

impl Prompted {
    /// A system of a kind. Without a model it does not run.
    pub fn new(kind: &'static Kind, model: Option<Arc<Model>>) -> Prompted {
        Prompted { kind, model }
    }

    /// All three with one model.
    pub fn all(model: Option<&Arc<Model>>) -> [Prompted; 3] {
        KINDS.map(|kind| Prompted::new(kind, model.cloned()))
    }

    fn converse(&self, texts: &Texts, asked: &Asked, run: u32, turn: Turn) -> Result<Outcome, Failure> {
        let model = self.model.as_ref().ok_or_else(|| Failure::new(HOW))?;
        converse(self.kind, &|request, slot| model.complete(request, slot), texts, asked, run, turn)
    }
}

/// A task in words.
pub(crate) struct Asked {
    what: &'static str,
    json: String,
    schema: Schema,
    tokens_max: u32,
}

impl Asked {
    /// A case to decide.
    pub(crate) fn decide(domain: &Domain, input: &Map<String, Value>) -> Result<Asked, Failure> {
        let json = Value::Object(input.clone()).to_string();
        Ok(Asked {
            what: "Case",
            json,
            schema: schema(domain, DECIDE_SCHEMA)?,
            tokens_max: DECIDE_TOKENS_MAX,
        })
    }

    /// A change to account for.
    pub(crate) fn govern(domain: &Domain, population: &[Case]) -> Result<Asked, Failure> {
        let case = |(name, input): &Case| json!({"scenario": name, "input": input});
        let json = population.iter().map(case).collect::<Value>().to_string();
        Ok(Asked {
            what: "Cases",
            json,
            schema: schema(domain, GOVERN_SCHEMA)?,
            tokens_max: GOVERN_TOKENS_MAX,
        })
    }
}

/// The dialogue of a kind about a task.
pub(crate) fn converse(
    kind: &Kind,
    answerer: Answerer<'_>,
    texts: &Texts,
    asked: &Asked,
    run: u32,
    turn: Turn,
) -> Result<Outcome, Failure> {
    let subject = Subject { what: asked.what, json: &asked.json, schema: &asked.schema, texts };
    let tokens_max = asked.tokens_max;
    let mut dialogue = Dialogue { answerer, run, turn, tokens_max, outcome: Outcome::default() };
    (kind.converse)(&mut dialogue, &subject)?;
    Ok(dialogue.outcome)
}

/// The prompts that decide cases: as one version, or as the one that the policy chooses.
pub(crate) fn decide_texts(kind: &Kind, domain: &Domain, version: Option<u32>) -> Texts {
    let version = match version {
        None => CHOSEN.1.to_owned(),
        Some(number) => filled(FIXED.1, &[("number", &number.to_string())]),
    };
    let (_, template) = kind.decide;
    with_roles(kind, filled(template, &[("version", version.trim_end()), ("prose", domain.prose.trim_end())]))
}

/// The prompts that account for a change.
pub(crate) fn govern_texts(kind: &Kind, domain: &Domain, from: u32, to: u32) -> Texts {
    let decides = joined(&decide_texts(kind, domain, Some(from)), PROMPT);
    let prompt = numbered(&decides);
    let values = [("from", &*from.to_string()), ("to", &to.to_string()), ("prompt", prompt.trim_end())];
    with_roles(kind, filled(GOVERN.1, &values))
}

fn with_roles(kind: &Kind, prompt: String) -> Texts {
    let roles = kind.roles.iter().map(|(name, _, text)| ((*name).to_owned(), (*text).to_owned()));
    [(PROMPT.to_owned(), prompt)].into_iter().chain(roles).collect()
}

/// A schema in which the domain's answer is put.
fn schema(domain: &Domain, (file, text): (&str, &str)) -> Result<Schema, Failure> {
    let wrong = |why: String| Failure::new(format!("`{file}` with the answers of `{}`: {why}", domain.name));
    let read = |text: &str| serde_json::from_str(text).map_err(|error| wrong(error.to_string()));
    let mut whole = resolved(&read(text)?, ANSWER_SCHEMA, &read(&domain.schema)?);
    // servers that enforce a schema know neither
    for name in ["$schema", "title"] {
        whole.as_object_mut().and_then(|members| members.shift_remove(name));
    }
    Schema::of(whole).map_err(wrong)
}

/// A template with values for `{NAME}`. Values are not looked at again.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        text.push_str(before);
        let found = values.iter().find_map(|(name, value)| {
            Some((*value, from.strip_prefix('{')?.strip_prefix(name)?.strip_prefix('}')?))
        });
        let (value, after) = found.unwrap_or(("{", &from[1..]));
        text.push_str(value);
        rest = after;
    }
    text + rest
}

/// A text, each line after the offset of its first byte and `| `.
fn numbered(text: &str) -> String {
    let (mut lines, mut offset) = (String::new(), 0);
    for line in text.split_inclusive('\n') {
        write!(lines, "{offset:>5}| {line}").expect("a string can be written to");
        offset += line.len();
    }
    lines
}

impl System for Prompted {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn title(&self) -> &'static str {
        self.kind.title
    }

    fn state(&self) -> (State, Option<String>) {
        match &self.model {
            Some(model) => (model.state(), None),
            None => (State::NotRun, Some(HOW.to_owned())),
        }
    }

    fn uses(&self, domain: &Domain) -> Vec<String> {
        let own = ["prose", "answer"].map(|what| format!("{}/{what}", domain.name));
        own.into_iter().chain(self.kind.files().into_iter().map(|(file, _)| file.to_owned())).collect()
    }

    fn answer(&self, domain: &Domain, task: &Task<'_>, run: u32) -> Result<Outcome, Failure> {
        let (texts, asked) = match task {
            Task::Decide { input, version } => {
                (decide_texts(self.kind, domain, *version), Asked::decide(domain, input)?)
            }
            Task::Govern { from, to, population } => {
                (govern_texts(self.kind, domain, *from, *to), Asked::govern(domain, population)?)
            }
        };
        self.converse(&texts, &asked, run, Turn::Answer)
    }

    fn texts(&self, domain: &Domain, version: u32) -> Result<Texts, Failure> {
        match domain.versions.contains(&version) {
            true => Ok(decide_texts(self.kind, domain, Some(version))),
            false => Err(Failure::new(format!("`{}` has no version {version}", domain.name))),
        }
    }

    fn read(&self, texts: &Texts, place: &str) -> Option<String> {
        let (index, range) = located(texts, place)?;
        Some(texts[index].1[range].to_owned())
    }

    fn write(&self, texts: &Texts, place: &str, literal: &str) -> Option<Texts> {
        let (index, range) = located(texts, place)?;
        let (name, span) = piece(&texts[index]);
        let text = &texts[index].1;
        // where nothing was written yet, bytes of the text are bytes of the original
        let whole = range == (0..text.len());
        let middle = if whole { span.clone() } else { span.start + range.start..span.start + range.end };
        let pieces = [
            (span.start..middle.start, &text[..range.start]),
            (middle.clone(), literal),
            (middle.end..span.end, &text[range.end..]),
        ];
        let pieces = pieces.into_iter().filter(|(span, _)| !span.is_empty());
        let pieces =
            pieces.map(|(span, text)| (format!("{name}:{}..{}", span.start, span.end), text.to_owned()));
        let mut edited = texts.clone();
        edited.splice(index..=index, pieces.collect::<Vec<_>>());
        Some(edited)
    }

    fn execute(
        &self,
        domain: &Domain,
        texts: &Texts,
        _: u32,
        population: &[Case],
        run: u32,
        turn: u32,
    ) -> Result<Vec<Outcome>, Failure> {
        let decide = |(_, input): &Case| {
            self.converse(texts, &Asked::decide(domain, input)?, run, Turn::Execute(turn))
        };
        population.iter().map(decide).collect()
    }

    fn replays(&self, domain: &Domain, population: &[Case], run: u32) -> Result<Replay, Failure> {
        let texts = decide_texts(self.kind, domain, None);
        let mut replay = Replay::default();
        for (_, input) in population {
            let asked = Asked::decide(domain, input)?;
            let once = self.converse(&texts, &asked, run, Turn::Again(0))?;
            let again = self.converse(&texts, &asked, run, Turn::Again(1))?;
            let is_same = once.text == again.text && once.error.is_none() && again.error.is_none();
            replay.evidence.extend(once.evidence.into_iter().chain(again.evidence));
            if !is_same {
                return Ok(replay);
            }
        }
        Ok(Replay { identical: true, ..replay })
    }
}

/// The name of the text of which this is a piece, and the bytes of the original that it stands for.
fn piece((name, text): &(String, String)) -> (&str, Range<usize>) {
    match split_place(name) {
        Some((name, span)) => (name, span),
        None => (name, 0..text.len()),
    }
}

/// The whole of a text, of its pieces.
pub(crate) fn joined(texts: &Texts, name: &str) -> String {
    let pieces = texts.iter().filter(|text| piece(text).0 == name);
    pieces.map(|(_, text)| &**text).collect()
}

/// `NAME:A..B`.
fn split_place(place: &str) -> Option<(&str, Range<usize>)> {
    let (name, range) = place.rsplit_once(':')?;
    let (start, end) = range.split_once("..")?;
    let (start, end): (usize, usize) = (start.parse().ok()?, end.parse().ok()?);
    (start < end).then_some((name, start..end))
}

/// The piece that a place is in, and the bytes of the piece. A place that cuts a word or a number in two is none.
fn located(texts: &Texts, place: &str) -> Option<(usize, Range<usize>)> {
    let (name, range) = split_place(place)?;
    let is_around = |text: &(String, String)| {
        let (own, span) = piece(text);
        own == name && span.start <= range.start && range.end <= span.end
    };
    let index = texts.iter().position(is_around)?;
    let (text, (_, span)) = (&texts[index].1, piece(&texts[index]));
    if range == span {
        return Some((index, 0..text.len()));
    }
    let range = range.start - span.start..range.end - span.start;
    let is_whole = [range.start, range.end].into_iter().all(|at| is_boundary(text, at));
    (text.len() == span.len() && is_whole).then_some((index, range))
}

/// Whether a byte of a text is neither inside a character, nor a word, nor a number with separators.
fn is_boundary(text: &str, at: usize) -> bool {
    let Some((before, after)) = text.split_at_checked(at) else { return false };
    let (mut before, mut after) = (before.chars().rev(), after.chars());
    let around = [before.nth(1), text[..at].chars().next_back(), after.next(), after.next()];
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let is_of_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let separates = |c: Option<char>| matches!(c, Some('.' | ',' | '_'));
    let [second_last, last, first, second] = around;
    !(is_of_word(last) && is_of_word(first)
        || is_digit(last) && separates(first) && is_digit(second)
        || is_digit(second_last) && separates(last) && is_digit(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system() -> Prompted {
        Prompted::new(&raw::KIND, None)
    }

    fn texts(text: &str) -> Texts {
        vec![(PROMPT.to_owned(), text.to_owned()), ("planner".to_owned(), "Plan.".to_owned())]
    }

    #[test]
    fn a_place_is_a_whole_value() {
        let texts = texts("é 30 days, 10,000.00 or 7%.");
        let at = |value: &str| {
            let start = texts[0].1.find(value).unwrap();
            format!("prompt:{start}..{}", start + value.len())
        };
        for value in ["30", "30 days", "10,000.00", "7", "7%", "é"] {
            assert_eq!(system().read(&texts, &at(value)).as_deref(), Some(value));
        }
        for value in ["3", "0", "day", "10", "000", "000.00", "00", "10,000"] {
            assert_eq!(system().read(&texts, &at(value)), None, "{value}");
        }
        for place in
            ["prompt:1..2", "prompt:3..3", "prompt:0..99", "plan:0..4", "prompt", "prompt:5..3", "3..5"]
        {
            assert_eq!(system().read(&texts, place), None, "{place}");
        }
        assert_eq!(system().read(&texts, "planner:0..4").as_deref(), Some("Plan"));
    }

    #[test]
    fn places_mean_the_same_after_writing() {
        let original = texts("From 9 to 30 days.");
        let (nine, thirty) = ("prompt:5..6", "prompt:10..12");
        let once = system().write(&original, nine, "1000").unwrap();
        assert_eq!(joined(&once, PROMPT), "From 1000 to 30 days.");
        assert_eq!(system().read(&once, nine).as_deref(), Some("1000"));
        assert_eq!(system().read(&once, thirty).as_deref(), Some("30"));
        let twice = system().write(&once, thirty, "4").unwrap();
        assert_eq!(joined(&twice, PROMPT), "From 1000 to 4 days.");
        let back = system().write(&system().write(&twice, nine, "9").unwrap(), thirty, "30").unwrap();
        assert_eq!(joined(&back, PROMPT), joined(&original, PROMPT));
        assert_eq!(joined(&back, "planner"), "Plan.");
        assert_eq!(system().write(&twice, "prompt:5..7", "1"), None);
    }

    #[test]
    fn a_template_is_filled_once() {
        let values = [("a", "{b}"), ("b", "x")];
        assert_eq!(filled("{a} {b} {c} {\"a\": {}}", &values), "{b} x {c} {\"a\": {}}");
    }

    #[test]
    fn lines_stand_after_their_offsets() {
        assert_eq!(numbered("é\n\nab\n"), "    0| é\n    3| \n    4| ab\n");
    }
}
