//! How are dates, numbers, comparisons and choices written in other languages, and how here? Each mistake knows the
//! words that show it, and the edits that correct it.

use crate::currency;
use crate::diagnostic::{Code, Diagnostic, Edit};
use crate::text::ast::Span;
use crate::text::foreign_date;
use crate::text::token::Token;

use super::stop::Stop;

/// A diagnostic that shows how something is written here.
fn written(span: Span, found: &str, meant: &str) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, span, format!("`{found}` is written `{meant}`"))
        .help(format!("write `{meant}`"))
}

fn misplaced(stop: &Stop, span: Span) -> Diagnostic {
    Diagnostic::new(Code::UnexpectedToken, span, format!("`{}` does not belong here", span.text(stop.source)))
}

/// From the word with the first index to the one before the second.
fn across(stop: &Stop, from: usize, to: usize) -> Span {
    stop.place(from).to(stop.place(to.max(from + 1) - 1))
}

// dates and numbers

/// `01.07.2025`, `1 July 2025`
pub(super) fn date(stop: &Stop) -> Option<Diagnostic> {
    const PARTS_MAX: usize = 6;
    let expected = stop.expects(Token::Date);
    let is_part = |at: usize| {
        let number = stop.words.get(at).is_some_and(|word| matches!(word.1, Token::Number | Token::Text));
        let sign = stop.words.get(at).is_some_and(|word| {
            matches!(word.1, Token::Slash | Token::Dot | Token::Minus | Token::Comma | Token::Word)
        });
        (number || sign) && (at == stop.at || !stop.begins_line(at))
    };
    let read = |from: usize| {
        let run = (from..from + PARTS_MAX).take_while(|&at| is_part(at)).last()? + 1;
        (from + 1..=run).rev().find_map(|to| {
            let span = across(stop, from, to);
            let ends = stop.words[to - 1].1 != Token::Comma && stop.words[to - 1].1 != Token::Dot;
            let text = span.text(stop.source).trim_matches('"');
            // `12, 24, 36` is a list
            let listed = text.contains([',', ' ']) && !text.contains(|c: char| c.is_ascii_alphabetic());
            let ends = ends && !listed;
            let iso = opus_ir::date::parse(text).map(|_| foreign_date::Reading::One(text.to_string()));
            Some((span, iso.or_else(|| foreign_date::read(text)).filter(|_| ends)?))
        })
    };
    let starts = [Some(stop.at), stop.at.checked_sub(1), stop.at.checked_sub(2)];
    let starts = starts.into_iter().flatten().filter(|&at| stop.words.get(at).is_some());
    let (span, reading) = starts
        .filter(|&at| {
            let token = stop.words[at].1;
            let begins = matches!(token, Token::Number | Token::Word);
            let alone = token == Token::Text && at == stop.at;
            (begins || alone) && (expected || !matches!(token, Token::Number) || at < stop.at)
        })
        .find_map(read)
        .filter(|(span, _)| span.end > stop.span().start)?;
    let diagnostic = Diagnostic::new(
        Code::MalformedDate,
        span,
        format!("`{}` is not written as a date", span.text(stop.source)),
    )
    .help(reading.help());
    Some(match reading.sure() {
        Some(day) => diagnostic.fix(span, day),
        None => diagnostic,
    })
}

/// `10,000.00`, `1.000,50`, `12,5`
pub(super) fn grouped_number(stop: &Stop) -> Option<Diagnostic> {
    let comma = stop.token() == Some(Token::Comma) && stop.joins_digits();
    if !comma || !stop.ago_is(1, &[Token::Number, Token::Money, Token::Percent]) {
        return None;
    }
    let first = stop.at - 1;
    let mut end = stop.at;
    let joined = |at: usize| stop.place(at - 1).end == stop.place(at).start;
    while stop.words.get(end).is_some_and(|word| word.1 == Token::Comma)
        && stop
            .words
            .get(end + 1)
            .is_some_and(|word| matches!(word.1, Token::Number | Token::Percent | Token::Money))
        && joined(end)
        && joined(end + 1)
    {
        end += 2;
    }
    let span = across(stop, first, end);
    let text = span.text(stop.source);
    let meant = number_here(text)?;
    let diagnostic =
        Diagnostic::new(Code::MalformedNumber, span, format!("`{text}` is not written as a number"));
    Some(
        diagnostic
            .help(format!("write `{meant}`: `_` groups digits, and `.` is the decimal point"))
            .fix(span, meant),
    )
}

/// A number with the signs of another country, as it is written here.
fn number_here(text: &str) -> Option<String> {
    let groups: Vec<&str> = text.split(',').collect();
    let whole = |part: &str| part.bytes().take_while(u8::is_ascii_digit).count();
    let (head, rest) = groups.split_first()?;
    let continental = rest.len() == 1 && head.contains('.');
    if continental {
        let whole_part = head.replace('.', "_");
        return Some(format!("{whole_part}.{}", rest[0]));
    }
    // `1,234,567`, and `12,34,567` as in India
    let grouped = rest.iter().all(|group| (2..=3).contains(&whole(group)));
    if grouped && rest.last().is_some_and(|group| whole(group) == 3) {
        return Some(groups.join("_"));
    }
    (rest.len() == 1).then(|| format!("{head}.{}", rest[0]))
}

/// `USD 500`, `500 euros`, `5 percent`, `2 weeks`; also where the word was taken for the name of what comes next.
pub(super) fn unit_word(stop: &Stop) -> Option<Diagnostic> {
    let taken = stop.expects(Token::Becomes) || stop.expects(Token::Colon);
    let before = stop.at.checked_sub(1).filter(|_| taken && stop.ago(2) == Some(Token::Number));
    before.and_then(|at| unit_word_at(stop, at)).or_else(|| unit_word_at(stop, stop.at))
}

fn unit_word_at(stop: &Stop, at: usize) -> Option<Diagnostic> {
    let before = at.checked_sub(1)?;
    let (word, place) = (stop.word_text(at), stop.place(at));
    let here = word.to_lowercase();
    let number = stop.words[before].1 == Token::Number;
    let counted = stop.word_text(before);
    if at == stop.at
        && stop.token() == Some(Token::Number)
        && currency::find(&stop.text_ago(1).to_uppercase()).is_some()
    {
        let span = stop.place(before).to(stop.span());
        let meant = format!("{} {}", stop.text(), stop.text_ago(1).to_uppercase());
        let diagnostic =
            Diagnostic::new(Code::UnexpectedToken, span, "the code of a currency comes after the number");
        return Some(diagnostic.help(format!("write `{meant}`")).fix(span, meant));
    }
    if stop.words.get(at).is_none_or(|word| word.1 != Token::Word) || stop.begins_line(at) {
        return None;
    }
    let span = stop.place(before).to(place);
    let gap = Span { start: stop.place(before).end, ..place };
    match here.as_str() {
        "percent" | "pct" | "pc" | "percentage" if number => {
            let meant = format!("{counted}%");
            Some(written(span, span.text(stop.source), &meant).fix(gap, "%"))
        }
        "week" | "weeks" if number => {
            let count: u32 = counted.parse().ok().filter(|count| *count < 10_000)?;
            let meant = format!("{} days", count * 7);
            Some(written(span, span.text(stop.source), &meant).fix(span, meant))
        }
        "euro" | "euros" | "dollar" | "dollars" | "pound" | "pounds" | "yen" | "franc" | "francs"
            if number =>
        {
            let at = stop.words.iter().position(|word| word.1 == Token::Currency)?;
            let code = stop.word_text(at + 1);
            let meant = format!("{counted} {code}");
            Some(written(span, span.text(stop.source), &meant).fix(place, code))
        }
        _ if number && currency::find(&here.to_uppercase()).is_some() => {
            let code = here.to_uppercase();
            Some(written(place, word, &code).fix(place, code))
        }
        _ if at == stop.at && stop.expects_unit() => {
            let unit = match here.as_str() {
                "day" | "dys" => "days",
                "month" | "mth" | "mths" | "mo" | "mos" => "months",
                "year" | "yr" | "yrs" => "years",
                _ if stop.token() == Some(Token::Word) => {
                    ["days", "months", "years"].into_iter().find(|unit| *unit == here)?
                }
                _ => return None,
            };
            Some(written(stop.span(), stop.text(), unit).fix(stop.span(), unit))
        }
        _ => None,
    }
}

// conditions

/// Words that compare, test or calculate in prose and in other languages, and how that is written here.
const PHRASES: &[(&str, &str)] = &[
    ("is greater than or equal to", ">="),
    ("greater than or equal to", ">="),
    ("is at least", ">="),
    ("at least", ">="),
    ("is not less than", ">="),
    ("is no less than", ">="),
    ("not less than", ">="),
    ("no less than", ">="),
    ("is not below", ">="),
    ("is not under", ">="),
    ("gte", ">="),
    ("ge", ">="),
    ("is less than or equal to", "<="),
    ("less than or equal to", "<="),
    ("is at most", "<="),
    ("at most", "<="),
    ("is not more than", "<="),
    ("is no more than", "<="),
    ("no more than", "<="),
    ("not more than", "<="),
    ("is not greater than", "<="),
    ("is not above", "<="),
    ("is not over", "<="),
    ("up to", "<="),
    ("lte", "<="),
    ("le", "<="),
    ("is greater than", ">"),
    ("greater than", ">"),
    ("is more than", ">"),
    ("more than", ">"),
    ("is higher than", ">"),
    ("higher than", ">"),
    ("is larger than", ">"),
    ("larger than", ">"),
    ("is over", ">"),
    ("over", ">"),
    ("is above", ">"),
    ("above", ">"),
    ("exceeds", ">"),
    ("is after", ">"),
    ("after", ">"),
    ("is later than", ">"),
    ("later than", ">"),
    ("is older than", ">"),
    ("gt", ">"),
    ("is less than", "<"),
    ("less than", "<"),
    ("is lower than", "<"),
    ("lower than", "<"),
    ("is smaller than", "<"),
    ("smaller than", "<"),
    ("is under", "<"),
    ("under", "<"),
    ("is below", "<"),
    ("below", "<"),
    ("is before", "<"),
    ("before", "<"),
    ("is earlier than", "<"),
    ("earlier than", "<"),
    ("lt", "<"),
    ("is not equal to", "!="),
    ("not equal to", "!="),
    ("is different from", "!="),
    ("differs from", "!="),
    ("does not equal", "!="),
    ("isnt", "!="),
    ("neq", "!="),
    ("ne", "!="),
    ("is equal to", "=="),
    ("is the same as", "=="),
    ("equal to", "=="),
    ("equals to", "=="),
    ("equals", "=="),
    ("eq", "=="),
    ("is one of", "in"),
    ("is any of", "in"),
    ("one of", "in"),
    ("is in", "in"),
    ("is not missing", "is present"),
    ("is not null", "is present"),
    ("is not none", "is present"),
    ("is not nil", "is present"),
    ("is not empty", "is present"),
    ("is not blank", "is present"),
    ("is not undefined", "is present"),
    ("is not unknown", "is present"),
    ("is not absent", "is present"),
    ("is given", "is present"),
    ("is known", "is present"),
    ("is provided", "is present"),
    ("is defined", "is present"),
    ("is set", "is present"),
    ("exists", "is present"),
    ("notnull", "is present"),
    ("not null", "is present"),
    ("is not present", "is missing"),
    ("is null", "is missing"),
    ("is none", "is missing"),
    ("is nil", "is missing"),
    ("is empty", "is missing"),
    ("is blank", "is missing"),
    ("is undefined", "is missing"),
    ("is unknown", "is missing"),
    ("is absent", "is missing"),
    ("is not given", "is missing"),
    ("is not known", "is missing"),
    ("is not provided", "is missing"),
    ("is not defined", "is missing"),
    ("is not set", "is missing"),
    ("isnull", "is missing"),
    ("does not exist", "is missing"),
    ("divided by", "/"),
    ("multiplied by", "*"),
    ("plus", "+"),
    ("minus", "-"),
    ("times", "*"),
    ("modulo", "mod"),
    ("is not", "!="),
    ("is", "=="),
];

/// `less than`, `is not null`
pub(super) fn phrase(stop: &Stop) -> Option<Diagnostic> {
    let starts = [stop.at.checked_sub(2), stop.at.checked_sub(1), Some(stop.at)];
    starts.into_iter().flatten().find_map(|from| phrase_at(stop, from))
}

fn phrase_at(stop: &Stop, from: usize) -> Option<Diagnostic> {
    let words = |count: usize| -> String {
        (from..from + count).map(|at| stop.word_text(at).to_lowercase()).collect::<Vec<_>>().join(" ")
    };
    let at_end = |to: usize| stop.words.get(to).is_none_or(|word| !word.1.begins_value());
    let fits = |&&(phrase, meant): &&(&str, &str)| {
        let count = phrase.split(' ').count();
        let to = from + count;
        let asks = meant.starts_with("is ");
        let single = count == 1 && stop.outline().declares(phrase);
        (from..=to).contains(&stop.at) && words(count) == phrase && !single && (asks || !at_end(to))
    };
    let (phrase, meant) = PHRASES.iter().filter(fits).max_by_key(|row| row.0.len())?;
    let span = across(stop, from, from + phrase.split(' ').count());
    let found = span.text(stop.source);
    let follows_value =
        from > 0 && !matches!(stop.words[from - 1].1, Token::Bar | Token::Semicolon | Token::BlockOpen);
    let prefixed = meant.starts_with(['<', '>']);
    (*meant != found && (follows_value || prefixed)).then(|| written(span, found, meant).fix(span, *meant))
}

/// `x between a and b`
pub(super) fn between(stop: &Stop) -> Option<Diagnostic> {
    let word = [Some(stop.at), stop.at.checked_sub(1)]
        .into_iter()
        .flatten()
        .find(|&at| stop.word_text(at).eq_ignore_ascii_case("between"))?;
    let and = stop.operand_end(word + 1, false);
    let joins =
        stop.words.get(and).is_some_and(|word| matches!(word.1, Token::And | Token::To | Token::Comma));
    let from = if word > 0 && stop.words[word - 1].1 == Token::Is { word - 1 } else { word };
    let in_cell =
        from > 0 && matches!(stop.words[from - 1].1, Token::Bar | Token::Semicolon | Token::BlockOpen);
    let low = across(stop, word + 1, and).text(stop.source);
    let end = stop.operand_end(and + 1, false);
    let high = across(stop, and + 1, end).text(stop.source);
    if !joins || end <= and + 1 {
        let help = "a range is written with `in`: `x in a..b`";
        return Some(misplaced(stop, stop.place(word)).help(help));
    }
    let meant = if in_cell { format!("{low}..{high}") } else { format!("in {low}..{high}") };
    let span = across(stop, from, end);
    Some(written(span, span.text(stop.source), &meant).fix(span, meant))
}

/// `x not in {a, b}`
pub(super) fn not_in(stop: &Stop) -> Option<Diagnostic> {
    let not = [Some(stop.at), stop.at.checked_sub(1)].into_iter().flatten().find(|&at| {
        stop.word_text(at).eq_ignore_ascii_case("not") && stop.word_text(at + 1).eq_ignore_ascii_case("in")
    })?;
    let subject_end = if not > 0 && stop.words[not - 1].1 == Token::Is { not - 1 } else { not };
    let start = stop.operand_start(subject_end, false);
    let subject = across(stop, start, subject_end);
    if start >= subject_end || stop.expects(Token::Above) {
        return None;
    }
    let words = across(stop, subject_end, not + 2);
    Some(
        misplaced(stop, stop.place(not))
            .help(format!("`not` comes first: `not {} in …`", subject.text(stop.source)))
            .edits([Edit::new(Span { end: subject.start, ..subject }, "not "), Edit::new(words, "in")]),
    )
}

/// `x >= a and < b`
pub(super) fn without_subject(stop: &Stop) -> Option<Diagnostic> {
    let compares = stop.token().is_some_and(Token::compares);
    if !compares || !stop.ago_is(1, &[Token::And, Token::Or]) {
        return None;
    }
    let joins = stop.at - 1;
    let start = stop.operand_start(joins, false);
    let sign = start.checked_sub(1).filter(|&at| stop.words[at].1.compares())?;
    let first = stop.operand_start(sign, false);
    if first == sign {
        return None;
    }
    let subject = across(stop, first, sign).text(stop.source);
    let end = stop.operand_end(stop.at + 1, false);
    let whole = format!(
        "{} {}",
        across(stop, first, stop.at).text(stop.source),
        format_args!("{subject} {}", across(stop, stop.at, end).text(stop.source))
    );
    let place = Span { end: stop.span().start, ..stop.span() };
    Some(
        Diagnostic::new(Code::UnexpectedToken, stop.span(), "this comparison has no left side")
            .help(format!("repeat it: `{whole}`"))
            .fix(place, format!("{subject} ")),
    )
}

/// `40% income`
pub(super) fn part_without_of(stop: &Stop) -> Option<Diagnostic> {
    let of = stop.ago(1) == Some(Token::Percent) && stop.begins_value() && !stop.on_new_line();
    let value =
        stop.token().is_some_and(|token| token.is_name() || matches!(token, Token::Open | Token::Money));
    (of && value && stop.token() != Some(Token::Minus)).then(|| {
        let (percent, whole) = (stop.text_ago(1), stop.text());
        let meant =
            if whole == "(" { format!("{percent} of (…)") } else { format!("{percent} of {whole}") };
        Diagnostic::new(
            Code::UnexpectedToken,
            stop.span(),
            format!("`of` is missing between `{percent}` and `{whole}`"),
        )
        .help(format!("write `{meant}`"))
        .fix(
            stop.end_of_before(),
            if stop.end_of_before() == (Span { end: stop.span().start, ..stop.span() }) {
                " of "
            } else {
                " of"
            },
        )
    })
}

/// `vehicle like "moto%"`
pub(super) fn pattern(stop: &Stop) -> Option<Diagnostic> {
    const WORDS: [&str; 12] = [
        "like",
        "matches",
        "contains",
        "startswith",
        "endswith",
        "starts_with",
        "ends_with",
        "starts",
        "begins",
        "ends",
        "ilike",
        "regexp",
    ];
    let word = [Some(stop.at), stop.at.checked_sub(1)]
        .into_iter()
        .flatten()
        .find(|&at| WORDS.contains(&stop.word_text(at).to_lowercase().as_str()))?;
    let subject = stop.word_text(word.checked_sub(1)?);
    let with = usize::from(stop.word_text(word + 1) == "with");
    let text = word + 1 + with;
    let values = stop.outline().values_of_input(subject);
    let help = |values: &[&str]| {
        let all = values.iter().take(8).copied().collect::<Vec<_>>().join(", ");
        format!("compare whole values: `{subject} in {{{all}}}`")
    };
    let message = format!("there are no patterns: `{}` does not belong here", stop.word_text(word));
    let diagnostic = Diagnostic::new(Code::UnexpectedToken, stop.place(word), message);
    let Some(values) = values else {
        return Some(diagnostic.help("compare whole values: `x == a`, `x in {a, b}`"));
    };
    let is_text = stop.words.get(text).is_some_and(|word| word.1 == Token::Text);
    let pattern = stop.word_text(text).trim_matches('"').to_lowercase();
    let bare = pattern.trim_matches(['%', '*', '^', '$', '.']).to_string();
    let open = |end: bool| if end { pattern.ends_with(['%', '*']) } else { pattern.starts_with(['%', '*']) };
    let (before, behind) = match stop.word_text(word).to_lowercase().as_str() {
        "contains" | "matches" | "regexp" => (true, true),
        "startswith" | "starts_with" | "starts" | "begins" => (false, true),
        "endswith" | "ends_with" | "ends" => (true, false),
        _ => (open(false), open(true)),
    };
    let fits = |value: &&&str| {
        let value = value.to_lowercase();
        match (before, behind) {
            (true, true) => value.contains(&bare),
            (false, true) => value.starts_with(&bare),
            (true, false) => value.ends_with(&bare),
            (false, false) => value == bare,
        }
    };
    let found: Vec<&str> = values.iter().filter(fits).copied().collect();
    let meant = match found.as_slice() {
        [] => return Some(diagnostic.help(help(values))),
        [only] => format!("== {only}"),
        several => format!("in {{{}}}", several.join(", ")),
    };
    let diagnostic = diagnostic.help(format!("compare whole values: write `{subject} {meant}`"));
    Some(if is_text && !bare.is_empty() {
        diagnostic.fix(across(stop, word, text + 1), meant)
    } else {
        diagnostic
    })
}

/// `kind == "personal"`
pub(super) fn quoted(stop: &Stop) -> Option<Diagnostic> {
    let value = stop.token() == Some(Token::Text)
        && (stop.expects(Token::Number) || stop.expects(Token::Above))
        && !stop.expects(Token::Policy);
    if !value {
        return None;
    }
    let text = stop.text().trim_matches('"');
    let is_number = !text.is_empty() && crate::text::lexer::number(text.trim_end_matches('%')).is_some();
    let empty = text.trim().is_empty()
        && stop.before().is_some_and(|token| matches!(token, Token::Equal | Token::NotEqual));
    if empty {
        let span = stop.place(stop.at - 1).to(stop.span());
        let meant = if stop.before() == Some(Token::Equal) { "is missing" } else { "is present" };
        return Some(written(span, span.text(stop.source), meant).fix(span, meant));
    }
    let diagnostic = Diagnostic::new(Code::UnexpectedToken, stop.span(), "a value cannot be a text");
    let outline = stop.outline();
    Some(match outline.value_like(text).or((is_number || outline.names.contains(text)).then_some(text)) {
        Some(meant) => {
            diagnostic.help(format!("write `{meant}` without quotation marks")).fix(stop.span(), meant)
        }
        None => {
            diagnostic.help("list the possible values in an `enum`, and write them without quotation marks")
        }
    })
}

// choices

/// `CASE WHEN c THEN a ELSE b END`
pub(super) fn case_when(stop: &Stop) -> Option<Diagnostic> {
    let is = |at: usize, word: &str| stop.word_text(at).eq_ignore_ascii_case(word);
    let case =
        (stop.at.saturating_sub(6)..=stop.at).rev().find(|&at| is(at, "case") && !stop.begins_line(at))?;
    let first = (case + 1..stop.words.len()).find(|&at| is(at, "when"))?;
    let subject = (first > case + 1).then(|| across(stop, case + 1, first).text(stop.source));
    if case + 1 + 6 < first {
        return None;
    }
    let mut edits = vec![];
    let (mut at, mut whens, mut has_else) = (case + 1, 0, false);
    loop {
        if at >= stop.words.len()
            || matches!(stop.words[at].1, Token::Semicolon | Token::BlockClose | Token::PolicyClose)
        {
            return Some(choice_help(stop, case));
        }
        if is(at, "when") {
            let head = if whens == 0 { "if" } else { "else if" };
            let head = subject.map_or(head.to_string(), |subject| format!("{head} {subject} =="));
            let from = if whens == 0 { case } else { at };
            edits.push(Edit::new(across(stop, from, at + 1), head));
            whens += 1;
        } else if is(at, "then") {
            edits.push(Edit::new(stop.place(at), "then"));
        } else if is(at, "else") {
            edits.push(Edit::new(stop.place(at), "else"));
            has_else = true;
        } else if is(at, "end") {
            let space = Span { start: stop.place(at - 1).end, end: stop.place(at).end };
            edits.push(Edit::new(space, ""));
            break;
        }
        at += 1;
    }
    let edits = edits.into_iter().filter(|edit| edit.span.text(stop.source) != edit.replacement);
    let diagnostic = choice_help(stop, case);
    Some(if has_else { diagnostic.edits(edits) } else { diagnostic })
}

fn choice_help(stop: &Stop, at: usize) -> Diagnostic {
    misplaced(stop, stop.place(at)).help("write a choice as `if … then … else …`, with both sides")
}

/// `a if c else b`
pub(super) fn value_first(stop: &Stop) -> Option<Diagnostic> {
    let behind_value = stop.token() == Some(Token::If) && stop.at > 0 && !stop.on_new_line();
    let start = stop.operand_start(stop.at, true);
    if !behind_value || start >= stop.at {
        return None;
    }
    let end = stop.operand_end(stop.at + 1, true);
    let has_else = stop.words.get(end).is_some_and(|word| word.1 == Token::Else);
    if !has_else {
        return None;
    }
    let condition = across(stop, stop.at + 1, end).text(stop.source);
    let value = across(stop, start, stop.at);
    let moved = Span { start: value.end, end: stop.place(end - 1).end };
    Some(
        misplaced(stop, stop.span())
            .help(format!(
                "the condition comes first: `if {condition} then {} else …`",
                value.text(stop.source)
            ))
            .edits([
                Edit::new(Span { end: value.start, ..value }, format!("if {condition} then ")),
                Edit::new(moved, ""),
            ]),
    )
}

/// `if c { a } else { b }`, `if c: a else: b`, `if c a else b`
pub(super) fn choice(stop: &Stop) -> Option<Diagnostic> {
    if stop.expects(Token::Else)
        && stop.is_any(&[Token::Comma, Token::Semicolon])
        && stop.after() == Some(Token::Else)
    {
        let space = Span { start: stop.end_of_before().start, ..stop.span() };
        return Some(choice_help(stop, stop.at).fix(space, ""));
    }
    if stop.expects(Token::Else) && ["elif", "elsif", "elseif"].contains(&stop.text()) {
        return Some(written(stop.span(), stop.text(), "else if").fix(stop.span(), "else if"));
    }
    if !stop.expects(Token::Then) {
        return None;
    }
    match stop.token()? {
        Token::BlockOpen | Token::SetOpen => {
            let mut edits = vec![Edit::new(stop.span(), "then")];
            for at in stop.at + 1..stop.words.len() {
                match stop.words[at].1 {
                    Token::Arrow | Token::Semicolon | Token::Rule | Token::Otherwise | Token::PolicyClose => {
                        break;
                    }
                    Token::BlockClose | Token::SetClose | Token::BlockOpen | Token::SetOpen => {
                        let ends = stop.words.get(at + 1).is_none_or(|next| next.1 != Token::Else);
                        edits.push(Edit::new(
                            Span { start: stop.place(at - 1).end, end: stop.place(at).end },
                            "",
                        ));
                        let closes = matches!(stop.words[at].1, Token::BlockClose | Token::SetClose);
                        if closes && ends {
                            break;
                        }
                    }
                    _ => {}
                }
            }
            Some(choice_help(stop, stop.at).edits(edits))
        }
        Token::Colon => {
            let spaced = stop.end_of_before().end < stop.span().start;
            let colon = (stop.at + 1..stop.words.len()).find(|&at| {
                stop.words[at].1 == Token::Else
                    && stop.words.get(at + 1).is_some_and(|next| next.1 == Token::Colon)
            });
            let diagnostic =
                choice_help(stop, stop.at).fix(stop.span(), if spaced { "then" } else { " then" });
            Some(match colon {
                Some(at) => diagnostic.fix(stop.place(at + 1), ""),
                None => diagnostic,
            })
        }
        token if token.begins_value() && !stop.on_new_line() => {
            let message = format!("`then` is missing, {}", stop.found());
            Some(
                Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
                    .help("write a choice as `if … then … else …`, with both sides")
                    .fix(stop.end_of_before(), " then"),
            )
        }
        _ => None,
    }
}

// ranges and cells

/// `700-759`, `0 through 120`
pub(super) fn range(stop: &Stop) -> Option<Diagnostic> {
    const WORDS: [&str; 5] = ["through", "thru", "until", "till", "bis"];
    let literal = |at: usize| {
        stop.words
            .get(at)
            .is_some_and(|word| matches!(word.1, Token::Number | Token::Percent | Token::Money | Token::Date))
    };
    let at = stop.at;
    let dashed = at >= 4
        && stop.expects(Token::Range)
        && literal(at - 1)
        && stop.words[at - 2].1 == Token::Minus
        && literal(at - 3)
        && stop.words[at - 4].1 == Token::In;
    if dashed {
        return Some(between_ends(stop, at - 3, at - 1));
    }
    let worded = stop.expects(Token::Range)
        && (stop.is_any(&[Token::To, Token::Colon, Token::Until]) || WORDS.contains(&stop.text()))
        && at > 0
        && literal(at - 1)
        && literal(at + 1);
    worded.then(|| between_ends(stop, at - 1, at + 1))
}

fn between_ends(stop: &Stop, low: usize, high: usize) -> Diagnostic {
    let meant = format!("{}..{}", stop.word_text(low), stop.word_text(high));
    let span = across(stop, low, high + 1);
    let between = Span { start: stop.place(low).end, end: stop.place(high).start };
    let message = format!("`{}` is not written as a range", span.text(stop.source));
    Diagnostic::new(Code::UnexpectedToken, span, message)
        .help(format!("write a range as `{meant}`, with both ends included"))
        .fix(between, "..")
}

/// `from 0 to 120` after a type
pub(super) fn range_from(stop: &Stop) -> Option<Diagnostic> {
    let begins = stop.token() == Some(Token::From) && super::habits::is_type(stop.text_ago(1));
    let to = stop.words.get(stop.at + 2).is_some_and(|word| word.1 == Token::To);
    (begins && to).then(|| {
        let span = across(stop, stop.at, stop.at + 4);
        let meant = format!("in {}..{}", stop.word_text(stop.at + 1), stop.word_text(stop.at + 3));
        written(span, span.text(stop.source), &meant).fix(span, meant)
    })
}

/// `otherwise`, `*`, `-` or nothing in a cell
pub(super) fn any_cell(stop: &Stop) -> Option<Diagnostic> {
    let help = "write `any` for a cell that applies to everything";
    let ends = |token: Option<Token>| matches!(token, Some(Token::Arrow | Token::Bar | Token::Comma));
    if stop.expects(Token::Above) {
        let word = stop.is_any(&[Token::Otherwise, Token::Else, Token::Default, Token::Times]);
        if word && ends(stop.after()) {
            return Some(misplaced(stop, stop.span()).help(help).fix(stop.span(), "any"));
        }
        if ends(stop.token()) {
            let message = "this cell is empty";
            let place = stop.end_of_before();
            return Some(
                Diagnostic::new(Code::UnexpectedToken, stop.span(), message).help(help).fix(place, " any"),
            );
        }
        if stop.token() == Some(Token::Text)
            && ends(stop.after())
            && stop.text().trim_matches(['"', ' ', '-', '*']).is_empty()
        {
            return Some(misplaced(stop, stop.span()).help(help).fix(stop.span(), "any"));
        }
    }
    let dash = ends(stop.token()) && stop.ago(1) == Some(Token::Minus) && ends(stop.ago(2));
    if dash {
        let place = stop.place(stop.at - 1);
        return Some(misplaced(stop, place).help(help).fix(place, "any"));
    }
    let row = stop.expects(Token::Bar) && stop.expects(Token::BlockClose);
    if row && stop.is_any(&[Token::Otherwise, Token::Else, Token::Default]) && ends(stop.after()) {
        return Some(misplaced(stop, stop.span()).help(help).fix(stop.span(), "| any"));
    }
    None
}

/// `>= 700 and < 760`, `700+`, `700 and above` in a cell
pub(super) fn open_cell(stop: &Stop) -> Option<Diagnostic> {
    let at = stop.at;
    let begins = |at: usize| {
        at > 0
            && matches!(stop.words[at - 1].1, Token::Bar | Token::Semicolon | Token::BlockOpen | Token::Comma)
    };
    let literal = |at: usize| {
        stop.words
            .get(at)
            .is_some_and(|word| matches!(word.1, Token::Number | Token::Percent | Token::Money | Token::Date))
    };
    let is_end = |at: usize| {
        stop.words
            .get(at)
            .is_some_and(|word| matches!(word.1, Token::Bar | Token::Arrow | Token::Comma | Token::Semicolon))
    };
    let cell = |from: usize, to: usize, meant: String| {
        let span = across(stop, from, to);
        Some(written(span, span.text(stop.source), &meant).fix(span, meant))
    };
    // `700..`, `..759`
    if at >= 2 && is_end(at) && stop.words[at - 1].1 == Token::Range && literal(at - 2) && begins(at - 2) {
        return cell(at - 2, at, format!(">= {}", stop.word_text(at - 2)));
    }
    if stop.token() == Some(Token::Range) && begins(at) && literal(at + 1) && is_end(at + 2) {
        return cell(at, at + 2, format!("<= {}", stop.word_text(at + 1)));
    }
    // `700+`
    if at >= 2 && is_end(at) && stop.words[at - 1].1 == Token::Plus && literal(at - 2) && begins(at - 2) {
        return cell(at - 2, at, format!(">= {}", stop.word_text(at - 2)));
    }
    let joins = stop.is_any(&[Token::And, Token::Or]) || stop.token() == Some(Token::Word);
    if !joins || at < 1 || !literal(at - 1) {
        return None;
    }
    let words = format!("{} {}", stop.text(), stop.word_text(at + 1)).to_lowercase();
    if begins(at - 1) && is_end(at + 2) {
        let sign = match words.as_str() {
            "and above" | "and more" | "or more" | "or above" | "or higher" | "and higher" | "and over"
            | "or over" | "and up" => ">=",
            "and below" | "or less" | "or below" | "or lower" | "and lower" | "and under" | "or under"
            | "and less" => "<=",
            _ => return None,
        };
        return cell(at - 1, at + 2, format!("{sign} {}", stop.word_text(at - 1)));
    }
    // `>= 700 and < 760`
    if at >= 2 && stop.token() == Some(Token::And) && begins(at - 2) && literal(at + 2) && is_end(at + 3) {
        let (low, high) = (stop.word_text(at - 1), stop.word_text(at + 2));
        let meant = match (stop.words[at - 2].1, stop.words[at + 1].1) {
            (Token::GreaterOrEqual, Token::Less) => format!("{low}..<{high}"),
            (Token::GreaterOrEqual, Token::LessOrEqual) => format!("{low}..{high}"),
            (Token::Greater, Token::LessOrEqual) => format!("above {low} to {high}"),
            _ => return None,
        };
        return cell(at - 2, at + 3, meant);
    }
    None
}

// blocks

/// Commas and colons between the values of a case.
pub(super) fn separated(stop: &Stop) -> Option<Diagnostic> {
    let separates = stop.is_any(&[Token::Comma, Token::Semicolon]) && stop.expects(Token::BlockClose);
    let of_values =
        stop.expects(Token::Word) && !stop.expects(Token::Optional) && !stop.expects(Token::Otherwise);
    let separates = separates && of_values && !stop.expects(Token::Comma) && !stop.in_policy();
    let gives = stop.token() == Some(Token::Colon) && stop.expects(Token::Becomes) && in_case(stop);
    if !separates && !gives {
        return None;
    }
    let is_sign = |token: Token| matches!(token, Token::Comma | Token::Semicolon | Token::Colon);
    let mut depth = 0;
    let edits = (stop.at..stop.words.len())
        .take_while(|&at| {
            match stop.words[at].1 {
                Token::Open | Token::SetOpen | Token::BlockOpen => depth += 1,
                Token::Close | Token::SetClose | Token::BlockClose => depth -= 1,
                _ => {}
            }
            depth >= 0
        })
        .filter(|&at| is_sign(stop.words[at].1))
        .map(|at| {
            let joined = stop.place(at - 1).end == stop.place(at).start;
            match stop.words[at].1 {
                Token::Colon => Edit::new(stop.place(at), if joined { " =" } else { "=" }),
                _ => Edit::new(stop.place(at), ""),
            }
        });
    let help = match gives {
        true => "give a value with `=`, and write the values of a case one after the other".to_string(),
        false => format!("write the values of a case one after the other, without `{}`", stop.text()),
    };
    Some(misplaced(stop, stop.span()).help(help).edits(edits.collect::<Vec<_>>()))
}

/// Whether the parser stopped among the values of a case or test.
fn in_case(stop: &Stop) -> bool {
    let open =
        stop.words[..stop.at].iter().rposition(|word| matches!(word.1, Token::BlockOpen | Token::BlockClose));
    let before = |at: usize, count: usize| at.checked_sub(count).map(|at| stop.words[at].1);
    open.is_some_and(|at| {
        stop.words[at].1 == Token::BlockOpen
            && (before(at, 1) == Some(Token::With) || before(at, 2) == Some(Token::Case))
    })
}

/// `enum Kind { a; b }`
pub(super) fn listed(stop: &Stop) -> Option<Diagnostic> {
    let list =
        stop.expects(Token::Comma) && stop.expects(Token::BlockClose) && !stop.expects(Token::Otherwise);
    let sign = stop.token().filter(|token| matches!(token, Token::Semicolon | Token::Bar | Token::Slash))?;
    if !list {
        return None;
    }
    let signs = (stop.at..stop.words.len())
        .take_while(|&at| stop.words[at].1 != Token::BlockClose)
        .filter(|&at| stop.words[at].1 == sign);
    let edits = signs.map(|at| {
        let last = stop.words.get(at + 1).is_none_or(|next| next.1 == Token::BlockClose);
        let place = stop.place(at);
        let gap = Span { start: stop.place(at - 1).end, ..place };
        if last { Edit::new(gap, "") } else { Edit::new(gap, ",") }
    });
    let diagnostic = misplaced(stop, stop.span()).help("separate the values by commas");
    Some(diagnostic.edits(edits.collect::<Vec<_>>()))
}

/// `expect approve`
pub(super) fn expectation(stop: &Stop) -> Option<Diagnostic> {
    let inside = stop.words[..stop.at].iter().rev().take(64).find_map(|word| match word.1 {
        Token::Expect => Some(true),
        Token::BlockClose | Token::BlockOpen => Some(false),
        _ => None,
    });
    let name = stop.text_ago(1);
    let signed = stop.is_any(&[Token::Equal, Token::Colon]);
    if inside != Some(true) || !stop.expects(Token::Becomes) || !stop.ago_is_name(1) || signed {
        return None;
    }
    let outline = stop.outline();
    let place = stop.place(stop.at - 1);
    let is_output = outline.outputs.iter().any(|output| output.0 == name);
    if is_output && stop.begins_value() {
        let message = format!("`=` is missing, {}", stop.found());
        let help = format!("write `{name} = {}`", stop.text());
        return Some(
            Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
                .help(help)
                .fix(stop.end_of_before(), " ="),
        );
    }
    let diagnostic = Diagnostic::new(Code::UnexpectedToken, place, format!("`{name}` is not an expectation"));
    if let Some(output) = outline.output_with(name) {
        let meant = format!("{output} = {name}");
        return Some(diagnostic.help(format!("name the output: `{meant}`")).fix(place, meant));
    }
    let is_rule = stop.words.windows(2).zip(0..).any(|(pair, at)| {
        matches!(pair[0].1, Token::Rule | Token::Otherwise)
            && stop.word_text(at + 1) == name
            && at + 1 != stop.at - 1
    });
    if is_rule {
        return Some(diagnostic.help(format!("write `rule {name}`")).fix(place, format!("rule {name}")));
    }
    let example = outline.outputs.iter().find_map(|(output, kind)| {
        let values = outline.values_of(kind)?;
        const NO: [&str; 6] = ["decline", "reject", "deny", "refuse", "no", "fail"];
        let value = values.iter().find(|value| NO.iter().any(|no| value.starts_with(no))).or(values.last())?;
        Some(format!("{output} = {value}"))
    });
    let example = example.unwrap_or_else(|| "decision = approve".into());
    let field = outline.inputs.first().map_or("age", |field| field.0);
    Some(
        diagnostic
            .help(format!("for example, expect `{example}`, or `refused {field}` if the input is refused")),
    )
}

/// `rounded to cent`, `rounded half up to cent`, `rounded half_up cent`, `round 2`
pub(super) fn rounding(stop: &Stop) -> Option<Diagnostic> {
    let rounded = |back: usize| stop.ago(back) == Some(Token::Rounded);
    let is_count = stop.after() == Some(Token::Number);
    if stop.text().eq_ignore_ascii_case("round") && is_count && !stop.on_new_line() {
        let help = "write `rounded half_up to cent` for money, `rounded half_up to 0.01` for a number with 2 decimal places";
        let message = "`round` is written `rounded MODE to UNIT`";
        return Some(Diagnostic::new(Code::UnexpectedToken, stop.span(), message).help(help));
    }
    if rounded(1) && stop.token() == Some(Token::To) {
        let named = (stop.at + 1..).find(|&at| !["nearest", "the"].contains(&stop.word_text(at)));
        let named = named.unwrap_or(stop.at + 1);
        let unit = stop.word_text(named);
        // how many decimals, in other languages
        let is_count = stop.words.get(named).is_some_and(|word| word.1 == Token::Number) && unit.len() == 1;
        let help = match is_count {
            true => "write the mode and the unit: `rounded half_up to cent` for money, `rounded half_up to 0.01` for a number"
                .to_string(),
            false => format!(
                "write `rounded half_up to {unit}`, which rounds ties away from zero, or another mode such as `half_even` or `down`"
            ),
        };
        let message = "the rounding mode is missing before `to`";
        return Some(Diagnostic::new(Code::UnexpectedToken, stop.span(), message).help(help));
    }
    let mode = |text: String| {
        let plain = text.to_lowercase().replace('-', "_");
        opus_ir::Rounding::ALL.into_iter().map(|known| known.name()).find(|known| *known == plain)
    };
    if rounded(2) && !stop.expects(Token::Rounded) {
        let next = if stop.token() == Some(Token::Minus) { stop.at + 1 } else { stop.at };
        let joined = format!("{}_{}", stop.text_ago(1), stop.word_text(next));
        if let Some(mode) = mode(joined) {
            let span = stop.place(stop.at - 1).to(stop.place(next));
            return Some(written(span, span.text(stop.source), mode).fix(span, mode));
        }
        if mode(stop.text_ago(1).into()).is_some() && !stop.on_new_line() {
            let message = format!("`to` is missing, {}", stop.found());
            let help = format!("write `rounded {} to {}`", stop.text_ago(1), stop.text());
            return Some(
                Diagnostic::new(Code::UnexpectedToken, stop.span(), message)
                    .help(help)
                    .fix(stop.end_of_before(), " to"),
            );
        }
    }
    None
}
