//! How are rows written? What a table is, and what every format makes of it: an [`Encoder`] that turns rows into bytes
//! or the like, and a [`Writer`] that appends them to a file.
//!
//! An [`Encoder`] is shared by threads and turns rows into what a [`Writer`] appends in order. So the bytes depend
//! on the rows and on where chunks end, and not on who encoded them.

mod printed;
mod table;
pub(crate) mod text;

use std::any::Any;
use std::error::Error;
use std::sync::Arc;

use crate::endpoint::Located;
use crate::error::DataError;
use crate::target::{Target, Whole};

pub(crate) use printed::is_printable;
pub use printed::{Printed, Printer};
pub use table::{Content, Data, Layout, PERCENT, Spec, Table, UNIT_KEY};

/// Turns rows into what the [`Writer`] of the same file appends; shared by threads.
pub trait Encoder: Send + Sync {
    /// Whether kept columns may come as the pages that they were read from.
    fn copies_pages(&self) -> bool {
        false
    }

    /// Encodes rows.
    ///
    /// # Errors
    /// Where a column cannot be encoded.
    fn encode(&self, table: &Table<'_>) -> Result<Encoded, DataError>;
}

/// A file that is being written; when it is [finished](Writer::finish) it may get its name.
pub trait Writer: Send {
    /// Appends rows that the encoder of the same file made.
    ///
    /// # Errors
    /// Where they cannot be written.
    fn append(&mut self, rows: Encoded) -> Result<(), DataError>;

    /// Completes the file, which has no name yet.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn finish(self: Box<Self>) -> Result<Whole, DataError>;
}

/// A file that was begun: what encodes its rows, and what appends them.
pub type Begun = (Box<dyn Encoder>, Box<dyn Writer>);

/// Rows as an [`Encoder`] made them, for the [`Writer`] of the same file.
pub struct Encoded(Box<dyn Any + Send>);

impl Encoded {
    /// Rows in the form of a format.
    pub(crate) fn new<T: Send + 'static>(rows: T) -> Encoded {
        Encoded(Box::new(rows))
    }

    /// The rows, in the form of the format that encoded them.
    pub(crate) fn get<T: 'static>(self) -> T {
        *self.0.downcast().expect("an encoder and a writer are of one file")
    }
}

/// Begins a file.
///
/// # Errors
/// Where it cannot be written, or a column cannot be held by the format.
///
/// ```
/// use opus_data::output;
/// use opus_data::write::{Content, Data, Layout, Spec, Table, create};
/// use std::sync::Arc;
///
/// let path = std::env::temp_dir().join(format!("opus-write-{}.jsonl", std::process::id()));
/// let columns = vec![Spec { name: "n".into(), content: Content::Long, optional: false }];
/// let layout = Layout::new(columns, &[], "the example")?;
/// let (encoder, mut writer) = create(&output(&path, None)?, &Arc::new(layout))?;
/// let rows = encoder.encode(&Table { rows: 2, columns: vec![Data::Longs(vec![1, 2].into())] })?;
/// writer.append(rows)?;
/// writer.finish()?.name()?;
/// assert_eq!(std::fs::read_to_string(&path)?, "{\"n\":1}\n{\"n\":2}\n");
/// # std::fs::remove_file(path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create(located: &Located, layout: &Arc<Layout>) -> Result<Begun, DataError> {
    begin(located, layout, false)
}

/// Begins a file; `hashed` if its bytes are hashed as they are written.
///
/// # Errors
/// As [`create`].
pub(crate) fn begin(located: &Located, layout: &Arc<Layout>, hashed: bool) -> Result<Begun, DataError> {
    let name = located.endpoint.to_string();
    let target = Target::create(&located.endpoint)?;
    (located.format.row().create)(if hashed { target.hashed() } else { target }, &name, layout)
}

/// Rows that cannot be encoded.
pub(crate) fn cannot_encode(error: &dyn Error) -> DataError {
    DataError::output(format!("rows cannot be encoded: {error}"))
}
