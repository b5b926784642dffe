//! What must hold for every source, however strange? Functions for fuzz targets and seeded tests.

use crate::diagnostic::any_error;
use crate::text::ast::Policy;
use crate::text::format::format;
use crate::text::parse::parse;

/// Reads bytes as a source. Whatever they are, the result is a tree or an error, and every span is within the source.
///
/// ```
/// opus_frontend::testing::read_any(b"policy p { \xff }").unwrap();
/// ```
pub fn read_any(bytes: &[u8]) -> Result<(), String> {
    let source = String::from_utf8_lossy(bytes);
    let (policy, diagnostics) = parse(&source);
    if policy.is_none() && !any_error(&diagnostics) {
        return Err("neither a tree nor an error".to_string());
    }
    for diagnostic in &diagnostics {
        let places = diagnostic.secondary.iter().map(|label| label.span);
        let fix = diagnostic.fix.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.span));
        for span in places.chain(fix).chain([diagnostic.primary.span]) {
            source.get(span.range()).ok_or_else(|| format!("{diagnostic:?} is not in the source"))?;
        }
    }
    Ok(())
}

/// Formats a source that can be read: formatting it again changes nothing, no comment is lost, and the tree is
/// the same. A source that cannot be read is left alone.
///
/// ```
/// opus_frontend::testing::format_keeps("policy p { let a=1 -- one\n }").unwrap();
/// ```
pub fn format_keeps(source: &str) -> Result<(), String> {
    let Ok(once) = format(source) else { return Ok(()) };
    let twice = format(&once).map_err(|said| format!("cannot be read any more: {said:?}\n{once}"))?;
    if once != twice {
        return Err(format!("formatted twice, it differs:\n{once}\n{twice}"));
    }
    let (before, after) = (parse(source).0, parse(&once).0);
    let (Some(before), Some(after)) = (before, after) else { return Err("there is no tree".to_string()) };
    if comments(source, &before) != comments(&once, &after) {
        return Err(format!("a comment was lost:\n{once}"));
    }
    if meaning(before) != meaning(after) {
        return Err(format!("the tree differs:\n{once}"));
    }
    Ok(())
}

/// The texts of all comments, in alphabetical order: formatting may move one out of the middle of something.
fn comments(source: &str, policy: &Policy) -> Vec<String> {
    let mut texts: Vec<String> = policy.comments.iter().map(|span| span.text(source).to_string()).collect();
    texts.sort();
    texts
}

/// A tree as text, without places and comments.
fn meaning(mut policy: Policy) -> String {
    policy.comments.clear();
    let text = format!("{policy:?}");
    let parts = text.split("Span { start: ").map(|part| part.split_once(" }").map_or(part, |(_, rest)| rest));
    // the part before the first place has none
    let first = text.split("Span { start: ").next().unwrap_or("");
    first.to_string() + &parts.skip(1).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::Code;
    use crate::text::format::format;

    fn policy_text(name: &str) -> String {
        let path = format!("{}/../spec/policies/{name}.opus", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    }

    fn policies() -> Vec<String> {
        ["credit", "insurance", "refund"].map(policy_text).to_vec()
    }

    /// splitmix64: the same inputs in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, n: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % n as u64) as usize
        }

        fn bytes(&mut self, n: usize) -> Vec<u8> {
            let mut bytes = b"policy p { ".to_vec();
            bytes.extend((0..self.below(n)).map(|_| self.below(256) as u8));
            bytes
        }

        /// A policy with words dropped, doubled and swapped.
        fn shuffled(&mut self, text: &str, edits: usize) -> String {
            let mut words: Vec<&str> = text.split_inclusive([' ', '(', ',', '\n', '.']).collect();
            for _ in 0..self.below(edits) + 1 {
                let (a, b) = (self.below(words.len()), self.below(words.len()));
                match self.below(3) {
                    0 => drop(words.remove(a)),
                    1 => words.insert(a, words[b]),
                    _ => words.swap(a, b),
                }
            }
            words.concat()
        }

        /// A policy with comments, line breaks and empty lines between its words, outside of its texts.
        fn spread(&mut self, text: &str) -> String {
            let mut out = String::new();
            for (i, line) in text.lines().enumerate() {
                let plain = !line.contains('"') && !line.contains("--");
                let words = if plain { line.split_inclusive(' ').collect() } else { vec![line] };
                for word in words {
                    out.push_str(word);
                    match self.below(12) {
                        0 => out.push_str(&format!(" -- {i}\n")),
                        1 => out.push_str("\n\n\n"),
                        _ => {}
                    }
                }
                out.push_str("\n  ");
            }
            out
        }
    }

    #[test]
    fn anything_can_be_read() {
        let corpus = policies();
        let mut random = Random(0x5eed);
        for round in 0..500 {
            let text = &corpus[round % corpus.len()];
            let bytes =
                if round % 3 == 0 { random.bytes(400) } else { random.shuffled(text, 60).into_bytes() };
            read_any(&bytes).unwrap_or_else(|wrong| panic!("{wrong}\n{}", String::from_utf8_lossy(&bytes)));
        }
    }

    #[test]
    fn formatting_keeps_everything() {
        let corpus = policies();
        let mut random = Random(7);
        for text in &corpus {
            format_keeps(text).unwrap();
        }
        let mut readable = 0;
        for round in 0..60 {
            let text = &corpus[round % corpus.len()];
            let source = if round % 2 == 0 { random.spread(text) } else { random.shuffled(text, 2) };
            readable += usize::from(format(&source).is_ok());
            format_keeps(&source).unwrap_or_else(|wrong| panic!("{wrong}\nof\n{source}"));
        }
        assert!(readable > 30, "{readable}");
        for example in Code::ALL.iter().flat_map(|code| code.examples()) {
            format_keeps(example).unwrap();
        }
    }

    #[test]
    fn depth_is_formatted_on_a_small_stack() {
        let nested = format!("policy p {{ let x = {}a{} }}", "max(1, ".repeat(100), ")".repeat(100));
        let chain = format!("policy p {{ let x = a{} }}", " or a".repeat(255));
        let keep = move || [nested, chain].iter().try_for_each(|source| format_keeps(source));
        let thread = std::thread::Builder::new().stack_size(128 << 10).spawn(keep).unwrap();
        thread.join().unwrap().unwrap();
    }

    #[test]
    fn the_three_policies_are_formatted_and_fit_their_lines() {
        for text in policies() {
            assert_eq!(format(&text).unwrap(), text);
            assert!(text.lines().all(|line| line.chars().count() <= 110));
        }
    }
}
