//! Where in a short text is a byte? Looking at eight bytes at a time costs less than calling a search for each cell or name.

/// The lowest bit of each byte of a word.
const LOWEST: u64 = u64::from_ne_bytes([0x01; 8]);
/// All bits of each byte but the highest.
const LOWER: u64 = u64::from_ne_bytes([0x7f; 8]);

/// Marks the bytes of a word that are equal to a byte, with the highest bit of each.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (LOWEST * byte as u64);
    !(((differs & LOWER) + LOWER) | differs | LOWER)
}

/// Marks the bytes of a word that are below 0x20.
#[inline]
fn control(word: u64) -> u64 {
    // such a byte has none of the bits 5 to 7
    !(((word & LOWER) + (LOWER - LOWEST * 0x1f)) | word | LOWER)
}

/// Calls `found` with each position of a byte, in order.
#[inline]
pub fn each(text: &[u8], byte: u8, mut found: impl FnMut(usize)) {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let mut marked = equal(u64::from_le_bytes(*word), byte);
        while marked != 0 {
            found(index * 8 + marked.trailing_zeros() as usize / 8);
            marked &= marked - 1;
        }
    }
    let start = text.len() - rest.len();
    rest.iter().enumerate().filter(|(_, of)| **of == byte).for_each(|(at, _)| found(start + at));
}

/// The position of the first byte that ends a JSON text or is not allowed in it as it is: a quote, a backslash or a
/// control character.
#[inline]
pub fn end_of_plain(text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let marked = equal(word, b'"') | equal(word, b'\\') | control(word);
        if marked != 0 {
            return Some(index * 8 + marked.trailing_zeros() as usize / 8);
        }
    }
    let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    rest.iter().position(ends).map(|at| text.len() - rest.len() + at)
}

/// How many digits a text begins with.
#[inline]
pub fn digits(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let other = other_than_digits(u64::from_le_bytes(*word));
        if other != 0 {
            return index * 8 + other.trailing_zeros() as usize / 8;
        }
    }
    text.len() - rest.len() + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// Marks the bytes of a word that are not digits.
#[inline]
fn other_than_digits(word: u64) -> u64 {
    // without the bits of `0`, a digit is at most 9
    let flipped = word ^ (LOWEST * b'0' as u64);
    (((flipped & LOWER) + (LOWER - LOWEST * 9)) | flipped) & !LOWER
}

/// A short text that other texts may begin with.
#[derive(Clone, Debug)]
pub struct Prefix {
    text: Vec<u8>,
    /// The text in words, each with a mask of its bytes; `None` if the text is longer than that.
    words: Option<[(u64, u64); Prefix::WORDS]>,
}

impl Prefix {
    const WORDS: usize = 4;

    /// A prefix of this text.
    pub fn new(text: &[u8]) -> Prefix {
        let padded = |text: &[u8], with: u8| {
            let mut word = [0; 8];
            word[..text.len()].copy_from_slice(text);
            word[..text.len()].iter_mut().for_each(|byte| *byte |= with);
            u64::from_le_bytes(word)
        };
        let mut words = [(0, 0); Prefix::WORDS];
        words
            .iter_mut()
            .zip(text.chunks(8))
            .for_each(|(word, text)| *word = (padded(text, 0), padded(text, 0xff)));
        Prefix { text: text.to_vec(), words: (text.len() <= 8 * Prefix::WORDS).then_some(words) }
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Whether a text begins with this one.
    #[inline]
    pub fn begins(&self, text: &[u8]) -> bool {
        match (&self.words, text.first_chunk::<{ 8 * Prefix::WORDS }>()) {
            (Some(words), Some(text)) => {
                let differs = |(word, (expected, mask)): (&[u8; 8], &(u64, u64))| {
                    (u64::from_le_bytes(*word) ^ expected) & mask
                };
                text.as_chunks().0.iter().zip(words).map(differs).fold(0, |all, differs| all | differs) == 0
            }
            _ => text.starts_with(&self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_from_every_other_at_every_place() {
        for length in 0..20 {
            for (at, byte, other) in (0..length).flat_map(|at| {
                (0..=255u8).flat_map(move |byte| {
                    [0, b',', byte ^ 1, byte ^ 0x80, 0x7f, 0xff].map(|other| (at, byte, other))
                })
            }) {
                let mut text = vec![other; length];
                text[at] = byte;
                let expected: Vec<usize> = (0..length).filter(|at| text[*at] == byte).collect();
                let mut found = Vec::new();
                each(&text, byte, |at| found.push(at));
                assert_eq!(found, expected, "{text:?}");
                let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
                assert_eq!(end_of_plain(&text), text.iter().position(ends), "{text:?}");
                let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                assert_eq!(super::digits(&text), digits, "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_begins_with_each_of_its_prefixes_and_with_nothing_else() {
        let text: Vec<u8> = (0..60u8).map(|at| at.wrapping_mul(7)).collect();
        for end in 0..text.len() {
            let prefix = Prefix::new(&text[..end]);
            for length in 0..text.len() {
                assert_eq!(prefix.begins(&text[..length]), end <= length, "{end} {length}");
            }
            for at in 0..end {
                let mut other = text.clone();
                other[at] ^= 0x40;
                assert!(!prefix.begins(&other), "{end} {at}");
            }
        }
    }
}
