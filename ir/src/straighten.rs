//! How does a function become predicated code? Blocks are emitted in order, each instruction once, and conditions take
//! the place of control flow.
//!
//! Once an earlier exit has decided a row, later conditions no longer matter for it: the first exit that it meets has
//! its decision. So a block's condition only has to be right on rows that are not decided yet, and in a chain of rules
//! it is simply true (the file `reach`). `refine` is dropped; what was proved with it stays with the values computed
//! from it. The decision (the file `exits`) is the number of the first exit whose condition holds; constant outputs
//! are looked up by it.

mod exits;
mod reach;

use std::collections::BTreeMap;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, SecondaryMap};

use crate::emit::Emitter;
use crate::func::{Block, Def, End, Func, Inst, Table, Value};
use crate::interval::Interval;
use crate::ops::{Imm, Op};
use crate::straight::Straight;
use crate::types::Type;
use crate::verify::Verified;
use exits::{Exit, Output};
use reach::{Edge, Graph, Side};

/// The predicated code that decides as the function does.
///
/// ```
/// use opus_ir::{Builder, End, Interval, Op, Target, straighten, verify};
/// use opus_ir::func::FieldRange;
/// let age = FieldRange { is_bool: false, optional: false, range: Interval::new(16, 120) };
/// let mut builder = Builder::new(vec![age], vec![Interval::new(0, 2)]);
/// let age = builder.push(Op::Field, &[], 0).unwrap();
/// let limit = builder.constant(18);
/// let minor = builder.push(Op::Lt, &[age, limit], 0).unwrap();
/// let (decline, approve) = (builder.block(), builder.block());
/// builder.end(End::Branch(minor, Target::to(decline), Target::to(approve)));
/// for (rule, block) in [decline, approve].into_iter().enumerate() {
///     builder.switch_to(block);
///     let outputs = vec![builder.constant(rule as i128 * 2)];
///     builder.end(End::Decide { rule: rule as u32, outputs });
/// }
/// let straight = straighten(&verify(builder.finish()).unwrap());
/// assert_eq!(opus_ir::evaluate_straight(&straight, &[17], &[true]).outputs, [0]);
/// assert_eq!(opus_ir::evaluate_straight(&straight, &[18], &[true]).outputs, [2]);
/// ```
pub fn straighten(func: &Verified) -> Straight {
    let graph = Graph::of(func);
    let mut line = Line {
        func,
        graph: &graph,
        emitter: Emitter::default(),
        moved: SecondaryMap::with_capacity(func.values.len()),
        reached: SecondaryMap::new(),
        tables: BTreeMap::new(),
        exits: Vec::new(),
    };
    for block in func.blocks.keys() {
        line.enter(block);
        line.compute(block);
        line.leave(block);
    }
    let exits = std::mem::take(&mut line.exits).into_iter();
    let exits = exits.map(|(condition, edge, block)| line.exit(condition, edge, block)).collect();
    let mut emitter = line.emitter;
    let (rule, outputs) = exits::decide(&mut emitter, exits, func.results.len());
    emitter.finish(func.fields.clone(), func.results.clone(), rule, outputs)
}

struct Line<'a> {
    func: &'a Func,
    graph: &'a Graph,
    emitter: Emitter,
    /// What each value of the function is on the line.
    moved: SecondaryMap<Value, PackedOption<Value>>,
    /// Whether a row that has not been decided before reaches a block.
    reached: SecondaryMap<Block, PackedOption<Value>>,
    tables: BTreeMap<i128, Table>,
    /// Every way to a decision, in the order in which a row meets them.
    exits: Vec<(Value, Option<Edge>, Block)>,
}

/// An argument, the condition under which a parameter is it, and what was proved of it.
struct Choice {
    condition: Value,
    value: Value,
    range: Interval,
}

impl Line<'_> {
    fn moved(&self, value: Value) -> Value {
        self.moved[value].expect("a verified function defines values before it uses them")
    }

    /// Whether a row that has not been decided before leaves `from` by this side.
    fn edge(&mut self, from: Block, side: Side) -> Value {
        let reached = self.reached[from].expect("blocks that nothing goes to are not verified");
        match side {
            Side::Always => reached,
            Side::When(condition, holds) => {
                let condition = self.moved(condition);
                let condition = if holds { condition } else { self.emitter.not(condition) };
                self.emitter.and(reached, condition)
            }
        }
    }

    fn enter(&mut self, block: Block) {
        if self.graph.is_exit(block) {
            // what is computed for an exit is chosen by the exit's number
            if !self.func.blocks[block].body.is_empty() {
                self.join(block, None);
            }
            return;
        }
        let reached = match self.graph.alike(block) {
            Some(above) => self.reached[above].expect("it dominates the block"),
            None => self.any_edge(block),
        };
        self.reached[block] = reached.into();
        self.join(block, self.graph.above(block));
    }

    /// Whether a row comes in by one of the edges.
    fn any_edge(&mut self, block: Block) -> Value {
        let Some(above) = self.graph.above(block) else { return self.emitter.truth(true) };
        let given = self.reached[above].expect("it dominates the block");
        let edges = self.graph.edges_into(block).iter();
        let mut edges: Vec<Value> = edges.map(|edge| self.edge(edge.from, edge.side)).collect();
        // plain conditions first: what they leave over simplifies the others
        edges.sort_by_key(|edge| self.emitter.get(*edge).inst.op == Op::And);
        let mut known = reach::Known::new(&mut self.emitter, given);
        let mut any = known.emitter().truth(false);
        for edge in edges {
            let edge = known.next(edge);
            any = known.emitter().or(any, edge);
        }
        self.emitter.and(given, any)
    }

    /// Gives the parameters of a block their values, on rows that reach `above`, through which all edges lead.
    fn join(&mut self, block: Block, above: Option<Block>) {
        let func = self.func;
        let params = &func.blocks[block].params;
        if params.is_empty() {
            return;
        }
        let given = match above {
            Some(above) => self.reached[above].expect("it dominates the block"),
            None => self.emitter.truth(true),
        };
        let edges = self.graph.edges_into(block);
        let conditions: Vec<Value> = edges.iter().map(|edge| self.edge(edge.from, edge.side)).collect();
        let mut known = reach::Known::new(&mut self.emitter, given);
        let conditions: Vec<Value> = conditions.into_iter().map(|condition| known.next(condition)).collect();
        for (i, param) in params.iter().enumerate() {
            let choice = |(edge, condition): (&Edge, &Value)| {
                let arg = self.arg(*edge, i);
                Choice { condition: *condition, value: self.moved(arg), range: func.values[arg].range }
            };
            let choices: Vec<Choice> = edges.iter().zip(&conditions).map(choice).collect();
            let value = choose(&mut self.emitter, func.values[*param].ty, &choices);
            self.moved[*param] = value.into();
        }
    }

    fn compute(&mut self, block: Block) {
        let func = self.func;
        for value in &func.blocks[block].body {
            let data = &func.values[*value];
            let Def::Inst(inst) = &data.def else { unreachable!("a body holds instructions") };
            let value_on_line = match (inst.refined(), data.range.single()) {
                (Some(refined), _) => self.moved(refined),
                (_, Some(x)) => self.emitter.constant(data.ty.is_bool(), x),
                _ => self.instruction(data.ty, data.range, *inst),
            };
            self.moved[*value] = value_on_line.into();
        }
    }

    fn instruction(&mut self, ty: Type, range: Interval, mut inst: Inst) -> Value {
        inst.args_mut().iter_mut().for_each(|arg| *arg = self.moved(*arg));
        if inst.op.row().imm == Imm::Table {
            let (emitter, func) = (&mut self.emitter, self.func);
            let table = self.tables.entry(inst.imm);
            inst.imm = table.or_insert_with(|| emitter.table(func.table(&inst).to_vec())).index() as i128;
        }
        match (inst.op, inst.args()) {
            (Op::Not, [a]) => self.emitter.not(*a),
            (Op::And, [a, b]) => self.emitter.and(*a, *b),
            (Op::Or, [a, b]) => self.emitter.or(*a, *b),
            (Op::Select, [condition, a, b]) => self.emitter.select(ty, range, *condition, *a, *b),
            _ => self.emitter.step(ty, range, inst),
        }
    }

    fn leave(&mut self, block: Block) {
        let graph = self.graph;
        for edge in graph.exits_of(block) {
            let condition = self.edge(edge.from, edge.side);
            self.exits.push((condition, Some(*edge), edge.to));
        }
        // a decision that nothing goes to is the entry itself
        if graph.is_exit(block) && graph.edges_into(block).is_empty() {
            let condition = self.emitter.truth(true);
            self.exits.push((condition, None, block));
        }
    }

    fn exit(&mut self, condition: Value, edge: Option<Edge>, block: Block) -> Exit {
        let func = self.func;
        let End::Decide { rule, outputs } = &func.blocks[block].end else { unreachable!("an exit decides") };
        let outputs = outputs.iter().map(|output| self.output(*output, edge, block)).collect();
        Exit { condition, rule: *rule, outputs }
    }

    /// An output of an exit. Where the block has no parameters on the line, they are the edge's arguments.
    fn output(&mut self, output: Value, edge: Option<Edge>, block: Block) -> Output {
        let param = self.func.blocks[block].params.iter().position(|param| *param == output);
        let value = match (self.moved[output].expand(), edge, param) {
            (None, Some(edge), Some(i)) => self.arg(edge, i),
            _ => output,
        };
        let data = &self.func.values[value];
        let value = match data.range.single() {
            Some(x) => self.emitter.constant(data.ty.is_bool(), x),
            None => self.moved(value),
        };
        Output { value, range: data.range }
    }

    /// The argument for a parameter on an edge.
    fn arg(&self, edge: Edge, index: usize) -> Value {
        let mut targets = self.func.blocks[edge.from].end.targets();
        targets.nth(edge.target).expect("the edge is one of the end's").args[index]
    }
}

/// The first value whose condition holds; the last where none does.
fn choose(emitter: &mut Emitter, ty: Type, choices: &[Choice]) -> Value {
    let (last, others) =
        choices.split_last().expect("a parameter has a value on every edge, and there is one");
    let mut chosen = last.value;
    let mut range = last.range;
    for choice in others.iter().rev() {
        range = range.hull(choice.range);
        chosen = emitter.select(ty, range, choice.condition, choice.value, chosen);
    }
    chosen
}
