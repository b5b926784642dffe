//! What was in force under a name at some time? The last publication known at that time that has enough signatures.
//!
//! With a trust file, the entries of a name are read in their order. A statement can come into force only if it replaces
//! what is in force, or if nothing is. It does so with the entry that brings the last signature it needs: to add a
//! signature, publish the same object again. Entries that lack signatures change nothing, whoever adds them.
//!
//! A published signature counts until what its statement replaces is no longer in force; then it is used up. Otherwise
//! anyone who keeps the signatures of an older state could bring that state back.

use jiff::civil::Date;
use opus_runtime::Hash;

use crate::entry::Entry;
use crate::error::StoreError;
use crate::minisign::Signature;
use crate::name::Name;
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
    /// Selects the publication of a name that was in force at a time; `None` for now. Without a trust file signatures are
    /// not checked. `now` is what a clock shows.
    ///
    /// # Errors
    /// If the name is unknown, or was unknown then, or no publication has the signatures that the trust file requires.
    pub fn select(
        &self,
        name: &Name,
        known_at: Option<Time>,
        trust: Option<&Trust>,
        now: Time,
    ) -> Result<Selected, StoreError> {
        let all = self.entries()?;
        let Some(first) = all.iter().find(|entry| entry.name == *name) else {
            return Err(StoreError::absent(format!("the store `{}` has no `{name}`", self.folder.display()))
                .help("`opus log` lists what has been published"));
        };
        let is_known = |entry: &Entry| known_at.is_none_or(|time| entry.time <= time);
        let Some(last) = all.iter().rfind(|entry| entry.name == *name && is_known(entry)) else {
            let time = known_at.expect("without a time every entry is known");
            return Err(StoreError::absent(format!(
                "`{name}` was first published at {}, after {time}",
                first.time
            )));
        };
        let Some(trust) = trust else {
            return Ok(Selected { entry: last.clone(), standing: Standing::NotChecked, pending: Vec::new() });
        };
        let Some(required) = trust.required(name) else {
            return Err(StoreError::signature(format!(
                "the trust file does not say who has to sign `{name}`"
            ))
            .help("add the name to its table `[names]`, with the number of holders"));
        };
        let Judged { in_force, pending } = Judge::of(&all, name, known_at, (trust, required), now);
        let pending: Vec<Pending> = pending.into_iter().map(|found| found.pending(required)).collect();
        if let Some(Found { entry, holders, .. }) = in_force {
            let standing = Standing::Signed { holders, required };
            return Ok(Selected { entry: entry.clone(), standing, pending });
        }
        let missing: Vec<String> = pending.iter().map(ToString::to_string).collect();
        Err(StoreError::signature(format!(
            "`{name}` has no publication with enough signatures: {}",
            missing.join("; ")
        ))
        .help("`opus sign` makes a signature; `opus publish` of the same object adds it"))
    }

    /// The publications of a name that lack signatures.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn pending(&self, name: &Name, trust: &Trust, now: Time) -> Result<Vec<Pending>, StoreError> {
        let Some(required) = trust.required(name) else { return Ok(Vec::new()) };
        let entries = self.entries()?;
        let judged = Judge::of(&entries, name, None, (trust, required), now);
        Ok(judged.pending.into_iter().map(|found| found.pending(required)).collect())
    }

    /// What a publication of an object under a name would say now: what its signatures sign. It replaces what is in force by
    /// the trust file; without one, what was published last.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub fn statement(
        &self,
        name: &Name,
        object: Hash,
        trust: Option<&Trust>,
        now: Time,
    ) -> Result<Statement, StoreError> {
        let replaces = Base::of(&self.entries()?, name, object, trust, now).replaces;
        Ok(Statement { name: name.clone(), object, replaces })
    }
}

/// What a publication of an object under a name replaces.
pub(crate) struct Base<'a> {
    /// The entry of what is replaced; `None` if there is none.
    pub entry: Option<&'a Entry>,
    /// The object that is replaced. An object that is published again, with further signatures, replaces what it replaced.
    pub replaces: Option<Hash>,
    /// Where nothing is in force: what else signatures may replace.
    others: Vec<Option<Hash>>,
}

impl<'a> Base<'a> {
    pub fn of(
        entries: &'a [Entry],
        name: &Name,
        object: Hash,
        trust: Option<&'a Trust>,
        now: Time,
    ) -> Base<'a> {
        let of_name = || entries.iter().filter(|entry| entry.name == *name);
        let rule = trust.and_then(|trust| Some((trust, trust.required(name)?)));
        let entry = match rule {
            None => of_name().next_back(),
            Some(rule) => Judge::of(entries, name, None, rule, now).in_force.map(|found| found.entry),
        };
        let replaces =
            entry.and_then(|entry| if entry.object == object { entry.replaces } else { Some(entry.object) });
        let others = match (rule, entry) {
            (Some(_), None) => {
                of_name().map(|entry| Some(entry.object)).filter(|other| *other != Some(object)).collect()
            }
            _ => Vec::new(),
        };
        Base { entry, replaces, others }
    }

    /// Whether a statement may replace this.
    pub fn allows(&self, replaces: Option<Hash>) -> bool {
        replaces == self.replaces || self.others.contains(&replaces)
    }
}

/// Reads the entries of a name in their order, with a trust file.
struct Judge<'a> {
    trust: &'a Trust,
    /// How many holders have to sign.
    required: usize,
    in_force: Option<Found<'a>>,
    /// What was published since.
    pending: Vec<Found<'a>>,
    /// Signatures that could count before what is in force came into force, each with its entry.
    used: Vec<(&'a Signature, u64)>,
}

/// What entries say together.
struct Judged<'a> {
    in_force: Option<Found<'a>>,
    pending: Vec<Found<'a>>,
}

/// A publication: entries with the same statement, made while the same object was in force.
struct Found<'a> {
    /// The entry that brought the last signature that was needed; before that, the last one.
    entry: &'a Entry,
    statement: Statement,
    /// The holders whose signatures count.
    holders: Vec<String>,
    /// Why other signatures do not count.
    discounted: Vec<String>,
    /// The signatures that are used up by what comes into force next.
    signatures: Vec<(&'a Signature, u64)>,
}

impl<'a> Judge<'a> {
    fn of(
        entries: &'a [Entry],
        name: &Name,
        known_at: Option<Time>,
        (trust, required): (&'a Trust, usize),
        now: Time,
    ) -> Judged<'a> {
        let mut judge = Judge { trust, required, in_force: None, pending: Vec::new(), used: Vec::new() };
        let is_known = |entry: &Entry| known_at.is_none_or(|time| entry.time <= time);
        for (position, entry) in entries.iter().enumerate() {
            if entry.name == *name && is_known(entry) {
                judge.add(entry, latest(&entries[position..], now).day());
            }
        }
        Judged { in_force: judge.in_force, pending: judge.pending }
    }

    /// Adds an entry, which was made on this day at the latest.
    fn add(&mut self, entry: &'a Entry, day: Date) {
        let statement = entry.statement();
        if let Some(found) = self.in_force.as_mut().filter(|found| found.statement == statement) {
            return found.count(entry, self.trust, &self.used, day);
        }
        let position = self.pending.iter().position(|found| found.statement == statement);
        let mut found = match position {
            Some(position) => self.pending.remove(position),
            None => Found::new(entry, statement),
        };
        found.entry = entry;
        let replaces = found.statement.replaces;
        match self.in_force.as_ref().map(|found| found.entry) {
            Some(before) if replaces != Some(before.object) => found.discount_base(before),
            _ => found.count(entry, self.trust, &self.used, day),
        }
        if found.holders.len() < self.required {
            return self.pending.push(found);
        }
        // what was in force came into force by signatures that serve no more, nor do those that would have served now
        let base = self.in_force.as_ref().map(|found| found.entry.object);
        let others = self.pending.drain(..).filter(|found| found.statement.replaces == base);
        self.used.extend(others.chain(self.in_force.take()).flat_map(|found| found.signatures));
        self.in_force = Some(found);
    }
}

impl<'a> Found<'a> {
    fn new(entry: &'a Entry, statement: Statement) -> Found<'a> {
        Found { entry, statement, holders: Vec::new(), discounted: Vec::new(), signatures: Vec::new() }
    }

    /// Counts the signatures of an entry, which was made on this day at the latest.
    fn count(&mut self, entry: &'a Entry, trust: &Trust, used: &[(&Signature, u64)], day: Date) {
        for signature in &entry.signatures {
            if let Some((_, by)) = used.iter().find(|(used, _)| *used == signature) {
                self.discount(format!("a signature by key {} belongs to entry {by}", signature.key()));
                continue;
            }
            self.signatures.push((signature, entry.number));
            match trust.holder(&self.statement, signature, day) {
                Ok(holder) if self.holders.iter().any(|found| found == holder) => {}
                Ok(holder) => self.holders.push(holder.to_owned()),
                Err(error) => self.discount(error.message),
            }
        }
    }

    /// The signatures of an entry do not count, because another object is in force than they replace.
    fn discount_base(&mut self, before: &Entry) {
        if self.entry.signatures.is_empty() {
            return;
        }
        let replaces = self.statement.replaces.map_or("nothing".to_owned(), |hash| hash.to_string());
        self.discount(format!(
            "what is signed replaces {replaces}, but {} was in force, by entry {}",
            before.object, before.number
        ));
    }

    fn discount(&mut self, why: String) {
        if !self.discounted.contains(&why) {
            self.discounted.push(why);
        }
    }

    fn pending(self, required: usize) -> Pending {
        let Found { entry, holders, discounted, .. } = self;
        Pending { entry: entry.clone(), holders, required, discounted }
    }
}

/// The latest time at which the first of these entries can have been made. A time that its publisher claimed may be too
/// early; the next one that the store assigned is not, and neither is now.
fn latest(entries: &[Entry], now: Time) -> Time {
    entries.iter().find(|entry| !entry.is_claimed).map_or(now, |entry| entry.time)
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
