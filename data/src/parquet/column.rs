//! How is a plain column chunk decoded without losing what its pages know? Codes stay codes, and what is only copied
//! stays as it is.
//!
//! The general reader looks every code up and copies every value before admission sees it. Here a [`PagedColumn`]
//! finds the pages of a chunk of rows in order, and the threads that share the work decode that [`Part`]: the
//! dictionary of a column chunk becomes an array once, and the codes of the pages pick from what admission made of it.
//! Pages of plain values are copied. A column to keep is checked, and its pages are written again in the bytes that were
//! read. A member of a struct is a column whose values are present at a deeper level. Anything else (lists, other
//! encodings, types or codecs) is the general reader's.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use ::parquet::basic::{Compression, ConvertedType, Encoding, Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::schema::types::ColumnDescPtr;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal32Type, Decimal64Type, Decimal128Type, Float64Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, Int32Array, LargeStringArray, PrimitiveArray, StringArray, StringViewArray,
    new_null_array,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use arrow_select::take::take as take_values;
use bytes::Bytes;

use super::header::Kind;
use super::open::{damaged, too_short, unreadable_column};
use super::page::{DataPage, PageReader, RawPage, is_known};
use super::runs::Runs;
use super::verbatim::Verbatim;
use crate::error::DataError;
use crate::positioned::Positioned;

type Result<T, E = ParquetError> = std::result::Result<T, E>;

/// A column chunk, from which the pages of chunks of rows are taken in order.
pub struct PagedColumn {
    column: Arc<Column>,
    pages: PageReader,
    dictionary: Option<Arc<Dictionary>>,
    /// Pages that were found, and how many rows of the first were taken.
    waiting: VecDeque<Arc<DataPage>>,
    taken: usize,
    rows_waiting: usize,
}

/// What is known of a column chunk as a whole.
struct Column {
    /// What the file is called, and the number of the row group.
    place: (Arc<str>, usize),
    shape: Shape,
    /// The type that the file names.
    data_type: DataType,
    codec: Compression,
    /// The definition level of values that are present: 0 where none can be missing, and more than 1 within structs.
    depth: u32,
    /// How many rows the column chunk has.
    rows: usize,
    description: ColumnDescPtr,
}

/// The rows of a chunk in one column. Clones are cheap.
#[derive(Clone)]
pub struct Part {
    column: Arc<Column>,
    dictionary: Option<Arc<Dictionary>>,
    pages: Vec<(Arc<DataPage>, Range<usize>)>,
    rows: usize,
}

/// What the rows hold.
pub enum Decoded {
    /// Values.
    Values(ArrayRef),
    /// Codes, each below the number of values, and the values.
    Coded(Int32Array, ArrayRef),
}

/// The dictionary of a column chunk, decoded once for all threads that want it.
struct Dictionary {
    raw: RawPage,
    count: usize,
    values: OnceLock<std::result::Result<ArrayRef, String>>,
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
    /// Big-endian integers of this many bytes, at most 8.
    Short(usize),
    /// Big-endian integers of this many bytes.
    Fixed(usize),
    Text,
}

/// The shape of a column chunk that is plain enough.
fn shape_of(chunk: &ColumnChunkMetaData, data_type: &DataType) -> Option<Shape> {
    use DataType::*;
    let known = [Encoding::PLAIN, Encoding::RLE, Encoding::PLAIN_DICTIONARY, Encoding::RLE_DICTIONARY];
    let column = chunk.column_descr();
    if column.max_rep_level() > 0
        || !is_known(chunk.compression())
        || !chunk.encodings().all(|encoding| known.contains(&encoding))
    {
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
            match length {
                1..=8 if *precision <= 18 => (Layout::Short(length), Decimal64(*precision, *scale)),
                _ => (Layout::Fixed(length), Decimal128(*precision, *scale)),
            }
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

impl Column {
    fn unreadable(&self, error: &dyn std::error::Error) -> DataError {
        let (file, row_group) = &self.place;
        unreadable_column(file, *row_group, &self.description.path().string(), error)
    }
}

impl PagedColumn {
    /// The column chunk, where it is plain enough.
    ///
    /// # Errors
    /// If the metadata of its pages is impossible.
    pub fn open(
        (name, row_group): (&Arc<str>, usize),
        file: &Positioned,
        chunk: &ColumnChunkMetaData,
        data_type: &DataType,
        rows: usize,
    ) -> Result<Option<PagedColumn>> {
        let Some(shape) = shape_of(chunk, data_type) else { return Ok(None) };
        // some writers name no dictionary page, or one at 0
        let dictionary = chunk.dictionary_page_offset().filter(|offset| *offset > 0);
        let start = dictionary.unwrap_or(i64::MAX).min(chunk.data_page_offset());
        let pages = PageReader::new(file, start, chunk.compressed_size())?;
        let column = Column {
            place: (name.clone(), row_group),
            shape,
            data_type: data_type.clone(),
            codec: chunk.compression(),
            depth: u32::from(chunk.column_descr().max_def_level().unsigned_abs()),
            rows,
            description: chunk.column_descr_ptr(),
        };
        let (dictionary, waiting) = (None, VecDeque::new());
        Ok(Some(PagedColumn {
            column: Arc::new(column),
            pages,
            dictionary,
            waiting,
            taken: 0,
            rows_waiting: 0,
        }))
    }

    /// Whether decoded parts can be arrays of the type that the file names.
    pub fn can_be_kept(&self) -> bool {
        let Column { shape, data_type, .. } = &*self.column;
        match shape.layout {
            Layout::Text => matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
            _ => shape.data_type == *data_type,
        }
    }

    /// The pages of the next rows.
    ///
    /// # Errors
    /// Where there are fewer rows, or a page is damaged.
    pub fn take(&mut self, rows: usize) -> Result<Part> {
        self.find(rows)?;
        if self.rows_waiting < rows {
            return Err(too_short());
        }
        let mut pages = Vec::new();
        let mut left = rows;
        while left > 0 {
            let page = self.waiting.front().ok_or_else(too_short)?;
            let end = page.rows.min(self.taken + left);
            pages.push((page.clone(), self.taken..end));
            left -= end - self.taken;
            self.taken = end;
            if end == page.rows {
                self.waiting.pop_front();
                self.taken = 0;
            }
        }
        self.rows_waiting -= rows;
        Ok(Part { column: self.column.clone(), dictionary: self.dictionary.clone(), pages, rows })
    }

    /// After how many of the next `rows` the last page ends that ends among them; 0 where none does.
    ///
    /// # Errors
    /// Where a page is damaged.
    pub fn last_page_end(&mut self, rows: usize) -> Result<usize> {
        self.find(rows)?;
        let mut end = 0;
        for page in &self.waiting {
            let next = end + page.rows - if end == 0 { self.taken } else { 0 };
            if next > rows {
                break;
            }
            end = next;
        }
        Ok(end)
    }

    /// Finds pages until this many rows are waiting, or there are no more pages.
    fn find(&mut self, rows: usize) -> Result<()> {
        while self.rows_waiting < rows {
            let Some(raw) = self.pages.next()? else { return Ok(()) };
            match raw.header.kind {
                Kind::Data { rows, .. } | Kind::DataV2 { rows, .. } => {
                    if rows > self.column.rows {
                        return Err(damaged("a page has more rows than its column"));
                    }
                    if rows > 0 {
                        self.waiting.push_back(Arc::new(DataPage::new(raw, rows)));
                        self.rows_waiting += rows;
                    }
                }
                Kind::Dictionary { values, ref encoding } => {
                    if self.dictionary.is_some() || self.rows_waiting > 0 {
                        return Err(damaged("a column has a second dictionary"));
                    }
                    if !matches!(encoding, Encoding::PLAIN | Encoding::PLAIN_DICTIONARY) {
                        return Err(damaged("a dictionary is not written in plain values"));
                    }
                    let dictionary = Dictionary { raw, count: values, values: OnceLock::new() };
                    self.dictionary = Some(Arc::new(dictionary));
                }
                Kind::Index => {}
            }
        }
        Ok(())
    }
}

impl Part {
    /// What the rows hold.
    ///
    /// # Errors
    /// Where a page is damaged.
    pub fn decode(&self) -> Result<Decoded, DataError> {
        self.decoded().map_err(|error| self.column.unreadable(&error))
    }

    fn decoded(&self) -> Result<Decoded> {
        match self.column.shape.layout {
            Layout::Int32 => self.decode_as::<i32>(),
            Layout::Int64 | Layout::Short(_) => self.decode_as::<i64>(),
            Layout::Double => self.decode_as::<f64>(),
            Layout::Fixed(_) => self.decode_as::<i128>(),
            Layout::Text => self.decode_as::<Text>(),
        }
    }

    fn decode_as<T: Plain>(&self) -> Result<Decoded> {
        let Column { shape, codec, depth, .. } = &*self.column;
        let mut chunk = Chunk::<T>::new(self.rows, *depth > 0);
        for (page, range) in &self.pages {
            let open = page.open(*codec, *depth)?;
            let rows = range.len();
            let present = open.present.as_ref().map(|present| present.slice(range.start, rows));
            let count = present.as_ref().map_or(rows, BooleanBuffer::count_set_bits);
            let before = open.present.as_ref().filter(|_| range.start > 0);
            let before = before.map_or(range.start, |present| present.slice(0, range.start).count_set_bits());
            let dictionary = if open.is_coded { self.dictionary()? } else { None };
            if open.is_coded {
                let mut runs = Runs::with_width(open.values.clone())?;
                runs.skip(before)?;
                chunk.codes(&mut runs, count, present, rows, dictionary)?;
            } else {
                let mut bytes = open.values.clone();
                T::skip(&mut bytes, shape.layout, before)?;
                // codes so far are looked up now
                let dictionary = if chunk.has_codes() { self.dictionary()? } else { None };
                chunk.plain(&mut bytes, shape.layout, count, present, rows, dictionary)?;
            }
        }
        let dictionary = if chunk.has_codes() { self.dictionary()? } else { None };
        chunk.finish(&shape.data_type, dictionary)
    }

    /// The rows as an array of the type that the file names, which is that of a column that
    /// [can be kept](PagedColumn::can_be_kept).
    ///
    /// # Errors
    /// Where a page is damaged.
    pub fn array(&self) -> Result<ArrayRef, DataError> {
        let array = match self.decode()? {
            Decoded::Values(array) => array,
            Decoded::Coded(codes, values) => {
                take_values(values.as_ref(), &codes, None).map_err(|error| self.column.unreadable(&error))?
            }
        };
        Ok(match self.column.data_type {
            DataType::LargeUtf8 => Arc::new(array.as_string::<i32>().iter().collect::<LargeStringArray>()),
            DataType::Utf8View => Arc::new(StringViewArray::from(array.as_string::<i32>())),
            _ => array,
        })
    }

    /// The pages as they are in the file, where they can be those of a column that is described so; `None` where they
    /// cannot, or where the rows begin or end within a page.
    ///
    /// # Errors
    /// Where a page is damaged: what is copied is checked as if it were decoded.
    pub fn verbatim(&self, description: &ColumnDescPtr) -> Result<Option<Verbatim>, DataError> {
        self.checked_pages(description).map_err(|error| self.column.unreadable(&error))
    }

    fn checked_pages(&self, description: &ColumnDescPtr) -> Result<Option<Verbatim>> {
        let ours = &self.column.description;
        let is_same = ours.physical_type() == description.physical_type()
            && ours.type_length() == description.type_length()
            && ours.converted_type() == description.converted_type()
            // older writers name the converted type alone
            && (ours.logical_type_ref() == description.logical_type_ref()
                || (ours.logical_type_ref().is_none() && ours.converted_type() != ConvertedType::NONE))
            && ours.max_def_level() == description.max_def_level();
        if !is_same || !self.pages.iter().all(|(page, range)| *range == (0..page.rows)) {
            return Ok(None);
        }
        let mut verbatim = Verbatim::new(self.column.codec);
        let mut is_coded = false;
        for (page, _) in &self.pages {
            is_coded |= self.check(page)?;
        }
        if let Some(dictionary) = self.dictionary.as_ref().filter(|_| is_coded) {
            verbatim.dictionary(&dictionary.raw);
        }
        for (page, _) in &self.pages {
            verbatim.data(&page.raw, page.rows);
        }
        Ok(Some(verbatim))
    }

    /// Checks the values of a whole page; returns whether they are codes.
    fn check(&self, page: &DataPage) -> Result<bool> {
        let Column { shape, codec, depth, .. } = &*self.column;
        let open = page.open(*codec, *depth)?;
        let count = open.present.as_ref().map_or(page.rows, BooleanBuffer::count_set_bits);
        if open.is_coded {
            let mut codes = Vec::with_capacity(count);
            Runs::with_width(open.values.clone())?.take(count, &mut codes)?;
            check_codes(&codes, self.dictionary()?)?;
        } else {
            let mut bytes = open.values.clone();
            match shape.layout {
                Layout::Text => check_texts(&bytes, count)?,
                Layout::Int32 => i32::skip(&mut bytes, shape.layout, count)?,
                Layout::Int64 | Layout::Short(_) => i64::skip(&mut bytes, shape.layout, count)?,
                Layout::Double => f64::skip(&mut bytes, shape.layout, count)?,
                Layout::Fixed(_) => i128::skip(&mut bytes, shape.layout, count)?,
            }
        }
        Ok(open.is_coded)
    }

    fn dictionary(&self) -> Result<Option<&ArrayRef>> {
        let Some(dictionary) = &self.dictionary else { return Ok(None) };
        let decoded = || {
            let mut bytes = dictionary.raw.unpack(self.column.codec)?;
            decode_dictionary(&mut bytes, dictionary.count, &self.column.shape)
        };
        let values =
            dictionary.values.get_or_init(|| decoded().map_err(|error: ParquetError| error.to_string()));
        values.as_ref().map(Some).map_err(|message| damaged(message.trim_start_matches("Parquet error: ")))
    }
}

fn decode_dictionary(bytes: &mut Bytes, count: usize, shape: &Shape) -> Result<ArrayRef> {
    fn whole<T: Plain>(bytes: &mut Bytes, count: usize, shape: &Shape) -> Result<ArrayRef> {
        let mut values = T::Many::default();
        T::decode(bytes, shape.layout, count, &mut values)?;
        T::array(values, None, &shape.data_type)
    }
    match shape.layout {
        Layout::Int32 => whole::<i32>(bytes, count, shape),
        Layout::Int64 | Layout::Short(_) => whole::<i64>(bytes, count, shape),
        Layout::Double => whole::<f64>(bytes, count, shape),
        Layout::Fixed(_) => whole::<i128>(bytes, count, shape),
        Layout::Text => whole::<Text>(bytes, count, shape),
    }
}

/// Checks that every code has a value. Codes have at most 31 bits.
fn check_codes(codes: &[i32], dictionary: Option<&ArrayRef>) -> Result<()> {
    let values = dictionary.map_or(0, |dictionary| dictionary.len());
    let greatest = codes.iter().copied().fold(-1, i32::max);
    if (greatest as i64) < values as i64 { Ok(()) } else { Err(damaged("a code is beyond its dictionary")) }
}

/// Checks that a page of plain texts has this many, each valid UTF-8.
fn check_texts(bytes: &[u8], count: usize) -> Result<()> {
    let (mut at, mut lengths) = (0usize, 0u32);
    for _ in 0..count {
        let length = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
        let length = u32::from_le_bytes(*length.ok_or_else(|| damaged("a page ends early"))?);
        lengths |= length;
        at = at.saturating_add(4 + length as usize);
    }
    let texts = bytes.get(..at).ok_or_else(|| damaged("a page ends early"))?;
    // where every byte of a length is ASCII, no character can begin in one text and end in the next
    if lengths & 0x8080_8080 == 0 && std::str::from_utf8(texts).is_ok() {
        return Ok(());
    }
    let mut rest = texts;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (text, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        std::str::from_utf8(text).map_err(|_| damaged("a text is not valid UTF-8"))?;
        rest = after;
    }
    Ok(())
}

fn take(bytes: &mut Bytes, count: usize) -> Result<Bytes> {
    if bytes.len() < count { Err(damaged("a page ends early")) } else { Ok(bytes.split_to(count)) }
}

fn skip_fixed(bytes: &mut Bytes, count: usize, width: usize) -> Result<()> {
    take(bytes, count.checked_mul(width).ok_or_else(|| damaged("a page ends early"))?).map(|_| ())
}

/// Values of one physical type.
trait Plain {
    /// Many of them.
    type Many: Default;

    /// Leaves `count` values out.
    fn skip(bytes: &mut Bytes, layout: Layout, count: usize) -> Result<()>;
    /// Takes `count` values off the bytes.
    fn decode(bytes: &mut Bytes, layout: Layout, count: usize, out: &mut Self::Many) -> Result<()>;
    /// Spreads the last values out to the rows that are present.
    fn spread(values: &mut Self::Many, count: usize, present: &BooleanBuffer);
    /// Adds the values that codes stand for.
    fn look_up(codes: &[i32], dictionary: &ArrayRef, out: &mut Self::Many) -> Result<()>;
    /// The values as an array.
    fn array(values: Self::Many, nulls: Option<NullBuffer>, data_type: &DataType) -> Result<ArrayRef>;
}

/// Spreads the last `count` values out to the rows that are present; the other rows get the default.
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

            fn skip(bytes: &mut Bytes, layout: Layout, count: usize) -> Result<()> {
                let width = match layout {
                    Layout::Short(width) | Layout::Fixed(width) => width,
                    _ => size_of::<$ty>(),
                };
                skip_fixed(bytes, count, width)
            }

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

/// Values of `N` bytes each.
fn fixed<T, const N: usize>(
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

fn longs(bytes: &mut Bytes, layout: Layout, count: usize, out: &mut Vec<i64>) -> Result<()> {
    macro_rules! by_length {
        ($length:expr; $($literal:literal)+) => {
            match $length {
                $( $literal => fixed(bytes, count, out, |bytes: [u8; $literal]| {
                    let mut wide = [0; 8];
                    wide[8 - $literal..].copy_from_slice(&bytes);
                    // moved up and down again for the sign
                    i64::from_be_bytes(wide) << (64 - 8 * $literal) >> (64 - 8 * $literal)
                }), )+
                _ => Err(damaged("a column has no length")),
            }
        };
    }
    match layout {
        Layout::Short(length) => by_length!(length; 1 2 3 4 5 6 7 8),
        _ => fixed(bytes, count, out, i64::from_le_bytes),
    }
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

/// A name for texts, which have no type of their own here.
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

    fn skip(bytes: &mut Bytes, _: Layout, count: usize) -> Result<()> {
        for _ in 0..count {
            let length = take(bytes, 4)?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]) as usize;
            take(bytes, length)?;
        }
        Ok(())
    }

    fn decode(bytes: &mut Bytes, _: Layout, count: usize, out: &mut Texts) -> Result<()> {
        out.bytes.reserve(bytes.len().saturating_sub(count.saturating_mul(4)));
        out.ends.reserve(count.min(bytes.len()));
        let mut rest = &bytes[..];
        for _ in 0..count {
            let (length, after) =
                rest.split_first_chunk::<4>().ok_or_else(|| damaged("a page ends early"))?;
            let length = u32::from_le_bytes(*length) as usize;
            let (text, after) = after.split_at_checked(length).ok_or_else(|| damaged("a page ends early"))?;
            out.push(text)?;
            rest = after;
        }
        let read = bytes.len() - rest.len();
        take(bytes, read).map(|_| ())
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
        Ok(Arc::new(texts.map_err(|_| damaged("a text is not valid UTF-8"))?))
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
    i32: |bytes: &mut Bytes, _: Layout, count: usize, out: &mut Vec<i32>| fixed(bytes, count, out, i32::from_le_bytes),
        { DataType::Int32 => Int32Type, DataType::Date32 => Date32Type, DataType::Decimal32(..) => Decimal32Type };
    i64: longs,
        {
            DataType::Int64 => Int64Type,
            DataType::Decimal64(..) => Decimal64Type,
            DataType::Timestamp(TimeUnit::Millisecond, _) => TimestampMillisecondType,
            DataType::Timestamp(TimeUnit::Microsecond, _) => TimestampMicrosecondType,
            DataType::Timestamp(TimeUnit::Nanosecond, _) => TimestampNanosecondType
        };
    f64: |bytes: &mut Bytes, _: Layout, count: usize, out: &mut Vec<f64>| fixed(bytes, count, out, f64::from_le_bytes),
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
    is_coded: bool,
}

impl<T: Plain> Chunk<T> {
    fn new(rows: usize, optional: bool) -> Chunk<T> {
        let present = optional.then(|| BooleanBufferBuilder::new(rows));
        Chunk { present, rows: 0, codes: Vec::new(), values: None, is_coded: false }
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
        self.is_coded = true;
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

    fn has_codes(&self) -> bool {
        self.values.is_none() && self.is_coded
    }

    fn finish(mut self, data_type: &DataType, dictionary: Option<&ArrayRef>) -> Result<Decoded> {
        let present = self.present.as_mut().map(BooleanBufferBuilder::finish);
        let nulls = present.map(NullBuffer::new).filter(|nulls| nulls.null_count() > 0);
        if let Some(values) = self.values {
            return T::array(values, nulls, data_type).map(Decoded::Values);
        }
        match dictionary.filter(|dictionary| !dictionary.is_empty()) {
            Some(dictionary) => {
                check_codes(&self.codes, Some(dictionary))?;
                let keys = Int32Array::new(ScalarBuffer::from(self.codes), nulls);
                Ok(Decoded::Coded(keys, dictionary.clone()))
            }
            None if self.rows == 0 || nulls.as_ref().is_some_and(|nulls| nulls.null_count() == self.rows) => {
                Ok(Decoded::Values(new_null_array(data_type, self.rows)))
            }
            None => Err(damaged("codes have no dictionary")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::Endpoint;
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
        Positioned::open(&Endpoint::File(path)).unwrap()
    }

    /// What dictionaries stand for.
    fn looked_up(part: &Part) -> ArrayRef {
        match part.decode().unwrap() {
            Decoded::Coded(codes, values) => arrow_select::take::take(&values, &codes, None).unwrap(),
            Decoded::Values(array) => array,
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
                    let opened = PagedColumn::open((&"x".into(), 1), &file, chunk, array.data_type(), ROWS);
                    let Some(mut column) = opened.unwrap() else { continue };
                    plain_columns += 1;
                    let mut parts = Vec::new();
                    for start in (0..ROWS).step_by(step) {
                        parts.push(looked_up(&column.take(step.min(ROWS - start)).unwrap()));
                    }
                    let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
                    let found = arrow_select::concat::concat(&parts).unwrap();
                    assert_eq!(shown(&found), shown(array), "{name}, {step} rows at a time");
                    assert!(column.take(1).is_err(), "there are no more rows");
                }
            }
            let is_first = version == WriterVersion::PARQUET_1_0;
            assert!(plain_columns == 4 * columns.len() || !is_first, "{plain_columns} columns are plain");
        }
    }

    #[test]
    fn codes_stay_codes() {
        let scratch = Scratch::create();
        let columns = columns(true, 100);
        let file = write(&scratch, &columns, true, WriterProperties::builder().build());
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        for (leaf, (name, array)) in columns.iter().enumerate() {
            let chunk = builder.metadata().row_group(0).column(leaf);
            let opened = PagedColumn::open((&"x".into(), 1), &file, chunk, array.data_type(), ROWS);
            let mut column = opened.unwrap().unwrap();
            let decoded = column.take(ROWS).unwrap().decode().unwrap();
            assert!(matches!(decoded, Decoded::Coded(..)), "{name}");
        }
    }

    /// Ids: few repeat, some are missing, and pages are many and small.
    fn ids(version: WriterVersion, codec: Compression) -> (ArrayRef, WriterProperties) {
        let id = |row: usize| (!row.is_multiple_of(97)).then(|| format!("id-{}-é", row * 7919 % (ROWS / 2)));
        let properties = WriterProperties::builder()
            .set_writer_version(version)
            .set_compression(codec)
            .set_dictionary_page_size_limit(4_000)
            .set_data_page_row_count_limit(500)
            .set_write_batch_size(100)
            .build();
        (Arc::new((0..ROWS).map(id).collect::<StringArray>()), properties)
    }

    fn one_column(file: &Positioned) -> PagedColumn {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        let chunk = builder.metadata().row_group(0).column(0);
        PagedColumn::open((&"x".into(), 1), file, chunk, &DataType::Utf8, ROWS).unwrap().unwrap()
    }

    #[test]
    fn pages_that_are_copied_read_as_before() {
        use ::parquet::file::writer::SerializedFileWriter;
        let scratch = Scratch::create();
        for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default())] {
            let (array, properties) = ids(WriterVersion::PARQUET_1_0, codec);
            let file = write(&scratch, &[("id", array.clone())], true, properties);
            let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
            let root = builder.metadata().file_metadata().schema_descr().root_schema_ptr();
            let description = builder.metadata().row_group(0).column(0).column_descr_ptr();
            let mut column = one_column(&file);
            let mut written =
                SerializedFileWriter::new(Vec::new(), root, Arc::new(WriterProperties::default())).unwrap();
            let (mut rows, mut whole) = (0, 0);
            while rows < ROWS {
                let count = match column.last_page_end((ROWS - rows).min(1_700)).unwrap() {
                    0 => ROWS - rows,
                    end => end,
                };
                let part = column.take(count).unwrap();
                let (bytes, close) =
                    part.verbatim(&description).unwrap().unwrap().close(description.clone()).unwrap();
                let mut row_group = written.next_row_group().unwrap();
                row_group.append_column(&Bytes::from(bytes), close).unwrap();
                row_group.close().unwrap();
                (rows, whole) = (rows + count, whole + 1);
            }
            assert!(whole > 2, "{whole} row groups");
            let written = Bytes::from(written.into_inner().unwrap());
            let reader = ParquetRecordBatchReaderBuilder::try_new(written).unwrap();
            let batches: Vec<RecordBatch> =
                reader.with_batch_size(ROWS).build().unwrap().map(Result::unwrap).collect();
            let found: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(0).as_ref()).collect();
            assert_eq!(&arrow_select::concat::concat(&found).unwrap(), &array);
            // a page that is cut is not copied
            let mut column = one_column(&file);
            let part = column.take(column_end(&file) - 1).unwrap();
            assert!(part.verbatim(&description).unwrap().is_none());
        }
    }

    fn column_end(file: &Positioned) -> usize {
        one_column(file).last_page_end(1_700).unwrap()
    }

    #[test]
    fn a_damaged_byte_is_an_error_or_another_value_and_never_a_panic() {
        let scratch = Scratch::create();
        let (array, properties) = ids(WriterVersion::PARQUET_2_0, Compression::SNAPPY);
        let file = write(&scratch, &[("id", array)], true, properties);
        let bytes = file.bytes_at(0, file.length() as usize).unwrap();
        let builder = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap();
        let chunk = builder.metadata().row_group(0).column(0).clone();
        let end = chunk.compressed_size() as usize + 4;
        for at in (4..end).step_by(if end > 4_000 { 7 } else { 1 }) {
            for flip in [1u8, 0x80, 0xFF] {
                let mut bytes = bytes.to_vec();
                bytes[at] ^= flip;
                let path = scratch.file("damaged.parquet", bytes);
                let file = Positioned::open(&Endpoint::File(path)).unwrap();
                let opened = PagedColumn::open((&"x".into(), 1), &file, &chunk, &DataType::Utf8, ROWS);
                let Ok(Some(mut column)) = opened else { continue };
                let Ok(part) = column.take(ROWS) else { continue };
                let copied = part.verbatim(&chunk.column_descr_ptr());
                let decoded = part.array();
                assert_eq!(copied.is_ok(), decoded.is_ok(), "byte {at}: {:?}", decoded.err());
            }
        }
    }

    #[test]
    fn texts_are_checked_one_by_one_where_they_must_be() {
        let page = |texts: &[&[u8]]| {
            let text = |text: &&[u8]| [&(text.len() as u32).to_le_bytes()[..], text].concat();
            texts.iter().flat_map(text).collect::<Vec<u8>>()
        };
        let long = "é".repeat(70);
        assert!(check_texts(&page(&[b"a", long.as_bytes(), b""]), 3).is_ok());
        assert!(check_texts(&page(&[b"a", b"b"]), 3).is_err());
        assert!(check_texts(&page(&[b"\xFF"]), 1).is_err());
        // a character that begins in one text and would end in the length of the next
        let mut split = page(&[b"\xC3"]);
        split.extend(page(&[&[b'a'; 0x89]]));
        assert!(check_texts(&split, 2).is_err());
        assert!(check_texts(&page(&[b"a", b"b"])[..9], 2).is_err());
    }
}
