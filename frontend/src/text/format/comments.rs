//! Where does each comment go? After the same thing on its line as before, or else on a line of its own before what
//! follows it. A comment in the middle of something that is written as a whole goes before that.

use crate::text::ast::Span;

/// The comments that are still to be written.
pub struct Comments<'a> {
    source: &'a str,
    rest: &'a [Span],
}

impl<'a> Comments<'a> {
    /// All comments of a source, in order.
    pub fn new(source: &'a str, all: &'a [Span]) -> Comments<'a> {
        Comments { source, rest: all }
    }

    /// Takes the next comment that begins before a place.
    pub fn before(&mut self, place: u32) -> Option<Span> {
        let (&first, rest) = self.rest.split_first()?;
        (first.start < place).then(|| {
            self.rest = rest;
            first
        })
    }

    /// Whether a comment begins between two places.
    pub fn any_within(&self, span: Span) -> bool {
        self.rest.iter().take_while(|next| next.start < span.end).any(|next| next.start >= span.start)
    }

    /// Takes the comment after what ends at `end`, on the same line and before `limit`.
    pub fn behind(&mut self, end: u32, limit: u32) -> Option<Span> {
        let next = *self.rest.first()?;
        let between = Span { start: end, end: next.start };
        let same_line = next.start >= end && !between.text(self.source).contains('\n');
        if same_line { self.before(limit) } else { None }
    }
}
