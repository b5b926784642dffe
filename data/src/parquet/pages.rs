//! How does a column become the pages of a Parquet column chunk, when more is known of it than a general writer
//! can know?
//!
//! What is decided from a fixed list (an enum's values, the rules, the versions) is written as codes that are
//! already known: nothing is hashed. Row numbers are written as differences, amounts in the narrowest physical
//! type. A chunk of rows is one page of each column, in a row group of its own, so that threads share all of the
//! encoding and the bytes do not depend on how many there are.

use std::borrow::Cow;
use std::collections::HashSet;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::page::{CompressedPage, Page, PageWriter};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::statistics::Statistics;
use ::parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use ::parquet::schema::types::ColumnDescPtr;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_schema::DataType;
use bytes::Bytes;
use opus_ir::memory::Columns;
use opus_ir::{Scalar, by_width};

use crate::write::{Content, Data, Spec};

/// A column chunk, ready to be appended to a row group.
pub struct Pages {
    /// Its pages with their headers.
    pub bytes: Bytes,
    /// What the file's footer says about it.
    pub close: ColumnCloseResult,
}

/// Decimals with up to this many digits are integers of 32 and of 64 bits.
const DIGITS_32: u8 = 9;
const DIGITS_64: u8 = 18;

/// Integers that span at most this many values are written as codes, if there are twice as many of them.
const SPAN_MAX: i64 = 1 << 12;

/// Whether [`encode`] can write the column; otherwise the general writer does.
pub fn is_known(spec: &Spec) -> bool {
    match &spec.content {
        Content::Integer
        | Content::Long
        | Content::Date
        | Content::Bool
        | Content::Names(_)
        | Content::Numbers(_) => true,
        Content::Decimal { precision, .. } => *precision <= DIGITS_64,
        Content::Text | Content::Kept(_) => false,
    }
}

/// Encodes a column.
///
/// # Errors
/// Where the page cannot be written: it is too large.
pub fn encode(spec: &Spec, data: &Data<'_>, rows: usize, description: ColumnDescPtr) -> Result<Pages> {
    let mut chunk = ChunkWriter::new(description);
    let validity = match data {
        Data::Column(columns, index) => columns.validity(*index),
        _ => &[],
    };
    let levels = if spec.optional { Some(Levels::new(validity, rows)) } else { None };
    match (&spec.content, data) {
        (Content::Names(names), data) => {
            let mut values = Vec::new();
            for name in names.iter() {
                values.extend_from_slice(&(name.len() as u32).to_le_bytes());
                values.extend_from_slice(name.as_bytes());
            }
            chunk.dictionary(values, names.len())?;
            chunk.codes(&codes_of(data, rows), names.len(), levels)?;
        }
        (Content::Numbers(numbers), data) => {
            chunk.dictionary(bytemuck::cast_slice(&numbers.to_vec()).to_vec(), numbers.len())?;
            chunk.codes(&codes_of(data, rows), numbers.len(), levels)?;
        }
        (Content::Long, Data::Longs(values)) => chunk.differences(values)?,
        (Content::Bool, Data::Column(columns, index)) => {
            chunk.bits(&narrowed::<i32>(columns, *index, rows), levels)?;
        }
        (Content::Bool, Data::Array(array)) if !spec.optional && array.as_boolean_opt().is_some() => {
            let bits: Vec<i32> = array.as_boolean().values().iter().map(i32::from).collect();
            chunk.bits(&bits, levels)?;
        }
        (content, Data::Column(columns, index)) => {
            let is_short = match content {
                Content::Decimal { precision, .. } => *precision <= DIGITS_32,
                content => !matches!(content, Content::Long),
            };
            if is_short {
                chunk.integers(&narrowed::<i32>(columns, *index, rows), levels)?;
            } else {
                chunk.integers(&narrowed::<i64>(columns, *index, rows), levels)?;
            }
        }
        _ => return Err(ParquetError::General("the data are not of the content".into())),
    }
    chunk.close(rows)
}

/// Texts with more bytes than this are written in several pages, by the general writer.
const TEXT_BYTES_MAX: usize = 1 << 24;

/// So much of a page is compressed to see whether it is worth it.
const SAMPLE_BYTES: usize = 1 << 14;

/// About how many texts are looked at to see whether they repeat, and how many there must be.
const TEXTS_SEEN: usize = 512;
const TEXTS_SEEN_MIN: usize = 64;

/// Encodes a column of texts that hardly repeat, such as ids, without looking for repetitions. `None` where they may
/// repeat, or the array holds no texts.
///
/// # Errors
/// Where the page cannot be written.
pub fn encode_texts(array: &dyn Array, description: ColumnDescPtr) -> Result<Option<Pages>> {
    match array.data_type() {
        DataType::Utf8 => texts(array, |row| array.as_string::<i32>().value(row), description),
        DataType::LargeUtf8 => texts(array, |row| array.as_string::<i64>().value(row), description),
        DataType::Utf8View => texts(array, |row| array.as_string_view().value(row), description),
        _ => Ok(None),
    }
}

fn texts<'a>(
    array: &dyn Array,
    text: impl Fn(usize) -> &'a str,
    description: ColumnDescPtr,
) -> Result<Option<Pages>> {
    let rows = array.len();
    let is_present = |row: &usize| array.is_valid(*row);
    let seen: Vec<&str> =
        (0..rows).step_by(rows.div_ceil(TEXTS_SEEN).max(1)).filter(is_present).map(&text).collect();
    let different = seen.iter().collect::<HashSet<_>>().len();
    if seen.len() < TEXTS_SEEN_MIN || different * 10 < seen.len() * 9 {
        return Ok(None);
    }
    let bytes: usize = (0..rows).filter(is_present).map(|row| text(row).len() + 4).sum();
    if bytes > TEXT_BYTES_MAX {
        return Ok(None);
    }
    let validity: Vec<u64> = match array.nulls() {
        Some(nulls) => nulls.inner().bit_chunks().iter_padded().collect(),
        None => vec![u64::MAX; rows.div_ceil(64)],
    };
    let mut page = Vec::with_capacity(bytes + rows / 8 + 64);
    let levels = Levels { validity: &validity, rows, missing: array.null_count() };
    if description.max_def_level() > 0 {
        levels.write(&mut page);
    }
    let present = || (0..rows).filter(is_present).map(&text);
    write_differences(&present().map(|text| text.len() as i64).collect::<Vec<i64>>(), &mut page);
    present().for_each(|text| page.extend_from_slice(text.as_bytes()));
    let mut chunk = ChunkWriter::new(description);
    let missing = Some(levels.missing as u64);
    chunk.statistics = Some(Statistics::byte_array(None, None, None, missing, false));
    if !is_worth_packing(&page)? {
        chunk.codec = Compression::UNCOMPRESSED;
    }
    chunk.data(&page, rows, Encoding::DELTA_LENGTH_BYTE_ARRAY)?;
    chunk.close(rows).map(Some)
}

/// Whether compression makes a page smaller by a third, judging by its middle: it takes longer than everything else
/// that is done with the texts.
fn is_worth_packing(page: &[u8]) -> Result<bool> {
    let start = page.len().saturating_sub(SAMPLE_BYTES) / 2;
    let sample = &page[start..(start + SAMPLE_BYTES).min(page.len())];
    let packed = snap::raw::Encoder::new().compress_vec(sample);
    let packed = packed.map_err(|error| ParquetError::General(error.to_string()))?;
    Ok(packed.len() * 3 <= sample.len() * 2)
}

/// The definition levels of an optional column.
struct Levels<'a> {
    validity: &'a [u64],
    rows: usize,
    missing: usize,
}

impl<'a> Levels<'a> {
    fn new(validity: &'a [u64], rows: usize) -> Levels<'a> {
        let present: usize = validity.iter().map(|word| word.count_ones() as usize).sum();
        Levels { validity, rows, missing: rows - present.min(rows) }
    }

    fn is_present(&self, row: usize) -> bool {
        self.validity[row / 64] >> (row % 64) & 1 == 1
    }

    /// The values of rows that have one.
    fn present<T: Copy>(&self, values: &[T]) -> Vec<T> {
        values.iter().enumerate().filter(|(row, _)| self.is_present(*row)).map(|(_, value)| *value).collect()
    }

    /// As the data page begins: the length, then one run.
    fn write(&self, page: &mut Vec<u8>) {
        let mut run = Vec::new();
        if self.missing == 0 {
            varint((self.rows as u64) << 1, &mut run);
            run.push(1);
        } else {
            let groups = self.rows.div_ceil(8);
            varint((groups as u64) << 1 | 1, &mut run);
            run.extend(self.validity.iter().flat_map(|word| word.to_le_bytes()).take(groups));
        }
        page.extend_from_slice(&(run.len() as u32).to_le_bytes());
        page.extend_from_slice(&run);
    }
}

/// Present values, and the beginning of their page.
fn begun<'a, T: Copy>(values: &'a [T], levels: &Option<Levels<'_>>) -> (Cow<'a, [T]>, Vec<u8>) {
    let mut page = Vec::with_capacity(size_of_val(values) + 64);
    match levels {
        None => (Cow::Borrowed(values), page),
        Some(levels) => {
            levels.write(&mut page);
            let present =
                if levels.missing == 0 { Cow::Borrowed(values) } else { Cow::Owned(levels.present(values)) };
            (present, page)
        }
    }
}

/// Writes the pages of one column chunk.
struct ChunkWriter {
    description: ColumnDescPtr,
    sink: TrackedWrite<Vec<u8>>,
    /// Snappy, or none.
    codec: Compression,
    compressor: snap::raw::Encoder,
    dictionary_offset: Option<i64>,
    data_offset: i64,
    encoding: Encoding,
    uncompressed_bytes: i64,
    statistics: Option<Statistics>,
}

impl ChunkWriter {
    fn new(description: ColumnDescPtr) -> ChunkWriter {
        ChunkWriter {
            description,
            sink: TrackedWrite::new(Vec::new()),
            codec: Compression::SNAPPY,
            compressor: snap::raw::Encoder::new(),
            dictionary_offset: None,
            data_offset: 0,
            encoding: Encoding::PLAIN,
            uncompressed_bytes: 0,
            statistics: None,
        }
    }

    fn dictionary(&mut self, values: Vec<u8>, count: usize) -> Result<()> {
        self.dictionary_offset = Some(0);
        let page = |buf: Bytes| Page::DictionaryPage {
            buf,
            num_values: count as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        self.write(&values, page)
    }

    fn data(&mut self, body: &[u8], rows: usize, encoding: Encoding) -> Result<()> {
        self.data_offset = self.sink.bytes_written() as i64;
        self.encoding = encoding;
        let page = |buf: Bytes| Page::DataPage {
            buf,
            num_values: rows as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        self.write(body, page)
    }

    fn write(&mut self, body: &[u8], page: impl Fn(Bytes) -> Page) -> Result<()> {
        let packed = match self.codec {
            Compression::UNCOMPRESSED => body.to_vec(),
            _ => {
                let failed = |error: snap::Error| ParquetError::General(error.to_string());
                self.compressor.compress_vec(body).map_err(failed)?
            }
        };
        let page = CompressedPage::new(page(packed.into()), body.len());
        let written = SerializedPageWriter::new(&mut self.sink).write_page(page)?;
        self.uncompressed_bytes += written.uncompressed_size as i64;
        Ok(())
    }

    /// Codes below `count`.
    fn codes(&mut self, codes: &[u16], count: usize, levels: Option<Levels<'_>>) -> Result<()> {
        let (present, mut page) = begun(codes, &levels);
        let width = width_of(count);
        page.push(width as u8);
        write_codes(&present, width, &mut page);
        self.data(&page, codes.len(), Encoding::RLE_DICTIONARY)
    }

    fn bits(&mut self, values: &[i32], levels: Option<Levels<'_>>) -> Result<()> {
        let (present, mut page) = begun(values, &levels);
        page.extend(
            present
                .chunks(8)
                .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | (*bit != 0) as u8)),
        );
        self.data(&page, values.len(), Encoding::PLAIN)
    }

    /// Integers: of a small span as codes into the whole span, others as they are.
    fn integers<T: Physical>(&mut self, values: &[T], levels: Option<Levels<'_>>) -> Result<()> {
        let (present, mut page) = begun(values, &levels);
        let missing = levels.map_or(0, |levels| levels.missing);
        let ends = present.iter().min().copied().zip(present.iter().max().copied());
        self.statistics = Some(T::statistics(ends, missing as u64));
        let span = ends
            .and_then(|(least, most)| i64::try_from(most.wide() - least.wide()).ok())
            .and_then(|span| span.checked_add(1));
        match ends.zip(span).filter(|(_, span)| *span <= SPAN_MAX && *span * 2 <= present.len() as i64) {
            None => {
                page.extend_from_slice(bytemuck::cast_slice(&present));
                self.data(&page, values.len(), Encoding::PLAIN)
            }
            Some(((least, _), span)) => {
                let least = least.wide();
                let span_values: Vec<T> =
                    (0..span).map(|code| T::truncate(least + i128::from(code))).collect();
                self.dictionary(bytemuck::cast_slice(&span_values).to_vec(), span as usize)?;
                let codes: Vec<u16> = present.iter().map(|value| (value.wide() - least) as u16).collect();
                let width = width_of(span as usize);
                page.push(width as u8);
                write_codes(&codes, width, &mut page);
                self.data(&page, values.len(), Encoding::RLE_DICTIONARY)
            }
        }
    }

    fn differences(&mut self, values: &[i64]) -> Result<()> {
        let mut page = Vec::new();
        write_differences(values, &mut page);
        self.statistics = Some(i64::statistics(values.first().copied().zip(values.last().copied()), 0));
        self.data(&page, values.len(), Encoding::DELTA_BINARY_PACKED)
    }

    fn close(self, rows: usize) -> Result<Pages> {
        let bytes = self.sink.into_inner()?;
        let mut encodings = vec![self.encoding, Encoding::RLE];
        encodings.extend(self.dictionary_offset.map(|_| Encoding::PLAIN));
        let mut metadata = ColumnChunkMetaData::builder(self.description)
            .set_compression(self.codec)
            .set_encodings(encodings)
            .set_total_compressed_size(bytes.len() as i64)
            .set_total_uncompressed_size(self.uncompressed_bytes)
            .set_num_values(rows as i64)
            .set_data_page_offset(self.data_offset)
            .set_dictionary_page_offset(self.dictionary_offset);
        if let Some(statistics) = self.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: bytes.len() as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Pages { bytes: bytes.into(), close })
    }
}

/// A physical integer of Parquet.
trait Physical: Scalar {
    /// The statistics of values between these ends.
    fn statistics(ends: Option<(Self, Self)>, missing: u64) -> Statistics;
}

impl Physical for i32 {
    fn statistics(ends: Option<(i32, i32)>, missing: u64) -> Statistics {
        let (least, most) = ends.unzip();
        Statistics::int32(least, most, None, Some(missing), false)
    }
}

impl Physical for i64 {
    fn statistics(ends: Option<(i64, i64)>, missing: u64) -> Statistics {
        let (least, most) = ends.unzip();
        Statistics::int64(least, most, None, Some(missing), false)
    }
}

/// The values of a column of fields in a physical type that holds them all.
fn narrowed<T: Physical>(columns: &Columns, index: usize, rows: usize) -> Vec<T> {
    by_width!(columns.column(index).width, Cell => {
        columns.values::<Cell>(index)[..rows].iter().map(|value| T::truncate(value.wide())).collect()
    })
}

fn codes_of<'a>(data: &'a Data<'_>, rows: usize) -> Cow<'a, [u16]> {
    match data {
        Data::Codes(codes) => Cow::Borrowed(codes),
        Data::Column(columns, index) => {
            Cow::Owned(narrowed::<i32>(columns, *index, rows).into_iter().map(|code| code as u16).collect())
        }
        Data::Longs(_) | Data::Array(_) | Data::Pages(_) => Cow::Borrowed(&[]),
    }
}

/// How many bits a code below `count` takes.
fn width_of(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

fn varint(mut x: u64, out: &mut Vec<u8>) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

/// One run: repeated where all codes are the same, packed otherwise.
fn write_codes(codes: &[u16], width: u32, out: &mut Vec<u8>) {
    let Some(first) = codes.first() else { return };
    if codes.iter().all(|code| code == first) {
        varint((codes.len() as u64) << 1, out);
        out.extend_from_slice(&first.to_le_bytes()[..width.div_ceil(8) as usize]);
        return;
    }
    varint((codes.len().div_ceil(8) as u64) << 1 | 1, out);
    macro_rules! by_width {
        ($($width:literal)+) => {
            match width {
                $( $width => pack::<$width>(codes, out), )+
                _ => {}
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16);
}

/// Packs codes with `W` bits each, eight to a group.
fn pack<const W: usize>(codes: &[u16], out: &mut Vec<u8>) {
    let mut group_of = |group: &[u16; 8]| {
        // no group of four has more than 64 bits
        let half = |codes: &[u16]| codes.iter().rev().fold(0u64, |packed, code| packed << W | *code as u64);
        let packed = half(&group[..4]) as u128 | (half(&group[4..]) as u128) << (4 * W);
        out.extend_from_slice(&packed.to_le_bytes()[..W]);
    };
    let (groups, rest) = codes.as_chunks::<8>();
    groups.iter().for_each(&mut group_of);
    if !rest.is_empty() {
        let mut group = [0; 8];
        group[..rest.len()].copy_from_slice(rest);
        group_of(&group);
    }
}

/// The shape of `DELTA_BINARY_PACKED`: the differences in a block, and the parts of a block, each with its own width.
const BLOCK: usize = 128;
const PARTS: usize = 4;

/// Values as differences.
fn write_differences(values: &[i64], out: &mut Vec<u8>) {
    let zigzag = |x: i64| ((x << 1) ^ (x >> 63)) as u64;
    varint(BLOCK as u64, out);
    varint(PARTS as u64, out);
    varint(values.len() as u64, out);
    varint(zigzag(values.first().copied().unwrap_or(0)), out);
    if values.array_windows().all(|[value, next]| next.wrapping_sub(*value) == 1) {
        // row numbers without a gap: every difference is 1
        let block: &[u8] = &[zigzag(1) as u8, 0, 0, 0, 0];
        return out.extend((1..values.len()).step_by(BLOCK).flat_map(|_| block));
    }
    let mut differences = [0i64; BLOCK];
    for block in (1..values.len()).step_by(BLOCK) {
        let count = BLOCK.min(values.len() - block);
        for (index, difference) in differences[..count].iter_mut().enumerate() {
            *difference = values[block + index].wrapping_sub(values[block + index - 1]);
        }
        let least = differences[..count].iter().min().copied().unwrap_or(0);
        varint(zigzag(least), out);
        let part_of = |part: usize| {
            &differences[(part * BLOCK / PARTS).min(count)..((part + 1) * BLOCK / PARTS).min(count)]
        };
        let above = |difference: &i64| difference.wrapping_sub(least) as u64;
        let widths: [u32; PARTS] = std::array::from_fn(|part| {
            let most = part_of(part).iter().map(above).max().unwrap_or(0);
            u64::BITS - most.leading_zeros()
        });
        out.extend(widths.map(|width| width as u8));
        for (part, width) in widths.iter().enumerate().filter(|(part, _)| !part_of(*part).is_empty()) {
            let mut packed = vec![0u8; BLOCK / PARTS * *width as usize / 8];
            for (index, difference) in part_of(part).iter().enumerate() {
                let (bit, value) = (index * *width as usize, above(difference) as u128);
                let wide = (value << (bit % 8)).to_le_bytes();
                packed[bit / 8..].iter_mut().zip(wide).for_each(|(byte, more)| *byte |= more);
            }
            out.extend_from_slice(&packed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::arrow::ArrowSchemaConverter;
    use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use ::parquet::file::properties::WriterProperties;
    use ::parquet::file::writer::SerializedFileWriter;
    use arrow_array::{ArrayRef, LargeStringArray, StringArray, StringViewArray};
    use arrow_schema::{Field, Schema};
    use std::sync::Arc;

    /// The texts as they are read from a file with their pages; `None` where they are left to the general writer.
    fn written(array: &ArrayRef, optional: bool) -> Option<Vec<Option<String>>> {
        let schema = Schema::new(vec![Field::new("id", DataType::Utf8, optional)]);
        let schema = ArrowSchemaConverter::new().convert(&schema).unwrap();
        let pages = encode_texts(array.as_ref(), schema.column(0)).unwrap()?;
        let properties = Arc::new(WriterProperties::default());
        let mut file = SerializedFileWriter::new(Vec::new(), schema.root_schema_ptr(), properties).unwrap();
        let mut row_group = file.next_row_group().unwrap();
        row_group.append_column(&pages.bytes, pages.close).unwrap();
        row_group.close().unwrap();
        let file = Bytes::from(file.into_inner().unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().with_batch_size(1 << 20).build();
        let batch = reader.unwrap().next().unwrap().unwrap();
        let texts = batch.column(0).as_string::<i32>();
        Some(texts.iter().map(|text| text.map(str::to_owned)).collect())
    }

    #[test]
    fn texts_that_hardly_repeat_are_written_as_they_are() {
        for (rows, one_missing_in) in [(512, 0), (513, 3), (5_000, 7), (70_001, 64)] {
            let is_missing = |row: usize| one_missing_in > 0 && row.is_multiple_of(one_missing_in);
            let texts: Vec<Option<String>> = (0..rows)
                .map(|row| (!is_missing(row)).then(|| format!("id-é-{}", row * row % 65_537 + row)))
                .collect();
            let iter = || texts.iter().map(|text| text.as_deref());
            let arrays: [ArrayRef; 3] = [
                Arc::new(iter().collect::<StringArray>()),
                Arc::new(iter().collect::<LargeStringArray>()),
                Arc::new(iter().collect::<StringViewArray>()),
            ];
            for array in arrays {
                assert_eq!(written(&array, true).unwrap(), texts, "{rows} rows");
                if one_missing_in == 0 {
                    assert_eq!(written(&array, false).unwrap(), texts);
                }
            }
        }
    }

    #[test]
    fn texts_that_repeat_and_short_columns_are_left_to_the_general_writer() {
        let names = |rows: usize, names: usize| -> ArrayRef {
            Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("name {}", row % names))))
        };
        assert!(written(&names(10_000, 100), true).is_none());
        assert!(written(&names(50, 50), true).is_none());
        assert!(written(&names(10_000, 10_000), true).is_some());
    }
}
