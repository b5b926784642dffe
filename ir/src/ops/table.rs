//! The op table itself: one row per op.

/// Passes the table to a macro: `for_each_op!(callback …)` becomes `callback! { … leaves { rows } computed { rows }
/// claims { rows } }`.
///
/// Leaves read the row or are constants. Computed ops follow from operands and immediate alone. A claim gives its first
/// operand and says more about it.
///
/// A row is
///
/// ```text
/// /// Documentation.
/// CODE Name mnemonic(operand: Class, …; immediate: Kind) -> Class {
///     laws: law, law(value);
///     meaning: expression;
///     range: expression;
///     says: |result| expression;
///     cases: |result| expression;
///     pairs: |result, other| expression;
/// }
/// ```
///
/// `meaning` computes one result from the operands as integers of any width `T` ([`Scalar`](crate::Scalar)); `range`
/// computes an interval from theirs. Both see operands and immediate by their names, except in leaves and claims, where
/// they are functions of [`Operands`](crate::Operands) and [`Ranges`](crate::Ranges).
///
/// `says` is what proofs may use of result and operands, `cases` a complete list of cases, where there is one, and `pairs`
/// what the result and [another](crate::proof::Other) say together; all see them as [`Term`](crate::proof::Term)s. Leaves
/// and claims say nothing but their intervals.
///
/// A further column is one more line in each row, one more field of [`Row`](crate::ops::Row), and one more line in the
/// macro that fills it (`define` in `ops.rs`). Callbacks that need only names and signatures match the braces as one
/// token tree.
#[macro_export]
macro_rules! for_each_op {
    ($callback:ident $($before:tt)*) => { $callback! { $($before)*
        leaves {
            /// The constant itself.
            1 Const constant(; value: Const) -> Any {
                meaning: |o| o.imm;
                range: |r| Ok(Interval::point(r.imm));
            }
            /// The value of an input field. If the field is missing, it is any value in the field's range.
            2 Field field(; field: Field) -> Any {
                meaning: |o| at(o.values, o.imm);
                range: |r| Ok(r.field);
            }
            /// Whether an input field is present.
            3 Present present(; field: Field) -> Bool {
                meaning: |o| at(o.present, o.imm) as i128;
                range: |_| Ok(Interval::BOOL);
            }
        }
        computed {
            /// The sum.
            10 Add add(a: Int, b: Int) -> Int {
                laws: commutes, modular, unit(0);
                meaning: a.plus(b);
                range: bounded(a.add(b));
                says: |q| sum(q, a, b, 1);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// The difference.
            11 Sub sub(a: Int, b: Int) -> Int {
                laws: modular, unit(0), of_equals(0);
                meaning: a.minus(b);
                range: bounded(a.sub(b));
                says: |q| sum(q, a, b, -1);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// The product.
            12 Mul mul(a: Int, b: Int) -> Int {
                laws: commutes, modular, unit(1);
                meaning: a.times(b);
                range: bounded(a.mul(b));
                says: |q| product(q, a, b);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// The quotient rounded by the mode; 0 if the divisor is 0.
            13 Divide divide(a: Int, b: Int; mode: Rounding) -> Int {
                laws: unit(1), of_equals(1);
                meaning: a.divide(b, mode);
                range: divide_range(a, b, mode);
                says: |q| quotient(q, a, b, mode);
                cases: |_| Vec::new();
                pairs: |q, other| rising(q, other, is_divisor(&b));
            }
            /// The remainder of floor division, which has the divisor's sign; 0 if the divisor is 0.
            14 Modulo modulo(a: Int, b: Int) -> Int {
                laws: of_equals(0);
                meaning: a.modulo(b);
                range: modulo_range(a, b);
                says: |q| remainder(q, a, b);
                cases: |_| Vec::new();
                pairs: |q, other| rest(q, a, b, other);
            }
            /// The smaller.
            15 Min min(a: Int, b: Int) -> Int {
                laws: commutes, idempotent;
                meaning: a.min(b);
                range: Ok(a.min(b));
                says: |q| least(q, a, b, 1);
                cases: |q| extremes(q, a, b, 1);
                pairs: |_, _| None;
            }
            /// The greater.
            16 Max max(a: Int, b: Int) -> Int {
                laws: commutes, idempotent;
                meaning: a.max(b);
                range: Ok(a.max(b));
                says: |q| least(q, a, b, -1);
                cases: |q| extremes(q, a, b, -1);
                pairs: |_, _| None;
            }
            /// The absolute value.
            17 Abs abs(a: Int) -> Int {
                meaning: a.max(T::truncate(0).minus(a));
                range: bounded(Interval::point(0).sub(a).map(|negated| match a.contains(0) {
                    true => Interval::new(0, negated.hi.max(a.hi)),
                    false => a.max(negated),
                }));
                says: |q| magnitude(q, a);
                cases: |q| magnitudes(q, a);
                pairs: |_, _| None;
            }

            /// Whether the two are equal.
            20 Eq eq(a: Int, b: Int) -> Bool {
                laws: commutes, of_equals(1);
                meaning: (a == b) as i8;
                range: Ok(eq_range(a, b));
                says: |q| balance(q, a, b, 1);
                cases: |q| contrary(q, a, b, 0);
                pairs: |_, _| None;
            }
            /// Whether the two differ.
            21 Ne ne(a: Int, b: Int) -> Bool {
                laws: commutes, of_equals(0);
                meaning: (a != b) as i8;
                range: Ok(not_range(eq_range(a, b)));
                says: |q| balance(q, a, b, 0);
                cases: |q| contrary(q, a, b, 1);
                pairs: |_, _| None;
            }
            /// Whether the first is less than the second.
            22 Lt lt(a: Int, b: Int) -> Bool {
                laws: of_equals(0);
                meaning: (a < b) as i8;
                range: Ok(known(a.hi < b.lo, a.lo >= b.hi));
                says: |q| order(q, a, b, 1);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// Whether the first is at most the second.
            23 Le le(a: Int, b: Int) -> Bool {
                laws: of_equals(1);
                meaning: (a <= b) as i8;
                range: Ok(known(a.hi <= b.lo, a.lo > b.hi));
                says: |q| order(q, a, b, 0);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }

            /// Whether both are true.
            30 And and(a: Bool, b: Bool) -> Bool {
                laws: commutes, idempotent, unit(1);
                meaning: a & b;
                range: Ok(a.min(b));
                says: |q| both(q, a, b);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// Whether at least one is true.
            31 Or or(a: Bool, b: Bool) -> Bool {
                laws: commutes, idempotent, unit(0);
                meaning: a | b;
                range: Ok(a.max(b));
                says: |q| either(q, a, b);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// Whether exactly one is true.
            32 Xor xor(a: Bool, b: Bool) -> Bool {
                laws: commutes, unit(0), of_equals(0);
                meaning: a ^ b;
                range: Ok(not_range(eq_range(a, b)));
                says: |q| parity(q, a, b);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// Whether it is false.
            33 Not not(a: Bool) -> Bool {
                meaning: a ^ 1;
                range: Ok(not_range(a));
                says: |q| sum(q, Term::constant(1), a, -1);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
            /// The second operand if the first is true, the third if it is false.
            34 Select select(condition: Bool, a: Any, b: Any) -> Any {
                laws: modular;
                meaning: T::choose(condition, a, b);
                range: Ok(select_range(condition, a, b));
                says: |q| choose(q, condition, a, b);
                cases: |q| choices(q, condition, a, b);
                pairs: |_, _| None;
            }

            /// How many entries of an ascending table are at most the operand.
            40 Bucket bucket(a: Int; table: Table) -> Small {
                meaning: bucket_of(table, a.wide()) as i32;
                range: Ok(Interval::new(bucket_of(table, a.lo), bucket_of(table, a.hi)));
                says: |q| stretch(q, a, table);
                cases: |_| Vec::new();
                pairs: |q, other| rising(q, other, true);
            }
            /// The entry of a table at an index, which is clamped to the table; 0 in an empty table.
            41 Lookup lookup(index: Small; table: Table) -> Int {
                meaning: T::truncate(entry(table, index.wide()));
                range: Ok(lookup_range(index, table));
                says: |_| Vec::new();
                cases: |_| Vec::new();
                pairs: |q, other| rising(q, other, table.is_sorted());
            }

            /// The day moved by a number of months. Days are clamped to the years 1 to 9999, months to the same span.
            50 AddMonths add_months(day: Small, months: Small; end: MonthEnd) -> Small {
                laws: unit(0);
                meaning: date::add_months(day.wide(), months.wide(), end) as i32;
                range: date::add_months_range(day, months, end).ok_or(Unproved::Calendar);
                says: |q| moved(q, day, months, end);
                cases: |_| Vec::new();
                pairs: |q, other| rising(q, other, end == MonthEnd::Clip);
            }
            /// The whole months from the first day to the second, negative if the second is earlier. Days are
            /// clamped to the years 1 to 9999, and proved to be within them.
            51 WholeMonths whole_months(from: Small, to: Small) -> Small {
                laws: of_equals(0);
                meaning: date::whole_months(from.wide(), to.wide()) as i32;
                range: date::whole_months_range(from, to).ok_or(Unproved::Calendar);
                says: |q| months(q, from, to);
                cases: |_| Vec::new();
                pairs: |_, _| None;
            }
        }
        claims {
            /// The first operand, with the narrower interval that the condition (the second operand) establishes by being
            /// true or false. Allowed only in a block that every path enters through that side of the condition.
            60 Refine refine(a: Any, condition: Bool; holds: Polarity) -> Any {
                range: |r| Ok(r.args[0].intersect(r.established).unwrap_or(r.args[0]));
            }
            /// The operand, with a narrower interval that has a proof.
            61 Bound bound(a: Any) -> Any {
                range: |r| Ok(r.args[0]);
            }
        }
    } };
}
