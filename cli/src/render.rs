//! How are diagnostics shown? To people in the manner of rustc, to programs as JSON.

use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use opus_frontend::ast::Span;
use opus_frontend::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

/// A diagnostic for people; `styled` with colours.
pub fn human(path: &str, source: &str, diagnostic: &Diagnostic, styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    renderer.render(&groups(path, source, diagnostic))
}

fn groups<'a>(path: &'a str, source: &'a str, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
    let level = match diagnostic.code.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let place = |span: Span| {
        let end = (span.end as usize).min(source.len());
        (span.start as usize).min(end)..end
    };
    let primary = AnnotationKind::Primary.span(place(diagnostic.primary.span));
    let mut snippet = Snippet::source(source).path(path).annotation(match diagnostic.primary.text.as_str() {
        "" => primary,
        text => primary.label(text),
    });
    for label in &diagnostic.secondary {
        snippet =
            snippet.annotation(AnnotationKind::Context.span(place(label.span)).label(label.text.as_str()));
    }
    let mut main =
        level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.code()).element(snippet);
    if let Some(fields) = &diagnostic.counterexample {
        let written: Vec<String> = fields.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        main = main.element(Level::NOTE.message(format!("for instance {}", written.join("  "))));
    }
    let mut groups = vec![];
    match (&diagnostic.help, &diagnostic.fix) {
        (Some(help), Some(fix)) => {
            groups.push(main);
            let patches =
                fix.edits.iter().map(|edit| Patch::new(place(edit.span), edit.replacement.as_str()));
            groups.push(
                Level::HELP
                    .secondary_title(help.as_str())
                    .element(Snippet::source(source).path(path).patches(patches)),
            );
        }
        (Some(help), None) => groups.push(main.element(Level::HELP.message(help.as_str()))),
        (None, _) => groups.push(main),
    }
    groups
}

/// A test that failed: what was expected, where it is written, and what was found.
pub fn failed(path: &str, source: &str, title: &str, span: Span, found: &str, styled: bool) -> String {
    let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
    let place = (span.start as usize).min(source.len())..(span.end as usize).min(source.len());
    let snippet =
        Snippet::source(source).path(path).annotation(AnnotationKind::Primary.span(place).label(found));
    renderer.render(&[Level::ERROR.primary_title(title).element(snippet)])
}

/// A diagnostic for programs.
pub fn json(source: &str, diagnostic: &Diagnostic) -> Value {
    let fields = |fields: &Vec<(String, String)>| -> Value {
        fields
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    json!({
        "code": diagnostic.code.code(),
        "name": diagnostic.code.name(),
        "severity": diagnostic.code.severity().name(),
        "message": diagnostic.message,
        "place": place(source, diagnostic.primary.span),
        "label": diagnostic.primary.text,
        "also": diagnostic.secondary.iter()
            .map(|label| json!({ "place": place(source, label.span), "label": label.text })).collect::<Vec<_>>(),
        "help": diagnostic.help,
        "counterexample": diagnostic.counterexample.as_ref().map(fields),
        "fix": diagnostic.fix.as_ref().map(|fix| json!({
            "sure": fix.sure,
            "edits": fix.edits.iter()
                .map(|edit| json!({ "place": place(source, edit.span), "replacement": edit.replacement }))
                .collect::<Vec<_>>(),
        })),
    })
}

/// Bytes, and lines and columns from 1 (columns count characters).
pub fn place(source: &str, span: Span) -> Value {
    let (start, end) = (position(source, span.start), position(source, span.end));
    json!({
        "start": { "byte": span.start, "line": start.0, "column": start.1 },
        "end": { "byte": span.end, "line": end.0, "column": end.1 },
    })
}

/// The line and column of a byte, both from 1.
pub fn position(source: &str, byte: u32) -> (usize, usize) {
    let mut at = (byte as usize).min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = &source[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus_frontend::diagnostic::Code;

    const SOURCE: &str = "policy p {\n  rule when äge = 18\n}\n";

    fn diagnostic() -> Diagnostic {
        let at = SOURCE.find('=').expect("it is there");
        Diagnostic::new(Code::SingleEquals, Span::new(at, at + 1), "`=` does not compare")
            .label("this defines")
            .help("write `==`")
            .fix(Span::new(at, at + 1), "==")
            .counterexample(vec![("age".into(), "18".into())])
    }

    #[test]
    fn people_see_code_place_and_help() {
        let text = human("p.opus", SOURCE, &diagnostic(), false);
        for part in [
            "error[E0106]: `=` does not compare",
            "p.opus:2:17",
            "this defines",
            "help: write `==`",
            "age = 18",
        ] {
            assert!(text.contains(part), "`{part}` is missing in\n{text}");
        }
    }

    #[test]
    fn programs_see_lines_and_columns() {
        let value = json(SOURCE, &diagnostic());
        assert_eq!(value["code"], "E0106");
        assert_eq!(value["place"]["start"], json!({ "byte": 28, "line": 2, "column": 17 }));
    }
}
