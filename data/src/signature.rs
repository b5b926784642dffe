//! What is a file really, if it is not in the format that its name says? Its first bytes tell.

use crate::error::DataError;
use crate::format::Format;

/// So many bytes at the beginning of a file are looked at.
pub const FIRST_BYTES: usize = 64;

/// What files of other kinds begin with, what they are, and what to do about them.
const OTHERS: &[(&[u8], &str, &str)] = &[
    (
        b"PK\x03\x04",
        "it is a ZIP archive, as Excel workbooks (.xlsx) are",
        "save the sheet as CSV, or unpack the archive",
    ),
    (b"\xD0\xCF\x11\xE0", "it is an Excel workbook of the old kind (.xls)", "save the sheet as CSV"),
    (b"\x1F\x8B", "it is compressed with gzip", "decompress it first: the format compresses its own pages"),
    (
        b"\x28\xB5\x2F\xFD",
        "it is compressed with Zstandard",
        "decompress it first: the format compresses its own pages",
    ),
    (b"BZh", "it is compressed with bzip2", "decompress it first, or compress it with gzip or Zstandard"),
    (b"\xFD7zXZ", "it is compressed with xz", "decompress it first, or compress it with gzip or Zstandard"),
    (b"\xFF\xFE", "its text is in UTF-16", "save it in UTF-8"),
    (b"\xFE\xFF", "its text is in UTF-16", "save it in UTF-8"),
    (b"Obj\x01", "it is an Avro file", "write it as Parquet, Arrow IPC, CSV or JSON lines"),
    (b"ORC", "it is an ORC file", "write it as Parquet, Arrow IPC, CSV or JSON lines"),
    (b"SQLite format 3", "it is an SQLite database", "export the table as CSV"),
];

/// That a file does not begin as one of another format does; `first` is what the file begins with, once it is unpacked.
///
/// # Errors
/// What it really is, and what to do.
pub fn check(file: &str, format: Format, first: &[u8]) -> Result<(), DataError> {
    let wrong = |what: &str, remedy: &str| {
        let message = format!("{file}: not {}: {what}", format.described());
        Err(DataError::input(message).remedy(remedy))
    };
    match Format::of_mark(first) {
        Some(other) if other == format => return Ok(()),
        Some(other) => {
            let remedy = format!(
                "give it a name that ends in .{}, or state its format as {}",
                other.extension(),
                other.name()
            );
            return wrong(&format!("it is {}", other.described()), &remedy);
        }
        None => {}
    }
    if let Some((_, what, remedy)) = OTHERS.iter().find(|(mark, ..)| first.starts_with(mark)) {
        return wrong(what, remedy);
    }
    if format.has_mark() && !first.is_empty() && is_text(first) {
        let remedy = "give it a name that ends in .csv, .jsonl or .json, or state its format";
        return wrong("it holds text, perhaps CSV or JSON", remedy);
    }
    Ok(())
}

/// Whether bytes are printable ASCII, as nearly every text begins.
fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_kind_is_named() {
        for (name, first, told) in [
            ("csv", &b"PAR1\x15\x04"[..], "not a CSV file: it is a Parquet file"),
            ("jsonl", b"ARROW1\0\0", "not a file of JSON lines: it is an Arrow IPC file"),
            ("parquet", b"ARROW1\0\0", "not a Parquet file: it is an Arrow IPC file"),
            ("json", b"PK\x03\x04\x14", "not a JSON file: it is a ZIP archive, as Excel workbooks"),
            ("csv", b"\xFF\xFEa\0,\0", "not a CSV file: its text is in UTF-16"),
            ("arrow", b"\x1F\x8B\x08", "not an Arrow IPC file: it is compressed with gzip"),
            ("parquet", b"age,score\n1,2\n", "not a Parquet file: it holds text, perhaps CSV or JSON"),
        ] {
            let failure = check("x", Format::named(name).unwrap(), first).unwrap_err();
            assert!(failure.message.contains(told) && failure.remedy.is_some(), "{failure}");
        }
        for (name, first) in [
            ("parquet", &b"PAR1\x15"[..]),
            ("arrow", b"ARROW1\0\0"),
            ("arrow", b"\xFF\xFF\xFF\xFF\x10\x01\0\0"),
            ("arrow", b""),
            ("csv", b"PAR,x\n"),
            ("csv", b""),
            ("jsonl", b"{\"a\": 1}"),
        ] {
            assert_eq!(check("x", Format::named(name).unwrap(), first), Ok(()), "{name}");
        }
    }
}
