//! Which threads decide? As many as a command line says, or one for each processor.

use crate::failure::Failure;

/// A pool of so many threads, or of one for each processor.
///
/// # Errors
/// If they cannot be started.
pub fn pool(threads: Option<u16>) -> Result<rayon::ThreadPool, Failure> {
    let available = || std::thread::available_parallelism().map_or(1, |count| count.get());
    let count = threads.map_or_else(available, usize::from);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(count).build();
    pool.map_err(|error| Failure::io(format!("threads cannot be started: {error}")))
}
