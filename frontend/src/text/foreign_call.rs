//! What does a call of a function mean that the language does not have? The functions of spreadsheets, SQL and other
//! languages with their replacements here, and tables, which are used without parentheses.

use crate::diagnostic::{Code, Diagnostic, nearest, one_of};
use crate::text::ast::{ExprId, Function, Item, Name, Span};

/// A call of a function that the language does not have.
pub struct ForeignCall {
    /// The expression that it is.
    pub at: ExprId,
    /// The function.
    pub name: Name,
    /// The whole call.
    pub span: Span,
    /// Its arguments.
    pub args: Vec<Span>,
    /// Whether the first argument is a quotient.
    pub of_quotient: bool,
}

/// A replacement for a call: the names of the function, how many arguments it has (0 for any number), and the text, in
/// which `{0}` is the first argument and `{*}` are all of them. Empty where nothing does, or not the same.
struct Instead {
    names: &'static [&'static str],
    arguments: usize,
    text: &'static str,
    help: &'static str,
}

const fn row(
    names: &'static [&'static str],
    arguments: usize,
    text: &'static str,
    help: &'static str,
) -> Instead {
    Instead { names, arguments, text, help }
}

const CHOICE: &str = "write a choice as `if … then … else …`";
const WHOLE: &str = "compare whole values: `x == a`, `x in {a, b}`";

const INSTEAD: &[Instead] = &[
    row(&["if", "iif", "iff", "ternary"], 3, "if {0} then {1} else {2}", CHOICE),
    row(&["if", "iif", "iff", "ifs", "switch", "choose", "case_when", "decode", "case"], 0, "", CHOICE),
    row(
        &[
            "coalesce",
            "ifnull",
            "nvl",
            "isnull",
            "default",
            "default_to",
            "fallback",
            "ifna",
            "iferror",
            "or_else",
        ],
        2,
        "{0} or_else {1}",
        "write `x or_else 0`",
    ),
    row(
        &[
            "is_missing",
            "is_null",
            "isnull",
            "isblank",
            "is_none",
            "isna",
            "is_blank",
            "is_empty",
            "isempty",
            "missing",
        ],
        1,
        "{0} is missing",
        "write `x is missing` or `x is present`",
    ),
    row(
        &[
            "is_present",
            "exists",
            "defined",
            "is_defined",
            "has",
            "notnull",
            "is_not_null",
            "present",
            "has_value",
        ],
        1,
        "{0} is present",
        "write `x is missing` or `x is present`",
    ),
    row(&["coalesce", "ifnull", "nvl"], 0, "", "write `x or_else 0`"),
    row(&["and", "all"], 0, "({*and})", "join conditions with `and`"),
    row(&["or", "any"], 0, "({*or})", "join conditions with `or`"),
    row(&["not"], 1, "not ({0})", "write `not` before the condition"),
    row(&["abs"], 1, "max({0}, -({0}))", "write `max(x, -x)`"),
    row(&["sign"], 1, "", "write `if x < 0 then -1 else 1`"),
    row(
        &["today", "now", "current_date", "getdate", "sysdate", "curdate"],
        0,
        "",
        "there is no clock: make the day of the decision an input of type `date`",
    ),
    row(
        &["days_between", "days", "datediff_days"],
        2,
        "({1} - {0})",
        "write `b - a` for the days between two dates",
    ),
    row(&["add_days", "adddays", "plus_days"], 2, "{0} + {1} days", "write `d + 30 days`"),
    row(&["add_months", "addmonths", "edate", "plus_months"], 2, "{0} + {1} months", "write `d + 3 months`"),
    row(&["add_years", "addyears", "plus_years"], 2, "{0} + {1} years", "write `d + 3 years`"),
    row(
        &["age", "years_between", "yearfrac", "age_at", "full_years"],
        2,
        "whole_years({0}, {1})",
        "write `whole_years(a, b)` for the whole years from the date `a` to the date `b`",
    ),
    row(
        &["months_between", "monthdiff", "full_months"],
        2,
        "whole_months({0}, {1})",
        "write `whole_months(a, b)` for the whole months from the date `a` to the date `b`",
    ),
    row(
        &["datediff", "datedif", "dateadd", "age", "years_between", "date_part", "extract", "weekday"],
        0,
        "",
        "write `b - a` for days, `whole_months(a, b)`, `whole_years(a, b)`, `d + 30 days`, `d + 3 months`",
    ),
    row(&["between"], 3, "{0} in {1}..{2}", "write `x in a..b`"),
    row(&["between"], 0, "", "write `x in a..b`"),
    row(&["pow", "power", "sqrt", "exp", "log", "ln"], 0, "", "there are no powers and no roots: multiply"),
    row(&["sum"], 0, "({*+})", "add the values with `+`"),
    row(&["year"], 1, "", "compare the date itself with days: `d in 2025-01-01..2025-12-31`"),
    row(
        &["month", "day", "weekday", "dayofweek"],
        1,
        "",
        "the parts of a date are not available: compare whole dates, or make this part an input",
    ),
    row(&["len", "length"], 0, "", "there are no text functions and no lists"),
    row(
        &["avg", "average", "mean", "median", "count"],
        0,
        "",
        "there are no lists: add the values with `+` and divide",
    ),
    row(&["mod"], 2, "({0} mod {1})", "write `a mod b`"),
    row(&["div", "quotient"], 2, "({0} div {1})", "write `a div b`"),
    row(
        &[
            "contains",
            "starts_with",
            "startswith",
            "endswith",
            "ends_with",
            "like",
            "matches",
            "lower",
            "upper",
            "trim",
            "substring",
            "left",
            "right",
            "concat",
            "search",
            "find",
        ],
        0,
        "",
        WHOLE,
    ),
    row(&["in", "any_of", "one_of", "in_list", "isin", "list_contains"], 0, "{0} in {{*,}}", WHOLE),
    row(
        &["vlookup", "hlookup", "xlookup", "lookup", "index"],
        0,
        "",
        "write a `table` or `grid`, and use it by its name alone",
    ),
    row(&["least", "smallest", "minimum"], 0, "min({*})", "write `min(a, b)`"),
    row(&["greatest", "largest", "maximum"], 0, "max({*})", "write `max(a, b)`"),
];

/// Functions that round, and the mode that does so; empty where the mode is a choice.
const ROUNDING: &[(&[&str], &str)] = &[
    (&["round", "rounded", "mround", "round_half_up"], ""),
    (&["ceil", "ceiling"], "ceiling"),
    (&["roundup", "round_up"], "up"),
    (&["floor"], "floor"),
    (&["trunc", "truncate", "rounddown", "round_down", "int", "to_int", "fix"], "down"),
];

/// The diagnostic for a call, where the policy has these items.
pub fn report(call: &ForeignCall, items: &[Item], source: &str) -> Diagnostic {
    let name = &call.name;
    let word = name.text.to_lowercase();
    let message = format!("there is no function `{}`", name.text);
    if let Some(diagnostic) = of_a_definition(call, items, source) {
        return diagnostic;
    }
    let diagnostic = Diagnostic::new(Code::UnknownFunction, name.span, message);
    if let Some(known) = Function::ALL.into_iter().find(|known| known.name() == word) {
        let written = known.name();
        return diagnostic.help(format!("write `{written}`")).fix(name.span, written);
    }
    let args: Vec<&str> = call.args.iter().map(|arg| arg.text(source)).collect();
    if let Some((_, mode)) = ROUNDING.iter().find(|(names, _)| names.contains(&word.as_str())) {
        return rounding(diagnostic, call, &args, mode);
    }
    if let Some(day) = date(&word, &args) {
        return diagnostic.help(format!("write `{day}`")).fix(call.span, day);
    }
    let of_name = || INSTEAD.iter().filter(|row| row.names.contains(&word.as_str()));
    let exact = of_name().find(|row| row.arguments == args.len() && !row.text.is_empty());
    let fits = exact.or_else(|| of_name().find(|row| row.arguments == 0)).or_else(|| of_name().next());
    let Some(row) = fits else { return misspelled(diagnostic, name, items) };
    match filled(row, &args).filter(|text| !text.is_empty()) {
        Some(text) => {
            let text = if is_whole(call.span, source) { text } else { format!("({text})") };
            diagnostic.help(format!("write `{text}`")).fix(call.span, text)
        }
        None => diagnostic.help(row.help),
    }
}

fn misspelled(diagnostic: Diagnostic, name: &Name, items: &[Item]) -> Diagnostic {
    let functions = Function::ALL.map(Function::name);
    let tables = items.iter().filter_map(|item| match item {
        Item::FactTable(table) => Some(table.name.text.as_str()),
        _ => None,
    });
    match nearest(&name.text, functions.into_iter().chain(tables)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(name.span, near).unsure(),
        None => {
            let quoted = functions.map(|known| format!("`{known}`"));
            diagnostic.help(format!("the functions are {}", one_of(&quoted).replace(" or ", " and ")))
        }
    }
}

/// `base(cover)`: a table, or another name that is not a function.
fn of_a_definition(call: &ForeignCall, items: &[Item], source: &str) -> Option<Diagnostic> {
    let name = &call.name;
    let is = |known: &Name| known.text == name.text;
    let noun = items.iter().find_map(|item| match item {
        Item::Table(item) if is(&item.name) => Some("a table"),
        Item::Grid(item) if is(&item.name) => Some("a grid"),
        Item::Param(item) if is(&item.name) => Some("a parameter"),
        Item::Set(item) if is(&item.name) => Some("a set"),
        Item::Let(item) if is(&item.name) => Some("a `let`"),
        Item::Input(block) if block.fields.iter().any(|field| is(&field.name)) => Some("an input"),
        _ => None,
    })?;
    let behind = Span { start: name.span.end, ..call.span };
    let message = format!("`{}` is {noun}, not a function", name.text);
    let diagnostic = Diagnostic::new(Code::UnknownFunction, call.span, message);
    let alone = format!("write `{}` alone", name.text);
    if noun == "a table" || noun == "a grid" {
        return Some(
            diagnostic.help(format!("{alone}: it names its keys where it is defined")).fix(behind, ""),
        );
    }
    let factor = behind.text(source).trim_start();
    if factor.trim_matches(['(', ')', ' ']).is_empty() {
        return Some(diagnostic.help(alone).fix(behind, ""));
    }
    Some(diagnostic.help(format!("{alone}, or `{} * {factor}` for a product", name.text)))
}

fn rounding(diagnostic: Diagnostic, call: &ForeignCall, args: &[&str], mode: &str) -> Diagnostic {
    let Some(value) = args.first() else {
        return diagnostic.help("write `x rounded half_up to cent`");
    };
    let digits =
        args.get(1).map_or(Some(0), |text| text.trim().parse::<u8>().ok()).filter(|digits| *digits <= 9);
    let number = match digits {
        None => "cent".to_string(),
        Some(0) => "integer".into(),
        Some(digits) => format!("0.{}1", "0".repeat(usize::from(digits) - 1)),
    };
    let shown = if mode.is_empty() { "half_up" } else { mode };
    let rounded = format!("{value} rounded {shown} to");
    diagnostic.help(match (call.of_quotient, digits) {
        (true, _) => {
            format!("write `{rounded} 0.01%` for a percentage, or `{rounded} {number}` for a number")
        }
        (false, Some(0)) => format!("write `{rounded} integer` for a number, or `to dollar` for money"),
        _ => format!("write `{rounded} cent` for money, or `{rounded} {number}` for a number"),
    })
}

/// `date(2025, 1, 31)`, `to_date("2025-01-31")`
fn date(word: &str, args: &[&str]) -> Option<String> {
    if !["date", "to_date", "parse_date", "datevalue", "todate", "localdate"].contains(&word) {
        return None;
    }
    let [year, month, day] = args else { return None };
    let text = format!("{:0>4}-{:0>2}-{:0>2}", year.trim(), month.trim(), day.trim());
    opus_ir::date::parse(&text).map(|_| text)
}

/// The text with its arguments; empty where it does not fit them.
fn filled(row: &Instead, args: &[&str]) -> Option<String> {
    let rest = |separator: &str| args.join(separator);
    let text = match row.text {
        "" => return None,
        "({*and})" if args.len() > 1 => format!("({})", rest(" and ")),
        "({*or})" if args.len() > 1 => format!("({})", rest(" or ")),
        "({*+})" if args.len() > 1 => format!("({})", rest(" + ")),
        "{0} in {{*,}}" if args.len() > 1 => format!("{} in {{{}}}", args[0], args[1..].join(", ")),
        text if text.contains("{*}") => text.replace("{*}", &rest(", ")),
        text if row.arguments == args.len() => args
            .iter()
            .enumerate()
            .fold(text.to_string(), |text, (at, arg)| text.replace(&format!("{{{at}}}"), arg)),
        _ => return None,
    };
    Some(text)
}

/// Whether a call is a whole expression, so that its replacement needs no parentheses.
fn is_whole(call: Span, source: &str) -> bool {
    let before = source.get(..call.start as usize).unwrap_or("").trim_end();
    let behind = source.get(call.end as usize..).unwrap_or("");
    let next = behind.trim_start_matches([' ', '\t']);
    let begins = before.ends_with(['=', '(', ',', ':']) || before.ends_with("=>") || before.ends_with("when");
    begins
        && (next.is_empty() || next.starts_with(['\n', '\r', ')', ',', '}', ';']) || next.starts_with("=>"))
}
