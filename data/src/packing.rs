//! Is a text compressed? On reading, its first bytes decide; on writing, its name.
//!
//! Rows are packed chunk by chunk, by the threads that encode them: both gzip and Zstandard allow a file to be several
//! packed parts, one after another.

use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use crate::error::DataError;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// How a text is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Packing {
    /// Not at all.
    None,
    /// With gzip: `.gz`.
    Gzip,
    /// With Zstandard: `.zst`.
    Zstd,
}

/// Each packing with the extensions of its files and the first bytes of its parts.
const PACKINGS: [(Packing, &[&str], &[u8]); 2] = [
    (Packing::Gzip, &["gz", "gzip"], &[0x1F, 0x8B]),
    (Packing::Zstd, &["zst", "zstd"], &[0x28, 0xB5, 0x2F, 0xFD]),
];

/// The longest of the first bytes.
const MARK_BYTES: usize = 4;

impl Packing {
    /// The packing that the name of a file says, and the name without it.
    pub fn of_name(path: &Path) -> (Packing, &Path) {
        let extension =
            path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
        let packing = extension
            .and_then(|extension| PACKINGS.iter().find(|(_, names, _)| names.contains(&extension.as_str())));
        match (packing, path.file_stem()) {
            (Some((packing, ..)), Some(stem)) => (*packing, Path::new(stem)),
            _ => (Packing::None, path),
        }
    }

    /// The text that a reader holds, packed or not.
    ///
    /// # Errors
    /// Where the reader cannot be read.
    pub fn unpack(mut reader: Box<dyn Read + Send>) -> io::Result<Box<dyn Read + Send>> {
        let mut first = Vec::new();
        reader.by_ref().take(MARK_BYTES as u64).read_to_end(&mut first)?;
        let packing =
            PACKINGS.iter().find(|(.., mark)| first.starts_with(mark)).map(|(packing, ..)| *packing);
        let all = Cursor::new(first).chain(reader);
        Ok(match packing.unwrap_or(Packing::None) {
            Packing::None => Box::new(all),
            Packing::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, all))),
            Packing::Zstd => Box::new(zstd::Decoder::new(all)?),
        })
    }

    /// A text that cannot be read or unpacked.
    pub fn unreadable(file: &str, error: &io::Error) -> DataError {
        if error.raw_os_error().is_some() {
            return DataError::unreadable(file, error);
        }
        // it is not the operating system that complains, so that it is what unpacks
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "ends early, so the file was cut off or is still being written",
            _ => "is damaged",
        };
        DataError::input(format!("{file}: the compressed text {what}"))
            .remedy("compress the file again, or copy it again from where it was written")
    }

    /// A part of a packed text.
    ///
    /// # Errors
    /// Where it cannot be packed.
    pub fn pack(self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Packing::None => Ok(text),
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(text.len() / 4), Compression::new(6));
                encoder.write_all(&text)?;
                encoder.finish()
            }
            Packing::Zstd => zstd::encode_all(&text[..], zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(bytes: Vec<u8>) -> io::Result<String> {
        let mut text = String::new();
        Packing::unpack(Box::new(Cursor::new(bytes)))?.read_to_string(&mut text)?;
        Ok(text)
    }

    #[test]
    fn parts_that_follow_one_another_are_one_text() {
        let text = "a,b\n1,2\n".repeat(10_000);
        for packing in [Packing::None, Packing::Gzip, Packing::Zstd] {
            let bytes =
                [packing.pack(text.clone().into()).unwrap(), packing.pack(b"3,4\n".to_vec()).unwrap()]
                    .concat();
            assert!(packing == Packing::None || bytes.len() < text.len() / 10);
            assert_eq!(unpacked(bytes.clone()).unwrap(), format!("{text}3,4\n"), "{packing:?}");
            if packing != Packing::None {
                assert!(unpacked(bytes[..bytes.len() - 3].to_vec()).is_err(), "{packing:?} is cut off");
            }
        }
        assert_eq!(unpacked(b"a".to_vec()).unwrap(), "a");
    }

    #[test]
    fn the_name_says_how_a_text_is_packed() {
        for (name, packing, rest) in [
            ("rows.csv.gz", Packing::Gzip, "rows.csv"),
            ("rows.jsonl.ZST", Packing::Zstd, "rows.jsonl"),
            ("rows.csv", Packing::None, "rows.csv"),
            ("gz", Packing::None, "gz"),
        ] {
            assert_eq!(Packing::of_name(Path::new(name)), (packing, Path::new(rest)));
        }
    }
}
