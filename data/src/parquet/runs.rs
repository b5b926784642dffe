//! How are codes and levels written in a Parquet page? In runs: one value repeated, or values packed bit by bit.

use super::open::damaged;
use ::parquet::errors::Result;
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use bytes::Bytes;

/// Codes of the same width, run by run.
pub struct Runs {
    bytes: Bytes,
    at: usize,
    width: u32,
    /// How often the value of the last run is still to be given.
    repeated: usize,
    value: i32,
    /// Values of the last run that were unpacked and not given yet, and how many were given.
    unpacked: Vec<i32>,
    given: usize,
}

impl Runs {
    /// Runs of codes with this many bits.
    ///
    /// # Errors
    /// Where a code would not fit in 32 bits.
    pub fn new(bytes: Bytes, width: u32) -> Result<Runs> {
        if width > 31 {
            return Err(damaged("codes are wider than 31 bits"));
        }
        Ok(Runs { bytes, at: 0, width, repeated: 0, value: 0, unpacked: Vec::new(), given: 0 })
    }

    /// Runs that begin with a byte that says how wide their codes are. A page without a value may leave it out.
    ///
    /// # Errors
    /// Where a code would not fit in 32 bits.
    pub fn with_width(bytes: Bytes) -> Result<Runs> {
        match bytes.first() {
            None => Runs::new(bytes, 0),
            Some(width) => Runs::new(bytes.slice(1..), *width as u32),
        }
    }

    /// Leaves the next `count` codes out.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn skip(&mut self, count: usize) -> Result<()> {
        let mut left = Vec::new();
        self.take(count, &mut left)
    }

    /// Adds the next `count` codes to `codes`.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn take(&mut self, mut count: usize, codes: &mut Vec<i32>) -> Result<()> {
        while count > 0 {
            let waiting = &self.unpacked[self.given..];
            if !waiting.is_empty() {
                let taken = waiting.len().min(count);
                codes.extend_from_slice(&waiting[..taken]);
                self.given += taken;
                count -= taken;
            } else if self.repeated > 0 {
                let taken = self.repeated.min(count);
                codes.resize(codes.len() + taken, self.value);
                self.repeated -= taken;
                count -= taken;
            } else {
                count -= self.begin_run(count, codes)?;
            }
        }
        Ok(())
    }

    /// Begins the next run; a packed one that is not longer than `count` is unpacked at once. Returns how many were.
    fn begin_run(&mut self, count: usize, codes: &mut Vec<i32>) -> Result<usize> {
        let header = varint(&self.bytes, &mut self.at)?;
        let length = usize::try_from(header >> 1).map_err(|_| damaged("a run is too long"))?;
        let width = self.width as usize;
        if header & 1 == 0 {
            let bytes = self.next_bytes(width.div_ceil(8))?;
            self.value = bytes.iter().rev().fold(0i64, |value, byte| value << 8 | *byte as i64) as i32;
            self.repeated = length;
            return Ok(0);
        }
        // the last run may be cut off after its last value
        let whole = length.checked_mul(width).ok_or_else(|| damaged("a run is too long"))?;
        let bytes = self.bytes.slice(self.at..self.at + whole.min(self.bytes.len() - self.at));
        self.at += bytes.len();
        let held = (bytes.len() * 8).checked_div(width);
        let values = held.map_or(length.saturating_mul(8).min(count), |held| held.min(length * 8));
        if values == 0 && length > 0 {
            return Err(damaged("a run ends early"));
        }
        if values <= count {
            unpack(&bytes, self.width, values, codes);
            return Ok(values);
        }
        self.unpacked.clear();
        self.given = 0;
        unpack(&bytes, self.width, values, &mut self.unpacked);
        Ok(0)
    }

    fn next_bytes(&mut self, count: usize) -> Result<Bytes> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| damaged("a run ends early"))?;
        let bytes = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(bytes)
    }
}

/// Whether each of `count` rows is present: its definition level is `depth`, which is how many of a value and the structs
/// around it may be missing.
///
/// # Errors
/// Where there are fewer levels, or one is greater.
pub fn presence(bytes: &Bytes, count: usize, depth: u32) -> Result<BooleanBuffer> {
    if depth == 1 {
        return bits(bytes, count);
    }
    let mut levels = Vec::with_capacity(count);
    Runs::new(bytes.clone(), u32::BITS - depth.leading_zeros())?.take(count, &mut levels)?;
    if levels.iter().any(|level| *level as u32 > depth) {
        return Err(damaged("a level is greater than its column has"));
    }
    Ok(BooleanBuffer::collect_bool(count, |row| levels[row] as u32 == depth))
}

/// The same, of levels of one bit.
fn bits(bytes: &[u8], count: usize) -> Result<BooleanBuffer> {
    let mut builder = BooleanBufferBuilder::new(count);
    let mut at = 0;
    while builder.len() < count {
        let left = count - builder.len();
        let header = varint(bytes, &mut at)?;
        let length = usize::try_from(header >> 1).map_err(|_| damaged("a run is too long"))?;
        if header & 1 == 0 {
            let level = *bytes.get(at).ok_or_else(|| damaged("levels end early"))?;
            at += 1;
            builder.append_n(length.min(left), level & 1 == 1);
        } else {
            let end = at.saturating_add(length).min(bytes.len());
            let values = ((end - at) * 8).min(left);
            builder.append_packed_range(0..values, &bytes[at..end]);
            at = end;
        }
        if length == 0 || at > bytes.len() {
            return Err(damaged("levels end early"));
        }
    }
    Ok(builder.finish())
}

fn varint(bytes: &[u8], at: &mut usize) -> Result<u64> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.get(*at).ok_or_else(|| damaged("a page ends early"))?;
        *at += 1;
        value |= ((byte & 0x7F) as u64) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged("a number is too long"))
}

/// Adds `count` values that are packed with `width` bits each.
fn unpack(bytes: &[u8], width: u32, count: usize, out: &mut Vec<i32>) {
    macro_rules! by_width {
        ($($narrow:literal)+; $($wide:literal)+) => {
            match width {
                0 => out.resize(out.len() + count, 0),
                $( $narrow => unpack_groups::<$narrow>(bytes, count, out, eight_narrow::<$narrow>), )+
                $( $wide => unpack_groups::<$wide>(bytes, count, out, eight_wide::<$wide>), )+
                _ => (0..count).for_each(|index| out.push(at_bit(bytes, index * width as usize, width))),
            }
        };
    }
    by_width!(1 2 3 4 5 6 7 8; 9 10 11 12 13 14 15 16);
}

#[inline(always)]
fn unpack_groups<const W: usize>(
    bytes: &[u8],
    count: usize,
    out: &mut Vec<i32>,
    eight: impl Fn(&[u8; W]) -> [i32; 8],
) {
    let start = out.len();
    out.resize(start + count.next_multiple_of(8), 0);
    let (groups, rest) = bytes.as_chunks::<W>();
    let wanted = count.div_ceil(8);
    for (out, group) in out[start..].as_chunks_mut::<8>().0.iter_mut().zip(groups) {
        *out = eight(group);
    }
    if groups.len() < wanted {
        // a group that was cut off: what is missing is zero, and is not wanted
        let mut group = [0; W];
        group[..rest.len()].copy_from_slice(rest);
        out[start..].as_chunks_mut::<8>().0[groups.len()] = eight(&group);
    }
    out.truncate(start + count);
}

#[inline(always)]
fn eight_narrow<const W: usize>(group: &[u8; W]) -> [i32; 8] {
    let mut bytes = [0; 8];
    bytes[..W].copy_from_slice(group);
    let packed = u64::from_le_bytes(bytes);
    std::array::from_fn(|index| (packed >> (index * W) & ((1 << W) - 1)) as i32)
}

#[inline(always)]
fn eight_wide<const W: usize>(group: &[u8; W]) -> [i32; 8] {
    let mut bytes = [0; 16];
    bytes[..W].copy_from_slice(group);
    let packed = u128::from_le_bytes(bytes);
    let halves = [packed as u64, (packed >> (4 * W)) as u64];
    std::array::from_fn(|index| (halves[index / 4] >> (index % 4 * W) & ((1 << W) - 1)) as i32)
}

fn at_bit(bytes: &[u8], bit: usize, width: u32) -> i32 {
    let rest = &bytes[bit / 8..];
    let mut word = [0; 8];
    let length = rest.len().min(8);
    word[..length].copy_from_slice(&rest[..length]);
    (u64::from_le_bytes(word) >> (bit % 8) & ((1 << width) - 1)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(values: &[i32], width: u32) -> Vec<u8> {
        let mut bytes = vec![0u8; (values.len() * width as usize).div_ceil(8)];
        for (index, value) in values.iter().enumerate() {
            for bit in 0..width as usize {
                let at = index * width as usize + bit;
                bytes[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            }
        }
        bytes
    }

    #[test]
    fn values_of_every_width_are_unpacked() {
        for width in 1..=31 {
            for count in [8, 16, 64] {
                let values: Vec<i32> =
                    (0..count).map(|x| ((x as i64 * 0x9E37_79B9) & ((1 << width) - 1)) as i32).collect();
                let mut bytes = vec![(count / 8) << 1 | 1];
                bytes.extend(pack(&values, width));
                for step in [1, 3, 8, 64] {
                    let mut runs = Runs::new(bytes.clone().into(), width).unwrap();
                    let mut found = Vec::new();
                    while found.len() < values.len() {
                        let left = values.len() - found.len();
                        runs.take(left.min(step), &mut found).unwrap();
                    }
                    assert_eq!(found, values, "{width} bits");
                    assert!(runs.take(1, &mut found).is_err());
                }
            }
        }
    }

    #[test]
    fn runs_of_both_kinds_follow_one_another() {
        let bytes: Vec<u8> = vec![5 << 1, 3, 1 << 1 | 1, 0b11_10_01_00, 0b00_01_10_11, 2 << 1, 1];
        let mut runs = Runs::new(bytes.into(), 2).unwrap();
        let mut found = Vec::new();
        runs.take(15, &mut found).unwrap();
        assert_eq!(found, [3, 3, 3, 3, 3, 0, 1, 2, 3, 3, 2, 1, 0, 1, 1]);
    }

    #[test]
    fn levels_are_bits() {
        let presence = |bytes: &'static [u8], count: usize| presence(&Bytes::from_static(bytes), count, 1);
        let levels = presence(&[3 << 1, 1, 1 << 1 | 1, 0b0101_0101, 2 << 1, 0], 12).unwrap();
        let found: Vec<bool> = levels.iter().collect();
        let expected = [1, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0, 0].map(|bit| bit == 1);
        assert_eq!(found, expected);
        assert!(presence(&[3 << 1, 1], 4).is_err());
        assert!(presence(&[0, 0, 0, 0], 4).is_err());
    }

    #[test]
    fn only_the_greatest_level_is_a_value() {
        let presence =
            |bytes: &'static [u8], count: usize, depth| presence(&Bytes::from_static(bytes), count, depth);
        // twice 2, and then 0 1 2 0 2 1 1 0
        let levels: &[u8] = &[2 << 1, 2, 1 << 1 | 1, 0b00_10_01_00, 0b00_01_01_10];
        let found: Vec<bool> = presence(levels, 10, 2).unwrap().iter().collect();
        let expected = [1, 1, 0, 0, 1, 0, 1, 0, 0, 0].map(|bit| bit == 1);
        assert_eq!(found, expected);
        assert!(presence(&[4 << 1, 3], 4, 2).is_err(), "there is no such level");
        assert!(presence(&[4 << 1, 3], 4, 3).unwrap().iter().all(|is_present| is_present));
        assert!(presence(&[3 << 1, 1], 4, 2).is_err(), "levels end early");
    }
}
