//! Which vectors does this processor have? Kernels are compiled for three sets of features, and run with the widest
//! that is there. Results are the same with each: integers are exact at any width.
//!
//! The crate's one room for `unsafe`: a function for a set of features may be called only where they were detected.

/// Runs `work`, which has to be inlined, with the widest vectors of this processor.
#[inline]
pub(crate) fn with_widest_vectors(work: impl FnOnce()) {
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
    work();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx512(work: impl FnOnce()) {
    work();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn with_avx2(work: impl FnOnce()) {
    work();
}
