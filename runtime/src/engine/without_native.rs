//! What replaces native code in a build without the feature `native`? Types without values: nothing can be loaded, and
//! the virtual machine decides.

use opus_ir::memory::Columns;

use super::{Options, Origin};
use crate::artifact::Artifact;
use crate::functions::Function;

/// The CPU features that native code may use. This build has no native code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {}

/// Nothing.
pub type Scratch = ();

const REASON: &str = "this build of Opus has no native code";

/// No kernels for single rows.
pub(crate) enum NativeRows {}

/// No kernels for columns.
pub(crate) enum NativeColumns {}

impl NativeRows {
    pub(crate) fn new(_: &Artifact, _: &Options) -> Result<(NativeRows, Origin), String> {
        Err(REASON.to_string())
    }

    pub(crate) fn run(&self, _: Function, _: &[u8], _: &mut [u8]) -> bool {
        match *self {}
    }
}

impl NativeColumns {
    pub(crate) fn new(_: &Artifact, _: &Options) -> Result<(NativeColumns, Origin), String> {
        Err(REASON.to_string())
    }

    pub(crate) fn run(&self, _: Function, _: &Columns, _: &mut Columns, _: &mut Scratch) -> bool {
        match *self {}
    }
}
