//! How does the code of a version read? Listings for people.

use opus_ir::{Verified, Version, straighten};
use opus_jit::{Kind, Level, disassemble};

/// The bytecode of a version: for one row, and for many.
pub fn bytecode(version: &Version<Verified>) -> String {
    let number = version.number;
    let row =
        opus_vm::emit_row(&version.decide).map_or_else(|why| format!("{why}\n"), |code| code.to_string());
    let columns = opus_vm::emit_columns(&straighten(&version.decide));
    let columns = columns.map_or_else(|why| format!("{why}\n"), |code| code.to_string());
    format!("; version {number}: one row\n{row}\n; version {number}: columns\n{columns}\n")
}

/// The native code of a version for this machine: for one row, and for many.
///
/// # Errors
/// Where there is no native code on this machine.
pub fn native(version: &Version<Verified>) -> Result<String, String> {
    let number = version.number;
    let line = straighten(&version.decide);
    let level = Level::best().ok_or("this machine has no vectors that native code needs")?;
    let part = |kind| disassemble(&line, kind, level).map_err(|why| why.to_string());
    let (row, columns) = (part(Kind::Row)?, part(Kind::Columns)?);
    Ok(format!("; version {number}: one row\n{row}\n; version {number}: columns\n{columns}\n"))
}
