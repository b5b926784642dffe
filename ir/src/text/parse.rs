//! Which function does a text describe? It is read line by line, and errors name their line.

use std::collections::BTreeMap;
use std::fmt;

use crate::func::{
    Block, BlockData, Def, End, Entries, FieldRange, Func, Inst, Open, Target, Value, ValueData,
};
use crate::interval::Interval;
use crate::ops::Op;
use crate::proof::Proof;
use crate::types::Type;

use super::proofs;

/// The longest text that is read, in bytes.
pub const SOURCE_BYTES_MAX: usize = 16 << 20;

/// What is wrong with a text, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextError {
    /// The line, from 1.
    pub line: usize,
    /// What, in lower case and without a full stop.
    pub message: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for TextError {}

/// Reads a function; it may be one that does not verify.
///
/// ```
/// let text = "result0: [0, 9]\n\nblock0:\n  v0: i32 [7, 7] = constant 7\n  decide 0(v0)\n";
/// let func = opus_ir::text::parse(text).unwrap();
/// assert_eq!(func.to_string(), text);
/// let error = opus_ir::text::parse("block0:\n  v0: i32 [7, 7] = konst 7\n").unwrap_err();
/// assert_eq!(error.to_string(), "line 2: there is no op `konst`");
/// ```
///
/// # Errors
/// The first line that is not understood, or a value that is missing or defined twice.
pub fn parse(text: &str) -> Result<Func, TextError> {
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("the text is longer than {SOURCE_BYTES_MAX} bytes");
        return Err(TextError { line: 1, message });
    }
    let mut reader = Reader { func: Func::default(), values: BTreeMap::new(), is_open: false, proved: None };
    let mut last = 1;
    for (i, line) in text.lines().enumerate() {
        last = i + 1;
        let code = line.split(';').next().unwrap_or("").trim();
        let read = if code.is_empty() { Ok(()) } else { reader.line(code) };
        read.map_err(|message| TextError { line: last, message })?;
    }
    reader.finish().map_err(|message| TextError { line: last, message })
}

pub(super) type Read<T> = Result<T, String>;

struct Reader {
    func: Func,
    values: BTreeMap<u32, ValueData>,
    /// Whether the last block still waits for its end.
    is_open: bool,
    /// The value and the end of its claim that the last proof is about, 1 for the upper one.
    proved: Option<(Value, usize)>,
}

impl Reader {
    fn line(&mut self, code: &str) -> Read<()> {
        let mut words = Words { rest: code };
        let head = words.word()?;
        match head {
            "jump" | "branch" | "decide" => self.end(head, &mut words)?,
            "proof" => self.proof(&mut words)?,
            _ if proofs::HEADS.contains(&head) => self.node(head, &mut words)?,
            _ if numbered(head, "field").is_some() => self.field(head, &mut words)?,
            _ if numbered(head, "result").is_some() => self.result(head, &mut words)?,
            _ if numbered(head, "table").is_some() => self.table(head, &mut words)?,
            _ if numbered(head, "block").is_some() => self.block(head, &mut words)?,
            _ if numbered(head, "v").is_some() => self.value(head, &mut words)?,
            _ => return Err(format!("`{head}` begins no line")),
        }
        words.finish()
    }

    fn finish(mut self) -> Read<Func> {
        if self.is_open {
            return Err("the last block has no end".into());
        }
        for (place, (number, data)) in (0..).zip(self.values) {
            if number != place {
                return Err(format!("v{place} is defined nowhere"));
            }
            self.func.values.push(data);
        }
        Ok(self.func)
    }

    fn field(&mut self, head: &str, words: &mut Words) -> Read<()> {
        in_order(head, "field", self.func.fields.len())?;
        words.expect(":")?;
        let is_bool = match words.word()? {
            "bool" => true,
            "int" => false,
            other => return Err(format!("a field is `int` or `bool`, not `{other}`")),
        };
        let range = words.interval()?;
        let optional = words.accept("optional");
        self.func.fields.push(FieldRange { is_bool, optional, range });
        Ok(())
    }

    fn result(&mut self, head: &str, words: &mut Words) -> Read<()> {
        in_order(head, "result", self.func.results.len())?;
        words.expect(":")?;
        self.func.results.push(words.interval()?);
        Ok(())
    }

    fn table(&mut self, head: &str, words: &mut Words) -> Read<()> {
        in_order(head, "table", self.func.tables.len())?;
        words.expect(":")?;
        let entries = if words.accept("hole") {
            let hole = words.number()?;
            words.expect(",")?;
            let count = words.number()?;
            words.expect("of")?;
            let range = words.interval()?;
            let small = |x: i128| u32::try_from(x).map_err(|_| format!("`{x}` is not a number of 32 bits"));
            Entries::Open(Open { hole: small(hole)?, count: small(count)?, range })
        } else {
            words.expect("[")?;
            Entries::Known(words.list("]", Words::number)?)
        };
        self.func.tables.push(entries);
        Ok(())
    }

    fn block(&mut self, head: &str, words: &mut Words) -> Read<()> {
        in_order(head, "block", self.func.blocks.len())?;
        if self.is_open {
            return Err("the block before has no end".into());
        }
        let block = self.func.blocks.push(BlockData::open());
        self.is_open = true;
        if words.accept("(") {
            let typed = |words: &mut Words| {
                let name = words.word()?;
                Ok((name.to_string(), words.typed()?))
            };
            for (name, (ty, range)) in words.list(")", typed)? {
                let value = self.define(&name, ValueData { ty, range, def: Def::Param(block) })?;
                self.func.blocks[block].params.push(value);
            }
        }
        words.expect(":")
    }

    fn value(&mut self, head: &str, words: &mut Words) -> Read<()> {
        let block = self.open_block()?;
        let (ty, range) = words.typed()?;
        words.expect("=")?;
        let mnemonic = words.word()?;
        let op = Op::from_mnemonic(mnemonic).ok_or_else(|| format!("there is no op `{mnemonic}`"))?;
        let mut args: Vec<Value> = Vec::new();
        let mut imm = 0;
        while !words.is_at_end() {
            let word = words.word()?;
            match value_named(word) {
                Some(value) if args.len() < 3 => args.push(value),
                Some(_) => return Err("an instruction has three operands at most".into()),
                None => {
                    imm = op
                        .row()
                        .imm
                        .parse(word)
                        .ok_or_else(|| format!("`{mnemonic}` has no immediate `{word}`"))?;
                    break;
                }
            }
            if !words.accept(",") {
                break;
            }
        }
        let value = self.define(head, ValueData { ty, range, def: Def::Inst(Inst::new(op, &args, imm)) })?;
        self.func.blocks[block].body.push(value);
        Ok(())
    }

    fn end(&mut self, head: &str, words: &mut Words) -> Read<()> {
        let block = self.open_block()?;
        self.func.blocks[block].end = match head {
            "jump" => End::Jump(words.target()?),
            "branch" => {
                let condition = words.value()?;
                words.expect(",")?;
                let then = words.target()?;
                words.expect(",")?;
                End::Branch(condition, then, words.target()?)
            }
            _ => {
                let rule = words.number()?;
                let rule = u32::try_from(rule).map_err(|_| format!("{rule} is no rule"))?;
                let outputs = if words.accept("(") { words.list(")", Words::value)? } else { Vec::new() };
                End::Decide { rule, outputs }
            }
        };
        self.is_open = false;
        Ok(())
    }

    fn proof(&mut self, words: &mut Words) -> Read<()> {
        let (value, end) = (words.value()?, words.word()?);
        let place = proofs::ENDS.iter().position(|name| *name == end);
        let place = place.ok_or_else(|| format!("a proof is about `low` or `high`, not `{end}`"))?;
        self.proved = Some((value, place));
        match self.proof_of(value, place).replace(Proof::default()) {
            None => Ok(()),
            Some(_) => Err(format!("{value} has two proofs of its end `{end}`")),
        }
    }

    fn node(&mut self, head: &str, words: &mut Words) -> Read<()> {
        let (value, end) = self.proved.ok_or("no line says what is proved here")?;
        let node = proofs::node(head, words)?;
        self.proof_of(value, end).get_or_insert_default().nodes.push(node);
        Ok(())
    }

    fn proof_of(&mut self, value: Value, end: usize) -> &mut Option<Proof> {
        let of_value = self.func.proofs.entry(value).or_default();
        if end == 0 { &mut of_value.low } else { &mut of_value.high }
    }

    fn open_block(&self) -> Read<Block> {
        let last = self.func.blocks.keys().next_back().filter(|_| self.is_open);
        last.ok_or_else(|| "this stands in no block".into())
    }

    fn define(&mut self, name: &str, data: ValueData) -> Read<Value> {
        let number = numbered(name, "v").ok_or_else(|| format!("`{name}` names no value"))?;
        match self.values.insert(number, data) {
            None => Ok(Value::from_u32(number)),
            Some(_) => Err(format!("v{number} is defined twice")),
        }
    }
}

/// The number in a name such as `block12`, without leading zeros.
fn numbered(name: &str, prefix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?;
    let plain = digits == "0" || !digits.starts_with(['0', '+']);
    // the greatest number means `none` to side tables
    digits.parse().ok().filter(|number| plain && *number != u32::MAX)
}

fn in_order(name: &str, prefix: &str, count: usize) -> Read<()> {
    let expected = numbered(name, prefix).is_some_and(|number| number as usize == count);
    if expected { Ok(()) } else { Err(format!("`{name}` stands where `{prefix}{count}` should")) }
}

fn value_named(word: &str) -> Option<Value> {
    numbered(word, "v").map(Value::from_u32)
}

/// The rest of a line.
pub(super) struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.trim_start().is_empty()
    }

    fn finish(&self) -> Read<()> {
        if self.is_at_end() { Ok(()) } else { Err(format!("`{}` is too much", self.rest.trim())) }
    }

    /// The next name or number.
    pub(super) fn word(&mut self) -> Read<&'a str> {
        let rest = self.rest.trim_start();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '#');
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            let found = rest.chars().next().map_or("the end of the line".into(), |c| format!("`{c}`"));
            return Err(format!("a name or a number should stand here, not {found}"));
        }
        self.rest = &rest[end..];
        Ok(&rest[..end])
    }

    pub(super) fn accept(&mut self, token: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(token);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    pub(super) fn expect(&mut self, token: &str) -> Read<()> {
        if self.accept(token) {
            Ok(())
        } else {
            Err(format!("`{token}` is missing before `{}`", self.rest.trim()))
        }
    }

    pub(super) fn number(&mut self) -> Read<i128> {
        let word = self.word()?;
        word.parse().map_err(|_| format!("`{word}` is no integer of 128 bits"))
    }

    /// Whether the rest begins like this.
    pub(super) fn is_before(&self, token: &str) -> bool {
        self.rest.trim_start().starts_with(token)
    }

    pub(super) fn value(&mut self) -> Read<Value> {
        let word = self.word()?;
        self.value_named(word)
    }

    /// The value that a word of the line names.
    pub(super) fn value_named(&self, word: &str) -> Read<Value> {
        value_named(word).ok_or_else(|| format!("`{word}` names no value"))
    }

    fn target(&mut self) -> Read<Target> {
        let word = self.word()?;
        let block = numbered(word, "block").ok_or_else(|| format!("`{word}` names no block"))?;
        let args = if self.accept("(") { self.list(")", Words::value)? } else { Vec::new() };
        Ok(Target { block: Block::from_u32(block), args })
    }

    fn interval(&mut self) -> Read<Interval> {
        self.expect("[")?;
        let lo = self.number()?;
        self.expect(",")?;
        let hi = self.number()?;
        self.expect("]")?;
        // an empty one can be written: that it is refused is for the verifier to say
        Ok(Interval { lo, hi })
    }

    /// `: type [lo, hi]`.
    fn typed(&mut self) -> Read<(Type, Interval)> {
        self.expect(":")?;
        let word = self.word()?;
        let ty = Type::ALL.into_iter().find(|ty| ty.name() == word);
        Ok((ty.ok_or_else(|| format!("there is no type `{word}`"))?, self.interval()?))
    }

    /// Items with commas between them, up to `close`.
    fn list<T>(&mut self, close: &str, mut item: impl FnMut(&mut Words<'a>) -> Read<T>) -> Read<Vec<T>> {
        let mut items = Vec::new();
        while !self.accept(close) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }
}
