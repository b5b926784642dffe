//! How does the code of a policy read? Listings for people.

use opus_jit::{Kind, Level, disassemble};

use crate::artifact::Artifact;
use crate::engine::{Function, column_lines, row_lines};

/// The bytecode that an artifact holds: for one row, and for many.
pub fn bytecode(artifact: &Artifact) -> String {
    let code = artifact.bytecode();
    let parts = [(&code.rows, Kind::Row), (&code.columns, Kind::Columns)];
    let listings = parts.into_iter().flat_map(|(part, kind)| {
        let listed = move |function| part.get(function).map(|code| (function, kind, code));
        part.functions().filter_map(listed)
    });
    listings
        .map(|(function, kind, code)| format!("{}\n{}\n", title(artifact, function, kind), **code))
        .collect()
}

/// The native code of a policy for this machine: for one row, and for many.
///
/// # Errors
/// Where there is no native code on this machine.
pub fn native(artifact: &Artifact) -> Result<String, String> {
    let level = Level::best().ok_or("this machine has no vectors that native code needs")?;
    let program = artifact.program();
    let mut out = String::new();
    for (part, kind) in [(row_lines(program), Kind::Row), (column_lines(program), Kind::Columns)] {
        for function in part.functions() {
            let Some(line) = part.get(function) else { continue };
            let code = disassemble(line, kind, level).map_err(|why| why.to_string())?;
            out += &format!("{}\n{code}\n", title(artifact, function, kind));
        }
    }
    Ok(out)
}

fn title(artifact: &Artifact, function: Function, kind: Kind) -> String {
    let version = function.version().map(|index| artifact.program().versions[index].number);
    let whose = version.map_or("all versions".to_string(), |number| format!("version {number}"));
    let does = if function.decides() { "decides" } else { "admits" };
    let what = if kind == Kind::Row { "one row" } else { "columns" };
    format!("; {whose} {does} {what}")
}
