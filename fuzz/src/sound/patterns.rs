//! What do people write? Patterns of ordinary policies, with random constants and variations.

use super::terms::{Generator, Outcomes, Term};
use crate::policy::Unit;

/// A pattern and its name.
pub(super) type Pattern = (&'static str, fn(&mut Generator) -> Outcomes);

/// Patterns of linear arithmetic.
pub(super) const LINEAR: &[Pattern] = &[
    ("bands", bands),
    ("bands_by_rules", bands_by_rules),
    ("cap", cap),
    ("deductible", deductible),
    ("rest", rest),
    ("rest_of_three", rest_of_three),
    ("taper", taper),
    ("allowance", allowance),
    ("required_if", required_if),
    ("missing_rules", missing_rules),
    ("chain", chain),
    ("fee_table", fee_table),
    ("two_keys", two_keys),
    ("instalments", instalments),
    ("spread", spread),
    ("rounding_gain", rounding_gain),
    ("same_side", same_side),
    ("capped_sum", capped_sum),
    ("stacked_discounts", stacked_discounts),
    ("rounded_difference", rounded_difference),
    ("excesses", excesses),
    ("overtime", overtime),
    ("mean", mean),
    ("blend", blend),
    ("guarded", guarded),
    ("late_days", late_days),
    ("due_date", due_date),
    ("anniversary", anniversary),
    ("full_months", full_months),
];

/// Patterns with products or quotients of two values.
pub(super) const PRODUCTS: &[Pattern] = &[
    ("prorata", prorata),
    ("share_of_total", share_of_total),
    ("weights", weights),
    ("weighted_average", weighted_average),
    ("square", square),
    ("ratio", ratio),
    ("coinsurance", coinsurance),
    ("tiers", tiers),
    ("remainder", remainder),
    ("unit_price", unit_price),
    ("monthly", monthly),
    ("variable_taper", variable_taper),
    ("interest", interest),
    ("per_head", per_head),
    ("rate_table", rate_table),
    ("days_prorata", days_prorata),
    ("rest_of_share", rest_of_share),
    ("quotient_and_one", quotient_and_one),
    ("loan_to_value", loan_to_value),
    ("guarded_divisor", guarded_divisor),
];

fn only(term: Term) -> Outcomes {
    vec![(None, term)]
}

/// An amount from 0.
fn amount(g: &mut Generator, inputs: u32) -> (Unit, String) {
    g.inputs(inputs);
    let unit = g.amount();
    g.sketch.output = unit;
    (unit, g.input(unit, 0))
}

/// Three rates, usually ascending.
fn rates(g: &mut Generator) -> [i128; 3] {
    let mut rates = [0, 1, 2].map(|_| g.choose(&[0, 5, 10, 12, 20, 22, 25, 30, 40, 45, 50]));
    if !g.one_in(4) {
        rates.sort_unstable();
    }
    rates
}

fn bands(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let cuts = g.cuts(&x, 2);
    let [r1, r2, r3] = rates(g);
    let (k1, k2) = (g.lit(unit, cuts[0]), g.lit(unit, cuts[cuts.len() - 1]));
    let top = if g.one_in(2) {
        format!("max({x} - {k2}, {})", g.lit(unit, 0))
    } else {
        format!("({x} - min({x}, {k2}))")
    };
    only(Term::fine(format!(
        "({r1}% of min({x}, {k1}) + {r2}% of (min({x}, {k2}) - min({x}, {k1})) + {r3}% of {top})"
    )))
}

fn bands_by_rules(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let cuts = g.cuts(&x, 2);
    let [r1, r2, r3] = rates(g);
    let (k1, k2) = (cuts[0], cuts[cuts.len() - 1]);
    let (b1, b2) = (r1 * k1 / 100, r1 * k1 / 100 + r2 * (k2 - k1) / 100);
    let (k1, k2, b1, b2) = (g.lit(unit, k1), g.lit(unit, k2), g.lit(unit, b1), g.lit(unit, b2));
    let mut rules = vec![(Some(format!("{x} <= {k1}")), Term::fine(format!("({r1}% of {x})")))];
    if cuts.len() > 1 {
        rules.push((Some(format!("{x} <= {k2}")), Term::fine(format!("({b1} + {r2}% of ({x} - {k1}))"))));
    }
    rules.push((None, Term::fine(format!("({b2} + {r3}% of ({x} - {k2}))"))));
    rules
}

fn cap(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let rate = g.percent();
    let part = g.whole(unit, Term::fine(format!("({rate} of {x})"))).text;
    let cap = g.cut(&x);
    let cap = g.lit(unit, cap);
    let least = g.lit(unit, 3);
    let capped = format!("min({part}, {cap})");
    let text = match g.below(3) {
        0 => capped,
        1 => format!("max({least}, {capped})"),
        _ => format!("({x} - {capped})"),
    };
    only(Term::plain(text))
}

fn deductible(g: &mut Generator) -> Outcomes {
    let (unit, claim) = amount(g, 2);
    let own = g.input(unit, 0);
    let limit = g.cut(&claim);
    let (limit, zero) = (g.lit(unit, limit), g.lit(unit, 0));
    let rate = g.percent();
    let pays = match g.below(3) {
        0 => Term::plain(format!("({claim} - {own})")),
        1 => Term::fine(format!("({rate} of ({claim} - {own}))")),
        _ => Term::plain(format!("min({claim} - {own}, {limit})")),
    };
    match g.below(3) {
        0 => vec![(Some(format!("{claim} <= {own}")), Term::plain(zero)), (None, pays)],
        1 => vec![
            (Some(format!("{claim} <= {own}")), Term::plain(zero)),
            (Some(format!("{claim} - {own} > {limit}")), Term::plain(limit)),
            (None, pays),
        ],
        _ => vec![(Some(format!("{claim} > {own}")), pays), (None, Term::plain(zero))],
    }
}

fn rest(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let rate = g.percent();
    let part = g.whole(unit, Term::fine(format!("({rate} of {x})"))).text;
    let part = g.named(&part);
    only(Term::plain(format!("({x} - {part})")))
}

fn rest_of_three(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let [a, b] = [g.choose(&[10, 20, 25, 33, 40, 50]), g.choose(&[10, 20, 25, 33, 50])];
    let one = g.whole(unit, Term::fine(format!("({a}% of {x})"))).text;
    let two = g.whole(unit, Term::fine(format!("({b}% of {x})"))).text;
    let (one, two) = (g.named(&one), g.named(&two));
    only(Term::plain(format!("({x} - {one} - {two})")))
}

fn taper(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let from = g.cut(&x);
    let full = g.cut(&x);
    let (from, full, zero) = (g.lit(unit, from), g.lit(unit, full), g.lit(unit, 0));
    let by = g.choose(&["/ 2", "/ 4", "* 0.25", "/ 5"]);
    let above =
        if g.one_in(2) { format!("max({x} - {from}, {zero})") } else { format!("({x} - min({x}, {from}))") };
    let reduced = Term { quotient: by.starts_with('/'), ..Term::fine(format!("({above} {by})")) };
    let reduced = g.whole(unit, reduced).text;
    only(Term::plain(format!("max({full} - {reduced}, {zero})")))
}

fn allowance(g: &mut Generator) -> Outcomes {
    let taper = taper(g).remove(0).1;
    let free = g.named(&taper.text);
    let unit = g.sketch.output;
    let x = g.leaf(unit).text;
    let [r1, r2, _] = rates(g);
    let taxable = g.named(&format!("{x} - min({x}, {free})"));
    let cut = 10 + g.below(200);
    let k = g.lit(unit, cut);
    only(Term::fine(format!("({r1}% of min({taxable}, {k}) + {r2}% of ({taxable} - min({taxable}, {k})))")))
}

fn required_if(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let unit = g.amount();
    g.sketch.output = unit;
    let (flag, x) = (g.flag(), g.any_input(unit));
    let other = g.optional(unit, 0);
    g.require(&format!("not {flag} or {other} is present"));
    let both = format!("({x} + {other})");
    let used = if g.one_in(2) { both } else { format!("max({x} - {other}, {})", g.lit(unit, 0)) };
    vec![(Some(flag), Term::plain(used)), (None, Term::plain(x))]
}

fn missing_rules(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let unit = g.amount();
    g.sketch.output = unit;
    let (flag, x) = (g.flag(), g.any_input(unit));
    let other = g.optional(unit, 1);
    let cut = g.cut(&x);
    let cut = g.lit(unit, cut);
    match g.below(3) {
        0 => vec![
            (Some(format!("{flag} and {other} is missing")), Term::plain(x.clone())),
            (Some(flag), Term::plain(format!("min({x}, {other})"))),
            (None, Term::plain(format!("min({x}, {cut})"))),
        ],
        1 => {
            g.require(&format!("{x} < {cut} or {other} is present"));
            vec![
                (Some(format!("{x} >= {cut}")), Term::plain(format!("({x} + {other})"))),
                (None, Term::plain(cut)),
            ]
        }
        _ => {
            g.require(&format!("{flag} == ({other} is present)"));
            vec![(Some(flag), Term::plain(other)), (None, Term::plain(x))]
        }
    }
}

fn chain(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 3);
    let (b, c) = (g.input(unit, 0), g.input(unit, 0));
    g.require(&format!("{a} <= {b}"));
    g.require(&format!("{b} <= {c}"));
    let text = match g.below(4) {
        0 => format!("({c} - {a})"),
        1 => format!("(({c} - {b}) + ({b} - {a}))"),
        2 => format!("(2 * {c} - {a} - {b})"),
        _ => format!("({c} - min({b}, {a}))"),
    };
    only(Term::plain(text))
}

fn fee_table(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let cuts = g.cuts(&x, 2);
    let fee = g.table_over(unit, unit, &x, &cuts, None).text;
    let zero = g.lit(unit, 0);
    let text = match g.below(3) {
        0 => format!("({x} + {fee})"),
        1 => format!("max({x} - {fee}, {zero})"),
        _ => format!("({x} - min({x}, {fee}))"),
    };
    only(Term::plain(text))
}

fn two_keys(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 2);
    let (other, flag) = (g.input(unit, 0), g.flag());
    let sum = g.named(&format!("{x} + {other}"));
    let first = 1 + g.below(60);
    let second = first + 1 + g.below(60);
    let flag = Some(flag).filter(|flag| !flag.contains(' '));
    let fee = g.table_over(unit, unit, &sum, &[first, second], flag.as_deref()).text;
    only(Term::plain(format!("({sum} + {fee})")))
}

fn instalments(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let n = g.choose(&[2, 3, 4, 6, 12]);
    let one = g.whole(unit, Term::quotient(format!("({x} / {n})"))).text;
    let one = g.named(&one);
    only(Term::plain(format!("({x} - {} * {one})", n - 1)))
}

fn spread(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 3);
    let b = g.input(unit, 0);
    let text = match g.below(3) {
        0 => format!("max({a} - {b}, {b} - {a})"),
        1 => format!("(max({a}, {b}) - min({a}, {b}))"),
        _ => {
            let c = g.input(unit, 0);
            format!("(max({a}, {b}, {c}) - min({a}, {b}, {c}))")
        }
    };
    only(Term::plain(text))
}

fn rounding_gain(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let to = if unit == Unit::Money {
        g.choose(&["$0.05", "$0.10", "$0.25"])
    } else {
        g.choose(&["5", "10", "12"])
    };
    let mode = g.mode();
    let text = match mode {
        "up" | "ceiling" => format!("(({x} rounded {mode} to {to}) - {x})"),
        _ => format!("({x} - ({x} rounded {mode} to {to}))"),
    };
    only(Term::plain(text))
}

fn same_side(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 2);
    let (b, flag) = (g.input(unit, 0), g.flag());
    let when = format!("({flag} and {a} >= {b}) or (not {flag} and {a} > {b})");
    let other = if g.one_in(2) { g.lit(unit, 0) } else { format!("({b} - {a})") };
    vec![(Some(when), Term::plain(format!("({a} - {b})"))), (None, Term::plain(other))]
}

fn capped_sum(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 2);
    let b = g.input(unit, 0);
    let (k1, k2) = (g.cut(&a), g.cut(&b));
    let k3 = (k1 + k2) * 2 / 3;
    let [k1, k2, k3] = [k1, k2, k3].map(|k| g.lit(unit, k));
    let sum = format!("min({a}, {k1}) + min({b}, {k2})");
    let text = if g.one_in(2) { format!("min({sum}, {k3})") } else { format!("({a} + {b} - ({sum}))") };
    only(Term::plain(text))
}

fn stacked_discounts(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let (r1, r2) = (g.percent(), g.percent());
    let one = g.whole(unit, Term::fine(format!("({r1} of {x})"))).text;
    let first = g.named(&format!("{x} - {one}"));
    let two = g.whole(unit, Term::fine(format!("({r2} of {first})"))).text;
    if g.one_in(2) {
        return only(Term::plain(format!("({first} - {two})")));
    }
    let member = g.flag();
    vec![(Some(member), Term::plain(format!("({first} - {two})"))), (None, Term::plain(first))]
}

fn rounded_difference(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 2);
    let b = g.input(unit, 0);
    g.require(&format!("{b} <= {a}"));
    let mode = g.mode();
    let rate = g.percent();
    let to = if unit == Unit::Money { g.choose(&["cent", "$0.10"]) } else { g.choose(&["integer", "5"]) };
    only(Term::plain(format!(
        "(({rate} of {a} rounded {mode} to {to}) - ({rate} of {b} rounded {mode} to {to}))"
    )))
}

fn excesses(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let cuts = g.cuts(&x, 3);
    let parts: Vec<String> = cuts.iter().map(|k| format!("({x} - min({x}, {}))", g.lit(unit, *k))).collect();
    only(Term::plain(format!("({})", parts.join(" + "))))
}

fn overtime(g: &mut Generator) -> Outcomes {
    g.inputs(1);
    let hours = g.input(Unit::Number, 0);
    g.sketch.output = Unit::Money;
    let usual = g.cut(&hours);
    let normal = g.named(&format!("min({hours}, {usual})"));
    only(Term::plain(format!("({normal} * $0.20 + ({hours} - {normal}) * $0.30)")))
}

fn mean(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 3);
    let (b, c) = (g.input(unit, 0), g.input(unit, 0));
    let mean = g.whole(unit, Term::quotient(format!("(({a} + {b} + {c}) / 3)"))).text;
    let text = match g.below(3) {
        0 => mean,
        1 => format!("(max({a}, {b}, {c}) - {mean})"),
        _ => format!("max({mean} - {a}, {})", g.lit(unit, 0)),
    };
    only(Term::plain(text))
}

fn blend(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (a, b) = (g.input(Unit::Percent, 0), g.input(Unit::Percent, 0));
    g.sketch.output = Unit::Percent;
    let (one, other) = g.choose(&[("0.3", "0.7"), ("0.5", "0.5"), ("0.333", "0.667")]);
    only(Term::fine(format!("({one} * {a} + {other} * {b})")))
}

fn guarded(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 2);
    let b = g.input(unit, 0);
    let zero = g.lit(unit, 0);
    match g.below(3) {
        0 => vec![
            (Some(format!("{a} > {b}")), Term::plain(format!("({a} - {b})"))),
            (Some(format!("{a} < {b}")), Term::plain(format!("({b} - {a})"))),
            (None, Term::plain(zero)),
        ],
        1 => {
            let k = g.cut(&a);
            let k = g.lit(unit, k);
            vec![
                (Some(format!("{a} - {b} <= {k}")), Term::plain(zero)),
                (None, Term::plain(format!("({a} - {b} - {k})"))),
            ]
        }
        _ => vec![
            (Some(format!("2 * {b} > {a}")), Term::plain(b.clone())),
            (None, Term::plain(format!("({a} - {b})"))),
        ],
    }
}

fn late_days(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (due, paid) = (g.any_input(Unit::Date), g.any_input(Unit::Date));
    g.sketch.output = Unit::Days;
    match g.below(3) {
        0 => only(Term::plain(format!("max({paid} - {due}, 0 days)"))),
        1 => {
            g.require(&format!("{paid} >= {due}"));
            only(Term::plain(format!("({paid} - {due})")))
        }
        _ => vec![
            (Some(format!("{paid} <= {due} + 5 days")), Term::plain("0 days")),
            (None, Term::plain(format!("min({paid} - {due}, 30 days)"))),
        ],
    }
}

fn due_date(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let start = g.any_input(Unit::Date);
    g.sketch.output = Unit::Date;
    g.sketch.carry = g.one_in(2);
    let count = g.choose(&[1, 2, 3, 6, 12]);
    match g.below(3) {
        0 => only(Term::plain(format!("({start} + {count} months)"))),
        1 => {
            let n = g.input(Unit::Number, 0);
            only(Term::plain(format!("({start} + {n} months)")))
        }
        _ => {
            let flag = g.flag();
            vec![
                (Some(flag), Term::plain(format!("({start} + {count} months)"))),
                (None, Term::plain(format!("({start} + 14 days)"))),
            ]
        }
    }
}

fn anniversary(g: &mut Generator) -> Outcomes {
    g.inputs(1);
    let start = g.any_input(Unit::Date);
    g.sketch.output = Unit::Days;
    g.sketch.carry = g.one_in(2);
    let span = g.choose(&["1 years", "1 months", "3 months", "6 months", "18 months"]);
    let text = match g.below(3) {
        0 => format!("({start} - ({start} - {span}))"),
        _ => format!("({start} + {span} - {start})"),
    };
    only(Term::plain(text))
}

fn full_months(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (from, to) = (g.any_input(Unit::Date), g.any_input(Unit::Date));
    g.sketch.output = Unit::Number;
    match g.below(3) {
        0 => {
            g.require(&format!("{from} <= {to}"));
            only(Term::plain(format!("whole_months({from}, {to})")))
        }
        1 => vec![
            (Some(format!("{from} > {to}")), Term::plain("0")),
            (None, Term::plain(format!("whole_months({from}, {to} + 1 months)"))),
        ],
        _ => only(Term::plain(format!("max(whole_months({from}, {to}), 0)"))),
    }
}

fn prorata(g: &mut Generator) -> Outcomes {
    let (_, c) = amount(g, 3);
    let (part, whole) = (g.input(Unit::Number, 0), g.input(Unit::Number, 1));
    let share =
        if g.one_in(2) { format!("({c} * ({part} / {whole}))") } else { format!("({c} * {part} / {whole})") };
    if g.one_in(2) {
        g.require(&format!("{part} <= {whole}"));
        return only(Term::quotient(share));
    }
    vec![(Some(format!("{part} >= {whole}")), Term::plain(c)), (None, Term::quotient(share))]
}

fn share_of_total(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let unit = g.amount();
    let (a, b) = (g.input(unit, 0), g.input(unit, 0));
    g.sketch.output = Unit::Percent;
    let zero = g.lit(unit, 0);
    let when =
        if g.one_in(2) { format!("{a} + {b} == {zero}") } else { format!("{a} == {zero} and {b} == {zero}") };
    vec![
        (Some(when), Term::plain(g.choose(&["0%", "100%"]))),
        (None, Term::quotient(format!("({a} / ({a} + {b}) * 100%)"))),
    ]
}

fn weights(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 3);
    let (b, w) = (g.input(unit, 0), g.input(Unit::Percent, 0));
    only(Term::fine(format!("({w} of {a} + (100% - {w}) of {b})")))
}

fn weighted_average(g: &mut Generator) -> Outcomes {
    let (unit, a) = amount(g, 3);
    let b = if g.one_in(2) { a.clone() } else { g.input(unit, 0) };
    let m = g.input(Unit::Number, 0);
    let n = g.range(&m).1;
    if g.one_in(2) {
        return only(Term::quotient(format!("({a} * {m} / {n} + {b} * ({n} - {m}) / {n})")));
    }
    only(Term::quotient(format!("(({a} * {m} + {b} * ({n} - {m})) / {n})")))
}

fn square(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let a = g.any_input(Unit::Number);
    g.sketch.output = Unit::Number;
    let text = match g.below(4) {
        0 => format!("({a} * {a})"),
        1 => {
            let b = g.any_input(Unit::Number);
            format!("(({a} - {b}) * ({a} - {b}))")
        }
        2 => format!("({a} * ({a} - 1))"),
        _ => {
            let hi = g.range(&a).1;
            format!("({a} * ({hi} - {a}))")
        }
    };
    only(Term::plain(text))
}

fn ratio(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (part, whole) = (g.input(Unit::Number, 0), g.input(Unit::Number, 1));
    g.require(&format!("{part} <= {whole}"));
    g.sketch.output = Unit::Number;
    let text = match g.below(3) {
        0 => format!("({part} * 100 / {whole})"),
        1 => format!("(({whole} - {part}) * 10 / {whole})"),
        _ => format!("({part} / {whole} * 50)"),
    };
    only(Term::quotient(text))
}

fn coinsurance(g: &mut Generator) -> Outcomes {
    let (unit, loss) = amount(g, 3);
    let (carried, required) = (g.input(unit, 1), g.input(unit, 1));
    if g.one_in(2) {
        return only(Term::quotient(format!("({loss} * min(1, {carried} / {required}))")));
    }
    vec![
        (Some(format!("{carried} >= {required}")), Term::plain(loss.clone())),
        (None, Term::quotient(format!("({loss} * ({carried} / {required}))"))),
    ]
}

fn tiers(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 1);
    let cuts = g.cuts(&x, 2);
    let [r1, r2, r3] = rates(g);
    let row = |cell: usize, value: String| {
        let k = |at: usize| {
            crate::policy::words::literal(unit, if unit == Unit::Money { 2 } else { 0 }, cuts[at])
        };
        match cell {
            0 => format!("\n    | <= {} => {value} ;", k(0)),
            _ if cell == cuts.len() => format!("\n    | > {} => {value} ;", k(cell - 1)),
            _ => format!("\n    | above {} to {} => {value} ;", k(cell - 1), k(cell)),
        }
    };
    let rates = [r1, r2, r3];
    let floors: String =
        (0..=cuts.len()).map(|at| row(at, g.lit(unit, if at == 0 { 0 } else { cuts[at - 1] }))).collect();
    let rate: String = (0..=cuts.len()).map(|at| row(at, format!("{}%", rates[at]))).collect();
    let (lo, hi) = (g.lit(unit, 0), g.lit(unit, cuts[cuts.len() - 1]));
    let ty = if unit == Unit::Money { "money" } else { "int" };
    g.sketch.items.push(format!("table floor_of({x}) unique -> {ty} in {lo}..{hi} {{{floors}\n  }}"));
    g.sketch.items.push(format!("table rate_of({x}) unique -> percent in 0%..100% {{{rate}\n  }}"));
    only(Term::fine(format!("(rate_of of ({x} - floor_of))")))
}

fn remainder(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (a, b) = (g.input(Unit::Number, 0), g.input(Unit::Number, 1));
    g.sketch.output = Unit::Number;
    only(Term::plain(match g.below(4) {
        0 => format!("({a} div {b})"),
        1 => format!("({a} mod {b})"),
        2 => format!("({a} - {b} * ({a} div {b}))"),
        _ => format!("({b} - ({a} mod {b}))"),
    }))
}

fn unit_price(g: &mut Generator) -> Outcomes {
    g.inputs(3);
    let (price, count) = (g.input(Unit::Money, 0), g.input(Unit::Number, 0));
    g.sketch.output = Unit::Money;
    let total = g.named(&format!("{price} * {count}"));
    let discount = g.input(Unit::Percent, 0);
    let off = g.whole(Unit::Money, Term::fine(format!("({discount} of {total})"))).text;
    let cut = g.cut(&count);
    match g.below(2) {
        0 => only(Term::plain(format!("({total} - {off})"))),
        _ => vec![
            (Some(format!("{count} > {cut}")), Term::plain(format!("({total} - {off})"))),
            (None, Term::plain(total)),
        ],
    }
}

fn monthly(g: &mut Generator) -> Outcomes {
    g.inputs(3);
    let (loan, n, fee) = (g.input(Unit::Money, 10), g.input(Unit::Number, 1), g.input(Unit::Money, 0));
    g.sketch.output = Unit::Money;
    only(match g.below(3) {
        0 => Term::quotient(format!("({loan} / {n} + {fee})")),
        1 => {
            let one = g.whole(Unit::Money, Term::quotient(format!("({loan} / {n})"))).text;
            let one = g.named(&one);
            Term::plain(format!("({one} + {fee})"))
        }
        _ => Term::quotient(format!("(({loan} + {fee}) / {n})")),
    })
}

fn variable_taper(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 2);
    let rate = g.input(Unit::Percent, 0);
    let (full, from) = (g.cut(&x), g.cut(&x));
    let (full, from, zero) = (g.lit(unit, full), g.lit(unit, from), g.lit(unit, 0));
    let less = g.whole(unit, Term::fine(format!("({rate} of ({x} - min({x}, {from})))"))).text;
    only(Term::plain(format!("max({full} - {less}, {zero})")))
}

fn interest(g: &mut Generator) -> Outcomes {
    g.inputs(3);
    let (loan, rate) = (g.input(Unit::Money, 0), g.input(Unit::Percent, 0));
    g.sketch.output = Unit::Money;
    only(match g.below(3) {
        0 => Term::quotient(format!("({rate} of {loan} / 12)")),
        1 => {
            let months = g.input(Unit::Number, 0);
            Term::quotient(format!("({loan} + {rate} of {loan} * {months} / 12)"))
        }
        _ => {
            let tax = g.whole(Unit::Money, Term::fine(format!("({rate} of {loan})"))).text;
            let tax = g.named(&tax);
            Term::plain(format!("({loan} - {tax})"))
        }
    })
}

fn per_head(g: &mut Generator) -> Outcomes {
    let (unit, total) = amount(g, 2);
    let n = g.input(Unit::Number, 1);
    let each = g.whole(unit, Term::quotient(format!("({total} / {n})"))).text;
    let each = g.named(&each);
    only(Term::plain(if g.one_in(2) {
        format!("({total} - {n} * {each})")
    } else {
        format!("({total} - {each})")
    }))
}

fn rate_table(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 2);
    let key = g.input(Unit::Number, 0);
    let cuts = g.cuts(&key, 2);
    let rate = g.table_over(Unit::Percent, Unit::Number, &key, &cuts, None).text;
    let part = g.whole(unit, Term::fine(format!("({rate} of {x})"))).text;
    only(Term::plain(if g.one_in(2) { part } else { format!("({x} - {part})") }))
}

fn days_prorata(g: &mut Generator) -> Outcomes {
    g.inputs(3);
    let (premium, from, to) = (g.input(Unit::Money, 0), g.any_input(Unit::Date), g.any_input(Unit::Date));
    g.sketch.output = Unit::Money;
    g.require(&format!("{from} <= {to}"));
    if g.one_in(2) {
        return only(Term::quotient(format!("({premium} * (({to} - {from}) / 366 days))")));
    }
    vec![
        (Some(format!("{to} - {from} >= 30 days")), Term::plain(premium.clone())),
        (None, Term::quotient(format!("({premium} * (({to} - {from}) / 30 days))"))),
    ]
}

fn rest_of_share(g: &mut Generator) -> Outcomes {
    let (unit, x) = amount(g, 2);
    let share = g.input(Unit::Percent, 0);
    let part = g.whole(unit, Term::fine(format!("({share} of {x})"))).text;
    let part = g.named(&part);
    only(Term::plain(format!("({x} - {part})")))
}

fn quotient_and_one(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (x, y) = (g.input(Unit::Number, 0), g.input(Unit::Number, 1));
    g.sketch.output = Unit::Number;
    let k = g.choose(&["+ 1", "- 3", "+ 12"]);
    only(Term::quotient(format!("({x} / {y} {k})")))
}

fn loan_to_value(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (loan, value) = (g.input(Unit::Money, 0), g.input(Unit::Money, 1));
    g.sketch.output = Unit::Percent;
    let limit = g.choose(&["80%", "90%", "95%", "100%"]);
    vec![
        (Some(format!("{loan} / {value} > {limit}")), Term::plain("0%")),
        (None, Term::quotient(format!("({loan} / {value} * 100%)"))),
    ]
}

fn guarded_divisor(g: &mut Generator) -> Outcomes {
    g.inputs(2);
    let (a, b) = (g.input(Unit::Number, 0), g.input(Unit::Number, 0));
    g.sketch.output = Unit::Number;
    match g.below(4) {
        0 => vec![
            (Some(format!("{a} == 0 and {b} == 0")), Term::plain("0")),
            (None, Term::plain(format!("(({a} * 100) div ({a} + {b}))"))),
        ],
        1 => {
            vec![(Some(format!("{b} == 0")), Term::plain("0")), (None, Term::plain(format!("({a} div {b})")))]
        }
        2 => vec![
            (Some(format!("{a} <= {b}")), Term::plain("1")),
            (None, Term::quotient(format!("({a} / ({a} - {b}))"))),
        ],
        _ => {
            g.require(&format!("{b} > 0"));
            only(Term::quotient(format!("({a} * 10 / {b})")))
        }
    }
}

/// A random expression, under rules with random conditions.
pub(super) fn random(g: &mut Generator) -> Outcomes {
    let inputs = g.choose(&[1, 2, 2, 3]);
    g.inputs(inputs);
    let unit = g.choose(&[
        Unit::Number,
        Unit::Number,
        Unit::Money,
        Unit::Money,
        Unit::Percent,
        Unit::Days,
        Unit::Date,
    ]);
    g.sketch.output = unit;
    g.sketch.carry = g.one_in(2);
    g.any_input(unit);
    let mut rules = Vec::new();
    for _ in 0..g.choose(&[0, 0, 1, 1, 2]) {
        rules.push((Some(g.condition(1)), g.term(unit, 2)));
    }
    if g.one_in(5) {
        let condition = g.condition(0);
        g.require(&condition);
    }
    rules.push((None, g.deep(unit)));
    rules
}

/// The outcomes with something else around them.
pub(super) fn varied(g: &mut Generator, mut outcomes: Outcomes) -> Outcomes {
    let unit = g.sketch.output;
    let last = outcomes.len() - 1;
    let end = &mut outcomes[last].1;
    let Term { text, fine, quotient } = end.clone();
    let same = |text: String| Term { text, fine, quotient };
    match g.below(6) {
        0 if !quotient => {
            let k = g.leaf(unit).text;
            *end = same(format!("min({text}, {k})"));
        }
        1 if unit != Unit::Date => {
            let k = g.leaf(unit).text;
            *end = same(format!("({text} + {k})"));
        }
        2 if unit != Unit::Date => {
            let k = g.leaf(unit).text;
            *end = same(format!("({text} - {k})"));
        }
        3 if !quotient => {
            let (condition, other) = (g.condition(1), g.leaf(unit).text);
            *end = same(format!("(if {condition} then {text} else {other})"));
        }
        4 => {
            let (condition, other) = (g.condition(0), g.term(unit, 1));
            outcomes.insert(0, (Some(condition), other));
        }
        _ => {
            let condition = g.condition(1);
            g.require(&condition);
        }
    }
    outcomes
}
