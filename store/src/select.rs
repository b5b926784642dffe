//! What was in force under a name at some time? The last publication known at that time that has enough signatures.
//!
//! Consecutive entries of a name with the same statement are one publication: to add a second signature, publish the
//! same object again. Its signatures are those of all its entries up to that time.

use opus_runtime::Hash;

use crate::entry::Entry;
use crate::error::StoreError;
use crate::name::Name;
use crate::publish::replaced;
use crate::statement::Statement;
use crate::store::Store;
use crate::time::Time;
use crate::trust::Trust;

/// What was selected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Selected {
    /// The last entry of the publication.
    pub entry: Entry,
    /// Who signed it.
    pub standing: Standing,
    /// Later publications, which nothing selects because signatures are missing.
    pub pending: Vec<Pending>,
}

/// Who signed a publication.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Signatures were not checked, because there was no trust file.
    NotChecked,
    /// As many holders as the trust file requires.
    Signed {
        /// The holders, in the order of their signatures.
        holders: Vec<String>,
        /// How many are required.
        required: usize,
    },
}

/// A publication that lacks signatures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Its last entry.
    pub entry: Entry,
    /// The holders whose signatures count.
    pub holders: Vec<String>,
    /// How many are required.
    pub required: usize,
    /// Why other signatures do not count.
    pub discounted: Vec<String>,
}

impl Store {
    /// Selects the publication of a name that was in force at a time; `None` for now. Without a trust file signatures are not
    /// checked.
    ///
    /// # Errors
    /// If the name is unknown, or was unknown then, or no publication has the signatures that the trust file requires.
    pub fn select(
        &self,
        name: &Name,
        known_at: Option<Time>,
        trust: Option<&Trust>,
    ) -> Result<Selected, StoreError> {
        let all = self.entries_of(name)?;
        let Some(first) = all.first() else {
            return Err(StoreError::absent(format!("the store `{}` has no `{name}`", self.folder.display()))
                .help("`opus log` lists what has been published"));
        };
        let known: Vec<&Entry> =
            all.iter().filter(|entry| known_at.is_none_or(|time| entry.time <= time)).collect();
        let Some(last) = known.last() else {
            let time = known_at.expect("without a time every entry is known");
            return Err(StoreError::absent(format!(
                "`{name}` was first published at {}, after {time}",
                first.time
            )));
        };
        let Some(trust) = trust else {
            return Ok(Selected {
                entry: (*last).clone(),
                standing: Standing::NotChecked,
                pending: Vec::new(),
            });
        };
        let Some(required) = trust.required(name) else {
            return Err(StoreError::signature(format!(
                "the trust file does not say who has to sign `{name}`"
            ))
            .help("add the name to its table `[names]`, with the number of holders"));
        };
        let mut pending = Vec::new();
        let mut before = known.len();
        for publication in known.chunk_by(|a, b| a.statement() == b.statement()).rev() {
            before -= publication.len();
            let counted = Pending::count(publication, &known[..before], required, trust);
            if counted.holders.len() >= required {
                pending.reverse();
                let standing = Standing::Signed { holders: counted.holders, required };
                return Ok(Selected { entry: counted.entry, standing, pending });
            }
            pending.push(counted);
        }
        pending.reverse();
        let missing: Vec<String> = pending.iter().map(ToString::to_string).collect();
        Err(StoreError::signature(format!(
            "`{name}` has no publication with enough signatures: {}",
            missing.join("; ")
        ))
        .help("`opus sign` makes a signature; `opus publish` of the same object adds it"))
    }

    /// What a publication of an object under a name would say now: what its signatures sign.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn statement(&self, name: &Name, object: Hash) -> Result<Statement, StoreError> {
        let replaces = replaced(self.entries_of(name)?.last(), object);
        Ok(Statement { name: name.clone(), object, replaces })
    }
}

impl Pending {
    /// Counts the signatures of a publication. A signature that an earlier publication had does not count: otherwise anyone
    /// who keeps the signatures of an older state could bring that state back.
    fn count(publication: &[&Entry], earlier: &[&Entry], required: usize, trust: &Trust) -> Pending {
        let mut entry = *publication.last().expect("a publication has an entry");
        let statement = entry.statement();
        let (mut holders, mut discounted): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
        for (brought_by, signature) in
            publication.iter().flat_map(|entry| entry.signatures.iter().map(move |one| (entry, one)))
        {
            if let Some(used) = earlier.iter().find(|entry| entry.signatures.contains(signature)) {
                let why = format!("a signature by key {} belongs to entry {}", signature.key(), used.number);
                if !discounted.contains(&why) {
                    discounted.push(why);
                }
                continue;
            }
            match trust.holder(&statement, signature, brought_by.time.day()) {
                Ok(holder) if holders.iter().any(|found| found == holder) => {}
                Ok(holder) => {
                    holders.push(holder.to_owned());
                    // it counts from the entry that brings the last signature it needs, whoever publishes it again
                    if holders.len() == required {
                        entry = brought_by;
                    }
                }
                Err(error) if discounted.contains(&error.message) => {}
                Err(error) => discounted.push(error.message),
            }
        }
        Pending { entry: entry.clone(), holders, required, discounted }
    }
}

impl std::fmt::Display for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Pending { entry, holders, required, discounted } = self;
        write!(
            f,
            "entry {} ({}) has {} of {required} signatures",
            entry.number,
            entry.object,
            holders.len()
        )?;
        if !holders.is_empty() {
            write!(f, ", by {}", holders.join(" and "))?;
        }
        discounted.iter().try_for_each(|why| write!(f, "; {why}"))
    }
}

impl std::fmt::Display for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Standing::NotChecked => f.write_str("signatures not checked"),
            Standing::Signed { holders, required } => {
                write!(f, "signed by {} ({required} required)", holders.join(" and "))
            }
        }
    }
}
