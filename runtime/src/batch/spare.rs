//! Where is memory kept between two uses? What a thread needs for a chunk of rows is large, and the next thread needs the
//! same.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// What no thread uses at the moment.
///
/// ```
/// use opus_runtime::batch::Spare;
/// let spare = Spare::default();
/// let room = spare.take(|room: &Vec<u8>| room.capacity() >= 10, || Vec::with_capacity(10));
/// spare.give_back(room);
/// // a larger one is made, because what is kept is too small
/// let room = spare.take(|room| room.capacity() >= 1_000, || Vec::with_capacity(1_000));
/// assert!(room.capacity() >= 1_000);
/// ```
#[derive(Debug)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Default for Spare<T> {
    fn default() -> Spare<T> {
        Spare(Mutex::default())
    }
}

impl<T> Spare<T> {
    /// Something that is kept, if it fits, and otherwise something new. What does not fit is dropped.
    pub fn take(&self, fits: impl FnOnce(&T) -> bool, make: impl FnOnce() -> T) -> T {
        let kept = self.kept().pop();
        // not under the lock: others take theirs meanwhile
        kept.filter(fits).unwrap_or_else(make)
    }

    /// Keeps something for the next use.
    pub fn give_back(&self, room: T) {
        self.kept().push(room);
    }

    fn kept(&self) -> MutexGuard<'_, Vec<T>> {
        // the list is whole between two statements
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
