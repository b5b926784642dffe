//! How much of everything may a policy have? Constants of the language, the same on every machine, so that
//! what compiles in one place compiles in all; each with its reason and the diagnostic that says so.
//!
//! They bound the time and the memory of compiling, and keep every index within 32 bits. None depends on the
//! stack, the machine or the build. The tables of them in the book are made from [`ALL`].

use crate::diagnostic::{Code, Diagnostic};
use crate::display::grouped;
use crate::text::ast::Span;

/// A limit of the language.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// The name of its constant.
    pub name: &'static str,
    /// The most that is allowed.
    pub max: usize,
    /// Of what.
    pub of: &'static str,
    /// Why so.
    pub reason: &'static str,
    /// What is said about more, `None` where more is no error.
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
    SOURCE_BYTES_MAX = 16 << 20, "bytes of a source", Some(Code::SourceTooLong),
        "ten times the longest policy imaginable, and soon read";
    TOKENS_MAX = 1 << 20, "words, numbers and signs of a source", Some(Code::TooManyTokens),
        "tables full to their limit fit; comments are free";
    DEPTH_MAX = 256, "levels of an expression", Some(Code::NestedTooDeep),
        "chains of operators count, so that passes over the tree may recurse";
    NAME_BYTES_MAX = 63, "letters of a name", Some(Code::NameTooLong),
        "names become columns of files and databases";
    TEXT_BYTES_MAX = 1_000, "bytes of a title, citation or other text", Some(Code::TextTooLong),
        "texts travel into every report";
    DIGITS_MAX = 30, "digits of a number", Some(Code::TooManyDigits),
        "scaled by a currency or a percent it stays within 128 bits";
    SCALE_MAX = 12, "digits after the point of `decimal(n)` and `percent(n)`", Some(Code::MalformedType),
        "products of two such values stay within 128 bits";
    RULES_MAX = 10_000, "rules, `otherwise` included", Some(Code::TooManyRules),
        "a trace lists them all";
    FIELDS_MAX = 1_000, "input fields, and as many outputs", Some(Code::TooManyFields),
        "they are columns of one file";
    NAMES_MAX = 20_000, "enums, parameters, `let`s, tables, requirements, cases and tests together",
        Some(Code::TooManyNames), "each is checked in each version";
    ENUM_VALUES_MAX = 10_000, "values of an enum", Some(Code::TooManyEnumValues),
        "a value takes two bytes of a row at most";
    ROWS_MAX = 10_000, "rows of a table or grid", Some(Code::TooManyRows),
        "rows are compared with each other to find overlaps";
    CELLS_MAX = 200_000, "cells and values of all tables and grids together", Some(Code::TooManyCells),
        "they are part of every artifact";
    VERSIONS_MAX = 100, "versions", Some(Code::TooManyVersions),
        "each is checked and compiled by itself";
    ERRORS_MAX = 64, "errors shown in one run", Some(Code::TooManyErrors),
        "the first ones are mended first";
    SCALE_OF_PRODUCT_MAX = 36, "decimals of a result, where products add up those of their factors",
        Some(Code::TooManyDecimals), "ten to this power is the largest that 128 bits hold with room for digits";
    TABLE_WORK_MAX = 10_000_000, "looks at cells that the check of all tables of a policy takes",
        Some(Code::TableTooIntricate), "whether rows over many keys cover everything can take very long";
    REACHABILITY_WORK_MAX = 10_000_000, "looks at boxes of inputs that the check for unreachable rules of a version takes",
        None, "beyond, an unreachable rule may pass unnoticed, and none is refused wrongly";
}

/// The diagnostic for what is beyond the limit that `code` belongs to.
pub fn beyond(code: Code, span: Span) -> Diagnostic {
    let limit = ALL.iter().find(|limit| limit.code == Some(code)).expect("the code belongs to a limit");
    let message = format!("more than {} {}", grouped(&limit.max.to_string()), limit.of);
    Diagnostic::new(code, span, message).help(format!("the limit is the same everywhere: {}", limit.reason))
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
