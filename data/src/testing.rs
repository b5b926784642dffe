//! What do tests of files need? A policy's fields of every kind, and folders that vanish.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use opus_ir::memory::Columns;
use opus_ir::{Currency, Domain, EnumDef, EnumValue, Fault, Field, Interval, Kind, Schema, date};

use super::{Intake, Located, Mapping, Reader, RowFault, inputs};
use crate::error::DataError;

/// A field.
pub fn field(name: &str, kind: Kind, lo: i128, hi: i128, optional: bool) -> Field {
    Field { name: name.into(), kind, domain: Domain::all(Interval::new(lo, hi)), optional }
}

/// A field with listed values.
pub fn listed(name: &str, kind: Kind, values: &[i128], optional: bool) -> Field {
    Field {
        name: name.into(),
        kind,
        domain: Domain::of(values.to_vec()).expect("there are values"),
        optional,
    }
}

/// An enum.
pub fn names(name: &str, values: &[&str]) -> EnumDef {
    let value = |name: &&str| EnumValue { name: name.to_string(), text: None };
    EnumDef { name: name.into(), values: values.iter().map(value).collect() }
}

/// The number of a day.
pub fn day(text: &str) -> i128 {
    date::parse(text).expect("a date") as i128
}

/// Dollars.
pub fn dollars() -> Option<Currency> {
    Some(Currency { code: "USD".into(), digits: 2 })
}

/// A field of every kind, and some of unusual widths; every second one is optional.
pub fn every_kind() -> Schema {
    let huge = 10i128.pow(30);
    Schema {
        currency: dollars(),
        enums: vec![names("Color", &["red", "green", "blue"])],
        inputs: vec![
            field("flag", Kind::Bool, 0, 1, false),
            field("count", Kind::Int, -5, 1000, true),
            field("big", Kind::Int, -10i128.pow(18), 10i128.pow(18), false),
            field("huge", Kind::Int, -huge, huge, true),
            field("ratio", Kind::Decimal(3), -10_000, 10_000, false),
            field("amount", Kind::Money, 0, 100_000_000, true),
            field("share", Kind::Percent(2), 0, 10_000, false),
            field("wait", Kind::Days, 0, 365, true),
            field("day", Kind::Date, day("2000-01-01"), day("2060-12-31"), false),
            field("color", Kind::Enum(0), 0, 2, true),
            listed("term", Kind::Int, &[12, 24, 36], false),
            listed("step", Kind::Int, &[1, 1_000, 1_000_000], true),
        ],
        outputs: Vec::new(),
        effective: None,
    }
}

/// A folder that is removed in the end.
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder.
    pub fn create() -> Scratch {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("opus-files-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder");
        Scratch(path)
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file in it.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file");
        path
    }

    /// The names of the files in it.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An intake with a mapping.
pub fn intake(schema: &Schema, mapping: &str, keep: &[&str]) -> Intake {
    let mapping = Mapping::parse(mapping, schema).expect("a mapping");
    Intake { schema: schema.clone(), mapping, keep: keep.iter().map(|name| name.to_string()).collect() }
}

/// All rows of a file.
#[derive(PartialEq, Debug)]
pub struct Rows {
    /// By admitted row, the values by field.
    pub values: Vec<Vec<Option<i128>>>,
    /// The number of the row, the field, the fault and the value.
    pub faults: Vec<(u64, String, Fault, String)>,
}

/// Reads a file.
pub fn read(path: &Path, intake: &Intake) -> Result<Rows, DataError> {
    let located: Vec<Located> = inputs(&[path.to_owned()], None)?;
    let mut reader = Reader::open(located, intake)?;
    let mut rows = Rows { values: Vec::new(), faults: Vec::new() };
    while let Some(chunk) = reader.next_chunk()? {
        let (first_row, count) = (chunk.first_row, chunk.rows);
        let mut columns = Columns::new(&intake.schema.input_columns(), count);
        let mut faults = Vec::new();
        chunk.fill(intake, &mut columns, &mut faults)?;
        faults.sort_by_key(|(row, _)| *row);
        let refused: BTreeSet<u32> = faults.iter().map(|(row, _)| *row).collect();
        let admitted = (0..count).filter(|row| !refused.contains(&(*row as u32)));
        rows.values.extend(admitted.map(|row| values(&columns, row)));
        let told =
            |(row, reason): RowFault| (first_row + row as u64, reason.name, reason.fault, reason.value);
        rows.faults.extend(faults.into_iter().map(told));
    }
    Ok(rows)
}

/// The values of a row.
pub fn values(columns: &Columns, row: usize) -> Vec<Option<i128>> {
    (0..columns.len()).map(|index| columns.get(index, row)).collect()
}
