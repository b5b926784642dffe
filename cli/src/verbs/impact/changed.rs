//! What is written for the rows whose results differ? Both results, side by side.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use opus_data::write::{Content, Data, Encoded, Encoder, Layout, Spec, Table};
use opus_data::{ColumnData, DataError, Kept};
use opus_govern::impact::Plan;
use opus_govern::results::places;
use opus_ir::memory::Columns;
use opus_ir::{Column, Scalar, Width, by_width};
use opus_runtime::{Batch, Schema};

/// The table of changed rows: number of the row, kept columns, each output, the rule and the version before and after, and
/// why the row is refused.
pub struct Changed {
    layout: Arc<Layout>,
    /// Where the columns come from, in order, after the number of the row and those to keep.
    sources: Vec<Source>,
    /// The shape of the results of either side: outputs, rule and version.
    shapes: [Vec<Column>; 2],
    kept: usize,
}

/// What is written beside the results.
pub struct Beside<'a> {
    /// The columns to keep, of all rows.
    pub kept: &'a [ColumnData],
    /// The columns behind the results, of the changed rows.
    pub more: Vec<ArrayRef>,
}

/// Where a column comes from.
#[derive(Clone, Copy)]
enum Source {
    /// A column of the results of a side.
    Result(usize, usize),
    /// The reasons for which a side refuses the row.
    Reasons(usize),
}

/// What the columns of the two sides are called behind their name.
const SIDES: [&str; 2] = ["before", "after"];

impl Changed {
    /// The table for two policies.
    ///
    /// # Errors
    /// Where two columns would have one name.
    pub fn new(
        plan: &Plan,
        schemas: &[Schema; 2],
        kept: &[Kept],
        metadata: &[(String, String)],
    ) -> Result<Changed, DataError> {
        let mut columns = vec![Spec { name: "row".into(), content: Content::Long, optional: false }];
        columns.extend(kept.iter().map(Spec::kept));
        let mut sources = Vec::new();
        let mut add = |name: &str, side: usize, content: Content, source: Source| {
            columns.push(Spec { name: format!("{name}_{}", SIDES[side]), content, optional: true });
            sources.push(source);
        };
        let only_first = schemas[0].outputs.iter().filter(|output| !has(&schemas[1], &output.name));
        for name in schemas[1].outputs.iter().chain(only_first).map(|output| &output.name) {
            for (side, schema) in schemas.iter().enumerate() {
                if let Some(at) = schema.outputs.iter().position(|output| output.name == *name) {
                    let content = Spec::of_field(schema, &schema.outputs[at]).content;
                    add(name, side, content, Source::Result(side, at));
                }
            }
        }
        let counts = [0, 1].map(|side| schemas[side].outputs.len());
        let ids = Arc::new(plan.rules.clone());
        for (side, outputs) in counts.iter().enumerate() {
            add("rule", side, Content::Names(ids.clone()), Source::Result(side, *outputs));
        }
        for (side, outputs) in counts.iter().enumerate() {
            add("version", side, Content::Integer, Source::Result(side, outputs + 1));
        }
        (0..2).for_each(|side| add("refused", side, Content::Text, Source::Reasons(side)));
        let shapes = [0, 1].map(|side| {
            let widths = schemas[side].outputs.iter().map(|output| output.column().width);
            let widths = widths.chain([Width::W32, Width::W64]);
            widths.map(|width| Column { width, optional: true }).collect()
        });
        let layout = Arc::new(Layout::new(columns, metadata, "the output")?);
        Ok(Changed { layout, sources, shapes, kept: kept.len() })
    }

    /// The same with more columns behind the others.
    ///
    /// # Errors
    /// Where two columns would have one name.
    pub fn with(mut self, more: Vec<Spec>) -> Result<Changed, DataError> {
        let columns = self.layout.columns.iter().cloned().chain(more).collect();
        self.layout = Arc::new(Layout::new(columns, &self.layout.metadata, "the output")?);
        Ok(self)
    }

    /// The columns.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// Encodes the changed rows of two batches whose first row has this number.
    ///
    /// # Errors
    /// Where they cannot be encoded.
    pub fn encode(
        &self,
        encoder: &dyn Encoder,
        plan: &Plan,
        batches: [&Batch; 2],
        first_row: u64,
        changed: &[u32],
        beside: Beside<'_>,
    ) -> Result<Encoded, DataError> {
        let results = [0, 1].map(|side| self.results(side, plan, batches[side], changed));
        let reasons = batches.map(|batch| reasons(batch, changed));
        let numbers = changed.iter().map(|row| first_row as i64 + i64::from(*row)).collect();
        let mut columns = vec![Data::Longs(Cow::Owned(numbers))];
        for column in &beside.kept[..self.kept] {
            columns.push(Data::Array(column.rows(changed)?));
        }
        columns.extend(self.sources.iter().map(|source| match *source {
            Source::Result(side, at) => Data::Column(&results[side], at),
            Source::Reasons(side) => Data::Array(reasons[side].clone()),
        }));
        columns.extend(beside.more.into_iter().map(Data::Array));
        encoder.encode(&Table { rows: changed.len(), columns })
    }

    /// The results of a side: outputs, rule and version, missing where the row is refused.
    fn results(&self, side: usize, plan: &Plan, batch: &Batch, changed: &[u32]) -> Columns {
        let mut results = Columns::new(&self.shapes[side], changed.len());
        results.set_rows(changed.len());
        let outputs = self.shapes[side].len() - 2;
        let places = places(batch.rows(), changed);
        for output in 0..outputs {
            by_width!(batch.outputs().column(output).width, Cell => {
                let values = batch.outputs().values::<Cell>(output);
                fill(&mut results, output, &places, |at| values[at]);
            });
        }
        let (rules, versions) = (batch.rules(), batch.versions());
        let numbers = plan.version_numbers(side);
        fill(&mut results, outputs, &places, |at| plan.rule_place(side, rules[at]) as i32);
        fill(&mut results, outputs + 1, &places, |at| i64::from(numbers[versions[at] as usize]));
        results
    }
}

/// Fills a column from decisions; by row, `places` is where its decision is, `None` if the row is refused.
fn fill<T: Scalar>(columns: &mut Columns, index: usize, places: &[Option<u32>], value: impl Fn(usize) -> T) {
    for (cell, at) in columns.values_mut::<T>(index).iter_mut().zip(places) {
        if let Some(at) = at {
            *cell = value(*at as usize);
        }
    }
    for (word, places) in columns.validity_mut(index).iter_mut().zip(places.chunks(64)) {
        *word = places.iter().rev().fold(0, |word, at| word << 1 | u64::from(at.is_some()));
    }
}

fn has(schema: &Schema, name: &str) -> bool {
    schema.outputs.iter().any(|output| output.name == name)
}

/// Why each changed row is refused: `age out-of-range; income missing`, or nothing.
fn reasons(batch: &Batch, changed: &[u32]) -> ArrayRef {
    let refused = batch.refused();
    let told = changed.iter().map(|row| {
        let from = refused.partition_point(|(other, _)| other < row);
        let of_row = refused[from..].iter().take_while(|(other, _)| other == row);
        let words = of_row.map(|(_, reason)| match reason.name.as_str() {
            "" => reason.fault.code().to_owned(),
            name => format!("{name} {}", reason.fault.code()),
        });
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join("; "))
    });
    Arc::new(StringArray::from_iter(told))
}
