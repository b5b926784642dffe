//! Does an Arrow IPC file claim more than it holds? The library that reads it allocates what lengths in the file say;
//! a damaged length would end the process. So lengths are checked before it is called: against the bytes that the file
//! has, and for packed buffers against what their bytes can unpack to.

use std::io;

use arrow_ipc::{Block, CompressionType, MessageHeader, RecordBatch};

use crate::positioned::Positioned;

/// What LZ4 makes of a byte at most.
const LZ4_EXPANSION: u64 = 255;
/// What Zstandard makes of a byte at most: 128 KiB of a block that repeats one byte, which takes 4.
const ZSTD_EXPANSION: u64 = 1 << 15;
/// The most that the buffers of a record batch unpack to.
const BATCH_BYTES_MAX: u64 = 1 << 31;
/// The most rows of a record batch, as in Arrow's specification.
const BATCH_ROWS_MAX: i64 = i32::MAX as i64;

/// Where a footer ends: its length, and the mark of a file.
const TAIL_BYTES: u64 = 10;
/// What each message begins with, since 2019.
const CONTINUATION: [u8; 4] = [0xFF; 4];

/// What is wrong, or that the file cannot be read.
type Checked<T> = Result<T, Claim>;

/// Why a file is not read.
#[derive(Debug)]
pub enum Claim {
    /// It claims more than it can hold.
    Wrong(&'static str),
    /// It cannot be read at all.
    Unreadable(io::Error),
}

impl From<io::Error> for Claim {
    fn from(error: io::Error) -> Claim {
        Claim::Unreadable(error)
    }
}

/// Checks the lengths in a file with a footer, and answers the bytes of the footer.
///
/// # Errors
/// Where one is wrong.
pub fn check_file(file: &Positioned) -> Checked<bytes::Bytes> {
    let tail_at = file.length().checked_sub(TAIL_BYTES).ok_or(Claim::Wrong("the file ends early"))?;
    let footer_bytes = four(file, tail_at)?;
    let footer_at = u64::try_from(footer_bytes).ok().and_then(|length| tail_at.checked_sub(length));
    let footer_at = footer_at.ok_or(Claim::Wrong("the footer is longer than the file"))?;
    let bytes = exactly(file, footer_at, tail_at - footer_at)?;
    let footer = arrow_ipc::root_as_footer(&bytes).map_err(|_| Claim::Wrong("the footer is damaged"))?;
    let blocks = footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten();
    blocks.into_iter().try_for_each(|block| check_block(file, block))?;
    Ok(bytes)
}

fn check_block(file: &Positioned, block: &Block) -> Checked<()> {
    let claimed = "a record batch is longer than the file";
    let at = length(block.offset(), claimed)?;
    let metadata = length(i64::from(block.metaDataLength()), claimed)?;
    let body = length(block.bodyLength(), claimed)?;
    let end = at.checked_add(metadata).and_then(|at| at.checked_add(body));
    if end.is_none_or(|end| end > file.length()) {
        return Err(Claim::Wrong(claimed));
    }
    let bytes = exactly(file, at, metadata)?;
    let message = match bytes.strip_prefix(&CONTINUATION) {
        Some(rest) => rest.get(4..),
        None => bytes.get(4..),
    };
    check_message(file, message.unwrap_or_default(), at + metadata, body).map(|_| ())
}

/// Checks the lengths in a stream.
///
/// # Errors
/// Where one is wrong.
pub fn check_stream(file: &Positioned) -> Checked<()> {
    let mut at = 0;
    // a stream may end without an end mark, between two messages
    while at + 4 <= file.length() {
        let mut metadata = four(file, at)?;
        at += 4;
        if metadata == i32::from_le_bytes(CONTINUATION) {
            metadata = four(file, at)?;
            at += 4;
        }
        if metadata == 0 {
            break;
        }
        let metadata = length(i64::from(metadata), "a message is longer than the stream")?;
        let message = exactly(file, at, metadata)?;
        at += metadata;
        at += check_message(file, &message, at, file.length() - at)?;
    }
    Ok(())
}

/// Checks a message whose body begins at `at`; answers how long the body is.
fn check_message(file: &Positioned, message: &[u8], at: u64, room: u64) -> Checked<u64> {
    let message = arrow_ipc::root_as_message(message).map_err(|_| Claim::Wrong("a message is damaged"))?;
    let body = length(message.bodyLength(), "a message is longer than the file")?;
    if body > room {
        return Err(Claim::Wrong("a message is longer than the file"));
    }
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => None,
    };
    batch.map_or(Ok(()), |batch| check_batch(file, batch, at, body))?;
    Ok(body)
}

fn check_batch(file: &Positioned, batch: RecordBatch<'_>, at: u64, body: u64) -> Checked<()> {
    if !(0..=BATCH_ROWS_MAX).contains(&batch.length()) {
        return Err(Claim::Wrong("a record batch claims more rows than one can have"));
    }
    let expansion = batch.compression().map(|compression| match compression.codec() {
        CompressionType::LZ4_FRAME => LZ4_EXPANSION,
        _ => ZSTD_EXPANSION,
    });
    let mut unpacked = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let claimed = "a buffer is longer than its record batch";
        let (start, bytes) = (length(buffer.offset(), claimed)?, length(buffer.length(), claimed)?);
        if start.checked_add(bytes).is_none_or(|end| end > body) {
            return Err(Claim::Wrong(claimed));
        }
        let Some(expansion) = expansion.filter(|_| bytes > 0) else { continue };
        let prefix = exactly(file, at + start, 8.min(bytes))?;
        let prefix = prefix.first_chunk::<8>().ok_or(Claim::Wrong("a packed buffer has no length"))?;
        unpacked += match i64::from_le_bytes(*prefix) {
            // not packed after all
            -1 => 0,
            claim => {
                let claim = length(claim, "a packed buffer has a negative length")?;
                if claim > (bytes - 8).saturating_mul(expansion) {
                    return Err(Claim::Wrong("a packed buffer claims more than its bytes can unpack to"));
                }
                claim
            }
        };
        if unpacked > BATCH_BYTES_MAX {
            return Err(Claim::Wrong("a record batch claims to unpack to more than 2 GiB"));
        }
    }
    Ok(())
}

fn length(claimed: i64, wrong: &'static str) -> Checked<u64> {
    u64::try_from(claimed).map_err(|_| Claim::Wrong(wrong))
}

/// This many bytes, or an error if there are fewer.
fn exactly(file: &Positioned, at: u64, count: u64) -> Checked<bytes::Bytes> {
    let is_there = at.checked_add(count).is_some_and(|end| end <= file.length());
    let count =
        usize::try_from(count).ok().filter(|_| is_there).ok_or(Claim::Wrong("the file ends early"))?;
    let bytes = file.bytes_at(at, count)?;
    if bytes.len() == count { Ok(bytes) } else { Err(Claim::Wrong("the file ends early")) }
}

fn four(file: &Positioned, at: u64) -> Checked<i32> {
    let bytes = exactly(file, at, 4)?;
    Ok(i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}
