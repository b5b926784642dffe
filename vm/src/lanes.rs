//! Which vectors does this processor have? Kernels are compiled for three sets of features, and run with the widest
//! that is there. Results are the same with each: integers are exact at any width.
//!
//! The crate's one room for `unsafe`: a function for a set of features may be called only where they were detected.

/// What is compiled for each set of features: [`Work::run`] has to be `#[inline(always)]`, which a closure cannot be.
pub(crate) trait Work {
    fn run(self);
}

/// Runs `work` with the widest vectors of this processor.
#[inline]
pub(crate) fn with_widest_vectors(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
        {
            // SAFETY: the features were detected on this processor.
            return unsafe { with_avx512(work) };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on this processor.
            return unsafe { with_avx2(work) };
        }
    }
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx512(work: impl Work) {
    work.run();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx2(work: impl Work) {
    work.run();
}

/// Has memory brought near that will be read soon.
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
