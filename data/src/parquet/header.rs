//! What does a page say about itself? A header in Thrift's compact protocol; only a few of its fields matter.

use ::parquet::basic::Encoding;

/// The header of a page.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    pub kind: Kind,
    /// How long the body is in the file.
    pub packed_bytes: usize,
    /// How long it is when it is unpacked, as the header claims.
    pub plain_bytes: usize,
    pub checksum: Option<u32>,
}

/// What kind of page it is.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    Dictionary {
        values: usize,
        encoding: Encoding,
    },
    Data {
        rows: usize,
        encoding: Encoding,
        /// How definition levels are written.
        levels: Encoding,
    },
    DataV2 {
        rows: usize,
        encoding: Encoding,
        /// How long the repetition and the definition levels are, which are never compressed.
        level_bytes: [usize; 2],
        is_packed: bool,
    },
    /// A page that holds no values.
    Index,
}

/// Why a header cannot be read.
#[derive(Clone, PartialEq, Debug)]
pub enum Incomplete {
    /// It may go on after the bytes.
    Short,
    Damaged(&'static str),
}

type Result<T> = std::result::Result<T, Incomplete>;

const DAMAGED: Incomplete = Incomplete::Damaged("a page header is damaged");

/// Structures within structures; headers need two.
const DEPTH_MAX: u32 = 8;

impl Header {
    /// Reads a header from the beginning of `bytes`; also answers how long it is.
    ///
    /// # Errors
    /// Where it is damaged, or longer than the bytes.
    pub fn read(bytes: &[u8]) -> Result<(Header, usize)> {
        let mut thrift = Thrift { bytes, at: 0 };
        let (mut kind, mut lengths, mut checksum, mut body) = (None, [None; 2], None, None);
        let mut id = 0;
        while let Some(wire) = thrift.field(&mut id)? {
            match (id, wire) {
                (1, Wire::I32) => kind = Some(thrift.int()?),
                (2, Wire::I32) => lengths[0] = Some(thrift.length()?),
                (3, Wire::I32) => lengths[1] = Some(thrift.length()?),
                (4, Wire::I32) => checksum = Some(thrift.int()? as u32),
                (5, Wire::Struct) => body = Some(thrift.data()?),
                (7, Wire::Struct) => body = Some(thrift.dictionary()?),
                (8, Wire::Struct) => body = Some(thrift.data_v2()?),
                _ => thrift.skip(wire, DEPTH_MAX)?,
            }
        }
        let (Some(kind), [Some(plain_bytes), Some(packed_bytes)]) = (kind, lengths) else {
            return Err(DAMAGED);
        };
        let kind = match (kind, body) {
            (0, Some(body @ Kind::Data { .. }))
            | (2, Some(body @ Kind::Dictionary { .. }))
            | (3, Some(body @ Kind::DataV2 { .. })) => body,
            (1, _) => Kind::Index,
            _ => return Err(DAMAGED),
        };
        Ok((Header { kind, packed_bytes, plain_bytes, checksum }, thrift.at))
    }
}

/// The types of the compact protocol.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Wire {
    True,
    False,
    Byte,
    I16,
    I32,
    I64,
    Double,
    Binary,
    List,
    Map,
    Struct,
}

impl Wire {
    fn of(code: u8) -> Result<Wire> {
        use Wire::*;
        Ok(match code {
            1 => True,
            2 => False,
            3 => Byte,
            4 => I16,
            5 => I32,
            6 => I64,
            7 => Double,
            8 => Binary,
            // sets are written as lists are
            9 | 10 => List,
            11 => Map,
            12 => Struct,
            _ => return Err(DAMAGED),
        })
    }
}

struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn byte(&mut self) -> Result<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Incomplete::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn unsigned(&mut self) -> Result<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= ((byte & 0x7F) as u64) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DAMAGED)
    }

    fn int(&mut self) -> Result<i32> {
        let value = self.unsigned()?;
        let value = (value >> 1) as i64 ^ -((value & 1) as i64);
        i32::try_from(value).map_err(|_| DAMAGED)
    }

    fn length(&mut self) -> Result<usize> {
        usize::try_from(self.int()?).map_err(|_| DAMAGED)
    }

    fn encoding(&mut self) -> Result<Encoding> {
        Ok(match self.int()? {
            0 => Encoding::PLAIN,
            2 => Encoding::PLAIN_DICTIONARY,
            3 => Encoding::RLE,
            5 => Encoding::DELTA_BINARY_PACKED,
            6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
            7 => Encoding::DELTA_BYTE_ARRAY,
            8 => Encoding::RLE_DICTIONARY,
            9 => Encoding::BYTE_STREAM_SPLIT,
            _ => return Err(Incomplete::Damaged("a page is written in an encoding that is not known")),
        })
    }

    /// The type of the next field, whose number replaces `id`; `None` at the end of the structure.
    fn field(&mut self, id: &mut i32) -> Result<Option<Wire>> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        *id = match head >> 4 {
            0 => self.int()?,
            step => id.checked_add(step as i32).ok_or(DAMAGED)?,
        };
        Wire::of(head & 0xF).map(Some)
    }

    fn skip(&mut self, wire: Wire, depth: u32) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(DAMAGED)?;
        match wire {
            Wire::True | Wire::False => {}
            Wire::Byte => self.skip_bytes(1)?,
            Wire::I16 | Wire::I32 | Wire::I64 => {
                self.unsigned()?;
            }
            Wire::Double => self.skip_bytes(8)?,
            Wire::Binary => {
                let length = self.unsigned()?;
                self.skip_bytes(length)?;
            }
            Wire::List => {
                let head = self.byte()?;
                let count = if head >> 4 == 0xF { self.unsigned()? } else { (head >> 4) as u64 };
                self.skip_many(count, Wire::of(head & 0xF)?, depth)?;
            }
            Wire::Map => {
                let count = self.unsigned()?;
                if count > 0 {
                    let types = self.byte()?;
                    let (key, value) = (Wire::of(types >> 4)?, Wire::of(types & 0xF)?);
                    for _ in 0..count {
                        self.skip_many(1, key, depth)?;
                        self.skip_many(1, value, depth)?;
                    }
                }
            }
            Wire::Struct => {
                let mut id = 0;
                while let Some(wire) = self.field(&mut id)? {
                    self.skip(wire, depth)?;
                }
            }
        }
        Ok(())
    }

    /// Skips elements, which differ from fields in that Boolean values take a byte.
    fn skip_many(&mut self, count: u64, wire: Wire, depth: u32) -> Result<()> {
        match wire {
            Wire::True | Wire::False | Wire::Byte => self.skip_bytes(count),
            _ => (0..count).try_for_each(|_| self.skip(wire, depth)),
        }
    }

    fn skip_bytes(&mut self, count: u64) -> Result<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if count > left {
            return Err(Incomplete::Short);
        }
        self.at += count as usize;
        Ok(())
    }

    fn data(&mut self) -> Result<Kind> {
        let (mut rows, mut encoding, mut levels, mut id) = (None, None, None, 0);
        while let Some(wire) = self.field(&mut id)? {
            match (id, wire) {
                (1, Wire::I32) => rows = Some(self.length()?),
                (2, Wire::I32) => encoding = Some(self.encoding()?),
                // bits, as they were packed long ago, are met by whoever reads the levels
                (3, Wire::I32) => {
                    levels = Some(if self.int()? == 3 { Encoding::RLE } else { Encoding::PLAIN })
                }
                _ => self.skip(wire, DEPTH_MAX)?,
            }
        }
        match (rows, encoding, levels) {
            (Some(rows), Some(encoding), Some(levels)) => Ok(Kind::Data { rows, encoding, levels }),
            _ => Err(DAMAGED),
        }
    }

    fn dictionary(&mut self) -> Result<Kind> {
        let (mut values, mut encoding, mut id) = (None, None, 0);
        while let Some(wire) = self.field(&mut id)? {
            match (id, wire) {
                (1, Wire::I32) => values = Some(self.length()?),
                (2, Wire::I32) => encoding = Some(self.encoding()?),
                _ => self.skip(wire, DEPTH_MAX)?,
            }
        }
        match (values, encoding) {
            (Some(values), Some(encoding)) => Ok(Kind::Dictionary { values, encoding }),
            _ => Err(DAMAGED),
        }
    }

    fn data_v2(&mut self) -> Result<Kind> {
        let (mut rows, mut encoding, mut level_bytes, mut is_packed, mut id) =
            (None, None, [None; 2], true, 0);
        while let Some(wire) = self.field(&mut id)? {
            match (id, wire) {
                (1, Wire::I32) => rows = Some(self.length()?),
                (4, Wire::I32) => encoding = Some(self.encoding()?),
                (5, Wire::I32) => level_bytes[1] = Some(self.length()?),
                (6, Wire::I32) => level_bytes[0] = Some(self.length()?),
                (7, Wire::True) => is_packed = true,
                (7, Wire::False) => is_packed = false,
                _ => self.skip(wire, DEPTH_MAX)?,
            }
        }
        match (rows, encoding, level_bytes) {
            (Some(rows), Some(encoding), [Some(repetition), Some(definition)]) => {
                Ok(Kind::DataV2 { rows, encoding, level_bytes: [repetition, definition], is_packed })
            }
            _ => Err(DAMAGED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data page: 100 rows, plain, 1,000 bytes that were 4,000, with a checksum, and statistics to skip.
    const DATA: &[u8] = &[
        0x15, 0, // type
        0x15, 0xC0, 0x3E, // 4,000 bytes
        0x15, 0xD0, 0x0F, // 1,000 bytes
        0x15, 0x0D, // checksum -7
        0x1C, // the header of a data page
        0x15, 0xC8, 0x01, // 100 rows
        0x15, 0, // plain
        0x15, 6, // levels in runs
        0x15, 6, //
        0x1C, 0x18, 2, b'a', b'b', 0x11, 0, // statistics: two bytes and a flag
        0, 0,
    ];

    #[test]
    fn a_header_is_read_and_what_does_not_matter_is_skipped() {
        let (header, length) = Header::read(DATA).unwrap();
        let kind = Kind::Data { rows: 100, encoding: Encoding::PLAIN, levels: Encoding::RLE };
        let expected = Header { kind, packed_bytes: 1_000, plain_bytes: 4_000, checksum: Some(-7i32 as u32) };
        assert_eq!((header, length), (expected, DATA.len()));
    }

    #[test]
    fn every_beginning_of_a_header_is_too_short() {
        for length in 0..DATA.len() {
            assert_eq!(Header::read(&DATA[..length]), Err(Incomplete::Short), "{length} bytes");
        }
    }

    #[test]
    fn no_damaged_byte_panics() {
        for at in 0..DATA.len() {
            for byte in 0..=255 {
                let mut bytes = DATA.to_vec();
                bytes[at] = byte;
                let _ = Header::read(&bytes);
            }
        }
        // structures within structures, for ever
        assert_eq!(Header::read(&[0x9C; 1000]), Err(DAMAGED));
    }
}
