//! Do facts exclude that a goal fails? If so, the leaf of a proof; if not, a point at which they hold and it fails.

use std::collections::{BTreeMap, BTreeSet};

use num_bigint::BigInt;
use num_integer::Integer;
use opus_ir::Value;
use opus_ir::proof::{Fact, Factor, Leaf, Monomial, Poly, Relation, Scope, TERMS_MAX};

use super::rational::Rational;
use super::simplex::{Contradiction, Outcome, Simplex, Var};

/// How many conditions a goal is decided with: those beyond say little about it.
const CONDITIONS_MAX: usize = 600;

/// How many squares are added to a goal where the point that was found makes them negative.
const SQUARES_MAX: usize = 4;

/// How often equations are multiplied by what products are made of.
const ROUNDS: usize = 3;

/// By monomial, its value.
pub type Point = BTreeMap<Monomial, Rational>;

/// What came out.
pub enum Answer {
    /// The goal follows.
    Proved(Leaf),
    /// It does not follow from these facts.
    Open(Point),
    /// The work was too much.
    Spent,
}

/// A condition: what is not negative, or zero, and how a leaf names it.
struct Condition {
    poly: Poly,
    is_zero: bool,
    factor: Factor,
}

/// Whether `goal >= 0` follows from what is known of these atoms, multiplied by `m` where it is given, and with `products` also
/// from products of facts.
pub fn follows(
    scope: &Scope,
    atoms: &BTreeSet<Value>,
    goal: &Poly,
    m: Option<Value>,
    products: bool,
    work: &mut usize,
) -> Answer {
    let one = Poly::constant(1);
    let multiplier = m.map_or(one.clone(), |m| scope.term(m).poly);
    // m * (g + 1) <= 0: the goal fails by one at least
    let failing = multiplier.times(goal).and_then(|product| product.plus(1, &multiplier));
    let Some(failing) = failing.and_then(|sum| Poly::default().plus(-1, &sum)) else {
        return Answer::Open(Point::new());
    };
    let mut conditions = linear(scope, atoms);
    let quadratic = |polys: &[&Poly]| -> BTreeSet<Monomial> {
        let monomials = polys.iter().flat_map(|poly| poly.terms().map(|(monomial, _)| monomial));
        monomials.filter(|monomial| monomial.degree() == 2).collect()
    };
    let all: Vec<&Poly> = conditions.iter().map(|condition| &condition.poly).chain([&failing]).collect();
    let monomials = quadratic(&all);
    if products && !monomials.is_empty() {
        multiply(&mut conditions, monomials);
    }
    conditions.truncate(CONDITIONS_MAX);
    let goal_at = conditions.len();
    conditions.push(Condition { poly: failing, is_zero: false, factor: Factor::One });
    let mut squares = 0;
    loop {
        match solve(&conditions, work) {
            Ok(contradiction) => {
                let leaf = leaf(scope, conditions, contradiction, goal_at, m);
                return leaf.map_or(Answer::Open(Point::new()), Answer::Proved);
            }
            Err(Answer::Open(point)) if products && squares < SQUARES_MAX => match square(&point) {
                Some(square) => {
                    squares += 1;
                    conditions.push(square);
                }
                None => return Answer::Open(point),
            },
            Err(answer) => return answer,
        }
    }
}

/// The square of an atom less an integer, where the point says that it is negative.
fn square(point: &Point) -> Option<Condition> {
    point.iter().find_map(|(monomial, value)| {
        let mut atoms = monomial.atoms();
        let (a, b) = (atoms.next()?, atoms.next()?);
        let at = point.get(&Monomial::of(a)).filter(|_| a == b)?;
        let nearest = at.plus(&Rational::half()).floor()?;
        let root = Poly::of(a).plus(-nearest, &Poly::constant(1))?;
        let poly = root.times(&root)?;
        let twice = Rational::integer(nearest.checked_mul(2)?);
        let is_negative =
            value.minus(&twice.times(at)).plus(&Rational::integer(nearest.checked_mul(nearest)?));
        (is_negative.signum() < 0).then_some(Condition { poly, is_zero: false, factor: Factor::Square(root) })
    })
}

/// What is known of the atoms, fact by fact.
fn linear(scope: &Scope, atoms: &BTreeSet<Value>) -> Vec<Condition> {
    let mut conditions = Vec::new();
    let mut add = |relation: Option<Relation>, fact: Fact| {
        if let Some(Relation { poly, is_zero }) = relation.filter(|relation| !relation.poly.is_empty()) {
            conditions.push(Condition { poly, is_zero, factor: Factor::Fact(fact) });
        }
    };
    for atom in atoms {
        for fact in [Fact::Low(*atom), Fact::High(*atom)] {
            add(scope.relation(fact), fact);
        }
        // an operand may be known better than its atom
        let sharper = |arg: &&Value| scope.range(**arg) != scope.range(scope.atom(**arg));
        let args = scope.func().inst(*atom).map_or(&[][..], |inst| inst.args());
        for arg in args.iter().filter(sharper) {
            for fact in [Fact::Low(*arg), Fact::High(*arg)] {
                add(scope.relation(fact), fact);
            }
        }
        for (number, relation) in scope.says(*atom).into_iter().enumerate() {
            add(Some(relation), Fact::Op(*atom, number as u16));
        }
    }
    for number in 0..scope.count_above().min(usize::from(u16::MAX)) {
        let fact = Fact::Above(number as u16);
        // what is about one atom alone is part of what is known of it, unless the two contradict each other
        let relation = scope.relation(fact).filter(|relation| {
            let is_near = relation.poly.atoms().all(|atom| atoms.contains(&atom));
            is_near && !scope.implies(relation)
        });
        add(relation, fact);
    }
    conditions
}

/// Adds products of linear conditions whose monomials occur already.
fn multiply(conditions: &mut Vec<Condition>, mut products: BTreeSet<Monomial>) {
    let count = conditions.len();
    let is_linear = |condition: &Condition| condition.poly.degree() == 1;
    let factors: BTreeSet<Value> = products.iter().flat_map(|product| product.atoms()).collect();
    let mut more = Vec::new();
    // a linear equation times an atom relates products; those that are new may occur in other equations
    let equations = conditions.iter().filter(|condition| condition.is_zero && is_linear(condition));
    let mut untried: Vec<(&Condition, Value)> =
        equations.flat_map(|equation| factors.iter().map(move |atom| (equation, *atom))).collect();
    for _ in 0..ROUNDS {
        let before = products.len();
        untried.retain(|(equation, atom)| {
            let Factor::Fact(fact) = equation.factor else { return false };
            let Some(poly) = equation.poly.times(&Poly::of(*atom)) else { return false };
            let new = || poly.terms().map(|(monomial, _)| monomial).filter(|monomial| monomial.degree() == 2);
            let known = new().filter(|monomial| products.contains(monomial)).count();
            let is_related = known > 0 && new().count() - known <= 1;
            if is_related {
                products.extend(new().collect::<Vec<_>>());
                more.push(Condition { poly, is_zero: true, factor: Factor::Times(fact, *atom) });
            }
            !is_related
        });
        if products.len() == before {
            break;
        }
    }
    let factors: BTreeSet<Value> = products.iter().flat_map(|product| product.atoms()).collect();
    let fits =
        |poly: &Poly| poly.terms().all(|(monomial, _)| monomial.degree() < 2 || products.contains(&monomial));
    let about = |condition: &&Condition| {
        is_linear(condition)
            && !condition.is_zero
            && condition.poly.atoms().any(|atom| factors.contains(&atom))
    };
    let candidates: Vec<&Condition> = conditions[..count].iter().filter(about).collect();
    for (i, a) in candidates.iter().enumerate() {
        for b in &candidates[i..] {
            let (Factor::Fact(first), Factor::Fact(second)) = (&a.factor, &b.factor) else { continue };
            if let Some(poly) = a.poly.times(&b.poly).filter(|poly| poly.degree() == 2 && fits(poly)) {
                more.push(Condition { poly, is_zero: false, factor: Factor::Product(*first, *second) });
            }
        }
    }
    let squares = products.iter().filter_map(|product| {
        let mut atoms = product.atoms();
        let (a, b) = (atoms.next()?, atoms.next()?);
        (a == b).then(|| Poly::of(a)).or_else(|| Poly::of(a).plus(-1, &Poly::of(b)))
    });
    for root in squares.collect::<Vec<_>>() {
        if let Some(poly) = root.times(&root).filter(|poly| fits(poly)) {
            more.push(Condition { poly, is_zero: false, factor: Factor::Square(root) });
        }
    }
    conditions.extend(more);
}

/// The contradiction between conditions, or the point where all hold.
fn solve(conditions: &[Condition], work: &mut usize) -> Result<Contradiction, Answer> {
    let mut simplex = Simplex::default();
    let mut vars: BTreeMap<Monomial, Var> = BTreeMap::new();
    for condition in conditions {
        for (monomial, _) in condition.poly.terms().filter(|(monomial, _)| *monomial != Monomial::ONE) {
            vars.entry(monomial).or_insert_with(|| simplex.var());
        }
    }
    for (number, condition) in conditions.iter().enumerate() {
        let terms: Vec<(Var, Rational)> = condition
            .poly
            .terms()
            .filter(|(monomial, _)| *monomial != Monomial::ONE)
            .map(|(monomial, coefficient)| (vars[&monomial], Rational::integer(coefficient)))
            .collect();
        *work = work.saturating_sub(terms.len());
        let constant = Rational::integer(condition.poly.coefficient(Monomial::ONE));
        if let Some(contradiction) = simplex.add(number, &terms, &constant, condition.is_zero) {
            return Ok(contradiction);
        }
    }
    match simplex.solve(work) {
        Outcome::None(contradiction) => Ok(contradiction),
        Outcome::Point => {
            let point = vars.into_iter().map(|(monomial, var)| (monomial, simplex.value(var).clone()));
            Err(Answer::Open(point.collect()))
        }
        Outcome::Spent => Err(Answer::Spent),
    }
}

/// The multiples as a leaf; `None` where a number has more than 128 bits, or there are too many.
fn leaf(
    scope: &Scope,
    conditions: Vec<Condition>,
    contradiction: Contradiction,
    goal_at: usize,
    m: Option<Value>,
) -> Option<Leaf> {
    let scale = contradiction.values().fold(BigInt::from(1), |scale, times| scale.lcm(&times.denominator()));
    let scaled = |times: &Rational| (times.big() * &scale).to_integer();
    // the sum of all is a negative constant
    let mut left = BigInt::ZERO;
    for (number, times) in &contradiction {
        left -= scaled(times) * conditions[*number].poly.coefficient(Monomial::ONE);
    }
    let times_goal = contradiction.get(&goal_at).map_or(BigInt::ZERO, scaled);
    let others = contradiction.iter().filter(|(number, _)| **number != goal_at);
    let mut terms: Vec<(BigInt, Factor)> =
        others.map(|(number, times)| (scaled(times), conditions[*number].factor.clone())).collect();
    let (one, zero) = (BigInt::from(1), BigInt::ZERO);
    let (d, e) = match m {
        _ if times_goal == zero => {
            terms.push((left - &one, Factor::One));
            (zero, BigInt::ZERO)
        }
        // m * (d * g + d) = sum + left
        None if left <= times_goal => {
            let e = &times_goal - left;
            (times_goal, e)
        }
        None => {
            terms.push((left - &times_goal, Factor::One));
            (times_goal, BigInt::ZERO)
        }
        Some(m) => {
            let most = Some(scope.range(m).hi).filter(|most| *most < i128::MAX).map(BigInt::from)?;
            terms.iter_mut().for_each(|(times, _)| *times *= &most);
            let d = &times_goal * &most;
            let of_m = if left <= d { left.clone() } else { d.clone() };
            terms.push((of_m.clone(), Factor::Fact(Fact::High(m))));
            if left > d {
                terms.push(((left - &d) * &most, Factor::One));
            }
            (d.clone(), d - of_m)
        }
    };
    // a leaf of smaller numbers says the same
    let common = terms.iter().fold(d.gcd(&e), |common, (times, _)| common.gcd(times));
    let common = if d == BigInt::ZERO || common == BigInt::ZERO { one } else { common };
    terms.retain(|(times, _)| *times != BigInt::ZERO);
    let small = |x: &BigInt| i128::try_from(x / &common).ok();
    let terms = terms
        .iter()
        .map(|(times, factor)| Some((small(times)?, factor.clone())))
        .collect::<Option<Vec<_>>>()?;
    let multiplies = m.filter(|_| d != BigInt::ZERO);
    (terms.len() <= TERMS_MAX).then_some(Leaf { m: multiplies, d: small(&d)?, e: small(&e)?, terms })
}
