//! How are artifacts of earlier formats read? By the types in which a format differs from the current one, and the way
//! from one to the other.
//!
//! The first section is copied to the current types, as if the policy had been written today, and is checked like one
//! from then on. The second section is read where it stands ([`Detail`](super::detail::Detail)).

mod format_2;
mod format_3;
mod format_4;

use rkyv::rancor::BoxedError;
use rkyv::util::AlignedVec;

use super::archived;
use super::error::{ArtifactError, Malformed};
use super::{access, archive};
use crate::hash::Hash;

pub(super) use format_4::ArchivedDetail;

/// The numbers of the formats.
pub(super) const FORMATS: [u32; 3] = [2, 3, 4];

/// The layout hash of the artifacts of an earlier format. `None` if there is no such format.
pub(super) fn layout_of(format: u32) -> Option<Hash> {
    match format {
        2 => Some(format_2::layout()),
        3 => Some(format_3::layout()),
        4 => Some(format_4::layout()),
        _ => None,
    }
}

/// The first section of an artifact of an earlier format, as the current one lays it out. Two sections that say the same
/// give the same bytes. `None` where the format lays it out like the current one.
///
/// # Errors
/// Where the structure is wrong, or the section would be longer than offsets reach.
pub(super) fn meaning(format: u32, section: &[u8]) -> Result<Option<AlignedVec>, ArtifactError> {
    let structure = |_: BoxedError| ArtifactError::Structure { section: "meaning" };
    let meaning: archived::Meaning = match format {
        2 => {
            let earlier = access::<format_2::ArchivedMeaning>(section, "meaning")?;
            rkyv::deserialize::<format_2::Meaning, _>(earlier).map_err(structure)?.into()
        }
        3 => {
            let earlier = access::<format_3::ArchivedMeaning>(section, "meaning")?;
            rkyv::deserialize::<format_3::Meaning, _>(earlier).map_err(structure)?.into()
        }
        _ => return Ok(None),
    };
    archive(&meaning).map(Some).map_err(|what| Malformed::new("the meaning", what).into())
}

/// The layout hash of a format with these types of its own, and without those that it did not know. It follows from the
/// types with which the format is read, so that a change to one of them refuses the format's artifacts rather than read
/// them wrongly.
fn layout(own: &[(&'static str, String)], unknown: &[&str]) -> Hash {
    let detail = format_4::definitions();
    let is_own = |name: &str| own.iter().chain(&detail).find(|(own, _)| *own == name);
    let then = |(name, now): (&str, String)| is_own(name).map_or(now, |(_, text)| text.clone());
    let is_unknown = |name: &str| name == "Proofs" || unknown.contains(&name);
    let known = |(name, _): &(&str, String)| is_own(name).is_some() || !is_unknown(name);
    archived::hash(archived::definitions().into_iter().filter(known).map(then))
}
