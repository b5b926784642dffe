//! How does a function become bytecode? Values that are used once are computed on the stack, where they are used; all
//! others live in locals, which values share if they do not live at the same time.
//!
//! Both forms of a function are laid out as positions: the instructions of the blocks in their order, and the end of
//! each block. A value lives from the position where it is computed to the last position where it is read. This holds
//! for every path because no block jumps back.

use std::collections::BTreeMap;

use cranelift_entity::{PrimaryMap, SecondaryMap};
use opus_ir::ops::{Role, Row};
use opus_ir::{Block, Class, Def, End, Func, Imm, Inst, Interval, Straight, Target, Type, Value, Verified};

use crate::code::{Code, Shape};
use crate::ops::{Instruction, Op};

/// How deeply operands nest on the stack; deeper ones go through a local.
const NESTING_MAX: u32 = 20;

/// Why a function has no bytecode: it is too large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge(&'static str);

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the function has more {} than bytecode can number", self.0)
    }
}

impl std::error::Error for TooLarge {}

/// The code that decides one row.
///
/// # Errors
/// Where the function has more rules, tables or values than two bytes can number.
pub fn emit_row(func: &Verified) -> Result<Code, TooLarge> {
    let layout = Layout::of_func(func);
    let mut emitter =
        Emitter::new(layout, func.tables.values().map(|table| table.known().to_vec()).collect());
    let mut starts: SecondaryMap<Block, usize> = SecondaryMap::new();
    let mut jumps = Vec::new();
    for (block, data) in func.blocks.iter() {
        starts[block] = emitter.code.len();
        emitter.body(&data.body);
        emitter.row_end(block, &data.end, func, &mut jumps)?;
    }
    for (at, block) in jumps {
        emitter.code[at..at + 4].copy_from_slice(&(starts[block] as u32).to_le_bytes());
    }
    emitter.finish(Shape::Row)
}

/// The code that decides many rows.
///
/// # Errors
/// As [`emit_row`].
pub fn emit_columns(straight: &Straight) -> Result<Code, TooLarge> {
    let layout = Layout::of_straight(straight);
    let mut emitter = Emitter::new(layout, straight.tables.values().cloned().collect());
    let body: Vec<Value> = straight.values.keys().collect();
    emitter.body(&body);
    emitter.outputs(&straight.outputs);
    emitter.operand(straight.rule, Type::I32);
    emitter.put(Op::End, Type::I32, 0);
    emitter.finish(Shape::Columns)
}

/// A value as the emitter sees it: the instruction that computes it, with claims looked through; `None` for a parameter.
struct Node {
    ty: Type,
    inst: Option<Inst>,
    home: Home,
}

/// Where a value is when it is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Home {
    /// It is computed where it is used.
    Stack,
    /// It is in a local.
    Local(u16),
}

/// Values by position.
struct Layout {
    nodes: PrimaryMap<Value, Node>,
    origins: SecondaryMap<Value, Option<Value>>,
    locals: Vec<Type>,
    too_many: bool,
}

/// A block by the values it computes and reads.
struct Run<'a> {
    params: &'a [Value],
    body: Vec<Value>,
    reads: Vec<Value>,
    targets: Vec<usize>,
}

impl Layout {
    fn of_func(func: &Func) -> Layout {
        let run = |data: &'_ opus_ir::BlockData| Run {
            params: &[],
            body: data.body.clone(),
            reads: data.end.uses().collect(),
            targets: data.end.targets().map(|target| target.block.as_u32() as usize).collect(),
        };
        let mut runs: Vec<Run> = func.blocks.values().map(run).collect();
        for (run, data) in runs.iter_mut().zip(func.blocks.values()) {
            run.params = &data.params;
        }
        let node = |def: &Def| match def {
            Def::Inst(inst) => Some(*inst),
            Def::Param(_) => None,
        };
        let nodes = func.values.values().map(|data| (data.ty, node(&data.def))).collect();
        Layout::new(nodes, &runs, false)
    }

    fn of_straight(straight: &Straight) -> Layout {
        let reads = straight.outputs.iter().copied().chain([straight.rule]).collect();
        let runs = [Run { params: &[], body: straight.values.keys().collect(), reads, targets: vec![] }];
        let nodes = straight.values.values().map(|step| (step.ty, Some(step.inst))).collect();
        Layout::new(nodes, &runs, true)
    }

    /// `fields_stay`: a field that is read more than once is kept in a local.
    fn new(nodes: Vec<(Type, Option<Inst>)>, runs: &[Run], fields_stay: bool) -> Layout {
        let origins = origins(&nodes);
        let resolve = |value: Value| origins[value].unwrap_or(value);
        let nodes = nodes.into_iter().map(|(ty, inst)| {
            let inst = inst.map(|mut inst| {
                inst.args_mut().iter_mut().for_each(|arg| *arg = resolve(*arg));
                inst
            });
            Node { ty, inst, home: Home::Stack }
        });
        let mut layout =
            Layout { nodes: nodes.collect(), origins: origins.clone(), locals: Vec::new(), too_many: false };
        let settled = layout.settle(runs, fields_stay, &resolve);
        layout.assign(settled, runs, &resolve);
        layout
    }

    /// Which values need a local.
    fn settle(
        &self,
        runs: &[Run],
        fields_stay: bool,
        resolve: &dyn Fn(Value) -> Value,
    ) -> SecondaryMap<Value, bool> {
        let mut reads: SecondaryMap<Value, u32> = SecondaryMap::new();
        let mut run_of: SecondaryMap<Value, u32> = SecondaryMap::new();
        let mut kept: SecondaryMap<Value, bool> = SecondaryMap::new();
        for (index, run) in runs.iter().enumerate() {
            run.params.iter().for_each(|value| kept[*value] = true);
            run.body.iter().for_each(|value| run_of[*value] = index as u32);
        }
        for (index, run) in runs.iter().enumerate() {
            let of_body = run.body.iter().filter(|value| !self.is_refinement(**value));
            let operands = of_body.flat_map(|value| self.operands(*value).iter().copied());
            for read in operands.chain(run.reads.iter().map(|value| resolve(*value))) {
                reads[read] += 1;
                let elsewhere = run_of[read] != index as u32;
                kept[read] |= (elsewhere || reads[read] > 1) && !self.is_cheap(read, fields_stay);
            }
        }
        self.bound_nesting(runs, &mut kept);
        kept
    }

    /// Keeps operands that nest too deeply.
    fn bound_nesting(&self, runs: &[Run], kept: &mut SecondaryMap<Value, bool>) {
        let mut depths: SecondaryMap<Value, u32> = SecondaryMap::new();
        for value in runs.iter().flat_map(|run| run.body.iter().copied()) {
            let depth =
                |kept: &SecondaryMap<Value, bool>, arg: &Value| if kept[*arg] { 0 } else { depths[*arg] };
            let deepest = self.operands(value).iter().map(|arg| depth(kept, arg)).max().unwrap_or(0);
            if deepest >= NESTING_MAX {
                self.operands(value).iter().filter(|arg| depths[**arg] > 0).for_each(|arg| kept[*arg] = true);
                depths[value] = 1;
            } else {
                depths[value] = deepest + !self.operands(value).is_empty() as u32;
            }
        }
    }

    /// Gives each kept value a local for as long as it lives.
    fn assign(&mut self, kept: SecondaryMap<Value, bool>, runs: &[Run], resolve: &dyn Fn(Value) -> Value) {
        let mut positions: SecondaryMap<Value, u32> = SecondaryMap::new();
        let mut ends = Vec::new();
        let mut next = 0;
        for run in runs {
            for value in &run.body {
                positions[*value] = next;
                next += 1;
            }
            ends.push(next);
            next += 1;
        }
        let mut last = self.last_reads(&kept, runs, &positions, &ends, resolve);
        // a parameter that is never read is still set, by every block end that goes to its block
        for (run, end) in runs.iter().zip(&ends) {
            for param in run.targets.iter().flat_map(|target| runs[*target].params) {
                last[*param] = last[*param].max(*end);
            }
        }
        let mut begins: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            // a parameter lives from the first block end that sets it
            let given = (0..runs.len()).find(|from| runs[*from].targets.contains(&index));
            for value in run.params {
                begins.entry(given.map_or(0, |from| ends[from])).or_default().push(*value);
            }
            for value in run.body.iter().filter(|value| kept[**value]) {
                begins.entry(positions[*value]).or_default().push(*value);
            }
        }
        self.share_locals(begins, &last);
    }

    fn share_locals(&mut self, begins: BTreeMap<u32, Vec<Value>>, last: &SecondaryMap<Value, u32>) {
        let mut free: [Vec<u16>; 4] = Default::default();
        let mut ends: BTreeMap<u32, Vec<(Type, u16)>> = BTreeMap::new();
        for (position, values) in begins {
            let still = ends.split_off(&position);
            for (ty, local) in std::mem::replace(&mut ends, still).into_values().flatten() {
                free[ty as usize].push(local);
            }
            for value in values {
                let ty = self.nodes[value].ty;
                let local = free[ty as usize].pop().unwrap_or_else(|| {
                    self.too_many |= self.locals.len() > u16::MAX as usize;
                    self.locals.push(ty);
                    (self.locals.len() - 1) as u16
                });
                self.nodes[value].home = Home::Local(local);
                ends.entry(last[value].max(position)).or_default().push((ty, local));
            }
        }
    }

    /// The last position at which each value is read. A value on the stack is computed where it is read itself.
    fn last_reads(
        &self,
        kept: &SecondaryMap<Value, bool>,
        runs: &[Run],
        positions: &SecondaryMap<Value, u32>,
        ends: &[u32],
        resolve: &dyn Fn(Value) -> Value,
    ) -> SecondaryMap<Value, u32> {
        let mut last: SecondaryMap<Value, u32> = SecondaryMap::new();
        for (run, end) in runs.iter().zip(ends).rev() {
            run.reads.iter().map(|value| resolve(*value)).for_each(|read| last[read] = last[read].max(*end));
            for value in run.body.iter().rev().filter(|value| !self.is_refinement(**value)) {
                let computed = if kept[*value] { positions[*value] } else { last[*value] };
                self.operands(*value).iter().for_each(|read| last[*read] = last[*read].max(computed));
            }
        }
        last
    }

    fn operands(&self, value: Value) -> &[Value] {
        self.nodes[value].inst.as_ref().map_or(&[], |inst| inst.args())
    }

    fn is_refinement(&self, value: Value) -> bool {
        self.nodes[value].inst.is_some_and(|inst| inst.op.is_claim())
    }

    /// Whether computing it again costs no more than keeping it.
    fn is_cheap(&self, value: Value, fields_stay: bool) -> bool {
        let row = self.nodes[value].inst.map(|inst| inst.op.row());
        row.is_some_and(|row| row.role == Role::Leaf && (row.imm == Imm::Const || !fields_stay))
    }
}

/// Each value without the claims on top of it, if there are any.
fn origins(nodes: &[(Type, Option<Inst>)]) -> SecondaryMap<Value, Option<Value>> {
    let mut origins: SecondaryMap<Value, Option<Value>> = SecondaryMap::new();
    for (index, (_, inst)) in nodes.iter().enumerate() {
        if let Some(mut origin) = inst.as_ref().and_then(Inst::refined) {
            // definitions come before their uses within a block, and blocks in topological order; values need not
            while let Some(inner) = nodes[origin.as_u32() as usize].1.as_ref().and_then(Inst::refined) {
                origin = inner;
            }
            origins[Value::from_u32(index as u32)] = Some(origin);
        }
    }
    origins
}

struct Emitter {
    layout: Layout,
    tables: Vec<Vec<i128>>,
    code: Vec<u8>,
}

impl Emitter {
    fn new(layout: Layout, tables: Vec<Vec<i128>>) -> Emitter {
        Emitter { layout, tables, code: Vec::new() }
    }

    fn finish(self, shape: Shape) -> Result<Code, TooLarge> {
        let fits = |fits: bool, what| if fits { Ok(()) } else { Err(TooLarge(what)) };
        fits(!self.layout.too_many, "values that live at once")?;
        fits(self.tables.len() <= u16::MAX as usize, "tables")?;
        fits(self.code.len() <= u32::MAX as usize, "instructions")?;
        Ok(Code { shape, locals: self.layout.locals, tables: self.tables, instructions: self.code })
    }

    fn put(&mut self, op: Op, ty: Type, immediate: i128) {
        Instruction::new(op, ty, immediate).encode(&mut self.code);
    }

    /// Computes the values of a block that live in locals; the others are computed where they are used.
    fn body(&mut self, body: &[Value]) {
        for value in body {
            if let Home::Local(local) = self.layout.nodes[*value].home {
                let ty = self.layout.nodes[*value].ty;
                self.compute(*value, ty);
                self.put(Op::Set, ty, local as i128);
            }
        }
    }

    fn outputs(&mut self, outputs: &[Value]) {
        for (index, output) in outputs.iter().enumerate() {
            let ty = self.layout.nodes[self.origin(*output)].ty;
            self.operand(*output, ty);
            self.put(Op::Output, ty, index as i128);
        }
    }

    /// The end of a block in code for rows; `jumps` collects what has to be filled in.
    fn row_end(
        &mut self,
        block: Block,
        end: &End,
        func: &Func,
        jumps: &mut Vec<(usize, Block)>,
    ) -> Result<(), TooLarge> {
        let next = Block::from_u32(block.as_u32() + 1);
        match end {
            End::Decide { rule, outputs } => {
                self.outputs(outputs);
                let rule = u16::try_from(*rule).map_err(|_| TooLarge("rules"))?;
                self.put(Op::Decide, Type::Bool, rule as i128);
            }
            End::Jump(target) => self.edge(target, next, func, jumps),
            End::Branch(condition, then, otherwise) => {
                self.operand(*condition, Type::Bool);
                let otherwise_at = self.branch(Op::BranchFalse);
                // where the other side takes values, they are passed on the way
                let direct = otherwise.args.is_empty();
                self.edge(then, if direct { next } else { block }, func, jumps);
                if direct {
                    jumps.push((otherwise_at, otherwise.block));
                } else {
                    let here = self.code.len() as u32;
                    self.code[otherwise_at..otherwise_at + 4].copy_from_slice(&here.to_le_bytes());
                    self.edge(otherwise, next, func, jumps);
                }
            }
        }
        Ok(())
    }

    /// Passes a target its values and jumps there, unless it is the `next` block.
    fn edge(&mut self, target: &Target, next: Block, func: &Func, jumps: &mut Vec<(usize, Block)>) {
        for (param, arg) in func.blocks[target.block].params.iter().zip(&target.args) {
            let ty = self.layout.nodes[*param].ty;
            self.operand(*arg, ty);
            let Home::Local(local) = self.layout.nodes[*param].home else {
                unreachable!("parameters live in locals")
            };
            self.put(Op::Set, ty, local as i128);
        }
        if target.block != next {
            let at = self.branch(Op::Jump);
            jumps.push((at, target.block));
        }
    }

    /// A jump to be filled in; returns where.
    fn branch(&mut self, op: Op) -> usize {
        self.put(op, Type::Bool, 0);
        self.code.len() - 4
    }

    fn origin(&self, value: Value) -> Value {
        self.layout.origins[value].unwrap_or(value)
    }

    /// Pushes a value as one of a type.
    fn operand(&mut self, value: Value, want: Type) {
        let value = self.origin(value);
        let ty = self.layout.nodes[value].ty;
        match self.layout.nodes[value].home {
            Home::Local(local) => {
                self.put(Op::Get, ty, local as i128);
                self.convert(ty, want);
            }
            Home::Stack => self.compute(value, want),
        }
    }

    fn convert(&mut self, from: Type, to: Type) {
        if from != to {
            self.put(Op::To, to, 0);
        }
    }

    /// Pushes a value by computing it.
    fn compute(&mut self, value: Value, want: Type) {
        let Node { ty, inst: Some(inst), .. } = self.layout.nodes[value] else {
            unreachable!("parameters live in locals, which are not computed")
        };
        let op = Op::of(inst.op).expect("claims are looked through");
        let row = inst.op.row();
        if row.params.is_empty() {
            // nothing is computed, so the value has the wanted type from the start
            let immediate = if row.imm == Imm::Const { want.wrap(inst.imm) } else { inst.imm };
            return self.put(op, want, immediate);
        }
        let computed_in = self.computed_in(row, ty, &inst);
        for ((_, class), arg) in row.params.iter().zip(inst.args()) {
            self.operand_of_class(*arg, *class, computed_in);
        }
        self.put(op, computed_in, inst.imm);
        let computed = type_of_class(row.result, computed_in);
        // what is computed wider than the value is truncated to its type first
        if computed > ty {
            self.convert(computed, ty);
            self.convert(ty, want);
        } else {
            self.convert(computed, want);
        }
    }

    /// The type of the instruction for an op that computes a value of type `ty`: the widest among the integers that
    /// may be of any width. What is only moved has the type of the result.
    fn computed_in(&self, row: &Row, ty: Type, inst: &Inst) -> Type {
        if row.result == Class::Any {
            return ty;
        }
        let of_any_width = row.params.iter().zip(inst.args()).filter(|((_, class), _)| *class == Class::Int);
        let types = of_any_width.map(|(_, arg)| self.layout.nodes[self.origin(*arg)].ty);
        let widest = types.chain((row.result == Class::Int).then_some(ty)).max();
        widest.unwrap_or(type_of_class(row.result, Type::Bool))
    }

    /// Pushes an operand of a class for an op that computes in a type.
    fn operand_of_class(&mut self, value: Value, class: Class, computed_in: Type) {
        let ty = self.layout.nodes[self.origin(value)].ty;
        if class != Class::Small || ty <= Type::I32 {
            return self.operand(value, type_of_class(class, computed_in));
        }
        // a wider integer counts as the nearest small one
        let Interval { lo, hi } = Type::I32.range();
        self.operand(value, ty);
        self.put(Op::Const, ty, lo);
        self.put(Op::Max, ty, 0);
        self.put(Op::Const, ty, hi);
        self.put(Op::Min, ty, 0);
        self.convert(ty, Type::I32);
    }
}

/// The type of an operand or result of a class, for an op that computes in a type.
fn type_of_class(class: Class, computed_in: Type) -> Type {
    match class {
        Class::Int | Class::Any => computed_in,
        Class::Bool => Type::Bool,
        Class::Small => Type::I32,
    }
}
