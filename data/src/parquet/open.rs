//! What does the end of a Parquet file say, and what is wrong with a file that cannot be read? Damage is named by row
//! group and column; what is only unsupported is named as such.

use std::error::Error;
use std::fmt;

use ::parquet::arrow::ARROW_SCHEMA_META_KEY;
use ::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::ParquetMetaData;

use crate::error::DataError;
use crate::guard::guarded;
use crate::intake::Intake;
use crate::positioned::Positioned;

/// Reads the end of a file: its schema, and where its columns are.
///
/// # Errors
/// Where the file is not a complete Parquet file, is encrypted, or has a type that is not read in a column that is
/// wanted.
pub fn metadata(
    file: &str,
    positioned: &Positioned,
    intake: &Intake,
) -> Result<ArrowReaderMetadata, DataError> {
    let load = |skip: bool| {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(skip);
        guarded(|| ArrowReaderMetadata::load(positioned, options))
            .map_err(|damaged| unreadable(file, &damaged))
    };
    let error = match load(false)? {
        Ok(metadata) => return Ok(metadata),
        Err(error) => error,
    };
    // the Arrow schema that some writers add may have types that the library does not know; Parquet's own may do
    let Ok(metadata) = load(true)? else { return Err(unreadable(file, &error)) };
    for (column, bits) in guarded(|| wide_integers(metadata.metadata())).unwrap_or_default() {
        if intake.ignored(&[&column]).is_empty() {
            let message =
                format!("{file}: column `{column}` holds integers of {bits} bits, which are not read");
            return Err(DataError::input(message).remedy("write it as integers of 64 bits, or as decimals"));
        }
    }
    Ok(metadata)
}

/// The columns that hold integers of more than 64 bits, as the Arrow schema in the file says.
fn wide_integers(metadata: &ParquetMetaData) -> Vec<(String, i32)> {
    let pairs = metadata.file_metadata().key_value_metadata().map_or(&[][..], Vec::as_slice);
    let pair = pairs.iter().find(|pair| pair.key == ARROW_SCHEMA_META_KEY);
    let Some(bytes) = pair.and_then(|pair| from_base64(pair.value.as_deref()?)) else { return Vec::new() };
    // a message may begin with a mark and its length
    let bytes = if bytes.starts_with(&[0xFF; 4]) { bytes.get(8..).unwrap_or_default() } else { &bytes };
    let Ok(message) = arrow_ipc::root_as_message(bytes) else { return Vec::new() };
    let fields = message.header_as_schema().and_then(|schema| schema.fields());
    let wide = |field: arrow_ipc::Field<'_>| {
        let bits = field.type_as_int()?.bitWidth();
        (bits > 64).then(|| (field.name().unwrap_or_default().to_owned(), bits))
    };
    fields.into_iter().flatten().filter_map(wide).collect()
}

/// The bytes of a text in base 64.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut held, mut bits) = (0u32, 0);
    for digit in text.bytes().take_while(|byte| *byte != b'=') {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

/// A file that cannot be read.
pub fn unreadable(file: &str, error: &dyn Error) -> DataError {
    let text = error.to_string();
    if text.contains("encrypt") {
        let message = format!("{file}: the file is encrypted, and encrypted Parquet files are not read");
        return DataError::input(message).remedy("write it again without encryption");
    }
    DataError::input(format!("{file}: not a complete Parquet file: {}", in_words(&text))).remedy(AGAIN)
}

/// A column that cannot be read; row groups are counted from 1.
pub fn unreadable_column(file: &str, row_group: usize, column: &str, error: &dyn Error) -> DataError {
    let text = error.to_string();
    let message = format!("{file}: row group {row_group}, column `{column}`: {}", in_words(&text));
    DataError::input(message).remedy(AGAIN)
}

/// What to do about a damaged file.
const AGAIN: &str = "write the file again, or copy it again from where it was written";

/// The mark of this crate's own errors among the texts of the library.
const OURS: &str = "External: ";

/// Parts of the library's messages, and what is said instead.
const WORDS: [(&str, &str); 6] = [
    ("CRC", "a page does not match its checksum, so its bytes have changed since it was written"),
    ("less than footer", "it is too short, so it may have been cut off"),
    ("smaller than footer", "it is too short, so it may have been cut off"),
    ("Corrupt footer", "it does not end as it should, so it was cut off or is still being written"),
    ("EOF", "it ends early, so it was cut off or is still being written"),
    ("the file is damaged", "its bytes have changed since it was written"),
];

/// What is wrong: what this crate says of it, or what the library says in words that explain it.
fn in_words(text: &str) -> String {
    if let Some((_, words)) = WORDS.iter().find(|(theirs, _)| text.contains(theirs)) {
        return (*words).to_owned();
    }
    let (mut rest, mut is_ours) = (text, false);
    while let Some(prefix) =
        ["Parquet error: ", "Parquet argument error: ", OURS, "Arrow: ", "Parser error: "]
            .into_iter()
            .find(|prefix| rest.starts_with(prefix))
    {
        is_ours |= prefix == OURS;
        rest = &rest[prefix.len()..];
    }
    if is_ours { rest.to_owned() } else { format!("its bytes make no sense to the Parquet reader ({rest})") }
}

/// What this crate finds wrong with a file.
#[derive(Debug)]
struct Damage(String);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Damage {}

/// An error in the words of this crate.
pub fn damaged(message: impl Into<String>) -> ParquetError {
    ParquetError::External(Box::new(Damage(message.into())))
}

/// A column that holds fewer rows than its row group.
pub fn too_short() -> ParquetError {
    damaged("the column ends early")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_64_is_decoded() {
        for (text, bytes) in
            [("", &b""[..]), ("TQ==", b"M"), ("TWE=", b"Ma"), ("TWFu", b"Man"), ("/+9+", &[255, 239, 126])]
        {
            assert_eq!(from_base64(text).unwrap(), bytes, "{text}");
        }
        assert!(from_base64("T?").is_none());
    }

    #[test]
    fn errors_have_no_names_of_types_in_them() {
        let error = ParquetError::General("Page CRC checksum mismatch".into());
        let failure = unreadable_column("a.parquet", 2, "age", &error);
        assert_eq!(
            failure.message,
            "a.parquet: row group 2, column `age`: a page does not match its checksum, so its bytes have changed since it was written"
        );
        let failure = unreadable_column("a.parquet", 1, "age", &damaged("the column ends early"));
        assert_eq!(failure.message, "a.parquet: row group 1, column `age`: the column ends early");
        let failure = unreadable_column("a.parquet", 1, "age", &ParquetError::General("TPage".into()));
        assert!(
            failure.message.ends_with("its bytes make no sense to the Parquet reader (TPage)"),
            "{failure}"
        );
        let failure =
            unreadable("a.parquet", &ParquetError::EOF("file size of 4 is less than footer".into()));
        assert_eq!(
            failure.message,
            "a.parquet: not a complete Parquet file: it is too short, so it may have been cut off"
        );
    }
}
