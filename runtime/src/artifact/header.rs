//! What does an artifact say about itself before anything in it is trusted? The first 160 bytes.
//!
//! | offset | bytes | content |
//! | --- | --- | --- |
//! | 0 | 8 | the magic number: `opus`, then bytes that any conversion of text would damage |
//! | 8 | 4 | the number of the format, little-endian |
//! | 12 | 4 | zero |
//! | 16 | 32 | the content hash: BLAKE3 of everything after it |
//! | 48 | 32 | the layout hash: BLAKE3 of the layout of the archived types |
//! | 80 | 32 | the meaning hash: BLAKE3 of the first section |
//! | 112 | 8 | the length of the first section, the meaning |
//! | 120 | 8 | the length of the second section, the detail |
//! | 128 | 32 | the version of the compiler that wrote the artifact: ASCII text, padded with zeros |
//!
//! The sections follow, each at a multiple of 16 bytes, with zeros between them.

use super::{ALIGNMENT_BYTES, ArtifactError, archived, earlier};
use crate::hash::Hash;

/// The first eight bytes. The line ends reveal a transfer as text; the zero and the byte with its high bit set
/// reveal any other conversion.
pub const MAGIC: [u8; 8] = *b"opus\xF5\r\n\0";
/// The number of the format that this crate writes.
pub const FORMAT: u32 = 5;
/// The numbers of the formats that this crate reads: every one that was released.
pub const FORMATS_READ: [u32; 4] = {
    let [two, three, four] = earlier::FORMATS;
    [two, three, four, FORMAT]
};
/// The size of the header.
pub const HEADER_BYTES: usize = 160;
/// Larger artifacts are refused before they are read. No policy comes close.
pub const ARTIFACT_BYTES_MAX: u64 = 1 << 30;
/// The longest text that names a compiler's version.
pub const COMPILER_BYTES_MAX: usize = HEADER_BYTES - COMPILER;

const CONTENT_HASH: usize = 16;
const HASHED: usize = 48;
const MEANING_HASH: usize = 80;
const LENGTHS: usize = 112;
const COMPILER: usize = 128;

/// The header of an artifact whose content hash matches its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub format: u32,
    pub content_hash: Hash,
    pub meaning_hash: Hash,
    compiler_bytes: usize,
    meaning_bytes: usize,
    detail_bytes: usize,
}

impl Header {
    /// Checks everything that can be checked without reading the sections, except the meaning hash.
    pub(crate) fn check(bytes: &[u8]) -> Result<Header, ArtifactError> {
        let short = || ArtifactError::Truncated {
            expected_bytes: HEADER_BYTES as u64,
            found_bytes: bytes.len() as u64,
        };
        let magic_at = bytes.len().min(MAGIC.len());
        if bytes[..magic_at] != MAGIC[..magic_at] || bytes.is_empty() {
            return Err(ArtifactError::NotAnArtifact);
        }
        // other formats may have shorter headers
        let format = bytes.get(8..12).ok_or_else(short)?;
        let format = u32::from_le_bytes(format.try_into().expect("the range has four bytes"));
        let layout = layout(format).ok_or(ArtifactError::Format { found: format })?;
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or_else(short)?;
        let compiler_bytes = compiler_length(&header[COMPILER..]).ok_or(ArtifactError::Header)?;
        if header[12..CONTENT_HASH] != [0; 4] {
            return Err(ArtifactError::Header);
        }
        if part(header, HASHED) != *layout.as_bytes() {
            return Err(ArtifactError::Layout);
        }
        let lengths = [0, 8].map(|at| u64::from_le_bytes(part(header, LENGTHS + at)));
        let [meaning_bytes, detail_bytes] = section_lengths(lengths, bytes.len())?;
        let content_hash = Hash::of(&bytes[HASHED..]);
        if part(header, CONTENT_HASH) != *content_hash.as_bytes() {
            return Err(ArtifactError::Content);
        }
        let meaning_hash = Hash::from_bytes(part(header, MEANING_HASH));
        Ok(Header { format, content_hash, meaning_hash, compiler_bytes, meaning_bytes, detail_bytes })
    }

    /// Checks the meaning hash of the bytes that the header was read from.
    pub(crate) fn check_meaning(&self, bytes: &[u8]) -> Result<(), ArtifactError> {
        if Hash::of(self.meaning(bytes)) == self.meaning_hash { Ok(()) } else { Err(ArtifactError::Meaning) }
    }

    /// The version of the compiler, in the bytes that the header was read from.
    pub(crate) fn compiler<'a>(&self, bytes: &'a [u8]) -> &'a str {
        let text = &bytes[COMPILER..COMPILER + self.compiler_bytes];
        std::str::from_utf8(text).expect("the version was checked to be ASCII")
    }

    /// The first section of the bytes that the header was read from.
    pub(crate) fn meaning<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[HEADER_BYTES..HEADER_BYTES + self.meaning_bytes]
    }

    /// The second section of the bytes that the header was read from.
    pub(crate) fn detail<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[bytes.len() - self.detail_bytes..]
    }
}

/// The layout hash of the artifacts of a format, if this crate reads it.
fn layout(format: u32) -> Option<Hash> {
    match format {
        FORMAT => Some(archived::layout()),
        earlier => earlier::layout_of(earlier),
    }
}

/// Whether a text can name a compiler's version in a header: printable ASCII, and not too long.
pub(crate) fn names_a_compiler(text: &str) -> bool {
    text.len() <= COMPILER_BYTES_MAX && text.bytes().all(is_printable)
}

/// How long the text is that zeros pad.
fn compiler_length(field: &[u8]) -> Option<usize> {
    let length = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    let (text, padding) = field.split_at(length);
    let sound = text.iter().copied().all(is_printable) && padding.iter().all(|byte| *byte == 0);
    sound.then_some(length)
}

fn is_printable(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

/// The bytes of an artifact with these sections, and room for both.
pub(crate) fn assemble(compiler: &str, meaning: &[u8], detail: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[HASHED..MEANING_HASH].copy_from_slice(archived::layout().as_bytes());
    bytes[MEANING_HASH..LENGTHS].copy_from_slice(Hash::of(meaning).as_bytes());
    bytes[LENGTHS..LENGTHS + 8].copy_from_slice(&(meaning.len() as u64).to_le_bytes());
    bytes[LENGTHS + 8..COMPILER].copy_from_slice(&(detail.len() as u64).to_le_bytes());
    bytes[COMPILER..COMPILER + compiler.len()].copy_from_slice(compiler.as_bytes());
    bytes.extend_from_slice(meaning);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT_BYTES), 0);
    bytes.extend_from_slice(detail);
    seal(&mut bytes);
    bytes
}

/// Writes the content hash that matches the bytes. Builders need it, and tests that damage an artifact in ways
/// that its hash does not reveal.
///
/// # Panics
/// Where the bytes are shorter than a header.
pub fn seal(bytes: &mut [u8]) {
    let hash = Hash::of(&bytes[HASHED..]);
    bytes[CONTENT_HASH..HASHED].copy_from_slice(hash.as_bytes());
}

/// Writes the matching meaning hash, if the section lengths are sound, then calls [`seal`].
///
/// # Panics
/// Where the bytes are shorter than a header.
pub fn seal_meaning(bytes: &mut [u8]) {
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().expect("the bytes hold a header");
    let lengths = [0, 8].map(|at| u64::from_le_bytes(part(header, LENGTHS + at)));
    if let Ok([meaning_bytes, _]) = section_lengths(lengths, bytes.len()) {
        let hash = Hash::of(&bytes[HEADER_BYTES..HEADER_BYTES + meaning_bytes]);
        bytes[MEANING_HASH..LENGTHS].copy_from_slice(hash.as_bytes());
    }
    seal(bytes);
}

/// The lengths of the sections, where they and the padding between add up to the whole.
fn section_lengths(lengths: [u64; 2], total_bytes: usize) -> Result<[usize; 2], ArtifactError> {
    let found_bytes = total_bytes as u64;
    let [meaning, detail] = lengths;
    let end = |start: u64, length: u64| start.checked_add(length).filter(|end| *end <= ARTIFACT_BYTES_MAX);
    let meaning_end = end(HEADER_BYTES as u64, meaning).ok_or(ArtifactError::Header)?;
    let expected_bytes = end(meaning_end.next_multiple_of(ALIGNMENT_BYTES as u64), detail);
    let expected_bytes = expected_bytes.ok_or(ArtifactError::Header)?;
    match expected_bytes.cmp(&found_bytes) {
        std::cmp::Ordering::Greater => Err(ArtifactError::Truncated { expected_bytes, found_bytes }),
        std::cmp::Ordering::Less => Err(ArtifactError::TooLong { expected_bytes, found_bytes }),
        std::cmp::Ordering::Equal => Ok([meaning as usize, detail as usize]),
    }
}

fn part<const N: usize>(header: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    header[at..at + N].try_into().expect("the range has this length")
}
