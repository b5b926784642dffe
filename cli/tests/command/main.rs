//! Does the command do what it says? These tests run the binary as people and scripts do, each in a folder of its
//! own: how it ends ([`ends`]), its help ([`help`]), its words for programs ([`json`]), fixes ([`fixes`]), streams ([`streams`]), files
//! that are complete or not there ([`outputs`]), the same bytes however it is run ([`engines`]), the cache of native
//! code ([`cache`]), columns and values that are not as they should be ([`columns`]), single rows of files
//! ([`rows`]), records and proofs ([`records`]), the store ([`store`]), changes between policies ([`changes`]), what they do
//! to a portfolio ([`impact`]) and their causes ([`attribute`]), the report about all of it ([`report`]), as a browser
//! shows it ([`browser`]), and the page of details ([`page`]).

mod attribute;
mod browser;
mod cache;
mod changes;
mod columns;
mod coverage;
mod crafted;
mod ends;
mod engines;
mod explain;
mod fixes;
mod folder;
mod help;
mod impact;
mod json;
mod outputs;
mod page;
mod records;
mod report;
mod rows;
#[path = "../../../runtime/tests/common/schema.rs"]
mod schema;
mod snapshots;
mod store;
mod streams;
