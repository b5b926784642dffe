//! Where does native code come from? From the cache, or from the compiler, which fills the cache.
//!
//! A policy has two entries: the code for single rows, which a gateway loads at once, and the code for columns, which
//! the first batch loads. An entry lists the code of its kernels, each with its length in four bytes; the length is 0
//! for functions that do not exist.

use std::ops::Range;

use opus_ir::Straight;
use opus_ir::memory::Columns;
use opus_jit::{COMPILER, ColumnKernel, Kernel, Native, RowKernel, Unsupported, load};

pub use opus_jit::{Level, Scratch};

use super::{Options, Origin};
use crate::artifact::Artifact;
use crate::cache::{Authentic, Key};
use crate::functions::{Function, Part, column_lines, row_lines};
use crate::room;
use crate::shapes::Shapes;

/// The kernels for single rows.
pub(crate) struct NativeRows(Part<RowKernel>);

/// The kernels for columns.
pub(crate) struct NativeColumns(Part<ColumnKernel>);

impl NativeRows {
    /// Loads or compiles the kernels, or says why neither is possible.
    pub(crate) fn new(artifact: &Artifact, options: &Options) -> Result<(NativeRows, Origin), String> {
        let request =
            Request { artifact, options, part: "rows", lines: row_lines, compile: opus_jit::compile_row };
        let (kernels, origin) = request.obtain()?;
        let rows = kernels.try_map(|_, kernel| match kernel {
            Kernel::Row(kernel) => Ok(kernel.clone()),
            Kernel::Columns(_) => Err("the code is not for single rows".to_string()),
        })?;
        Ok((NativeRows(rows), origin))
    }

    /// Runs a function on a row; returns whether it exists.
    #[inline]
    pub(crate) fn run(&self, function: Function, input: &[u8], output: &mut [u8]) -> bool {
        self.0.get(function).inspect(|kernel| kernel.run(input, output)).is_some()
    }
}

impl NativeColumns {
    /// Loads or compiles the kernels, or says why neither is possible.
    pub(crate) fn new(artifact: &Artifact, options: &Options) -> Result<(NativeColumns, Origin), String> {
        let request = Request {
            artifact,
            options,
            part: "columns",
            lines: column_lines,
            compile: opus_jit::compile_columns,
        };
        let (kernels, origin) = request.obtain()?;
        let columns = kernels.try_map(|_, kernel| match kernel {
            Kernel::Columns(kernel) => Ok(kernel.clone()),
            Kernel::Row(_) => Err("the code is not for columns".to_string()),
        })?;
        Ok((NativeColumns(columns), origin))
    }

    /// Runs a function on columns; returns whether it exists.
    pub(crate) fn run(
        &self,
        function: Function,
        inputs: &Columns,
        outputs: &mut Columns,
        scratch: &mut Scratch,
    ) -> bool {
        self.0.get(function).inspect(|kernel| kernel.run(inputs, outputs, scratch)).is_some()
    }
}

/// Which code is requested, and how to compile it.
struct Request<'a> {
    artifact: &'a Artifact,
    options: &'a Options,
    part: &'a str,
    lines: fn(&opus_ir::Program<opus_ir::Verified>) -> Part<Straight>,
    compile: fn(&Straight, Level) -> Result<Native, Unsupported>,
}

impl Request<'_> {
    fn obtain(&self) -> Result<(Part<Kernel>, Origin), String> {
        let level = self.options.level.or_else(Level::best);
        let level = level.ok_or("native code needs an x86-64 processor with SSE4.1")?;
        let target = format!("{} {level}", std::env::consts::ARCH);
        let compiler = format!("{COMPILER}, sources {}", env!("OPUS_COMPILER_SOURCES"));
        let meaning = self.artifact.meaning_hash();
        let key = Key::Native { meaning, compiler: &compiler, target: &target, part: self.part };
        let directory = self.options.cache.directory();
        let cached = directory.as_ref().and_then(|directory| directory.load(&key).ok());
        if let Some(kernels) = cached.and_then(|code| self.loaded(&self.unbundled(&code)?).ok()) {
            return Ok((kernels, Origin::Cached));
        }
        let lines = (self.lines)(self.artifact.verified_program());
        let natives =
            lines.try_map(|_, line| (self.compile)(line, level)).map_err(|error| error.to_string())?;
        let kernels = self.loaded(&natives)?;
        let is_stored = directory.is_some_and(|directory| directory.store(&key, &bundle(&natives)));
        Ok((kernels, if is_stored { Origin::Stored } else { Origin::Compiled }))
    }

    /// The kernels, ready to run, if they are for this policy's rows.
    fn loaded(&self, natives: &Part<Native>) -> Result<Part<Kernel>, String> {
        let shapes = Shapes::of(self.artifact.program());
        if !natives.fits(&shapes, |native| (native.inputs(), native.outputs())) {
            return Err("the code is for rows of another policy".to_string());
        }
        let present: Vec<&Native> = natives.iter().flatten().collect();
        let mut kernels = load(&present).map_err(|error| error.to_string())?.into_iter();
        let all = natives.iter().map(|native| native.and_then(|_| kernels.next())).collect();
        Part::new(shapes.admitted.len(), all).ok_or_else(|| "the code is not complete".to_string())
    }

    fn unbundled(&self, code: &Authentic) -> Option<Part<Native>> {
        let mut at = 0;
        let mut all = Vec::new();
        while at < code.len() {
            let length = code.get(at..at + LENGTH_BYTES)?.try_into().ok()?;
            let start = at + LENGTH_BYTES;
            let range: Range<usize> = start..start.checked_add(u32::from_le_bytes(length) as usize)?;
            at = range.end;
            all.push(if range.is_empty() { None } else { Some(room::native(code, range)?) });
        }
        Part::new(self.artifact.program().versions.len(), all)
    }
}

const LENGTH_BYTES: usize = 4;

fn bundle(natives: &Part<Native>) -> Vec<u8> {
    let mut code = Vec::new();
    for native in natives.iter() {
        let bytes = native.map(Native::to_bytes).unwrap_or_default();
        code.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        code.extend_from_slice(&bytes);
    }
    code
}
