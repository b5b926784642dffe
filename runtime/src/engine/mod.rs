//! What executes a policy? Native code by default; the virtual machine where native code is not wanted or not
//! available. All engines read artifacts; no artifact knows of an engine.

#[cfg(feature = "native")]
mod native;
#[cfg(not(feature = "native"))]
#[path = "without_native.rs"]
mod native;
mod vm;

use opus_ir::memory::Columns;

pub use native::Level;

use crate::artifact::Artifact;
use crate::cache::Cache;
use crate::functions::Function;
use native::{NativeColumns, NativeRows};
use vm::{VmColumns, VmRows};

/// What executes decisions. All engines decide alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Engine {
    /// Machine code.
    #[default]
    Native,
    /// The stack machine.
    Vm,
}

impl Engine {
    /// All engines.
    pub const ALL: [Engine; 2] = [Engine::Native, Engine::Vm];

    /// The name that people read and write.
    pub const fn name(self) -> &'static str {
        match self {
            Engine::Native => "native",
            Engine::Vm => "vm",
        }
    }
}

impl std::fmt::Display for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How to execute a policy.
///
/// ```
/// use opus_runtime::{Cache, CacheDir, Engine, Options};
/// // native code is kept in a folder of the service
/// let cached = Options { cache: Cache::In(CacheDir::new("/var/cache/gateway")), ..Options::default() };
/// // no file is written, and no code is generated
/// let portable = Options { engine: Engine::Vm, cache: Cache::Off, ..Options::default() };
/// assert_eq!(cached.engine, Engine::Native);
/// ```
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The preferred engine. If native code is not available, the virtual machine runs.
    pub engine: Engine,
    /// Where native code is kept, and notes of which artifacts were verified.
    pub cache: Cache,
    /// The CPU features that native code may use; by default all that this machine has.
    pub level: Option<Level>,
}

/// Where native code came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// The cache.
    Cached,
    /// The compiler, and it is stored in the cache now.
    Stored,
    /// The compiler, without a cache or with one that could not be written.
    Compiled,
}

/// What decides single rows.
pub(crate) struct RowEngine(Choice<NativeRows, VmRows>);

/// What decides columns.
pub(crate) struct ColumnEngine(Choice<NativeColumns, VmColumns>);

enum Choice<N, V> {
    Native(N, Origin),
    /// With the reason, if native code was preferred.
    Vm(V, Option<String>),
}

impl<N, V> Choice<N, V> {
    /// Native code if it is preferred and available, otherwise the virtual machine.
    fn new(
        options: &Options,
        native: impl Fn() -> Result<(N, Origin), String>,
        vm: impl Fn() -> V,
    ) -> Choice<N, V> {
        match options.engine {
            Engine::Vm => Choice::Vm(vm(), None),
            Engine::Native => match native() {
                Ok((native, origin)) => Choice::Native(native, origin),
                Err(reason) => Choice::Vm(vm(), Some(reason)),
            },
        }
    }

    fn engine(&self) -> Engine {
        match self {
            Choice::Native(..) => Engine::Native,
            Choice::Vm(..) => Engine::Vm,
        }
    }

    fn fallback(&self) -> Option<&str> {
        match self {
            Choice::Vm(_, reason) => reason.as_deref(),
            Choice::Native(..) => None,
        }
    }

    fn origin(&self) -> Option<Origin> {
        match self {
            Choice::Native(_, origin) => Some(*origin),
            Choice::Vm(..) => None,
        }
    }
}

impl RowEngine {
    pub(crate) fn new(artifact: &Artifact, options: &Options) -> RowEngine {
        RowEngine(Choice::new(options, || NativeRows::new(artifact, options), || VmRows::new(artifact)))
    }

    pub(crate) fn engine(&self) -> Engine {
        self.0.engine()
    }

    pub(crate) fn fallback(&self) -> Option<&str> {
        self.0.fallback()
    }

    pub(crate) fn origin(&self) -> Option<Origin> {
        self.0.origin()
    }

    /// Runs a function on a row; returns whether it exists.
    #[inline]
    pub(crate) fn run(&self, function: Function, input: &[u8], output: &mut [u8]) -> bool {
        match &self.0 {
            Choice::Native(native, _) => native.run(function, input, output),
            Choice::Vm(vm, _) => vm.run(function, input, output),
        }
    }
}

impl ColumnEngine {
    pub(crate) fn new(artifact: &Artifact, options: &Options) -> ColumnEngine {
        ColumnEngine(Choice::new(
            options,
            || NativeColumns::new(artifact, options),
            || VmColumns::new(artifact),
        ))
    }

    pub(crate) fn engine(&self) -> Engine {
        self.0.engine()
    }

    pub(crate) fn fallback(&self) -> Option<&str> {
        self.0.fallback()
    }

    pub(crate) fn origin(&self) -> Option<Origin> {
        self.0.origin()
    }

    /// Runs a function on columns; returns whether it exists.
    pub(crate) fn run(
        &self,
        function: Function,
        inputs: &Columns,
        outputs: &mut Columns,
        scratch: &mut Scratch,
    ) -> bool {
        match &self.0 {
            Choice::Native(native, _) => native.run(function, inputs, outputs, &mut scratch.native),
            Choice::Vm(vm, _) => vm.run(function, inputs, outputs, &mut scratch.vm),
        }
    }
}

/// Memory that runs over columns use again.
#[derive(Default)]
pub(crate) struct Scratch {
    native: native::Scratch,
    vm: opus_vm::columns::Scratch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_native_code_the_machine_runs_and_says_why() {
        let refused = || Err::<((), Origin), _>("no memory for code".to_string());
        let options = Options::default();
        let choice = Choice::new(&options, refused, || ());
        assert_eq!((choice.engine(), choice.fallback()), (Engine::Vm, Some("no memory for code")));
        let wanted = Choice::new(&Options { engine: Engine::Vm, ..options }, refused, || ());
        assert_eq!((wanted.engine(), wanted.fallback()), (Engine::Vm, None));
        let native = Choice::new(&Options::default(), || Ok(((), Origin::Cached)), || ());
        assert_eq!((native.engine(), native.origin()), (Engine::Native, Some(Origin::Cached)));
    }
}
