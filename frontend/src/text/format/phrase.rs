//! How is an expression written, and where may a line break? As pieces, each with a preference for a break before it.

use crate::text::ast::*;
use crate::text::format::page::width;
use crate::text::lexer::quote;

/// How willingly a line breaks before a piece.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Break {
    /// Before `and`, `or`, `then`, `else`.
    Gladly,
    /// Before other operators and after commas.
    IfNeeded,
}

/// A text and where it may be broken.
#[derive(Clone, Default, Debug)]
pub struct Phrase {
    pieces: Vec<(Break, String)>,
    /// Whether the next piece is written to the last without a space.
    glued: bool,
}

impl Phrase {
    /// A phrase that begins with these words.
    pub fn of(text: impl Into<String>) -> Phrase {
        let mut phrase = Phrase::default();
        phrase.push(Break::IfNeeded, text.into());
        phrase
    }

    fn push(&mut self, willing: Break, text: impl AsRef<str>) {
        match self.pieces.last_mut() {
            Some((_, last)) if self.glued => last.push_str(text.as_ref()),
            _ => self.pieces.push((willing, text.as_ref().to_string())),
        }
        self.glued = false;
    }

    /// Writes on without a space or a break.
    pub fn attach(&mut self, text: &str) {
        self.glued = !self.pieces.is_empty();
        self.push(Break::IfNeeded, text);
    }

    /// Writes a piece to which the next one is written without a space or a break.
    fn lead(&mut self, willing: Break, text: &str) {
        self.push(willing, text);
        self.glued = true;
    }

    /// Adds pieces.
    pub fn then(mut self, other: Phrase) -> Phrase {
        for (willing, text) in other.pieces {
            self.push(willing, text);
        }
        self
    }

    /// Adds pieces, the first of them without a space or a break.
    pub fn followed_by(mut self, other: Phrase) -> Phrase {
        self.glued = !self.pieces.is_empty();
        self.then(other)
    }

    /// Adds a piece.
    pub fn word(self, text: impl Into<String>) -> Phrase {
        self.then(Phrase::of(text))
    }

    /// Adds a piece if there is one.
    pub fn maybe(self, text: Option<String>) -> Phrase {
        match text {
            Some(text) => self.word(text),
            None => self,
        }
    }

    /// All of it on one line.
    pub fn line(&self) -> String {
        let texts: Vec<&str> = self.pieces.iter().map(|(_, text)| text.as_str()).collect();
        texts.join(" ")
    }

    /// As few lines as fit, the first `first` and the others `room` wide, broken gladly where that suffices.
    pub fn lines(&self, first: usize, room: usize) -> Vec<String> {
        if width(&self.line()) <= first {
            return vec![self.line()];
        }
        let gladly = self.filled(Break::Gladly, first, room);
        let fits =
            gladly.iter().enumerate().all(|(i, line)| width(line) <= if i == 0 { first } else { room });
        if fits { gladly } else { self.filled(Break::IfNeeded, first, room) }
    }

    fn filled(&self, willing: Break, first: usize, room: usize) -> Vec<String> {
        let mut lines: Vec<String> = vec![];
        for chunk in self.chunks(willing) {
            let room = if lines.len() <= 1 { first } else { room };
            match lines.last_mut() {
                Some(last) if width(last) + 1 + width(&chunk) <= room => {
                    last.push(' ');
                    last.push_str(&chunk);
                }
                _ => lines.push(chunk),
            }
        }
        lines
    }

    /// What is not broken up.
    fn chunks(&self, willing: Break) -> Vec<String> {
        let mut chunks: Vec<String> = vec![];
        for (piece, text) in &self.pieces {
            match chunks.last_mut() {
                Some(last) if *piece > willing => {
                    last.push(' ');
                    last.push_str(text);
                }
                _ => chunks.push(text.clone()),
            }
        }
        chunks
    }
}

/// Phrases one after the other, with commas between.
pub fn listed(phrases: impl IntoIterator<Item = Phrase>) -> Phrase {
    let mut list = Phrase::default();
    for phrase in phrases {
        if !list.pieces.is_empty() {
            list.attach(",");
        }
        list = list.then(phrase);
    }
    list
}

/// An expression as it is written.
///
/// Words that the tree does not hold, such as spacing, are chosen here; parentheses are those of the author.
pub fn phrase(exprs: &Exprs, id: ExprId) -> Phrase {
    let mut phrase = Phrase::default();
    write(exprs, id, &mut phrase);
    phrase
}

/// An expression on one line.
pub fn expression(exprs: &Exprs, id: ExprId) -> String {
    phrase(exprs, id).line()
}

fn write(exprs: &Exprs, id: ExprId, out: &mut Phrase) {
    // the tree is at most as deep as the language allows, and a level takes little
    stacker::maybe_grow(64 << 10, 1 << 20, || {
        let expr = &exprs[id];
        if expr.parentheses {
            out.lead(Break::IfNeeded, "(");
        }
        write_kind(exprs, &expr.kind, out);
        if expr.parentheses {
            out.attach(")");
        }
    });
}

fn write_kind(exprs: &Exprs, kind: &ExprKind, out: &mut Phrase) {
    use Break::{Gladly, IfNeeded};
    let operator = |out: &mut Phrase, left: ExprId, willing: Break, word: &str, right: ExprId| {
        write(exprs, left, out);
        out.lead(willing, &format!("{word} "));
        write(exprs, right, out);
    };
    match kind {
        ExprKind::Number(_)
        | ExprKind::Money { .. }
        | ExprKind::Percent(_)
        | ExprKind::Date(_)
        | ExprKind::Bool(_)
        | ExprKind::Name(_)
        | ExprKind::EnumValue { .. }
        | ExprKind::Error => out.push(IfNeeded, atom(kind)),
        ExprKind::Duration { count, unit } => {
            write(exprs, *count, out);
            out.attach(&format!(" {}", unit.name()));
        }
        ExprKind::Negate(operand) => {
            // two dashes side by side would be a comment
            let again = matches!(exprs[*operand], Expr { kind: ExprKind::Negate(_), parentheses: false, .. });
            out.lead(IfNeeded, if again { "- " } else { "-" });
            write(exprs, *operand, out);
        }
        ExprKind::Not(operand) => {
            out.lead(IfNeeded, "not ");
            write(exprs, *operand, out);
        }
        ExprKind::Arithmetic { op, left, right } => operator(out, *left, IfNeeded, op.symbol(), *right),
        ExprKind::Compare { op, left, right } => operator(out, *left, IfNeeded, op.symbol(), *right),
        ExprKind::Logic { op, left, right } => operator(out, *left, Gladly, op.name(), *right),
        ExprKind::OrElse { value, fallback } => operator(out, *value, IfNeeded, "or_else", *fallback),
        ExprKind::Rounded { value, mode, unit } => {
            write(exprs, *value, out);
            out.push(IfNeeded, format!("rounded {} to {}", mode.name(), rounding_unit(exprs, unit)));
        }
        ExprKind::InRange { value, low, high } => {
            write(exprs, *value, out);
            out.lead(IfNeeded, "in ");
            write(exprs, *low, out);
            out.attach("..");
            out.glued = true;
            write(exprs, *high, out);
        }
        ExprKind::InSet { value, members } => {
            write(exprs, *value, out);
            out.lead(IfNeeded, "in {");
            write_list(exprs, members, out);
            out.attach("}");
        }
        ExprKind::InNamed { value, set } => {
            write(exprs, *value, out);
            out.push(IfNeeded, format!("in {}", set.text));
        }
        ExprKind::IsMissing(value) => {
            write(exprs, *value, out);
            out.push(IfNeeded, "is missing");
        }
        ExprKind::IsPresent(value) => {
            write(exprs, *value, out);
            out.push(IfNeeded, "is present");
        }
        ExprKind::If { condition, then, otherwise } => {
            out.lead(IfNeeded, "if ");
            write(exprs, *condition, out);
            out.lead(Gladly, "then ");
            write(exprs, *then, out);
            out.lead(Gladly, "else ");
            write(exprs, *otherwise, out);
        }
        ExprKind::Call { function, args, .. } => {
            out.lead(IfNeeded, &format!("{}(", function.name()));
            write_list(exprs, args, out);
            out.attach(")");
        }
        ExprKind::Entry { table, keys } => {
            out.lead(IfNeeded, &format!("{}(", table.text));
            write_list(exprs, keys, out);
            out.attach(")");
        }
    }
}

fn write_list(exprs: &Exprs, members: &[ExprId], out: &mut Phrase) {
    for (i, &member) in members.iter().enumerate() {
        if i > 0 {
            out.attach(",");
        }
        write(exprs, member, out);
    }
}

fn rounding_unit(exprs: &Exprs, unit: &RoundingUnit) -> String {
    match unit.kind {
        RoundingUnitKind::Cent => "cent".to_string(),
        RoundingUnitKind::Dollar => "dollar".to_string(),
        RoundingUnitKind::Integer => "integer".to_string(),
        RoundingUnitKind::Literal(literal) => expression(exprs, literal),
    }
}

fn atom(kind: &ExprKind) -> String {
    match kind {
        ExprKind::Number(value) => number(*value, 5),
        ExprKind::Percent(value) => format!("{}%", number(*value, 5)),
        ExprKind::Money { currency, amount } if currency.text.chars().count() == 1 => {
            format!("{}{}", currency.text, number(*amount, 4))
        }
        ExprKind::Money { currency, amount } => format!("{} {}", number(*amount, 4), currency.text),
        ExprKind::Date(day) => date(*day),
        ExprKind::Bool(value) => value.to_string(),
        ExprKind::Name(name) => name.text.clone(),
        ExprKind::EnumValue { of, value } => format!("{}.{}", of.text, value.text),
        _ => String::new(),
    }
}

/// A number with its digits grouped by three, where it has at least `grouped` of them before the point.
fn number(number: Number, grouped: usize) -> String {
    let scale = usize::from(number.scale);
    let digits = format!("{:0>1$}", number.mantissa, scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let mut text = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) && whole.len() >= grouped {
            text.push('_');
        }
        text.push(digit);
    }
    if scale > 0 {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A day as it is written.
pub fn date(day: i32) -> String {
    opus_ir::date::civil(day.into()).to_string()
}

/// `cite "CP 2.1"`
pub fn cite(cite: &Option<Text>) -> Option<String> {
    cite.as_ref().map(|cite| format!("cite {}", quote(&cite.text)))
}

/// `from 2025-01-01 until 2026-01-01`; the first word padded to `pad`.
pub fn dates(dated: Dated, pad: usize) -> Option<String> {
    let word = |word: &str, day: Option<Day>| day.map(|day| (word.to_string(), date(day.day)));
    let parts = [word("from", dated.from), word("until", dated.until)].into_iter().flatten();
    let texts: Vec<String> = parts
        .enumerate()
        .map(|(i, (word, day))| format!("{word:0$} {day}", if i == 0 { pad } else { 0 }))
        .collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// `money`, `percent(3)`, the name of an enum.
pub fn type_kind(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Bool => "bool".to_string(),
        TypeKind::Int => "int".to_string(),
        TypeKind::Decimal(digits) => format!("decimal({digits})"),
        TypeKind::Money => "money".to_string(),
        TypeKind::Percent(2) => "percent".to_string(),
        TypeKind::Percent(digits) => format!("percent({digits})"),
        TypeKind::Days => "days".to_string(),
        TypeKind::Date => "date".to_string(),
        TypeKind::Named(name) => name.text.clone(),
    }
}

/// `money in $0..$500`
pub fn ty(exprs: &Exprs, ty: &Type) -> Phrase {
    let mut phrase = Phrase::of(type_kind(&ty.kind));
    match ty.domain.as_ref().map(|domain| &domain.kind) {
        None => {}
        Some(DomainKind::Range { low, high }) => {
            phrase.lead(Break::IfNeeded, "in ");
            write(exprs, *low, &mut phrase);
            phrase.attach("..");
            phrase.glued = true;
            write(exprs, *high, &mut phrase);
        }
        Some(DomainKind::Set(members)) => {
            phrase.lead(Break::IfNeeded, "in {");
            write_list(exprs, members, &mut phrase);
            phrase.attach("}");
        }
    }
    phrase
}

/// A cell of a table or grid.
pub fn cell(exprs: &Exprs, cell: &Cell) -> String {
    let text = |id: ExprId| expression(exprs, id);
    match &cell.kind {
        CellKind::Any => "any".to_string(),
        CellKind::Missing => "missing".to_string(),
        CellKind::Value(value) => match &exprs[*value].kind {
            // alone, the name would accept everything
            ExprKind::Name(name) if name.text == "any" => format!("= {}", text(*value)),
            _ => text(*value),
        },
        CellKind::Set(members) => {
            let mut phrase = Phrase::of("{");
            phrase.glued = true;
            write_list(exprs, members, &mut phrase);
            phrase.attach("}");
            phrase.line()
        }
        CellKind::Range { low, high } => format!("{}..{}", text(*low), text(*high)),
        CellKind::Below { low, high } => format!("{}..<{}", text(*low), text(*high)),
        CellKind::Above { low, high } => format!("above {} to {}", text(*low), text(*high)),
        CellKind::Compare { op, bound } => format!("{} {}", op.symbol(), text(*bound)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::parse::parse;

    fn written(expression_text: &str) -> String {
        let source = format!("policy p {{ let x = {expression_text} }}");
        let (policy, diagnostics) = parse(&source);
        assert_eq!(diagnostics, [], "{source}");
        let policy = policy.unwrap();
        let Item::Let(item) = &policy.items[0] else { panic!("a `let` was written") };
        expression(&policy.exprs, item.value)
    }

    #[test]
    fn expressions_are_written_as_they_are_read() {
        let same = [
            "a + b * c - d / e",
            "(a + b) * c",
            "not a and (b or c)",
            "- -a",
            "-a or_else -5",
            "a - -b",
            "x in 1..5",
            "x in {a, b}",
            "x is missing or x >= 80",
            "if a then b else if c then d else e",
            "max(a, b, min(c, d))",
            "5% of (a + b) rounded half_even to cent",
            "a rounded up to $100",
            "a rounded floor to 30 days",
            "n months",
            "30 days",
            "E.v",
            "2025-01-31",
            "true",
            "5.00 EUR",
            "€5.00",
            "0.05%",
            "1000",
            "10_000",
            "$1_000",
            "1_234_567.8901",
            "0.000",
        ];
        for text in same {
            assert_eq!(written(text), text);
        }
        let changed =
            [("((a))", "(a)"), ("10000", "10_000"), ("1_0_0", "100"), ("a+b", "a + b"), ("007", "7")];
        for (text, better) in changed {
            assert_eq!(written(text), better);
        }
    }

    #[test]
    fn lines_break_gladly_before_and() {
        let phrase = Phrase::of("aaaa").word("<").word("bbbb");
        let mut long = phrase.clone();
        long.push(Break::Gladly, "and cccc");
        assert_eq!(long.lines(14, 14), ["aaaa < bbbb", "and cccc"]);
        assert_eq!(long.lines(8, 12), ["aaaa <", "bbbb", "and cccc"]);
        assert_eq!(phrase.lines(11, 11), ["aaaa < bbbb"]);
    }
}
