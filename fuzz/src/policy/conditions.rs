//! How are conditions generated? Comparisons, memberships and their combinations. A condition may rely on what its
//! left part establishes.

use arbitrary::Result;

use super::words::literal;
use super::{Field, Generator, Type, Unit};

impl Generator<'_, '_> {
    /// A condition.
    pub(super) fn condition(&mut self, depth: u32) -> Result<String> {
        let choice =
            if depth == 0 { self.u.int_in_range(0..=4u32)? } else { self.u.int_in_range(0..=15u32)? };
        Ok(match choice {
            0 | 1 => self.comparison(depth)?,
            2 => self.membership()?,
            3 | 4 => self.truth()?,
            5 => format!("({} and {})", self.condition(depth - 1)?, self.condition(depth - 1)?),
            6 => format!("({} or {})", self.condition(depth - 1)?, self.condition(depth - 1)?),
            7 => format!("not ({})", self.condition(depth - 1)?),
            8 | 9 => self.narrowed(depth)?,
            10 => {
                let (a, b) = (self.condition(depth - 1)?, self.condition(depth - 1)?);
                format!("(({a}) {} ({b}))", self.u.choose(&["==", "!="])?)
            }
            11 => {
                let condition = self.condition(0)?;
                let mut either = [self.condition(depth - 1)?, self.condition(depth - 1)?];
                match self.u.int_in_range(0..=5u32)? {
                    0 => either = ["false".to_owned(), "true".to_owned()],
                    1 => either[self.u.choose_index(2)?] = self.u.choose(&["true", "false"])?.to_string(),
                    _ => {}
                }
                let [a, b] = either;
                format!("(if {condition} then {a} else {b})")
            }
            12 => self.ordered(depth)?,
            13 => {
                let quotient = self.divided_by_count()?;
                format!("(f3 > 0 and {quotient})")
            }
            _ => self.ratio()?,
        })
    }

    /// A comparison with an exact quotient.
    fn ratio(&mut self) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Percent])?;
        let a = self.quotient(unit)?;
        Ok(match self.u.int_in_range(0..=5u32)? {
            0 => format!("{a} {} {}", self.order()?, self.quotient(unit)?),
            1 if unit == Unit::Number => format!("{a} {} {}", self.order()?, self.leaf(Unit::Percent)?.text),
            _ => format!("{a} {} {}", self.order()?, self.term(unit, 1)?.text),
        })
    }

    /// A quotient by the count, guarded against zero.
    fn divided_by_count(&mut self) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money])?;
        let (a, b) = (self.leaf(unit)?.text, self.leaf(unit)?.text);
        Ok(format!("{a} / f3 {} {b}", self.order()?))
    }

    /// Two amounts in a known order, and a condition that may rely on it.
    fn ordered(&mut self, depth: u32) -> Result<String> {
        if !self.above.is_empty() {
            return self.comparison(depth);
        }
        let (greater, less) = *self.u.choose(&[(1, 2), (2, 1)])?;
        self.above.push((greater, less));
        let inner = self.condition(depth - 1);
        let ratio = self.ratio();
        self.above.pop();
        let (inner, ratio) = (inner?, ratio?);
        Ok(match self.u.int_in_range(0..=2u32)? {
            0 => format!("(f{greater} <= f{less} or {ratio})"),
            1 => format!("(f{less} < f{greater} and {ratio})"),
            _ => format!("(f{greater} > f{less} and ({inner} or {ratio}))"),
        })
    }

    /// An optional field, used only if it is present.
    fn narrowed(&mut self, depth: u32) -> Result<String> {
        let missing: Vec<usize> = (0..self.fields.len()).filter(|field| !self.present[*field]).collect();
        if missing.is_empty() {
            return self.comparison(depth);
        }
        let field = *self.u.choose(&missing)?;
        let name = self.fields[field].name.clone();
        self.present[field] = true;
        let inner =
            if self.u.arbitrary()? { self.about(field, depth - 1) } else { self.condition(depth - 1) };
        self.present[field] = false;
        let inner = inner?;
        Ok(match self.u.int_in_range(0..=3u32)? {
            0 => format!("({name} is missing or {inner})"),
            1 => format!("(not ({name} is missing) and {inner})"),
            2 => format!("(not ({name} is present) or {inner})"),
            _ => format!("({name} is present and {inner})"),
        })
    }

    /// A condition on a field that is present.
    fn about(&mut self, field: usize, depth: u32) -> Result<String> {
        let Field { name, ty, .. } = self.fields[field].clone();
        Ok(match ty {
            Type::Bool => name,
            Type::Enum(letter) => self.about_enum(&name, letter)?,
            Type::Number(range) => {
                let other = self.term(range.unit, depth)?.text;
                format!("{name} {} {other}", self.order()?)
            }
        })
    }

    fn about_enum(&mut self, name: &str, letter: char) -> Result<String> {
        if self.u.ratio(1, 3)? {
            return Ok(format!("{name} in {{{}, {}}}", self.value(letter)?, self.value(letter)?));
        }
        let same = |field: &&(usize, &Field)| {
            self.present[field.0]
                && matches!(field.1.ty, Type::Enum(of) if of == letter)
                && field.1.name != name
        };
        let fields: Vec<(usize, &Field)> = self.fields.iter().enumerate().collect();
        let others: Vec<String> = fields.iter().filter(same).map(|(_, field)| field.name.clone()).collect();
        let op = *self.u.choose(&["==", "!="])?;
        if !others.is_empty() && self.u.ratio(1, 3)? {
            return Ok(format!("{name} {op} {}", self.u.choose(&others)?));
        }
        Ok(format!("{name} {op} {}", self.value(letter)?))
    }

    /// A named condition, a table of Booleans, or a condition on a Boolean or an enum.
    fn truth(&mut self) -> Result<String> {
        let named = self.truths.iter().filter(|(_, needs)| self.is_usable(*needs));
        let named: Vec<String> = named.map(|(name, _)| name.clone()).collect();
        if !named.is_empty() && self.u.arbitrary()? {
            return self.u.choose(&named).cloned();
        }
        let verdicts = self.verdicts.iter().filter(|(_, needs)| self.is_usable(*needs));
        let verdicts: Vec<String> = verdicts.map(|(name, _)| name.clone()).collect();
        if !verdicts.is_empty() && self.u.ratio(1, 3)? {
            let name = self.u.choose(&verdicts)?.clone();
            return self.about_enum(&name, 'p');
        }
        let about: Vec<usize> = (0..self.fields.len())
            .filter(|index| !matches!(self.fields[*index].ty, Type::Number(_)))
            .collect();
        if about.is_empty() {
            return self.comparison(0);
        }
        let field = *self.u.choose(&about)?;
        if self.present[field] {
            return self.about(field, 0);
        }
        let Field { name, ty, .. } = self.fields[field].clone();
        Ok(match ty {
            Type::Enum(letter) => {
                format!("(({name} or_else {}) == {})", self.qualified(letter)?, self.value(letter)?)
            }
            _ => format!("({name} or_else {})", self.u.choose(&["true", "false"])?),
        })
    }

    /// A value of an enum with the name of its enum.
    fn qualified(&mut self, letter: char) -> Result<String> {
        let value = self.u.choose(super::words::values(letter))?;
        Ok(format!("{}.{value}", letter.to_ascii_uppercase()))
    }

    fn comparison(&mut self, depth: u32) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Days, Unit::Percent, Unit::Date])?;
        if self.u.ratio(1, 8)? {
            // the same value, rounded in two ways
            let (unit, scale) = *self.u.choose(&[(Unit::Number, 0), (Unit::Money, 2)])?;
            let (leaf, to) = (self.leaf(unit)?.text, literal(unit, scale, 1));
            let [one, two] =
                [self.mode()?, self.mode()?].map(|mode| format!("({leaf} / 2 rounded {mode} to {to})"));
            return Ok(format!("{one} {} {two}", self.order()?));
        }
        if self.u.arbitrary()?
            && let Some(comparison) = self.wide_comparison(unit)?
        {
            return Ok(comparison);
        }
        let (a, b) = (self.term(unit, depth.min(2))?.text, self.term(unit, depth.min(2))?.text);
        Ok(format!("{a} {} {b}", self.order()?))
    }

    /// A comparison or membership of a wide field, if there is one.
    fn wide_comparison(&mut self, unit: Unit) -> Result<Option<String>> {
        let Some(wide) = self.wide(unit)? else { return Ok(None) };
        let other = match self.wide(unit)? {
            Some(other) if self.u.arbitrary()? => other,
            _ => self.term(unit, 1)?.text,
        };
        Ok(Some(match self.u.int_in_range(0..=5u32)? {
            0 => format!("{other} {} {wide}", self.order()?),
            1 => format!("{wide} in {other}..{}", self.leaf(unit)?.text),
            2 => format!("{wide} in {{{other}, {}}}", self.leaf(unit)?.text),
            3 if unit != Unit::Date && unit != Unit::Days => {
                let by = *self.u.choose(&["7", "-3", "(f3 + 1)"])?;
                format!("{wide} / {by} {} {other}", self.order()?)
            }
            _ => format!("{wide} {} {other}", self.order()?),
        }))
    }

    fn order(&mut self) -> Result<&'static str> {
        self.u.choose(&["<", "<=", ">", ">=", "<", "<=", ">", ">=", "==", "!="]).copied()
    }

    fn membership(&mut self) -> Result<String> {
        let unit = *self.u.choose(&[Unit::Number, Unit::Money, Unit::Date, Unit::Days, Unit::Percent])?;
        let value = self.term(unit, 1)?.text;
        let (a, b) = (self.term(unit, 1)?.text, self.term(unit, 1)?.text);
        Ok(match self.u.int_in_range(0..=2u32)? {
            0 => format!("{value} in {a}..{b}"),
            1 => format!("{value} in {{{a}, {b}}}"),
            _ => {
                let listed = self.listed_members(unit)?;
                format!("{value} in {{{listed}}}")
            }
        })
    }

    /// A few members of one field's unit, close to one another.
    fn listed_members(&mut self, unit: Unit) -> Result<String> {
        let (scale, first) = match unit {
            Unit::Number => (0, self.u.int_in_range(-20..=500i128)?),
            Unit::Money => (2, self.u.int_in_range(0..=900_000i128)?),
            Unit::Percent => (4, self.u.int_in_range(0..=9_000i128)?),
            Unit::Days => (0, self.u.int_in_range(0..=400i128)?),
            Unit::Date => (0, self.u.int_in_range(18_262..=20_088i128)?),
        };
        let count = self.u.int_in_range(1..=4i128)?;
        let members: Vec<String> = (0..count).map(|more| literal(unit, scale, first + more)).collect();
        Ok(members.join(", "))
    }
}
