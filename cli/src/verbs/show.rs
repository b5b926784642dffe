//! `opus show`: what does a name or a hash stand for, and who published it?

use opus_ir::{Program, Verified, date};
use opus_runtime::{Artifact, Cache, Hash};
use opus_store::{Entry, Kind, Name, Selected, Standing, Store};
use serde_json::{Value, json};

use super::inspect;
use crate::args::Show;
use crate::failure::{Exit, Failure};
use crate::stored::{self, entry_json};
use crate::terminal::Terminal;

pub fn run(args: &Show, terminal: &Terminal) -> Result<(), Failure> {
    let store = stored::store(terminal)?;
    let (text, number) = match args.what.rsplit_once('@') {
        Some((text, number)) => (text, Some(version_number(number)?)),
        None => (args.what.as_str(), None),
    };
    let found = match text.parse::<Hash>() {
        Ok(hash) => Found::of_hash(&store, hash, terminal)?,
        Err(_) => {
            let name: Name = text.parse().map_err(|error| Failure::usage(format!("{error}")))?;
            Found::of_name(stored::select(&store, &name, terminal)?)
        }
    };
    let bytes = store.object(found.kind, found.object)?;
    let chosen = Chosen { number, day: args.as_of.as_deref().map(day).transpose()? };
    let (shown, content) = match found.kind {
        Kind::Artifact => artifact(&bytes, &args.what, &chosen)?,
        Kind::Record => {
            chosen.none(&args.what)?;
            let text = String::from_utf8(bytes).expect("a manifest is a text");
            let value = serde_json::from_str(&text).expect("a manifest is JSON");
            (format!("\n{}", text.trim_end()), value)
        }
    };
    let mut json = found.json;
    json[found.kind.name()] = content;
    terminal.report((found.human.join("\n") + "\n" + &shown).trim_end(), &json, false)
}

/// An object, and what the ledger says of it.
struct Found {
    kind: Kind,
    object: Hash,
    human: Vec<String>,
    json: Value,
}

impl Found {
    /// What a name stands for.
    fn of_name(selected: Selected) -> Found {
        let Selected { entry, standing, pending } = &selected;
        let mut human = lines(entry);
        human.push(format!("signatures     {}", signatures(entry, standing)));
        human.extend(pending.iter().map(|pending| format!("pending        {pending}")));
        Found { kind: entry.kind, object: entry.object, human, json: stored::json(&selected) }
    }

    /// What a hash stands for, with every entry that published it.
    fn of_hash(store: &Store, hash: Hash, terminal: &Terminal) -> Result<Found, Failure> {
        let mut entries = store.entries()?;
        entries.retain(|entry| entry.object == hash);
        if let Some(time) = stored::known_at(terminal)? {
            entries.retain(|entry| entry.time <= time);
        }
        let Some(first) = entries.first() else {
            return Err(Failure::io(format!("no entry of the store names the object {hash}"))
                .help("`opus log` lists what has been published"));
        };
        let mut human: Vec<String> = entries.iter().flat_map(lines).collect();
        human.push("signatures     not checked: a hash is shown whoever signed it".to_owned());
        let json = json!({
            "kind": first.kind.name(),
            "object": hash.to_string(),
            "entries": entries.iter().map(entry_json).collect::<Vec<_>>(),
        });
        Ok(Found { kind: first.kind, object: hash, human, json })
    }
}

/// What an entry says.
fn lines(entry: &Entry) -> Vec<String> {
    let by = entry.publisher.as_ref().map(|by| format!(", by {by} as they say")).unwrap_or_default();
    vec![
        format!("name           {}", entry.name),
        format!("{:<13}  {}", entry.kind.name(), entry.object),
        format!("published      by entry {}, {}{by}", entry.number, stored::time(entry)),
        format!("replaces       {}", entry.replaces.map_or("nothing".to_owned(), |hash| hash.to_string())),
    ]
}

fn signatures(entry: &Entry, standing: &Standing) -> String {
    match (standing, entry.signatures.len()) {
        (Standing::NotChecked, 0) => "not checked; the entry has none".to_owned(),
        (Standing::NotChecked, count) => format!("not checked; the entry has {count}"),
        (signed, _) => signed.to_string(),
    }
}

/// Which version of a policy is to be shown.
struct Chosen {
    number: Option<u32>,
    /// The number of a day, and how it was written.
    day: Option<(i32, String)>,
}

impl Chosen {
    /// That no version was chosen.
    fn none(&self, what: &str) -> Result<(), Failure> {
        match self.number.is_some() || self.day.is_some() {
            true => Err(Failure::usage(format!("`{what}` is not a policy, so it has no versions"))),
            false => Ok(()),
        }
    }

    /// The position of the version in the program, if one was chosen.
    fn version(&self, what: &str, program: &Program<Verified>) -> Result<Option<usize>, Failure> {
        let of_number = self.number.map(|number| {
            let known: Vec<String> =
                program.versions.iter().map(|version| version.number.to_string()).collect();
            let found = program.versions.iter().position(|version| version.number == number);
            let missing = || Failure::usage(format!("`{what}`: there is no version {number}"));
            found.ok_or_else(|| missing().help(format!("its versions are {}", known.join(", "))))
        });
        let of_day = self.day.as_ref().map(|(day, text)| {
            if program.schema.effective.is_none() {
                return Err(Failure::usage(format!(
                    "`{what}` has no effective date: it is in force on every day"
                )));
            }
            let found =
                program.versions.iter().position(|version| (version.from..version.until).contains(day));
            let first = date::civil(program.versions[0].from as i128);
            found.ok_or_else(|| {
                Failure::usage(format!("no version is in force on {text}: the first begins on {first}"))
            })
        });
        match (of_number.transpose()?, of_day.transpose()?) {
            (Some(number), Some(day)) if number != day => {
                let (number, day) = (program.versions[number].number, program.versions[day].number);
                Err(Failure::usage(format!(
                    "version {number} is not in force on that day, but version {day} is"
                )))
            }
            (number, day) => Ok(number.or(day)),
        }
    }
}

fn artifact(bytes: &[u8], what: &str, chosen: &Chosen) -> Result<(String, Value), Failure> {
    let artifact = Artifact::from_bytes_with(bytes, &Cache::OfEnvironment)
        .map_err(|error| Failure::new(Exit::Artifact, format!("`{what}`: {error}")))?;
    let program = artifact.verified_program();
    let version = chosen.version(what, program)?;
    let mut human = format!("policy         {}\nmeaning hash   {}\n", program.name, artifact.meaning_hash());
    let mut json = inspect::as_json(&artifact, &inspect::Bound::default());
    match version {
        None => human += &inspect::time_line(program),
        Some(at) => {
            let version = &program.versions[at];
            let number = version.number;
            let dates = match program.schema.effective {
                None => "always in force".to_owned(),
                Some(_) if version.until == i32::MAX => {
                    format!("in force from {}", date::civil(version.from as i128))
                }
                Some(_) => {
                    let (from, until) = (version.from, version.until - 1);
                    format!("in force from {} to {}", date::civil(from as i128), date::civil(until as i128))
                }
            };
            let cite = version.cite.as_ref().map(|cite| format!("  ({cite})")).unwrap_or_default();
            human += &format!("version        {number}, {dates}{cite}\n");
            human += &inspect::rules(program, Some(number));
            json["version"] = json!(number);
        }
    }
    Ok((human, json))
}

fn version_number(text: &str) -> Result<u32, Failure> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|_| is_number);
    number.ok_or_else(|| {
        Failure::usage(format!("`@{text}` is not a version: it is `@` and a number, as in `credit@2`"))
    })
}

/// The number of a day.
fn day(text: &str) -> Result<(i32, String), Failure> {
    let day = date::parse(text)
        .ok_or_else(|| Failure::usage(format!("--as-of: `{text}` is not a day such as 2025-02-01")))?;
    Ok((day, text.to_owned()))
}
