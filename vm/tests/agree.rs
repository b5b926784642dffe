//! Do the engines of bytecode decide as the interpreter of the IR does? And is damaged code refused, or harmless?

use opus_ir::memory::{Columns, Row};
use opus_ir::testing::{self, Seed, Source};
use opus_ir::{Column, Func, Width, interpret, straighten};
use opus_vm::{Code, ColumnEngine, Interface, RowEngine, emit_columns, emit_row};

/// What lies around a function: each field and output in the narrowest column.
fn interface(func: &Func) -> Interface {
    let input = |field: &opus_ir::func::FieldRange| Column {
        width: Width::narrowest(field.range),
        optional: field.optional,
    };
    let output = |range: &opus_ir::Interval| Column { width: Width::narrowest(*range), optional: false };
    Interface {
        inputs: func.fields.iter().map(input).collect(),
        outputs: func.results.iter().map(output).collect(),
        ranges: func.results.clone(),
        rules: rules(func),
    }
}

/// How many rules a function can name.
fn rules(func: &Func) -> usize {
    let rule = |data: &opus_ir::BlockData| match data.end {
        opus_ir::End::Decide { rule, .. } => rule as usize + 1,
        _ => 0,
    };
    func.blocks.values().map(rule).max().unwrap_or(1)
}

/// A generated function in both forms, with admitted rows.
struct Case {
    func: opus_ir::Verified,
    interface: Interface,
    rows: Vec<(Vec<i128>, Vec<bool>)>,
}

impl Case {
    fn generate(seed: u64) -> Case {
        let mut source = Seed(seed);
        let func = opus_ir::verify(testing::func(&mut source)).expect("generated functions are valid");
        let interface = interface(&func);
        let many = if cfg!(miri) { 1_030 } else { 2_500 };
        let count = if seed.is_multiple_of(50) { many } else { 5 };
        let rows = (0..count).map(|_| testing::row(&func, &mut source)).collect();
        Case { func, interface, rows }
    }

    /// What a field holds: where it is missing, the value of its range that the interpreter takes.
    fn held(&self, row: usize, field: usize) -> (i128, bool) {
        let (range, (values, present)) = (self.func.fields[field].range, &self.rows[row]);
        let value = values[field];
        (if present[field] { value } else { value.clamp(range.lo, range.hi) }, present[field])
    }

    /// Whatever code computes: outputs within their ranges, and a rule that there is.
    fn check_kept(&self, decided: impl Iterator<Item = Option<i128>>) {
        let rules = opus_ir::Interval::new(0, self.interface.rules as i128 - 1);
        let ranges = self.interface.ranges.iter().copied().chain([rules]);
        let kept =
            decided.zip(ranges).all(|(value, range)| range.contains(value.expect("outputs are there")));
        assert!(kept, "an output left its range");
    }

    fn expected(&self, row: usize) -> Vec<i128> {
        let (values, present) = &self.rows[row];
        let decided = interpret(&self.func, values, present);
        decided.outputs.into_iter().chain([decided.rule as i128]).collect()
    }

    fn row(&self, engine: &RowEngine, row: usize) -> Row {
        let mut cells = Row::new(engine.input_layout());
        for (field, slot) in engine.input_layout().slots.iter().enumerate() {
            let (value, present) = self.held(row, field);
            cells.set(*slot, Some(value));
            if !present {
                cells.set(*slot, None);
            }
        }
        cells
    }

    fn columns(&self) -> Columns {
        let mut columns = Columns::new(&self.interface.inputs, self.rows.len());
        columns.set_rows(self.rows.len());
        for row in 0..self.rows.len() {
            for field in 0..self.interface.inputs.len() {
                let (value, present) = self.held(row, field);
                columns.set(field, row, Some(value));
                if !present {
                    columns.set(field, row, None);
                }
            }
        }
        columns
    }
}

/// Code as it is kept in an artifact, read back and verified.
fn kept(code: &Code, interface: &Interface) -> opus_vm::Verified {
    let read = Code::from_bytes(&code.to_bytes()).expect("what was written is read");
    assert_eq!(read, *code);
    opus_vm::verify(read, interface.clone()).unwrap_or_else(|why| panic!("{why}\n{code}"))
}

/// Both engines decide every row as the interpreter does.
fn check_agree(case: &Case, name: &str) {
    let rows = RowEngine::new(kept(&emit_row(&case.func).expect("it is small"), &case.interface));
    let line = emit_columns(&straighten(&case.func)).expect("it is small");
    let columns = ColumnEngine::new(kept(&line, &case.interface));
    let mut outputs = Columns::new(&case.interface.outputs_and_rule(), case.rows.len());
    columns.decide(&case.columns(), &mut outputs, &mut Default::default());
    let mut scratch = opus_vm::row::Scratch::new();
    for row in 0..case.rows.len() {
        let mut decided = Row::new(rows.output_layout());
        rows.decide(case.row(&rows, row).bytes(), decided.bytes_mut(), &mut scratch);
        let slots = rows.output_layout().slots.iter();
        let by_row: Vec<Option<i128>> = slots.map(|slot| decided.get(*slot)).collect();
        let by_column: Vec<Option<i128>> = (0..outputs.len()).map(|index| outputs.get(index, row)).collect();
        let expected: Vec<Option<i128>> = case.expected(row).into_iter().map(Some).collect();
        assert_eq!(by_row, expected, "by row, {name}, row {row}\n{}", **rows.code());
        assert_eq!(by_column, expected, "by column, {name}, row {row}\n{}", **columns.code());
    }
}

#[test]
fn engines_agree_on_generated_functions() {
    for seed in 0..if cfg!(miri) { 3 } else { 1_000 } {
        check_agree(&Case::generate(seed), &format!("seed {seed}"));
    }
}

/// A parameter that nothing reads is set by the end of `block2` too, while another value waits to be read there.
#[test]
fn a_parameter_that_is_never_read_keeps_its_local() {
    let text = "field0: int [0, 9]
result0: [0, 324]
block0:
  v0: i64 [0, 9] = field field0
  v1: i64 [3, 3] = constant 3
  v2: bool [0, 1] = lt v0, v1
  branch v2, block1, block2
block1:
  jump block3(v1, v1)
block2:
  v3: i64 [0, 18] = add v0, v0
  v4: i64 [0, 324] = mul v3, v3
  jump block3(v1, v4)
block3(v5: i64 [3, 3], v6: i64 [0, 324]):
  decide 0(v6)
";
    let func = opus_ir::verify(opus_ir::text::parse(text).expect("it is a function")).expect("it is valid");
    let rows = (0..10).map(|x| (vec![x], vec![true])).collect();
    let interface = interface(&func);
    check_agree(&Case { func, interface, rows }, "by hand");
}

#[test]
fn damaged_code_is_refused_or_harmless() {
    let (mut refused, mut run) = (0, 0);
    for seed in 0..if cfg!(miri) { 10 } else { 3_000 } {
        let case = Case::generate(seed * 50 + 1);
        let mut source = Seed(seed);
        let whole =
            if source.one_in(2) { emit_row(&case.func) } else { emit_columns(&straighten(&case.func)) };
        let mut bytes = whole.expect("it is small").to_bytes();
        for _ in 0..=source.below(3) {
            let at = source.below(bytes.len());
            bytes[at] = source.next() as u8;
        }
        let read = Code::from_bytes(&bytes).ok();
        let Some(code) = read.and_then(|code| opus_vm::verify(code, case.interface.clone()).ok()) else {
            refused += 1;
            continue;
        };
        run += 1;
        match code.shape {
            opus_vm::Shape::Row => {
                let engine = RowEngine::new(code);
                let mut decided = Row::new(engine.output_layout());
                let mut scratch = opus_vm::row::Scratch::new();
                engine.decide(case.row(&engine, 0).bytes(), decided.bytes_mut(), &mut scratch);
                let slots = engine.output_layout().slots.iter();
                case.check_kept(slots.map(|slot| decided.get(*slot)));
            }
            opus_vm::Shape::Columns => {
                let mut outputs = Columns::new(&case.interface.outputs_and_rule(), case.rows.len());
                ColumnEngine::new(code).decide(&case.columns(), &mut outputs, &mut Default::default());
                for row in 0..case.rows.len() {
                    case.check_kept((0..outputs.len()).map(|index| outputs.get(index, row)));
                }
            }
        }
    }
    assert!(cfg!(miri) || refused > 500 && run > 200, "{refused} refused, {run} run");
}
