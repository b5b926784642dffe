//! Which vectors does this processor have? Kernels are compiled for three sets of features, and run with the widest
//! available one. The results do not depend on it: integers are exact at any width.
//!
//! The crate's one room for `unsafe`: a function for a set of features may be called only where they were detected.

/// What is compiled for each set of features: [`Work::run`] has to be `#[inline(always)]`, which a closure cannot be.
pub(crate) trait Work {
    fn run(self);
}

/// Defines a function that runs work with a set of features, and one that asks whether this processor has them all.
#[cfg(target_arch = "x86_64")]
macro_rules! with_features {
    ($with:ident, $available:ident, $features:literal, [$($feature:tt),+]) => {
        #[target_feature(enable = $features)]
        fn $with(work: impl Work) {
            work.run();
        }

        fn $available() -> bool {
            true $(&& std::arch::is_x86_feature_detected!($feature))+
        }
    };
}

#[cfg(target_arch = "x86_64")]
with_features!(
    with_avx512,
    has_avx512,
    "avx512f,avx512vl,avx512bw,avx512dq,avx2,bmi1,bmi2,lzcnt,popcnt",
    ["avx512f", "avx512vl", "avx512bw", "avx512dq", "avx2", "bmi1", "bmi2", "lzcnt", "popcnt"]
);
#[cfg(target_arch = "x86_64")]
with_features!(
    with_avx2,
    has_avx2,
    "avx2,bmi1,bmi2,lzcnt,popcnt",
    ["avx2", "bmi1", "bmi2", "lzcnt", "popcnt"]
);

/// Runs `work` with the widest vectors of this processor.
#[inline]
pub(crate) fn with_widest_vectors(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        if has_avx512() {
            // SAFETY: each of the features was detected on this processor.
            return unsafe { with_avx512(work) };
        }
        if has_avx2() {
            // SAFETY: each of the features was detected on this processor.
            return unsafe { with_avx2(work) };
        }
    }
    work.run();
}

/// Prefetches memory that will be used soon.
#[inline]
pub(crate) fn prefetch(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in bytes.chunks(64) {
        // SAFETY: a hint, which changes nothing and cannot fault.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast())
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bytes;
}
