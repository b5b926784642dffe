//! What does code for columns compute, once its stack is thought away? It is a straight line, so what lies on the
//! stack and in the locals is known at every instruction: moving values about costs nothing when it runs, and
//! each step names the columns it reads and the one it writes.
//!
//! Columns of a block are numbered slots, per type. A slot is used again behind the last step that reads it, so that
//! a block's working set stays small.

use opus_ir::Type;

use crate::ops::{Instruction, Op};
use crate::verify::Verified;

/// What a step reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arg {
    /// The same for every row.
    Constant(i128),
    /// The column in this slot of the type's.
    Slot(u32),
}

/// An instruction with where its operands are and where its result goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub op: Op,
    /// The instruction's type.
    pub ty: Type,
    /// The type of the first operand; where there is none, the instruction's.
    pub from: Type,
    pub immediate: i128,
    pub args: [Arg; 3],
    /// The slot of the result's type.
    pub out: u32,
}

/// The steps of code for columns.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub steps: Vec<Step>,
    /// How many slots there are, by type.
    pub slots: [u32; 4],
}

/// A value while the stack is thought away: a constant, or what a step computes.
#[derive(Clone, Copy)]
enum Value {
    Constant(i128),
    Step(usize),
}

/// A step before slots are given: its operands with their types.
struct Node {
    instruction: Instruction,
    args: Vec<(Value, Type)>,
    gives: Option<Type>,
    /// The last node that reads it.
    last_read: usize,
}

impl Plan {
    pub(crate) fn new(code: &Verified) -> Plan {
        Plan::with_slots(nodes(code))
    }

    fn with_slots(nodes: Vec<Node>) -> Plan {
        let mut free: [Vec<u32>; 4] = Default::default();
        let mut slots = [0u32; 4];
        let mut slot_of: Vec<u32> = Vec::with_capacity(nodes.len());
        let mut steps = Vec::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            // a result never takes the place of an operand: kernels read and write different columns
            let out = node.gives.map_or(0, |ty| {
                free[ty as usize].pop().unwrap_or_else(|| {
                    slots[ty as usize] += 1;
                    slots[ty as usize] - 1
                })
            });
            slot_of.push(out);
            let mut args = [Arg::Constant(0); 3];
            for (index, (value, ty)) in node.args.iter().enumerate() {
                args[index] = match value {
                    Value::Constant(x) => Arg::Constant(*x),
                    Value::Step(step) => Arg::Slot(slot_of[*step]),
                };
                let Value::Step(step) = *value else { continue };
                let again = node.args[..index]
                    .iter()
                    .any(|(value, _)| matches!(value, Value::Step(other) if *other == step));
                if nodes[step].last_read == at && !again {
                    free[*ty as usize].push(slot_of[step]);
                }
            }
            if let Some(ty) = node.gives.filter(|_| node.last_read == at) {
                free[ty as usize].push(out);
            }
            let Instruction { op, ty, immediate } = node.instruction;
            let from = node.args.first().map_or(ty, |(_, ty)| *ty);
            steps.push(Step { op, ty, from, immediate, args, out });
        }
        Plan { steps, slots }
    }
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
                let at = nodes.len();
                for (value, _) in &args {
                    if let Value::Step(step) = value {
                        nodes[*step].last_read = at;
                    }
                }
                let gives = row.gives.and_then(|operand| operand.resolve(ty));
                nodes.push(Node { instruction, args, gives, last_read: at });
                stack.extend(gives.map(|ty| (Value::Step(at), ty)));
            }
        }
    }
    nodes
}
