//! Which index does a name have? A hash table that is made when a policy opens: names of fields, and of the
//! values of an enum.

/// An index of names; the names themselves stay where they are.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// By hash, the index of a name plus 1; 0 where the place is free. At most half of the places are taken.
    places: Box<[u32]>,
}

impl Names {
    /// An index of names that differ.
    pub(crate) fn new<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> Names {
        let mut places = vec![0; (2 * names.len()).next_power_of_two().max(2)].into_boxed_slice();
        for (index, name) in names.enumerate() {
            let free = probe(name, places.len()).find(|place| places[*place] == 0);
            places[free.expect("half of the places are free")] = index as u32 + 1;
        }
        Names { places }
    }

    /// The index of a name; `name_of` returns the name at an index.
    #[inline]
    pub(crate) fn find<'n>(&self, name: &str, name_of: impl Fn(usize) -> &'n str) -> Option<usize> {
        for place in probe(name, self.places.len()) {
            let index = self.places[place].checked_sub(1)? as usize;
            if name_of(index) == name {
                return Some(index);
            }
        }
        None
    }
}

/// The places where a name may be, in the order in which they are tried.
#[inline]
fn probe(name: &str, count: usize) -> impl Iterator<Item = usize> {
    let first = hash(name.as_bytes()) as usize;
    (0..count).map(move |step| first.wrapping_add(step) & (count - 1))
}

/// Mixes the length with the first and the last eight bytes, in which names differ.
#[inline]
fn hash(name: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |word, byte| word << 8 | *byte as u64);
    let (first, last) = match name.len() {
        length @ 8.. => {
            let eight = |at: usize| u64::from_le_bytes(name[at..at + 8].try_into().expect("eight bytes"));
            (eight(0), eight(length - 8))
        }
        _ => (word(name), 0),
    };
    let mixed = (first ^ last.rotate_left(29) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_no_other() {
        let names: Vec<String> = (0..1000)
            .map(|index| format!("{}{index}{}", "a".repeat(index % 13), "b".repeat(index % 29)))
            .collect();
        for count in [0, 1, 2, 3, 11, 1000] {
            let names = &names[..count];
            let index = Names::new(names.iter().map(String::as_str));
            let find = |name: &str| index.find(name, |index| &names[index]);
            assert!(names.iter().enumerate().all(|(at, name)| find(name) == Some(at)));
            assert!(["", "a", "x", "aaaaaaaab", "é"].iter().all(|name| find(name).is_none()));
        }
    }
}
