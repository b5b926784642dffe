//! Where are the columns of a block while it is decided? In numbered slots, each of one type.
//!
//! Every slot begins where a page begins, or a multiple of the block's rows further. Where a kernel writes a little
//! ahead of where it reads, modulo a page, the processor takes what is read for what was just written, and waits;
//! and slots that are scattered over memory come to share places in the nearest cache.

use bytemuck::bytes_of_mut;
use opus_ir::{Scalar, Type};

use crate::columns::BLOCK_ROWS;

/// A column of a block.
pub(crate) type Lanes<T> = [T; BLOCK_ROWS];

const PAGE_BYTES: usize = 4096;

/// What slots are made of.
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(4096))]
pub(crate) struct Page([u8; PAGE_BYTES]);

/// The slots. One that is being written is taken out meanwhile.
pub(crate) struct Slots<'a>(Vec<Option<&'a mut [u8]>>);

impl<'a> Slots<'a> {
    /// Slots for each type, in pages; pages are added as needed.
    pub(crate) fn new(pages: &'a mut Vec<Page>, types: &[Type]) -> Slots<'a> {
        let bytes_of = |ty: Type| ty.width().bytes() * BLOCK_ROWS;
        let count = types.iter().map(|ty| bytes_of(*ty)).sum::<usize>().div_ceil(PAGE_BYTES);
        if pages.len() < count {
            pages.resize(count, Page([0; PAGE_BYTES]));
        }
        let mut slots: Vec<Option<&mut [u8]>> = types.iter().map(|_| None).collect();
        let mut rest: &mut [u8] = bytemuck::cast_slice_mut(pages);
        // the widest first: slots of Booleans are smaller than a page
        for ty in Type::ALL.into_iter().rev() {
            for slot in (0..types.len()).filter(|slot| types[*slot] == ty) {
                let (own, after) = rest.split_at_mut(bytes_of(ty));
                slots[slot] = Some(own);
                rest = after;
            }
        }
        Slots(slots)
    }

    /// The lanes of a slot.
    #[inline(always)]
    pub(crate) fn read<T: Scalar>(&self, slot: u32) -> &Lanes<T> {
        bytemuck::from_bytes(self.0[slot as usize].as_deref().expect("a step reads no slot that it writes"))
    }

    /// The lanes of a slot, to be written; the slot is empty until they are [given back](Slots::give_back).
    #[inline(always)]
    pub(crate) fn take<T: Scalar>(&mut self, slot: u32) -> &'a mut Lanes<T> {
        bytemuck::from_bytes_mut(self.0[slot as usize].take().expect("a step writes one slot"))
    }

    #[inline(always)]
    pub(crate) fn give_back<T: Scalar>(&mut self, slot: u32, lanes: &'a mut Lanes<T>) {
        self.0[slot as usize] = Some(bytes_of_mut(lanes));
    }
}
