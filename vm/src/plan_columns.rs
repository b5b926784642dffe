//! What does code for columns compute, once its stack is interpreted abstractly? It is straight-line code, so the
//! contents of the stack and the locals are known at every instruction: moving values about costs nothing when it runs,
//! and each step names the columns it reads and the one it writes.
//!
//! Three shapes that every policy is made of become one step each: a field that is read and widened, a field that is
//! compared with a constant, and a chain of choices between small constants, such as the rule that decides. A field that
//! is as wide as its type takes no step: it is read in place.
//!
//! Columns of a block are numbered slots, each of one type. A slot is reused after the last step that reads it, so that
//! a block's working set stays small.

use opus_ir::{Column, Type, Width};

use crate::ops::{Instruction, Op};
use crate::verify::Verified;

/// What a step reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    /// The same for every row: see [`constant_taken`].
    Constant(i128),
    /// The column in this slot.
    Slot(u32),
    /// The column of this field, which is as wide as the type.
    Field(u32),
}

/// What a step does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Does {
    /// What the op does. The immediate of a choice is 1 where its condition is to be negated.
    Op(Op),
    /// Whether a field in its column, or else the operand, is within bounds, both included; or whether it is not.
    Within { field: Option<u32>, lo: i128, hi: i128, within: bool },
    /// The constant of the last condition that is met, or the other one where none is. A condition is an operand, and
    /// is met where it has the value that is stated here.
    Choose { when: Vec<(bool, u8)>, otherwise: u8 },
}

/// An action, with where its operands are and where its result goes.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub does: Does,
    /// The instruction's type.
    pub ty: Type,
    /// The type of the first operand; if there is none, the instruction's.
    pub from: Type,
    pub immediate: i128,
    pub args: Vec<Arg>,
    /// The slot of the result, which has the result's type.
    pub out: u32,
    /// The fields that no step before reads: their next rows are prefetched meanwhile.
    pub first_read: Vec<u32>,
}

/// The steps of code for columns.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    /// The slots, by their types.
    pub slots: Vec<Type>,
}

/// A value on the abstract stack: a constant, or what a step computes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    Constant(i128),
    Step(usize),
}

/// A step before slots are given: its operands with their types.
struct Node {
    does: Does,
    ty: Type,
    immediate: i128,
    args: Vec<(Value, Type)>,
    gives: Option<Type>,
}

impl Node {
    /// The nodes that it reads.
    fn reads(&self) -> impl Iterator<Item = usize> {
        self.args.iter().filter_map(|(value, _)| match value {
            Value::Step(node) => Some(*node),
            Value::Constant(_) => None,
        })
    }
}

impl Plan {
    pub(crate) fn new(code: &Verified) -> Plan {
        let mut nodes = nodes(code);
        let columns = &code.interface().inputs;
        fuse(&mut nodes, columns);
        Plan::with_slots(&spelled_out(nodes), columns)
    }

    fn with_slots(nodes: &[Node], columns: &[Column]) -> Plan {
        let mut last_read = last_reads(nodes);
        let mut free: [Vec<u32>; 4] = Default::default();
        let mut plan = Plan { steps: Vec::new(), slots: Vec::new() };
        let mut unread = vec![true; columns.len()];
        // by node, where its result is
        let mut places: Vec<Arg> = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            // a field that is read in place takes no step, and neither does a value that nothing reads
            if is_in_place(node, columns) || last_read[at].is_none() {
                places.push(Arg::Field(node.immediate as u32));
                continue;
            }
            // a result never gets an operand's slot: kernels read and write different columns
            let out = node.gives.map_or(0, |ty| {
                free[ty as usize].pop().unwrap_or_else(|| {
                    plan.slots.push(ty);
                    plan.slots.len() as u32 - 1
                })
            });
            places.push(Arg::Slot(out));
            let mut args = Vec::with_capacity(node.args.len());
            for (value, ty) in &node.args {
                let arg = match value {
                    Value::Constant(x) => Arg::Constant(*x),
                    Value::Step(step) => places[*step],
                };
                args.push(arg);
                if let (Value::Step(step), Arg::Slot(slot)) = (*value, arg)
                    && last_read[step] == Some(at)
                {
                    free[*ty as usize].push(slot);
                    // once, where a step reads a value twice
                    last_read[step] = None;
                }
            }
            if let Some(ty) = node.gives.filter(|_| last_read[at] == Some(at)) {
                free[ty as usize].push(out);
            }
            let from = node.args.first().map_or(node.ty, |(_, ty)| *ty);
            let Node { does, ty, immediate, .. } = node;
            let own = match does {
                Does::Op(Op::Field | Op::Present) => Some(*immediate as u32),
                Does::Within { field, .. } => *field,
                _ => None,
            };
            let operands = args.iter().filter_map(|arg| match arg {
                Arg::Field(field) => Some(*field),
                _ => None,
            });
            let fields = own.into_iter().chain(operands);
            let first_read = fields.filter(|field| std::mem::take(&mut unread[*field as usize])).collect();
            let (does, ty, immediate) = (does.clone(), *ty, *immediate);
            plan.steps.push(Step { does, ty, from, immediate, args, out, first_read });
        }
        plan
    }
}

/// By node, the last one that reads it, which is itself where it writes an output; `None` if no output depends on it.
fn last_reads(nodes: &[Node]) -> Vec<Option<usize>> {
    let mut last_reads = vec![None; nodes.len()];
    for (at, node) in nodes.iter().enumerate().rev() {
        if node.gives.is_none() {
            last_reads[at] = Some(at);
        }
        if last_reads[at].is_some() {
            node.reads().for_each(|read| last_reads[read] = last_reads[read].max(Some(at)));
        }
    }
    last_reads
}

/// The instructions that compute, read or write, with what they work on.
fn nodes(code: &Verified) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut stack: Vec<(Value, Type)> = Vec::new();
    let mut locals: Vec<(Value, Type)> = code.locals.iter().map(|ty| (Value::Constant(0), *ty)).collect();
    for (_, instruction) in code.iter() {
        let Instruction { op, ty, immediate } = instruction;
        let row = op.row();
        let args = stack.split_off(stack.len() - row.takes.len());
        match op {
            Op::Const => stack.push((Value::Constant(immediate), ty)),
            Op::Get => stack.push(locals[immediate as usize]),
            Op::Set => locals[immediate as usize] = args[0],
            Op::Present if !code.interface().inputs[immediate as usize].optional => {
                stack.push((Value::Constant(1), Type::Bool));
            }
            _ => {
                let gives = row.gives.and_then(|operand| operand.resolve(ty));
                stack.extend(gives.map(|ty| (Value::Step(nodes.len()), ty)));
                nodes.push(Node { does: Does::Op(op), ty, immediate, args, gives });
            }
        }
    }
    nodes
}

/// Replaces what takes several steps by one that does the same. Nodes that nothing reads any more are dropped later.
fn fuse(nodes: &mut [Node], columns: &[Column]) {
    let mut readers = vec![0usize; nodes.len()];
    nodes.iter().flat_map(Node::reads).for_each(|read| readers[read] += 1);
    for at in 0..nodes.len() {
        let (before, rest) = nodes.split_at_mut(at);
        let node = &rest[0];
        let Does::Op(op) = node.does else { continue };
        let fused = match op {
            Op::To => widened_field(before, node, columns),
            Op::Eq | Op::Ne | Op::Lt | Op::Le => compared(before, node, op, columns),
            Op::Not => negated(before, node),
            Op::Select if !node.ty.is_bool() => chosen(before, node, &readers),
            _ => None,
        };
        if let Some(fused) = fused {
            nodes[at] = fused;
        }
    }
}

/// How wide the column is that a node reads as an integer; `None` for other nodes. Fields of Booleans are never read in
/// place, as any value but 0 is true.
fn field_width(node: &Node, columns: &[Column]) -> Option<Width> {
    let is_field = node.does == Does::Op(Op::Field) && !node.ty.is_bool();
    is_field.then(|| columns[node.immediate as usize].width)
}

/// Whether a node is a field whose column can be used as it is.
fn is_in_place(node: &Node, columns: &[Column]) -> bool {
    field_width(node, columns) == Some(node.ty.width())
}

/// The field that an operand is, where the type holds all of its values.
fn whole_field<'a>(before: &'a [Node], operand: Value, columns: &[Column]) -> Option<&'a Node> {
    let Value::Step(node) = operand else { return None };
    let field = &before[node];
    field_width(field, columns).filter(|width| *width <= field.ty.width()).map(|_| field)
}

/// A field that is converted to another type is read as that.
fn widened_field(before: &[Node], node: &Node, columns: &[Column]) -> Option<Node> {
    let field = whole_field(before, node.args[0].0, columns)?;
    Some(Node {
        does: Does::Op(Op::Field),
        ty: node.ty,
        immediate: field.immediate,
        args: vec![],
        gives: node.gives,
    })
}

/// A comparison with a constant is a comparison with bounds; a field is compared in its column.
fn compared(before: &[Node], node: &Node, op: Op, columns: &[Column]) -> Option<Node> {
    let (operand, constant, is_first) = match (node.args[0], node.args[1]) {
        (operand @ (Value::Step(_), _), (Value::Constant(constant), _)) => (operand, constant, true),
        ((Value::Constant(constant), _), operand @ (Value::Step(_), _)) => (operand, constant, false),
        _ => return None,
    };
    let (lo, hi, within) = match (op, is_first) {
        (Op::Eq, _) => (constant, constant, true),
        (Op::Ne, _) => (constant, constant, false),
        (Op::Lt, true) => (constant, i128::MAX, false),
        (Op::Lt, false) => (i128::MIN, constant, false),
        (_, true) => (i128::MIN, constant, true),
        (_, false) => (constant, i128::MAX, true),
    };
    let field = whole_field(before, operand.0, columns).map(|field| field.immediate as u32);
    let does = Does::Within { field, lo, hi, within };
    let args = if field.is_some() { vec![] } else { vec![operand] };
    Some(Node { does, ty: operand.1, immediate: 0, args, gives: node.gives })
}

/// The negation of a comparison with bounds.
fn negated(before: &[Node], node: &Node) -> Option<Node> {
    let Value::Step(inner) = node.args[0].0 else { return None };
    let Node { does: Does::Within { field, lo, hi, within }, ty, ref args, .. } = before[inner] else {
        return None;
    };
    let does = Does::Within { field, lo, hi, within: !within };
    Some(Node { does, ty, immediate: 0, args: args.clone(), gives: node.gives })
}

/// A choice between a small constant and another such choice that nothing else reads.
fn chosen(before: &mut [Node], node: &Node, readers: &[usize]) -> Option<Node> {
    let small = |value: Value| match value {
        Value::Constant(x) => u8::try_from(x).ok(),
        Value::Step(_) => None,
    };
    let [condition, (a, _), (b, _)] = node.args[..] else { return None };
    let (met, constant, rest) = match (small(a), small(b)) {
        (Some(constant), _) => (true, constant, b),
        (_, Some(constant)) => (false, constant, a),
        _ => return None,
    };
    if matches!(rest, Value::Step(inner) if readers[inner] > 1) {
        return None;
    }
    let (mut args, mut when, otherwise) = match rest {
        Value::Constant(_) => (vec![], vec![], small(rest)?),
        Value::Step(inner) => {
            let inner = &mut before[inner];
            let Does::Choose { when, otherwise } = &mut inner.does else { return None };
            // nothing else reads it
            (std::mem::take(&mut inner.args), std::mem::take(when), *otherwise)
        }
    };
    args.push(condition);
    when.push((met, constant));
    let does = Does::Choose { when, otherwise };
    Some(Node { does, ty: node.ty, immediate: 0, args, gives: node.gives })
}

/// Moves constants to where kernels take them, and makes columns of the others.
fn spelled_out(nodes: Vec<Node>) -> Vec<Node> {
    let mut all: Vec<Node> = Vec::with_capacity(nodes.len());
    let mut moved = Vec::with_capacity(nodes.len());
    for mut node in nodes {
        move_constants(&mut node);
        let taken = constant_taken(&node.does);
        for (index, (value, ty)) in node.args.iter_mut().enumerate() {
            match *value {
                Value::Step(step) => *value = Value::Step(moved[step]),
                Value::Constant(_) if taken == Some(index) => {}
                Value::Constant(x) => {
                    *value = Value::Step(all.len());
                    let does = Does::Op(Op::Const);
                    all.push(Node { does, ty: *ty, immediate: x, args: vec![], gives: Some(*ty) });
                }
            }
        }
        moved.push(all.len());
        all.push(node);
    }
    all
}

fn move_constants(node: &mut Node) {
    let is_constant = |index: usize| matches!(node.args[index].0, Value::Constant(_));
    match node.does {
        Does::Op(Op::Select) if is_constant(1) => {
            node.args.swap(1, 2);
            node.immediate = 1;
        }
        Does::Op(op) if op.row().commutes && is_constant(0) => node.args.swap(0, 1),
        _ => {}
    }
}

/// Which operand may be a constant: what is written, and the last of several.
fn constant_taken(does: &Does) -> Option<usize> {
    let Does::Op(op) = does else { return None };
    let row = op.row();
    match (row.takes.len(), row.gives) {
        (1, None) => Some(0),
        (1, Some(_)) => None,
        (count, _) => count.checked_sub(1),
    }
}
