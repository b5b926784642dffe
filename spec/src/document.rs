//! What does a test file contain? Markdown in, blocks out, and back again for an expectation that was rewritten.
//!
//! A block marked `opus` or `ir` begins a case, but an `ir after NAME` never does. The blocks up to the next case
//! are expectations. Everything else is prose.

use std::ops::Range;

/// A fenced block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The text after the opening fence.
    pub info: String,
    /// The text between the fences, with the final line break.
    pub text: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
    /// The bytes of `text` in the file.
    pub bytes: Range<usize>,
}

/// A policy or a function of the IR, with its expectations.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The block that begins the case.
    pub input: Block,
    /// The blocks that follow.
    pub expected: Vec<Block>,
}

/// The fenced blocks of a file.
///
/// ```
/// let blocks = opus_spec::document::blocks("prose\n```opus\npolicy p {}\n```\n");
/// assert_eq!(blocks[0].info, "opus");
/// assert_eq!(blocks[0].text, "policy p {}\n");
/// ```
///
/// # Panics
/// If a fence is not closed: only the project's own files are read.
pub fn blocks(file: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, usize)> = None;
    let mut at = 0;
    for (index, line) in file.split_inclusive('\n').enumerate() {
        let fence = line.trim_end().strip_prefix("```");
        open = match (fence, open) {
            (Some(info), None) => Some((info.trim().to_owned(), index + 1, at + line.len())),
            (Some(""), Some((info, line, start))) => {
                found.push(Block { info, text: file[start..at].to_owned(), line, bytes: start..at });
                None
            }
            (_, open) => open,
        };
        at += line.len();
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    found
}

/// The cases of a file, in order. Blocks before the first case are ignored.
pub fn cases(file: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for block in blocks(file) {
        if matches!(block.info.as_str(), "opus" | "ir") && !follows_policy(&block, cases.last()) {
            cases.push(Case { input: block, expected: Vec::new() });
        } else if let Some(case) = cases.last_mut() {
            case.expected.push(block);
        }
    }
    cases
}

/// An `ir` block after a policy is an expectation.
fn follows_policy(block: &Block, case: Option<&Case>) -> bool {
    block.info == "ir" && case.is_some_and(|case| case.input.info == "opus")
}

/// The file with some of its blocks replaced. `texts` are in the order of the file.
pub fn replace(file: &str, texts: &[(Range<usize>, String)]) -> String {
    let mut out = String::new();
    let mut done = 0;
    for (bytes, text) in texts {
        out.push_str(&file[done..bytes.start]);
        out.push_str(text);
        done = bytes.end;
    }
    out + &file[done..]
}

/// The rows of a `run` block: the cells before and after the arrow, with the line in the block from 0. The first
/// row names the columns.
pub fn rows(text: &str) -> Vec<(usize, Vec<String>, Vec<String>)> {
    let cells = |side: &str| side.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let split = |(index, line): (usize, &str)| {
        let (given, expected) = line.split_once("=>").unwrap_or_else(|| panic!("no `=>` in `{line}`"));
        (index, cells(given), cells(expected))
    };
    filled.map(split).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# a\n```opus\np\n```\nprose\n```error\n1 E\n```\n```opus\nq\n```\n```run\na | b => c\n1 | 2 => 3\n```\n";

    #[test]
    fn a_case_is_an_input_and_what_follows_it() {
        let cases = cases(FILE);
        let infos = |case: &Case| case.expected.iter().map(|block| block.info.clone()).collect::<Vec<_>>();
        assert_eq!(cases.len(), 2);
        assert_eq!((infos(&cases[0]), infos(&cases[1])), (vec!["error".into()], vec!["run".into()]));
        assert_eq!(cases[0].expected[0].line, 6);
    }

    #[test]
    fn a_block_is_replaced_where_it_stands() {
        let cases = cases(FILE);
        let replaced = replace(FILE, &[(cases[0].expected[0].bytes.clone(), "2 F\n".to_owned())]);
        assert_eq!(replaced, FILE.replace("1 E", "2 F"));
    }

    #[test]
    fn rows_have_two_sides() {
        let rows = rows(&cases(FILE)[1].expected[0].text);
        assert_eq!(rows[1], (1, vec!["1".into(), "2".into()], vec!["3".into()]));
    }
}
