//! Whose signatures count? Whoever loads an object decides, in a trust file; never the store or the object.
//!
//! ```toml
//! [[key]]
//! holder  = "Ann"
//! public  = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
//! expires = 2027-12-31      # the last day, in UTC, of publications that the key may sign
//!
//! [names]
//! "credit" = 1              # how many different holders must sign
//! "eu.*"   = 1              # every name that begins with `eu.`; the longest such prefix counts
//! ```
//!
//! The expiry is compared with the time of the entry that brings the signature. Where the publisher claimed that time, it is
//! compared with the time of the next entry to which the store assigned one, and with now if there is none. Anyone who
//! can write the database can write another time, so remove a key that was stolen from the file.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;

use crate::error::StoreError;
use crate::minisign::{PublicKey, Signature};
use crate::name::Name;
use crate::statement::Statement;

/// What ends a name in the trust file that stands for many.
const MANY: &str = ".*";

/// A trust file.
///
/// ```
/// use opus_store::Trust;
/// let trust = Trust::from_toml(r#"
///     [[key]]
///     holder  = "Ann"
///     public  = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"
///     expires = 2027-12-31
///     [names]
///     "eu.*" = 1
/// "#)?;
/// assert_eq!(trust.required(&"eu.credit".parse()?), Some(1));
/// assert_eq!(trust.required(&"credit".parse()?), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trust {
    keys: Vec<Key>,
    /// By name, or prefix that ends with `.*`.
    names: BTreeMap<String, usize>,
}

/// A key that is trusted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// Whose it is.
    pub holder: String,
    /// The key.
    pub public: PublicKey,
    /// The last day, in UTC, of publications that it may sign.
    pub expires: Date,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key: Vec<toml::Spanned<FileKey>>,
    #[serde(default)]
    names: BTreeMap<toml::Spanned<String>, toml::Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    holder: String,
    public: String,
    expires: toml::value::Datetime,
}

impl Trust {
    /// Reads a trust file.
    ///
    /// # Errors
    /// With the line, if it is not TOML, says something unknown, gives a key to two holders, or asks for more signatures than
    /// there are holders.
    pub fn from_toml(text: &str) -> Result<Trust, StoreError> {
        let file: File = toml::from_str(text).map_err(|error| {
            let why = error.message().lines().next().unwrap_or_default();
            wrong(text, error.span(), why).help(
                "`[[key]]` takes `holder`, `public` and `expires`; `[names]` takes names in quotes, each with a number",
            )
        })?;
        let mut keys: Vec<Key> = Vec::new();
        for spanned in file.key {
            let span = spanned.span();
            let key = key(spanned.into_inner()).map_err(|why| wrong(text, Some(span.clone()), &why))?;
            if let Some(other) = keys
                .iter()
                .find(|other| other.public.id() == key.public.id() || other.public.is_same_key(&key.public))
            {
                let (one, two) = (&other.holder, &key.holder);
                let why = match other.public.is_same_key(&key.public) {
                    true => format!("the key {} is given twice, to {one} and to {two}", key.public.id()),
                    false => format!("the keys of {one} and {two} have the same id, {}", key.public.id()),
                };
                return Err(wrong(text, Some(span), &why));
            }
            keys.push(key);
        }
        let holders = keys.iter().map(|key| &key.holder).collect::<BTreeSet<_>>().len();
        let mut names = BTreeMap::new();
        for (name, required) in file.names {
            let prefix = name.get_ref().strip_suffix(MANY).unwrap_or(name.get_ref());
            prefix.parse::<Name>().map_err(|error| wrong(text, Some(name.span()), &error.to_string()))?;
            let span = required.span();
            let required = *required.get_ref();
            let counted = usize::try_from(required).ok().filter(|required| (1..=holders).contains(required));
            let counted = counted.ok_or_else(|| {
                let why = match required {
                    ..1 => format!("`{}` needs at least 1 signature", name.get_ref()),
                    _ => format!(
                        "`{}` needs {required} holders to sign, but the file has only {holders}",
                        name.get_ref()
                    ),
                };
                wrong(text, Some(span), &why)
            })?;
            names.insert(name.into_inner(), counted);
        }
        Ok(Trust { keys, names })
    }

    /// How many different holders must sign publications of a name; `None` if the file does not say.
    pub fn required(&self, name: &Name) -> Option<usize> {
        let name = name.as_str();
        let of_prefix = |pattern: &str| {
            let prefix = pattern.strip_suffix('*')?;
            name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).map(|_| prefix.len())
        };
        let longest =
            self.names.iter().filter_map(|(pattern, required)| Some((of_prefix(pattern)?, *required))).max();
        self.names.get(name).copied().or(longest.map(|(_, required)| required))
    }

    /// The key that made a signature of a statement.
    ///
    /// # Errors
    /// If the file does not have it, or the signature is wrong. Expiry is not checked.
    pub fn signer(&self, statement: &Statement, signature: &Signature) -> Result<&Key, StoreError> {
        let key = self.keys.iter().find(|key| key.public.id() == signature.key());
        let key = key.ok_or_else(|| {
            StoreError::signature(format!("the trust file does not have the key {}", signature.key()))
        })?;
        key.public.verify(statement.to_string().as_bytes(), signature).map(|()| key)
    }

    /// The holder whose signature of a publication on this day counts.
    ///
    /// # Errors
    /// If it does not count: as [`Trust::signer`], or because the key had expired.
    pub fn holder(
        &self,
        statement: &Statement,
        signature: &Signature,
        day: Date,
    ) -> Result<&str, StoreError> {
        let key = self.signer(statement, signature)?;
        key.check_on(day).map(|()| key.holder.as_str())
    }
}

impl Key {
    /// That the key may sign publications of this day.
    ///
    /// # Errors
    /// If it had expired.
    pub fn check_on(&self, day: Date) -> Result<(), StoreError> {
        let Key { holder, public, expires } = self;
        let id = public.id();
        match day <= *expires {
            true => Ok(()),
            false => {
                let why = format!("the key {id} of {holder} expired on {expires}, before {day}");
                Err(StoreError::signature(why))
            }
        }
    }
}

fn key(key: FileKey) -> Result<Key, String> {
    let FileKey { holder, public, expires } = key;
    if holder.trim().is_empty() || holder.chars().any(char::is_control) {
        return Err("`holder` must be a name".to_owned());
    }
    let public = public.parse().map_err(|error: StoreError| error.message)?;
    let day = match expires {
        toml::value::Datetime { date: Some(date), time: None, offset: None } => {
            Date::new(date.year as i16, date.month as i8, date.day as i8).ok()
        }
        _ => None,
    };
    Ok(Key {
        holder,
        public,
        expires: day.ok_or("`expires` must be a day such as 2027-12-31, without quotes")?,
    })
}

/// An error with its line.
fn wrong(text: &str, span: Option<std::ops::Range<usize>>, why: &str) -> StoreError {
    let at = span.map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    StoreError::file(format!("line {line}: {why}"))
}
