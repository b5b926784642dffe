//! How are Arrow arrays decided, without a file? Record batches fill a [`Batch`], and its decisions are a record batch.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
//! use opus_data::arrays::{Decisions, Input};
//! use opus_data::{Intake, Names};
//!
//! let policy = opus_runtime::example::policy();
//! let amount = |cents: i128| -> ArrayRef {
//!     Arc::new(Decimal128Array::from(vec![cents, cents]).with_precision_and_scale(12, 2).unwrap())
//! };
//! let rows = RecordBatch::try_from_iter([
//!     ("submitted_on", Arc::new(Date32Array::from(vec![20_100, 20_100])) as ArrayRef),
//!     ("age", Arc::new(Int64Array::from(vec![40, 200])) as ArrayRef),
//!     ("score", Arc::new(Int64Array::from(vec![Some(800), None])) as ArrayRef),
//!     ("income", amount(9_000_000)),
//!     ("requested", amount(900_000)),
//!     ("work", Arc::new(StringArray::from(vec!["salaried", "salaried"])) as ArrayRef),
//! ])?;
//!
//! let intake = Intake::by_name(policy.schema());
//! let input = Input::new("applications", rows.schema_ref(), &intake)?;
//! let mut batch = policy.batch(rows.num_rows());
//! input.fill(&rows, &mut batch)?;
//! batch.decide();
//!
//! // the second applicant is 200 years old
//! assert_eq!(batch.refused()[0].1.to_string(), "age: 200 is outside 16..120");
//! let decisions = Decisions::new(policy.schema(), &Names::of(policy.artifact().program()), &[], &[])?;
//! let decided = decisions.record_batch(&batch, 1, &[])?;
//! assert_eq!(decided.num_rows(), 1);
//! assert_eq!(decided.schema().field(1).name(), "decision");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::Schema as ArrowSchema;
use opus_ir::Schema;
use opus_runtime::Batch;

use crate::chunk::{ColumnData, Filled, Kept};
use crate::columnar::fill;
use crate::error::DataError;
use crate::given::{Given, Rows};
use crate::intake::Intake;
use crate::names::Names;
use crate::typed::TypedColumns;
use crate::write::{Content, Data, Layout, Spec, Table};

/// Where the fields of a policy, and the columns to keep, are in record batches of one schema.
pub struct Input<'a> {
    name: String,
    intake: &'a Intake,
    columns: TypedColumns,
    kept: Vec<Kept>,
    given: Given,
}

impl<'a> Input<'a> {
    /// Finds the columns; `name` is what messages call the rows.
    ///
    /// # Errors
    /// Where a column is missing, or its type cannot hold the field.
    pub fn new(name: &str, schema: &ArrowSchema, intake: &'a Intake) -> Result<Input<'a>, DataError> {
        let given = Given::new(None, intake)?;
        let columns = TypedColumns::new(name, schema, intake, &given)?;
        let kept = given.with_kept_types(intake, &columns.kept_types);
        Ok(Input { name: name.to_owned(), intake, columns, kept, given })
    }

    /// The columns to keep.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// The columns that no field reads.
    pub fn ignored(&self) -> &[String] {
        &self.columns.ignored
    }

    /// Fills an empty batch with rows, and refuses those whose fields are wrong. Answers the columns to keep.
    ///
    /// # Errors
    /// Where the batch has too little room.
    pub fn fill(&self, rows: &RecordBatch, batch: &mut Batch) -> Result<Filled, DataError> {
        if rows.num_rows() > batch.capacity_rows() {
            let message = format!(
                "{}: {} rows do not fit in a batch for {}",
                self.name,
                rows.num_rows(),
                batch.capacity_rows()
            );
            return Err(DataError::request(message).remedy("fill several batches with slices of the rows"));
        }
        batch.clear();
        let (columns, refused) = batch.filling();
        columns.set_rows(rows.num_rows());
        let intake = self.columns.intake.as_deref().unwrap_or(self.intake);
        for (index, member) in &self.columns.fields {
            let array = member.of(rows.column(member.column).clone())?;
            fill(intake, *index, array.as_ref(), columns, *index, refused);
        }
        let unread = BTreeSet::new();
        let count = rows.num_rows();
        let named = Rows { file: &self.name, first: 1, count, unread: &unread };
        self.given.fill(self.intake, named, |_| false, columns, refused)?;
        let columns = self.columns.kept.iter().flatten();
        let kept = columns.map(|column| rows.column(*column).clone().into()).collect();
        Ok(Filled { kept, ignored: BTreeSet::new(), seen: None, not_filled: BTreeSet::new() })
    }
}

/// The table of decisions: number of the row, outputs, rule, version, kept columns.
pub struct Decisions {
    layout: Arc<Layout>,
    /// By rule index, the code of its id.
    rule_codes: Vec<u16>,
}

impl Decisions {
    /// The table of the decisions of a policy.
    ///
    /// # Errors
    /// Where two columns would have one name.
    pub fn new(
        schema: &Schema,
        names: &Names,
        kept: &[Kept],
        metadata: &[(String, String)],
    ) -> Result<Decisions, DataError> {
        let (ids, rule_codes) = names.rule_codes();
        let versions = names.versions.iter().map(|number| *number as i32).collect();
        let spec = |name: &str, content| Spec { name: name.to_owned(), content, optional: false };
        let mut columns = vec![spec(row_column(schema), Content::Long)];
        columns.extend(schema.outputs.iter().map(|output| Spec::of_field(schema, output)));
        columns.push(spec("rule", Content::Names(Arc::new(ids))));
        columns.push(spec("version", Content::Numbers(Arc::new(versions))));
        columns.extend(kept.iter().map(Spec::kept));
        let layout = Layout::new(columns, metadata, "the output")?;
        Ok(Decisions { layout: Arc::new(layout), rule_codes })
    }

    /// The columns.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The decided rows of a batch whose first row has the number `first_row`. The kept columns hold the decided rows
    /// alone.
    pub fn table<'a>(&self, batch: &'a Batch, first_row: u64, kept: Vec<ColumnData>) -> Table<'a> {
        let numbers = batch.rows().iter().map(|row| first_row as i64 + i64::from(*row)).collect();
        let rules = batch.rules().iter().map(|rule| self.rule_codes[*rule as usize]).collect();
        let mut columns = vec![Data::Longs(Cow::Owned(numbers))];
        // the rule's index is the last column of a batch
        columns.extend((0..batch.outputs().len() - 1).map(|index| Data::Column(batch.outputs(), index)));
        columns.push(Data::Codes(Cow::Owned(rules)));
        columns.push(Data::Codes(Cow::Borrowed(batch.versions())));
        columns.extend(kept.into_iter().map(Data::from));
        Table { rows: batch.rows().len(), columns }
    }

    /// The decided rows of a batch as a record batch; as [`Decisions::table`].
    ///
    /// # Errors
    /// Where a kept column is not of its type.
    pub fn record_batch(
        &self,
        batch: &Batch,
        first_row: u64,
        kept: &[ColumnData],
    ) -> Result<RecordBatch, DataError> {
        let kept = ColumnData::arrays(kept)?.into_iter().map(ColumnData::from).collect();
        let table = self.table(batch, first_row, kept);
        let columns = self.layout.columns.iter().zip(&table.columns);
        let arrays = columns.map(|(spec, data)| spec.array(data, table.rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(table.rows));
        RecordBatch::try_new_with_options(Arc::new(self.layout.arrow_schema()), arrays, &options)
            .map_err(|error| DataError::request(format!("the decisions are no record batch: {error}")))
    }
}

/// The name of the column that numbers rows. An output called `row` keeps its name.
fn row_column(schema: &Schema) -> &'static str {
    let taken = |name: &str| schema.outputs.iter().any(|output| output.name == name);
    ["row", "row_number", "batch_row_number"].into_iter().find(|name| !taken(name)).unwrap_or("row")
}
