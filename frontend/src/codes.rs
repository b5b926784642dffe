//! Which diagnostics are there? One table of them: a row is the name in Rust, the stable code, the severity,
//! the name for people, the title of its page, and what it needs to have been read.
//!
//! Codes are kept by phase, with room: `E00` words of the language and limits, `E01` sentences, `E02` names,
//! `E03` types and units, `E04` ranges and overflow, `E05` tables, `E06` rules and reachability, `E07` time,
//! `E08` cases and tests, `W09` warnings. A code is never used again for something else.
//!
//! Each row has a page, `codes/CODE.md`, that `opus explain-code` prints; a row without one does not compile.
//! A page begins with the heading `# CODE: title`, says what the diagnostic means, shows a policy that is
//! refused (the first `opus` block) under `## Example`, and under `## What to do` how to mend it, where it
//! helps with the policy mended (the second `opus` block). Tests hold the blocks to that.

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

/// What has to have been read before something can be said: what is absent from a tree may stand where the source
/// could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Needs {
    /// Only what it is about.
    Nothing,
    /// Every place where the word that it is about stands.
    Word,
    /// That, and all of the item that it stands in.
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

            /// What has to have been read before it can be said.
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
    StrayCharacter        "E0001" Error "stray-character"        "a character that means nothing here";
    UnterminatedText      "E0002" Error "unterminated-text"      "a text that does not end";
    MalformedNumber       "E0003" Error "malformed-number"       "a number that cannot be read";
    MalformedDate         "E0004" Error "malformed-date"         "a date that does not exist";
    UnknownEscape         "E0005" Error "unknown-escape"         "a backslash that means nothing";
    ForbiddenCharacter    "E0006" Error "forbidden-character"    "a character that cannot be seen";
    ForeignComment        "E0007" Error "foreign-comment"        "a comment in the manner of another language";
    ForeignOperator       "E0008" Error "foreign-operator"       "an operator of another language";

    // limits
    SourceTooLong         "E0020" Error "source-too-long"        "a source that is too long";
    TooManyTokens         "E0021" Error "too-many-tokens"        "a source of too many words";
    NestedTooDeep         "E0022" Error "nested-too-deep"        "an expression that is nested too deeply";
    NameTooLong           "E0023" Error "name-too-long"          "a name that is too long";
    TextTooLong           "E0024" Error "text-too-long"          "a text that is too long";
    TooManyDigits         "E0025" Error "too-many-digits"        "a number of too many digits";
    TooManyRules          "E0026" Error "too-many-rules"         "too many rules";
    TooManyFields         "E0027" Error "too-many-fields"        "too many fields";
    TooManyNames          "E0028" Error "too-many-names"         "too many definitions";
    TooManyEnumValues     "E0029" Error "too-many-enum-values"   "an enum of too many values";
    TooManyRows           "E0030" Error "too-many-rows"          "a table of too many rows";
    TooManyCells          "E0031" Error "too-many-cells"         "a table of too many cells";
    TooManyVersions       "E0032" Error "too-many-versions"      "too many versions";
    TooManyErrors         "E0033" Error "too-many-errors"        "more errors than are worth showing";

    // sentences
    UnexpectedToken       "E0101" Error "unexpected-token"       "a word that does not belong here";
    UnclosedBrace         "E0102" Error "unclosed-brace"         "a brace that is not closed";
    UnopenedBrace         "E0103" Error "unopened-brace"         "a brace that closes too much";
    ReservedWord          "E0104" Error "reserved-word"          "a reserved word used as a name";
    ReservedForLater      "E0105" Error "reserved-for-later"     "a construct of a later version of the language";
    SingleEquals          "E0106" Error "single-equals"          "a comparison written with one `=`";
    MissingArrow          "E0107" Error "missing-arrow"          "a rule or row without `=>`";
    MissingSemicolon      "E0108" Error "missing-semicolon"      "a row that is not closed by `;`";
    ChainedComparison     "E0109" Error "chained-comparison"     "a comparison of a comparison";
    UnknownFunction       "E0110" Error "unknown-function"       "a function that does not exist";
    WrongArgumentCount    "E0111" Error "wrong-argument-count"   "a function with too few or too many arguments";
    UnknownRounding       "E0112" Error "unknown-rounding"       "a rounding mode or unit that does not exist";
    MalformedType         "E0113" Error "malformed-type"         "a type that cannot be read";
    RepeatedClause        "E0114" Error "repeated-clause"        "a clause given twice";
    MisplacedClause       "E0115" Error "misplaced-clause"       "a clause that does not belong here";
    MisplacedOtherwise    "E0116" Error "misplaced-otherwise"    "rules that are not closed by one `otherwise`";
    MixedOutcomes         "E0117" Error "mixed-outcomes"         "outcomes partly with names and partly without";
    NothingListed         "E0118" Error "nothing-listed"         "braces with nothing between them";

    // names
    UnknownName           "E0201" Error   "unknown-name"           "a name that is not defined" needs Word;
    DuplicateName         "E0202" Error   "duplicate-name"         "a name defined twice";
    EnumValueClash        "E0203" Error   "enum-value-clash"       "an enum value with the name of something else";
    UnclearEnumValue      "E0204" Error   "unclear-enum-value"     "an enum value whose enum is not clear" needs Word;
    UnknownType           "E0205" Error   "unknown-type"           "a type that does not exist" needs Word;
    UnknownEnumValue      "E0206" Error   "unknown-enum-value"     "a value that an enum does not have" needs Others;
    UsedBeforeLet         "E0207" Error   "used-before-let"        "a name used before its `let`";
    CircularDefinition    "E0208" Error   "circular-definition"    "definitions that need themselves";
    MissingItem           "E0209" Error   "missing-item"           "a policy without what every policy has" needs Items;
    RepeatedItem          "E0210" Error   "repeated-item"          "an item that a policy has only once";
    UnknownCurrency       "E0211" Error   "unknown-currency"       "a currency that does not exist";

    // types and units
    UnitMismatch          "E0301" Error   "unit-mismatch"          "units that do not go together";
    WrongType             "E0302" Error   "wrong-type"             "a value of another type than expected";
    LossyScale            "E0303" Error   "lossy-scale"            "more decimals than the type has";
    BareNumber            "E0304" Error   "bare-number"            "a number without its unit";
    WrongCurrency         "E0305" Error   "wrong-currency"         "an amount in another currency";
    MissingCurrency       "E0306" Error   "missing-currency"       "money in a policy without a currency" needs Items;
    QuotientStored        "E0307" Error   "quotient-stored"        "an exact quotient where a rounded value is needed";
    NeverMissing          "E0308" Error   "never-missing"          "a question whether something is missing that never is" needs Word;
    OptionalNotNarrowed   "E0309" Error   "optional-not-narrowed"  "an optional input used where it may be missing" needs Item;
    NotConstant           "E0310" Error   "not-constant"           "something computed where a literal is needed";
    TooManyDecimals       "E0311" Error   "too-many-decimals"      "a result of more decimals than can be held";
    MisplacedMonths       "E0312" Error   "misplaced-months"       "months or years that are not added to a date";
    MissingMonthEnd       "E0313" Error   "missing-month-end"      "months added in a policy that does not say how months end" needs Items;
    RoundingUnit          "E0314" Error   "rounding-unit"          "a rounding unit that does not fit the value";
    WholeNumberNeeded     "E0315" Error   "whole-number-needed"    "a number with decimals where a whole one is needed";

    // ranges and overflow
    EmptyRange            "E0401" Error   "empty-range"            "a range without values";
    MissingRange          "E0402" Error   "missing-range"          "an input or output without a range";
    ConstantOutOfRange    "E0403" Error   "constant-out-of-range"  "a constant outside its declared range";
    NoRange               "E0404" Error   "no-range"               "a range of values that have no order";
    NumberTooLarge        "E0405" Error   "number-too-large"       "a number that does not fit";
    ZeroDivisor           "E0410" Error   "zero-divisor"           "a divisor that could be zero";
    Overflow              "E0411" Error   "overflow"               "a value that could leave 128 bits";
    OutputOutOfRange      "E0412" Error   "output-out-of-range"    "an outcome that could leave its output's range";
    OutputNotListed       "E0413" Error   "output-not-listed"      "an outcome that could be none of its output's values";
    OutsideCalendar       "E0414" Error   "outside-calendar"       "a date that could leave the calendar";
    KeyOutOfRange         "E0415" Error   "key-out-of-range"       "a key that could be what no row is for";

    // tables
    TableGap              "E0501" Error   "table-gap"              "a table or grid that leaves something out" needs Item;
    TableOverlap          "E0502" Error   "table-overlap"          "two rows that apply to the same values";
    DeadRow               "E0503" Error   "dead-row"               "a row that never counts";
    MissingNotCovered     "E0504" Error   "missing-not-covered"    "a table used where its key may be missing" needs All;
    WrongCellCount        "E0505" Error   "wrong-cell-count"       "a row with too many or too few cells" needs Item;
    BadKey                "E0506" Error   "bad-key"                "a table that looks at what it cannot";
    TableTooIntricate     "E0507" Error   "table-too-intricate"    "a table that cannot be judged within the limit of work";

    // rules and reachability
    WrongOutcomeCount     "E0601" Error   "wrong-outcome-count"    "an outcome with too many or too few values" needs Others;
    MissingOutcome        "E0602" Error   "missing-outcome"        "an outcome that leaves out an output without a default" needs Others;
    UnreachableRule       "E0610" Error   "unreachable-rule"       "a rule that no input reaches";
    ContradictoryRequire  "E0611" Error   "contradictory-require"  "a requirement that no input meets";

    // time
    EffectiveNotDate      "E0701" Error   "effective-not-date"     "a version selected by what is not a required date";
    LonelyVersion         "E0702" Error   "lonely-version"         "versions without a date that selects them, or the reverse" needs Items;
    VersionsOutOfOrder    "E0703" Error   "versions-out-of-order"  "versions that are not in the order of their first days";
    VersionsNotCovering   "E0704" Error   "versions-not-covering"  "days on which no version is in force" needs Items;
    DateNotVersionStart   "E0705" Error   "date-not-version-start" "a date on which no version starts" needs Items;
    NeverInForce          "E0706" Error   "never-in-force"         "something that is in force on no day" needs Items;
    DatedGap              "E0707" Error   "dated-gap"              "a parameter without a value in some version" needs Item;
    DatedOverlap          "E0708" Error   "dated-overlap"          "a parameter with two values in one version";
    NotInForce            "E0709" Error   "not-in-force"           "a name that is not defined in a version" needs Word;

    // cases and tests
    NoEffectiveDate       "E0801" Error   "no-effective-date"      "a test on a day in a policy without versions" needs Items;

    // warnings
    UnusedDefinition      "W0901" Warning "unused-definition"      "a definition that nothing uses";
    UnreadInput           "W0902" Warning "unread-input"           "an input that nothing reads";
    UndecidedValue        "W0903" Warning "undecided-value"        "a value that no rule decides";
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
