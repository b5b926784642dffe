//! What are the pages of a column chunk? They are found by their headers, and unpacked and checked when their values
//! are needed.
//!
//! Finding pages is cheap and happens in order. Unpacking is the work that threads share, and a column that is only
//! copied can be written again in the bytes that were read.

use std::sync::OnceLock;

use ::parquet::basic::{Compression, Encoding};
use ::parquet::errors::Result;
use arrow_buffer::BooleanBuffer;
use bytes::Bytes;

use super::header::{Header, Incomplete, Kind};
use super::open::damaged;
use super::runs::presence;
use crate::positioned::Positioned;

/// How much is read at a time; more is read only if a page is longer.
const WINDOW_BYTES: u64 = 1 << 20;

/// How often its own length an unpacked page gets as memory before any of it is unpacked.
const EXPANSION: usize = 64;

/// A page may unpack to this much even if it holds no value.
const SMALL_BYTES: usize = 1 << 16;

/// Snappy copies at most 64 bytes for each 3 bytes of input.
const SNAPPY_EXPANSION: usize = 22;

/// The pages of one column chunk, in order.
pub struct PageReader {
    file: Positioned,
    /// Where the window begins, and where the column chunk ends.
    at: u64,
    end: u64,
    window: Bytes,
}

/// A page as it is in the file.
pub struct RawPage {
    pub header: Header,
    /// The header and the body.
    pub bytes: Bytes,
    body_at: usize,
}

impl PageReader {
    /// The pages between two positions of a file.
    ///
    /// # Errors
    /// Where the file is shorter.
    pub fn new(file: &Positioned, start: i64, length: i64) -> Result<PageReader> {
        let start = u64::try_from(start).map_err(|_| damaged("a column begins before the file"))?;
        let end = u64::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.filter(|end| *end <= file.length());
        let end = end.ok_or_else(|| damaged("a column ends after the file"))?;
        Ok(PageReader { file: file.clone(), at: start, end, window: Bytes::new() })
    }

    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// Where it is damaged or cannot be read.
    pub fn next(&mut self) -> Result<Option<RawPage>> {
        if self.at == self.end {
            return Ok(None);
        }
        let mut wanted = 1;
        loop {
            self.fill(wanted)?;
            match Header::read(&self.window) {
                Ok((header, body_at)) => {
                    let length = body_at
                        .checked_add(header.packed_bytes)
                        .filter(|length| *length as u64 <= self.end - self.at)
                        .ok_or_else(|| damaged("a page is longer than its column"))?;
                    self.fill(length)?;
                    let bytes = self.window.split_to(length);
                    self.at += length as u64;
                    return Ok(Some(RawPage { header, bytes, body_at }));
                }
                Err(Incomplete::Damaged(message)) => return Err(damaged(message)),
                Err(Incomplete::Short) if self.window.len() as u64 == self.end - self.at => {
                    return Err(damaged("a page header ends early"));
                }
                Err(Incomplete::Short) => wanted = self.window.len() * 2,
            }
        }
    }

    /// Reads until the window has this many bytes, or reaches the end of the column chunk.
    fn fill(&mut self, wanted: usize) -> Result<()> {
        let left = self.end - self.at;
        let wanted = (wanted as u64).min(left);
        if self.window.len() as u64 >= wanted {
            return Ok(());
        }
        let length = wanted.max(WINDOW_BYTES).min(left) as usize;
        self.window = self.file.bytes_at(self.at, length)?;
        if self.window.len() < length {
            return Err(damaged("the file ends early"));
        }
        Ok(())
    }
}

/// A data page, unpacked once for all threads that need it.
pub struct DataPage {
    pub raw: RawPage,
    pub rows: usize,
    open: OnceLock<std::result::Result<OpenPage, String>>,
}

/// What a data page holds.
pub struct OpenPage {
    /// Which rows are present; `None` if all are.
    pub present: Option<BooleanBuffer>,
    pub values: Bytes,
    /// Whether values are codes of the dictionary.
    pub is_coded: bool,
}

impl DataPage {
    pub fn new(raw: RawPage, rows: usize) -> DataPage {
        DataPage { raw, rows, open: OnceLock::new() }
    }

    /// Unpacks the page; `depth` is the definition level of values that are present, 0 where none can be missing.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn open(&self, codec: Compression, depth: u32) -> Result<&OpenPage> {
        let open = self.open.get_or_init(|| self.opened(codec, depth).map_err(|error| error.to_string()));
        open.as_ref().map_err(|message| damaged(message.trim_start_matches("Parquet error: ")))
    }

    fn opened(&self, codec: Compression, depth: u32) -> Result<OpenPage> {
        let bytes = self.raw.unpack(codec)?;
        let (levels, values, encoding) = match self.raw.header.kind {
            Kind::Data { encoding, levels, .. } if depth > 0 => {
                if levels != Encoding::RLE {
                    return Err(damaged("levels are written in an encoding that is no longer used"));
                }
                let length = bytes.first_chunk::<4>().ok_or_else(|| damaged("a page ends early"))?;
                let length = u32::from_le_bytes(*length) as usize;
                let (levels, values) = split(&bytes.slice(4..), length)?;
                (levels, values, encoding)
            }
            Kind::Data { encoding, .. } => (Bytes::new(), bytes, encoding),
            Kind::DataV2 { encoding, level_bytes: [repetition, definition], .. } => {
                let (_, rest) = split(&bytes, repetition)?;
                let (levels, values) = split(&rest, definition)?;
                (levels, values, encoding)
            }
            Kind::Dictionary { .. } | Kind::Index => return Err(damaged("a page is of another kind")),
        };
        let is_coded = match encoding {
            Encoding::PLAIN => false,
            Encoding::PLAIN_DICTIONARY | Encoding::RLE_DICTIONARY => true,
            other => {
                let message =
                    format!("a page is written in the encoding {other}, which its file does not name");
                return Err(damaged(message));
            }
        };
        let present = if depth > 0 { Some(presence(&levels, self.rows, depth)?) } else { None };
        let present = present.filter(|present| present.count_set_bits() < self.rows);
        Ok(OpenPage { present, values, is_coded })
    }
}

fn split(bytes: &Bytes, at: usize) -> Result<(Bytes, Bytes)> {
    if at > bytes.len() {
        Err(damaged("a page ends early"))
    } else {
        Ok((bytes.slice(..at), bytes.slice(at..)))
    }
}

/// Whether pages of a codec can be unpacked here; the general reader knows the others.
pub fn is_known(codec: Compression) -> bool {
    matches!(codec, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::ZSTD(_))
}

impl RawPage {
    /// How long the header is.
    pub fn header_bytes(&self) -> usize {
        self.body_at
    }

    /// The body as it was before it was compressed, with the levels.
    ///
    /// # Errors
    /// Where its checksum is another, or it is damaged in another way.
    pub fn unpack(&self, codec: Compression) -> Result<Bytes> {
        let body = self.bytes.slice(self.body_at..);
        if self.header.checksum.is_some_and(|checksum| crc32fast::hash(&body) != checksum) {
            return Err(damaged("Page CRC checksum mismatch"));
        }
        let plain_bytes = self.header.plain_bytes;
        let (levels, packed, is_packed) = match self.header.kind {
            Kind::DataV2 { level_bytes: [repetition, definition], is_packed, .. } => {
                let levels = repetition.checked_add(definition).filter(|bytes| *bytes <= plain_bytes);
                let levels =
                    levels.ok_or_else(|| damaged("the levels of a page are longer than the page"))?;
                (levels, split(&body, levels)?.1, is_packed)
            }
            _ => (0, body.clone(), true),
        };
        if !is_packed || codec == Compression::UNCOMPRESSED || (packed.is_empty() && plain_bytes == levels) {
            return if body.len() == plain_bytes {
                Ok(body)
            } else {
                Err(damaged("a page has another length"))
            };
        }
        let mut plain = Vec::with_capacity(plain_bytes.min(body.len() * EXPANSION + SMALL_BYTES));
        plain.extend_from_slice(&body[..levels]);
        match codec {
            Compression::SNAPPY => snappy(&packed, plain_bytes, &mut plain)?,
            Compression::ZSTD(_) => zstandard(&packed, plain_bytes, &mut plain)?,
            other => {
                return Err(damaged(format!("pages that are compressed with {other} are read elsewhere")));
            }
        }
        if plain.len() == plain_bytes { Ok(plain.into()) } else { Err(damaged("a page has another length")) }
    }
}

fn snappy(packed: &[u8], plain_bytes: usize, plain: &mut Vec<u8>) -> Result<()> {
    let failed = |_: snap::Error| damaged("a page cannot be unpacked with Snappy");
    let start = plain.len();
    let length = snap::raw::decompress_len(packed).map_err(failed)?;
    if start + length != plain_bytes || length > packed.len() * SNAPPY_EXPANSION {
        return Err(damaged("a page has another length"));
    }
    plain.resize(plain_bytes, 0);
    snap::raw::Decoder::new().decompress(packed, &mut plain[start..]).map_err(failed)?;
    Ok(())
}

fn zstandard(packed: &[u8], plain_bytes: usize, plain: &mut Vec<u8>) -> Result<()> {
    use std::io::Read;
    let failed = |_: std::io::Error| damaged("a page cannot be unpacked with Zstandard");
    if plain.capacity() >= plain_bytes && plain.is_empty() {
        // one call where the memory is there
        let mut decompressor = zstd::bulk::Decompressor::new().map_err(failed)?;
        decompressor.decompress_to_buffer(packed, plain).map_err(failed)?;
        return Ok(());
    }
    let left = (plain_bytes - plain.len()) as u64;
    // one byte more, so that a page that is too long is noticed
    let decoder = zstd::stream::read::Decoder::new(packed).map_err(failed)?;
    decoder.take(left + 1).read_to_end(plain).map_err(failed)?;
    Ok(())
}
