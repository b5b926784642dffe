//! What does a function decide, by its plainest reading? It is evaluated block by block, each op by its row in the
//! table.
//!
//! Slow on purpose: other engines are compared with this one. In debug builds every value is checked against its
//! proved interval.

use cranelift_entity::SecondaryMap;

use crate::func::{Def, End, FieldRange, Inst, Value};
use crate::ops::Operands;
use crate::straight::Straight;
use crate::types::Type;
use crate::verify::Verified;

/// What a function decides: the verdict of one version.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Returned {
    /// The index of the rule in the program's rules.
    pub rule: u32,
    /// The outputs, in the order of their declaration.
    pub outputs: Vec<i128>,
}

/// What a verified function decides on an admitted row: by field index the values (any where it is missing) and
/// which of them are present.
///
/// ```
/// use opus_ir::{Builder, End, Interval, Op, interpret, verify};
/// use opus_ir::func::FieldRange;
/// let age = FieldRange { is_bool: false, optional: false, range: Interval::new(16, 120) };
/// let mut builder = Builder::new(vec![age], vec![Interval::BOOL]);
/// let age = builder.push(Op::Field, &[], 0).unwrap();
/// let limit = builder.constant(18);
/// let minor = builder.push(Op::Lt, &[age, limit], 0).unwrap();
/// builder.end(End::Decide { rule: 0, outputs: vec![minor] });
/// let func = verify(builder.finish()).unwrap();
/// assert_eq!(interpret(&func, &[17], &[true]).outputs, [1]);
/// assert_eq!(interpret(&func, &[18], &[true]).outputs, [0]);
/// ```
pub fn interpret(func: &Verified, values: &[i128], present: &[bool]) -> Returned {
    interpret_with(func, values, present, |value, x| {
        let range = func.values[value].range;
        debug_assert!(range.contains(x), "{value} is {x}, outside {range}");
    })
}

/// What a function decides, and the first value that breaks its claim on the way, if there is one.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn interpret_checked(
    func: &Verified,
    values: &[i128],
    present: &[bool],
) -> (Returned, Option<(Value, i128)>) {
    let mut broken = None;
    let returned = interpret_with(func, values, present, |value, x| {
        if broken.is_none() && !func.values[value].range.contains(x) {
            broken = Some((value, x));
        }
    });
    (returned, broken)
}

/// What a function decides; `meet` is told of every value as it is computed.
fn interpret_with(
    func: &Verified,
    values: &[i128],
    present: &[bool],
    mut meet: impl FnMut(Value, i128),
) -> Returned {
    let values = &representative(&func.fields, values, present);
    let mut known = SecondaryMap::<Value, i128>::with_capacity(func.values.len());
    let mut block = func.blocks.keys().next().expect("a verified function has an entry");
    loop {
        let data = &func.blocks[block];
        for value in &data.body {
            let defined = &func.values[*value];
            let Def::Inst(inst) = &defined.def else { unreachable!("a body holds instructions") };
            let row = Row { table: func.table(inst), values, present };
            known[*value] = evaluate(inst, defined.ty, row, |arg| known[arg]);
            meet(*value, known[*value]);
        }
        let target = match &data.end {
            End::Decide { rule, outputs } => {
                return Returned {
                    rule: *rule,
                    outputs: outputs.iter().map(|output| known[*output]).collect(),
                };
            }
            End::Jump(target) => target,
            End::Branch(condition, then, otherwise) => {
                if known[*condition] != 0 {
                    then
                } else {
                    otherwise
                }
            }
        };
        for (param, arg) in func.blocks[target.block].params.iter().zip(&target.args) {
            known[*param] = known[*arg];
            meet(*param, known[*param]);
        }
        block = target.block;
    }
}

/// What predicated code decides on an admitted row.
pub fn evaluate_straight(straight: &Straight, values: &[i128], present: &[bool]) -> Returned {
    let values = &representative(&straight.fields, values, present);
    let mut known = SecondaryMap::<Value, i128>::with_capacity(straight.values.len());
    for (value, step) in straight.values.iter() {
        let row = Row { table: straight.table(&step.inst), values, present };
        known[value] = evaluate(&step.inst, step.ty, row, |arg| known[arg]);
    }
    Returned {
        rule: known[straight.rule] as u32,
        outputs: straight.outputs.iter().map(|output| known[*output]).collect(),
    }
}

/// What an instruction needs to know besides its operands.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub table: &'a [i128],
    pub values: &'a [i128],
    pub present: &'a [bool],
}

/// The result of an instruction in a value of this type.
pub(crate) fn evaluate(inst: &Inst, ty: Type, row: Row, known: impl Fn(Value) -> i128) -> i128 {
    let mut args = [0; 3];
    for (arg, value) in args.iter_mut().zip(inst.args()) {
        *arg = known(*value);
    }
    let Row { table, values, present } = row;
    ty.wrap((inst.op.row().eval)(&Operands { args, imm: inst.imm, table, values, present }))
}

/// The values of a row; a missing one is some value of its range, because that is what functions rely on.
fn representative(fields: &[FieldRange], values: &[i128], present: &[bool]) -> Vec<i128> {
    let some = |((field, value), present): ((&FieldRange, &i128), &bool)| match present {
        true => *value,
        false => (*value).clamp(field.range.lo, field.range.hi),
    };
    fields.iter().zip(values).zip(present).map(some).collect()
}
