//! Is the book complete? The grammar page and the cheat sheet must name every word of the language, and no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use opus_frontend::ast::Function;
use opus_frontend::token::Token;
use opus_ir::{Fault, Rounding};
use opus_spec::document;

/// Names with a meaning to the compiler that are not tokens, functions or rounding modes.
const BUILT_IN: &[&str] =
    &["bool", "int", "decimal", "money", "percent", "date", "any", "cent", "dollar", "integer"];

#[test]
fn the_grammar_page_names_every_word_and_sign() {
    let page = read("grammar.md");
    let quoted = quoted(&page);
    for word in words() {
        assert!(quoted.contains(word), "spec/book/grammar.md lacks \"{word}\"");
    }
    // the page also describes what numbers, names and comments are made of
    let known: BTreeSet<&str> = words().chain(["%", "_", "--"]).collect();
    for word in &quoted {
        assert!(
            known.contains(word.as_str()),
            "spec/book/grammar.md names \"{word}\", which is not in the language"
        );
    }
}

#[test]
fn the_grammar_page_lists_the_reserved_words() {
    let page = read("grammar.md");
    let listed = |mark: &str| -> BTreeSet<String> {
        let (_, below) =
            page.split_once(mark).unwrap_or_else(|| panic!("spec/book/grammar.md lacks `{mark}`"));
        let block = document::blocks(below).into_iter().next().expect("a list follows");
        block.text.split_whitespace().map(str::to_owned).collect()
    };
    let texts = |tokens: &[Token]| -> BTreeSet<String> {
        tokens.iter().filter_map(|token| token.text()).map(str::to_owned).collect()
    };
    assert_eq!(listed("These words cannot be names:"), texts(Token::HARD));
    let mut soft = listed("These words have a meaning in one place");
    let (_, later) = page.split_once("The constructs that begin with").expect("reserved words are listed");
    let later = later.split('`').skip(1).step_by(2).map(str::to_owned);
    soft.extend(later);
    assert_eq!(soft, texts(Token::SOFT));
}

#[test]
fn the_cheat_sheet_names_every_word() {
    let page = read("cheat-sheet.md");
    let found: BTreeSet<&str> = page
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_alphabetic());
    for word in words().filter(is_word) {
        assert!(found.contains(word), "spec/book/cheat-sheet.md lacks `{word}`");
    }
}

#[test]
fn the_chapter_on_admission_lists_every_fault() {
    let page = read("10-admission.md");
    for fault in Fault::ALL {
        assert!(page.contains(&format!("| `{}` |", fault.code())), "no row for `{}`", fault.code());
    }
}

/// Every word and sign of the language, without the words that are reserved for later versions.
fn words() -> impl Iterator<Item = &'static str> {
    let later = ["exception", "list", "scorecard", "key", "def", "use", "property"];
    let tokens = [Token::HARD, Token::SOFT, Token::SIGNS].concat();
    let tokens = tokens.into_iter().filter_map(Token::text).filter(move |word| !later.contains(word));
    let functions = Function::ALL.into_iter().map(Function::name);
    let modes = Rounding::ALL.into_iter().map(Rounding::name);
    tokens.chain(functions).chain(modes).chain(BUILT_IN.iter().copied())
}

/// The texts in quotation marks in the grammar rules of a page.
fn quoted(page: &str) -> BTreeSet<String> {
    let blocks = document::blocks(page).into_iter().filter(|block| block.text.contains(" = "));
    let quoted = |line: &str| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    blocks.flat_map(|block| block.text.lines().flat_map(quoted).collect::<Vec<_>>()).collect()
}

fn read(page: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("book").join(page);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
