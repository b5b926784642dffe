//! How is the code of a policy shown? Listings for people.

use crate::artifact::{Artifact, load};
use crate::functions::Function;
use crate::shapes::Shapes;

/// The bytecode in an artifact: for one row, and for columns.
pub fn bytecode(artifact: &Artifact) -> String {
    let program = artifact.program();
    let shapes = Shapes::of(program);
    let code = artifact.bytecode();
    let mut out = String::new();
    for (part, works_on) in [(&code.rows, ONE_ROW), (&code.columns, COLUMNS)] {
        for function in part.functions() {
            let Some(bytes) = part.get(function) else { continue };
            let code = load(program, &shapes, function, bytes);
            out += &format!("{}\n{}\n", title(artifact, function, works_on), *code);
        }
    }
    out
}

/// The native code of a policy for this machine: for one row, and for columns.
///
/// # Errors
/// Why this machine has no native code.
#[cfg(feature = "native")]
pub fn native(artifact: &Artifact) -> Result<String, String> {
    use crate::functions::{column_lines, row_lines};
    use opus_jit::{Kind, Level, disassemble};

    let level = Level::best().ok_or("native code needs an x86-64 processor with SSE4.1")?;
    let program = artifact.verified_program();
    let parts = [(row_lines(program), Kind::Row, ONE_ROW), (column_lines(program), Kind::Columns, COLUMNS)];
    let mut out = String::new();
    for (part, kind, works_on) in parts {
        for function in part.functions() {
            let Some(line) = part.get(function) else { continue };
            let code = disassemble(line, kind, level).map_err(|why| why.to_string())?;
            out += &format!("{}\n{code}\n", title(artifact, function, works_on));
        }
    }
    Ok(out)
}

const ONE_ROW: &str = "one row";
const COLUMNS: &str = "columns";

fn title(artifact: &Artifact, function: Function, works_on: &str) -> String {
    let version = function.version().map(|index| artifact.program().versions[index].number);
    let whose = version.map_or("all versions".to_string(), |number| format!("version {number}"));
    let does = if function.decides() { "decides" } else { "admits" };
    format!("; {whose} {does} {works_on}")
}
