//! Are the appendices up to date? The tables of limits, units, the artifact and the diagnostics are derived from
//! the code. Each page has prose, then a line that marks the generated part; `UPDATE=1` rewrites everything below
//! it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use opus_frontend::check::units;
use opus_frontend::codes::Code;
use opus_frontend::compile;
use opus_frontend::diagnostic::Diagnostic;
use opus_frontend::limits;
use opus_frontend::parse::parse;
use opus_spec::stage;

/// The page is generated below this line.
const MARK: &str = "<!-- below: `UPDATE=1 cargo test -p opus-spec --test appendices` -->\n";

#[test]
fn limits_are_those_of_the_compiler() {
    let mut text = String::from("| at most | what | reason | diagnostic |\n| ---: | --- | --- | --- |\n");
    for limit in limits::ALL {
        let told = limit.code.map_or_else(|| "no diagnostic".to_owned(), |code| format!("`{code}`"));
        text += &format!("| {} | {} | {} | {told} |\n", grouped(limit.max), limit.of, limit.reason);
    }
    holds("limits.md", &text);
}

#[test]
fn units_are_those_of_the_compiler() {
    holds("units.md", &units::markdown());
}

#[test]
fn the_artifact_is_as_it_is_built() {
    let header = fs::read_to_string(root().join("../runtime/src/artifact/header.rs")).expect("it is there");
    let table = header.lines().filter_map(|line| line.strip_prefix("//! |")).map(|row| format!("|{row}\n"));
    let archived =
        fs::read_to_string(root().join("../runtime/src/artifact/archived.rs")).expect("it is there");
    let (_, types) = archived.split_once("archived! {\n").expect("the types are declared in one place");
    let (types, _) = types.split_once("\n}\n").expect("the declaration ends");
    holds(
        "artifact.md",
        &format!("## Header\n\n{}\n## Sections\n{}", table.collect::<String>(), sections(types)),
    );
}

/// The archived types as tables.
fn sections(types: &str) -> String {
    let (mut text, mut doc) = (String::new(), String::new());
    for line in types.lines().map(str::trim) {
        if let Some(words) = line.strip_prefix("/// ") {
            doc = if doc.is_empty() { words.to_owned() } else { format!("{doc} {words}") };
            continue;
        }
        if let Some(name) = line.strip_prefix("struct ").and_then(|rest| rest.strip_suffix(" {")) {
            text += &format!("\n### {name}\n\n{doc}\n\n| field | type | what |\n| --- | --- | --- |\n");
        } else if let Some((field, ty)) = line.strip_suffix(',').and_then(|line| line.split_once(": ")) {
            text += &format!("| `{field}` | `{ty}` | {doc} |\n");
        }
        doc.clear();
    }
    text
}

/// Every code has a policy that causes it: the example on its page or, for a limit, a policy just beyond the
/// limit.
#[test]
fn every_diagnostic_is_said_at_its_line() {
    let (mut text, mut silent) = (String::new(), Vec::new());
    let beyond: BTreeMap<Code, String> =
        sources().into_iter().map(|(code, _, beyond)| (code, beyond)).collect();
    for &code in Code::ALL {
        text += &format!("\n## {code}: {}\n\n", code.title());
        let source = beyond.get(&code).map_or(code.examples()[0], String::as_str);
        let (compiled, said) = compile(source);
        assert!(compiled.is_none() || code.code().starts_with('W'), "{code}: the policy compiles");
        let of_code: Vec<&Diagnostic> = said.iter().filter(|one| one.code == code).collect();
        if of_code.is_empty() {
            silent.push(code);
        }
        for one in of_code.iter().take(1) {
            let told = stage::told(source, &[(*one).clone()]);
            let line =
                told.split(' ').next().and_then(|number| number.parse::<usize>().ok()).expect("a line");
            let quoted = visible(source.lines().nth(line - 1).unwrap_or("").trim());
            let quoted = if quoted.len() > 110 || quoted.is_empty() { String::new() } else { quoted + "\n" };
            let help = one.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
            text += &format!("```text\n{quoted}{told}{help}```\n");
        }
    }
    assert!(silent.is_empty(), "nothing is said about the policies of {silent:?}");
    holds("diagnostics.md", text.trim_start());
}

/// A line in which every character is visible.
fn visible(line: &str) -> String {
    let shown = |c: char| c.is_ascii() || c.is_alphanumeric() || "…§€£".contains(c);
    let each = |c: char| if shown(c) { c.to_string() } else { c.escape_unicode().to_string() };
    line.chars().map(each).collect()
}

/// A policy at a limit does not exceed it.
#[test]
fn the_limits_themselves_are_allowed() {
    for (code, at, _) in sources() {
        // the parser checks what counts tokens and definitions; the other limits have tests of their own
        let said = if code == Code::TableTooIntricate { compile(&at).1 } else { parse(&at).1 };
        assert!(said.iter().all(|one| one.code != code), "{code} is said at the limit itself");
    }
}

/// For each code of a limit, a source at the limit and one beyond it.
fn sources() -> Vec<(Code, String, String)> {
    let both =
        |code, limit: usize, source: &dyn Fn(usize) -> String| (code, source(limit), source(limit + 1));
    let many = |count: usize, part: &dyn Fn(usize) -> String| (0..count).map(part).collect::<String>();
    let listed = |count: usize, name: &str| {
        (0..count).map(|index| format!("{name}{index}")).collect::<Vec<_>>().join(", ")
    };
    vec![
        both(Code::SourceTooLong, limits::SOURCE_BYTES_MAX, &|bytes| {
            let policy = with("", "n > 5");
            let rest = bytes - policy.len() - 3;
            format!("{policy}--{}\n", "-".repeat(rest))
        }),
        both(Code::NestedTooDeep, limits::DEPTH_MAX - 16, &|depth| {
            let depth = if depth > limits::DEPTH_MAX - 16 { limits::DEPTH_MAX + 1 } else { depth };
            with("", &format!("{}n{} > 5", "(".repeat(depth), ")".repeat(depth)))
        }),
        both(Code::NameTooLong, limits::NAME_BYTES_MAX, &|bytes| {
            with(&format!("param {} : int in 0..9 = 5", "p".repeat(bytes)), "n > 5")
        }),
        both(Code::TextTooLong, limits::TEXT_BYTES_MAX, &|bytes| {
            with(&format!("enum E {{ a \"{}\" }}", "t".repeat(bytes)), "n > 5")
        }),
        both(Code::TooManyDigits, limits::DIGITS_MAX, &|digits| {
            with("", &format!("n > {}", "1".repeat(digits)))
        }),
        both(Code::TooManyRules, limits::RULES_MAX, &|count| {
            rules(
                &many(count - 1, &|index| format!("    rule R{index} when n == {index} => true\n")),
                100_000,
            )
        }),
        both(Code::TooManyFields, limits::FIELDS_MAX, &|count| {
            let fields = many(count - 1, &|index| format!("    f{index} : bool\n"));
            with(&format!("input {{\n{fields}  }}"), "n > 5")
                .replacen("  input { n : int in 0..9 }\n", "", 1)
                .replacen("input {\n", "input {\n    n : int in 0..9\n", 1)
        }),
        both(Code::TooManyNames, limits::NAMES_MAX, &|count| {
            with(&many(count, &|index| format!("  param p{index} : int in 0..9 = 5\n")), "n > 5")
        }),
        both(Code::TooManyEnumValues, limits::ENUM_VALUES_MAX, &|count| {
            with(&format!("enum E {{ {} }}", listed(count, "v")), "n > 5")
        }),
        both(Code::TooManyRows, limits::ROWS_MAX, &|count| {
            let rows = many(count - 1, &|index| format!("    | {index} => 1 ;\n"));
            rules_with_table(&format!("{rows}    | >= {} => 1 ;\n", count - 1))
        }),
        both(Code::TooManyVersions, limits::VERSIONS_MAX, &|count| {
            let versions =
                many(count, &|index| format!("  version {} from {}-01-01\n", index + 1, 1900 + index));
            let fields = "input { n : int in 0..9  on_day : date in 1900-01-01..2100-12-31 }";
            with(&format!("effective on on_day\n{versions}"), "n > 5")
                .replace("input { n : int in 0..9 }", fields)
        }),
        both(Code::TooManyErrors, limits::ERRORS_MAX, &|count| {
            rules(&many(count, &|index| format!("    rule R{index} when x{index} => true\n")), 9)
        }),
        both(Code::TooManyTokens, 1, &|count| {
            let count = if count > 1 { limits::TOKENS_MAX } else { 1 };
            with("", &format!("n > 5{}", " or n > 5".repeat(count / 4)))
        }),
        both(Code::TableTooIntricate, 1, &|count| intricate(if count > 1 { "" } else { "any" })),
        both(Code::TooManyCells, 1, &|count| {
            let tables = if count > 1 { 21 } else { 1 };
            let table = |index: usize| {
                let rows = many(4_999, &|row| format!("    | {row} | any => 1 ;\n"));
                format!(
                    "  table t{index}(n, n) first -> int in 0..9 {{\n{rows}    | any | any => 1 ;\n  }}\n"
                )
            };
            with(&many(tables, &table), "n > 5")
        }),
    ]
}

/// A `first` table of random rows, each restricting about three of many Booleans. Whether it has a gap is hard to
/// decide, unless the last row matches everything.
fn intricate(last: &str) -> String {
    const KEYS: usize = 80;
    let mut seed: u64 = 5;
    let mut next = |below: usize| {
        // Knuth's constants: the same rows on every machine
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut rows = String::new();
    for _ in 0..340 {
        let mut cells = ["any"; KEYS];
        for _ in 0..3 {
            cells[next(KEYS)] = ["true", "false"][next(2)];
        }
        rows += &format!("    | {} => 1 ;\n", cells.join(" | "));
    }
    if !last.is_empty() {
        rows += &format!("    | {} => 2 ;\n", [last; KEYS].join(" | "));
    }
    let inputs: String = (0..KEYS).map(|key| format!("    k{key} : bool\n")).collect();
    let names: Vec<String> = (0..KEYS).map(|key| format!("k{key}")).collect();
    format!(
        "policy p {{\n  input {{\n{inputs}  }}\n  output {{ o : int in 0..9 }}\n  table t({}) first -> int in 0..9 \
         {{\n{rows}  }}\n  rules first {{ otherwise B => t }}\n}}\n",
        names.join(", ")
    )
}

/// A policy with an additional item and a condition.
fn with(item: &str, condition: &str) -> String {
    format!(
        "policy p {{\n  input {{ n : int in 0..9 }}\n  output {{ o : bool }}\n  {item}\n  rules first {{\n    \
         rule A when {condition} => true\n    otherwise B => false\n  }}\n}}\n"
    )
}

/// A policy with these rules before `otherwise`, and `n` up to `most`.
fn rules(rules: &str, most: usize) -> String {
    format!(
        "policy p {{\n  input {{ n : int in 0..{most} }}\n  output {{ o : bool }}\n  rules first {{\n{rules}    \
         otherwise B => false\n  }}\n}}\n"
    )
}

/// A policy with a table of these rows.
fn rules_with_table(rows: &str) -> String {
    format!(
        "policy p {{\n  input {{ n : int in 0..100_000 }}\n  output {{ o : int in 0..9 }}\n  \
         table t(n) unique -> int in 0..9 {{\n{rows}  }}\n  rules first {{ otherwise B => t }}\n}}\n"
    )
}

/// Checks that a page has this text below its mark; with `UPDATE=1`, writes it.
fn holds(page: &str, text: &str) {
    let path = root().join(page);
    let found = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (prose, below) = found.split_once(MARK).unwrap_or_else(|| panic!("{page} lacks the line\n{MARK}"));
    let text = format!("\n{}\n", text.trim());
    if below == text {
        return;
    }
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, format!("{prose}{MARK}{text}")).expect("the page can be written");
        return;
    }
    let differs = below.lines().zip(text.lines()).find(|(a, b)| a != b);
    panic!(
        "spec/{page} is not what follows from the code, first at {differs:?}: run with UPDATE=1 and read it"
    );
}

/// Digits in groups of three.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).expect("digits")).collect();
    groups.join(",")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
