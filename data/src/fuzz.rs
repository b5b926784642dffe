//! Do our own Parquet pages hold what was written, and do damaged ones cause nothing but an error? Any bytes are a
//! table, a way to write it and damage to the file. The stock reader of the `parquet` crate is the witness.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::{WriterProperties, WriterVersion};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field as ArrowField, Fields, Schema as ArrowSchema};
use arrow_select::concat::concat;
use opus_ir::memory::Columns;
use opus_ir::{Domain, EnumDef, EnumValue, Field, Interval, Kind, Schema};

use crate::error::DataError;
use crate::guard::guarded;
use crate::write::{Data, Layout, Spec, Table, create};
use crate::{Endpoint, Format, Intake, Kept, Located, Mapping, Reader};

/// The most rows of a row group.
const ROWS_MAX: u64 = 700;

/// Writes and reads Parquet pages as the bytes say.
///
/// A table is written by this crate, read by it as fields and as kept columns, and read by the stock reader: all must be
/// the same. Optional fields are read as members of a struct too, some of which are null. Then a file, of this crate or of the stock writer, is damaged and read: what both readers accept must be the
/// same. A panic of a library on a damaged file counts as an error, if the panic hook lets it pass
/// ([`is_guarded`](crate::is_guarded)).
///
/// # Panics
/// Where values differ, or a whole file cannot be read.
///
/// ```
/// opus_data::fuzz::pages(b"any bytes are a table");
/// ```
pub fn pages(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let schema = schema(&mut bytes);
    let groups: Vec<Group> = (0..1 + bytes.below(3)).map(|_| Group::new(&schema, &mut bytes)).collect();
    let layout = Arc::new(layout(&schema));
    let file = Scratch::new();
    write(&file.0, &layout, &groups);
    check_whole(&file.0, &schema, &layout, &groups);
    if bytes.below(2) == 0 {
        write_stock(&file.0, &layout, &groups, &mut bytes);
        check_whole(&file.0, &schema, &layout, &groups);
    }
    if bytes.below(4) == 0 {
        check_nested(&file.0, &schema, &layout, &groups, &mut bytes);
        write(&file.0, &layout, &groups);
    }
    let whole = fs::read(&file.0).expect("the file can be read");
    fs::write(&file.0, damaged(whole, &mut bytes)).expect("the file can be written");
    check_damaged(&file.0, &schema, &layout);
}

/// Bytes as a source of choices; zeros follow the last.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn below(&mut self, end: u64) -> u64 {
        if end <= 1 << 8 { u64::from(self.byte()) % end } else { self.word() % end }
    }
}

/// A file that is removed in the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("opus-pages-{}-{number}.parquet", std::process::id());
        Scratch(std::env::temp_dir().join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A field of every kind and width; which of them are optional is chosen.
fn schema(bytes: &mut Bytes<'_>) -> Schema {
    let huge = 10i128.pow(37);
    let kinds = [
        (Kind::Bool, 0, 1),
        (Kind::Int, -100, 100),
        (Kind::Int, 0, 30_000),
        (Kind::Int, i128::from(i32::MIN), i128::from(i32::MAX)),
        (Kind::Int, i128::from(i64::MIN), i128::from(i64::MAX)),
        (Kind::Int, -huge, huge),
        (Kind::Decimal(3), -10_000, 10_000),
        (Kind::Money, 0, 10i128.pow(12)),
        (Kind::Percent(2), 0, 10_000),
        (Kind::Days, 0, 365),
        (Kind::Date, 10_000, 30_000),
        (Kind::Enum(0), 0, 2),
        (Kind::Enum(1), 0, 199),
    ];
    let names = |name: &str, count: usize| {
        let value = |code: usize| EnumValue { name: format!("{name}_{code}"), text: None };
        EnumDef { name: name.into(), values: (0..count).map(value).collect() }
    };
    let field = |(index, (kind, lo, hi)): (usize, (Kind, i128, i128))| Field {
        name: format!("field_{index}"),
        kind,
        domain: Domain::all(Interval::new(lo, hi)),
        optional: bytes.below(2) == 0,
    };
    Schema {
        enums: vec![names("few", 3), names("many", 200)],
        inputs: kinds.into_iter().enumerate().map(field).collect(),
        ..Schema::default()
    }
}

/// The fields, and columns that are only kept.
fn layout(schema: &Schema) -> Layout {
    let mut columns: Vec<Spec> = schema.inputs.iter().map(|field| Spec::of_field(schema, field)).collect();
    for (name, data_type) in
        [("text", DataType::Utf8), ("long", DataType::Int64), ("double", DataType::Float64)]
    {
        columns.push(Spec::kept(&Kept { data_type, ..Kept::text(name, false) }));
    }
    Layout { columns, metadata: Vec::new() }
}

/// The rows of a row group.
struct Group {
    rows: usize,
    fields: Columns,
    kept: Vec<ArrayRef>,
}

impl Group {
    fn new(schema: &Schema, bytes: &mut Bytes<'_>) -> Group {
        let rows = bytes.below(ROWS_MAX) as usize;
        let mut fields = Columns::new(&schema.input_columns(), rows);
        fields.set_rows(rows);
        for (index, field) in schema.inputs.iter().enumerate() {
            let range = field.domain.range;
            let span = range.hi.wrapping_sub(range.lo).unsigned_abs() + 1;
            for (row, value) in Values::new(bytes).take(rows).enumerate() {
                let number = |value: u64| range.lo + (u128::from(value) % span) as i128;
                let value = value.or((!field.optional).then_some(0));
                fields.set(index, row, value.map(number));
            }
        }
        let texts = Values::new(bytes).take(rows).map(|value| {
            // some are long, and some have more bytes than characters
            value.map(|value| "é".repeat(value as usize % 3) + &"x".repeat(value as usize % 40))
        });
        let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
        let longs = Values::new(bytes).take(rows).map(|value| value.map(|value| value as i64));
        let longs: ArrayRef = Arc::new(longs.collect::<Int64Array>());
        let doubles = Values::new(bytes).take(rows).map(|value| value.map(f64::from_bits));
        let doubles: ArrayRef = Arc::new(doubles.collect::<Float64Array>());
        Group { rows, fields, kept: vec![texts, longs, doubles] }
    }

    fn table(&self) -> Table<'_> {
        let fields = (0..self.fields.len()).map(|index| Data::Column(&self.fields, index));
        let kept = self.kept.iter().map(|array| Data::Array(array.clone()));
        Table { rows: self.rows, columns: fields.chain(kept).collect() }
    }
}

/// The values of a column, as columns are: one value, a few, in order, or any; some are missing.
struct Values {
    state: u64,
    distinct: u64,
    in_order: bool,
    /// One value in this many is missing; all if 1, none if 0.
    missing: u64,
    next: u64,
}

impl Values {
    fn new(bytes: &mut Bytes<'_>) -> Values {
        let shape = bytes.byte();
        let distinct = [1, 2, 5, 300, u64::MAX][usize::from(shape % 5)];
        let missing = [0, 1, 2, 9][usize::from(shape / 5 % 4)];
        Values { state: bytes.word(), distinct, in_order: shape >= 128, missing, next: 0 }
    }
}

impl Iterator for Values {
    type Item = Option<u64>;

    fn next(&mut self) -> Option<Option<u64>> {
        // Knuth's generator: its high bits are well mixed
        let mut random = || {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            self.state.rotate_left(32)
        };
        let (chosen, missing) = (random(), random());
        self.next += 1;
        let value = if self.in_order { self.next } else { chosen } % self.distinct;
        // far apart, so that they do not fit a narrow code
        let value = if self.distinct < 10 { value.wrapping_mul(0x9E37_79B9_7F4A_7C15) } else { value };
        Some((self.missing == 0 || missing % self.missing != 0).then_some(value))
    }
}

fn write(path: &Path, layout: &Arc<Layout>, groups: &[Group]) {
    let format = Format::named("parquet").expect("there is Parquet");
    let located = Located { endpoint: Endpoint::File(path.to_owned()), format };
    let (encoder, mut writer) = create(&located, layout).expect("a file can be begun");
    for group in groups {
        let rows = encoder.encode(&group.table()).expect("rows can be encoded");
        writer.append(rows).expect("rows can be written");
    }
    writer.finish().and_then(|file| file.name()).expect("the file can be named");
}

/// The arrays of a row group.
fn arrays(layout: &Layout, group: &Group) -> Vec<ArrayRef> {
    let table = group.table();
    layout.columns.iter().zip(&table.columns).map(|(spec, data)| spec.array(data, group.rows)).collect()
}

/// How other tools write pages: one of several ways.
fn properties(bytes: &mut Bytes<'_>) -> WriterProperties {
    let shape = bytes.byte();
    let codec = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())];
    let version = [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0][usize::from(shape / 3 % 2)];
    WriterProperties::builder()
        .set_compression(codec[usize::from(shape % 3)])
        .set_writer_version(version)
        .set_dictionary_enabled((shape / 6).is_multiple_of(2))
        .set_data_page_row_count_limit([100, 20_000][usize::from(shape / 12 % 2)])
        .set_write_batch_size(64)
        .build()
}

/// Writes the same rows as other tools do.
fn write_stock(path: &Path, layout: &Layout, groups: &[Group], bytes: &mut Bytes<'_>) {
    let schema = Arc::new(layout.arrow_schema());
    let rows = groups.iter().map(|group| {
        RecordBatch::try_new(schema.clone(), arrays(layout, group)).expect("columns of the schema")
    });
    write_batches(path, rows.collect(), bytes);
}

/// Writes each batch as a row group.
fn write_batches(path: &Path, batches: Vec<RecordBatch>, bytes: &mut Bytes<'_>) {
    let file = File::create(path).expect("a file can be made");
    let schema = batches[0].schema();
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties(bytes))).expect("it begins");
    for rows in &batches {
        writer.write(rows).expect("it is written");
        writer.flush().expect("a row group ends");
    }
    writer.close().expect("it ends");
}

/// Checks that the optional fields are read as members of a struct in a struct, which are missing where one of these is.
fn check_nested(path: &Path, schema: &Schema, layout: &Layout, groups: &[Group], bytes: &mut Bytes<'_>) {
    let (optional, plain): (Vec<usize>, Vec<usize>) =
        (0..schema.inputs.len()).partition(|index| schema.inputs[*index].optional);
    if optional.is_empty() {
        return;
    }
    let (mut batches, mut expected) = (Vec::new(), Vec::new());
    for group in groups {
        let arrays = arrays(layout, group);
        let mut present = || Values::new(bytes).take(group.rows).map(|value| value.is_some()).collect();
        let (inner_present, outer_present): (Vec<bool>, Vec<bool>) = (present(), present());
        for row in 0..group.rows {
            let is_there = inner_present[row] && outer_present[row];
            let value = |index: usize| {
                group.fields.get(index, row).filter(|_| is_there || !schema.inputs[index].optional)
            };
            expected.push((0..group.fields.len()).map(value).collect::<Vec<Option<i128>>>());
        }
        let field = |index: &usize| {
            let (name, data_type) = (&schema.inputs[*index].name, arrays[*index].data_type().clone());
            ArrowField::new(name, data_type, schema.inputs[*index].optional)
        };
        let wrap = |fields: Fields, arrays: Vec<ArrayRef>, present: Vec<bool>| -> ArrayRef {
            let nulls = Some(NullBuffer::from(present));
            let array = StructArray::try_new_with_length(fields, arrays, nulls, group.rows);
            Arc::new(array.expect("members of one length"))
        };
        let members = optional.iter().map(|index| arrays[*index].clone()).collect();
        let inner = wrap(optional.iter().map(field).collect(), members, inner_present);
        let inner_field = ArrowField::new("inner", inner.data_type().clone(), true);
        let outer = wrap(vec![inner_field].into(), vec![inner], outer_present);
        let outer_field = ArrowField::new("outer", outer.data_type().clone(), true);
        let fields = plain.iter().map(field).chain([outer_field]).collect::<Vec<_>>();
        let columns = plain.iter().map(|index| arrays[*index].clone()).chain([outer]).collect();
        let rows = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns);
        batches.push(rows.expect("columns of the schema"));
    }
    write_batches(path, batches, bytes);
    let entry = |field: &Field| {
        let column = field.optional.then(|| format!("column = [\"outer\", \"inner\", \"{}\"]\n", field.name));
        let unit = matches!(field.kind, Kind::Percent(_)).then_some("unit = \"percent\"\n");
        format!("[{}]\n{}{}", field.name, column.unwrap_or_default(), unit.unwrap_or_default())
    };
    let mapping: String = schema.inputs.iter().map(entry).collect();
    let mapping = Mapping::parse(&mapping, schema).expect("a mapping");
    let intake = Intake { schema: schema.clone(), mapping, keep: Vec::new() };
    let said = read_as(path, &intake).expect("a whole file can be read");
    assert_eq!(said.refused, 0, "members are refused");
    assert!(said.fields == expected, "members are not what was written");
}

/// What a file says: the fields of every row, and all columns as arrays.
struct Said {
    fields: Vec<Vec<Option<i128>>>,
    refused: usize,
    kept: Vec<ArrayRef>,
}

/// Reads a file as this crate does.
fn read(path: &Path, schema: &Schema, layout: &Layout) -> Result<Said, DataError> {
    let keep = layout.columns.iter().map(|spec| spec.name.clone()).collect();
    read_as(path, &Intake { schema: schema.clone(), mapping: Mapping::as_written(schema), keep })
}

fn read_as(path: &Path, intake: &Intake) -> Result<Said, DataError> {
    let mut reader = Reader::open(crate::inputs(&[path.to_owned()], None)?, intake)?;
    let mut said = Said { fields: Vec::new(), refused: 0, kept: Vec::new() };
    let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); intake.keep.len()];
    while let Some(chunk) = reader.next_chunk()? {
        let rows = chunk.rows;
        let mut columns = Columns::new(&intake.schema.input_columns(), rows);
        let mut faults = Vec::new();
        let filled = chunk.fill(intake, &mut columns, &mut faults)?;
        said.refused += faults.len();
        let row = |row| (0..columns.len()).map(|index| columns.get(index, row)).collect();
        said.fields.extend((0..rows).map(row));
        for (parts, column) in parts.iter_mut().zip(&filled.kept) {
            parts.push(column.array()?);
        }
    }
    said.kept = joined(&parts);
    Ok(said)
}

/// Columns that come in parts; none if there are no rows.
fn joined(parts: &[Vec<ArrayRef>]) -> Vec<ArrayRef> {
    let parts = parts.iter().filter(|parts| !parts.is_empty());
    let join = |parts: &Vec<ArrayRef>| {
        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
        concat(&parts).expect("the parts of a column are of one type")
    };
    parts.map(join).collect()
}

/// Reads a file with the stock reader; `None` where it does not accept it.
fn read_stock(path: &Path) -> Option<Vec<ArrayRef>> {
    let read = || -> Option<Vec<ArrayRef>> {
        let file = File::open(path).expect("the file is there");
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).ok()?.build().ok()?;
        let mut parts: Vec<Vec<ArrayRef>> = Vec::new();
        for rows in reader {
            let rows = rows.ok()?;
            parts.resize(rows.num_columns(), Vec::new());
            parts.iter_mut().zip(rows.columns()).for_each(|(parts, column)| parts.push(column.clone()));
        }
        Some(joined(&parts))
    };
    guarded(read).ok().flatten()
}

fn assert_same(name: &str, ours: &[ArrayRef], theirs: &[ArrayRef]) {
    assert_eq!(ours.len(), theirs.len(), "{name}: the columns");
    for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        assert!(ours.to_data() == theirs.to_data(), "{name}: column {index}: {ours:?} is not {theirs:?}");
    }
}

/// Checks that an undamaged file says what was written.
fn check_whole(path: &Path, schema: &Schema, layout: &Layout, groups: &[Group]) {
    let said = read(path, schema, layout).expect("a whole file can be read");
    let row = |group: &Group, row: usize| -> Vec<Option<i128>> {
        (0..group.fields.len()).map(|index| group.fields.get(index, row)).collect()
    };
    let written = groups.iter().flat_map(|group| (0..group.rows).map(move |at| row(group, at)));
    assert_eq!(said.refused, 0, "fields are refused");
    assert!(said.fields.into_iter().eq(written), "fields are not what was written");
    let mut parts: Vec<Vec<ArrayRef>> = vec![Vec::new(); layout.columns.len()];
    for group in groups.iter().filter(|group| group.rows > 0) {
        let arrays = arrays(layout, group);
        parts.iter_mut().zip(arrays).for_each(|(parts, array)| parts.push(array));
    }
    let written = joined(&parts);
    assert_same("ours and what was written", &said.kept, &written);
    let stock = read_stock(path).expect("the stock reader accepts a whole file");
    assert_same("the stock reader and what was written", &stock, &written);
}

/// A file with some bytes replaced, removed or repeated.
fn damaged(mut file: Vec<u8>, bytes: &mut Bytes<'_>) -> Vec<u8> {
    /// Lengths that no file has, as they are written in several places.
    const LENGTHS: [&[u8]; 4] = [
        &[0xFF; 8],
        &[0, 0, 0, 0, 0, 1, 0, 0],
        &[0xFE, 0xFF, 0xFF, 0xFF, 0x0F],
        &[0x80, 0x80, 0x80, 0x80, 0x08],
    ];
    for _ in 0..1 + bytes.below(4) {
        if file.is_empty() {
            break;
        }
        let at = (bytes.word() % file.len() as u64) as usize;
        match bytes.below(8) {
            0 => file.truncate(at),
            1 => {
                file.remove(at);
            }
            2 => file.insert(at, bytes.byte()),
            3 | 4 => {
                let length = LENGTHS[bytes.below(4) as usize];
                let end = (at + length.len()).min(file.len());
                file[at..end].copy_from_slice(&length[..end - at]);
            }
            _ => file[at] ^= 1 << bytes.below(8),
        }
    }
    file
}

/// That a damaged file is refused, or says what the stock reader says.
fn check_damaged(path: &Path, schema: &Schema, layout: &Layout) {
    let Ok(said) = read(path, schema, layout) else { return };
    // lengths that this crate has checked are all that the stock reader believes
    if let Some(stock) = read_stock(path)
        && stock.len() == said.kept.len()
    {
        assert_same("ours and the stock reader, of a damaged file", &said.kept, &stock);
    }
}
