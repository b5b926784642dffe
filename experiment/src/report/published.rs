//! What was published? The figures of `published.json`.

use std::collections::BTreeMap;

use serde::Deserialize;

const FILE: &str = include_str!("../../published.json");

/// The published figures.
pub fn published() -> Published {
    serde_json::from_str(FILE).expect("the published figures are as committed")
}

/// What was published as a whole.
#[derive(Deserialize)]
pub struct Published {
    pub source: String,
    pub matrix: PublishedMatrix,
    /// The scenarios of each tier.
    pub tiers: BTreeMap<String, usize>,
    pub parameters: BTreeMap<String, String>,
    pub systems: BTreeMap<String, PublishedSystem>,
    pub care: Vec<String>,
}

/// How many of each there were.
#[derive(Deserialize)]
pub struct PublishedMatrix {
    pub domains: usize,
    pub scenarios: usize,
    pub runs: usize,
}

/// The figures of a system, in the words in which they were published.
#[derive(Deserialize)]
pub struct PublishedSystem {
    pub tier1: (u32, u32),
    pub tier2: (u32, u32),
    pub misbinding_percent: String,
    pub stability: (String, String),
    pub inconsistent: u32,
    pub taxonomy: u32,
    pub wrong_decisions: Option<u32>,
    pub misbindings: u32,
    pub surface: String,
    pub label: String,
    pub classes: BTreeMap<String, u32>,
    pub kinds: BTreeMap<String, u32>,
    pub material: String,
    pub tier3: Option<PublishedTier3>,
}

/// What was said of accounts of a change.
#[derive(Deserialize)]
pub struct PublishedTier3 {
    pub completeness: String,
    pub precision: String,
    pub invertible: String,
    pub authority: String,
}
