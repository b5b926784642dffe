//! How are rows and columns laid out in memory, so that admission, both engines and the files agree?
//!
//! A column is an array of one [`Width`] in the machine's own order of bytes, aligned to 64 bytes and padded to whole
//! groups of 64 rows, so that a kernel may read and write whole vectors past the last row; an optional column has a
//! validity bitmap beside it (bit `r % 64` of word `r / 64` is set where row `r` is present). A row is a packed
//! structure in little-endian order: every field at its natural alignment, then one presence byte per optional field.

use bytemuck::Pod;

use crate::by_width;
use crate::scalar::Scalar;
use crate::schema::Column;
use crate::types::Width;

/// Columns are padded to a multiple of this many rows.
pub const ROWS_PER_GROUP: usize = 64;

/// A cache line of bytes: the unit that columns are allocated in.
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Rows stored column by column.
///
/// ```
/// use opus_ir::memory::Columns;
/// use opus_ir::{Column, Width};
/// let mut columns = Columns::new(&[Column { width: Width::W16, optional: true }], 100);
/// columns.set_rows(2);
/// columns.set(0, 0, Some(700));
/// columns.set(0, 1, None);
/// assert_eq!(columns.get(0, 0), Some(700));
/// assert_eq!(columns.get(0, 1), None);
/// ```
#[derive(Clone)]
pub struct Columns {
    rows: usize,
    capacity_rows: usize,
    columns: Vec<Buffer>,
}

#[derive(Clone)]
struct Buffer {
    column: Column,
    values: Vec<Line>,
    validity: Vec<Line>,
}

impl Columns {
    /// Zeroed columns for at least `capacity_rows` rows, holding none yet.
    pub fn new(shape: &[Column], capacity_rows: usize) -> Columns {
        let capacity_rows = capacity_rows.max(1).next_multiple_of(ROWS_PER_GROUP);
        let lines = |bytes: usize| vec![Line([0; 64]); bytes.div_ceil(64)];
        let buffer = |column: &Column| Buffer {
            column: *column,
            values: lines(capacity_rows * column.width.bytes()),
            validity: lines(if column.optional { capacity_rows / 8 } else { 0 }),
        };
        Columns { rows: 0, capacity_rows, columns: shape.iter().map(buffer).collect() }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many rows there is room for: a multiple of [`ROWS_PER_GROUP`].
    pub fn capacity_rows(&self) -> usize {
        self.capacity_rows
    }

    /// Says how many rows there are.
    ///
    /// # Panics
    /// If there is no room for them.
    pub fn set_rows(&mut self, rows: usize) {
        assert!(rows <= self.capacity_rows, "more rows than there is room for");
        self.rows = rows;
    }

    /// How many columns there are.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The shape of a column.
    pub fn column(&self, index: usize) -> Column {
        self.columns[index].column
    }

    /// The values of a column, to the end of its capacity.
    ///
    /// # Panics
    /// Where `T` is not as wide as the column.
    pub fn values<T: Pod>(&self, index: usize) -> &[T] {
        let buffer = &self.columns[index];
        assert_eq!(size_of::<T>(), buffer.column.width.bytes(), "a column is read at its own width");
        &bytemuck::cast_slice(&buffer.values)[..self.capacity_rows]
    }

    /// The values of a column, to be written.
    ///
    /// # Panics
    /// Where `T` is not as wide as the column.
    pub fn values_mut<T: Pod>(&mut self, index: usize) -> &mut [T] {
        let buffer = &mut self.columns[index];
        assert_eq!(size_of::<T>(), buffer.column.width.bytes(), "a column is written at its own width");
        &mut bytemuck::cast_slice_mut(&mut buffer.values)[..self.capacity_rows]
    }

    /// The values of a column as bytes, to the end of its capacity.
    pub fn bytes(&self, index: usize) -> &[u8] {
        let buffer = &self.columns[index];
        &bytemuck::cast_slice(&buffer.values)[..self.capacity_rows * buffer.column.width.bytes()]
    }

    /// The values of a column as bytes, to be written.
    pub fn bytes_mut(&mut self, index: usize) -> &mut [u8] {
        let buffer = &mut self.columns[index];
        let length_bytes = self.capacity_rows * buffer.column.width.bytes();
        &mut bytemuck::cast_slice_mut(&mut buffer.values)[..length_bytes]
    }

    /// The validity bitmap of a column, one word per group; empty where the column is not optional.
    pub fn validity(&self, index: usize) -> &[u64] {
        let words = &self.columns[index].validity;
        let count = if self.columns[index].column.optional { self.capacity_rows / 64 } else { 0 };
        &bytemuck::cast_slice(words)[..count]
    }

    /// The validity bitmap of a column, to be written.
    pub fn validity_mut(&mut self, index: usize) -> &mut [u64] {
        let count = if self.columns[index].column.optional { self.capacity_rows / 64 } else { 0 };
        &mut bytemuck::cast_slice_mut(&mut self.columns[index].validity)[..count]
    }

    /// The values of a column, to be written, beside its validity bitmap.
    ///
    /// # Panics
    /// Where `T` is not as wide as the column.
    pub fn values_and_validity_mut<T: Pod>(&mut self, index: usize) -> (&mut [T], &[u64]) {
        let Buffer { column, values, validity } = &mut self.columns[index];
        assert_eq!(size_of::<T>(), column.width.bytes(), "a column is written at its own width");
        let groups = if column.optional { self.capacity_rows / 64 } else { 0 };
        let values = &mut bytemuck::cast_slice_mut(values)[..self.capacity_rows];
        (values, &bytemuck::cast_slice(validity)[..groups])
    }

    /// One value, `None` if it is missing.
    pub fn get(&self, index: usize, row: usize) -> Option<i128> {
        let column = self.columns[index].column;
        let present = !column.optional || self.validity(index)[row / 64] >> (row % 64) & 1 == 1;
        present.then(|| by_width!(column.width, Cell => self.values::<Cell>(index)[row].wide()))
    }

    /// Sets one value. A missing one leaves the stored integer as it is.
    pub fn set(&mut self, index: usize, row: usize, value: Option<i128>) {
        let column = self.columns[index].column;
        if column.optional {
            let word = &mut self.validity_mut(index)[row / 64];
            *word = *word & !(1 << (row % 64)) | (value.is_some() as u64) << (row % 64);
        }
        if let Some(value) = value {
            by_width!(column.width, Cell => self.values_mut::<Cell>(index)[row] = Cell::truncate(value));
        }
    }
}

/// The layout of the fields of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowLayout {
    /// By field index: the byte offset of the value, its width, and the byte offset of its presence byte.
    pub slots: Vec<Slot>,
    /// The size of a row, a multiple of 16.
    pub size_bytes: usize,
}

/// The place of a field in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    /// The byte offset of the value.
    pub offset: u32,
    /// How wide it is.
    pub width: Width,
    /// The byte offset of the presence byte (1 present, 0 missing) of an optional field.
    pub presence: Option<u32>,
}

impl RowLayout {
    /// The layout of rows with these columns.
    pub fn new(shape: &[Column]) -> RowLayout {
        let mut end = 0usize;
        let mut slots = Vec::with_capacity(shape.len());
        for column in shape {
            let offset = end.next_multiple_of(column.width.bytes());
            end = offset + column.width.bytes();
            slots.push(Slot { offset: offset as u32, width: column.width, presence: None });
        }
        for (slot, _) in slots.iter_mut().zip(shape).filter(|(_, column)| column.optional) {
            slot.presence = Some(end as u32);
            end += 1;
        }
        RowLayout { slots, size_bytes: end.next_multiple_of(16) }
    }
}

/// One row in memory, aligned to 16 bytes.
///
/// ```
/// use opus_ir::memory::{Row, RowLayout};
/// use opus_ir::{Column, Width};
/// let layout = RowLayout::new(&[Column { width: Width::W16, optional: true }]);
/// let mut row = Row::new(&layout);
/// row.set(layout.slots[0], Some(700));
/// assert_eq!(row.get(layout.slots[0]), Some(700));
/// ```
#[derive(Clone, Debug)]
pub struct Row {
    cells: Vec<u128>,
}

impl Row {
    /// A row of zeros, optional fields missing.
    pub fn new(layout: &RowLayout) -> Row {
        Row { cells: vec![0; layout.size_bytes / 16] }
    }

    /// The row's bytes.
    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.cells)
    }

    /// The row's bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        bytemuck::cast_slice_mut(&mut self.cells)
    }

    /// One value, `None` if it is missing.
    pub fn get(&self, slot: Slot) -> Option<i128> {
        let present = slot.presence.is_none_or(|at| self.bytes()[at as usize] != 0);
        present.then(|| read(self.bytes(), slot.offset as usize, slot.width))
    }

    /// Sets one value, which fits in 64 bits.
    #[inline]
    pub fn set_narrow(&mut self, slot: Slot, value: i64) {
        if let Some(at) = slot.presence {
            self.bytes_mut()[at as usize] = 1;
        }
        match slot.width {
            Width::W128 => write(self.bytes_mut(), slot.offset as usize, slot.width, value.into()),
            narrow => write_narrow(self.bytes_mut(), slot.offset as usize, narrow, value),
        }
    }

    /// Sets one value. A missing one leaves the stored integer as it is.
    pub fn set(&mut self, slot: Slot, value: Option<i128>) {
        if let Some(at) = slot.presence {
            self.bytes_mut()[at as usize] = value.is_some() as u8;
        }
        if let Some(value) = value {
            write(self.bytes_mut(), slot.offset as usize, slot.width, value);
        }
    }
}

/// Reads a signed little-endian integer.
#[inline]
pub fn read(bytes: &[u8], offset: usize, width: Width) -> i128 {
    match width {
        Width::W128 => i128::read(at::<i128>(bytes, offset)),
        narrow => read_narrow(bytes, offset, narrow) as i128,
    }
}

/// Reads a signed little-endian integer of up to 64 bits, or the lower half of a wider one: one load, where
/// [`read`] has to be ready for two.
#[inline(always)]
pub fn read_narrow(bytes: &[u8], offset: usize, width: Width) -> i64 {
    by_width!(width, Cell => Cell::read(at::<Cell>(bytes, offset)).wide() as i64)
}

/// The bytes of an integer. Their number is known to the compiler, so reading them needs no further check.
#[inline(always)]
fn at<Cell>(bytes: &[u8], offset: usize) -> &[u8] {
    &bytes[offset..offset + size_of::<Cell>()]
}

/// The same, to be written.
#[inline(always)]
fn at_mut<Cell>(bytes: &mut [u8], offset: usize) -> &mut [u8] {
    &mut bytes[offset..offset + size_of::<Cell>()]
}

/// Writes an integer, truncated to the width.
#[inline]
pub fn write_narrow(bytes: &mut [u8], offset: usize, width: Width, value: i64) {
    by_width!(width, Cell => Cell::truncate(value as i128).write(at_mut::<Cell>(bytes, offset)));
}

/// Writes a signed little-endian integer, truncated to the width.
#[inline]
pub fn write(bytes: &mut [u8], offset: usize, width: Width, value: i128) {
    by_width!(width, Cell => Cell::truncate(value).write(at_mut::<Cell>(bytes, offset)));
}
