//! How are rules, outcomes and tests generated? A rule on which later rules rely is in force in every version.

use arbitrary::Result;

use super::words::literal;
use super::{DEPTH_MAX, Generator, Output, Range, STARTS, Type, Unit};

impl Generator<'_, '_> {
    pub(super) fn rules(&mut self, outputs: &[Output]) -> Result<String> {
        let mut out = String::from("  rules first {\n");
        for index in 0..self.u.int_in_range(0..=7u32)? {
            if self.u.ratio(1, 4)? {
                out += &self.named(&format!("step{index}"))?;
            }
            out += &self.rule(index, outputs)?;
        }
        Ok(out + &format!("    otherwise REST => {}\n  }}\n", self.outcome(outputs)?))
    }

    fn rule(&mut self, index: u32, outputs: &[Output]) -> Result<String> {
        let missing: Vec<usize> = (0..self.fields.len()).filter(|field| !self.present[*field]).collect();
        // a rule for the missing value, after which it is known to be present
        if !missing.is_empty() && self.u.ratio(1, 3)? {
            let field = *self.u.choose(&missing)?;
            let outcome = self.outcome(outputs)?;
            self.present[field] = true;
            let name = &self.fields[field].name;
            return Ok(format!("    rule E{index} when {name} is missing => {outcome}\n"));
        }
        // a rule for the wrong order, after which a difference is known to be positive
        if self.above.is_empty() && self.u.ratio(1, 4)? {
            let outcome = self.outcome(outputs)?;
            self.above.push((1, 2));
            return Ok(format!("    rule E{index} when f1 <= f2 => {outcome}\n"));
        }
        let title = if self.u.ratio(1, 5)? { " \"as told\"" } else { "" };
        let heading = format!("    rule R{index}{title}{}", self.cite()?);
        let (condition, outcome) = (self.condition(DEPTH_MAX)?, self.outcome(outputs)?);
        if self.versions == 1 || !self.u.ratio(1, 3)? {
            return Ok(format!("{heading} when {condition} => {outcome}\n"));
        }
        let day = self.start()?;
        Ok(match self.u.int_in_range(0..=3u32)? {
            0 => format!("{heading} from {day} when {condition} => {outcome}\n"),
            1 => format!("{heading} when {condition} => {outcome} until {day}\n"),
            2 => format!("{heading} from {} until {} when {condition} => {outcome}\n", STARTS[0], STARTS[1]),
            // the same rule in another form
            _ => {
                let later = format!("when {} => {}", self.condition(DEPTH_MAX)?, self.outcome(outputs)?);
                format!(
                    "{heading} until {day} when {condition} => {outcome}\n    rule R{index} from {day} {later}\n"
                )
            }
        })
    }

    /// The outputs in order, or by name without some of those that have a default.
    fn outcome(&mut self, outputs: &[Output]) -> Result<String> {
        let by_name = self.u.ratio(1, 3)?;
        let mut parts = Vec::new();
        for output in outputs {
            if by_name && output.default && self.u.ratio(2, 3)? {
                continue;
            }
            let value = self.output(&output.ty)?;
            parts.push(if by_name { format!("{} = {value}", output.name) } else { value });
        }
        Ok(parts.join(", "))
    }

    fn output(&mut self, ty: &Type) -> Result<String> {
        if self.u.ratio(1, 4)? {
            return self.constant(ty);
        }
        Ok(match ty {
            Type::Bool => self.condition(1)?,
            Type::Enum(letter) => self.enum_output(*letter)?,
            Type::Number(range) if range.listed.is_empty() => self.number_output(range)?,
            Type::Number(_) => {
                let (a, b) = (self.constant(ty)?, self.constant(ty)?);
                format!("(if {} then {a} else {b})", self.condition(1)?)
            }
        })
    }

    fn enum_output(&mut self, letter: char) -> Result<String> {
        let tables = self.verdicts.iter().filter(|(_, needs)| letter == 'p' && self.is_usable(*needs));
        let mut known: Vec<String> = tables.map(|(name, _)| name.clone()).collect();
        for (field, present) in self.fields.iter().zip(&self.present) {
            if matches!(field.ty, Type::Enum(of) if of == letter) {
                let name = &field.name;
                known.push(if *present { name.clone() } else { format!("({name} or_else other)") });
            }
        }
        let other = self.value(letter)?;
        let value = if known.is_empty() { self.value(letter)? } else { self.u.choose(&known)?.clone() };
        Ok(if self.u.ratio(1, 2)? {
            value
        } else {
            format!("(if {} then {value} else {other})", self.condition(1)?)
        })
    }

    fn number_output(&mut self, range: &Range) -> Result<String> {
        let Range { unit, scale, lo, hi, .. } = range;
        // within the range, because one is known to be greater than the other
        if *unit == Unit::Money && self.above.contains(&(1, 2)) && self.u.ratio(1, 3)? {
            return Ok("f1 - f2".to_owned());
        }
        let fits = |of: &Range| of.unit == *unit && of.scale == *scale && of.lo >= *lo && of.hi <= *hi;
        let fields = self.fields.iter().zip(&self.present);
        let within: Vec<String> = fields
            .filter(|(field, present)| **present && matches!(&field.ty, Type::Number(of) if fits(of)))
            .map(|(field, _)| field.name.clone())
            .collect();
        if !within.is_empty() && self.u.ratio(1, 4)? {
            return self.u.choose(&within).cloned();
        }
        let (low, high) = (literal(*unit, *scale, *lo), literal(*unit, *scale, *hi));
        let wide = if self.u.ratio(1, 3)? { self.wide(*unit)? } else { None };
        let value = match wide {
            Some(wide) if *unit == Unit::Date => wide,
            Some(wide) => self.rounded_to(&wide, *unit, *scale)?,
            None => self.rounded(*unit, *scale)?,
        };
        Ok(format!("min({high}, max({low}, {value}))"))
    }

    /// A case and a test. They take no part in decisions, but must compile.
    pub(super) fn tests(&mut self, outputs: &[Output]) -> Result<String> {
        if !self.u.ratio(1, 3)? {
            return Ok(String::new());
        }
        let mut given = String::new();
        for field in self.fields.clone() {
            if !field.optional || self.u.arbitrary()? {
                given += &format!("    {} = {}\n", field.name, self.constant(&field.ty)?);
            }
        }
        let expected = self.constant(&outputs[0].ty)?;
        Ok(format!(
            "  case usual {{\n{given}  }}\n  \
             test \"usual\" {{ given usual with {{ f3 = 7 }} on 2020-02-29 expect verdict = {expected}, rule REST, version 1 }}\n  \
             test \"too many\" {{ given usual with {{ f3 = 501 }} expect refused f3 }}\n"
        ))
    }
}
