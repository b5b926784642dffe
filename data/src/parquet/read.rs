//! What does a Parquet file hold? Row groups, read column by column. The pages of a chunk are found in order, and
//! decoded when the chunk is admitted ([`Part`]). Columns that are not plain enough for that are decoded in order, by several
//! threads at once.

use std::ops::Range;
use std::sync::Arc;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::Type;
use arrow_schema::ArrowError;
use rayon::prelude::*;

use super::claims;
use super::column::PagedColumn;
use super::open::{damaged, metadata, too_short, unreadable, unreadable_column};
use crate::chunk::{CHUNK_ROWS, ColumnData, Columnar, Kept};
use crate::error::DataError;
use crate::given::Given;
use crate::guard::guarded;
use crate::intake::Intake;
use crate::member::{Member, within};
use crate::positioned::Positioned;
use crate::source::{Opened, Request, Rows, Source};
use crate::typed::TypedColumns;

/// The most rows of a chunk. A row group that other tools write by default is a chunk, so that its columns can be
/// copied as they are.
const ROWS_MAX: usize = 2 * CHUNK_ROWS;

/// Opens a Parquet file.
///
/// # Errors
/// Where it is no Parquet file, or has not the columns that are wanted.
pub fn open(of: &Request<'_>) -> Result<Opened, DataError> {
    of.positioned(|file| Ok(Box::new(ParquetSource::open(&of.file, file, of.intake, of.given)?)))
}

/// A Parquet file.
struct ParquetSource {
    file: Arc<str>,
    positioned: Positioned,
    metadata: ArrowReaderMetadata,
    columns: TypedColumns,
    /// The columns of the row group that is being read: the fields, then what is kept.
    readers: Vec<ColumnReader>,
    next_row_group: usize,
    /// How many rows of the row group are still to be read.
    rows_left: usize,
    rows_read: u64,
}

/// A column of a row group.
enum ColumnReader {
    /// A column that is plain enough.
    Paged(Box<PagedColumn>),
    /// Anything else, and how many structs are around it, which then have no other member.
    General(Box<ParquetRecordBatchReader>, usize),
}

impl ParquetSource {
    fn open(
        file: &str,
        positioned: Positioned,
        intake: &Intake,
        given: &Given,
    ) -> Result<ParquetSource, DataError> {
        let metadata = metadata(file, &positioned, intake)?;
        let columns = TypedColumns::new(file, metadata.schema(), intake, given)?;
        Ok(ParquetSource {
            file: file.into(),
            positioned,
            metadata,
            columns,
            readers: Vec::new(),
            next_row_group: 0,
            rows_left: 0,
            rows_read: 0,
        })
    }

    fn open_row_group(&mut self) -> Result<(), DataError> {
        let row_group = self.next_row_group;
        self.next_row_group += 1;
        let rows = self.metadata.metadata().row_group(row_group).num_rows();
        self.rows_left = usize::try_from(rows).map_err(|error| unreadable(&self.file, &error))?;
        let fields = self.columns.fields.len();
        let open = |(position, member): (usize, Member)| {
            // the type of a column to keep is what the file says
            let reader = self.reader(row_group, &member, position >= fields);
            reader.map_err(|error| self.unreadable_column(&member, &error))
        };
        self.readers = self.columns.columns().enumerate().map(open).collect::<Result<_, DataError>>()?;
        Ok(())
    }

    /// A column of the row group that is being read cannot be read.
    fn unreadable_column(&self, member: &Member, error: &dyn std::error::Error) -> DataError {
        let name = member.name(self.metadata.schema().fields());
        unreadable_column(&self.file, self.next_row_group, &name, error)
    }

    fn reader(&self, row_group: usize, member: &Member, is_kept: bool) -> Result<ColumnReader, ParquetError> {
        let leaves = self.leaves(member)?;
        let paged = self.paged(row_group, member, leaves.clone())?;
        match paged.filter(|paged| !is_kept || paged.can_be_kept()) {
            Some(paged) => Ok(ColumnReader::Paged(Box::new(paged))),
            None => self.general_reader(row_group, member, leaves),
        }
    }

    /// The columns of Parquet that a column or a member consists of: one, unless it is nested itself.
    fn leaves(&self, member: &Member) -> Result<Range<usize>, ParquetError> {
        let root = self.metadata.parquet_schema().root_schema();
        let (mut start, mut of) = (0, root);
        for position in std::iter::once(&member.column).chain(&member.within) {
            let types = of.get_fields();
            start += types[..*position].iter().map(|of| leaf_count(of)).sum::<usize>();
            of = &types[*position];
        }
        let fields = self.metadata.schema().fields();
        if of.name() != member.field(fields).name() {
            return Err(damaged("the two schemas of the file differ"));
        }
        Ok(start..start + leaf_count(of))
    }

    fn paged(
        &self,
        row_group: usize,
        member: &Member,
        leaves: Range<usize>,
    ) -> Result<Option<PagedColumn>, ParquetError> {
        if leaves.len() != 1 {
            return Ok(None);
        }
        let chunk = self.metadata.metadata().row_group(row_group).column(leaves.start);
        let data_type = member.field(self.metadata.schema().fields()).data_type();
        PagedColumn::open(
            (&self.file, self.next_row_group),
            &self.positioned,
            chunk,
            data_type,
            self.rows_left,
        )
    }

    fn general_reader(
        &self,
        row_group: usize,
        member: &Member,
        leaves: Range<usize>,
    ) -> Result<ColumnReader, ParquetError> {
        let group = self.metadata.metadata().row_group(row_group);
        for leaf in leaves.clone() {
            claims::check(&self.positioned, group.column(leaf))?;
        }
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.positioned.clone(),
            self.metadata.clone(),
        );
        let mask = ProjectionMask::leaves(self.metadata.parquet_schema(), leaves);
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![row_group])
            .with_batch_size(ROWS_MAX)
            .build()?;
        Ok(ColumnReader::General(Box::new(reader), member.within.len()))
    }
}

impl ParquetSource {
    /// How many rows the next chunk has. A row group that is not too long is one chunk; otherwise the chunk ends with
    /// a page of the first kept column, if it can, so that its pages can be copied.
    fn next_rows(&mut self) -> Result<usize, DataError> {
        let fields = self.columns.fields.len();
        let is_paged = self.readers.iter().all(|reader| matches!(reader, ColumnReader::Paged(_)));
        if self.rows_left > ROWS_MAX
            && is_paged
            && let Some(kept) = self.columns.kept.iter().flatten().next().copied()
            && let Some(ColumnReader::Paged(column)) = self.readers.get_mut(fields)
        {
            let end = column.last_page_end(ROWS_MAX);
            let end = end.map_err(|error| self.unreadable_column(&Member::whole(kept), &error))?;
            return Ok(if end >= CHUNK_ROWS { end } else { ROWS_MAX });
        }
        Ok(self.rows_left.min(ROWS_MAX))
    }
}

impl ColumnReader {
    /// The next rows, as many as are wanted.
    fn read(&mut self, rows: usize) -> Result<ColumnData, ArrowError> {
        match self {
            ColumnReader::Paged(column) => Ok(ColumnData::Pages(column.take(rows)?)),
            ColumnReader::General(reader, depth) => {
                let batch = reader.next().transpose()?.filter(|batch| batch.num_rows() == rows);
                let batch = batch.ok_or_else(|| ArrowError::from(too_short()))?;
                let column = within(Arc::clone(batch.column(0)), std::iter::repeat_n(0, *depth));
                column.map(ColumnData::Array).map_err(|error| ArrowError::ParquetError(error.message))
            }
        }
    }
}

/// How many columns of Parquet a type consists of.
fn leaf_count(of: &Type) -> usize {
    if of.is_group() { of.get_fields().iter().map(|of| leaf_count(of)).sum() } else { 1 }
}

fn guarded_read(reader: &mut ColumnReader, rows: usize) -> Result<ColumnData, ArrowError> {
    guarded(|| reader.read(rows)).unwrap_or_else(|damaged| Err(ArrowError::ParquetError(damaged.to_string())))
}

impl Source for ParquetSource {
    fn next(&mut self) -> Result<Option<Rows>, DataError> {
        while self.rows_left == 0 {
            if self.next_row_group == self.metadata.metadata().num_row_groups() {
                return Ok(None);
            }
            guarded(|| self.open_row_group()).map_err(|damaged| unreadable(&self.file, &damaged))??;
        }
        let rows = self.next_rows()?;
        let read: Vec<Result<ColumnData, ArrowError>> =
            self.readers.par_iter_mut().map(|reader| guarded_read(reader, rows)).collect();
        let columns = self.columns.columns();
        let read = read.into_iter().zip(columns);
        let read = read.map(|(read, member)| read.map_err(|error| self.unreadable_column(&member, &error)));
        let mut fields = read.collect::<Result<Vec<ColumnData>, DataError>>()?;
        let kept = self.columns.place(fields.split_off(self.columns.fields.len()));
        let fields = self.columns.fields.iter().map(|(index, _)| *index).zip(fields).collect();
        self.rows_left -= rows;
        self.rows_read += rows as u64;
        Ok(Some((rows, Box::new(Columnar { fields, kept, intake: self.columns.intake.clone() }))))
    }

    fn kept(&self) -> &[Option<Kept>] {
        &self.columns.kept_types
    }

    fn ignored(&self) -> &[String] {
        &self.columns.ignored
    }

    fn bytes(&self) -> u64 {
        let rows = self.metadata.metadata().file_metadata().num_rows().max(1) as u128;
        (self.positioned.length() as u128 * self.rows_read as u128 / rows) as u64
    }
}
