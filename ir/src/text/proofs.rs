//! How does a proof read? One line per node, indented by what is above it.
//!
//! ```text
//! proof v7 low
//!   known v2 holds
//!     have 1 v3 + -1 v4 + 5 >= 0
//!       leaf v3 * (2 g + 1) = 3 v1.low + -1 v6.op.0 + 1 above.2 * v4.high + 4
//!       cases v4 at 17
//!         leaf 1 g + 0 = 2 v6.op.0 * v4 + 1 (1 v3 + -1 v4)^2
//!         derive v5
//!           pair v5 v6
//!             leaf -1 = 1 v5.low + 1 v5.high
//! ```
//!
//! `g` is what the proof shows not to be negative. Of a leaf, the left side says what multiplies it and what is left over,
//! where the multiplier 1 is not written; a term is a multiple of a fact, a product or a square, or a number. `cases`
//! without a number splits by what the op says. How deep a line is indented has no meaning.

use std::fmt;

use super::parse::{Read, Words};
use super::{POLARITIES, joined_by};
use crate::func::Value;
use crate::proof::{Fact, Factor, Leaf, Monomial, Node, Poly, Proof, Split};

/// The names of the two ends of a claim, the lower first.
pub(super) const ENDS: [&str; 2] = ["low", "high"];

/// Deeper lines are not indented any further, so that the text of a deep proof stays short.
const INDENTED_MAX: usize = 16;

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // by node that waits for proofs below it, how many
        let mut above: Vec<usize> = Vec::new();
        for node in &self.nodes {
            writeln!(f, "{}{node}", "  ".repeat(1 + above.len().min(INDENTED_MAX)))?;
            if let Some(last) = above.last_mut() {
                *last -= 1;
            }
            // every op that has cases has two of them
            above.push(node.below(|_| 2));
            while above.last() == Some(&0) {
                above.pop();
            }
        }
        Ok(())
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Leaf(leaf) => write!(f, "leaf {leaf}"),
            Node::Have(fact) => write!(f, "have {fact} >= 0"),
            Node::Derive(value) => write!(f, "derive {value}"),
            Node::Pair(first, second) => write!(f, "pair {first} {second}"),
            Node::Known(condition, holds) => write!(f, "known {condition} {}", POLARITIES[*holds as usize]),
            Node::Cases(Split::At(value, at)) => write!(f, "cases {value} at {at}"),
            Node::Cases(Split::Of(value)) => write!(f, "cases {value}"),
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Leaf { m, d, e, terms } = self;
        match (m, d, e) {
            (None, 0, 0) => write!(f, "-1 =")?,
            (None, ..) => write!(f, "{d} g + {e} =")?,
            (Some(m), ..) => write!(f, "{m} * ({d} g + {e}) =")?,
        }
        let terms: Vec<String> = terms
            .iter()
            .map(|(times, factor)| match factor {
                Factor::One => format!("{times}"),
                _ => format!("{times} {factor}"),
            })
            .collect();
        if terms.is_empty() { Ok(()) } else { write!(f, " {}", terms.join(" + ")) }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Factor::One => f.write_str("1"),
            Factor::Fact(fact) => write!(f, "{fact}"),
            Factor::Product(a, b) => write!(f, "{a} * {b}"),
            Factor::Times(fact, value) => write!(f, "{fact} * {value}"),
            Factor::Square(root) => write!(f, "({root})^2"),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fact::Low(value) => write!(f, "{value}.{}", ENDS[0]),
            Fact::High(value) => write!(f, "{value}.{}", ENDS[1]),
            Fact::Op(value, number) => write!(f, "{value}.op.{number}"),
            Fact::Above(number) => write!(f, "above.{number}"),
        }
    }
}

impl fmt::Display for Poly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // the constant last, as people write it
        let constant = self.coefficient(Monomial::ONE);
        let others = self.terms().filter(|(monomial, _)| *monomial != Monomial::ONE);
        let mut terms: Vec<String> =
            others.map(|(monomial, times)| format!("{times} {}", joined_by(" ", monomial.atoms()))).collect();
        if constant != 0 || terms.is_empty() {
            terms.push(constant.to_string());
        }
        f.write_str(&terms.join(" + "))
    }
}

/// What begins the lines of nodes.
pub(super) const HEADS: [&str; 6] = ["leaf", "have", "derive", "pair", "known", "cases"];

/// The rest of a line that begins with one of [`HEADS`].
pub(super) fn node(head: &str, words: &mut Words) -> Read<Node> {
    Ok(match head {
        "leaf" => Node::Leaf(leaf(words)?),
        "have" => {
            let fact = poly(words)?;
            words.expect(">=")?;
            words.expect("0")?;
            Node::Have(fact)
        }
        "derive" => Node::Derive(words.value()?),
        "pair" => Node::Pair(words.value()?, words.value()?),
        "known" => {
            let (condition, holds) = (words.value()?, words.word()?);
            let polarity = POLARITIES.iter().position(|name| *name == holds);
            let polarity =
                polarity.ok_or_else(|| format!("a condition `holds` or `failed`, not `{holds}`"))?;
            Node::Known(condition, polarity == 1)
        }
        _ => {
            let value = words.value()?;
            let is_at = words.accept("at");
            Node::Cases(if is_at { Split::At(value, words.number()?) } else { Split::Of(value) })
        }
    })
}

fn leaf(words: &mut Words) -> Read<Leaf> {
    let m = if words.is_before("v") { Some(words.value()?) } else { None };
    if m.is_some() {
        words.expect("*")?;
        words.expect("(")?;
    }
    let d = words.number()?;
    let (d, e) = if m.is_none() && d == -1 && words.is_before("=") {
        (0, 0)
    } else {
        words.expect("g")?;
        words.expect("+")?;
        (d, words.number()?)
    };
    if m.is_some() {
        words.expect(")")?;
    }
    words.expect("=")?;
    let mut terms = Vec::new();
    while !words.is_at_end() {
        if !terms.is_empty() {
            words.expect("+")?;
        }
        terms.push((words.number()?, factor(words)?));
    }
    Ok(Leaf { m, d, e, terms })
}

fn factor(words: &mut Words) -> Read<Factor> {
    if words.is_at_end() || words.is_before("+") {
        return Ok(Factor::One);
    }
    if words.accept("(") {
        let root = poly(words)?;
        words.expect(")^2")?;
        return Ok(Factor::Square(root));
    }
    let first = words.word()?;
    let fact_of = fact(first, words)?;
    if !words.accept("*") {
        return Ok(Factor::Fact(fact_of));
    }
    let second = words.word()?;
    if words.is_before(".") {
        Ok(Factor::Product(fact_of, fact(second, words)?))
    } else {
        Ok(Factor::Times(fact_of, words.value_named(second)?))
    }
}

fn fact(head: &str, words: &mut Words) -> Read<Fact> {
    words.expect(".")?;
    if head == "above" {
        return Ok(Fact::Above(small(words)?));
    }
    let value: Value = words.value_named(head)?;
    match words.word()? {
        "low" => Ok(Fact::Low(value)),
        "high" => Ok(Fact::High(value)),
        "op" => {
            words.expect(".")?;
            Ok(Fact::Op(value, small(words)?))
        }
        other => Err(format!("a fact of {value} is `low`, `high` or `op`, not `{other}`")),
    }
}

fn small(words: &mut Words) -> Read<u16> {
    let number = words.number()?;
    u16::try_from(number).map_err(|_| format!("`{number}` is not the number of a fact"))
}

fn poly(words: &mut Words) -> Read<Poly> {
    let mut poly = Poly::default();
    loop {
        let times = words.number()?;
        let mut monomial = Monomial::ONE;
        while words.is_before("v") {
            let atom = Monomial::of(words.value()?);
            monomial = monomial.times(atom).ok_or("a term has two values at most")?;
        }
        let sum = poly.plus(1, &Poly::term(monomial, times));
        poly = sum.ok_or("a coefficient is no integer of 128 bits")?;
        if !words.accept("+") {
            return Ok(poly);
        }
    }
}
