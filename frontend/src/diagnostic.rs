//! What is reported about a policy, and where? Diagnostics are data; callers render them.
//!
//! A diagnostic has one primary place. Others that explain it (the first definition, the brace that was not closed)
//! are secondary. Messages are lower case, without a full stop, with the author's own words in backticks. Order and
//! duplicates are settled in one place, [`settle`], so that a run reports the same whatever the order of the passes.

pub use crate::codes::{Code, Severity};
use crate::display::grouped;
pub use crate::text::ast::Span;

/// Something to say about a policy.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// What kind of thing.
    pub code: Code,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, and a few words for that place (may be empty).
    pub primary: Label,
    /// Other places that explain it.
    pub secondary: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
    /// An input for which the policy fails: field and value, as they are written in a `case`.
    pub counterexample: Option<Vec<(String, String)>>,
    /// Edits that resolve it.
    pub fix: Option<Fix>,
}

/// A place and a few words about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The words; may be empty.
    pub text: String,
}

/// Edits of the source that resolve one error together. [`crate::compile`] offers only fixes that it has tried.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// The edits, in the order of the source; no two of them overlap.
    pub edits: Vec<Edit>,
    /// Whether it means what the author meant. `opus check --fix` applies only such fixes; the others are guesses.
    pub sure: bool,
}

/// One edit of the source.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edit {
    /// What is replaced; empty where something is inserted.
    pub span: Span,
    /// The new text.
    pub replacement: String,
}

impl Edit {
    /// An edit that replaces a place of the source.
    pub fn new(span: Span, replacement: impl Into<String>) -> Edit {
        Edit { span, replacement: replacement.into() }
    }
}

impl Fix {
    /// The source with the edits made.
    ///
    /// ```
    /// use opus_frontend::diagnostic::{Edit, Fix, Span};
    /// let fix = Fix { edits: vec![Edit::new(Span::new(2, 3), "=="), Edit::new(Span::new(5, 5), "0")], sure: true };
    /// assert_eq!(fix.apply("a = 1"), "a == 10");
    /// ```
    pub fn apply(&self, source: &str) -> String {
        let mut text = source.to_string();
        for edit in self.edits.iter().rev().filter(|edit| source.get(edit.span.range()).is_some()) {
            text.replace_range(edit.span.range(), &edit.replacement);
        }
        text
    }
}

impl Diagnostic {
    /// A diagnostic with a message and its place.
    ///
    /// ```
    /// use opus_frontend::diagnostic::{Code, Diagnostic, Span};
    /// let diagnostic = Diagnostic::new(Code::SingleEquals, Span::new(9, 10), "`=` does not compare")
    ///     .label("here")
    ///     .help("write `==`")
    ///     .fix(Span::new(9, 10), "==");
    /// assert_eq!(diagnostic.code.code(), "E0106");
    /// ```
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            message: message.into(),
            primary: Label { span, text: String::new() },
            secondary: vec![],
            help: None,
            counterexample: None,
            fix: None,
        }
    }

    /// With words for the primary place.
    pub fn label(mut self, text: impl Into<String>) -> Diagnostic {
        self.primary.text = text.into();
        self
    }

    /// With another place that explains it.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// With what to do about it.
    pub fn help(mut self, text: impl Into<String>) -> Diagnostic {
        self.help = Some(text.into());
        self
    }

    /// With an input for which the policy fails.
    pub fn counterexample(mut self, fields: Vec<(String, String)>) -> Diagnostic {
        self.counterexample = Some(fields);
        self
    }

    /// With an edit that resolves it, together with those added before.
    pub fn fix(self, span: Span, replacement: impl Into<String>) -> Diagnostic {
        self.edits([Edit::new(span, replacement)])
    }

    /// With edits that resolve it together.
    pub fn edits(mut self, edits: impl IntoIterator<Item = Edit>) -> Diagnostic {
        let fix = self.fix.get_or_insert_with(|| Fix { edits: vec![], sure: true });
        fix.edits.extend(edits);
        fix.edits.sort();
        fix.edits.dedup();
        self
    }

    /// The fix is a guess, which a person has to confirm.
    pub fn unsure(mut self) -> Diagnostic {
        if let Some(fix) = &mut self.fix {
            fix.sure = false;
        }
        self
    }

    /// Whether the policy does not compile because of it.
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// Whether a policy with these diagnostics does not compile.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(Diagnostic::is_error)
}

/// Puts diagnostics into the order in which they are shown, by place and then by code, each once.
pub fn settle(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by(|a, b| key(a).cmp(&key(b)));
    diagnostics.dedup_by(|a, b| key(a) == key(b));
}

fn key(diagnostic: &Diagnostic) -> (u32, Code, u32, &str) {
    let span = diagnostic.primary.span;
    (span.start, diagnostic.code, span.end, &diagnostic.message)
}

/// The word among `known` that the author may have meant by `word`: the nearest one, if it is near. At most one letter
/// in three differs, or one of the words begins with the other. Ties go to the first.
///
/// ```
/// use opus_frontend::diagnostic::nearest;
/// assert_eq!(nearest("decine", ["approve", "refer", "decline"]), Some("decline"));
/// assert_eq!(nearest("Zone", ["money", "date"]), None);
/// assert_eq!(nearest("parameter", ["param", "table"]), Some("param"));
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const PREFIX_MIN: usize = 3;
    let near = known.into_iter().filter_map(|candidate| {
        let (a, b) = (word.to_lowercase(), candidate.to_lowercase());
        let distance = edit_distance(&a, &b);
        let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
        let begins = short >= PREFIX_MIN && (a.starts_with(&b) || b.starts_with(&a));
        (distance <= long / 3 || begins).then_some((distance, candidate))
    });
    near.min_by_key(|&(distance, _)| distance).map(|(_, candidate)| candidate)
}

/// How many letters are inserted, dropped, replaced or swapped with a neighbour between two words.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [before, last, row] = &mut rows;
        row[0] = i;
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

/// `1 value`, `2 values`, `4_000 values`.
///
/// ```
/// use opus_frontend::diagnostic::counted;
/// assert_eq!([0, 1, 2].map(|count| counted(count, "row")), ["0 rows", "1 row", "2 rows"]);
/// ```
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(&count.to_string()))
}

/// `, in version 2` or `, in versions 2, 3`: after a message that holds in these versions only.
pub fn in_versions(numbers: &[u32]) -> String {
    let plural = if numbers.len() == 1 { "" } else { "s" };
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    format!(", in version{plural} {}", numbers.join(", "))
}

/// `a`, `a or b`, `a, b or c`: words for a person.
///
/// ```
/// use opus_frontend::diagnostic::one_of;
/// assert_eq!(one_of(&["`cent`", "`dollar`", "`integer`"]), "`cent`, `dollar` or `integer`");
/// ```
pub fn one_of<T: AsRef<str>>(words: &[T]) -> String {
    match words {
        [] => String::new(),
        [only] => only.as_ref().to_string(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: usize, code: Code, message: &str) -> Diagnostic {
        Diagnostic::new(code, Span::new(start, start + 1), message)
    }

    #[test]
    fn diagnostics_are_settled_by_place_then_code_each_once() {
        let (first, second) = (Code::UnexpectedToken, Code::SingleEquals);
        let mut diagnostics = vec![
            at(9, first, "b"),
            at(3, second, "a"),
            at(3, first, "a"),
            at(9, first, "b"),
            at(9, first, "a"),
        ];
        settle(&mut diagnostics);
        let order: Vec<_> =
            diagnostics.iter().map(|d| (d.primary.span.start, d.code, d.message.as_str())).collect();
        assert_eq!(order, [(3, first, "a"), (3, second, "a"), (9, first, "a"), (9, first, "b")]);
    }

    #[test]
    fn distance_counts_swaps_once() {
        let cases =
            [("", "", 0), ("a", "", 1), ("socre", "score", 1), ("kitten", "sitting", 3), ("ab", "ba", 1)];
        for (a, b, distance) in cases {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
        }
    }
}
