//! Is memory allocated because a file says so? Files with damaged lengths are read under an allocator that counts: no
//! single allocation may be larger than what the bytes of the file can unpack to.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use arrow_array::{ArrayRef, DictionaryArray, Int64Array, RecordBatch, StringArray, types::Int32Type};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use opus_data::{Intake, Mapping, Reader, inputs, is_guarded};
use opus_ir::memory::Columns;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// The largest allocation so far.
static LARGEST: AtomicUsize = AtomicUsize::new(0);

/// What may be allocated at once for the small files below: a chunk of rows, or a buffer that unpacks to all that
/// Zstandard can make of it.
const LARGEST_MAX: usize = 64 << 20;

/// How many places of each file are damaged.
const POSITIONS: usize = 150;

struct Counting;

// SAFETY: every call goes to the system's allocator as it is, or is refused.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the memory is of the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn rows() -> RecordBatch {
    let rows = 600;
    let n: ArrayRef =
        Arc::new(Int64Array::from_iter((0..rows).map(|row| (row % 7 != 0).then_some(row * 7919 % 500))));
    let word = |row: i64| ["red", "green", "a longer word"][row as usize % 3];
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| row.to_string())));
    let coded: ArrayRef =
        Arc::new((0..rows).map(|row| Some(word(row))).collect::<DictionaryArray<Int32Type>>());
    RecordBatch::try_from_iter_with_nullable([("n", n, true), ("text", texts, true), ("coded", coded, true)])
        .expect("the columns are as long as one another")
}

/// Small files, by extension.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let rows = rows();
    let mut files = Vec::new();
    for codec in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        let options = IpcWriteOptions::default().try_with_compression(codec).expect("the codec is there");
        let mut file =
            FileWriter::try_new_with_options(Vec::new(), &rows.schema(), options.clone()).expect("it begins");
        file.write(&rows).expect("it is written");
        files.push(("arrow", file.into_inner().expect("it ends")));
        let mut stream =
            StreamWriter::try_new_with_options(Vec::new(), &rows.schema(), options).expect("it begins");
        stream.write(&rows).expect("it is written");
        files.push(("arrow", stream.into_inner().expect("it ends")));
    }
    for codec in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(ZstdLevel::default())] {
        let properties = WriterProperties::builder().set_compression(codec).build();
        let mut file = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).expect("it begins");
        file.write(&rows).expect("it is written");
        files.push(("parquet", file.into_inner().expect("it ends")));
    }
    files
}

/// Reads a file to its end, or to what is wrong with it.
fn read(path: &Path, intake: &Intake) {
    let Ok(located) = inputs(&[path.to_owned()], None) else { return };
    let Ok(mut reader) = Reader::open(located, intake) else { return };
    while let Ok(Some(chunk)) = reader.next_chunk() {
        let mut columns = Columns::new(&intake.schema.input_columns(), chunk.rows);
        let _ = chunk.fill(intake, &mut columns, &mut Vec::new());
    }
}

/// A panic of a library on a damaged file is an error, and nobody need see it.
fn quietly() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_guarded() {
            before(panic);
        }
    }));
}

/// How long random pages are tried.
const PAGES_SECONDS: u64 = 1;

#[test]
fn pages_are_read_as_they_were_written_and_damage_is_an_error() {
    quietly();
    let end = Instant::now() + Duration::from_secs(PAGES_SECONDS);
    let (mut state, mut seed) = (0u64, 0);
    while Instant::now() < end {
        seed += 1;
        let bytes: Vec<u8> = (0..400)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 56) as u8
            })
            .collect();
        LARGEST.store(0, Ordering::Relaxed);
        opus_data::fuzz::pages(&bytes);
        let largest = LARGEST.load(Ordering::Relaxed);
        assert!(largest < LARGEST_MAX, "input {seed}: {largest} bytes at once");
    }
}

#[test]
fn no_allocation_follows_a_length_that_a_file_claims() {
    let policy = "policy a.echo { input { n : int in 0..1000 optional } output { b : bool }
        rules first { otherwise R1 => true } }";
    let schema = opus_frontend::compile(policy).0.expect("the policy compiles").program.schema;
    let keep = ["text", "coded"].map(str::to_owned).to_vec();
    let intake = Intake { mapping: Mapping::by_name(&schema), schema, keep };
    quietly();
    let folder = std::env::temp_dir().join(format!("opus-allocations-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder can be made");
    // the last two are numbers as Thrift writes them
    let lengths: [&[u8]; 6] = [
        &[0xFF; 8],
        &(1u64 << 40).to_le_bytes(),
        &0x7FFF_FFFFu32.to_le_bytes(),
        &(i64::MAX).to_le_bytes(),
        &[0xFE, 0xFF, 0xFF, 0xFF, 0x0F],
        &[0x80, 0x80, 0x80, 0x80, 0x08],
    ];
    for (index, (extension, whole)) in files().into_iter().enumerate() {
        let path = folder.join(format!("{index}.{extension}"));
        let damaged_by = |what: &str, bytes: Vec<u8>| {
            fs::write(&path, bytes).expect("a file can be written");
            LARGEST.store(0, Ordering::Relaxed);
            read(&path, &intake);
            let largest = LARGEST.load(Ordering::Relaxed);
            assert!(largest < LARGEST_MAX, "file {index} ({extension}), {what}: {largest} bytes at once");
        };
        damaged_by("whole", whole.clone());
        let step = whole.len() / POSITIONS + 1;
        for at in (0..whole.len()).step_by(step) {
            for length in lengths {
                let mut bytes = whole.clone();
                let end = (at + length.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&length[..end - at]);
                damaged_by(&format!("{length:02x?} at {at}"), bytes);
            }
        }
    }
    fs::remove_dir_all(&folder).expect("the folder can be removed");
}
