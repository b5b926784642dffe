//! How are the record batches of a file with a footer read? Block by block, into memory that is used again as soon as no
//! row refers to it any more: giving memory back and getting it anew takes longer than reading.

use std::io;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::Block;
use arrow_ipc::reader::FileDecoder;
use arrow_schema::{ArrowError, SchemaRef};

use crate::positioned::Positioned;

/// The record batches of a file whose [lengths](super::claims::check_file) were checked.
pub struct Blocks {
    file: Positioned,
    decoder: FileDecoder,
    blocks: Vec<Block>,
    /// How many blocks were read.
    read: usize,
    /// What record batches were read into.
    memory: Vec<Buffer>,
}

impl Blocks {
    /// The record batches of a file with this footer and schema; `wanted` are the columns to read.
    ///
    /// # Errors
    /// Where a dictionary cannot be read.
    pub fn open(
        file: &Positioned,
        footer: &[u8],
        schema: SchemaRef,
        wanted: Vec<usize>,
    ) -> Result<Blocks, ArrowError> {
        let footer =
            arrow_ipc::root_as_footer(footer).map_err(|error| ArrowError::ParseError(error.to_string()))?;
        let decoder = FileDecoder::new(schema, footer.version()).with_projection(wanted);
        let blocks = footer.recordBatches().into_iter().flatten().copied().collect();
        let mut blocks = Blocks { file: file.clone(), decoder, blocks, read: 0, memory: Vec::new() };
        for block in footer.dictionaries().into_iter().flatten() {
            let dictionary = blocks.fill(Vec::new(), block)?;
            blocks.decoder.read_dictionary(block, &dictionary.slice(padding(block)))?;
        }
        Ok(blocks)
    }

    /// The next record batch.
    pub fn next(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        let block = *self.blocks.get(self.read)?;
        self.read += 1;
        let memory = self.free_memory();
        let batch = self.fill(memory, &block).and_then(|buffer| {
            self.memory.push(buffer.clone());
            self.decoder.read_record_batch(&block, &buffer.slice(padding(&block)))
        });
        batch.transpose()
    }

    /// How many record batches were read, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.read, self.blocks.len())
    }

    /// Memory that no row refers to any more.
    fn free_memory(&mut self) -> Vec<u8> {
        let free = self.memory.iter().position(|buffer| buffer.strong_count() == 1);
        free.and_then(|at| self.memory.swap_remove(at).into_vec().ok()).unwrap_or_default()
    }

    /// Reads a block into memory, behind its padding.
    fn fill(&self, mut memory: Vec<u8>, block: &Block) -> Result<Buffer, ArrowError> {
        let padding = padding(block);
        let bytes = block.metaDataLength() as usize + block.bodyLength() as usize;
        if memory.capacity() < padding + bytes {
            // memory fresh from the system is zero
            memory = vec![0; padding + bytes];
        }
        memory.resize(padding + bytes, 0);
        if self.file.fill(&mut memory[padding..], block.offset() as u64)? < bytes {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        Ok(Buffer::from_vec(memory))
    }
}

/// The alignment of the widest values, which memory has.
const ALIGNMENT_BYTES: usize = 16;

/// How many bytes come before a block in memory. Then its body, which follows its metadata, is aligned, and no column has to
/// be copied for it.
fn padding(block: &Block) -> usize {
    (block.metaDataLength() as usize).wrapping_neg() % ALIGNMENT_BYTES
}
