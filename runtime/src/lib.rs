//! Runs compiled policies: artifacts, admission, one decision at a time or a batch of them.

pub mod admission;
