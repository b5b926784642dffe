//! Which diagnostics are there? One table: a row is the name in Rust, the stable code, the severity, the name for people,
//! the title of its page, and what must have been read before it is sure.
//!
//! Codes are grouped by phase, with room: `E00` words of the language and limits, `E01` sentences, `E02` names, `E03` types
//! and units, `E04` ranges and overflow, `E05` tables, `E06` rules and reachability, `E07` time, `E08` cases and tests,
//! `W09` warnings. A code is never reused for something else.
//!
//! Each row has a page, `codes/CODE.md`, that `opus explain-code` prints; a row without one does not compile. A page begins
//! with the heading `# CODE: title` and explains the diagnostic. It shows a policy that is refused (the first `opus` block)
//! under `## Example`. Under `## What to do` it says how to correct it, with the corrected policy (the second `opus` block)
//! if that helps. Tests check the blocks.

/// How bad is it?
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// The policy does not compile.
    Error,
    /// The policy compiles.
    Warning,
}

impl Severity {
    /// The word for people and for JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// What has to have been read before something can be said: what is absent from a tree may be where the source
/// could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Only what it is about.
    Nothing,
    /// Every place where the word occurs that it is about.
    Word,
    /// That, and all of the item that contains it.
    Item,
    /// That word, and all of the items that it refers to.
    Others,
    /// Every item, if not all of each.
    Items,
    /// Everything.
    All,
}

macro_rules! diagnostics {
    (@needs) => { Needs::Nothing };
    (@needs $needs:ident) => { Needs::$needs };
    ($($variant:ident $code:literal $severity:ident $name:literal $title:literal $(needs $needs:ident)?;)*) => {
        /// What kind of thing a diagnostic says. The order is that of the codes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $(#[doc = concat!($code, ": ", $title, ".")] $variant,)*
        }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$variant),*];

            /// The stable code: `E0106`.
            pub const fn code(self) -> &'static str {
                match self { $(Code::$variant => $code,)* }
            }

            /// The name for people: `single-equals`.
            pub const fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)* }
            }

            /// What must have been read before it is sure.
            pub const fn needs(self) -> Needs {
                match self { $(Code::$variant => diagnostics!(@needs $($needs)?),)* }
            }

            /// A few words on what it is about.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)* }
            }

            /// The page about it, in Markdown.
            pub const fn page(self) -> &'static str {
                match self { $(Code::$variant => include_str!(concat!("codes/", $code, ".md")),)* }
            }
        }
    };
}

diagnostics! {
    // words of the language
    StrayCharacter        "E0001" Error "stray-character"        "a character that has no meaning here";
    UnterminatedText      "E0002" Error "unterminated-text"      "a text that is not closed";
    MalformedNumber       "E0003" Error "malformed-number"       "a malformed number";
    MalformedDate         "E0004" Error "malformed-date"         "a malformed date";
    UnknownEscape         "E0005" Error "unknown-escape"         "a backslash without a meaning";
    ForbiddenCharacter    "E0006" Error "forbidden-character"    "an invisible character";
    ForeignComment        "E0007" Error "foreign-comment"        "a comment of another language";
    ForeignOperator       "E0008" Error "foreign-operator"       "an operator of another language";

    // limits
    SourceTooLong         "E0020" Error "source-too-long"        "a source that is too long";
    TooManyTokens         "E0021" Error "too-many-tokens"        "a source with too many words";
    NestedTooDeep         "E0022" Error "nested-too-deep"        "an expression that is nested too deeply";
    NameTooLong           "E0023" Error "name-too-long"          "a name that is too long";
    TextTooLong           "E0024" Error "text-too-long"          "a text that is too long";
    TooManyDigits         "E0025" Error "too-many-digits"        "a number with too many digits";
    TooManyRules          "E0026" Error "too-many-rules"         "too many rules";
    TooManyFields         "E0027" Error "too-many-fields"        "too many fields";
    TooManyNames          "E0028" Error "too-many-names"         "too many definitions";
    TooManyEnumValues     "E0029" Error "too-many-enum-values"   "an enum with too many values";
    TooManyRows           "E0030" Error "too-many-rows"          "a table with too many rows";
    TooManyCells          "E0031" Error "too-many-cells"         "tables with too many cells";
    TooManyVersions       "E0032" Error "too-many-versions"      "too many versions";
    TooManyErrors         "E0033" Error "too-many-errors"        "too many errors to show";

    // sentences
    UnexpectedToken       "E0101" Error "unexpected-token"       "a word that does not belong here";
    UnclosedBrace         "E0102" Error "unclosed-brace"         "a brace that is not closed";
    UnopenedBrace         "E0103" Error "unopened-brace"         "a closing brace without an opening one";
    ReservedWord          "E0104" Error "reserved-word"          "a reserved word used as a name";
    ReservedForLater      "E0105" Error "reserved-for-later"     "a construct that is reserved for a later version";
    SingleEquals          "E0106" Error "single-equals"          "a comparison with one `=`";
    MissingArrow          "E0107" Error "missing-arrow"          "a rule or row without `=>`";
    MissingSemicolon      "E0108" Error "missing-semicolon"      "a row without `;` at its end";
    ChainedComparison     "E0109" Error "chained-comparison"     "a comparison of a comparison";
    UnknownFunction       "E0110" Error "unknown-function"       "an unknown function";
    WrongArgumentCount    "E0111" Error "wrong-argument-count"   "the wrong number of arguments";
    UnknownRounding       "E0112" Error "unknown-rounding"       "an unknown rounding mode or unit";
    MalformedType         "E0113" Error "malformed-type"         "a malformed type";
    RepeatedClause        "E0114" Error "repeated-clause"        "a clause that is given twice";
    MisplacedClause       "E0115" Error "misplaced-clause"       "a clause that does not belong here";
    MisplacedOtherwise    "E0116" Error "misplaced-otherwise"    "rules without one `otherwise` at their end";
    MixedOutcomes         "E0117" Error "mixed-outcomes"         "outcomes of which only some have names";
    NothingListed         "E0118" Error "nothing-listed"         "empty braces";

    // names
    UnknownName           "E0201" Error   "unknown-name"           "a name that is not defined" needs Word;
    DuplicateName         "E0202" Error   "duplicate-name"         "a name that is defined twice";
    EnumValueClash        "E0203" Error   "enum-value-clash"       "an enum value with the name of something else";
    UnclearEnumValue      "E0204" Error   "unclear-enum-value"     "an enum value of an unclear enum" needs Word;
    UnknownType           "E0205" Error   "unknown-type"           "an unknown type" needs Word;
    UnknownEnumValue      "E0206" Error   "unknown-enum-value"     "an unknown enum value" needs Others;
    UsedBeforeLet         "E0207" Error   "used-before-let"        "a name used before its `let`";
    CircularDefinition    "E0208" Error   "circular-definition"    "definitions that depend on themselves";
    MissingItem           "E0209" Error   "missing-item"           "a policy without a required item" needs Items;
    RepeatedItem          "E0210" Error   "repeated-item"          "an item that may appear only once";
    UnknownCurrency       "E0211" Error   "unknown-currency"       "an unknown currency";

    // types and units
    UnitMismatch          "E0301" Error   "unit-mismatch"          "units that do not match";
    WrongType             "E0302" Error   "wrong-type"             "a value of the wrong type";
    LossyScale            "E0303" Error   "lossy-scale"            "more decimal places than the type has";
    BareNumber            "E0304" Error   "bare-number"            "a number without its unit";
    WrongCurrency         "E0305" Error   "wrong-currency"         "an amount in another currency";
    MissingCurrency       "E0306" Error   "missing-currency"       "money in a policy without a currency" needs Items;
    QuotientStored        "E0307" Error   "quotient-stored"        "an exact quotient where a rounded value is needed";
    NeverMissing          "E0308" Error   "never-missing"          "a condition about something that is never missing" needs Word;
    OptionalNotNarrowed   "E0309" Error   "optional-not-narrowed"  "an optional input used where it may be missing" needs Item;
    NotConstant           "E0310" Error   "not-constant"           "a calculation where a literal is needed";
    TooManyDecimals       "E0311" Error   "too-many-decimals"      "a result with too many decimal places";
    MisplacedMonths       "E0312" Error   "misplaced-months"       "months or years without a date";
    MissingMonthEnd       "E0313" Error   "missing-month-end"      "months in a policy that does not say how months end" needs Items;
    RoundingUnit          "E0314" Error   "rounding-unit"          "a rounding unit that does not match the value";
    WholeNumberNeeded     "E0315" Error   "whole-number-needed"    "decimal places where a whole number is needed";
    NoDirection           "E0316" Error   "no-direction"           "a direction for values without an order";
    AdverseNotEnum        "E0317" Error   "adverse-not-enum"       "adverse values of an output that is not an enum";

    // ranges and overflow
    EmptyRange            "E0401" Error   "empty-range"            "an empty range";
    MissingRange          "E0402" Error   "missing-range"          "an input or output without a range";
    ConstantOutOfRange    "E0403" Error   "constant-out-of-range"  "a constant outside its declared range";
    NoRange               "E0404" Error   "no-range"               "a range of values without an order";
    NumberTooLarge        "E0405" Error   "number-too-large"       "a number that is too large";
    ZeroDivisor           "E0410" Error   "zero-divisor"           "a divisor that could be zero";
    Overflow              "E0411" Error   "overflow"               "a value that could exceed 128 bits";
    OutputOutOfRange      "E0412" Error   "output-out-of-range"    "an outcome that could be outside its output's range";
    OutputNotListed       "E0413" Error   "output-not-listed"      "an outcome that its output may not list";
    OutsideCalendar       "E0414" Error   "outside-calendar"       "a date that could be outside the calendar";
    KeyOutOfRange         "E0415" Error   "key-out-of-range"       "a key that could have no row";
    SwappedDates          "E0416" Error "swapped-dates"          "two dates that are swapped";

    // tables
    TableGap              "E0501" Error   "table-gap"              "a table or grid with a gap" needs Item;
    TableOverlap          "E0502" Error   "table-overlap"          "two rows that overlap";
    DeadRow               "E0503" Error   "dead-row"               "a row that is never used";
    MissingNotCovered     "E0504" Error   "missing-not-covered"    "a table without a row for a missing key" needs All;
    WrongCellCount        "E0505" Error   "wrong-cell-count"       "a row with the wrong number of cells" needs Item;
    BadKey                "E0506" Error   "bad-key"                "a key that a table cannot have";
    TableTooIntricate     "E0507" Error   "table-too-intricate"    "a table that is too complex to check";

    // rules and reachability
    WrongOutcomeCount     "E0601" Error   "wrong-outcome-count"    "the wrong number of outcomes" needs Others;
    MissingOutcome        "E0602" Error   "missing-outcome"        "an outcome without a value for an output" needs Others;
    UnreachableRule       "E0610" Error   "unreachable-rule"       "a rule that no input reaches";
    ContradictoryRequire  "E0611" Error   "contradictory-require"  "a requirement that no input satisfies";

    // time
    EffectiveNotDate      "E0701" Error   "effective-not-date"     "a version selected by something other than a required date";
    LonelyVersion         "E0702" Error   "lonely-version"         "versions without `effective on`, or the reverse" needs Items;
    VersionsOutOfOrder    "E0703" Error   "versions-out-of-order"  "versions out of order";
    VersionsNotCovering   "E0704" Error   "versions-not-covering"  "days without a version" needs Items;
    DateNotVersionStart   "E0705" Error   "date-not-version-start" "a date on which no version starts" needs Items;
    NeverInForce          "E0706" Error   "never-in-force"         "something that is never in force" needs Items;
    DatedGap              "E0707" Error   "dated-gap"              "a parameter without a value in some version" needs Item;
    DatedOverlap          "E0708" Error   "dated-overlap"          "a parameter with two values in one version";
    NotInForce            "E0709" Error   "not-in-force"           "a name that a version does not define" needs Word;
    ActionableEffectiveDate "E0710" Error "actionable-effective-date" "an effective date that is actionable";

    // cases and tests
    NoEffectiveDate       "E0801" Error   "no-effective-date"      "a day in a test of a policy without versions" needs Items;

    IncompleteTest        "E0802" Error "incomplete-test"          "a test that leaves out a required input" needs Items;

    // warnings
    UnusedDefinition      "W0901" Warning "unused-definition"      "an unused definition";
    UnreadInput           "W0902" Warning "unread-input"           "an unread input";
    UndecidedValue        "W0903" Warning "undecided-value"        "a value that no rule gives";
    PartWithoutPercent    "W0904" Warning "part-without-percent"   "a part of something that is not written as a percentage";
    YearsInDays           "W0905" Warning "years-in-days"          "years or months that are counted in days";
    DatesInWrongOrder     "W0906" Warning "dates-in-wrong-order"   "dates in the wrong order";
    OutputNamedRow        "W0907" Warning "output-named-row"       "an output with the name of the row number";
}

/// What a policy has to be to compile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Demand {
    /// Total, and every rule, row and period is of use: what authors want.
    Useful,
    /// Total: it decides every input that it admits. A policy that is made from two others may have rules that no input
    /// reaches.
    Total,
}

impl Demand {
    /// Whether a policy that this is said of is not what is demanded.
    pub fn includes(self, code: Code) -> bool {
        let is_about_use = matches!(code, Code::DeadRow | Code::UnreachableRule | Code::NeverInForce);
        self == Demand::Useful || !is_about_use
    }
}

impl Code {
    /// The code that a person means by `E0106`, `e0106` or `single-equals`.
    ///
    /// ```
    /// use opus_frontend::codes::Code;
    /// assert_eq!(Code::find("e0106"), Some(Code::SingleEquals));
    /// assert_eq!(Code::find("single-equals"), Some(Code::SingleEquals));
    /// assert_eq!(Code::find("E9999"), None);
    /// ```
    pub fn find(text: &str) -> Option<Code> {
        let means = |code: &&Code| code.code().eq_ignore_ascii_case(text) || code.name() == text;
        Code::ALL.iter().find(means).copied()
    }

    /// Whether it says that the policy is larger than any may be.
    pub fn is_limit(self) -> bool {
        ("E0020".."E0040").contains(&self.code())
    }

    /// The policies that its page shows: the first is refused with this code, the second is not.
    pub fn examples(self) -> Vec<&'static str> {
        let blocks = self.page().split("```opus\n").skip(1);
        blocks.map(|block| block.split("```").next().unwrap_or("")).collect()
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SingleEquals` as `single-equals`.
    fn kebab(variant: &str) -> String {
        let letter = |(i, c): (usize, char)| match c.is_uppercase() && i > 0 {
            true => format!("-{}", c.to_lowercase()),
            false => c.to_lowercase().to_string(),
        };
        variant.chars().enumerate().map(letter).collect()
    }

    #[test]
    fn codes_ascend_and_names_follow_them() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].code()[1..] < pair[1].code()[1..], "{} comes before {}", pair[0], pair[1]);
        }
        for &code in Code::ALL {
            assert_eq!(code.name(), kebab(&format!("{code:?}")));
            assert_eq!(code.code().starts_with('W'), code.severity() == Severity::Warning, "{code}");
            assert_eq!(Code::find(code.code()), Some(code));
        }
    }

    #[test]
    fn each_code_has_a_page_with_an_example_and_a_remedy() {
        for &code in Code::ALL {
            let page = code.page();
            let heading = format!("# {code}: {}\n", code.title());
            assert!(page.starts_with(&heading), "codes/{code}.md should begin with `{}`", heading.trim_end());
            for part in ["\n## Example\n", "\n## What to do\n", "```opus\n"] {
                assert!(page.contains(part), "codes/{code}.md lacks `{}`", part.trim());
            }
            assert!(page.split("## Example").next().is_some_and(|text| text.len() > heading.len() + 20));
        }
    }
}
