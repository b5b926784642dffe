//! How is a column that is only copied written? In the pages that were read, bytes for bytes.

use ::parquet::basic::{Compression, Encoding};
use ::parquet::column::writer::ColumnCloseResult;
use ::parquet::errors::Result;
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::schema::types::ColumnDescPtr;

use super::header::Kind;
use super::page::RawPage;

/// The pages of a column chunk, as they were read.
pub struct Verbatim {
    codec: Compression,
    bytes: Vec<u8>,
    /// How many bytes there would be if no page were compressed.
    plain_bytes: usize,
    /// How many of the bytes are the dictionary.
    dictionary_bytes: usize,
    encodings: Vec<Encoding>,
    rows: usize,
}

impl Verbatim {
    /// No pages yet.
    pub fn new(codec: Compression) -> Verbatim {
        let encodings = vec![Encoding::RLE];
        Verbatim { codec, bytes: Vec::new(), plain_bytes: 0, dictionary_bytes: 0, encodings, rows: 0 }
    }

    /// Adds the dictionary, which comes before all other pages.
    pub fn dictionary(&mut self, page: &RawPage) {
        self.add(page);
        self.dictionary_bytes = self.bytes.len();
    }

    /// Adds a data page with this many rows.
    pub fn data(&mut self, page: &RawPage, rows: usize) {
        self.add(page);
        self.rows += rows;
    }

    fn add(&mut self, page: &RawPage) {
        let (Kind::Dictionary { encoding, .. } | Kind::Data { encoding, .. } | Kind::DataV2 { encoding, .. }) =
            page.header.kind
        else {
            return;
        };
        if !self.encodings.contains(&encoding) {
            self.encodings.push(encoding);
        }
        self.bytes.extend_from_slice(&page.bytes);
        self.plain_bytes += page.header_bytes() + page.header.plain_bytes;
    }

    /// The bytes, and what the footer of a file says about them.
    ///
    /// # Errors
    /// Where that cannot be written down.
    pub fn close(self, description: ColumnDescPtr) -> Result<(Vec<u8>, ColumnCloseResult)> {
        let has_dictionary = self.dictionary_bytes > 0;
        let metadata = ColumnChunkMetaData::builder(description)
            .set_compression(self.codec)
            .set_encodings(self.encodings)
            .set_total_compressed_size(self.bytes.len() as i64)
            .set_total_uncompressed_size(self.plain_bytes as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(self.dictionary_bytes as i64)
            .set_dictionary_page_offset(has_dictionary.then_some(0));
        let close = ColumnCloseResult {
            bytes_written: self.bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok((self.bytes, close))
    }
}
