//! Where do the columns of a block lie while it is decided? In slots, numbered by type, one behind the other.
//!
//! Every slot begins where a page begins, or a multiple of the block's rows further. Where a kernel writes a little
//! ahead of where it reads, modulo a page, the processor takes what is read for what was just written, and waits;
//! and slots that are scattered over memory come to share places in the nearest cache.

use bytemuck::Pod;

use crate::columns::BLOCK_ROWS;

/// A column of a block.
pub(crate) type Lanes<T> = [T; BLOCK_ROWS];

const PAGE_BYTES: usize = 4096;

/// What slots are made of.
#[derive(Clone, Copy, bytemuck::Zeroable, bytemuck::Pod)]
#[repr(C, align(4096))]
pub(crate) struct Page([u8; PAGE_BYTES]);

/// The slots by type. One that is being written is taken out meanwhile.
pub(crate) struct Slots<'a> {
    bools: Vec<Option<&'a mut Lanes<u8>>>,
    i32s: Vec<Option<&'a mut Lanes<i32>>>,
    i64s: Vec<Option<&'a mut Lanes<i64>>>,
    i128s: Vec<Option<&'a mut Lanes<i128>>>,
}

/// A type of lanes, by which its slots are found.
pub(crate) trait Stored: Pod {
    fn slots<'s, 'a>(slots: &'s Slots<'a>) -> &'s [Option<&'a mut Lanes<Self>>];
    fn slots_mut<'s, 'a>(slots: &'s mut Slots<'a>) -> &'s mut [Option<&'a mut Lanes<Self>>];
    /// A constant of the type.
    fn cut(x: i128) -> Self;
    /// The first where the condition is 1, the second where it is 0. Both are read: a choice between two places to
    /// read from would become a gather.
    fn choose(condition: u8, a: Self, b: Self) -> Self;
}

macro_rules! stored {
    ($($ty:ty, $slots:ident);+) => { $( impl Stored for $ty {
        #[inline(always)]
        fn slots<'s, 'a>(slots: &'s Slots<'a>) -> &'s [Option<&'a mut Lanes<$ty>>] {
            &slots.$slots
        }
        #[inline(always)]
        fn slots_mut<'s, 'a>(slots: &'s mut Slots<'a>) -> &'s mut [Option<&'a mut Lanes<$ty>>] {
            &mut slots.$slots
        }
        #[inline(always)]
        fn cut(x: i128) -> $ty {
            x as $ty
        }
        #[inline(always)]
        fn choose(condition: u8, a: $ty, b: $ty) -> $ty {
            let mask = (condition as $ty).wrapping_neg();
            a & mask | b & !mask
        }
    } )+ };
}
stored!(u8, bools; i32, i32s; i64, i64s; i128, i128s);

impl<'a> Slots<'a> {
    /// So many slots, by type, in pages that there become enough of.
    pub(crate) fn new(pages: &'a mut Vec<Page>, counts: [u32; 4]) -> Slots<'a> {
        let counts = counts.map(|count| count as usize);
        let sizes = [size_of::<u8>(), size_of::<i32>(), size_of::<i64>(), size_of::<i128>()];
        let [bools, i32s, i64s, i128s] =
            std::array::from_fn(|ty| (counts[ty] * sizes[ty] * BLOCK_ROWS).div_ceil(PAGE_BYTES));
        let all = bools + i32s + i64s + i128s;
        if pages.len() < all {
            pages.resize(all, Page([0; PAGE_BYTES]));
        }
        let (bools, pages) = pages.split_at_mut(bools);
        let (i32s, pages) = pages.split_at_mut(i32s);
        let (i64s, pages) = pages.split_at_mut(i64s);
        Slots {
            bools: carved(bools, counts[0]),
            i32s: carved(i32s, counts[1]),
            i64s: carved(i64s, counts[2]),
            i128s: carved(&mut pages[..i128s], counts[3]),
        }
    }

    /// The lanes of a slot.
    #[inline(always)]
    pub(crate) fn read<T: Stored>(&self, slot: u32) -> &Lanes<T> {
        T::slots(self)[slot as usize].as_deref().expect("a step reads no slot that it writes")
    }

    /// The lanes of a slot, to be written; until they are [given back](Slots::give_back) they are not there.
    #[inline(always)]
    pub(crate) fn take<T: Stored>(&mut self, slot: u32) -> &'a mut Lanes<T> {
        T::slots_mut(self)[slot as usize].take().expect("a step writes one slot")
    }

    #[inline(always)]
    pub(crate) fn give_back<T: Stored>(&mut self, slot: u32, lanes: &'a mut Lanes<T>) {
        T::slots_mut(self)[slot as usize] = Some(lanes);
    }
}

fn carved<T: Pod>(pages: &mut [Page], count: usize) -> Vec<Option<&mut Lanes<T>>> {
    let (lanes, _) = bytemuck::cast_slice_mut(pages).as_chunks_mut();
    lanes.iter_mut().take(count).map(Some).collect()
}
