//! Does a test file agree with the implementation? Each policy is compiled, and each expectation is compared.

use std::ops::Range;

use opus_frontend::Compiled;
use opus_frontend::diagnostic::any_error;
use opus_ir::{Func, verify};

use crate::document::{self, Block, Case};
use crate::function;
use crate::stage;
use crate::table::Subject;

/// The result of checking a file.
#[derive(Default)]
pub struct Report {
    /// What differs from the file, with the line in the file.
    pub failures: Vec<(usize, String)>,
    /// The blocks that may be rewritten, with their new texts.
    pub rewritten: Vec<(Range<usize>, String)>,
    /// The number of expectations that were checked.
    pub expectations: usize,
}

/// Checks a test file.
///
/// ```
/// let policy = "policy p { input { n : int in 0..9 } output { high : bool }
///               rules first { rule A when n > 4 => true  otherwise B => false } }";
/// let file = format!("```opus\n{policy}\n```\n```run\nn => high\n4 => false\n5 => false\n```\n");
/// let report = opus_spec::case::check(&file);
/// assert!(report.failures.iter().all(|(line, _)| *line == 8), "{:?}", report.failures);
/// assert!(!report.failures.is_empty());
/// ```
pub fn check(file: &str) -> Report {
    let mut report = Report::default();
    let mut before = None;
    for case in document::cases(file) {
        match case.input.info.as_str() {
            "opus" => {
                policy(&case, before.as_deref(), &mut report);
                before = Some(case.input.text.clone());
            }
            _ => function(&case, &mut report),
        }
    }
    report
}

/// Checks a policy; `before` is the one before it in the file, with which it may be compared.
fn policy(case: &Case, before: Option<&str>, report: &mut Report) {
    let source = &case.input.text;
    let (compiled, diagnostics) = opus_frontend::compile(source);
    let told = stage::told(source, &diagnostics);
    match case.expected.iter().find(|block| block.info == "error") {
        Some(block) => report.stage(block, Ok(told)),
        None if diagnostics.is_empty() => {}
        None => report.fail(case.input.line, format!("the compiler says\n{told}")),
    }
    let subject = compiled.as_ref().map(|compiled| (compiled, Subject::new(compiled)));
    if let Some((compiled, Ok(subject))) = &subject {
        report.expectations += compiled.policy.tests.len();
        let failing = subject.failing_tests(compiled);
        failing.into_iter().for_each(|sentence| report.fail(case.input.line, sentence));
    }
    let is_checked_here = |block: &&Block| block.info != "error" && !OF_THE_COMMAND.contains(&&*block.info);
    for block in case.expected.iter().filter(is_checked_here) {
        match &subject {
            None => {
                let why = if any_error(&diagnostics) { "does not compile" } else { "gives no program" };
                report.fail(block.line, format!("the policy above {why}"));
            }
            Some((_, Err(error))) => report.fail(block.line, error.clone()),
            Some(_) if block.info.split(' ').next() == Some("diff") => {
                report.stage(block, stage::edits(&block.info, before, source));
            }
            Some((compiled, Ok(subject))) => expectation(block, source, compiled, subject, report),
        }
    }
}

/// Blocks about the command, which the tests of the command read: what is typed and printed, and files of rows.
const OF_THE_COMMAND: &[&str] = &["console", "csv"];

fn expectation(block: &Block, source: &str, compiled: &Compiled, subject: &Subject, report: &mut Report) {
    if block.info != "run" {
        return report.stage(block, stage::of_policy(&block.info, source, compiled));
    }
    report.expectations += block.text.lines().count().saturating_sub(1);
    for (line, sentence) in subject.differences(&block.text) {
        report.fail(block.line + 1 + line, sentence);
    }
}

fn function(case: &Case, report: &mut Report) {
    let func = case.input.text.parse::<Func>().map_err(|error| error.to_string());
    let verified = func.clone().and_then(|func| verify(func).map_err(|invalid| invalid.to_string()));
    let refusal = verified.err();
    match (case.expected.iter().find(|block| block.info == "error"), refusal) {
        (Some(block), refusal) => {
            report.stage(block, Ok(refusal.map_or_else(String::new, |told| told + "\n")));
        }
        (None, Some(refusal)) => report.fail(case.input.line, format!("the function is refused: {refusal}")),
        (None, None) => {}
    }
    for block in case.expected.iter().filter(|block| block.info != "error") {
        if block.info == "run" {
            function_table(block, &func, report);
            continue;
        }
        let found = func.clone().and_then(|func| stage::of_func(&block.info, func));
        report.stage(block, found);
    }
}

fn function_table(block: &Block, func: &Result<Func, String>, report: &mut Report) {
    report.expectations += block.text.lines().count().saturating_sub(1);
    match func.clone().and_then(|func| function::differences(&func, &block.text)) {
        Ok(wrong) => {
            wrong.into_iter().for_each(|(line, sentence)| report.fail(block.line + 1 + line, sentence))
        }
        Err(sentence) => report.fail(block.line, sentence),
    }
}

impl Report {
    fn fail(&mut self, line: usize, sentence: String) {
        self.failures.push((line, sentence));
    }

    /// Compares a block that may be rewritten.
    fn stage(&mut self, block: &Block, found: Result<String, String>) {
        self.expectations += 1;
        match found {
            Err(sentence) => self.fail(block.line, sentence),
            Ok(found) => {
                let found = if found.is_empty() || found.ends_with('\n') { found } else { found + "\n" };
                if found != block.text {
                    let sentence = format!("`{}` should say\n{found}and says\n{}", block.info, block.text);
                    self.fail(block.line, sentence);
                    self.rewritten.push((block.bytes.clone(), found));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "```opus\npolicy p {\n  input { n : int in 0..9 }\n  output { high : bool }\n  \
                          rules first { rule A when n > 4 => true  otherwise B => false }\n}\n```\n";

    #[test]
    fn a_table_that_is_wrong_fails_on_every_witness_at_its_line() {
        let report =
            check(&format!("{POLICY}\n```run\nn  => high | rule\n4  => false | B\n5  => true | B\n```\n"));
        assert_eq!(report.failures.len(), 8, "{:?}", report.failures);
        assert!(report.failures.iter().all(|(line, text)| *line == 12 && text.contains("\"rule\": \"A\"")));
        assert!(report.rewritten.is_empty(), "tables are never rewritten");
    }

    #[test]
    fn refusals_are_compared_too() {
        let table =
            "```run\nn  => high\n10 => refused n out-of-range\nx  => refused n wrong-type\n-  => true\n```\n";
        let report = check(&format!("{POLICY}{table}"));
        assert!(report.failures.iter().all(|(line, text)| *line == 12 && text.contains("n missing")));
        assert_eq!(report.failures.len(), 8, "{:?}", report.failures);
    }

    #[test]
    fn an_error_that_is_not_expected_fails_and_one_that_is_can_be_rewritten() {
        let policy = POLICY.replace("n > 4", "m > 4");
        assert_eq!(check(&policy).failures.len(), 1);
        let file = format!("{policy}```error\n```\n");
        let report = check(&file);
        assert_eq!(report.failures.len(), 1);
        let rewritten = document::replace(&file, &report.rewritten);
        assert!(rewritten.contains("4 E0201"), "{rewritten}");
        assert!(check(&rewritten).failures.is_empty());
    }
}
