//! What does a policy declare, as far as its words show, even if it cannot be parsed? Enough to write an example in
//! the author's own names.

use std::collections::BTreeSet;

use crate::text::ast::Span;
use crate::text::braces::Placed;
use crate::text::token::Token;

/// The declarations that can be seen in the words of a policy.
#[derive(Default)]
pub(super) struct Outline<'a> {
    /// Every word of the source that can be a name.
    pub names: BTreeSet<&'a str>,
    /// The enums with their values.
    pub enums: Vec<(&'a str, Vec<&'a str>)>,
    /// The inputs with their types.
    pub inputs: Vec<(&'a str, &'a str)>,
    /// The outputs with their types.
    pub outputs: Vec<(&'a str, &'a str)>,
    /// The ids that rules have.
    rules: BTreeSet<&'a str>,
    /// The ids of rules that tests expect.
    expected: BTreeSet<&'a str>,
}

impl<'a> Outline<'a> {
    /// Reads the declarations of a policy.
    pub fn of(words: &[Placed], source: &'a str) -> Outline<'a> {
        let text = |at: usize| words.get(at).map_or("", |word| Span::new(word.0, word.2).text(source));
        let token = |at: usize| words.get(at).map(|word| word.1);
        let mut outline = Outline::default();
        let mut block = None;
        for (at, &(_, word, _)) in words.iter().enumerate() {
            let next = token(at + 1);
            match word {
                Token::Input | Token::Output if next == Some(Token::BlockOpen) => block = Some(word),
                Token::BlockClose => block = None,
                Token::Rule | Token::Otherwise if next.is_some_and(Token::is_name) => {
                    let expected = at > 0 && matches!(words[at - 1].1, Token::Comma | Token::Expect);
                    let ids = if expected { &mut outline.expected } else { &mut outline.rules };
                    ids.insert(text(at + 1));
                }
                Token::Enum if next.is_some_and(Token::is_name) => {
                    let values = (at + 3..words.len())
                        .take_while(|&at| token(at) != Some(Token::BlockClose))
                        .filter(|&at| token(at).is_some_and(Token::is_name))
                        .map(text);
                    outline.enums.push((text(at + 1), values.collect()));
                }
                _ if word.is_name() => {
                    outline.names.insert(text(at));
                    let field = (text(at), text(at + 2));
                    match block {
                        Some(Token::Input) if next == Some(Token::Colon) => outline.inputs.push(field),
                        Some(Token::Output) if next == Some(Token::Colon) => outline.outputs.push(field),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        outline
    }

    /// An id for a rule that has none: the only one that tests expect and no rule has, or one that the policy does not
    /// use, such as `R7`.
    pub fn fresh_id(&self) -> String {
        let mut lost = self.expected.difference(&self.rules);
        if let (Some(id), None) = (lost.next(), lost.next()) {
            return (*id).to_string();
        }
        let ids = (1..).map(|number| format!("R{number}"));
        let mut free = ids.filter(|id| !self.names.contains(id.as_str()));
        free.next().expect("there are more numbers than names")
    }

    /// An id for a requirement that has none.
    pub fn fresh_requirement(&self) -> String {
        let ids = (1..).map(|number| format!("Q{number}"));
        let mut free = ids.filter(|id| !self.names.contains(id.as_str()));
        free.next().expect("there are more numbers than names")
    }

    /// Whether a word is an input, an output or the value of an enum.
    pub fn declares(&self, word: &str) -> bool {
        let field = self.inputs.iter().chain(&self.outputs).any(|field| field.0 == word);
        field || self.enums.iter().any(|known| known.1.contains(&word))
    }

    /// The values of the enum that is the type of an input.
    pub fn values_of_input(&self, input: &str) -> Option<&[&'a str]> {
        self.values_of(self.inputs.iter().find(|field| field.0 == input)?.1)
    }

    /// The values of an enum.
    pub fn values_of(&self, name: &str) -> Option<&[&'a str]> {
        self.enums.iter().find(|known| known.0 == name).map(|known| known.1.as_slice())
    }

    /// The output that has a value of this name.
    pub fn output_with(&self, value: &str) -> Option<&'a str> {
        let has =
            |field: &&(&str, &str)| self.values_of(field.1).is_some_and(|values| values.contains(&value));
        self.outputs.iter().find(has).map(|field| field.0)
    }

    /// The value of any enum that a text means: the same letters, but for case, spaces and hyphens.
    pub fn value_like(&self, text: &str) -> Option<&'a str> {
        let plain = |word: &str| word.to_lowercase().replace([' ', '-'], "_");
        let mut values = self.enums.iter().flat_map(|known| known.1.iter().copied());
        values.find(|value| plain(value) == plain(text))
    }
}
