//! Experiment O-02: compiled decisions beside four ways of having a language model decide.
//!
//! In reading order: what is decided, policies with their prose and scenarios ([`domain`], [`scenario`]); what an answer
//! is ([`answer`]) and what an account of a change claims ([`claims`], [`quantity`]); what answers ([`system`],
//! [`systems`], [`model`]); what may not change meanwhile ([`lock`]); all runs ([`matrix`], [`record`]); what they amount
//! to ([`score`], [`controls`], [`report`]); what goes beyond the published experiment ([`rows`], [`temporal`]); and a server
//! that stands in for a model ([`scripted`]).
//!
//! The scenarios are a reconstruction: those of the published experiment are not public.

pub mod answer;
pub mod claims;
pub mod command;
pub mod controls;
pub mod domain;
pub mod lock;
pub mod matrix;
pub mod model;
pub mod quantity;
pub mod record;
pub mod report;
pub mod rows;
pub mod scenario;
pub mod schema;
pub mod score;
pub mod scripted;
pub mod system;
pub mod systems;
pub mod temporal;

/// What goes wrong, in words for the person who runs the experiment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What is wrong, and where.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Failure {
    /// A failure without help.
    pub fn new(message: impl Into<String>) -> Failure {
        Failure { message: message.into(), help: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Failure {
        Failure { help: Some(help.into()), ..self }
    }

    /// A file that cannot be read or written.
    pub fn io(path: &std::path::Path, doing: &str, error: &std::io::Error) -> Failure {
        Failure::new(format!("`{}` cannot be {doing}: {error}", path.display()))
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
