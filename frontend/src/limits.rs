//! How large may a policy be? The limits are constants of the language, each with its reason and its diagnostic.
//!
//! They bound the time and memory of compiling, and keep every index within 32 bits. None depends on the machine,
//! the stack or the build, so a policy that compiles in one place compiles everywhere. `spec/limits.md` is
//! generated from [`ALL`].

use crate::diagnostic::{Code, Diagnostic};
use crate::display::grouped;
use crate::text::ast::Span;

/// A limit of the language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// The name of its constant.
    pub name: &'static str,
    /// The largest number that is allowed.
    pub max: usize,
    /// What is counted.
    pub of: &'static str,
    /// Why there is a limit.
    pub reason: &'static str,
    /// The diagnostic beyond the limit; `None` if exceeding it is not an error.
    pub code: Option<Code>,
}

macro_rules! limits {
    ($($name:ident = $max:expr, $of:literal, $code:expr, $reason:literal;)*) => {
        $(#[doc = concat!("The most ", $of, ": ", $reason, ".")] pub const $name: usize = $max;)*

        /// Every limit.
        pub const ALL: &[Limit] = &[
            $(Limit { name: stringify!($name), max: $name, of: $of, reason: $reason, code: $code }),*
        ];
    };
}

limits! {
    SOURCE_BYTES_MAX = 16 << 20, "bytes in a source", Some(Code::SourceTooLong),
        "ten times the longest policy we can imagine";
    TOKENS_MAX = 1 << 20, "words, numbers and signs in a source", Some(Code::TooManyTokens),
        "tables at their own limits fit, and comments do not count";
    DEPTH_MAX = 256, "levels in an expression", Some(Code::NestedTooDeep),
        "chains of operators count too, so that passes over the tree may recurse";
    NAME_BYTES_MAX = 63, "letters in a name", Some(Code::NameTooLong),
        "names become column names in files and databases";
    TEXT_BYTES_MAX = 1_000, "bytes in a title, citation or other text", Some(Code::TextTooLong),
        "texts appear in every report";
    DIGITS_MAX = 30, "digits in a number", Some(Code::TooManyDigits),
        "scaled to a currency or a percentage, the number still fits 128 bits";
    SCALE_MAX = 12, "decimal places in `decimal(n)` and `percent(n)`", Some(Code::MalformedType),
        "the product of two such values fits 128 bits";
    RULES_MAX = 10_000, "rules, including `otherwise`", Some(Code::TooManyRules),
        "a trace lists them all";
    FIELDS_MAX = 1_000, "input fields, and the same number of outputs", Some(Code::TooManyFields),
        "they are the columns of one file";
    NAMES_MAX = 20_000, "enums, parameters, `let`s, tables, requires, cases and tests in total",
        Some(Code::TooManyNames), "each is checked in every version";
    ENUM_VALUES_MAX = 10_000, "values in an enum", Some(Code::TooManyEnumValues),
        "a value takes at most two bytes in a row";
    ROWS_MAX = 10_000, "rows in a table or grid", Some(Code::TooManyRows),
        "rows are compared with each other to find overlaps";
    CELLS_MAX = 200_000, "cells and values in all tables and grids", Some(Code::TooManyCells),
        "they are part of every artifact";
    VERSIONS_MAX = 100, "versions", Some(Code::TooManyVersions),
        "each is checked and compiled separately";
    ERRORS_MAX = 64, "errors shown in one run", Some(Code::TooManyErrors),
        "later errors often follow from earlier ones";
    SCALE_OF_PRODUCT_MAX = 36, "decimal places in a result; a product has as many as its factors together",
        Some(Code::TooManyDecimals), "the largest scale that leaves room for digits in 128 bits";
    TABLE_WORK_MAX = 10_000_000, "cell comparisons to check all tables of a policy",
        Some(Code::TableTooIntricate), "checking whether rows over many keys leave a gap can take very long";
    REACHABILITY_WORK_MAX = 10_000_000, "region comparisons to find the unreachable rules of a policy",
        None, "beyond it an unreachable rule may go unnoticed, but no rule is refused wrongly";
    GOAL_WORK_MAX = 3_000_000, "machine words of arithmetic in the search for one proof",
        None, "beyond it a range counts as not proved, on every machine alike";
    TOLD_WORK_MAX = 1_000_000, "machine words of arithmetic to find rules that nothing reaches, because of comparisons between values",
        None, "beyond it an unreachable rule may go unnoticed, but no rule is refused wrongly";
    SHOWN_WORK_MAX = 50_000, "machine words of arithmetic to find out what is proved where a range is not, for messages",
        None, "beyond it a message shows a wider range";
    NARROWING_WORK_MAX = 3_000_000, "machine words of arithmetic to find values that fit in fewer bits, when a policy is built",
        None, "beyond it values keep the types that their definitions show";
    PROOF_WORK_MAX = 30_000_000, "machine words of arithmetic in the search for proofs, shared by the versions of a policy",
        None, "beyond it further ranges count as not proved";
    LISTED_WORK_MAX = 1 << 24, "values computed for the outcomes of a version whose outputs list their values",
        None, "beyond it an outcome is not proved to be listed";
    EXPLANATION_WORK_MAX = 3_000_000,
        "expressions and table cells evaluated for a field in search of the nearest value that changes a decision",
        None, "beyond it an explanation says how many values it has tried";
    COUNTEREXAMPLE_WORK_MAX = 300_000, "expressions and table cells evaluated in search of counterexamples",
        None, "beyond it an error is shown without an input on which it occurs";
}

/// The diagnostic for exceeding the limit of `code`.
pub fn beyond(code: Code, span: Span) -> Diagnostic {
    let limit = ALL.iter().find(|limit| limit.code == Some(code)).expect("the code belongs to a limit");
    let message = format!("more than {} {}", grouped(&limit.max.to_string()), limit.of);
    Diagnostic::new(code, span, message).help(format!("this is a limit of the language: {}", limit.reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_a_limit_has_one() {
        for &code in Code::ALL.iter().filter(|code| code.is_limit()) {
            assert_eq!(beyond(code, Span::default()).code, code);
        }
    }
}
