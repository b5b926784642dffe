//! What could go wrong, and how is it reported?

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use opus_ir::facts::{Facts, Origins};
use opus_ir::{Func, Interval, Value};

use crate::check::may_be_missing;
use crate::codes::Code;
use crate::diagnostic::Diagnostic;
use crate::display::{domain_text, field_text, value_scale, value_text};
use crate::hir::{Arithmetic, ExprId, ExprKind, Policy, Unit, Version};
use crate::prove::{Budget, Known, Search};
use crate::text::ast::Span;

/// Something that could go wrong with an expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Complaint {
    /// The expression.
    pub at: ExprId,
    /// What it is.
    pub fault: Fault,
    /// What was to be proved, where that is the range of a value.
    pub unproved: Option<Range>,
}

/// That a value keeps a range, at a place in a function.
#[derive(Clone, PartialEq, Debug)]
pub struct Range {
    /// The value.
    pub value: Value,
    /// The range.
    pub range: Interval,
    /// The conditions that every row to the place meets.
    pub known: Vec<Known>,
}

/// What could go wrong in a function.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// Each, in the order in which it was found.
    pub complaints: Vec<Complaint>,
    /// The function, where something could go wrong in it.
    pub func: Func,
    /// Its values without refinements.
    pub origins: Origins,
    /// By the value of a condition, where it is written, and whether it holds as the value does.
    pub conditions: BTreeMap<Value, (ExprId, bool)>,
}

impl Failures {
    /// What can be proved of the value that a complaint is about, and the conditions that this follows from: where each is
    /// written, and whether it holds.
    pub fn proved(
        &self,
        complaint: &Complaint,
        budget: &mut Budget,
    ) -> Option<(Interval, Vec<(ExprId, bool)>)> {
        let Range { value, range, known } = complaint.unproved.as_ref().filter(|_| !budget.is_spent())?;
        let facts = Facts::with_origins(&self.func, &self.origins);
        let (found, used) = Search::new(&self.func, facts, known, budget).narrowest(*value, *range);
        let mut told = Vec::new();
        for (condition, holds) in used {
            let written = |(part, holds): (Value, bool)| {
                self.conditions.get(&part).map(|(expr, is_so)| (*expr, holds == *is_so))
            };
            match written((condition, holds)) {
                Some(whole) => told.push(whole),
                None => told.extend(facts.parts(condition, holds).into_iter().filter_map(written)),
            }
        }
        Some((found, told))
    }
}

/// What could go wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// A divisor is proved neither positive nor negative.
    ZeroDivisor {
        /// The divisor.
        divisor: ExprId,
        /// Its bounds.
        extent: Option<Extent>,
        /// Whether it is known not to be zero, though neither to be positive nor negative.
        is_never_zero: bool,
    },
    /// A result could leave 128 bits.
    Overflow {
        /// Its bounds.
        extent: Option<Extent>,
    },
    /// A date could leave the years 1 to 9999.
    Calendar,
    /// An outcome could leave the range of its output.
    Output {
        /// The index of the output.
        output: u32,
        /// The bounds of the outcome, as integers of the output.
        found: Interval,
    },
    /// An outcome could be none of the values that its output lists.
    Listed {
        /// The index of the output.
        output: u32,
    },
    /// The key of a table could be a value that no row was judged for.
    Key {
        /// The key.
        key: ExprId,
        /// Its bounds, as integers of its scale.
        found: Interval,
        /// The bounds that its values were taken to have.
        range: Interval,
    },
    /// An optional input that is used could be missing.
    Missing {
        /// The index of the input.
        field: u32,
        /// Where it is declared optional.
        declared: Span,
    },
    /// No input meets the require.
    Contradiction {
        /// Whether none meets it even without those before it.
        alone: bool,
    },
}

impl Fault {
    /// Whether no failing input exists, because the complaint is about something that no input does.
    pub fn has_no_input(&self) -> bool {
        matches!(self, Fault::Contradiction { .. } | Fault::ZeroDivisor { is_never_zero: true, .. })
    }

    /// Narrows the bounds of the value in question to a range.
    fn narrow(&mut self, range: Interval) {
        match self {
            Fault::Output { found, .. } | Fault::Key { found, .. } => {
                *found = found.intersect(range).unwrap_or(*found);
            }
            _ => {}
        }
    }

    /// The code of the diagnostic.
    pub fn code(&self) -> Code {
        match self {
            Fault::ZeroDivisor { .. } => Code::ZeroDivisor,
            Fault::Overflow { .. } => Code::Overflow,
            Fault::Calendar => Code::OutsideCalendar,
            Fault::Output { .. } => Code::OutputOutOfRange,
            Fault::Listed { .. } => Code::OutputNotListed,
            Fault::Key { .. } => Code::KeyOutOfRange,
            Fault::Missing { .. } => Code::OptionalNotNarrowed,
            Fault::Contradiction { .. } => Code::ContradictoryRequire,
        }
    }
}

/// A diagnostic for which no failing input was found. The sentence that says so ends with `known`.
pub fn unseen(mut diagnostic: Diagnostic, known: &str) -> Diagnostic {
    let excludes = format!("no such input was found, but the compiler cannot exclude one{known}");
    diagnostic.help = diagnostic.help.map(|help| format!("{help}; {excludes}"));
    diagnostic
}

impl Complaint {
    /// Where it is shown.
    pub fn span(&self, version: &Version) -> Span {
        let at = match &self.fault {
            Fault::ZeroDivisor { divisor, .. } => *divisor,
            Fault::Key { key, .. } if matches!(version.exprs[self.at].kind, ExprKind::Entry(..)) => *key,
            _ => self.at,
        };
        version.exprs[at].span
    }

    /// The diagnostic, with the range that can be proved; without a counterexample. `seen` says whether there is one, or cannot
    /// be: otherwise the diagnostic says what the range follows from.
    pub fn told(
        &self,
        policy: &Policy,
        version: &Version,
        source: &str,
        seen: bool,
        proved: Option<(Interval, Vec<(ExprId, bool)>)>,
    ) -> Diagnostic {
        let (range, known) = proved.unwrap_or((Interval::FULL, Vec::new()));
        let mut narrowed = self.clone();
        narrowed.fault.narrow(range);
        if seen {
            return narrowed.described(policy, version, source, "can be");
        }
        let quoted = |(condition, holds): &(ExprId, bool)| {
            let verb = if *holds { "holds" } else { "does not hold" };
            format!("{} {verb}", quote(version.exprs[*condition].span.text(source)))
        };
        let known: Vec<String> = known.iter().map(quoted).collect();
        let known = match known.split_last() {
            None => String::new(),
            Some((last, [])) => format!(", although {last}"),
            Some((last, others)) => format!(", although {} and {last}", others.join(", ")),
        };
        unseen(narrowed.described(policy, version, source, "is proved to be in"), &known)
    }

    fn described(&self, policy: &Policy, version: &Version, source: &str, can_be: &str) -> Diagnostic {
        let span = version.exprs[self.at].span;
        let quoted = |expr: ExprId| quote(version.exprs[expr].span.text(source));
        let between = |expr: ExprId, extent: &Extent| extent.text(policy, version.exprs[expr].ty.unit);
        let subject = quoted(self.at);
        match &self.fault {
            Fault::ZeroDivisor { divisor, extent, is_never_zero } => {
                let place = version.exprs[*divisor].span;
                let (could_be, help) = if *is_never_zero {
                    let help =
                        "test its sign in an earlier rule (`> 0`), and divide in one rule for each sign";
                    ("either positive or negative", help)
                } else {
                    let help = "narrow its range, or decide about zero in an earlier rule";
                    ("zero", help)
                };
                let always =
                    extent.as_ref().is_some_and(|extent| extent.low.is_zero() && extent.high.is_zero());
                let message = match always {
                    true => format!("{} is always zero", quoted(*divisor)),
                    false => format!("{} could be {could_be}", quoted(*divisor)),
                };
                let diagnostic = Diagnostic::new(self.fault.code(), place, message);
                let diagnostic = match extent {
                    Some(extent) => {
                        diagnostic.label(format!("the divisor {can_be} {}", between(*divisor, extent)))
                    }
                    None => diagnostic.label("divides"),
                };
                diagnostic.also(span, "in this division").help(help)
            }
            Fault::Overflow { extent } => {
                let message = match extent {
                    Some(extent) => {
                        format!(
                            "{subject} can be any value in {}, which does not fit in 128 bits",
                            between(self.at, extent)
                        )
                    }
                    None => format!("the exact value of {subject} does not fit in 128 bits"),
                };
                let help = "narrow the ranges of the values in it, or round one of them first";
                Diagnostic::new(self.fault.code(), span, message).help(help)
            }
            Fault::Calendar => {
                let message = format!("{subject} could be outside the years 1 to 9999");
                Diagnostic::new(self.fault.code(), span, message)
                    .help("narrow the range of the date or of the number of months")
            }
            Fault::Output { output, found } => {
                let field = &policy.schema.outputs[*output as usize];
                let text = |value| field_text(&policy.schema, field.kind, value);
                let declared = domain_text(&policy.schema, field.kind, &field.domain);
                let message = format!("{subject} could be outside the range of `{}`", field.name);
                let label = format!(
                    "{can_be} {}..{}, but the range of `{}` is {declared}",
                    text(found.lo),
                    text(found.hi),
                    field.name
                );
                let declaration = policy.output_spans[*output as usize];
                let help = "decide such inputs in an earlier rule, limit the value with `min` or `max`, or widen the range of the output";
                Diagnostic::new(self.fault.code(), span, message)
                    .label(label)
                    .also(declaration, "declared here")
                    .help(help)
            }
            Fault::Listed { output } => {
                let field = &policy.schema.outputs[*output as usize];
                let declared = domain_text(&policy.schema, field.kind, &field.domain);
                let message = format!("{subject} could be a value that `{}` does not list", field.name);
                let declaration = policy.output_spans[*output as usize];
                let help = format!("`{}` is one of {declared}", field.name);
                Diagnostic::new(self.fault.code(), span, message)
                    .also(declaration, "declared here")
                    .help(help)
            }
            Fault::Key { key, found, range } => {
                let ty = version.exprs[*key].ty;
                let extent = |range: Interval| Extent::scaled(range, ty.scale().unwrap_or(0));
                let end =
                    |value: i128| value_text(&policy.schema, ty.unit, &extent(Interval::point(value)).low);
                // an unbounded value is not shown as a number
                let text = |range: &Interval| match (range.lo > -FAR, range.hi < FAR) {
                    (true, true) => extent(*range).text(policy, ty.unit),
                    (true, false) => format!("{} or more", end(range.lo)),
                    (false, true) => format!("{} or less", end(range.hi)),
                    (false, false) => "any value".into(),
                };
                if let ExprKind::Entry(keys, hole) = &version.exprs[self.at].kind {
                    let declared = keys.iter().position(|known| known == key);
                    let declared = &policy.holes[*hole as usize].keys()[declared.unwrap_or_default()];
                    let message =
                        format!("{} could be a value for which {subject} has no entry", quoted(*key));
                    let domain = domain_text(&policy.schema, declared.kind, &declared.domain);
                    let label = format!(
                        "{} {can_be} {}, but the key `{}` is {domain}",
                        quoted(*key),
                        text(found),
                        declared.name,
                    );
                    let help = format!(
                        "decide other values in an earlier rule, ask for {} in {domain} before, or add them to the key",
                        quoted(*key)
                    );
                    return Diagnostic::new(self.fault.code(), version.exprs[*key].span, message)
                        .label(label)
                        .also(policy.holes[*hole as usize].span, "declared here")
                        .help(help);
                }
                let message = format!("{} could be a value for which {subject} has no row", quoted(*key));
                let label = format!(
                    "`{}` {can_be} {}, but the rows cover {}",
                    quoted(*key).trim_matches('`'),
                    text(found),
                    text(range)
                );
                Diagnostic::new(self.fault.code(), span, message)
                    .label(label)
                    .help("add rows, or narrow the range of the key")
            }
            Fault::Missing { field, declared } => {
                may_be_missing(&policy.schema.inputs[*field as usize].name, span, *declared)
            }
            Fault::Contradiction { alone } => {
                let others = if *alone { "" } else { " and the requirements before it" };
                let message = format!("no input satisfies {subject}{others}");
                let help = "every row would be refused: correct the condition or the ranges";
                Diagnostic::new(self.fault.code(), span, message).help(help)
            }
        }
    }
}

/// A value beyond this counts as unbounded.
const FAR: i128 = 1 << 119;

/// The bounds of a value, both included.
#[derive(Clone, PartialEq, Debug)]
pub struct Extent {
    /// The least.
    pub low: BigRational,
    /// The greatest.
    pub high: BigRational,
}

impl Extent {
    /// One number.
    pub fn point(x: i128) -> Extent {
        Extent::of(Interval::point(x))
    }

    /// The integers of an interval.
    pub fn of(range: Interval) -> Extent {
        Extent::scaled(range, 0)
    }

    /// The integers of an interval, in units of `10^-scale`.
    pub fn scaled(range: Interval, scale: u8) -> Extent {
        let power = num_traits::pow(BigInt::from(10), scale as usize);
        let number = |x: i128| BigRational::new(x.into(), power.clone());
        Extent { low: number(range.lo), high: number(range.hi) }
    }

    /// `self + other`
    pub fn plus(&self, other: &Extent) -> Extent {
        Extent { low: &self.low + &other.low, high: &self.high + &other.high }
    }

    /// `self - other`
    pub fn minus(&self, other: &Extent) -> Extent {
        Extent { low: &self.low - &other.high, high: &self.high - &other.low }
    }

    /// `self * other`
    pub fn times(&self, other: &Extent) -> Extent {
        self.corners(other, |a, b| a * b)
    }

    /// `self / other`; the divisor is not zero.
    pub fn over(&self, other: &Extent) -> Extent {
        self.corners(other, |a, b| a / b)
    }

    /// The bounds of an arithmetic result; `None` if they are not known this way.
    pub fn of_arithmetic(op: Arithmetic, a: &Extent, b: &Extent) -> Option<Extent> {
        match op {
            Arithmetic::Add => Some(a.plus(b)),
            Arithmetic::Sub => Some(a.minus(b)),
            Arithmetic::Mul => Some(a.times(b)),
            Arithmetic::Div if b.low > BigRational::zero() || b.high < BigRational::zero() => Some(a.over(b)),
            _ => None,
        }
    }

    /// Whether a value is within the bounds.
    pub fn contains(&self, value: &BigRational) -> bool {
        &self.low <= value && value <= &self.high
    }

    fn text(&self, policy: &Policy, unit: Unit) -> String {
        let text = |value: &BigRational| value_text(&policy.schema, unit, value);
        format!("{}..{}", text(&self.low), text(&self.high))
    }

    fn corners(&self, other: &Extent, f: impl Fn(&BigRational, &BigRational) -> BigRational) -> Extent {
        let corners = [
            f(&self.low, &other.low),
            f(&self.low, &other.high),
            f(&self.high, &other.low),
            f(&self.high, &other.high),
        ];
        let low = corners.iter().min().expect("there are four").clone();
        let high = corners.iter().max().expect("there are four").clone();
        Extent { low, high }
    }
}

/// What an output's integers may be, as exact values.
pub fn output_extent(policy: &Policy, output: u32) -> Extent {
    let field = &policy.schema.outputs[output as usize];
    Extent::scaled(field.domain.range, value_scale(&policy.schema, field.kind))
}

/// The author's words, on one line and not too many of them.
fn quote(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= SHOWN_MAX {
        return format!("`{words}`");
    }
    let head: String = words.chars().take(SHOWN_MAX).collect();
    format!("`{}…`", head.trim_end())
}
