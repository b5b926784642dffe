//! Where does output go? Results to standard output, everything else to standard error; for people or for
//! programs. And which options hold for every verb?

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use opus_data::error::in_words;
use opus_data::{Endpoint, Ignored, Unmatched};
use opus_frontend::diagnostic::{Diagnostic, any_error};
use serde_json::{Value, json};

use crate::args::{Color, Format, FromStore};
use crate::endpoints::writable;
use crate::failure::{Exit, Failure};
use crate::render;
use crate::summary::grouped;

/// What columns are called that the policy does not need.
pub const NOT_READ: &str = "columns that no field reads";

/// What columns are called that `--fill` names and the inputs have.
const NOT_FILLED: &str = "columns that the inputs have, so that --fill sets no value in them";

/// The most names shown to a person; programs get all of them.
const NAMES_MAX: usize = 20;

/// The output of the process, and the options for all verbs.
#[derive(Debug)]
pub struct Terminal {
    format: Format,
    from: FromStore,
    /// Whether anything asked for `--known-at`.
    is_time_used: AtomicBool,
    /// What was selected in a store: results name it.
    selected: Mutex<Vec<Value>>,
    /// Where results for programs go instead of standard output.
    captured: Option<Mutex<Option<Value>>>,
    styled: bool,
    /// Whether a person is reading standard error.
    interactive: bool,
}

impl Terminal {
    /// The terminal of this process.
    pub fn new(format: Format, color: Color) -> Terminal {
        let interactive = io::stderr().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let styled = match color {
            Color::Auto => interactive && !plain,
            Color::Always => true,
            Color::Never => false,
        };
        Terminal {
            format,
            from: FromStore::default(),
            is_time_used: AtomicBool::default(),
            selected: Mutex::default(),
            captured: None,
            styled,
            interactive,
        }
    }

    /// What a verb prints for programs, and whether it failed after that. Diagnostics are shown as always.
    ///
    /// # Errors
    /// If the verb has no result.
    pub fn capture(&self, run: impl FnOnce(&Terminal) -> Result<(), Failure>) -> Result<Value, Failure> {
        let quiet = Terminal {
            format: Format::Json,
            from: self.from.clone(),
            is_time_used: AtomicBool::default(),
            selected: Mutex::default(),
            captured: Some(Mutex::default()),
            styled: self.styled,
            interactive: self.interactive,
        };
        let ended = run(&quiet);
        if quiet.is_time_used.load(Ordering::Relaxed) {
            self.is_time_used.store(true, Ordering::Relaxed);
        }
        quiet.all_selected().into_iter().for_each(|selected| self.selected(selected));
        let value = quiet.captured.and_then(|value| value.into_inner().ok().flatten());
        match (value, ended) {
            (Some(value), _) => Ok(value),
            (None, Err(failure)) => Err(failure),
            (None, Ok(())) => Err(Failure::io("there is no result")),
        }
    }

    /// With the options that say what names of a store stand for.
    pub fn with(self, from: FromStore) -> Terminal {
        Terminal { from, ..self }
    }

    /// The options that say what names of a store stand for; `known_at` is asked for by [`Terminal::known_at`].
    pub fn from(&self) -> &FromStore {
        &self.from
    }

    /// Keeps what was selected in a store, so that results name it.
    pub fn selected(&self, selected: Value) {
        self.selected.lock().expect("no thread panics with the lock").push(selected);
    }

    /// What was selected in a store so far.
    pub fn all_selected(&self) -> Vec<Value> {
        self.selected.lock().expect("no thread panics with the lock").clone()
    }

    /// The document, and what was selected for it.
    pub fn with_selected(&self, value: &Value) -> Value {
        let (mut value, selected) = (value.clone(), self.all_selected());
        if let Value::Object(members) = &mut value
            && !selected.is_empty()
        {
            members.insert("selected".to_owned(), Value::Array(selected));
        }
        value
    }

    /// The time of `--known-at`, for something that depends on it.
    pub fn known_at(&self) -> Option<&str> {
        self.is_time_used.store(true, Ordering::Relaxed);
        self.from.known_at.as_deref()
    }

    /// Notes that nothing depended on `--known-at`, because files were named.
    pub fn note_unused(&self) {
        if self.from.known_at.is_some() && !self.is_time_used.load(Ordering::Relaxed) {
            self.note("--known-at had no effect: it selects names of a store, and none was given");
        }
    }

    /// Whether colours are used.
    pub fn is_styled(&self) -> bool {
        self.styled
    }

    /// Whether results are for programs.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether results are for documents.
    pub fn is_markdown(&self) -> bool {
        self.format == Format::Markdown
    }

    /// Whether a person is reading standard error, so that progress may be shown.
    pub fn is_interactive(&self) -> bool {
        self.interactive && !self.is_json()
    }

    /// Prints a result.
    ///
    /// # Errors
    /// If standard output cannot be written. A reader that closes it early is not an error.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        writable(&Endpoint::Standard)?;
        let mut out = io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::io(format!("standard output cannot be written: {}", in_words(&error))))
            }
            _ => Ok(()),
        }
    }

    /// Prints a result for programs.
    ///
    /// # Errors
    /// As [`Terminal::print`].
    pub fn print_json(&self, value: &Value) -> Result<(), Failure> {
        if let Some(captured) = &self.captured {
            *captured.lock().expect("no thread panics with the lock") = Some(value.clone());
            return Ok(());
        }
        self.print(&format!("{:#}\n", self.with_selected(value)))
    }

    /// Prints a result for people or for programs; on standard error if standard output holds rows or bytes.
    ///
    /// # Errors
    /// As [`Terminal::print`].
    pub fn report(&self, human: &str, json: &Value, is_output_taken: bool) -> Result<(), Failure> {
        if self.captured.is_some() {
            return self.print_json(json);
        }
        let text = if self.is_json() { format!("{:#}", self.with_selected(json)) } else { human.to_owned() };
        if is_output_taken {
            self.say(&text);
            return Ok(());
        }
        self.print(&format!("{text}\n"))
    }

    /// Prints a note for people; nothing if results are for programs.
    pub fn note(&self, text: &str) {
        if !self.is_json() {
            self.say(text);
        }
    }

    /// Prints a note with a list of names, shortened if there are many; nothing if there are none.
    pub fn note_names(&self, what: &str, names: &BTreeSet<String>) {
        self.note_list(what, names.iter().map(|name| format!("`{}`", printable(name))));
    }

    /// Prints a note with the columns that no field reads, and the files that hold them if there are several inputs.
    pub fn note_ignored(&self, ignored: &Ignored, names_files: bool) {
        self.note_columns(NOT_READ, ignored, names_files);
    }

    /// Prints a note with the columns that `--fill` names although inputs have them.
    pub fn note_not_filled(&self, not_filled: &Ignored, names_files: bool) {
        self.note_columns(NOT_FILLED, not_filled, names_files);
    }

    /// Prints a note for each name that looks like that of a field which the same objects lack, and one with the fields
    /// that no object of a file names.
    pub fn note_unmatched(&self, unmatched: &Unmatched) {
        for ((name, column), rows) in &unmatched.misspelled {
            let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{} rows", grouped(*rows)) };
            self.note(&format!(
                "`{}` (in {rows}) is read by no field; did you mean `{column}`?",
                printable(name)
            ));
        }
        let told = unmatched.unnamed.iter().map(|(column, files)| {
            let first = files.first().map_or("", |file| &**file);
            format!("`{column}` in {}{}", printable(first), and_more_files(files.len() - 1))
        });
        self.note_list("optional fields that are missing in every row, because no object names them", told);
    }

    fn note_columns(&self, what: &str, columns: &Ignored, names_files: bool) {
        let told = columns.names().map(|name| {
            let mut files = columns.files(name);
            let first = files.next().filter(|_| names_files).map(printable);
            let place = first
                .map_or_else(String::new, |first| format!(" in {first}{}", and_more_files(files.count())));
            format!("`{}`{place}", printable(name))
        });
        self.note_list(what, told);
    }

    fn note_list(&self, what: &str, names: impl ExactSizeIterator<Item = String>) {
        let more = match names.len().saturating_sub(NAMES_MAX) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let told: Vec<String> = names.take(NAMES_MAX).collect();
        if !told.is_empty() {
            self.note(&format!("{what}: {}{more}", told.join(", ")));
        }
    }

    /// Shows diagnostics to a person, and their number.
    pub fn diagnostics(&self, path: &str, source: &str, diagnostics: &[Diagnostic]) {
        if self.is_json() || diagnostics.is_empty() {
            return;
        }
        for diagnostic in diagnostics {
            self.say(&format!("{}\n", render::human(path, source, diagnostic, self.styled)));
        }
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        let counts = [counted(errors, "error"), counted(diagnostics.len() - errors, "warning")];
        let counts: Vec<String> = counts.into_iter().flatten().collect();
        let first = diagnostics.iter().find(|diagnostic| diagnostic.is_error()).unwrap_or(&diagnostics[0]);
        let refused = if any_error(diagnostics) { ": it does not compile" } else { "" };
        let explained = first.code.code();
        let counts = counts.join(" and ");
        self.say(&format!("{path}: {counts}{refused}; `opus explain-code {explained}` explains the first"));
    }

    /// Notes that a policy has warnings, which `opus check` shows.
    pub fn note_warnings(&self, path: &str, _source: &str, warnings: &[Diagnostic]) {
        if let Some(count) = counted(warnings.len(), "warning") {
            let them = if warnings.len() == 1 { "it" } else { "them" };
            self.note(&format!("{path}: {count}; `opus check` shows {them}"));
        }
    }

    /// Reports why a command failed.
    pub fn failure(&self, failure: &Failure) {
        if failure.message.is_empty() {
            return;
        }
        if self.is_json() {
            let error = json!({ "error": failure.message, "help": failure.help, "exit": failure.exit as u8 });
            self.say(&format!("{error:#}"));
        } else {
            let word = if self.styled { "\x1b[1;31merror\x1b[0m\x1b[1m:\x1b[0m" } else { "error:" };
            self.say(&format!("{word} {}", printable(&failure.to_string())));
        }
    }

    /// Reports to a program why a policy does not compile. A person has already seen the diagnostics.
    pub fn not_compiled(&self, path: &str, source: &str, diagnostics: &[Diagnostic]) -> Failure {
        if self.is_json() {
            let shown: Vec<Value> =
                diagnostics.iter().map(|diagnostic| render::json(source, diagnostic)).collect();
            let error = format!("`{path}` does not compile");
            let error = json!({ "error": error, "exit": Exit::Policy as u8, "diagnostics": shown });
            self.say(&format!("{error:#}"));
        }
        Failure::said(Exit::Policy)
    }

    /// Writes to standard error. If it is closed, the text is dropped.
    pub fn say(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// A text that may come from a file, with control characters replaced by visible signs.
pub fn printable(text: &str) -> String {
    let sign = |c: char| match c {
        '\n' => c,
        '\x7F' => '\u{2421}',
        c if c < ' ' => char::from_u32(0x2400 + c as u32).unwrap_or(c),
        c if c.is_control() => '\u{FFFD}',
        c => c,
    };
    text.chars().map(sign).collect()
}

/// What is said of the other files after the first.
fn and_more_files(more: usize) -> String {
    match more {
        0 => String::new(),
        1 => " and another file".to_owned(),
        more => format!(" and {more} more files"),
    }
}

/// `3 errors`, `1 error`, or nothing for none.
fn counted(count: usize, noun: &str) -> Option<String> {
    match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_files_say_does_not_reach_the_screen_as_commands() {
        assert_eq!(
            printable("x.csv: no `\x1b[2Ja\r`\n  help: \u{9b}ö"),
            "x.csv: no `␛[2Ja␍`\n  help: \u{FFFD}ö"
        );
    }
}
