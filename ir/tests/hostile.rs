//! Can a function keep a loader busy? Everything that could grow out of proportion, large; each is checked in a
//! moment, or refused.

use std::time::{Duration, Instant};

use opus_ir::func::FieldRange;
use opus_ir::{Builder, End, Func, Interval, Invalid, Op, Target, Value, straighten, verify};

const FLAG: FieldRange = FieldRange { is_bool: true, optional: false, range: Interval::BOOL };
const NUMBER: FieldRange = FieldRange { is_bool: false, optional: false, range: Interval::new(0, 1 << 40) };

/// Checks and straightens within a time that is far above what linear work takes, in debug builds on a busy
/// machine, and far below what quadratic work would.
fn in_a_moment(func: Func) -> Option<Invalid> {
    let begun = Instant::now();
    let refused = match verify(func) {
        Ok(verified) => {
            straighten(&verified);
            None
        }
        Err(error) => Some(error),
    };
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    refused
}

fn builder() -> (Builder, Value, Value) {
    let mut builder = Builder::new(vec![FLAG, NUMBER], vec![]);
    let flag = builder.push(Op::Field, &[], 0).unwrap();
    let number = builder.push(Op::Field, &[], 1).unwrap();
    (builder, flag, number)
}

fn decide(builder: &mut Builder) {
    builder.end(End::Decide { rule: 0, outputs: vec![] });
}

/// Branches on the condition and goes on where it holds.
fn go_on_where(builder: &mut Builder, condition: Value) {
    let (then, otherwise) = (builder.block(), builder.block());
    builder.end(End::Branch(condition, Target::to(then), Target::to(otherwise)));
    builder.switch_to(otherwise);
    decide(builder);
    builder.switch_to(then);
}

/// Writes a refinement as a compiler's builder would not: without deriving anything on the way.
fn refine_often(mut func: Func, times: usize, chained: bool) -> Func {
    let block = func.blocks.keys().next_back().unwrap();
    let (first, data) = func
        .values
        .iter()
        .find(|(_, data)| matches!(data.def, opus_ir::Def::Inst(inst) if inst.op == Op::Refine))
        .map(|(value, data)| (value, *data))
        .unwrap();
    let opus_ir::Def::Inst(inst) = data.def else { unreachable!() };
    let mut last = first;
    for _ in 0..times {
        let refined = if chained { last } else { inst.args()[0] };
        let inst = opus_ir::Inst::new(Op::Refine, &[refined, inst.args()[1]], inst.imm);
        last = func.values.push(opus_ir::ValueData { def: opus_ir::Def::Inst(inst), ..data });
        func.blocks[block].body.push(last);
    }
    func
}

#[test]
fn refinements_of_refinements() {
    let (mut b, _, number) = builder();
    let limit = b.constant(1000);
    let below = b.push(Op::Lt, &[number, limit], 0).unwrap();
    go_on_where(&mut b, below);
    b.push(Op::Refine, &[number, below], 1).unwrap();
    decide(&mut b);
    assert_eq!(in_a_moment(refine_often(b.finish(), 100_000, true)), None);
}

#[test]
fn conditions_whose_parts_are_shared() {
    let (mut b, flag, number) = builder();
    let mut condition = flag;
    for _ in 0..200 {
        condition = b.push(Op::And, &[condition, condition], 0).unwrap();
    }
    go_on_where(&mut b, condition);
    b.push(Op::Refine, &[number, condition], 1).unwrap();
    decide(&mut b);
    assert_eq!(in_a_moment(refine_often(b.finish(), 5_000, false)), None);
}

#[test]
fn branches_on_one_condition_everywhere() {
    let (mut b, flag, _) = builder();
    for _ in 0..20_000 {
        go_on_where(&mut b, flag);
        b.push(Op::Refine, &[flag, flag], 1).unwrap();
    }
    decide(&mut b);
    assert_eq!(in_a_moment(b.finish()), None);
}

#[test]
fn joins_far_below_their_branches() {
    // every block goes on or to one join at the end: the dominator of the join is asked for again and again
    let (mut b, flag, _) = builder();
    let join = b.block();
    for _ in 0..20_000 {
        let next = b.block();
        b.end(End::Branch(flag, Target::to(next), Target::to(join)));
        b.switch_to(next);
    }
    b.end(End::Jump(Target::to(join)));
    b.switch_to(join);
    let last = b.block();
    b.end(End::Jump(Target::to(last)));
    b.switch_to(last);
    decide(&mut b);
    assert_eq!(in_a_moment(b.finish()), None);
}

#[test]
fn ladders_of_joins() {
    let (mut b, flag, number) = builder();
    let mut last = number;
    for _ in 0..5_000 {
        let (then, join) = (b.block(), b.block());
        let param = b.param(join, opus_ir::Type::I64, NUMBER.range);
        b.end(End::Branch(flag, Target::to(then), Target { block: join, args: vec![number] }));
        b.switch_to(then);
        b.end(End::Jump(Target { block: join, args: vec![last] }));
        b.switch_to(join);
        last = param;
    }
    decide(&mut b);
    assert_eq!(in_a_moment(b.finish()), None);
}

#[test]
fn large_tables_looked_up_often() {
    let (mut b, _, number) = builder();
    let table = b.table((0..1 << 20).collect());
    for _ in 0..4 {
        b.push(Op::Lookup, &[number], table.as_u32() as i128).unwrap();
    }
    decide(&mut b);
    let mut func = b.finish();
    let block = func.blocks.keys().next().unwrap();
    let last = *func.blocks[block].body.last().unwrap();
    for _ in 0..1000 {
        let twin = func.values[last];
        let twin = func.values.push(twin);
        func.blocks[block].body.push(twin);
    }
    let refused = in_a_moment(func).expect("a gigabyte is not read");
    assert!(refused.message.contains("too long"), "{refused}");
}
