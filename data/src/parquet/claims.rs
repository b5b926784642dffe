//! Do the pages that the library unpacks claim more than they hold? It allocates what a page header says, so headers are
//! checked before it is called: against the most that the bytes of a page can unpack to.

use ::parquet::basic::Compression;
use ::parquet::errors::Result;
use ::parquet::file::metadata::ColumnChunkMetaData;

use super::open::damaged;
use super::page::PageReader;
use crate::positioned::Positioned;

/// The most that a page unpacks to.
const PAGE_BYTES_MAX: usize = 1 << 30;

/// A page may unpack to so much however short it is.
const SMALL_BYTES: usize = 1 << 16;

/// The most that a codec makes of a byte.
fn expansion(codec: Compression) -> usize {
    match codec {
        Compression::UNCOMPRESSED => 1,
        Compression::SNAPPY => 22,
        Compression::LZ4 | Compression::LZ4_RAW => 255,
        Compression::GZIP(_) => 1_032,
        // 128 KiB of a block that repeats one byte, which takes 4
        Compression::ZSTD(_) => 1 << 15,
        // what repeats may be as long as it likes
        _ => 1 << 20,
    }
}

/// Checks the headers of a column chunk.
///
/// # Errors
/// Where one is damaged, or claims more than its page can hold.
pub fn check(file: &Positioned, chunk: &ColumnChunkMetaData) -> Result<()> {
    // some writers name no dictionary page, or one at 0
    let dictionary = chunk.dictionary_page_offset().filter(|offset| *offset > 0);
    let start = dictionary.unwrap_or(i64::MAX).min(chunk.data_page_offset());
    let mut pages = PageReader::new(file, start, chunk.compressed_size())?;
    let expansion = expansion(chunk.compression());
    while let Some(page) = pages.next()? {
        let most = page.header.packed_bytes.saturating_mul(expansion).saturating_add(SMALL_BYTES);
        if page.header.plain_bytes > most.min(PAGE_BYTES_MAX) {
            return Err(damaged("a page claims more than its bytes can unpack to"));
        }
    }
    Ok(())
}
