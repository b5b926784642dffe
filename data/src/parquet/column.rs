//! How is a plain column chunk decoded without losing what its pages know? Codes stay codes.
//!
//! The general reader looks every code up and copies every value before admission sees it. Here the dictionary of
//! a column chunk becomes an array once, and the codes of the pages pick from what admission made of it. Pages of
//! plain values are copied. Anything else (nested columns, other encodings, other types) is the general reader's.

use std::sync::Arc;

use ::parquet::basic::{Encoding, Type};
use ::parquet::column::page::{Page, PageReader};
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::serialized_reader::SerializedPageReader;
use arrow_array::types::{
    Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, DictionaryArray, PrimitiveArray, StringArray, new_null_array,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;

use super::super::positioned::Positioned;
use super::runs::{Runs, presence};

/// A column chunk, page by page.
pub struct PlainColumn {
    pages: SerializedPageReader<Positioned>,
    shape: Shape,
    optional: bool,
    /// How many rows the column chunk has.
    rows: usize,
    dictionary: Option<ArrayRef>,
    page: Option<OpenPage>,
}

/// How values lie in plain pages, and what they are.
#[derive(Clone, Debug)]
struct Shape {
    layout: Layout,
    /// What the values become.
    data_type: DataType,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Layout {
    Int32,
    Int64,
    Double,
    /// Big-endian integers of so many bytes.
    Fixed(usize),
    Text,
}

/// A data page that is being read.
struct OpenPage {
    /// Which rows are present, where not all are; and how many rows were given.
    present: Option<BooleanBuffer>,
    rows: usize,
    given: usize,
    values: Values,
}

enum Values {
    Codes(Runs),
    Plain(Bytes),
}

fn damaged(message: &str) -> ParquetError {
    ParquetError::General(message.to_owned())
}

/// The shape of a column chunk that is plain enough.
fn shape_of(chunk: &ColumnChunkMetaData, data_type: &DataType) -> Option<Shape> {
    use DataType::*;
    let known = [Encoding::PLAIN, Encoding::RLE, Encoding::PLAIN_DICTIONARY, Encoding::RLE_DICTIONARY];
    let column = chunk.column_descr();
    let is_flat = column.max_rep_level() == 0 && column.max_def_level() <= 1;
    if !is_flat || !chunk.encodings().all(|encoding| known.contains(&encoding)) {
        return None;
    }
    let (layout, data_type) = match (chunk.column_type(), data_type) {
        (Type::INT32, Int8 | Int16 | Int32 | UInt8 | UInt16) => (Layout::Int32, Int32),
        (Type::INT32, Date32) => (Layout::Int32, Date32),
        (
            Type::INT32,
            Decimal32(precision, scale) | Decimal64(precision, scale) | Decimal128(precision, scale),
        ) if *precision <= 9 => (Layout::Int32, Decimal32(*precision, *scale)),
        (Type::INT64, Int64) => (Layout::Int64, Int64),
        (Type::INT64, Timestamp(unit, None)) if *unit != TimeUnit::Second => {
            (Layout::Int64, Timestamp(*unit, None))
        }
        (Type::INT64, Decimal64(precision, scale) | Decimal128(precision, scale)) if *precision <= 18 => {
            (Layout::Int64, Decimal64(*precision, *scale))
        }
        (
            Type::FIXED_LEN_BYTE_ARRAY,
            Decimal32(precision, scale) | Decimal64(precision, scale) | Decimal128(precision, scale),
        ) => {
            let length =
                usize::try_from(column.type_length()).ok().filter(|length| (1..=16).contains(length))?;
            (Layout::Fixed(length), Decimal128(*precision, *scale))
        }
        (Type::DOUBLE, Float64) => (Layout::Double, Float64),
        (Type::BYTE_ARRAY, Utf8 | LargeUtf8 | Utf8View) => (Layout::Text, Utf8),
        (Type::BYTE_ARRAY, Dictionary(_, values)) if matches!(**values, Utf8 | LargeUtf8 | Utf8View) => {
            (Layout::Text, Utf8)
        }
        _ => return None,
    };
    Some(Shape { layout, data_type })
}

impl PlainColumn {
    /// The column chunk, where it is plain enough.
    ///
    /// # Errors
    /// Where what is said about its pages cannot be.
    pub fn open(
        file: &Positioned,
        chunk: &ColumnChunkMetaData,
        data_type: &DataType,
        rows: usize,
    ) -> Result<Option<PlainColumn>> {
        let Some(shape) = shape_of(chunk, data_type) else { return Ok(None) };
        let pages = SerializedPageReader::new(Arc::new(file.clone()), chunk, rows, None)?;
        let optional = chunk.column_descr().max_def_level() == 1;
        Ok(Some(PlainColumn { pages, shape, optional, rows, dictionary: None, page: None }))
    }

    /// The next rows.
    ///
    /// # Errors
    /// Where there are fewer, or a page cannot be read.
    pub fn read(&mut self, rows: usize) -> Result<ArrayRef> {
        match self.shape.layout {
            Layout::Int32 => self.read_as::<i32>(rows),
            Layout::Int64 => self.read_as::<i64>(rows),
            Layout::Double => self.read_as::<f64>(rows),
            Layout::Fixed(_) => self.read_as::<i128>(rows),
            Layout::Text => self.read_as::<Text>(rows),
        }
    }

    fn read_as<T: Plain>(&mut self, rows: usize) -> Result<ArrayRef> {
        let mut chunk = Chunk::<T>::new(rows, self.optional);
        while chunk.rows() < rows {
            let Some(page) = self.page.as_mut().filter(|page| page.given < page.rows) else {
                self.next_page()?;
                continue;
            };
            let taken = (page.rows - page.given).min(rows - chunk.rows());
            let present = page.present.as_ref().map(|present| present.slice(page.given, taken));
            page.given += taken;
            let count = present.as_ref().map_or(taken, BooleanBuffer::count_set_bits);
            match &mut page.values {
                Values::Codes(runs) => chunk.codes(runs, count, present, taken, self.dictionary.as_ref())?,
                Values::Plain(bytes) => {
                    chunk.plain(bytes, self.shape.layout, count, present, taken, self.dictionary.as_ref())?
                }
            }
        }
        chunk.finish(&self.shape.data_type, self.dictionary.as_ref())
    }

    fn next_page(&mut self) -> Result<()> {
        match self.pages.get_next_page()?.ok_or_else(|| damaged("a column ends early"))? {
            Page::DictionaryPage { mut buf, num_values, .. } => {
                self.dictionary = Some(self.dictionary_of(&mut buf, num_values as usize)?);
            }
            Page::DataPage { buf, num_values, encoding, def_level_encoding, .. } => {
                let rows = self.rows_of(num_values)?;
                let (mut buf, mut present) = (buf, None);
                if self.optional {
                    if def_level_encoding != Encoding::RLE {
                        return Err(damaged("levels are written in an encoding that is no longer used"));
                    }
                    let length = take(&mut buf, 4)?;
                    let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
                    present = Some(presence(&take(&mut buf, length)?, rows)?);
                }
                self.open_page(buf, present, rows, encoding)?;
            }
            Page::DataPageV2 {
                buf, num_values, encoding, def_levels_byte_len, rep_levels_byte_len, ..
            } => {
                let rows = self.rows_of(num_values)?;
                let mut buf = buf;
                take(&mut buf, rep_levels_byte_len as usize)?;
                let levels = take(&mut buf, def_levels_byte_len as usize)?;
                let present = if self.optional { Some(presence(&levels, rows)?) } else { None };
                self.open_page(buf, present, rows, encoding)?;
            }
        }
        Ok(())
    }

    /// How many rows a page has, if it can.
    fn rows_of(&self, num_values: u32) -> Result<usize> {
        let rows = num_values as usize;
        if rows <= self.rows { Ok(rows) } else { Err(damaged("a page has more rows than its column")) }
    }

    fn open_page(
        &mut self,
        mut buf: Bytes,
        present: Option<BooleanBuffer>,
        rows: usize,
        encoding: Encoding,
    ) -> Result<()> {
        let present = present.filter(|present| present.count_set_bits() < rows);
        let values = match encoding {
            Encoding::PLAIN => Values::Plain(buf),
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => {
                // a page without a value need not say how wide its codes are
                let width = if buf.is_empty() { 0 } else { take(&mut buf, 1)?[0] };
                Values::Codes(Runs::new(buf, width as u32)?)
            }
            other => {
                return Err(damaged(&format!(
                    "a page is written in the encoding {other}, which its file does not name"
                )));
            }
        };
        self.page = Some(OpenPage { present, rows, given: 0, values });
        Ok(())
    }

    fn dictionary_of(&self, bytes: &mut Bytes, count: usize) -> Result<ArrayRef> {
        fn whole<T: Plain>(
            bytes: &mut Bytes,
            layout: Layout,
            count: usize,
            data_type: &DataType,
        ) -> Result<ArrayRef> {
            let mut values = T::Many::default();
            T::decode(bytes, layout, count, &mut values)?;
            T::array(values, None, data_type)
        }
        let Shape { layout, data_type } = &self.shape;
        match layout {
            Layout::Int32 => whole::<i32>(bytes, *layout, count, data_type),
            Layout::Int64 => whole::<i64>(bytes, *layout, count, data_type),
            Layout::Double => whole::<f64>(bytes, *layout, count, data_type),
            Layout::Fixed(_) => whole::<i128>(bytes, *layout, count, data_type),
            Layout::Text => whole::<Text>(bytes, *layout, count, data_type),
        }
    }
}

fn take(bytes: &mut Bytes, count: usize) -> Result<Bytes> {
    if bytes.len() < count { Err(damaged("a page ends early")) } else { Ok(bytes.split_to(count)) }
}

/// Values of one physical type.
trait Plain {
    /// Many of them.
    type Many: Default;

    /// Takes `count` values off the bytes.
    fn decode(bytes: &mut Bytes, layout: Layout, count: usize, out: &mut Self::Many) -> Result<()>;
    /// Moves the last values apart, so that they stand where rows are present.
    fn spread(values: &mut Self::Many, count: usize, present: &BooleanBuffer);
    /// Adds the values that codes stand for.
    fn look_up(codes: &[i32], dictionary: &ArrayRef, out: &mut Self::Many) -> Result<()>;
    /// The values as an array.
    fn array(values: Self::Many, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef>;
}

/// Moves the last `count` values apart; what stands where no row is present is the default.
fn spread<T: Copy + Default>(values: &mut Vec<T>, count: usize, present: &BooleanBuffer) {
    let compact = values.split_off(values.len() - count);
    let start = values.len();
    values.resize(start + present.len(), T::default());
    for (value, row) in compact.into_iter().zip(present.set_indices()) {
        values[start + row] = value;
    }
}

macro_rules! primitives {
    ($($ty:ty: $decode:expr, { $($pattern:pat => $arrow:ty),+ };)+) => { $(
        impl Plain for $ty {
            type Many = Vec<$ty>;

            fn decode(bytes: &mut Bytes, layout: Layout, count: usize, out: &mut Vec<$ty>) -> Result<()> {
                $decode(bytes, layout, count, out)
            }

            fn spread(values: &mut Vec<$ty>, count: usize, present: &BooleanBuffer) {
                spread(values, count, present);
            }

            fn look_up(codes: &[i32], dictionary: &ArrayRef, out: &mut Vec<$ty>) -> Result<()> {
                let data = dictionary.to_data();
                let table: &[$ty] = &data.buffer::<$ty>(0)[..dictionary.len()];
                for code in codes {
                    out.push(*table.get(*code as usize).ok_or_else(|| damaged("a code is beyond its dictionary"))?);
                }
                Ok(())
            }

            fn array(values: Vec<$ty>, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef> {
                fn of<A: ArrowPrimitiveType<Native: From<$ty>>>(values: Vec<A::Native>, nulls: Option<NullBuffer>, data_type: &DataType) -> ArrayRef {
                    Arc::new(PrimitiveArray::<A>::new(ScalarBuffer::from(values), nulls).with_data_type(data_type.clone()))
                }
                Ok(match data_type {
                    $( $pattern => of::<$arrow>(values, nulls, data_type), )+
                    other => return Err(damaged(&format!("a column cannot be read as {other}"))),
                })
            }
        }
    )+ };
}

fn little_endian<T: bytemuck::Pod, const N: usize>(
    bytes: &mut Bytes,
    count: usize,
    out: &mut Vec<T>,
    from: impl Fn([u8; N]) -> T,
) -> Result<()> {
    let length = count.checked_mul(N).ok_or_else(|| damaged("a page ends early"))?;
    let taken = take(bytes, length)?;
    out.extend(taken.as_chunks::<N>().0.iter().map(|bytes| from(*bytes)));
    Ok(())
}

fn big_endian(bytes: &mut Bytes, layout: Layout, count: usize, out: &mut Vec<i128>) -> Result<()> {
    let Layout::Fixed(length) = layout else { return Err(damaged("a column has no length")) };
    let taken = take(bytes, count.checked_mul(length).ok_or_else(|| damaged("a page ends early"))?)?;
    out.extend(taken.chunks_exact(length).map(|bytes| {
        let mut wide = [0; 16];
        wide[16 - length..].copy_from_slice(bytes);
        // moved up and down again for the sign
        let unused = 128 - 8 * length as u32;
        i128::from_be_bytes(wide) << unused >> unused
    }));
    Ok(())
}

/// Nothing but a name for texts.
struct Text;

/// Texts, as arrays hold them.
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts { bytes: Vec::new(), ends: vec![0] }
    }
}

impl Plain for Text {
    type Many = Texts;

    fn decode(bytes: &mut Bytes, _: Layout, count: usize, out: &mut Texts) -> Result<()> {
        for _ in 0..count {
            let length = take(bytes, 4)?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            out.push(&take(bytes, length)?)?;
        }
        Ok(())
    }

    fn spread(values: &mut Texts, count: usize, present: &BooleanBuffer) {
        let mut ends = values.ends.split_off(values.ends.len() - count).into_iter();
        let mut last = values.ends.last().copied().unwrap_or(0);
        for is_present in present.iter() {
            last = if is_present { ends.next().unwrap_or(last) } else { last };
            values.ends.push(last);
        }
    }

    fn look_up(codes: &[i32], dictionary: &ArrayRef, out: &mut Texts) -> Result<()> {
        use arrow_array::cast::AsArray;
        let table = dictionary.as_string::<i32>();
        for code in codes {
            let code = usize::try_from(*code).ok().filter(|code| *code < dictionary.len());
            out.push(
                table.value(code.ok_or_else(|| damaged("a code is beyond its dictionary"))?).as_bytes(),
            )?;
        }
        Ok(())
    }

    fn array(values: Texts, nulls: Option<NullBuffer>, _: &DataType) -> Result<ArrayRef> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(values.ends));
        let texts = StringArray::try_new(offsets, Buffer::from_vec(values.bytes), nulls);
        Ok(Arc::new(texts.map_err(|error| damaged(&error.to_string()))?))
    }
}

impl Texts {
    fn push(&mut self, text: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(text);
        self.ends
            .push(i32::try_from(self.bytes.len()).map_err(|_| damaged("the texts of a chunk are too long"))?);
        Ok(())
    }
}

primitives! {
    i32: |bytes: &mut Bytes, _: Layout, count: usize, out: &mut Vec<i32>| little_endian(bytes, count, out, i32::from_le_bytes),
        { DataType::Int32 => Int32Type, DataType::Date32 => Date32Type, DataType::Decimal32(..) => Decimal32Type };
    i64: |bytes: &mut Bytes, _: Layout, count: usize, out: &mut Vec<i64>| little_endian(bytes, count, out, i64::from_le_bytes),
        {
            DataType::Int64 => Int64Type,
            DataType::Decimal64(..) => Decimal64Type,
            DataType::Timestamp(TimeUnit::Millisecond, _) => TimestampMillisecondType,
            DataType::Timestamp(TimeUnit::Microsecond, _) => TimestampMicrosecondType,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => TimestampNanosecondType
        };
    f64: |bytes: &mut Bytes, _: Layout, count: usize, out: &mut Vec<f64>| little_endian(bytes, count, out, f64::from_le_bytes),
        { DataType::Float64 => Float64Type };
    i128: big_endian, { DataType::Decimal128(..) => Decimal128Type };
}

/// Rows that are put together from pages.
struct Chunk<T: Plain> {
    present: Option<BooleanBufferBuilder>,
    rows: usize,
    /// The codes so far, where every page had codes.
    codes: Vec<i32>,
    values: Option<T::Many>,
}

impl<T: Plain> Chunk<T> {
    fn new(rows: usize, optional: bool) -> Chunk<T> {
        let present = optional.then(|| BooleanBufferBuilder::new(rows));
        Chunk { present, rows: 0, codes: Vec::with_capacity(rows), values: None }
    }

    fn rows(&self) -> usize {
        self.rows
    }

    fn add_presence(&mut self, present: &Option<BooleanBuffer>, taken: usize) {
        self.rows += taken;
        match (&mut self.present, present) {
            (Some(builder), Some(present)) => builder.append_buffer(present),
            (Some(builder), None) => builder.append_n(taken, true),
            (None, _) => {}
        }
    }

    fn codes(
        &mut self,
        runs: &mut Runs,
        count: usize,
        present: Option<BooleanBuffer>,
        taken: usize,
        dictionary: Option<&ArrayRef>,
    ) -> Result<()> {
        self.add_presence(&present, taken);
        match &mut self.values {
            None => {
                runs.take(count, &mut self.codes)?;
                if let Some(present) = &present {
                    spread(&mut self.codes, count, present);
                }
            }
            Some(values) => {
                let mut codes = Vec::with_capacity(count);
                runs.take(count, &mut codes)?;
                T::look_up(&codes, dictionary.ok_or_else(|| damaged("codes have no dictionary"))?, values)?;
                if let Some(present) = &present {
                    T::spread(values, count, present);
                }
            }
        }
        Ok(())
    }

    fn plain(
        &mut self,
        bytes: &mut Bytes,
        layout: Layout,
        count: usize,
        present: Option<BooleanBuffer>,
        taken: usize,
        dictionary: Option<&ArrayRef>,
    ) -> Result<()> {
        if self.values.is_none() {
            let mut values = T::Many::default();
            self.look_up_all(dictionary, &mut values)?;
            self.values = Some(values);
        }
        self.add_presence(&present, taken);
        if let Some(values) = &mut self.values {
            T::decode(bytes, layout, count, values)?;
            if let Some(present) = &present {
                T::spread(values, count, present);
            }
        }
        Ok(())
    }

    /// What the codes so far stand for.
    fn look_up_all(&mut self, dictionary: Option<&ArrayRef>, values: &mut T::Many) -> Result<()> {
        let codes = std::mem::take(&mut self.codes);
        let Some(dictionary) = dictionary.filter(|dictionary| !dictionary.is_empty()) else {
            // rows so far are all missing, or there are none
            let missing = BooleanBuffer::new_unset(codes.len());
            T::spread(values, 0, &missing);
            return Ok(());
        };
        T::look_up(&codes, dictionary, values)
    }

    fn finish(mut self, data_type: &DataType, dictionary: Option<&ArrayRef>) -> Result<ArrayRef> {
        let present = self.present.as_mut().map(BooleanBufferBuilder::finish);
        let nulls = present.map(NullBuffer::new).filter(|nulls| nulls.null_count() > 0);
        if let Some(values) = self.values {
            return T::array(values, nulls, data_type);
        }
        match dictionary.filter(|dictionary| !dictionary.is_empty()) {
            Some(dictionary) => {
                let keys = PrimitiveArray::<Int32Type>::new(ScalarBuffer::from(self.codes), nulls);
                let coded = DictionaryArray::try_new(keys, dictionary.clone());
                Ok(Arc::new(coded.map_err(|error| damaged(&error.to_string()))?))
            }
            None if nulls.as_ref().is_some_and(|nulls| nulls.null_count() == self.rows) => {
                Ok(new_null_array(data_type, self.rows))
            }
            None => Err(damaged("codes have no dictionary")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;
    use crate::testing::Scratch;
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use ::parquet::basic::Compression;
    use ::parquet::file::properties::{WriterProperties, WriterVersion};
    use arrow_array::{
        Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    };
    use arrow_array::{Date32Array, Int16Array};
    use arrow_schema::{Field, Schema};

    const ROWS: usize = 5_000;

    /// Columns of every shape; the values repeat more or less, and come in stretches.
    fn columns(optional: bool, spread: i64) -> Vec<(&'static str, ArrayRef)> {
        let value = |row: usize| (row as i64 / 7 * 7919) % spread - spread / 2;
        let cell = |row: usize| (!optional || (!row.is_multiple_of(3) && row / 500 != 4)).then(|| value(row));
        let cells = || (0..ROWS).map(cell);
        let decimal = |precision: u8| -> ArrayRef {
            let array: Decimal128Array = cells().map(|cell| cell.map(|x| x as i128 * 3)).collect();
            Arc::new(array.with_precision_and_scale(precision, 2).unwrap())
        };
        vec![
            ("short", Arc::new(cells().map(|cell| cell.map(|x| x as i16)).collect::<Int16Array>())),
            ("long", Arc::new(cells().collect::<Int64Array>())),
            ("day", Arc::new(cells().map(|cell| cell.map(|x| x as i32)).collect::<Date32Array>())),
            ("moment", Arc::new(cells().collect::<TimestampMicrosecondArray>())),
            ("double", Arc::new(cells().map(|cell| cell.map(|x| x as f64 / 8.0)).collect::<Float64Array>())),
            (
                "text",
                Arc::new(cells().map(|cell| cell.map(|x| format!("text {x}"))).collect::<StringArray>()),
            ),
            ("decimal 9", decimal(9)),
            ("decimal 18", decimal(18)),
            ("decimal 30", decimal(30)),
        ]
    }

    fn write(
        scratch: &Scratch,
        columns: &[(&str, ArrayRef)],
        optional: bool,
        properties: WriterProperties,
    ) -> Positioned {
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(*name, array.data_type().clone(), optional))
            .collect();
        let arrays = columns.iter().map(|(_, array)| array.clone()).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
        let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        let path = scratch.file("columns.parquet", writer.into_inner().unwrap());
        Positioned::open(&Place::File(path)).unwrap()
    }

    /// What dictionaries stand for.
    fn looked_up(array: &ArrayRef) -> ArrayRef {
        use arrow_array::cast::AsArray;
        match array.as_any_dictionary_opt() {
            Some(coded) => arrow_select::take::take(coded.values(), coded.keys(), None).unwrap(),
            None => array.clone(),
        }
    }

    fn shown(array: &ArrayRef) -> Vec<String> {
        let cells = crate::cells::Cells::new(array.as_ref(), 2);
        let mut scratch = String::new();
        (0..array.len()).map(|row| format!("{:?}", cells.reading(row, &mut scratch))).collect()
    }

    #[test]
    fn every_plain_column_reads_as_the_general_reader_reads_it() {
        let scratch = Scratch::create();
        for (optional, spread, limit, version) in [
            (false, 100, 1 << 20, WriterVersion::PARQUET_1_0),
            (true, 100, 1 << 20, WriterVersion::PARQUET_1_0),
            (false, 30_000, 500, WriterVersion::PARQUET_1_0),
            (true, 30_000, 500, WriterVersion::PARQUET_1_0),
            (true, 1, 1 << 20, WriterVersion::PARQUET_2_0),
            (true, 30_000, 1 << 20, WriterVersion::PARQUET_2_0),
        ] {
            let properties = WriterProperties::builder()
                .set_writer_version(version)
                .set_compression(Compression::SNAPPY)
                .set_dictionary_page_size_limit(limit)
                .set_data_page_row_count_limit(333)
                .set_write_batch_size(111)
                .build();
            let columns = columns(optional, spread);
            let file = write(&scratch, &columns, optional, properties);
            let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
            let metadata = builder.metadata().clone();
            let mut plain_columns = 0;
            for (leaf, (name, array)) in columns.iter().enumerate() {
                let chunk = metadata.row_group(0).column(leaf);
                for step in [1, 64, 1000, ROWS] {
                    let Some(mut column) = PlainColumn::open(&file, chunk, array.data_type(), ROWS).unwrap()
                    else {
                        continue;
                    };
                    plain_columns += 1;
                    let mut parts = Vec::new();
                    for start in (0..ROWS).step_by(step) {
                        parts.push(looked_up(&column.read(step.min(ROWS - start)).unwrap()));
                    }
                    let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
                    let found = arrow_select::concat::concat(&parts).unwrap();
                    assert_eq!(shown(&found), shown(array), "{name}, {step} rows at a time");
                    assert!(column.read(1).is_err(), "there are no more rows");
                }
            }
            let is_first = version == WriterVersion::PARQUET_1_0;
            assert!(plain_columns == 4 * columns.len() || !is_first, "{plain_columns} columns are plain");
        }
    }

    #[test]
    fn codes_stay_codes() {
        use arrow_array::cast::AsArray;
        let scratch = Scratch::create();
        let columns = columns(true, 100);
        let file = write(&scratch, &columns, true, WriterProperties::builder().build());
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        for (leaf, (name, array)) in columns.iter().enumerate() {
            let chunk = builder.metadata().row_group(0).column(leaf);
            let mut column = PlainColumn::open(&file, chunk, array.data_type(), ROWS).unwrap().unwrap();
            assert!(column.read(ROWS).unwrap().as_any_dictionary_opt().is_some(), "{name}");
        }
    }
}
