//! Can two cells of a table accept the same value? If their text does not tell, they are assumed to.

use std::collections::BTreeSet;

/// What a cell accepts.
enum Extent {
    /// Everything, or something that the text does not show: a parameter as a bound.
    Anything,
    /// A missing value.
    Missing,
    /// These words: values of an enum, `true`, `false`.
    Words(Vec<String>),
    /// Spans of numbers, amounts or dates.
    Spans(Vec<Span>),
}

#[derive(Clone, Copy)]
struct Span {
    low: Option<End>,
    high: Option<End>,
}

/// An end of a span, and whether it belongs to it.
#[derive(Clone, Copy)]
struct End {
    mantissa: i128,
    scale: u32,
    included: bool,
}

/// Whether some value may be accepted by both cells, which are in canonical form. `values` holds the names of all enum
/// values; another name is a parameter.
pub fn may_overlap(a: &str, b: &str, values: &BTreeSet<&str>) -> bool {
    match (extent(a, values), extent(b, values)) {
        (Extent::Anything, _) | (_, Extent::Anything) => true,
        (Extent::Missing, other) | (other, Extent::Missing) => matches!(other, Extent::Missing),
        (Extent::Words(a), Extent::Words(b)) => a.iter().any(|word| b.contains(word)),
        (Extent::Spans(a), Extent::Spans(b)) => a.iter().any(|a| b.iter().any(|b| meet(*a, *b))),
        (Extent::Words(_), Extent::Spans(_)) | (Extent::Spans(_), Extent::Words(_)) => true,
    }
}

fn extent(cell: &str, values: &BTreeSet<&str>) -> Extent {
    match cell {
        "any" => return Extent::Anything,
        "missing" => return Extent::Missing,
        _ => {}
    }
    if let Some(members) = cell.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let members: Vec<&str> = members.split(", ").collect();
        let points: Option<Vec<Span>> = members.iter().map(|member| point(member)).collect();
        return match points {
            Some(points) => Extent::Spans(points),
            None if members.iter().all(|member| is_value(member, values)) => {
                Extent::Words(members.iter().map(|member| word(member)).collect())
            }
            None => Extent::Anything,
        };
    }
    span(cell).map_or_else(
        || if is_value(cell, values) { Extent::Words(vec![word(cell)]) } else { Extent::Anything },
        |span| Extent::Spans(vec![span]),
    )
}

fn is_value(text: &str, values: &BTreeSet<&str>) -> bool {
    matches!(text, "true" | "false") || values.contains(text.rsplit('.').next().unwrap_or(text))
}

/// The value without its enum.
fn word(text: &str) -> String {
    text.rsplit('.').next().unwrap_or(text).to_owned()
}

fn span(cell: &str) -> Option<Span> {
    let end =
        |text: &str, included: bool| number(text).map(|(mantissa, scale)| End { mantissa, scale, included });
    if let Some((low, high)) = cell.strip_prefix("above ").and_then(|rest| rest.split_once(" to ")) {
        return Some(Span { low: Some(end(low, false)?), high: Some(end(high, true)?) });
    }
    if let Some((low, high)) = cell.split_once("..<") {
        return Some(Span { low: Some(end(low, true)?), high: Some(end(high, false)?) });
    }
    if let Some((low, high)) = cell.split_once("..") {
        return Some(Span { low: Some(end(low, true)?), high: Some(end(high, true)?) });
    }
    for (sign, is_low, included) in
        [("<= ", false, true), (">= ", true, true), ("< ", false, false), ("> ", true, false)]
    {
        if let Some(bound) = cell.strip_prefix(sign) {
            let end = Some(end(bound, included)?);
            return Some(if is_low { Span { low: end, high: None } } else { Span { low: None, high: end } });
        }
    }
    point(cell.strip_prefix("= ").unwrap_or(cell))
}

fn point(text: &str) -> Option<Span> {
    let (mantissa, scale) = number(text)?;
    let end = Some(End { mantissa, scale, included: true });
    Some(Span { low: end, high: end })
}

/// A literal number, amount, percentage, duration or date, as digits and a scale.
fn number(text: &str) -> Option<(i128, u32)> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    if let [year, month, day] = text.split('-').collect::<Vec<_>>().as_slice() {
        let number = |text: &str| text.parse::<i128>().ok();
        return Some((number(year)? * 10_000 + number(month)? * 100 + number(day)?, 0));
    }
    let digits = text.trim_start_matches(|c: char| !c.is_alphanumeric());
    let digits = digits.split(' ').next()?.trim_end_matches('%').replace('_', "");
    let (whole, fraction) = digits.split_once('.').unwrap_or((&digits, ""));
    if whole.is_empty() || !whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit()) {
        return None;
    }
    let mantissa: i128 = format!("{whole}{fraction}").parse().ok()?;
    Some((sign * mantissa, u32::try_from(fraction.len()).ok()?))
}

/// Whether two spans have a number in common.
fn meet(a: Span, b: Span) -> bool {
    let below = |low: Option<End>, high: Option<End>| match (low, high) {
        (Some(low), Some(high)) => {
            let scale = low.scale.max(high.scale);
            let at = |end: End| {
                10_i128.checked_pow(scale - end.scale).and_then(|ten| end.mantissa.checked_mul(ten))
            };
            match (at(low), at(high)) {
                (Some(lowest), Some(highest)) => {
                    lowest < highest || lowest == highest && low.included && high.included
                }
                _ => true,
            }
        }
        _ => true,
    };
    below(a.low, b.high) && below(b.low, a.high)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_overlap(a: &str, b: &str) -> bool {
        super::may_overlap(a, b, &BTreeSet::from(["retired", "salaried", "other"]))
    }

    #[test]
    fn cells_overlap_unless_their_text_excludes_it() {
        let apart = [
            ("300..739", "740..850"),
            ("300..<740", "740..850"),
            ("above 5 to 9", "5"),
            ("< 10", ">= 10"),
            ("$1_000", "$1_000.5..$2_000"),
            ("5%", "5.01%"),
            ("2024-01-01..2024-06-30", "2024-07-01"),
            ("missing", "1..2"),
            ("true", "false"),
            ("{1, 3}", "{2, 4}"),
            ("Work.retired", "{salaried, other}"),
            ("retired", "salaried"),
        ];
        for (a, b) in apart {
            assert!(!may_overlap(a, b) && !may_overlap(b, a), "{a} and {b}");
        }
        let together = [
            ("any", "missing"),
            ("300..740", "740..850"),
            ("<= 10", ">= 10"),
            ("floor..850", "1..2"),
            ("-5..5", "{-7, -5}"),
            ("Work.retired", "{retired, other}"),
            ("retired", "some_parameter"),
        ];
        for (a, b) in together {
            assert!(may_overlap(a, b) && may_overlap(b, a), "{a} and {b}");
        }
    }
}
