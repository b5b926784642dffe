//! How are tables and grids generated? In a `unique` table, the cells partition the values of a key. In a `first`
//! table, each row matches something that no earlier row matches.

use arbitrary::Result;

use super::words::{literal, type_name, values};
use super::{Field, Generator, Leaf, Range, Term, Type, Unit};

/// The type of a table's values.
#[derive(Clone, Copy)]
enum Gives {
    Number(Unit, u32),
    Truth,
    Verdict,
}

impl Generator<'_, '_> {
    pub(super) fn tables(&mut self) -> Result<String> {
        let mut out = String::new();
        for index in 0..self.u.int_in_range(0..=3u32)? {
            let name = format!("share{index}");
            let keys = self.table_keys()?;
            let gives = *self.u.choose(&[
                Gives::Number(Unit::Percent, 4),
                Gives::Number(Unit::Percent, 5),
                Gives::Number(Unit::Money, 2),
                Gives::Number(Unit::Number, 0),
                Gives::Number(Unit::Number, 2),
                Gives::Number(Unit::Days, 0),
                Gives::Truth,
                Gives::Verdict,
            ])?;
            // without a row for a missing value, the table is used only where the key is present
            let optional = keys[0].1.filter(|field| !self.present[*field]);
            let needs = if keys.len() == 1 && self.u.ratio(1, 3)? { optional } else { None };
            let keys: Vec<Field> = keys.into_iter().map(|(key, _)| key).collect();
            out += &match self.u.int_in_range(0..=2u32)? {
                0 if keys.len() == 2 => self.grid(&name, &keys, gives)?,
                1 => self.first(&name, &keys, gives)?,
                _ => self.unique(&name, &keys, gives, needs.is_none())?,
            };
            match gives {
                Gives::Truth => self.truths.push((name, needs)),
                Gives::Verdict => self.verdicts.push((name, needs)),
                Gives::Number(unit, scale) => {
                    let term = Term { text: name, scale, digits: 4 };
                    self.leaves.push(Leaf { unit, term, needs });
                }
            }
        }
        Ok(out)
    }

    /// Up to three keys, with the index of those that are fields.
    fn table_keys(&mut self) -> Result<Vec<(Field, Option<usize>)>> {
        let fields = self.fields.iter().enumerate().map(|(index, field)| (field.clone(), Some(index)));
        let mut known: Vec<(Field, Option<usize>)> = fields.collect();
        known.extend(self.keys.iter().map(|key| (key.clone(), None)));
        let mut keys = Vec::new();
        for _ in 0..self.u.int_in_range(1..=3u32)? {
            keys.push(known.remove(self.u.choose_index(known.len())?));
        }
        Ok(keys)
    }

    fn heading(&self, name: &str, keys: &[Field], choice: &str, gives: Gives) -> String {
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        format!("  table {name}({}) {choice} -> {}", names.join(", "), of(gives))
    }

    /// Exactly one row applies. The cells of the first key partition its values; the cells of the second key, if
    /// there is one, partition the first of these parts.
    fn unique(&mut self, name: &str, keys: &[Field], gives: Gives, asked: bool) -> Result<String> {
        let mut out = format!("{}{} {{\n", self.heading(name, keys, "unique", gives), self.cite()?);
        let rest = vec!["any"; keys.len().saturating_sub(2)]
            .iter()
            .map(|any| format!(" | {any}"))
            .collect::<String>();
        let firsts = self.parts(&keys[0], asked)?;
        for (index, first) in firsts.iter().enumerate() {
            let seconds = match keys.get(1) {
                Some(key) if index == 0 || self.u.ratio(1, 3)? => self.parts(key, true)?,
                Some(_) => vec!["any".to_owned()],
                None => Vec::new(),
            };
            if seconds.is_empty() {
                out += &self.dated_row(&format!("| {first}"), gives, index)?;
            }
            for (more, second) in seconds.iter().enumerate() {
                out += &self.dated_row(&format!("| {first} | {second}{rest}"), gives, index + more)?;
            }
        }
        Ok(out + "  }\n")
    }

    /// The first row that applies gives the value. The first key ascends row by row; the other cells are
    /// arbitrary.
    fn first(&mut self, name: &str, keys: &[Field], gives: Gives) -> Result<String> {
        let mut out = format!("{} {{\n", self.heading(name, keys, "first", gives));
        for (index, first) in self.rising(&keys[0])?.iter().enumerate() {
            let mut cells = vec![first.clone()];
            for key in &keys[1..] {
                let parts = self.parts(key, true)?;
                let any = self.u.ratio(1, 3)?;
                cells.push(if any { "any".to_owned() } else { self.u.choose(&parts)?.clone() });
            }
            out += &self.dated_row(&format!("| {}", cells.join(" | ")), gives, index)?;
        }
        let any = vec!["any"; keys.len()].join(" | ");
        out += &format!("    | {any} => {} ;\n", self.cell(gives, 9)?);
        Ok(out + "  }\n")
    }

    fn grid(&mut self, name: &str, keys: &[Field], gives: Gives) -> Result<String> {
        let columns = self.parts(&keys[1], true)?;
        let mut out = format!("  grid {name} : {}{} {{\n", of(gives), self.cite()?);
        out += &format!("    {} \\ {} | {} ;\n", keys[0].name, keys[1].name, columns.join(" | "));
        for (index, row) in self.parts(&keys[0], true)?.iter().enumerate() {
            for dated in self.dates()? {
                let mut cells = Vec::new();
                for column in 0..columns.len() {
                    cells.push(self.cell(gives, index + column)?);
                }
                out += &format!("    {row} | {}{dated} ;\n", cells.join(" | "));
            }
        }
        Ok(out + "  }\n")
    }

    /// A row, or one until a day and another from that day; sometimes with an id and a citation.
    fn dated_row(&mut self, cells: &str, gives: Gives, index: usize) -> Result<String> {
        let mut out = String::new();
        for dated in self.dates()? {
            let value = self.cell(gives, index)?;
            self.rows += 1;
            let id = if self.u.ratio(1, 8)? { format!(" row{}", self.rows) } else { String::new() };
            out += &format!("    {cells} => {value}{id}{dated}{} ;\n", self.cite()?);
        }
        Ok(out)
    }

    /// The dates of rows that replace one another.
    fn dates(&mut self) -> Result<Vec<String>> {
        if self.versions == 1 || !self.u.ratio(1, 4)? {
            return Ok(vec![String::new()]);
        }
        let day = self.start()?;
        Ok(vec![format!(" until {day}"), format!(" from {day}")])
    }

    fn cell(&mut self, gives: Gives, index: usize) -> Result<String> {
        Ok(match gives {
            // every second row is true, so that the table is not constant
            Gives::Truth => index.is_multiple_of(2).to_string(),
            Gives::Verdict => self.value('p')?,
            Gives::Number(unit, scale) => literal(unit, scale, self.u.int_in_range(0..=9_999i128)?),
        })
    }

    /// Cells of which exactly one matches each value of the key and, if asked for, a missing value.
    fn parts(&mut self, key: &Field, asked: bool) -> Result<Vec<String>> {
        let mut parts = match &key.ty {
            Type::Bool => vec!["true".to_owned(), "false".to_owned()],
            Type::Enum(letter) => {
                let [a, b, rest @ ..] = values(*letter) else {
                    unreachable!("an enum has two values at least")
                };
                // if there are many values, some get rows of their own
                let each =
                    if rest.len() > 3 { self.u.int_in_range(0..=rest.len().min(24))? } else { rest.len() };
                let mut parts = vec![format!("{{{a}, {b}}}")];
                parts.extend(rest[..each].iter().map(|value| value.to_string()));
                parts.extend((each < rest.len()).then(|| format!("{{{}}}", rest[each..].join(", "))));
                parts
            }
            Type::Number(range) => self.spans(range, key.computed)?,
        };
        if key.optional && asked {
            parts.insert(0, "missing".to_owned());
        }
        Ok(parts)
    }

    fn spans(&mut self, range: &Range, computed: bool) -> Result<Vec<String>> {
        let written = |x: i128| literal(range.unit, range.scale, x);
        if let [first, rest @ ..] = range.listed.as_slice() {
            let Some((last, middle)) = rest.split_last() else { return Ok(vec![written(*first)]) };
            let mut parts = vec![written(*first)];
            if !middle.is_empty() {
                let middle: Vec<String> = middle.iter().map(|x| written(*x)).collect();
                parts.push(format!("{{{}}}", middle.join(", ")));
            }
            parts.push(format!("= {}", written(*last)));
            return Ok(parts);
        }
        let (lo, hi) = (range.lo, range.hi);
        let middle = self.u.int_in_range(lo..=hi - 1)?;
        let upper = self.u.int_in_range(middle + 1..=hi)?;
        let mut parts = match self.u.int_in_range(0..=2u32)? {
            1 if computed => vec![format!("< {}", written(middle)), format!("= {}", written(middle))],
            0 => vec![format!("<= {}", written(middle))],
            1 => vec![format!("{}..{}", written(lo), written(middle))],
            _ if lo < middle || computed => vec![format!("< {}", written(middle)), written(middle)],
            _ => vec![written(middle)],
        };
        parts.push(if self.u.arbitrary()? || upper == hi {
            format!("above {} to {}", written(middle), written(upper))
        } else {
            let next = written(middle + 1);
            let after = written(upper + 1);
            format!("{next}..<{after}")
        });
        if upper < hi || computed {
            parts.push(match self.u.arbitrary()? {
                true => format!("> {}", written(upper)),
                false => format!(">= {}", written(upper + 1)),
            });
        }
        Ok(parts)
    }

    /// Cells that each match a value that no earlier cell matches. One value is matched by none.
    fn rising(&mut self, key: &Field) -> Result<Vec<String>> {
        Ok(match &key.ty {
            Type::Bool => vec!["true".to_owned()],
            Type::Enum(letter) => {
                let values = values(*letter);
                (1..values.len()).map(|count| format!("{{{}}}", values[..count].join(", "))).collect()
            }
            Type::Number(range) => {
                let mut ends: Vec<i128> = range.listed.clone();
                if ends.is_empty() {
                    for _ in 0..self.u.int_in_range(1..=5u32)? {
                        ends.push(self.u.int_in_range(range.lo..=range.hi)?);
                    }
                }
                ends.retain(|end| *end < range.hi);
                ends.sort_unstable();
                ends.dedup();
                ends.iter().map(|end| format!("<= {}", literal(range.unit, range.scale, *end))).collect()
            }
        })
    }
}

/// The type of a table's values.
fn of(gives: Gives) -> String {
    match gives {
        Gives::Number(unit, scale) => type_name(unit, scale),
        Gives::Truth => "bool".to_owned(),
        Gives::Verdict => "P".to_owned(),
    }
}
