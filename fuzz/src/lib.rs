//! Is it always so? Policies, rows and artifacts from random bytes, and what has to hold for all of them.
//!
//! In reading order: random bytes ([`seeds`]), the texts of policies ([`policy`]) and those of them that compile
//! ([`generated`]), rows ([`rows`]); what is fuzzed ([`targets`]) and how: the seven witnesses
//! ([`differential`]) and the ways of rows to them ([`batches`]), damaged files and code ([`damage`]), texts ([`text`]); what a failure comes down to
//! ([`shrink`]); which ops policies reach ([`reached`]).

pub mod batches;
pub mod damage;
pub mod differential;
pub mod generated;
pub mod policy;
pub mod reached;
pub mod rows;
pub mod seeds;
pub mod shrink;
pub mod targets;
pub mod text;
