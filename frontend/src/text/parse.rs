//! How does a source become a tree? The words are found, braces matched, and the grammar applied. Then the rest of the
//! language is checked, which the grammar does not express: limits, and `otherwise` at the end of the rules.
//!
//! Nothing here recurses, so the same source gives the same result on any stack.

use std::cell::Cell;

use crate::diagnostic::{Code, Diagnostic, settle};
use crate::limits::*;
use crate::text::ast::{Cell as TableCell, CellKind, ExprKind, Item, Policy, Span, Statement};
use crate::text::braces::{self, Placed};
use crate::text::builder::{Builder, Recovery};
use crate::text::foreign_call;
use crate::text::grammar::PolicyParser;
use crate::text::lexer::{ENOUGH, Lexed, lex};
use crate::text::partial::lines_of;
use crate::text::syntax_error;
use crate::text::token::Token;

/// Reads a policy. Without an error among the diagnostics there is a tree, and all of it; with one the tree, if
/// there is any, lacks what could not be read.
///
/// ```
/// use opus_frontend::parse::parse;
/// let (policy, diagnostics) = parse("policy a { enum E { x, y }  rules first { otherwise R => x } }");
/// assert_eq!(policy.unwrap().items.len(), 2);
/// assert!(diagnostics.is_empty());
///
/// let (_, diagnostics) = parse("policy a { rules first { rule A when x = 1 => y  otherwise B => z } }");
/// assert_eq!(diagnostics[0].code.code(), "E0106");
/// ```
pub fn parse(source: &str) -> (Option<Policy>, Vec<Diagnostic>) {
    if source.len() > SOURCE_BYTES_MAX {
        return (None, vec![beyond(Code::SourceTooLong, Span::new(0, 0))]);
    }
    let mut diagnostics = vec![];
    let lexed = lex(source, &mut diagnostics);
    let mut policy = read(source, lexed, &mut diagnostics);
    if let Some(policy) = &mut policy {
        let mentioned = diagnostics.iter().filter(|said| said.is_error()).map(|said| said.primary.span);
        policy.lost.extend(mentioned);
        policy.lost = lines_of(std::mem::take(&mut policy.lost), source);
    }
    settle(&mut diagnostics);
    shorten(&mut diagnostics);
    (policy, diagnostics)
}

fn read(source: &str, lexed: Lexed, diagnostics: &mut Vec<Diagnostic>) -> Option<Policy> {
    if let Some(&(_, span)) = lexed.tokens.get(TOKENS_MAX) {
        diagnostics.push(beyond(Code::TooManyTokens, span));
        return None;
    }
    if diagnostics.len() >= ENOUGH {
        return None;
    }
    let tokens = from_policy(&lexed.tokens, diagnostics)?;
    let words = braces::settle(tokens, diagnostics)?;
    let policy = parse_words(source, &words, lexed.comments, diagnostics);
    if let Some(policy) = &policy {
        look_at_sizes(policy, diagnostics);
    }
    policy
}

/// The words from `policy` on: nothing may come before it.
fn from_policy<'a>(
    tokens: &'a [(Token, Span)],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<&'a [(Token, Span)]> {
    let first = tokens.iter().position(|(token, _)| *token == Token::Policy);
    if first != Some(0) {
        let span = tokens.first().map(|(_, span)| *span).unwrap_or_default();
        let message = "a policy must begin with `policy` and a name";
        let diagnostic = Diagnostic::new(Code::UnexpectedToken, span, message);
        diagnostics.push(diagnostic.help("put the items into `policy NAME { … }`"));
    }
    first.map(|first| &tokens[first..])
}

fn parse_words(
    source: &str,
    words: &[Placed],
    comments: Vec<Span>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Policy> {
    let errors = Cell::new(0);
    let mut builder = Builder::new(source, &errors);
    let feed = words.iter().take_while(|_| errors.get() < ENOUGH).map(|&word| Ok(word));
    let parsed = PolicyParser::new().parse(&mut builder, feed);
    let Builder { mut exprs, diagnostics: reported, mut recoveries, lost, calls, .. } = builder;
    diagnostics.extend(reported);
    let parsed = match parsed {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            let cut_short = errors.get() >= ENOUGH;
            recoveries.extend((!cut_short).then_some(Recovery { error, dropped_tokens: vec![] }));
            None
        }
    };
    let items = parsed.as_ref().map_or(&[][..], |(_, items)| items);
    for call in &calls {
        let is_table =
            |item: &Item| matches!(item, Item::FactTable(table) if table.name.text == call.name.text);
        if items.iter().any(is_table) {
            continue;
        }
        exprs[call.at].kind = ExprKind::Error;
        // the declaration could not be read, which is reported
        let declaration = format!("table {}", call.name.text);
        if !lost.iter().any(|span| span.text(source).contains(&declaration)) {
            diagnostics.push(foreign_call::report(call, items, source));
        }
    }
    let complete = recoveries.is_empty();
    syntax_error::report(recoveries, words, source, diagnostics);
    let (name, items) = parsed?;
    if complete {
        items.iter().for_each(|item| look_at_rules(item, diagnostics));
    }
    let span = Span::new(words.first()?.0, words.last()?.2);
    Some(Policy { name: name?, items, exprs, comments, lost, span })
}

/// Exactly one `otherwise`, and nothing after it.
fn look_at_rules(item: &Item, diagnostics: &mut Vec<Diagnostic>) {
    let Item::Rules(rules) = item else { return };
    let is_otherwise =
        |statement: &&Statement| matches!(statement, Statement::Rule(rule) if rule.condition.is_none());
    let mut statements = rules.statements.iter();
    let Some(otherwise) = statements.find(is_otherwise) else {
        let end = Span { start: rules.span.end.saturating_sub(1), ..rules.span };
        diagnostics.push(
            Diagnostic::new(Code::MisplacedOtherwise, end, "these rules do not end with `otherwise`")
                .help("end them with `otherwise ID => …`, which decides what no other rule decides"),
        );
        return;
    };
    if let Some(after) = statements.next() {
        diagnostics.push(
            Diagnostic::new(Code::MisplacedOtherwise, after.span(), "`otherwise` must be the last rule")
                .also(otherwise.span(), "this rule decides everything that is left")
                .help("move `otherwise` to the end"),
        );
    }
}

/// What is counted in a policy: how many there are, of how many, and where the first beyond is.
fn look_at_sizes(policy: &Policy, diagnostics: &mut Vec<Diagnostic>) {
    let mut sizes = Sizes { cells: 0, names: 0, rules: 0, versions: 0, diagnostics };
    policy.items.iter().for_each(|item| sizes.count(item));
}

struct Sizes<'a> {
    cells: usize,
    names: usize,
    rules: usize,
    versions: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Sizes<'_> {
    fn count(&mut self, item: &Item) {
        let span = item.span();
        match item {
            Item::Currency(_) | Item::Effective(_) | Item::MonthEnd(_) | Item::Adverse(_) => {}
            Item::Version(_) => {
                self.versions += 1;
                self.limit(self.versions, VERSIONS_MAX, Code::TooManyVersions, span);
            }
            Item::Input(block) | Item::Output(block) => {
                self.limit(block.fields.len(), FIELDS_MAX, Code::TooManyFields, span);
            }
            Item::Enum(item) => {
                self.limit(item.values.len(), ENUM_VALUES_MAX, Code::TooManyEnumValues, item.name.span);
                self.name(span);
            }
            Item::Table(table) => {
                self.limit(table.rows.len(), ROWS_MAX, Code::TooManyRows, table.name.span);
                self.cells(table.rows.iter().flat_map(|row| &row.cells), table.rows.len(), table.name.span);
                self.name(span);
            }
            Item::Grid(grid) => {
                self.limit(grid.rows.len(), ROWS_MAX, Code::TooManyRows, grid.name.span);
                let values = grid.rows.iter().map(|row| row.values.len()).sum();
                let cells = grid.rows.iter().map(|row| &row.cell).chain(&grid.columns);
                self.cells(cells, values, grid.name.span);
                self.name(span);
            }
            Item::Rules(rules) => rules.statements.iter().for_each(|statement| self.statement(statement)),
            Item::Param(_)
            | Item::Set(_)
            | Item::FactTable(_)
            | Item::Let(_)
            | Item::Require(_)
            | Item::Case(_)
            | Item::Test(_) => self.name(span),
        }
    }

    fn statement(&mut self, statement: &Statement) {
        match statement {
            Statement::Let(item) => self.name(item.span),
            Statement::Rule(rule) => {
                self.rules += 1;
                self.limit(self.rules, RULES_MAX, Code::TooManyRules, rule.id.span);
            }
        }
    }

    fn name(&mut self, span: Span) {
        self.names += 1;
        self.limit(self.names, NAMES_MAX, Code::TooManyNames, span);
    }

    fn cells<'c>(&mut self, cells: impl Iterator<Item = &'c TableCell>, values: usize, span: Span) {
        let before = self.cells;
        let size = |cell: &TableCell| if let CellKind::Set(members) = &cell.kind { members.len() } else { 1 };
        self.cells += cells.map(size).sum::<usize>() + values;
        if before <= CELLS_MAX {
            self.limit(self.cells, CELLS_MAX, Code::TooManyCells, span);
        }
    }

    /// Reports the first beyond a limit, once.
    fn limit(&mut self, count: usize, max: usize, code: Code, span: Span) {
        let reported = || self.diagnostics.iter().any(|diagnostic| diagnostic.code == code);
        if count > max && !reported() {
            self.diagnostics.push(beyond(code, span));
        }
    }
}

/// Keeps the first errors with the warnings between them, and says so.
pub(crate) fn shorten(diagnostics: &mut Vec<Diagnostic>) {
    let counts = |diagnostic: &Diagnostic| diagnostic.is_error() && diagnostic.code != Code::TooManyErrors;
    let errors = diagnostics.iter().enumerate().filter(|(_, diagnostic)| counts(diagnostic));
    let Some((at, first)) = errors.map(|(at, diagnostic)| (at, diagnostic.primary.span)).nth(ERRORS_MAX)
    else {
        return;
    };
    diagnostics.truncate(at);
    // one that says so already is part of what is left out
    diagnostics.retain(|diagnostic| diagnostic.code != Code::TooManyErrors);
    diagnostics.push(beyond(Code::TooManyErrors, first));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(source: &str) -> Vec<Code> {
        parse(source).1.iter().map(|diagnostic| diagnostic.code).collect()
    }

    /// A policy with this item in it.
    fn with(item: &str) -> String {
        format!("policy p {{\n{item}\n}}")
    }

    fn with_rules(rules: &str) -> String {
        with(&format!("rules first {{ {rules} otherwise Z => no }}"))
    }

    /// The pages of limits are about sources too long to show.
    fn is_shown(code: &Code) -> bool {
        !code.is_limit() || matches!(code, Code::NameTooLong | Code::TooManyDigits)
    }

    #[test]
    fn pages_show_what_is_refused_and_what_is_not() {
        let of_syntax = |code: &&Code| code.code() < "E0200" && is_shown(code);
        for &code in Code::ALL.iter().filter(of_syntax) {
            let examples = code.examples();
            let mut said = codes(examples[0]);
            said.dedup();
            assert_eq!(said, [code], "the first example of codes/{code}.md");
        }
        let mut unreadable = vec![];
        for &code in Code::ALL {
            let from = usize::from(code.code() < "E0200" && is_shown(&code));
            let said = code.examples().into_iter().skip(from).flat_map(|example| parse(example).1);
            unreadable.extend(said.map(|diagnostic| format!("codes/{code}.md: {}", diagnostic.message)));
        }
        assert!(unreadable.is_empty(), "{unreadable:#?}");
    }

    #[test]
    fn fixes_mend_what_they_are_for() {
        let mut mended = 0;
        for &code in Code::ALL.iter().filter(|code| code.code() < "E0200") {
            let mut source = code.examples()[0].to_string();
            let fixes: Vec<_> = parse(&source).1.into_iter().filter_map(|said| said.fix).collect();
            for fix in fixes.iter().rev() {
                source = fix.apply(&source);
            }
            assert!(fixes.is_empty() || !codes(&source).contains(&code), "{code}: {fixes:?}");
            mended += usize::from(!fixes.is_empty());
        }
        assert!(mended >= 10, "{mended} pages have a fix");
    }

    #[test]
    fn each_error_has_its_place() {
        let cases = [
            (with("param x int = 5"), "expected `:`, found `int`", "int"),
            (with("enum E { a b }"), "`,` is missing, found `b`", "b"),
            (with("case g { a = 5, b = 6 }"), "`,` does not belong here", ","),
            (with("input { a : int in 0..5 months : int }"), "`months` is a reserved word", "months"),
            (with("input { a, b : int }"), "`:` and a type are missing here", ","),
            (with_rules("rule when x => no"), "this rule has no id: found `when`", "when"),
            (with_rules("rule A x => no"), "`when` is missing, found `x`", "x"),
            (with_rules("rule A when x not in {a} => no"), "`not` does not belong here", "not"),
            (
                with_rules("rule A when x is not missing => no"),
                "`is not missing` is written `is present`",
                "is not missing",
            ),
            (with_rules("rule A when x => 5 => no"), "this rule or row has two arrows `=>`", "=>"),
            (with_rules("rule A when max(x, 5 => no"), "this parenthesis is not closed", "("),
            (with_rules("rule A when x in {a, b => no"), "this brace is not closed", "{"),
            (with_rules("rule A when if a then b => no"), "expected `else`", "=>"),
            (with("test \"t\" { given g on }"), "expected a date, found `}`", "}"),
            (
                with("scorecard s { a = 5 { b } }"),
                "`scorecard` is reserved for a later version of the language",
                "scorecard",
            ),
            (with("input { a : list up to 5 of int }"), "`list up to` is reserved", "list up to"),
            (with_rules("exception to A when b => c"), "`exception` is reserved", "exception"),
            (
                with("frobnicate x"),
                "expected `}` or an item such as `param` or `rules`, found `frobnicate`",
                "frobnicate",
            ),
            ("enum E { a }".to_string(), "a policy must begin with `policy` and a name", "enum"),
        ];
        for (source, message, place) in cases {
            let (_, diagnostics) = parse(&source);
            let shown: Vec<_> =
                diagnostics.iter().map(|d| (d.message.as_str(), d.primary.span.text(&source))).collect();
            assert_eq!(shown.len(), 1, "{source}: {shown:?}");
            let of_message = message == "nothing" || shown[0].0.starts_with(message);
            assert!(of_message && shown[0].1 == place, "{source}: {shown:?}");
        }
    }

    #[test]
    fn several_errors_are_found_in_one_run() {
        let source = "policy p {
            currency 5
            enum E { a, 7, b }
            input { x : int in ..5  y : int  z int }
            table t(x) unique -> percent { | 1 => ; | 2 => 5% ; | 3 .. => 4% ; }
            grid g : money { x \\ y | a | b ; 1 | $5 | ; 2 | $5 | $6 ; > | $5 | $6 ; }
            rules first {
                rule A when x = 5 => no
                rule B when x == 5 => no
                rule C when x < => no
                otherwise D => no
            }
            case k { x = 5  y 6  z = 7 }
            test \"t\" { given k expect }
        }";
        let (policy, diagnostics) = parse(source);
        let lines: Vec<usize> =
            diagnostics.iter().map(|d| source[..d.primary.span.start as usize].lines().count()).collect();
        assert_eq!(lines, [2, 3, 4, 4, 5, 5, 6, 6, 8, 10, 13, 14], "{diagnostics:#?}");
        assert_eq!(policy.unwrap().items.len(), 6);
    }

    #[test]
    fn reserved_words_of_later_versions_are_names_elsewhere() {
        let item =
            "input { list : int  key : int  use : int }  let def = list + key  param exception : int = 5";
        assert_eq!(parse(&with(item)).1, []);
    }

    fn many(n: usize, text: impl Fn(usize) -> String) -> String {
        (0..n).map(text).collect::<Vec<_>>().join(" ")
    }

    fn table(rows: String) -> String {
        with(&format!("table t(a) first -> int {{ {rows} }}"))
    }

    /// What is limited, a source with that many, and the limit.
    type Size = (Code, fn(usize) -> String, usize);

    const SIZES: [Size; 8] = [
        (Code::TooManyVersions, |n| with(&many(n, |i| format!("version {i} from 2025-01-01"))), VERSIONS_MAX),
        (
            Code::TooManyFields,
            |n| with(&format!("input {{ {} }}", many(n, |i| format!("f{i} : int")))),
            FIELDS_MAX,
        ),
        (
            Code::TooManyEnumValues,
            |n| with(&format!("enum E {{ {} }}", many(n, |i| format!("v{i},")))),
            ENUM_VALUES_MAX,
        ),
        (Code::TooManyNames, |n| with(&many(n, |i| format!("let v{i} = 1"))), NAMES_MAX),
        (Code::TooManyRules, |n| with_rules(&many(n - 1, |i| format!("rule R{i} when a => no"))), RULES_MAX),
        (Code::TooManyRows, |n| table(many(n, |i| format!("| {i} => 1 ;"))), ROWS_MAX),
        (Code::TooManyCells, |n| table(many(n / 5 + 1, |_| "| {1, 2, 3, 4} => 1 ;".to_string())), CELLS_MAX),
        (Code::TooManyTokens, |n| with(&"a ".repeat(n)), TOKENS_MAX),
    ];

    #[test]
    fn sizes_are_limited() {
        for (code, source, max) in SIZES {
            assert!(codes(&source(max + 1)).contains(&code), "{code}");
            // reading as much as is allowed takes long in debug builds
            assert!(max > NAMES_MAX || !codes(&source(max - 30)).contains(&code), "{code}");
        }
        assert_eq!(codes(&" ".repeat(SOURCE_BYTES_MAX + 1)), [Code::SourceTooLong]);
    }

    #[test]
    fn chains_count_as_depth() {
        let chain = |n: usize| with(&format!("let x = a{}", " + a".repeat(n - 1)));
        assert_eq!(codes(&chain(DEPTH_MAX)), []);
        assert_eq!(codes(&chain(DEPTH_MAX + 1)), [Code::NestedTooDeep]);
    }

    #[test]
    fn many_errors_are_cut_short() {
        let source = with_rules(&"rule A when x = y => no ".repeat(1000));
        let codes = codes(&source);
        assert_eq!((codes.len(), codes.last()), (ERRORS_MAX + 1, Some(&Code::TooManyErrors)));
    }

    #[test]
    fn warnings_push_no_error_aside() {
        let of = |code| Diagnostic::new(code, Span::new(0, 1), "");
        let warnings = std::iter::repeat_with(|| of(Code::UnusedDefinition)).take(2 * ERRORS_MAX);
        let mut diagnostics: Vec<Diagnostic> = warnings.chain([of(Code::SingleEquals)]).collect();
        let before = diagnostics.len();
        shorten(&mut diagnostics);
        assert_eq!(diagnostics.len(), before);
        diagnostics.extend(std::iter::repeat_with(|| of(Code::SingleEquals)).take(ERRORS_MAX));
        shorten(&mut diagnostics);
        let errors = diagnostics.iter().filter(|diagnostic| diagnostic.code == Code::SingleEquals);
        assert_eq!(errors.count(), ERRORS_MAX);
        assert_eq!(diagnostics.last().map(|last| last.code), Some(Code::TooManyErrors));
    }

    /// Sources that are deep or long in every way known to hurt parsers.
    fn extremes() -> Vec<String> {
        let n = 20_000;
        let nested =
            |open: &str, close: &str| with(&format!("let x = {}1{}", open.repeat(n), close.repeat(n)));
        vec![
            format!("{}policy p {{ }}", "-- a comment\n".repeat(1_000_000)),
            nested("(", ")"),
            nested("not ", ""),
            nested("- ", ""),
            nested("max(1, ", ")"),
            nested("if a then b else ", ""),
            nested("if ", " then a else b"),
            nested("x in {", "}"),
            nested("", " + 1"),
            nested("", " or a"),
            nested("", " of a"),
            nested("", " < a"),
            nested("", " rounded up to cent"),
            nested("", " or_else a"),
            nested("(((", ""),
            "{".repeat(n),
            "}".repeat(n),
            with(&"scorecard { ".repeat(n)),
            with(&"= ".repeat(n)),
            with_rules(&"rule ".repeat(n)),
            "\"".repeat(n),
            "~ a ".repeat(n),
        ]
    }

    /// The diagnostics of parsing, on a thread with a stack of this many bytes.
    fn said_on_stack(bytes: usize, sources: Vec<String>) -> Vec<Vec<Diagnostic>> {
        let parse_all = move || sources.iter().map(|source| parse(source).1).collect();
        std::thread::Builder::new().stack_size(bytes).spawn(parse_all).unwrap().join().unwrap()
    }

    #[test]
    fn the_stack_changes_nothing() {
        let small = said_on_stack(128 << 10, extremes());
        let large = said_on_stack(8 << 20, extremes());
        assert_eq!(small, large);
        assert_eq!(small[0], []);
        assert!(small[1..].iter().all(|said| !said.is_empty()));
    }

    #[test]
    fn the_three_policies_are_read() {
        for name in ["credit", "insurance", "refund"] {
            let path = format!("{}/../spec/policies/{name}.opus", env!("CARGO_MANIFEST_DIR"));
            assert_eq!(parse(&std::fs::read_to_string(path).unwrap()).1, [], "{name}");
        }
    }
}
