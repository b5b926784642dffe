//! What represents one row in the tree of a record? Its leaf: a hash of its number, its input and its decision or
//! refusal, with a salt.
//!
//! Inputs have few possible values, so that a plain hash of a row could be found by trying. A proof for one row holds the
//! leaves of others, and would tell something about them. The salt prevents this. It depends on all bytes of all inputs,
//! which nobody knows who knows only one row; and it depends on nothing else, so that the same inputs have the same leaves.
//!
//! The key of the salts is BLAKE3 in the mode `derive_key`, with the context `opus row salt 1`, of the bytes of each input
//! in order, each followed by its length in 8 bytes. The salt of a row is BLAKE3 in the mode `keyed_hash`, with this key,
//! of the row's number in 8 bytes. A [`leaf`] is described in [`crate::hash`].

use opus_ir::memory::Columns;
use opus_ir::{Scalar, by_width};

use super::{Outcome, Record};
use crate::admission::Reason;
use crate::batch::Batch;
use crate::hash::{Hash, put_row};

/// What the key of the salts is derived with.
const SALT_CONTEXT: &str = "opus row salt 1";

/// The salts of the rows of some inputs. Who has the key can test guesses about rows: it belongs to the inputs.
///
/// ```
/// use opus_runtime::record::{Salting, Salts};
/// let mut salting = Salting::default();
/// salting.update(b"age\n40\n");
/// salting.end_input();
/// let salts = salting.finish();
/// assert_ne!(salts.of(1), salts.of(2));
/// assert_eq!(Salts::from_key(salts.key()).of(1), salts.of(1));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Salts {
    key: Hash,
}

impl Salts {
    /// The salts with a key that was kept.
    pub fn from_key(key: Hash) -> Salts {
        Salts { key }
    }

    /// The key.
    pub fn key(&self) -> Hash {
        self.key
    }

    /// The salt of the row with this number, from 1.
    pub fn of(&self, row: u64) -> Hash {
        Hash::from_bytes(*blake3::keyed_hash(self.key.as_bytes(), &row.to_le_bytes()).as_bytes())
    }
}

/// The salts of inputs that are being read; see [`Salts`].
pub struct Salting {
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Default for Salting {
    /// Nothing was read yet.
    fn default() -> Salting {
        Salting { hasher: blake3::Hasher::new_derive_key(SALT_CONTEXT), bytes: 0 }
    }
}

impl Salting {
    /// Takes the next bytes of an input.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Ends an input.
    pub fn end_input(&mut self) {
        self.hasher.update(&std::mem::take(&mut self.bytes).to_le_bytes());
    }

    /// The salts, when all inputs have ended.
    pub fn finish(self) -> Salts {
        Salts { key: Hash::from_bytes(*self.hasher.finalize().as_bytes()) }
    }
}

/// The leaf of a row: its salt, its number from 1, the hash of its input (`None` if a field was refused), and the hash of
/// its decision or refusal.
///
/// ```
/// use opus_runtime::{Hash, record};
/// let (salt, input, outcome) = (Hash::of(b"salt"), Some(Hash::of(b"input")), Hash::of(b"outcome"));
/// // decided or refused is part of it
/// assert_ne!(record::leaf(salt, 1, input, true, outcome), record::leaf(salt, 1, input, false, outcome));
/// ```
pub fn leaf(salt: Hash, row: u64, input: Option<Hash>, is_decided: bool, outcome: Hash) -> Hash {
    let mut bytes = Vec::with_capacity(LEAF_BYTES);
    put_row(&mut bytes, salt, row, input, is_decided, outcome);
    Hash::of(&bytes)
}

const LEAF_BYTES: usize = 16 + 32 + 8 + 33 + 33;

impl Record {
    /// The leaf of the row with this record: [`leaf`].
    pub fn leaf(&self, salt: Hash, row: u64) -> Hash {
        let (is_decided, outcome) = match &self.outcome {
            Outcome::Decided { hash, .. } => (true, *hash),
            Outcome::Refused { hash, .. } => (false, *hash),
        };
        leaf(salt, row, self.input, is_decided, outcome)
    }
}

/// By row of a batch, the hash of its input; `None` for rows of which a field is refused.
pub struct InputHashes(Vec<Option<Hash>>);

/// So many rows are written out at a time, column by column, before they are hashed.
const ROWS_AT_ONCE: usize = 64;

impl Batch {
    /// The hashes of the inputs of all rows. Deciding uses the inputs up, so they are hashed before.
    ///
    /// ```
    /// use opus_runtime::{Row, record::Salts, Hash, example};
    /// let policy = example::policy();
    /// let mut batch = policy.batch(1);
    /// let inputs = batch.inputs_mut();
    /// inputs.set_rows(1);
    /// let cells = [20_100, 40, 800, 9_000_000, 900_000, 0];
    /// cells.iter().enumerate().for_each(|(field, cell)| inputs.set(field, 0, Some(*cell)));
    /// let hashes = batch.input_hashes();
    /// batch.decide();
    /// let salts = Salts::from_key(Hash::of(b"the inputs"));
    /// let leaves = batch.leaves(&hashes, &salts, 1);
    ///
    /// // the same row alone has the same leaf
    /// let row = policy.read_json(
    ///     r#"{"submitted_on": "2025-01-12", "age": 40, "score": 800, "income": 90000, "requested": 9000, "work": "salaried"}"#,
    /// )?;
    /// assert_eq!(leaves, [policy.decide(&row)?.record().leaf(salts.of(1), 1)]);
    /// # Ok::<(), opus_runtime::Refusal>(())
    /// ```
    pub fn input_hashes(&self) -> InputHashes {
        InputHashes(input_hashes(self.inputs(), self.refused()))
    }

    /// The leaves of all rows of a batch that is decided, in order: those that were decided and those that were refused.
    /// `first_row` is the number of the first row.
    ///
    /// # Panics
    /// If the hashes are not those of the inputs of this batch.
    pub fn leaves(&self, inputs: &InputHashes, salts: &Salts, first_row: u64) -> Vec<Hash> {
        let program = self.policy().artifact().program();
        let (outputs, output_count) = (self.outputs(), program.schema.outputs.len());
        let (mut decided, mut refused) = (self.rows().iter().peekable(), self.refused());
        let (mut next, mut bytes) = (0, Vec::with_capacity(256));
        let leaf = |(row, input): (usize, &Option<Hash>)| {
            bytes.clear();
            let is_decided = decided.next_if(|decided| **decided as usize == row).is_some();
            if is_decided {
                let (version, rule) = (self.versions()[next] as usize, self.rules()[next] as usize);
                let values = (0..output_count).map(|output| outputs.get(output, next).unwrap_or(0));
                let (version, rule) = (program.versions[version].number, &program.rules[rule].id);
                crate::hash::put_decision(&mut bytes, version, rule, values);
                next += 1;
            } else {
                let count = refused.partition_point(|(of, _)| *of as usize <= row);
                let (reasons, rest) = refused.split_at(count);
                assert!(!reasons.is_empty(), "a row is decided or refused");
                let names = reasons.iter().map(|(_, reason)| (&*reason.name, reason.fault.code()));
                crate::hash::put_refusal(&mut bytes, names);
                refused = rest;
            }
            let outcome = Hash::of(&bytes);
            bytes.clear();
            let number = first_row + row as u64;
            put_row(&mut bytes, salts.of(number), number, *input, is_decided, outcome);
            Hash::of(&bytes)
        };
        inputs.0.iter().enumerate().map(leaf).collect()
    }
}

fn input_hashes(columns: &Columns, refused: &[(u32, Reason)]) -> Vec<Option<Hash>> {
    let mut is_admitted = vec![true; columns.rows()];
    for (row, _) in refused {
        // a reason may name a row that there is not
        is_admitted.get_mut(*row as usize).into_iter().for_each(|admitted| *admitted = false);
    }
    let mut form = Vec::new();
    crate::hash::put_input(&mut form, (0..columns.len()).map(|_| None));
    let row_bytes = form.len();
    let mut rows = form.repeat(ROWS_AT_ONCE);
    let mut hashes = Vec::with_capacity(columns.rows());
    for (block, admitted) in is_admitted.chunks(ROWS_AT_ONCE).enumerate() {
        let first = block * ROWS_AT_ONCE;
        for field in 0..columns.len() {
            // the validity of these rows is one word
            let present = columns.validity(field).get(block).copied();
            let is_present = |row: usize| present.is_none_or(|word| word >> row & 1 == 1);
            let at = row_bytes - (columns.len() - field) * CELL_BYTES;
            by_width!(columns.column(field).width, Cell => {
                let values = &columns.values::<Cell>(field)[first..][..admitted.len()];
                for (row, value) in values.iter().enumerate() {
                    let value = if is_present(row) { value.wide() } else { 0 };
                    let cell = &mut rows[row * row_bytes + at..][..CELL_BYTES];
                    cell[0] = is_present(row) as u8;
                    cell[1..].copy_from_slice(&value.to_le_bytes());
                }
            });
        }
        let row = |(row, admitted): (usize, &bool)| {
            admitted.then(|| Hash::of(&rows[row * row_bytes..][..row_bytes]))
        };
        hashes.extend(admitted.iter().enumerate().map(row));
    }
    hashes
}

/// A cell in the canonical form of an input: whether it is present, and the integer.
const CELL_BYTES: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;
    use opus_ir::{Column, Width};

    #[test]
    fn rows_of_columns_have_the_hashes_of_rows() {
        let shape = [Width::W8, Width::W16, Width::W32, Width::W64, Width::W128]
            .into_iter()
            .flat_map(|width| [false, true].map(|optional| Column { width, optional }));
        let shape: Vec<Column> = shape.collect();
        for count in [0, 1, 63, 64, 65, 200] {
            let mut columns = Columns::new(&shape, count);
            columns.set_rows(count);
            for row in 0..count {
                for (field, column) in shape.iter().enumerate() {
                    let value = (row as i128 * 37 + field as i128) % 100 - 50;
                    columns.set(field, row, Some(value));
                    if column.optional && (row + field) % 3 == 0 {
                        columns.set(field, row, None);
                    }
                }
            }
            let refused = [
                (2, Reason::malformed_row("x")),
                (2, Reason::malformed_row("x")),
                (900, Reason::malformed_row("x")),
            ];
            let hashes = input_hashes(&columns, &refused);
            assert_eq!(hashes.len(), count);
            for (row, hash) in hashes.into_iter().enumerate() {
                let values = (0..shape.len()).map(|field| columns.get(field, row));
                assert_eq!(hash, (row != 2).then(|| Hash::of_input(values)), "{row} of {count}");
            }
        }
    }
}
