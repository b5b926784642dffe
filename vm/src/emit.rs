//! How does a function become bytecode? Values that are used once become operands on the stack, where they are
//! used; all others live in locals, which are shared by values that do not live at the same time.
//!
//! Both forms of a function are laid out as positions: the instructions of the blocks in their order, and the end of
//! each block. A value lives from the position where it is computed to the last one where it is read. Because no
//! block goes back, that is true of every path.

use std::collections::BTreeMap;

use cranelift_entity::{PrimaryMap, SecondaryMap};
use opus_ir::{Block, Def, End, Func, Inst, Interval, Op as IrOp, Straight, Target, Type, Value, Verified};

use crate::code::{Code, Shape};
use crate::ops::{Instruction, Op};

/// How deeply operands nest on the stack; what lies deeper goes through a local.
const NESTING_MAX: u32 = 20;

/// Why a function has no bytecode.
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
    let mut emitter = Emitter::new(layout, func.tables.values().cloned().collect());
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

/// A value as the emitter sees it: what computes it, with refinements looked through; `None` for a parameter.
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
    /// It lies in a local.
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
        let last = self.last_reads(&kept, runs, &positions, &ends, resolve);
        let mut begins: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
        for (index, run) in runs.iter().enumerate() {
            // a parameter lives from the first end that gives it
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
        self.nodes[value].inst.is_some_and(|inst| inst.op == IrOp::Refine)
    }

    /// Whether it is as good to compute it again as to keep it.
    fn is_cheap(&self, value: Value, fields_stay: bool) -> bool {
        let op = self.nodes[value].inst.map(|inst| inst.op);
        op == Some(IrOp::Const) || (!fields_stay && matches!(op, Some(IrOp::Field | IrOp::Present)))
    }
}

/// What each value is without refinements on top of it, where there are any.
fn origins(nodes: &[(Type, Option<Inst>)]) -> SecondaryMap<Value, Option<Value>> {
    let mut origins: SecondaryMap<Value, Option<Value>> = SecondaryMap::new();
    for (index, (_, inst)) in nodes.iter().enumerate() {
        if let Some(inst) = inst.filter(|inst| inst.op == IrOp::Refine) {
            // definitions come before their uses within a block, and blocks in topological order; values need not
            let mut origin = inst.args()[0];
            while let Some(inner) = nodes[origin.as_u32() as usize].1.filter(|inst| inst.op == IrOp::Refine) {
                origin = inner.args()[0];
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
                // where the other side takes values, they are given on the way
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

    /// Gives a target its values and goes there, unless it is what stands `next`.
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

    /// A jump to be filled in; answers where.
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
        let args: Vec<Value> = inst.args().to_vec();
        let widest = args.iter().map(|arg| self.layout.nodes[*arg].ty).max().unwrap_or(ty);
        let computed = match inst.op {
            // what is not computed is of the wanted type from the start
            IrOp::Const => return self.put(Op::Const, want, want.wrap(inst.imm)),
            IrOp::Field => return self.put(Op::Field, want, inst.imm),
            IrOp::Present => return self.put(Op::Present, want, inst.imm),
            IrOp::Add => self.simple(Op::Add, &args, widest.max(ty), 0),
            IrOp::Sub => self.simple(Op::Sub, &args, widest.max(ty), 0),
            IrOp::Mul => self.simple(Op::Mul, &args, widest.max(ty), 0),
            IrOp::Divide => self.simple(Op::Divide, &args, widest.max(ty), inst.imm),
            IrOp::Modulo => self.simple(Op::Modulo, &args, widest.max(ty), 0),
            IrOp::Min => self.simple(Op::Min, &args, widest.max(ty), 0),
            IrOp::Max => self.simple(Op::Max, &args, widest.max(ty), 0),
            IrOp::Eq => self.condition(Op::Eq, &args, widest),
            IrOp::Ne => self.condition(Op::Ne, &args, widest),
            IrOp::Lt => self.condition(Op::Lt, &args, widest),
            IrOp::Le => self.condition(Op::Le, &args, widest),
            IrOp::And => self.simple(Op::And, &args, Type::Bool, 0),
            IrOp::Or => self.simple(Op::Or, &args, Type::Bool, 0),
            IrOp::Xor => self.simple(Op::Xor, &args, Type::Bool, 0),
            IrOp::Not => self.simple(Op::Not, &args, Type::Bool, 0),
            IrOp::Select => {
                self.operand(args[0], Type::Bool);
                self.simple(Op::Select, &args[1..], ty, 0)
            }
            IrOp::Bucket => {
                self.simple(Op::Bucket, &args, widest, inst.imm);
                Type::I32
            }
            IrOp::Lookup => {
                self.index(args[0], self.tables[inst.imm as usize].len());
                self.put(Op::Lookup, ty, inst.imm);
                ty
            }
            IrOp::AddMonths => self.simple(Op::AddMonths, &args, Type::I64, inst.imm),
            IrOp::WholeMonths => self.simple(Op::WholeMonths, &args, Type::I64, 0),
            IrOp::Refine => unreachable!("refinements are looked through"),
        };
        // what is computed wider than the value is cut to it first
        if computed > ty {
            self.convert(computed, ty);
            self.convert(ty, want);
        } else {
            self.convert(computed, want);
        }
    }

    fn simple(&mut self, op: Op, args: &[Value], ty: Type, immediate: i128) -> Type {
        args.iter().for_each(|arg| self.operand(*arg, ty));
        self.put(op, ty, immediate);
        ty
    }

    fn condition(&mut self, op: Op, args: &[Value], ty: Type) -> Type {
        self.simple(op, args, ty, 0);
        Type::Bool
    }

    /// Pushes the index of a table of so many entries: a wider one is clamped before it is cut.
    fn index(&mut self, value: Value, entries: usize) {
        let ty = self.layout.nodes[self.origin(value)].ty;
        self.operand(value, ty);
        if ty > Type::I32 {
            let Interval { lo, hi } = Interval::new(0, (entries as i128 - 1).clamp(0, i32::MAX as i128));
            self.put(Op::Const, ty, lo);
            self.put(Op::Max, ty, 0);
            self.put(Op::Const, ty, hi);
            self.put(Op::Min, ty, 0);
            self.convert(ty, Type::I32);
        }
    }
}
