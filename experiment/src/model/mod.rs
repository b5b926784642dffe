//! Model access.

/// The prompts and schemas that are built in: path and text.
pub const PROMPTS: &[(&str, &str)] = &[];
