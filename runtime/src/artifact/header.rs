//! What does an artifact say about itself before anything in it is trusted? The fixed first 144 bytes.
//!
//! | offset | bytes | what |
//! | --- | --- | --- |
//! | 0 | 8 | the magic: `opus`, then bytes that any conversion of text would damage |
//! | 8 | 4 | the format's version, little-endian |
//! | 12 | 4 | zero |
//! | 16 | 32 | the content hash: BLAKE3 of everything behind it |
//! | 48 | 32 | the schema hash: BLAKE3 of the layout of the archived types |
//! | 80 | 32 | the meaning hash: BLAKE3 of the first section |
//! | 112 | 8 | the length of the first section, the meaning |
//! | 120 | 8 | the length of the second section, the detail |
//! | 128 | 16 | zero |
//!
//! The sections follow, each at a multiple of 16 bytes, with zeros between.

use super::ArtifactError;
use crate::hash::Hash;
use crate::room::ALIGNMENT_BYTES;

/// The first eight bytes: a line end of each kind shows a transfer as text, the zero and the eighth bit a
/// transfer as something else than bytes.
pub const MAGIC: [u8; 8] = *b"opus\xF5\r\n\0";
/// The version of the format that this crate writes and reads.
pub const FORMAT: u32 = 1;
/// The size of the header.
pub const HEADER_BYTES: usize = 144;
/// Larger artifacts are refused before they are read: no policy comes near.
pub const ARTIFACT_BYTES_MAX: u64 = 1 << 30;

const CONTENT_HASH: usize = 16;
const HASHED: usize = 48;
const MEANING_HASH: usize = 80;
const LENGTHS: usize = 112;
const RESERVED: usize = 128;

/// The hashes and section lengths of an artifact whose header has been checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub content_hash: Hash,
    pub meaning_hash: Hash,
    meaning_bytes: usize,
    detail_bytes: usize,
}

impl Header {
    /// Checks everything that can be checked without looking into the sections.
    pub(crate) fn check(bytes: &[u8], layout: Hash) -> Result<Header, ArtifactError> {
        let short = || ArtifactError::Truncated {
            expected_bytes: HEADER_BYTES as u64,
            found_bytes: bytes.len() as u64,
        };
        let magic_at = bytes.len().min(MAGIC.len());
        if bytes[..magic_at] != MAGIC[..magic_at] || bytes.is_empty() {
            return Err(ArtifactError::NotAnArtifact);
        }
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or_else(short)?;
        let format = u32::from_le_bytes(part(header, 8));
        if format != FORMAT {
            return Err(ArtifactError::Format { found: format, read: FORMAT });
        }
        if header[12..CONTENT_HASH] != [0; 4] || header[RESERVED..] != [0; HEADER_BYTES - RESERVED] {
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
        let meaning_hash = Hash::of(&bytes[HEADER_BYTES..HEADER_BYTES + meaning_bytes]);
        if part(header, MEANING_HASH) != *meaning_hash.as_bytes() {
            return Err(ArtifactError::Meaning);
        }
        Ok(Header { content_hash, meaning_hash, meaning_bytes, detail_bytes })
    }

    /// The first section of the bytes that the header was checked with.
    pub(crate) fn meaning<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[HEADER_BYTES..HEADER_BYTES + self.meaning_bytes]
    }

    /// The second section of the bytes that the header was checked with.
    pub(crate) fn detail<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        &bytes[bytes.len() - self.detail_bytes..]
    }
}

/// The bytes of an artifact with these sections.
pub(crate) fn assemble(layout: Hash, meaning: &[u8], detail: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
    bytes[HASHED..MEANING_HASH].copy_from_slice(layout.as_bytes());
    bytes[MEANING_HASH..LENGTHS].copy_from_slice(Hash::of(meaning).as_bytes());
    bytes[LENGTHS..LENGTHS + 8].copy_from_slice(&(meaning.len() as u64).to_le_bytes());
    bytes[LENGTHS + 8..RESERVED].copy_from_slice(&(detail.len() as u64).to_le_bytes());
    bytes.extend_from_slice(meaning);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT_BYTES), 0);
    bytes.extend_from_slice(detail);
    seal(&mut bytes);
    bytes
}

/// Writes the content hash that the bytes now have. For whoever assembles an artifact, and for tests that damage
/// one so that the hash does not show it.
///
/// # Panics
/// Where the bytes are shorter than a header.
pub fn seal(bytes: &mut [u8]) {
    let hash = Hash::of(&bytes[HASHED..]);
    bytes[CONTENT_HASH..HASHED].copy_from_slice(hash.as_bytes());
}

/// The same for the meaning hash, where the section lengths are sound; then [`seal`].
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

/// The lengths of the sections, where they and the padding between make up the whole.
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
