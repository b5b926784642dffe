//! Was a file written to while it was read? Then there is no saying what its rows came from: it may have been cut off
//! within a number.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::SystemTime;

use crate::error::DataError;

/// A regular file as it was when it was opened.
#[derive(Clone)]
pub struct Unchanged {
    file: Arc<File>,
    length: u64,
    /// When it was last written to, where the system knows that.
    modified: Option<SystemTime>,
}

impl Unchanged {
    /// Takes note of a file; `None` for pipes and devices, about which nothing is known.
    ///
    /// # Errors
    /// Where the system does not say what it is.
    pub fn of(file: Arc<File>) -> io::Result<Option<Unchanged>> {
        let data = file.metadata()?;
        let unchanged = || Unchanged { length: data.len(), modified: data.modified().ok(), file };
        Ok(data.is_file().then(unchanged))
    }

    /// How long the file was.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Checks that the file is as long as it was and was not written to since, as far as the system can tell.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check(&self, name: &str) -> Result<(), DataError> {
        let now = self.file.metadata().map_err(|error| DataError::unreadable(name, &error))?;
        if now.len() == self.length && now.modified().ok() == self.modified {
            return Ok(());
        }
        let message = format!("{name}: the file was written to while it was read");
        Err(DataError::input(message).remedy("decide it again when it is complete"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn a_file_that_was_written_to_is_not_as_it_was() {
        let scratch = Scratch::create();
        let path = scratch.file("rows.csv", "0123456789");
        let opened = || Unchanged::of(Arc::new(File::open(&path).unwrap())).unwrap().unwrap();
        let unchanged = opened();
        // another file of the same name is none of its business
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another").unwrap();
        unchanged.check("x").unwrap();
        let unchanged = opened();
        File::options().write(true).open(&path).unwrap().set_len(3).unwrap();
        assert_eq!(unchanged.check("x").unwrap_err().message, "x: the file was written to while it was read");
    }
}
