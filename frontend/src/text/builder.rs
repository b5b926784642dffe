//! How do the parser's productions make nodes? The grammar defines what may follow what. This file builds the nodes,
//! and reports what the grammar accepts and the language does not.

use cranelift_entity::SecondaryMap;
use lalrpop_util::ErrorRecovery;
use opus_ir::Rounding;

use crate::diagnostic::{Code, Diagnostic, counted, nearest, one_of};
use crate::limits::{DEPTH_MAX, SCALE_MAX, beyond};
use crate::text::ast::*;
use crate::text::foreign_call::ForeignCall;
use crate::text::lexer;
use crate::text::syntax_error::OPTIONAL;
use crate::text::token::Token;

/// A syntax error and the words that were left out because of it.
pub type Recovery = ErrorRecovery<usize, Token, ()>;

/// The tree while it is made.
pub struct Builder<'s> {
    source: &'s str,
    /// The expressions so far.
    pub exprs: Exprs,
    /// How many levels each has.
    depths: SecondaryMap<ExprId, u16>,
    /// What was reported so far.
    pub diagnostics: Vec<Diagnostic>,
    /// The syntax errors that were recovered from.
    pub recoveries: Vec<Recovery>,
    /// What was left out because of them.
    pub lost: Vec<Span>,
    /// The calls of functions that the language does not have.
    pub calls: Vec<ForeignCall>,
    /// Each `optional` that begins the line of a field, until its block is read.
    optional_before: Vec<Span>,
    errors: &'s std::cell::Cell<usize>,
}

/// What may follow a name, a type or a value: a title, a citation, dates, the id of a row.
#[derive(Clone, Debug)]
pub enum Clause {
    /// `"Applicant is a minor"`
    Title(Text),
    /// `cite "CP 2.1"`
    Cite(Text, Span),
    /// `from 2025-01-01`
    From(Day, Span),
    /// `until 2025-01-01`
    Until(Day, Span),
    /// `T1`
    Id(Name),
}

/// The clauses of one thing, each once.
#[derive(Default, Debug)]
pub struct Clauses {
    /// The title.
    pub title: Option<Text>,
    /// The citation.
    pub cite: Option<Text>,
    /// The dates.
    pub dated: Dated,
    /// The id.
    pub id: Option<Name>,
}

/// Which clauses a thing may have.
#[derive(Clone, Copy)]
pub enum Allowed {
    /// Of a rule or requirement: title, citation, dates.
    Rule,
    /// Of `otherwise`: title, citation.
    Otherwise,
    /// Of a `let` or the value of a parameter: dates.
    Dated,
    /// Of a parameter, table or grid: citation.
    Cited,
    /// Of a row: dates, id, citation.
    Row,
}

impl Allowed {
    /// Title, citation, dates, id.
    const fn flags(self) -> [bool; 4] {
        match self {
            Allowed::Rule => [true, true, true, false],
            Allowed::Otherwise => [true, true, false, false],
            Allowed::Dated => [false, false, true, false],
            Allowed::Cited => [false, true, false, false],
            Allowed::Row => [false, true, true, true],
        }
    }
}

impl Clause {
    fn span(&self) -> Span {
        match self {
            Clause::Title(text) => text.span,
            Clause::Cite(_, span) | Clause::From(_, span) | Clause::Until(_, span) => *span,
            Clause::Id(name) => name.span,
        }
    }

    /// Its index among [`Allowed::flags`], and what it is called.
    fn kind(&self) -> (usize, &'static str) {
        match self {
            Clause::Title(_) => (0, "a title"),
            Clause::Cite(..) => (1, "a citation"),
            Clause::From(..) => (2, "`from`"),
            Clause::Until(..) => (2, "`until`"),
            Clause::Id(_) => (3, "an id"),
        }
    }
}

/// What may follow the type of a field.
pub enum FieldClause {
    /// `optional`
    Optional(Span),
    /// `default decline`
    Default(ExprId, Span),
    /// `actionable up`
    Actionable(Actionable),
}

impl<'s> Builder<'s> {
    /// An empty tree over a source; `errors` counts what was recovered from, for the caller of the parser.
    pub fn new(source: &'s str, errors: &'s std::cell::Cell<usize>) -> Builder<'s> {
        let (exprs, depths) = (Exprs::new(), SecondaryMap::new());
        Builder {
            source,
            exprs,
            depths,
            diagnostics: vec![],
            recoveries: vec![],
            lost: vec![],
            calls: vec![],
            optional_before: vec![],
            errors,
        }
    }

    /// Notes a syntax error that was recovered from by leaving this out.
    pub fn recover(&mut self, recovery: Recovery, lost: Span) {
        self.errors.set(self.errors.get() + 1);
        self.lost.push(lost);
        self.recoveries.push(recovery);
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    // words

    /// The word at a place.
    pub fn name(&self, span: Span) -> Name {
        Name { text: span.text(self.source).to_string(), span }
    }

    /// The text in quotation marks at a place.
    pub fn text(&self, span: Span) -> Text {
        Text { text: lexer::unquote(span.text(self.source)), span }
    }

    /// The date at a place. One that does not exist has been reported by the lexer.
    pub fn day(&self, span: Span) -> Day {
        Day { day: opus_ir::date::parse(span.text(self.source)).unwrap_or(0), span }
    }

    /// The number at a place. One that cannot be read has been reported by the lexer.
    fn number(&self, span: Span) -> Number {
        lexer::number(span.text(self.source).trim_end_matches('%'))
            .unwrap_or(Number { mantissa: 0, scale: 0 })
    }

    /// A whole number of 32 bits at a place.
    fn whole(&mut self, span: Span) -> u32 {
        let Number { mantissa, scale } = self.number(span);
        let whole = u32::try_from(mantissa).ok().filter(|_| scale == 0);
        whole.unwrap_or_else(|| {
            let message = "expected a small whole number";
            self.report(
                Diagnostic::new(Code::MalformedNumber, span, message)
                    .help("write a whole number such as `1`"),
            );
            0
        })
    }

    /// The number of a version.
    pub fn version_number(&mut self, span: Span) -> VersionNumber {
        let Number { mantissa, scale } = self.number(span);
        if scale > 0 {
            let unit = 10i128.pow(scale.into());
            let diagnostic =
                Diagnostic::new(Code::MalformedNumber, span, "the number of a version is a whole number");
            self.report(match mantissa % unit {
                0 => {
                    let whole = (mantissa / unit).to_string();
                    diagnostic.help(format!("write `version {whole}`")).fix(span, whole)
                }
                _ => diagnostic.help("write a whole number, such as `version 2`"),
            });
            return VersionNumber { number: 0, span };
        }
        VersionNumber { number: self.whole(span), span }
    }

    // expressions

    /// An expression, one level deeper than its operands.
    pub fn expr(&mut self, span: Span, kind: ExprKind) -> ExprId {
        let depth = kind.children().into_iter().map(|child| self.depths[child]).max().unwrap_or(0) + 1;
        if usize::from(depth) > DEPTH_MAX {
            let reported = self.diagnostics.iter().any(|other| other.code == Code::NestedTooDeep);
            if !reported {
                self.report(beyond(Code::NestedTooDeep, span));
            }
            return self.exprs.push(Expr { kind: ExprKind::Error, span, parentheses: false });
        }
        let id = self.exprs.push(Expr { kind, span, parentheses: false });
        self.depths[id] = depth;
        id
    }

    fn span_of(&self, expr: ExprId) -> Span {
        self.exprs[expr].span
    }

    /// An expression in parentheses: the expression, with a note of them.
    pub fn parenthesised(&mut self, span: Span, inner: ExprId) -> ExprId {
        let expr = &mut self.exprs[inner];
        expr.parentheses = true;
        expr.span = span;
        inner
    }

    /// A literal of this token.
    pub fn literal(&mut self, token: Token, span: Span) -> ExprId {
        let text = span.text(self.source);
        let kind = match token {
            Token::Percent => ExprKind::Percent(self.number(span)),
            Token::Date => ExprKind::Date(self.day(span).day),
            Token::Money => match lexer::amount(text, span) {
                Some((mark, place, amount)) => {
                    ExprKind::Money { currency: Name { text: mark.to_string(), span: place }, amount }
                }
                None => ExprKind::Error,
            },
            Token::True | Token::False => ExprKind::Bool(token == Token::True),
            _ => ExprKind::Number(self.number(span)),
        };
        self.expr(span, kind)
    }

    /// `a + b`
    pub fn arithmetic(&mut self, left: ExprId, op: Arithmetic, right: ExprId) -> ExprId {
        let span = self.span_of(left).to(self.span_of(right));
        self.expr(span, ExprKind::Arithmetic { op, left, right })
    }

    /// `a and b`
    pub fn logic(&mut self, left: ExprId, op: Logic, right: ExprId) -> ExprId {
        let span = self.span_of(left).to(self.span_of(right));
        self.expr(span, ExprKind::Logic { op, left, right })
    }

    /// `a < b`; refused where `a` is itself a comparison.
    pub fn comparison(&mut self, span: Span, kind: ExprKind) -> ExprId {
        use ExprKind::{Compare, InNamed, InRange, InSet, IsMissing, IsPresent};
        let first = kind.children().first().map(|&first| &self.exprs[first]);
        if first.is_some_and(|first| first.kind == ExprKind::Error) {
            return self.expr(span, ExprKind::Error);
        }
        let chained = first.filter(|first| {
            let compares = matches!(
                first.kind,
                Compare { .. } | InRange { .. } | InSet { .. } | InNamed { .. } | IsMissing(_) | IsPresent(_)
            );
            compares && !first.parentheses
        });
        if let Some(first) = chained {
            let diagnostic =
                Diagnostic::new(Code::ChainedComparison, span, "this compares the result of a comparison")
                    .also(first.span, "this is true or false");
            let middle = match (&first.kind, &kind) {
                (Compare { right, .. }, Compare { .. }) => Some(self.span_of(*right).text(self.source)),
                _ => None,
            };
            let place = Span { start: first.span.end, end: first.span.end };
            self.report(match middle {
                Some(middle) => diagnostic
                    .help(format!("join the two comparisons with `and`: `… and {middle} …`"))
                    .fix(place, format!(" and {middle}")),
                None => diagnostic.help("join the two comparisons with `and`, or use a range: `x in a..b`"),
            });
            return self.expr(span, ExprKind::Error);
        }
        self.expr(span, kind)
    }

    /// `x rounded MODE to UNIT`
    pub fn rounded(&mut self, span: Span, value: ExprId, mode: Name, unit: RoundingUnit) -> ExprId {
        let known = Rounding::ALL.into_iter().find(|known| known.name() == mode.text);
        let Some(mode) = known else {
            let names = Rounding::ALL.map(|known| known.name());
            let message = format!("there is no rounding mode `{}`", mode.text);
            self.unknown(Code::UnknownRounding, &mode, message, &names);
            return self.expr(span, ExprKind::Error);
        };
        self.expr(span, ExprKind::Rounded { value, mode, unit })
    }

    /// `cent`, `dollar`, `integer`
    pub fn rounding_word(&mut self, name: Name) -> RoundingUnit {
        let kind = match name.text.as_str() {
            "cent" => RoundingUnitKind::Cent,
            "dollar" => RoundingUnitKind::Dollar,
            "integer" => RoundingUnitKind::Integer,
            other => {
                let message = format!("there is no rounding unit `{other}`");
                self.unknown(Code::UnknownRounding, &name, message, &["cent", "dollar", "integer"]);
                RoundingUnitKind::Integer
            }
        };
        RoundingUnit { kind, span: name.span }
    }

    /// `max(a, b)`
    pub fn call(&mut self, span: Span, name: Name, args: Vec<ExprId>) -> ExprId {
        let Some(function) = Function::ALL.into_iter().find(|known| known.name() == name.text) else {
            let of_quotient = args.first().is_some_and(|first| self.is_quotient(*first));
            let spans = args.iter().map(|arg| self.span_of(*arg)).collect();
            let at = self.expr(span, ExprKind::Entry { table: name.clone(), keys: args });
            self.calls.push(ForeignCall { at, name, span, args: spans, of_quotient });
            return at;
        };
        let (least, most) = function.arity();
        if args.len() < least || most.is_some_and(|most| args.len() > most) {
            let takes = if most.is_some() { "exactly" } else { "at least" };
            let takes = format!("{takes} {}", counted(least, "argument"));
            let message = format!("`{}` takes {takes}, not {}", name.text, args.len());
            let help = format!("write `{}`", function.usage());
            self.report(Diagnostic::new(Code::WrongArgumentCount, span, message).help(help));
            return self.expr(span, ExprKind::Error);
        }
        self.expr(span, ExprKind::Call { function, name, args })
    }

    fn is_quotient(&self, expr: ExprId) -> bool {
        matches!(self.exprs[expr].kind, ExprKind::Arithmetic { op: Arithmetic::Divide, .. })
    }

    fn unknown(&mut self, code: Code, name: &Name, message: String, known: &[&'static str]) {
        let quoted: Vec<String> = known.iter().map(|known| format!("`{known}`")).collect();
        let diagnostic = Diagnostic::new(code, name.span, message).help(format!("write {}", one_of(&quoted)));
        self.report(match nearest(&name.text, known.iter().copied()) {
            Some(near) => diagnostic.fix(name.span, near),
            None => diagnostic,
        });
    }

    // types, fields, cells

    /// The type of this name; `digits` is the number in parentheses after it.
    pub fn type_kind(&mut self, name: Name, digits: Option<Span>) -> TypeKind {
        match (name.text.as_str(), digits) {
            ("bool", None) => TypeKind::Bool,
            ("int", None) => TypeKind::Int,
            ("money", None) => TypeKind::Money,
            ("date", None) => TypeKind::Date,
            ("percent", None) => TypeKind::Percent(2),
            ("percent", Some(digits)) => TypeKind::Percent(self.scale(digits)),
            ("decimal", Some(digits)) => TypeKind::Decimal(self.scale(digits)),
            ("decimal", None) => self.malformed_decimal(&name),
            (_, None) => TypeKind::Named(name.clone()),
            (_, Some(digits)) => {
                let message = format!("`{}` does not take a number of digits", name.text);
                let help = "only `decimal(n)` and `percent(n)` take one";
                self.report(Diagnostic::new(Code::MalformedType, digits, message).help(help));
                TypeKind::Named(name.clone())
            }
        }
    }

    fn malformed_decimal(&mut self, name: &Name) -> TypeKind {
        let end = Span { start: name.span.end, ..name.span };
        let diagnostic =
            Diagnostic::new(Code::MalformedType, name.span, "`decimal` needs a number of decimal places")
                .help("write it in parentheses, for example `decimal(2)`")
                .fix(end, "(2)");
        self.report(diagnostic);
        TypeKind::Decimal(2)
    }

    fn scale(&mut self, span: Span) -> u8 {
        let digits = self.whole(span);
        match u8::try_from(digits).ok().filter(|&digits| usize::from(digits) <= SCALE_MAX) {
            Some(digits) => digits,
            None => {
                self.report(beyond(Code::MalformedType, span));
                0
            }
        }
    }

    /// A type that belongs to a later version of the language.
    pub fn later_type(&mut self, span: Span) -> TypeKind {
        self.later(span);
        TypeKind::Named(self.name(span))
    }

    /// A construct that belongs to a later version of the language; `span` is its first words.
    pub fn later(&mut self, span: Span) {
        let words: Vec<&str> = span.text(self.source).split_whitespace().collect();
        let message = format!("`{}` is reserved for a later version of the language", words.join(" "));
        let help = "remove it; elsewhere the word can be a name";
        self.report(Diagnostic::new(Code::ReservedForLater, span, message).label("reserved").help(help));
    }

    /// The inputs.
    pub fn inputs(&mut self, fields: Vec<Field>, span: Span) -> Item {
        for place in std::mem::take(&mut self.optional_before) {
            let next = fields.iter().position(|field| field.name.span.start > place.end);
            let Some((before, next)) = next.and_then(|next| Some((fields.get(next - 1)?, &fields[next])))
            else {
                continue;
            };
            let message = format!("this `optional` would belong to `{}`", before.name.text);
            let diagnostic = Diagnostic::new(Code::UnexpectedToken, place, message)
                .help(OPTIONAL)
                .fix(Span { end: next.name.span.start, ..place }, "");
            let end = Span { start: next.ty.span.end, ..next.ty.span };
            self.report(if next.optional.is_some() { diagnostic } else { diagnostic.fix(end, " optional") });
        }
        Item::Input(FieldBlock { fields, span })
    }

    /// Whether this `optional` begins the line of the next field, so that it reads as the end of the field before.
    fn begins_field(&self, place: Span) -> bool {
        let before = self.source.get(..place.start as usize).unwrap_or("");
        let after = self.source.get(place.end as usize..).unwrap_or("");
        let line = before.rsplit('\n').next().unwrap_or("");
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let next = after.trim_start_matches([' ', '\t']);
        let behind = next.trim_start_matches(of_name);
        let is_named = behind.len() < next.len() && behind.trim_start_matches([' ', '\t']).starts_with(':');
        line.trim().is_empty() && is_named
    }

    /// An input field.
    pub fn input_field(&mut self, span: Span, name: Name, ty: Type, clauses: Vec<FieldClause>) -> Field {
        let mut field = Field { name, ty, optional: None, actionable: None, default: None, span };
        for clause in clauses {
            match clause {
                FieldClause::Default(_, place) => {
                    let help = "declare the input `optional`, and replace a missing value with `or_else`";
                    let message = "an input cannot have a `default`";
                    self.report(Diagnostic::new(Code::MisplacedClause, place, message).help(help));
                }
                FieldClause::Optional(place) if self.begins_field(place) => self.optional_before.push(place),
                FieldClause::Optional(place) if field.optional.is_some() => {
                    self.repeated("`optional`", place)
                }
                FieldClause::Optional(place) => field.optional = Some(place),
                FieldClause::Actionable(actionable) if field.actionable.is_some() => {
                    self.repeated("`actionable`", actionable.span)
                }
                FieldClause::Actionable(actionable) => field.actionable = Some(actionable),
            }
        }
        field
    }

    /// An output.
    pub fn output_field(&mut self, span: Span, name: Name, ty: Type, clauses: Vec<FieldClause>) -> Field {
        let mut field = Field { name, ty, optional: None, actionable: None, default: None, span };
        for clause in clauses {
            match clause {
                FieldClause::Optional(place) => {
                    let message = "an output is never missing";
                    let diagnostic = Diagnostic::new(Code::MisplacedClause, place, message);
                    self.report(diagnostic.help("remove `optional`").fix(place, ""));
                }
                FieldClause::Default(_, place) if field.default.is_some() => {
                    self.repeated("`default`", place)
                }
                FieldClause::Default(value, _) => field.default = Some(value),
                FieldClause::Actionable(Actionable { span, .. }) => {
                    let message = "only an input can be actionable: an output is what the policy decides";
                    let diagnostic = Diagnostic::new(Code::MisplacedClause, span, message);
                    self.report(diagnostic.help("remove `actionable`").fix(span, ""));
                }
            }
        }
        field
    }

    /// A cell that is a value: the name `any` alone accepts everything.
    pub fn value_cell(&self, value: ExprId) -> CellKind {
        match &self.exprs[value] {
            Expr { kind: ExprKind::Name(name), parentheses: false, .. } if name.text == "any" => {
                CellKind::Any
            }
            _ => CellKind::Value(value),
        }
    }

    /// What is listed between braces, which must not be nothing.
    pub fn listed<T>(&mut self, span: Span, what: &str, list: Vec<T>) -> Vec<T> {
        if list.is_empty() {
            let message = format!("these braces contain no {what}");
            self.report(
                Diagnostic::new(Code::NothingListed, span, message)
                    .help(format!("write at least one {what}")),
            );
        }
        list
    }

    // clauses

    /// The clauses of one thing, each once, and only those that it may have.
    pub fn clauses(&mut self, list: Vec<Clause>, allowed: Allowed) -> Clauses {
        let mut clauses = Clauses::default();
        for clause in list {
            let (kind, what) = clause.kind();
            let span = clause.span();
            if !allowed.flags()[kind] {
                let message = format!("{what} does not belong here");
                self.report(
                    Diagnostic::new(Code::MisplacedClause, span, message).help("remove it").fix(span, ""),
                );
                continue;
            }
            let before = match clause {
                Clause::Title(text) => clauses.title.replace(text).is_some(),
                Clause::Cite(text, _) => clauses.cite.replace(text).is_some(),
                Clause::From(day, _) => clauses.dated.from.replace(day).is_some(),
                Clause::Until(day, _) => clauses.dated.until.replace(day).is_some(),
                Clause::Id(name) => clauses.id.replace(name).is_some(),
            };
            if before {
                self.repeated(what, span);
            }
        }
        clauses
    }

    fn repeated(&mut self, what: &str, span: Span) {
        let message = format!("{what} is given twice");
        self.report(Diagnostic::new(Code::RepeatedClause, span, message).help("keep one of them"));
    }

    // items

    /// `rule …` or `otherwise …`
    pub fn rule(
        &mut self,
        span: Span,
        id: Name,
        clauses: Vec<Clause>,
        condition: Option<ExprId>,
        outcomes: Vec<Outcome>,
    ) -> Rule {
        let allowed = if condition.is_some() { Allowed::Rule } else { Allowed::Otherwise };
        let Clauses { title, cite, dated, .. } = self.clauses(clauses, allowed);
        self.look_at_outcomes(&outcomes);
        Rule { id, title, cite, dated, condition, outcomes, span }
    }

    fn look_at_outcomes(&mut self, outcomes: &[Outcome]) {
        let named = outcomes.iter().find(|outcome| outcome.output.is_some());
        let bare = outcomes.iter().find(|outcome| outcome.output.is_none());
        if let (Some(named), Some(bare)) = (named, bare) {
            let diagnostic = Diagnostic::new(
                Code::MixedOutcomes,
                bare.span,
                "some outcomes of this rule have names, and this one does not",
            )
            .also(named.span, "this one has a name")
            .help("name all outcomes, or none");
            self.report(diagnostic);
        }
    }

    /// A row of a table.
    pub fn table_row(
        &mut self,
        span: Span,
        cells: Vec<Cell>,
        value: ExprId,
        clauses: Vec<Clause>,
    ) -> TableRow {
        let Clauses { cite, dated, id, .. } = self.clauses(clauses, Allowed::Row);
        TableRow { cells, value, dated, id, cite, span }
    }

    /// A row of a grid.
    pub fn grid_row(&mut self, span: Span, cell: Cell, values: Vec<ExprId>, clauses: Vec<Clause>) -> GridRow {
        let Clauses { cite, dated, id, .. } = self.clauses(clauses, Allowed::Row);
        GridRow { cell, values, dated, id, cite, span }
    }
}
