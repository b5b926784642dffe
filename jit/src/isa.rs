//! Which machines does native code run on? Three levels of x86-64, and the compiler's settings for each.
//!
//! The output bytes do not depend on the level: a level chooses instructions, never results.

use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable};

/// A set of processor features that code may use. Later levels include earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Level {
    /// SSE4.1: every x86-64 machine since about 2008.
    Sse41 = 0,
    /// AVX2, BMI1, BMI2, LZCNT and POPCNT: since about 2013.
    Avx2 = 1,
    /// AVX-512 F, DQ and VL, used on 128-bit lanes.
    Avx512Vl = 2,
}

impl Level {
    /// Every level, lowest first.
    pub const ALL: [Level; 3] = [Level::Sse41, Level::Avx2, Level::Avx512Vl];

    /// The name in messages and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Sse41 => "sse4.1",
            Level::Avx2 => "avx2",
            Level::Avx512Vl => "avx512vl",
        }
    }

    /// The level with this number, `None` if there is none.
    pub fn from_number(number: u8) -> Option<Level> {
        Level::ALL.get(number as usize).copied()
    }

    /// Whether this machine has the level's features; never on targets other than x86-64.
    #[cfg(target_arch = "x86_64")]
    pub fn is_available(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match self {
            Level::Sse41 => has!("ssse3") && has!("sse4.1"),
            Level::Avx2 => {
                let bits = has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt");
                Level::Sse41.is_available() && has!("sse4.2") && has!("avx2") && bits
            }
            Level::Avx512Vl => {
                let lanes = has!("avx512f") && has!("avx512dq") && has!("avx512vl");
                Level::Avx2.is_available() && lanes
            }
        }
    }

    /// Whether this machine has the level's features; never on targets other than x86-64.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn is_available(self) -> bool {
        false
    }

    /// The highest level that this machine has.
    ///
    /// ```
    /// use opus_jit::Level;
    /// assert!(Level::best().is_none_or(Level::is_available));
    /// ```
    pub fn best() -> Option<Level> {
        Level::ALL.into_iter().rev().find(|level| level.is_available())
    }

    /// The compiler's flags that the level adds to those of the level below.
    const fn flags(self) -> &'static [&'static str] {
        match self {
            Level::Sse41 => &["has_sse3", "has_ssse3", "has_sse41"],
            Level::Avx2 => {
                &["has_sse42", "has_avx", "has_avx2", "has_bmi1", "has_bmi2", "has_lzcnt", "has_popcnt"]
            }
            Level::Avx512Vl => &["has_avx512f", "has_avx512dq", "has_avx512vl"],
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The back end for a level. The target is one whatever the operating system: kernels are called by the
/// System V convention, which Rust names on every x86-64 target.
///
/// The compiler's own optimiser stays off: the lowerings fold, share and order instructions themselves, and
/// its passes would move loads and constants away from the instructions that can take them as operands.
pub(crate) fn target(level: Level) -> OwnedTargetIsa {
    let verify = if cfg!(debug_assertions) { "true" } else { "false" };
    let shared =
        [("opt_level", "none"), ("is_pic", "true"), ("unwind_info", "false"), ("enable_verifier", verify)];
    let mut flags = settings::builder();
    for (name, value) in shared {
        flags.set(name, value).expect("the compiler knows its own settings");
    }
    let mut builder = isa::lookup_by_name("x86_64-unknown-linux-gnu").expect("the back end is built in");
    for flag in Level::ALL.into_iter().filter(|part| *part <= level).flat_map(Level::flags) {
        builder.enable(flag).expect("the compiler knows its own features");
    }
    builder.finish(settings::Flags::new(flags)).expect("the settings go together")
}
