//! The credit policy of the language book with its two versions, built by hand: as a function, and as the loop
//! over staged blocks that one would write for a vectorising compiler.

use opus_ir::func::FieldRange;
use opus_ir::memory::Columns;
use opus_ir::testing::{Seed, Source};
use opus_ir::{Builder, End, Interval, Op, Rounding, Straight, Target, Type, Value, straighten, verify};

/// 2023-01-01 and 2030-12-31, and the day on which the score's floor moved: 2025-01-01.
const FIRST_DAY: i128 = 19_358;
const LAST_DAY: i128 = 22_279;
const MOVED_DAY: i128 = 20_089;

/// The field of the date that selects the version.
pub const SUBMITTED_ON: usize = 0;
/// The field of the age.
pub const AGE: usize = 1;
/// The field of the score.
pub const SCORE: usize = 2;
/// The field of the annual income.
pub const INCOME: usize = 3;
/// The field of the monthly debt.
pub const DEBT: usize = 4;
/// The field of the requested amount.
pub const REQUESTED: usize = 5;
/// The field of the term in months.
pub const TERM: usize = 6;
/// The field of the employment.
pub const EMPLOYMENT: usize = 7;
/// The field of the months employed.
pub const MONTHS_EMPLOYED: usize = 8;
/// The field of the delinquencies.
pub const DELINQUENCIES: usize = 9;
/// The field of the months since a bankruptcy.
pub const BANKRUPTCY: usize = 10;

/// The index of `retired`.
const RETIRED: i128 = 2;
const APPROVE: i128 = 0;
const REFER: i128 = 1;
const DECLINE: i128 = 2;

fn fields() -> Vec<FieldRange> {
    let field = |lo, hi, optional| FieldRange { is_bool: false, optional, range: Interval::new(lo, hi) };
    vec![
        field(FIRST_DAY, LAST_DAY, false),
        field(16, 120, false),
        field(300, 850, true),
        field(0, 1_000_000_000, false),
        field(0, 100_000_000, false),
        field(50_000, 7_500_000, false),
        field(12, 60, false),
        field(0, 4, false),
        field(0, 720, false),
        field(0, 99, false),
        field(0, 1200, true),
    ]
}

/// The function, rule after rule.
struct Policy {
    builder: Builder,
    rule: u32,
}

impl Policy {
    fn op(&mut self, op: Op, args: &[Value]) -> Value {
        self.builder.push(op, args, 0).expect("the policy is total")
    }

    fn field(&mut self, index: usize) -> Value {
        self.builder.push(Op::Field, &[], index as i128).expect("there is such a field")
    }

    fn present(&mut self, index: usize) -> Value {
        self.builder.push(Op::Present, &[], index as i128).expect("there is such a field")
    }

    fn compare(&mut self, op: Op, a: Value, b: i128) -> Value {
        let b = self.builder.constant(b);
        self.op(op, &[a, b])
    }

    fn decide(&mut self, decision: i128, amount: Value, reason: i128) {
        let (decision, reason) = (self.builder.constant(decision), self.builder.constant(reason));
        self.builder.end(End::Decide { rule: self.rule, outputs: vec![decision, amount, reason] });
        self.rule += 1;
    }

    /// A rule with constant outputs: decides where the condition holds, goes on where it fails.
    fn rule(&mut self, condition: Value, decision: i128, reason: i128) {
        let (then, otherwise) = (self.builder.block(), self.builder.block());
        self.builder.end(End::Branch(condition, Target::to(then), Target::to(otherwise)));
        self.builder.switch_to(then);
        let nothing = self.builder.constant(0);
        self.decide(decision, nothing, reason);
        self.builder.switch_to(otherwise);
    }
}

/// The policy as a straight line.
pub fn line() -> Straight {
    let results = vec![Interval::new(0, 2), Interval::new(0, 7_500_000), Interval::new(0, 9)];
    let mut p = Policy { builder: Builder::new(fields(), results), rule: 0 };
    let [day, age, score, income, debt, requested, term, employment, months, delinquencies, bankruptcy] =
        std::array::from_fn(|index| p.field(index));
    let minor = p.compare(Op::Lt, age, 18);
    p.rule(minor, DECLINE, 0);
    let scored = p.present(SCORE);
    let thin = p.op(Op::Not, &[scored]);
    p.rule(thin, REFER, 1);
    let (bankrupt, recent) = (p.present(BANKRUPTCY), p.compare(Op::Lt, bankruptcy, 84));
    let recent = p.op(Op::And, &[bankrupt, recent]);
    p.rule(recent, DECLINE, 2);
    let moved = p.builder.constant(MOVED_DAY);
    let late = p.op(Op::Le, &[moved, day]);
    let (low, high) = (p.builder.constant(680), p.builder.constant(700));
    let floor = p.op(Op::Select, &[late, high, low]);
    let below = p.op(Op::Lt, &[score, floor]);
    p.rule(below, DECLINE, 3);
    let burden = p.op(Op::Mul, &[debt, term]);
    let burden = p.op(Op::Add, &[burden, requested]);
    let scale = p.builder.constant(120_000);
    let burden = p.op(Op::Mul, &[burden, scale]);
    let share = p.builder.constant(4300);
    let limit = p.op(Op::Mul, &[income, share]);
    let limit = p.op(Op::Mul, &[limit, term]);
    let indebted = p.op(Op::Lt, &[limit, burden]);
    p.rule(indebted, DECLINE, 4);
    let two = p.builder.constant(2);
    let delinquent = p.op(Op::Lt, &[two, delinquencies]);
    p.rule(delinquent, REFER, 5);
    let short = p.compare(Op::Lt, months, 6);
    let working = p.compare(Op::Ne, employment, RETIRED);
    let short = p.op(Op::And, &[short, working]);
    p.rule(short, REFER, 6);
    let cuts = p.builder.table(vec![740, 780]);
    let bucket = p.builder.push(Op::Bucket, &[score], cuts.as_u32() as i128).expect("a table");
    let shares = p.builder.table(vec![2000, 3000, 4000]);
    let share = p.builder.push(Op::Lookup, &[bucket], shares.as_u32() as i128).expect("a table");
    let product = p.op(Op::Mul, &[income, share]);
    let whole = p.builder.constant(10_000);
    let mode = Rounding::HalfEven as i128;
    let cap = p.builder.push(Op::Divide, &[product, whole], mode).expect("10,000 is not 0");
    let within = p.op(Op::Le, &[requested, cap]);
    let (then, otherwise) = (p.builder.block(), p.builder.block());
    p.builder.end(End::Branch(within, Target::to(then), Target::to(otherwise)));
    p.builder.switch_to(then);
    p.decide(APPROVE, requested, 7);
    p.builder.switch_to(otherwise);
    let cap = p.builder.push(Op::Refine, &[cap, within], 0).expect("the branch says so");
    let least = p.builder.constant(50_000);
    let enough = p.op(Op::Le, &[least, cap]);
    let (then, otherwise) = (p.builder.block(), p.builder.block());
    p.builder.end(End::Branch(enough, Target::to(then), Target::to(otherwise)));
    p.builder.switch_to(then);
    p.decide(APPROVE, cap, 8);
    p.builder.switch_to(otherwise);
    let nothing = p.builder.constant(0);
    p.decide(DECLINE, nothing, 9);
    let mut func = p.builder.finish();
    // what the pass `narrow` would do
    for data in func.values.values_mut().filter(|data| data.ty != Type::Bool) {
        data.ty = Type::narrowest(data.range);
    }
    straighten(&verify(func).expect("the policy is valid"))
}

/// Random applications, such that every rule decides some.
pub fn fill(columns: &mut Columns, rows: usize, seed: u64) {
    let mut source = Seed(seed);
    columns.set_rows(rows);
    for row in 0..rows {
        let mut within = |lo: i128, hi: i128| lo + (source.next() as i128 & i64::MAX as i128) % (hi - lo + 1);
        let is_small = within(0, 19) == 0;
        let income = if is_small { within(100_000, 300_000) } else { within(1_000_000, 60_000_000) };
        let requested = if is_small { within(50_000, 60_000) } else { within(50_000, 7_500_000) };
        let values = [
            within(FIRST_DAY, LAST_DAY),
            within(17, 90),
            within(600, 850),
            income,
            within(0, income / 40),
            requested,
            12 * within(1, 5),
            within(0, 4),
            within(0, 100),
            (within(0, 9) == 0) as i128 * within(0, 9),
            within(0, 600),
        ];
        let missing = [SCORE, BANKRUPTCY].map(|field| (field, within(0, 9) == 0));
        for (field, x) in values.into_iter().enumerate() {
            columns.set(field, row, Some(x));
        }
        for (field, _) in missing.into_iter().filter(|(_, missing)| *missing) {
            columns.set(field, row, None);
        }
    }
}

/// Rows per block of the hand-written loop.
pub const BLOCK: usize = 256;

/// A block of a column: arrays of a known length need no bounds checks.
fn block<T>(values: &[T]) -> &[T; BLOCK] {
    values.try_into().expect("columns are padded to whole blocks")
}

fn block_mut<T>(values: &mut [T]) -> &mut [T; BLOCK] {
    values.try_into().expect("columns are padded to whole blocks")
}

/// The bits of a block's validity as bytes, 0 or 1: eight at a time, each byte of a word keeps the bit of its place.
#[inline(always)]
fn flags(validity: &[u64], start: usize) -> [u8; BLOCK] {
    let mut flags = [0; BLOCK];
    for (word, flags) in validity[start / 64..].iter().zip(flags.chunks_exact_mut(64)) {
        for (bits, flags) in word.to_le_bytes().iter().zip(flags.chunks_exact_mut(8)) {
            let places = (*bits as u64 * 0x0101_0101_0101_0101) & 0x8040_2010_0804_0201;
            let set = (places + 0x7f7f_7f7f_7f7f_7f7f) >> 7 & 0x0101_0101_0101_0101;
            flags.copy_from_slice(&set.to_le_bytes());
        }
    }
    flags
}

/// One of two numbers of rules, without a branch.
#[inline(always)]
fn pick(condition: bool, a: u8, b: u8) -> u8 {
    b ^ ((a ^ b) & (condition as u8).wrapping_neg())
}

/// Defines the hand-written loop for a set of CPU features.
macro_rules! staged {
    ($name:ident, $features:literal) => {
        /// The policy as a vectorising compiler likes it: short loops over arrays of a block. The columns have
        /// room for whole blocks.
        ///
        /// # Safety
        /// Only where the CPU has the features.
        #[cfg(target_arch = "x86_64")]
        #[target_feature(enable = $features)]
        pub unsafe fn $name(inputs: &Columns, outputs: &mut Columns) {
            let rows = inputs.rows();
            outputs.set_rows(rows);
            let (day, age) = (inputs.values::<i16>(SUBMITTED_ON), inputs.values::<i8>(AGE));
            let (score, income) = (inputs.values::<i16>(SCORE), inputs.values::<i32>(INCOME));
            let (debt, requested) = (inputs.values::<i32>(DEBT), inputs.values::<i32>(REQUESTED));
            let (term, employment) = (inputs.values::<i8>(TERM), inputs.values::<i8>(EMPLOYMENT));
            let (months, delinquencies) =
                (inputs.values::<i16>(MONTHS_EMPLOYED), inputs.values::<i8>(DELINQUENCIES));
            let bankruptcy = inputs.values::<i16>(BANKRUPTCY);
            for start in (0..rows).step_by(BLOCK) {
                let at = start..start + BLOCK;
                let mut rule = [9u8; BLOCK];
                let (scored, bankrupt) =
                    (flags(inputs.validity(SCORE), start), flags(inputs.validity(BANKRUPTCY), start));
                let mut cap = [0i32; BLOCK];
                let (s, inc, req) =
                    (block(&score[at.clone()]), block(&income[at.clone()]), block(&requested[at.clone()]));
                for i in 0..BLOCK {
                    // a fifth, three tenths or two fifths: of ten; four tenths of any income fit 32 bits
                    let tenths = 2 + (s[i] >= 740) as u32 + (s[i] >= 780) as u32;
                    let product = inc[i] as u32 * tenths + 5;
                    let quotient = product / 10;
                    let tie = quotient * 10 == product;
                    cap[i] = (quotient - (tie as u32 & quotient & 1)) as i32;
                }
                for i in 0..BLOCK {
                    rule[i] = pick(cap[i] >= 50_000, 8, rule[i]);
                    rule[i] = pick(req[i] <= cap[i], 7, rule[i]);
                }
                let (m, e) = (block(&months[at.clone()]), block(&employment[at.clone()]));
                for i in 0..BLOCK {
                    rule[i] = pick((m[i] < 6) & (e[i] != RETIRED as i8), 6, rule[i]);
                }
                let d = block(&delinquencies[at.clone()]);
                for i in 0..BLOCK {
                    rule[i] = pick(d[i] > 2, 5, rule[i]);
                }
                let (de, t) = (block(&debt[at.clone()]), block(&term[at.clone()]));
                for i in 0..BLOCK {
                    let burden = (de[i] as i64 * t[i] as i64 + req[i] as i64) * 1200;
                    let limit = (inc[i] as i64 * 43) * t[i] as i64;
                    rule[i] = pick(burden > limit, 4, rule[i]);
                }
                let (dy, a) = (block(&day[at.clone()]), block(&age[at.clone()]));
                for i in 0..BLOCK {
                    let floor = 680 + 20 * (dy[i] >= MOVED_DAY as i16) as i16;
                    rule[i] = pick(s[i] < floor, 3, rule[i]);
                }
                let b = block(&bankruptcy[at.clone()]);
                for i in 0..BLOCK {
                    rule[i] = pick((bankrupt[i] != 0) & (b[i] < 84), 2, rule[i]);
                }
                for i in 0..BLOCK {
                    rule[i] = pick(scored[i] == 0, 1, rule[i]);
                    rule[i] = pick(a[i] < 18, 0, rule[i]);
                }
                let decision = block_mut(&mut outputs.values_mut::<i8>(0)[at.clone()]);
                for i in 0..BLOCK {
                    let refer = (rule[i] == 1) | (rule[i] == 5) | (rule[i] == 6);
                    let approve = (rule[i] == 7) | (rule[i] == 8);
                    decision[i] = 2 - refer as i8 - 2 * approve as i8;
                }
                let amount = block_mut(&mut outputs.values_mut::<i32>(1)[at.clone()]);
                for i in 0..BLOCK {
                    let (requested, capped) = ((rule[i] == 7) as i32, (rule[i] == 8) as i32);
                    amount[i] = (req[i] & -requested) | (cap[i] & -capped);
                }
                let reason = block_mut(&mut outputs.values_mut::<i8>(2)[at.clone()]);
                for i in 0..BLOCK {
                    reason[i] = rule[i] as i8;
                }
                let number = block_mut(&mut outputs.values_mut::<i16>(3)[at]);
                for i in 0..BLOCK {
                    number[i] = rule[i] as i16;
                }
            }
        }
    };
}

staged!(staged_sse41, "ssse3,sse4.1");
staged!(staged_avx2, "avx2,bmi1,bmi2,lzcnt,popcnt");
staged!(staged_avx512, "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt");
