//! Where published policies are kept, in which order they were published, and who signed them.
//!
//! In reading order: names ([`name`]) and instants ([`time`]); what can be published ([`kind`]); an entry of the ledger
//! and its hash ([`entry`]); a store, which is a folder with objects and a ledger ([`store`]); publishing
//! ([`publish()`]); what was in force at some time ([`select`]); what two people sign ([`statement`], [`minisign`]) and
//! whose signatures count ([`trust`]); what to keep elsewhere of a ledger ([`checkpoint`]), and whether everything
//! still matches ([`verify`]).
//!
//! This crate links neither the compiler nor any data file format, so that a service can read a ledger. It reads no
//! clock: callers pass the time in.
//!
//! ```
//! use opus_store::{Publication, Store, Time, publish};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("opus-store-{}-lib", std::process::id()));
//! # let _ = std::fs::remove_dir_all(&folder);
//! let artifact = opus_runtime::example::artifact();
//! let now: Time = "2026-02-01T09:30:00Z".parse()?;
//! publish(&folder, &Publication::new("loan".parse()?, artifact.bytes().to_vec()), now)?;
//!
//! let store = Store::open(&folder)?;
//! let selected = store.select(&"loan".parse()?, None, None, now)?;
//! assert_eq!(selected.entry.object, artifact.content_hash());
//! assert_eq!(store.object(selected.entry.kind, selected.entry.object)?, artifact.bytes());
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```

pub mod checkpoint;
pub mod entry;
mod error;
pub mod kind;
mod ledger;
pub mod minisign;
pub mod name;
mod objects;
pub mod publish;
pub mod select;
pub mod statement;
pub mod store;
pub mod time;
pub mod trust;
pub mod verify;

pub use checkpoint::Checkpoint;
pub use entry::Entry;
pub use error::{ErrorKind, StoreError};
pub use kind::Kind;
pub use name::Name;
pub use publish::{Publication, Signed, publish};
pub use select::{Pending, Selected, Standing};
pub use statement::Statement;
pub use store::Store;
pub use time::Time;
pub use trust::Trust;
pub use verify::Verified;
