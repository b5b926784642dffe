//! Does every engine agree with a `run` table under a function of the IR? The engines are the interpreter and the
//! predicated form before and after the passes, the VM by row and by column, and native code by row and by column
//! at each level that this machine supports.
//!
//! The columns on the left are `field0`, `field1` and so on; on the right `result0`, `result1` and so on, or
//! `rule`. Cells are integers, `true` or `false`; `-` is a missing field.

use opus_ir::memory::{Columns, Row, RowLayout};
use opus_ir::{
    Column, End, Func, Returned, Verified, Width, evaluate_straight, interpret, straighten, verify,
};
use opus_jit::{ColumnKernel, Level, RowKernel, compile_columns, compile_row};
use opus_vm::{Code, ColumnEngine, Interface, RowEngine, emit_columns, emit_row};

use crate::document;

/// Values and presence by field.
type GivenRow = (Vec<i128>, Vec<bool>);

/// What is wrong with a `run` table: the line in the block, from 0, and a sentence.
///
/// # Errors
/// If the verifier refuses the function.
pub fn differences(func: &Func, table: &str) -> Result<Vec<(usize, String)>, String> {
    let rows = document::rows(table);
    let Some(((_, given, expected), rows)) = rows.split_first() else {
        return Ok(vec![(0, "the table is empty".to_owned())]);
    };
    let read = |(line, cells, answer): &(usize, Vec<String>, Vec<String>)| {
        let row = row_of(func, given, cells)?;
        let answer = answer.iter().map(|cell| number(cell)).collect::<Result<Vec<i128>, String>>()?;
        Ok((*line, row, answer))
    };
    let rows = rows.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let given: Vec<GivenRow> = rows.iter().map(|(_, row, _)| row.clone()).collect();
    let mut wrong = Vec::new();
    for (engine, decided) in decisions(func, &given)? {
        for ((line, _, answer), decided) in rows.iter().zip(&decided) {
            let found =
                expected.iter().map(|name| named(name, decided)).collect::<Result<Vec<i128>, String>>()?;
            if found != *answer {
                wrong.push((*line, format!("{engine}: expected {answer:?}, found {found:?}")));
            }
        }
    }
    Ok(wrong)
}

fn number(cell: &str) -> Result<i128, String> {
    match cell {
        "true" => Ok(1),
        "false" => Ok(0),
        _ => cell.replace('_', "").parse().map_err(|_| format!("`{cell}` is not an integer")),
    }
}

fn row_of(func: &Func, names: &[String], cells: &[String]) -> Result<GivenRow, String> {
    let mut values: Vec<i128> =
        func.fields.iter().map(|field| 0.clamp(field.range.lo, field.range.hi)).collect();
    let mut present: Vec<bool> = func.fields.iter().map(|field| !field.optional).collect();
    for (name, cell) in names.iter().zip(cells).filter(|(_, cell)| *cell != "-") {
        let field = name.strip_prefix("field").and_then(|index| index.parse::<usize>().ok());
        let field = field.filter(|field| *field < values.len()).ok_or(format!("there is no `{name}`"))?;
        (values[field], present[field]) = (number(cell)?, true);
        if !func.fields[field].range.contains(values[field]) {
            return Err(format!("{cell} is not within the range of `{name}`"));
        }
    }
    Ok((values, present))
}

fn named(name: &str, decided: &Returned) -> Result<i128, String> {
    let result =
        name.strip_prefix("result").and_then(|index| decided.outputs.get(index.parse::<usize>().ok()?));
    match (name, result) {
        ("rule", _) => Ok(decided.rule.into()),
        (_, Some(result)) => Ok(*result),
        _ => Err(format!("there is no `{name}`")),
    }
}

/// The decisions of every engine.
fn decisions(func: &Func, rows: &[GivenRow]) -> Result<Vec<(String, Vec<Returned>)>, String> {
    let mut all = Vec::new();
    let mut optimized = func.clone();
    opus_frontend::prove::optimize(&mut optimized);
    for (when, func) in [("before the passes", func), ("after the passes", &optimized)] {
        let verified = verify(func.clone()).map_err(|invalid| invalid.to_string())?;
        let line = straighten(&verified);
        let interpreted =
            rows.iter().map(|(values, present)| interpret(&verified, values, present)).collect();
        let straight =
            rows.iter().map(|(values, present)| evaluate_straight(&line, values, present)).collect();
        all.push((format!("interpreter {when}"), interpreted));
        all.push((format!("straight-line form {when}"), straight));
        all.push((format!("vm by rows {when}"), vm_by_rows(&verified, rows)?));
        all.push((format!("vm by columns {when}"), vm_by_columns(&verified, rows)?));
        for level in Level::ALL.into_iter().filter(|level| level.is_available()) {
            let native = compile_row(&line, level).map_err(|error| error.to_string())?;
            let kernel = RowKernel::load(&native).map_err(|error| error.to_string())?;
            let run = |input: &Row, output: &mut Row| kernel.run(input.bytes(), output.bytes_mut());
            let decided = by_rows(kernel.inputs(), kernel.outputs(), rows, run);
            all.push((format!("native code by rows, {level}, {when}"), decided));
            let native = compile_columns(&line, level).map_err(|error| error.to_string())?;
            let kernel = ColumnKernel::load(&native).map_err(|error| error.to_string())?;
            let run = |inputs: &Columns, outputs: &mut Columns| {
                kernel.run(inputs, outputs, &mut Default::default())
            };
            let decided = by_columns(kernel.inputs(), kernel.outputs(), rows, run);
            all.push((format!("native code by columns, {level}, {when}"), decided));
        }
    }
    Ok(all)
}

fn vm_by_rows(func: &Verified, rows: &[GivenRow]) -> Result<Vec<Returned>, String> {
    let code = emit_row(func).map_err(|error| error.to_string())?;
    let engine = RowEngine::new(verified(code, func)?);
    let mut scratch = opus_vm::row::Scratch::new();
    let run = |input: &Row, output: &mut Row| engine.decide(input.bytes(), output.bytes_mut(), &mut scratch);
    Ok(by_rows(engine.input_layout(), engine.output_layout(), rows, run))
}

fn vm_by_columns(func: &Verified, rows: &[GivenRow]) -> Result<Vec<Returned>, String> {
    let code = emit_columns(&straighten(func)).map_err(|error| error.to_string())?;
    let engine = ColumnEngine::new(verified(code, func)?);
    let run =
        |inputs: &Columns, outputs: &mut Columns| engine.decide(inputs, outputs, &mut Default::default());
    let interface = engine.code().interface();
    Ok(by_columns(&interface.inputs, &interface.outputs_and_rule(), rows, run))
}

fn verified(code: Code, func: &Func) -> Result<opus_vm::Verified, String> {
    let column = |range, optional| Column { width: Width::narrowest(range), optional };
    let rules = func.blocks.values().filter_map(|data| match data.end {
        End::Decide { rule, .. } => Some(rule as usize + 1),
        _ => None,
    });
    let interface = Interface {
        inputs: func.fields.iter().map(|field| column(field.range, field.optional)).collect(),
        outputs: func.results.iter().map(|range| column(*range, false)).collect(),
        ranges: func.results.clone(),
        rules: rules.max().unwrap_or(0),
    };
    opus_vm::verify(code, interface).map_err(|invalid| invalid.to_string())
}

fn by_rows(
    inputs: &RowLayout,
    outputs: &RowLayout,
    rows: &[GivenRow],
    mut run: impl FnMut(&Row, &mut Row),
) -> Vec<Returned> {
    let mut decided = Vec::with_capacity(rows.len());
    for (values, present) in rows {
        let (mut input, mut output) = (Row::new(inputs), Row::new(outputs));
        for (slot, (value, present)) in inputs.slots.iter().zip(values.iter().zip(present)) {
            input.set(*slot, Some(*value));
            if !present {
                input.set(*slot, None);
            }
        }
        run(&input, &mut output);
        decided.push(decision(outputs.slots.iter().map(|slot| output.get(*slot))));
    }
    decided
}

fn by_columns(
    inputs: &[Column],
    outputs: &[Column],
    rows: &[GivenRow],
    run: impl FnOnce(&Columns, &mut Columns),
) -> Vec<Returned> {
    let (mut given, mut decided) = (Columns::new(inputs, rows.len()), Columns::new(outputs, rows.len()));
    given.set_rows(rows.len());
    for (row, (values, present)) in rows.iter().enumerate() {
        for field in 0..inputs.len() {
            given.set(field, row, Some(values[field]));
            if !present[field] {
                given.set(field, row, None);
            }
        }
    }
    run(&given, &mut decided);
    (0..rows.len()).map(|row| decision((0..outputs.len()).map(|index| decided.get(index, row)))).collect()
}

/// The outputs, followed by the rule's index.
fn decision(values: impl Iterator<Item = Option<i128>>) -> Returned {
    let mut outputs: Vec<i128> = values.map(|value| value.expect("outputs are present")).collect();
    let rule = outputs.pop().expect("the rule is last") as u32;
    Returned { rule, outputs }
}
