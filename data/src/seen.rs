//! Which names do objects have? Formats with a header answer when a file is opened. In JSON a name may be absent from any
//! object, so that the answer is known when all of them are read: file by file, a [`Census`] finds the fields and the
//! columns to keep that no object names, and the names that look like misspelled ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use opus_runtime::near::{did_you_mean, near};

use crate::error::DataError;
use crate::intake::Intake;

/// What objects name.
///
/// ```
/// use opus_data::{Intake, Mapping, Seen};
/// let policy = opus_runtime::example::policy();
/// let mapping = Mapping::parse("score = { column = \"FICO\" }", policy.schema())?;
/// let intake = Intake { mapping, ..Intake::by_name(policy.schema()) };
/// let mut seen = Seen { objects: 1, ..Seen::default() };
/// assert!(seen.check(&intake).unwrap_err().message.starts_with("no object has `FICO`"));
/// seen.add(Seen { objects: 1, fields: [2].into(), ..Seen::default() });
/// assert!(seen.check(&intake).is_ok());
/// # Ok::<(), opus_data::DataError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// How many objects could be read.
    pub objects: u64,
    /// The input indices of fields with a value or `null` in one of them.
    pub fields: BTreeSet<usize>,
    /// By input index, how many objects do not name the field.
    pub lacking: BTreeMap<usize, u64>,
    /// The positions of columns to keep that one of them names.
    pub kept: BTreeSet<usize>,
    /// Names that were not asked for, each with the number of objects that have it.
    pub unread: BTreeMap<String, u64>,
}

impl Seen {
    /// Adds what other objects name.
    pub fn add(&mut self, other: Seen) {
        self.objects += other.objects;
        self.fields.extend(other.fields);
        self.kept.extend(other.kept);
        other.lacking.into_iter().for_each(|(index, rows)| *self.lacking.entry(index).or_default() += rows);
        other.unread.into_iter().for_each(|(name, rows)| *self.unread.entry(name).or_default() += rows);
    }

    /// That each field which may not be missing is named in an object; `file` is what the objects are called.
    ///
    /// # Errors
    /// Where one is in none of them.
    pub fn check_needed(&self, intake: &Intake, file: &str) -> Result<(), DataError> {
        let is_absent = |index: &usize| {
            !intake.schema.inputs[*index].optional
                && intake.field_mapping(*index).fill.is_none()
                && !self.fields.contains(index)
        };
        match (0..intake.schema.inputs.len()).find(is_absent).filter(|_| self.objects > 0) {
            Some(index) => Err(self.no_field(intake, index, file)),
            None => Ok(()),
        }
    }

    /// That each column which the mapping names for a field is in an object. Columns that are found by the name of
    /// their field may be absent, as values that are missing are.
    ///
    /// # Errors
    /// Where one is in none: the name is misspelled, and the field would be missing in every row.
    pub fn check(&self, intake: &Intake) -> Result<(), DataError> {
        let is_named = |index: &usize| intake.field_mapping(*index).column.is_some();
        let absent =
            (0..intake.schema.inputs.len()).filter(is_named).find(|index| !self.fields.contains(index));
        let Some(index) = absent.filter(|_| self.objects > 0) else { return Ok(()) };
        let (called, field) = (intake.called(index), &intake.schema.inputs[index].name);
        let message = format!("no object has `{called}`, which the mapping file names for `{field}`");
        let near = did_you_mean(intake.column(index), self.unread.keys().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("{near}\n  "));
        Err(DataError::unmapped(message).remedy(format!(
            "{near}correct the name; if no file has the field, write under [{field}]: column = false"
        )))
    }

    /// That no field is misspelled in all objects of a file.
    ///
    /// # Errors
    /// Where no object names a field, and they have a name that is spelled alike: as where a column is missing.
    fn check_spelling(&self, intake: &Intake, file: &str) -> Result<(), DataError> {
        match self.unnamed(intake).find(|index| self.misspelled(intake, *index).next().is_some()) {
            Some(index) => Err(self.no_field(intake, index, file)),
            None => Ok(()),
        }
    }

    /// That each column to keep is in an object.
    ///
    /// # Errors
    /// Where one is in none.
    fn check_kept(&self, intake: &Intake) -> Result<(), DataError> {
        let absent = (0..intake.keep.len()).find(|position| !self.kept.contains(position));
        let Some(position) = absent.filter(|_| self.objects > 0) else { return Ok(()) };
        let wanted = &intake.keep[position];
        let whole = wanted.split_once('.').map(|(whole, _)| whole);
        let named = self.fields.iter().map(|index| intake.column(*index));
        let names: BTreeSet<&str> = self.unread.keys().map(String::as_str).chain(named).collect();
        let remedy = match whole.filter(|whole| names.contains(whole)) {
            Some(whole) => format!("`{whole}` is there, and it can only be copied as a whole"),
            None => did_you_mean(wanted, names.iter().copied()).unwrap_or_else(|| {
                format!("the names are {}", names.into_iter().collect::<Vec<_>>().join(", "))
            }),
        };
        Err(DataError::input(format!("no object has `{wanted}`")).remedy(remedy))
    }

    /// The fields that no object names, although they are looked for.
    fn unnamed<'a>(&'a self, intake: &'a Intake) -> impl Iterator<Item = usize> + 'a {
        let is_looked_for = |index: &usize| {
            let mapping = intake.field_mapping(*index);
            !mapping.is_absent && mapping.fill.is_none()
        };
        let all = (0..intake.schema.inputs.len()).filter(|_| self.objects > 0);
        all.filter(is_looked_for).filter(|index| !self.fields.contains(index))
    }

    /// The names that may be misspellings of the name of a field: those that are spelled alike, and are in no more objects
    /// than lack the field.
    fn misspelled<'a>(&'a self, intake: &Intake, index: usize) -> impl Iterator<Item = (&'a str, u64)> {
        let lacking = self.lacking.get(&index).copied().unwrap_or(0);
        let alike = near(intake.column(index), self.unread.keys().map(String::as_str));
        alike.into_iter().map(|name| (name, self.unread[name])).filter(move |(_, rows)| *rows <= lacking)
    }

    /// The error that no object of a file names a field.
    fn no_field(&self, intake: &Intake, index: usize, file: &str) -> DataError {
        let field = &intake.schema.inputs[index];
        let near = did_you_mean(intake.column(index), self.unread.keys().map(String::as_str));
        let mut advice: Vec<String> = near.into_iter().collect();
        advice.push(MAPPING_NAMES_COLUMNS.to_owned());
        advice.extend(field.optional.then(|| absent_everywhere(&field.name)));
        let message = format!("{file}: no object has `{}`", intake.called(index));
        DataError::no_column(message).remedy(advice.join("\n  "))
    }
}

/// What to do where a column has another name.
pub const MAPPING_NAMES_COLUMNS: &str = "a mapping file can give the column of a field: column = \"NAME\"";

/// What to do where no file has the column of an optional field.
pub fn absent_everywhere(field: &str) -> String {
    format!(
        "`{field}` is optional; if no file has it, write in a mapping file under [{field}]: column = false"
    )
}

/// What the objects of several files name, in the order of the files.
pub struct Census<'a> {
    intake: &'a Intake,
    file: Option<Arc<str>>,
    /// What the objects of the file name so far.
    here: Seen,
    /// What those of all files name; `None` where no file has objects.
    all: Option<Seen>,
    /// Whether a file has a header, which was checked when the file was opened.
    has_header: bool,
    unmatched: Unmatched,
}

/// What objects lack, although it is no error.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Unmatched {
    /// Names that no field reads and that look like that of a field which the same objects lack: the name, the name of the
    /// field's column, and in how many rows.
    pub misspelled: BTreeMap<(String, String), u64>,
    /// The columns of fields that no object of a file names, with these files.
    pub unnamed: BTreeMap<String, BTreeSet<Arc<str>>>,
}

impl<'a> Census<'a> {
    /// Nothing has been read.
    pub fn new(intake: &'a Intake) -> Census<'a> {
        let (here, unmatched) = (Seen::default(), Unmatched::default());
        Census { intake, file: None, here, all: None, has_header: false, unmatched }
    }

    /// Adds rows of a file: what they name, or `None` where the file has a header.
    ///
    /// # Errors
    /// Where the file before it misspells a field.
    pub fn add(&mut self, file: &Arc<str>, seen: Option<Seen>) -> Result<(), DataError> {
        if self.file.as_ref() != Some(file) {
            self.end_file()?;
            self.file = Some(file.clone());
        }
        match seen {
            Some(seen) => self.here.add(seen),
            None => self.has_header = true,
        }
        Ok(())
    }

    /// Whether objects have been read.
    pub fn has_objects(&self) -> bool {
        self.all.is_some() || self.here.objects > 0
    }

    /// Whether an object has been read that has each column which the mapping names, or none has been read.
    pub fn has_named_columns(&self) -> bool {
        let mut all = self.all.clone().unwrap_or_default();
        all.add(self.here.clone());
        all.check(self.intake).is_ok()
    }

    /// What was found in all files.
    ///
    /// # Errors
    /// Where a file misspells a field, or no object has a column that the mapping names or that is to be kept.
    pub fn end(mut self) -> Result<Unmatched, DataError> {
        self.end_file()?;
        if let Some(all) = &self.all {
            all.check(self.intake)?;
            if !self.has_header {
                all.check_kept(self.intake)?;
            }
        }
        Ok(self.unmatched)
    }

    fn end_file(&mut self) -> Result<(), DataError> {
        let here = std::mem::take(&mut self.here);
        let Some(file) = self.file.take().filter(|_| here.objects > 0) else { return Ok(()) };
        here.check_spelling(self.intake, &file)?;
        for index in here.unnamed(self.intake) {
            let column = self.intake.called(index);
            self.unmatched.unnamed.entry(column).or_default().insert(file.clone());
        }
        for index in 0..self.intake.schema.inputs.len() {
            for (name, rows) in here.misspelled(self.intake, index) {
                let pair = (name.to_owned(), self.intake.called(index));
                *self.unmatched.misspelled.entry(pair).or_default() += rows;
            }
        }
        self.all.get_or_insert_default().add(here);
        Ok(())
    }
}
