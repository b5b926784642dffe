//! Which results are wanted? Those that are not adverse, or those that satisfy a list of conditions on outputs:
//! `decision = approve, credit_amount >= $9_000`.

use std::fmt;

use opus_frontend::ast::{DurationUnit, ExprId, ExprKind, Exprs, Item};
use opus_frontend::diagnostic::nearest;
use opus_frontend::hir::{Adverse, Comparison, Constant, Number};
use opus_frontend::parse::parse;
use opus_frontend::reference::Value;
use opus_frontend::stretch::{Answer, Extent};
use opus_frontend::{currency, display};
use opus_ir::{Kind, Schema};

/// A test of results.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Want(Kinds);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kinds {
    NotAdverse(Adverse),
    All(Vec<Wish>),
}

/// A condition on an output.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Wish {
    output: usize,
    comparison: Comparison,
    value: Value,
    /// As people read it.
    text: String,
    /// The decimals of the output's scaled integer, measured in its value.
    scale: u8,
}

/// Why a list of conditions cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WantError {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The signs of comparisons, longer ones first.
const SIGNS: [(&str, Comparison); 7] = [
    ("==", Comparison::Eq),
    ("!=", Comparison::Ne),
    ("<=", Comparison::Le),
    (">=", Comparison::Ge),
    ("=", Comparison::Eq),
    ("<", Comparison::Lt),
    (">", Comparison::Gt),
];

impl Want {
    /// Any result that is not adverse.
    pub fn not_adverse(adverse: Adverse) -> Want {
        Want(Kinds::NotAdverse(adverse))
    }

    /// Conditions on outputs, separated by commas, all of which must hold. Values are written as in a policy.
    ///
    /// ```
    /// use opus_govern::explain::Want;
    /// let source = "policy shop { currency USD  enum Answer { yes, no }  input { age : int in 0..120 }
    ///               output { answer : Answer   limit : money in $0..$500 }
    ///               rules first { rule A when age < 18 => no, $0  otherwise B => yes, $500 } }";
    /// let schema = opus_frontend::compile(source).0.unwrap().policy.schema;
    /// let want = Want::parse("answer = yes, limit >= $250", &schema)?;
    /// assert!(want.holds(&[0, 50_000]) && !want.holds(&[0, 24_999]));
    /// assert!(Want::parse("answer = maybe", &schema).unwrap_err().message.contains("`maybe`"));
    /// # Ok::<(), opus_govern::explain::WantError>(())
    /// ```
    ///
    /// # Errors
    /// Where an output or value is unknown, or the value is of another kind.
    pub fn parse(text: &str, schema: &Schema) -> Result<Want, WantError> {
        text.split(',')
            .map(|wish| Wish::parse(wish.trim(), schema))
            .collect::<Result<_, _>>()
            .map(Kinds::All)
            .map(Want)
    }

    /// Whether outputs, as scaled integers by output index, are wanted.
    pub fn holds(&self, outputs: &[i128]) -> bool {
        match &self.0 {
            Kinds::NotAdverse(adverse) => !adverse.holds(outputs),
            Kinds::All(wishes) => wishes.iter().all(|wish| wish.holds(outputs[wish.output])),
        }
    }

    /// What is known of outputs with these extents.
    pub(super) fn of_extents(&self, outputs: &[Extent]) -> Answer {
        match &self.0 {
            Kinds::NotAdverse(adverse) => match outputs[adverse.output as usize].is_among(&adverse.values) {
                Answer::Yes => Answer::No,
                Answer::No => Answer::Yes,
                Answer::Unknown => Answer::Unknown,
            },
            Kinds::All(wishes) => wishes.iter().fold(Answer::Yes, |so_far, wish| {
                so_far.and(outputs[wish.output].compared(wish.comparison, &wish.value))
            }),
        }
    }

    /// As people read it: `decision other than decline`, `decision = approve, credit_amount >= $9_000`.
    pub fn in_words(&self, schema: &Schema) -> String {
        match &self.0 {
            Kinds::NotAdverse(adverse) => {
                let output = &schema.outputs[adverse.output as usize];
                let value = |value: &u32| display::field_text(schema, output.kind, i128::from(*value));
                let values: Vec<String> = adverse.values.iter().map(value).collect();
                format!("{} other than {}", output.name, values.join(" or "))
            }
            Kinds::All(wishes) => wishes.iter().map(|wish| wish.text.clone()).collect::<Vec<_>>().join(", "),
        }
    }
}

impl Wish {
    fn parse(text: &str, schema: &Schema) -> Result<Wish, WantError> {
        let sign = SIGNS.iter().filter_map(|(sign, comparison)| Some((text.find(sign)?, *sign, *comparison)));
        let Some((at, sign, comparison)) = sign.min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))
        else {
            return Err(WantError {
                message: format!("`{text}` is not a condition on an output"),
                help: "write conditions such as `decision = approve, amount >= $500`".to_owned(),
            });
        };
        let (name, written) = (text[..at].trim(), text[at + sign.len()..].trim());
        let Some(output) = schema.outputs.iter().position(|output| output.name == name) else {
            let known: Vec<&str> = schema.outputs.iter().map(|output| output.name.as_str()).collect();
            return Err(WantError {
                message: format!("there is no output `{name}`"),
                help: match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the outputs are {}", known.join(", ")),
                },
            });
        };
        let kind = schema.outputs[output].kind;
        let is_ordered = !matches!(kind, Kind::Bool | Kind::Enum(_));
        if !is_ordered && !matches!(comparison, Comparison::Eq | Comparison::Ne) {
            return Err(WantError {
                message: format!("the values of `{name}` have no order, so `{sign}` does not apply"),
                help: "use `=` or `!=`".to_owned(),
            });
        }
        let value = value(written, kind, schema).map_err(|help| WantError {
            message: format!("`{written}` is not a value of the output `{name}`"),
            help,
        })?;
        let shown = if sign == "==" { "=" } else { sign };
        let text = format!("{name} {shown} {written}");
        Ok(Wish { output, comparison, value, text, scale: display::value_scale(schema, kind) })
    }

    fn holds(&self, output: i128) -> bool {
        let value = match &self.value {
            Value::Number(_) => Value::of(Constant::Number(Number { mantissa: output, scale: self.scale })),
            Value::Bool(_) => Value::Bool(output != 0),
            Value::Enum(_) => Value::Enum(output as u32),
        };
        Extent::exact(value).compared(self.comparison, &self.value) == Answer::Yes
    }
}

/// A literal of a kind; otherwise what to write.
fn value(text: &str, kind: Kind, schema: &Schema) -> Result<Value, String> {
    let help = || match kind {
        Kind::Bool => "write `true` or `false`".to_owned(),
        Kind::Enum(of) => {
            let values: Vec<&str> =
                schema.enums[of as usize].values.iter().map(|value| value.name.as_str()).collect();
            match nearest(text, values.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("its values are {}", values.join(", ")),
            }
        }
        kind => {
            let example = display::field_text(schema, kind, 0);
            format!("write it as in a policy, for example `{example}`")
        }
    };
    // the text is read as the value of a `let`, so that all values are written as in a policy
    let (tree, diagnostics) = parse(&format!("policy w {{ let w = {text}\n}}"));
    let tree = tree.filter(|tree| diagnostics.is_empty() && tree.items.len() == 1).ok_or_else(help)?;
    let Item::Let(item) = &tree.items[0] else { return Err(help()) };
    literal(&tree.exprs, item.value, kind, schema).map(Value::of).ok_or_else(help)
}

fn literal(exprs: &Exprs, id: ExprId, kind: Kind, schema: &Schema) -> Option<Constant> {
    let number = |number: &Number| Some(Constant::Number(*number));
    match (&exprs[id].kind, kind) {
        (ExprKind::Negate(operand), _) => match literal(exprs, *operand, kind, schema)? {
            Constant::Number(Number { mantissa, scale }) => number(&Number { mantissa: -mantissa, scale }),
            Constant::Bool(_) | Constant::Enum(_) => None,
        },
        (ExprKind::Bool(value), Kind::Bool) => Some(Constant::Bool(*value)),
        (ExprKind::Number(value), Kind::Int | Kind::Decimal(_)) => number(value),
        (ExprKind::Percent(value), Kind::Percent(_)) => {
            number(&Number { mantissa: value.mantissa, scale: value.scale.checked_add(2)? })
        }
        (ExprKind::Date(day), Kind::Date) => number(&Number::whole(i128::from(*day))),
        (ExprKind::Money { currency, amount }, Kind::Money) => {
            let own = schema.currency.as_ref()?;
            if currency::may_mean(&currency.text, &own.code) { number(amount) } else { None }
        }
        (ExprKind::Duration { count, unit: DurationUnit::Days }, Kind::Days) => {
            literal(exprs, *count, Kind::Int, schema)
        }
        (ExprKind::Name(value) | ExprKind::EnumValue { value, .. }, Kind::Enum(of)) => {
            let values = &schema.enums[of as usize].values;
            let found = values.iter().position(|known| known.name == value.text)?;
            Some(Constant::Enum(found as u32))
        }
        _ => None,
    }
}

impl fmt::Display for WantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.message, self.help)
    }
}

impl std::error::Error for WantError {}
