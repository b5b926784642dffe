//! What must hold for texts? Sources and the text form of functions are generated and then damaged.

use arbitrary::Unstructured;
use opus_frontend::testing::{format_keeps, read_any};
use opus_ir::testing::{self, Bytes, Source};
use opus_ir::{interpret, verify};

use crate::policy;

/// Parses the bytes, and a generated policy damaged with them.
///
/// # Errors
/// If there is neither a tree nor an error, or a span is outside the source.
pub fn parse(data: &[u8]) -> Result<(), String> {
    read_any(data)?;
    let mut u = Unstructured::new(data);
    let mut source = policy::policy(&mut u).unwrap_or_default().into_bytes();
    let mut bytes = Bytes(data);
    for _ in 0..=bytes.below(6) {
        damaged(&mut source, &mut bytes);
    }
    read_any(&source)
}

/// Formats a generated policy, and a version of it in which some words were moved.
///
/// # Errors
/// If formatting changes more than white space.
pub fn format(data: &[u8]) -> Result<(), String> {
    let source = policy::policy(&mut Unstructured::new(data)).unwrap_or_default();
    format_keeps(&source)?;
    let mut bytes = Bytes(data);
    let mut words: Vec<&str> = source.split_inclusive([' ', '(', ',', '\n']).collect();
    for _ in 0..=bytes.below(3) {
        let (a, b) = (bytes.below(words.len()), bytes.below(words.len()));
        match bytes.below(5) {
            0 => drop(words.remove(a)),
            1 => words.insert(a, words[b]),
            2 => words.swap(a, b),
            3 => words.insert(a, " -- said\n"),
            _ => words.insert(a, "\n\n"),
        }
    }
    format_keeps(&words.concat())
}

/// Parses the damaged text of a generated function. It is refused, or it parses; what parses may be refused by the
/// verifier, or it runs.
///
/// # Errors
/// If printing a parsed function gives another text.
pub fn ir_text(data: &[u8]) -> Result<(), String> {
    let mut bytes = Bytes(data);
    let mut text = testing::func(&mut bytes).to_string().into_bytes();
    for _ in 0..=bytes.below(4) {
        damaged(&mut text, &mut bytes);
    }
    let text = String::from_utf8_lossy(&text);
    let Ok(func) = opus_ir::text::parse(&text) else { return Ok(()) };
    let printed = func.to_string();
    let again = opus_ir::text::parse(&printed).map_err(|wrong| format!("{wrong:?}\n{printed}"))?;
    if again.to_string() != printed {
        return Err(format!("printed twice, it differs:\n{printed}\n{again}"));
    }
    if let Ok(verified) = verify(func) {
        let (values, present) = testing::row(&verified, &mut bytes);
        interpret(&verified, &values, &present);
    }
    Ok(())
}

/// Changes, drops, duplicates or moves a few bytes.
fn damaged(text: &mut Vec<u8>, source: &mut impl Source) {
    if text.is_empty() {
        return;
    }
    let (at, length) = (source.below(text.len()), 1 + source.below(12));
    let end = (at + length).min(text.len());
    match source.below(5) {
        0 => text[at] = source.next() as u8,
        1 => drop(text.drain(at..end)),
        2 => {
            let part = text[at..end].to_vec();
            let to = source.below(text.len());
            text.splice(to..to, part);
        }
        3 => text[at] = text[source.below(text.len())],
        _ => text.truncate(text.len() - source.below(text.len() / 4 + 1)),
    }
}
