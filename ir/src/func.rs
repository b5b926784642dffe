//! How is a decision put together? A function in SSA form whose blocks form an acyclic graph.
//!
//! Blocks are stored in topological order: a block ends by going to later blocks only. Every value has exactly
//! one definition, which dominates its uses, and carries a type and the interval that was proved for it.

use std::collections::BTreeMap;

use cranelift_entity::{EntitySet, PrimaryMap, SecondaryMap, entity_impl};

use crate::facts::{self, Facts, Origins};
use crate::interval::Interval;
use crate::ops::{Class, Imm, Op, Ranges, Unproved};
use crate::proof::Proofs;
use crate::types::Type;

/// A value: the result of an instruction or a parameter of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(u32);
entity_impl!(Value, "v");

/// A block of instructions that are executed together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Block(u32);
entity_impl!(Block, "block");

/// A table of integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(u32);
entity_impl!(Table, "table");

/// A function: from the fields of an input to a rule and its outputs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Func {
    /// The declared ranges of the input fields, by field index; a Boolean has [`Interval::BOOL`].
    pub fields: Vec<FieldRange>,
    /// The range that each output has to keep, by output index.
    pub results: Vec<Interval>,
    /// Every value, by number.
    pub values: PrimaryMap<Value, ValueData>,
    /// Every block, in topological order; the first is the entry and has no parameters.
    pub blocks: PrimaryMap<Block, BlockData>,
    /// The tables.
    pub tables: PrimaryMap<Table, Entries>,
    /// Why values keep narrower claims than their transfer functions give. Not part of the meaning: another proof of the
    /// same claims is the same function.
    pub proofs: BTreeMap<Value, Proofs>,
}

/// The integers that `bucket` and `lookup` read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Entries {
    /// They are known.
    Known(Vec<i128>),
    /// They are the facts of a hole, which [`bind`](crate::bind()) fills in. Until then each reads as 0.
    Open(Open),
}

/// What a function knows of the facts of a hole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Open {
    /// The index of the hole in the program.
    pub hole: u32,
    /// How many entries it has.
    pub count: u32,
    /// The declared range, which holds every entry.
    pub range: Interval,
}

impl Entries {
    /// The integers, none where they are not known yet.
    pub fn known(&self) -> &[i128] {
        match self {
            Entries::Known(entries) => entries,
            Entries::Open(_) => &[],
        }
    }

    /// What is known of the facts of a hole, where binding has not filled them in.
    pub fn open(&self) -> Option<Open> {
        match self {
            Entries::Known(_) => None,
            Entries::Open(open) => Some(*open),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Entries::Known(entries) => entries.len(),
            Entries::Open(open) => open.count as usize,
        }
    }
}

/// What a function knows of an input field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldRange {
    /// Whether the field is a Boolean.
    pub is_bool: bool,
    /// Whether it may be missing.
    pub optional: bool,
    /// The declared range.
    pub range: Interval,
}

/// A value's type, proved interval and definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueData {
    /// The type that it is computed and kept in.
    pub ty: Type,
    /// The interval that was proved for it; within the type's range.
    pub range: Interval,
    /// Where it comes from.
    pub def: Def,
}

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Def {
    /// An instruction.
    Inst(Inst),
    /// A parameter of a block.
    Param(Block),
}

/// An op with its operands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Inst {
    /// The op.
    pub op: Op,
    /// The immediate; what it says is in the op's row.
    pub imm: i128,
    args: [Value; 3],
    len: u8,
}

/// The parameters, instructions and end of a block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockData {
    /// The values that the block is entered with.
    pub params: Vec<Value>,
    /// The values that its instructions define, in order.
    pub body: Vec<Value>,
    /// Where it goes.
    pub end: End,
}

/// How a block ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End {
    /// Go on in a later block.
    Jump(Target),
    /// Go on in the first where the condition holds, in the second where it fails. The two are different
    /// blocks.
    Branch(Value, Target, Target),
    /// The decision: the rule's index in the program and the outputs.
    Decide {
        /// The index in the program's rules.
        rule: u32,
        /// One value per output.
        outputs: Vec<Value>,
    },
}

/// A block to go to, and what it is entered with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The block.
    pub block: Block,
    /// One value per parameter.
    pub args: Vec<Value>,
}

impl Inst {
    /// An instruction; `args` are at most three.
    pub fn new(op: Op, args: &[Value], imm: i128) -> Inst {
        let mut all = [Value(0); 3];
        all[..args.len()].copy_from_slice(args);
        Inst { op, imm, args: all, len: args.len() as u8 }
    }

    /// The operands.
    pub fn args(&self) -> &[Value] {
        &self.args[..self.len as usize]
    }

    /// The operands, to be replaced.
    pub fn args_mut(&mut self) -> &mut [Value] {
        &mut self.args[..self.len as usize]
    }

    /// The same instruction with the operands of a commutative op in ascending order, so that instructions that
    /// are alike are equal.
    pub fn canonical(mut self) -> Inst {
        if self.op.row().laws.commutes {
            self.args_mut().sort_unstable();
        }
        self
    }

    /// The value about which the instruction only says more; `None` if it computes something.
    pub fn refined(&self) -> Option<Value> {
        self.args().first().copied().filter(|_| self.op.is_claim())
    }

    /// The operands as an array of a length that the op's row has.
    pub fn operands<const N: usize>(&self) -> [Value; N] {
        std::array::from_fn(|i| self.args[i])
    }
}

impl End {
    /// The targets, to be changed.
    pub fn targets_mut(&mut self) -> impl Iterator<Item = &mut Target> {
        let pair = match self {
            End::Jump(target) => [Some(target), None],
            End::Branch(_, then, otherwise) => [Some(then), Some(otherwise)],
            End::Decide { .. } => [None, None],
        };
        pair.into_iter().flatten()
    }

    /// The values that the end reads, target by target.
    pub fn uses(&self) -> impl Iterator<Item = Value> {
        let (condition, outputs): (Option<Value>, &[Value]) = match self {
            End::Jump(_) => (None, &[]),
            End::Branch(condition, ..) => (Some(*condition), &[]),
            End::Decide { outputs, .. } => (None, outputs),
        };
        let args = self.targets().flat_map(|target| target.args.iter().copied());
        condition.into_iter().chain(outputs.iter().copied()).chain(args)
    }

    /// The values that the end reads, to be changed.
    pub fn uses_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let (condition, args): (Option<&mut Value>, [&mut [Value]; 2]) = match self {
            End::Jump(target) => (None, [&mut target.args, &mut []]),
            End::Branch(condition, then, otherwise) => {
                (Some(condition), [&mut then.args, &mut otherwise.args])
            }
            End::Decide { outputs, .. } => (None, [outputs, &mut []]),
        };
        condition.into_iter().chain(args.into_iter().flatten())
    }

    /// The targets, in the order of the text form.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let pair = match self {
            End::Jump(target) => [Some(target), None],
            End::Branch(_, then, otherwise) => [Some(then), Some(otherwise)],
            End::Decide { .. } => [None, None],
        };
        pair.into_iter().flatten()
    }
}

impl Func {
    /// The instruction that defines a value, `None` for a block parameter.
    pub fn inst(&self, value: Value) -> Option<&Inst> {
        match &self.values[value].def {
            Def::Inst(inst) => Some(inst),
            Def::Param(_) => None,
        }
    }

    /// Puts the blocks into this order; those that it does not name are dropped, and nothing goes to them.
    pub(crate) fn lay_out(&mut self, layout: &[Block]) {
        let mut place = SecondaryMap::<Block, Block>::with_default(Block(0));
        layout.iter().enumerate().for_each(|(i, block)| place[*block] = Block(i as u32));
        let mut blocks = std::mem::take(&mut self.blocks);
        let take = |block: &Block| std::mem::replace(&mut blocks[*block], BlockData::open());
        self.blocks = layout.iter().map(take).collect();
        let targets = self.blocks.values_mut().flat_map(|data| data.end.targets_mut());
        targets.for_each(|target| target.block = place[target.block]);
        for data in self.values.values_mut() {
            if let Def::Param(block) = &mut data.def {
                *block = place[*block];
            }
        }
    }

    /// Drops the arguments for parameters that a block no longer has, by block and place among its parameters.
    pub(crate) fn retain_args(&mut self, keeps: impl Fn(Block, usize) -> bool) {
        for target in self.blocks.values_mut().flat_map(|data| data.end.targets_mut()) {
            let mut param = 0..;
            let block = target.block;
            target.args.retain(|_| param.next().is_some_and(|param| keeps(block, param)));
        }
    }

    /// Whether the result of an instruction is a Boolean, by its row and its operands; `None` for a constant, which can
    /// be either.
    pub fn gives_truth(&self, inst: &Inst) -> Option<bool> {
        let row = inst.op.row();
        let like = row.params.iter().position(|(_, class)| *class == Class::Any);
        match (row.result, row.imm) {
            (Class::Bool, _) => Some(true),
            (Class::Int | Class::Small, _) => Some(false),
            (Class::Any, Imm::Field) => Some(self.fields[inst.imm as usize].is_bool),
            (Class::Any, _) => like.map(|i| self.values[inst.args()[i]].ty.is_bool()),
        }
    }

    /// A value's constant, where it is defined by one.
    pub fn constant(&self, value: Value) -> Option<i128> {
        self.inst(value).filter(|inst| inst.op == Op::Const).map(|inst| inst.imm)
    }

    /// The entries that are known of the table that an instruction names; empty where its immediate names none.
    pub fn table(&self, inst: &Inst) -> &[i128] {
        self.entries(inst).map_or(&[], Entries::known)
    }

    /// The table that an instruction names; `None` where its immediate names none.
    pub fn entries(&self, inst: &Inst) -> Option<&Entries> {
        let named = inst.op.row().imm == Imm::Table;
        u32::try_from(inst.imm).ok().filter(|_| named).and_then(|i| self.tables.get(Table(i)))
    }

    /// Whether binding has still to fill in a table.
    pub fn is_open(&self) -> bool {
        self.tables.values().any(|entries| entries.open().is_some())
    }

    /// The interval of an instruction by its op's transfer function, from the intervals of its operands.
    ///
    /// # Errors
    /// Where a result could leave 128 bits, a divisor could be zero, or the immediate is none that the op knows.
    pub fn transfer(&self, inst: &Inst) -> Result<Interval, Unproved> {
        let established = match (inst.op, inst.args()) {
            (Op::Refine, [value, condition]) => facts::established(self, *value, *condition, inst.imm != 0),
            _ => Interval::FULL,
        };
        self.transfer_where(inst, established)
    }

    /// As [`Func::transfer`], for callers that already know what the condition of a `refine` establishes.
    ///
    /// # Errors
    /// As [`Func::transfer`].
    pub fn transfer_where(&self, inst: &Inst, established: Interval) -> Result<Interval, Unproved> {
        let row = inst.op.row();
        if !row.imm.is_valid(inst.imm, self) {
            return Err(Unproved::Immediate);
        }
        if let Some(open) = self.entries(inst).and_then(Entries::open) {
            // facts are looked up by index, in any order and anywhere within the declared range
            return if inst.op == Op::Lookup { Ok(open.range) } else { Err(Unproved::Immediate) };
        }
        let mut args = [Interval::point(0); 3];
        for (range, arg) in args.iter_mut().zip(inst.args()) {
            *range = self.values[*arg].range;
        }
        let field = match row.imm {
            Imm::Field => self.fields[inst.imm as usize].range,
            _ => Interval::FULL,
        };
        (row.range)(&Ranges { args, imm: inst.imm, table: self.table(inst), field, established })
    }
}

/// Builds a function block by block; each value gets the interval of its transfer function.
///
/// ```
/// use opus_ir::{Builder, End, Interval, Op};
/// use opus_ir::func::FieldRange;
/// let age = FieldRange { is_bool: false, optional: false, range: Interval::new(16, 120) };
/// let mut builder = Builder::new(vec![age], vec![Interval::BOOL]);
/// let age = builder.push(Op::Field, &[], 0).unwrap();
/// let limit = builder.constant(18);
/// let minor = builder.push(Op::Lt, &[age, limit], 0).unwrap();
/// builder.end(End::Decide { rule: 0, outputs: vec![minor] });
/// let func = builder.finish();
/// assert_eq!(func.blocks.len(), 1);
/// ```
pub struct Builder {
    func: Func,
    current: Block,
    layout: Vec<Block>,
    visited: EntitySet<Block>,
    /// Each value without refinements, so that long chains of them cost nothing.
    origins: Origins,
}

impl Builder {
    /// Starts a function at its entry block.
    pub fn new(fields: Vec<FieldRange>, results: Vec<Interval>) -> Builder {
        let mut func = Func { fields, results, ..Func::default() };
        let current = func.blocks.push(BlockData::open());
        let mut visited = EntitySet::new();
        visited.insert(current);
        Builder { func, current, layout: vec![current], visited, origins: Origins::new() }
    }

    /// What has been built so far.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// What conditions say, of the function as far as it has been built.
    pub fn facts(&self) -> Facts<'_> {
        Facts::with_origins(&self.func, &self.origins)
    }

    /// The block that is being built.
    pub fn current(&self) -> Block {
        self.current
    }

    /// A value's proved interval.
    pub fn range(&self, value: Value) -> Interval {
        self.func.values[value].range
    }

    /// Adds an instruction. Integers are 64 bits wide, or 128 where their interval asks for it; the pass
    /// `narrow` makes them narrower.
    ///
    /// # Errors
    /// Where the op's transfer function has no interval; nothing is added then.
    pub fn push(&mut self, op: Op, args: &[Value], imm: i128) -> Result<Value, Unproved> {
        let inst = Inst::new(op, args, imm);
        let facts = Facts::with_origins(&self.func, &self.origins);
        let established = match (op, args) {
            (Op::Refine, [value, condition]) => facts.narrowed(*value, *condition, imm != 0),
            _ => None,
        };
        let origin = inst.refined().map(|refined| facts.origin(refined));
        let range = self.func.transfer_where(&inst, established.unwrap_or(Interval::FULL))?;
        let ty = self.result_type(&inst, range);
        let value = self.push_inst(ty, range, inst);
        self.origins[value] = origin.unwrap_or(value).into();
        Ok(value)
    }

    /// Adds an instruction whose transfer function does not exclude a result beyond 128 bits. `prove` finds an interval and a
    /// proof of each of its ends, which the verifier checks. If it finds none, an unused constant takes the instruction's
    /// place.
    pub fn push_exact(
        &mut self,
        inst: Inst,
        prove: impl FnOnce(&Func, Facts, Value) -> Option<(Interval, Proofs)>,
    ) -> Option<Value> {
        let value = self.push_inst(Type::I128, Interval::FULL, inst);
        let found = prove(&self.func, Facts::with_origins(&self.func, &self.origins), value);
        let data = &mut self.func.values[value];
        if let Some((range, proofs)) = found {
            (data.range, data.ty) = (range, Type::narrowest(range).max(Type::I64));
            self.func.proofs.insert(value, proofs);
            return Some(value);
        }
        (data.range, data.def) = (Interval::point(0), Def::Inst(Inst::new(Op::Const, &[], 0)));
        None
    }

    /// Adds a value that is the operand with a narrower claim, for which there are proofs. Whether they show it is for the
    /// verifier to say.
    pub fn bound(&mut self, value: Value, range: Interval, proofs: Proofs) -> Value {
        let inst = Inst::new(Op::Bound, &[value], 0);
        let origin = Facts::with_origins(&self.func, &self.origins).origin(value);
        let bound = self.push_inst(self.func.values[value].ty, range, inst);
        self.func.proofs.insert(bound, proofs);
        self.origins[bound] = origin.into();
        bound
    }

    /// An integer constant.
    pub fn constant(&mut self, x: i128) -> Value {
        self.push_constant(Type::narrowest(Interval::point(x)).max(Type::I64), x)
    }

    /// A constant Boolean.
    pub fn truth(&mut self, x: bool) -> Value {
        self.push_constant(Type::Bool, x as i128)
    }

    /// Adds a table of constants.
    pub fn table(&mut self, entries: Vec<i128>) -> Table {
        self.func.tables.push(Entries::Known(entries))
    }

    /// Adds a table that binding fills in.
    pub fn hole(&mut self, open: Open) -> Table {
        self.func.tables.push(Entries::Open(open))
    }

    /// A new block. In the finished function it comes where [`Builder::switch_to`] first selected it.
    pub fn block(&mut self) -> Block {
        self.func.blocks.push(BlockData::open())
    }

    /// A new parameter of a block. Its interval has to hold whatever the block is entered with.
    pub fn param(&mut self, block: Block, ty: Type, range: Interval) -> Value {
        let value = self.func.values.push(ValueData { ty, range, def: Def::Param(block) });
        self.func.blocks[block].params.push(value);
        value
    }

    /// Goes on building in `block`.
    pub fn switch_to(&mut self, block: Block) {
        if self.visited.insert(block) {
            self.layout.push(block);
        }
        self.current = block;
    }

    /// Ends the current block.
    pub fn end(&mut self, end: End) {
        self.func.blocks[self.current].end = end;
    }

    /// The finished function. Blocks are in the order in which they were first selected, which has to be
    /// topological; blocks that were never selected come last.
    pub fn finish(mut self) -> Func {
        let never = self.func.blocks.keys().filter(|block| !self.visited.contains(*block));
        self.layout.extend(never);
        self.func.lay_out(&self.layout);
        self.func
    }

    fn push_constant(&mut self, ty: Type, x: i128) -> Value {
        self.push_inst(ty, Interval::point(x), Inst::new(Op::Const, &[], x))
    }

    /// Adds an instruction to the block that is being built.
    fn push_inst(&mut self, ty: Type, range: Interval, inst: Inst) -> Value {
        let value = self.func.values.push(ValueData { ty, range, def: Def::Inst(inst) });
        self.func.blocks[self.current].body.push(value);
        value
    }

    fn result_type(&self, inst: &Inst, range: Interval) -> Type {
        let is_truth = self.func.gives_truth(inst).unwrap_or(false);
        if is_truth { Type::Bool } else { Type::narrowest(range).max(Type::I64) }
    }
}

impl BlockData {
    /// A block without instructions, whose end is still to be set.
    pub(crate) fn open() -> BlockData {
        BlockData { params: Vec::new(), body: Vec::new(), end: End::Decide { rule: 0, outputs: Vec::new() } }
    }
}

impl Target {
    /// A target that takes nothing.
    pub fn to(block: Block) -> Target {
        Target { block, args: Vec::new() }
    }
}
