//! Which diagnostics are sure about a policy that could not be read completely?
//!
//! What was read is checked like any other policy. But a name that seems undefined may be defined in a part that could
//! not be read, and a table that seems to lack a row may have it there. A diagnostic that relies on something being
//! absent is dropped if it could have been lost. The table of codes says what each diagnostic needs ([`Needs`]).
//!
//! Whole lines are lost: an unexpected word leaves at most the beginning of its line.

use crate::codes::Needs;
use crate::diagnostic::{Diagnostic, Label};
use crate::text::ast::{Policy, Span};

/// Whether a diagnostic about the tree is sure, whatever is in the lines that are lost. About those themselves
/// enough has been reported.
pub fn is_sure(diagnostic: &Diagnostic, tree: &Policy, source: &str) -> bool {
    let place = diagnostic.primary.span;
    if tree.lost.is_empty() || tree.is_lost(place) || place.start == place.end {
        return tree.lost.is_empty();
    }
    let is_read = || {
        let said = words(place.text(source)).next();
        // a name may be lost in pieces: `max-ltv`
        let pieces = said.filter(|said| said.contains('_')).map(|said| said.replace('_', ""));
        // the number of a version may be what was not read of its declaration
        let is_number = said.is_some_and(|said| said.starts_with(|first: char| first.is_ascii_digit()));
        !tree.lost.iter().map(|lost| lost.text(source)).any(|lost| {
            let whole = || words(lost).collect::<String>().replace('_', "");
            words(lost).any(|word| Some(word) == said || (is_number && word == "version"))
                || pieces.as_ref().is_some_and(|said| whole().contains(said))
        })
    };
    let is_whole = |label: &Label| item_at(tree, label.span).is_none_or(|item| !tree.is_lost(item));
    match diagnostic.code.needs() {
        Needs::Nothing => true,
        Needs::Word => is_read(),
        Needs::Item => is_read() && is_whole(&diagnostic.primary),
        Needs::Others => is_read() && diagnostic.secondary.iter().all(is_whole),
        Needs::Items => tree.lost.iter().all(|lost| item_at(tree, *lost).is_some()),
        Needs::All => false,
    }
}

/// The lines of the source that these places touch.
pub fn lines_of(places: Vec<Span>, source: &str) -> Vec<Span> {
    let line_of = |place: Span| {
        let before = source.get(..place.start as usize).unwrap_or("");
        let after = source.get(place.end as usize..).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let end = after.find('\n').map_or(source.len(), |end| place.end as usize + end);
        Span::new(start, end)
    };
    places.into_iter().map(line_of).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

fn item_at(tree: &Policy, place: Span) -> Option<Span> {
    let mut items = tree.items.iter().map(|item| item.span());
    items.find(|item| item.meets(place))
}
