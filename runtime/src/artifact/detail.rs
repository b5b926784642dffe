//! What does the second section of an artifact say, whatever its format? It is read where it stands, so that texts and
//! bytecode are ranges of the artifact's bytes.

use super::access;
use super::archived::{ArchivedCode, ArchivedDerived, ArchivedDetail, ArchivedProofs, ArchivedSpan};
use super::earlier::ArchivedDetail as EarlierDetail;
use super::error::ArtifactError;
use super::header::{FORMAT, Header};

/// The second section of an artifact of any format.
pub(crate) struct Detail<'a> {
    /// The source text.
    pub source: &'a str,
    /// For each rule, its place in the source text.
    pub rules: &'a [ArchivedSpan],
    /// For each require, its place in the source text.
    pub requires: &'a [ArchivedSpan],
    /// For each version, what was proved.
    pub versions: &'a [ArchivedDerived],
    /// The bytecode for single rows.
    pub rows: &'a [ArchivedCode],
    /// The bytecode for columns.
    pub columns: &'a [ArchivedCode],
    /// The proofs, by function; `None` where the format knows none.
    pub proofs: Option<&'a [ArchivedProofs]>,
}

impl<'a> Detail<'a> {
    /// Reads the section of an artifact with this header.
    ///
    /// # Errors
    /// Where its structure is wrong.
    pub(crate) fn read(header: &Header, bytes: &'a [u8]) -> Result<Detail<'a>, ArtifactError> {
        let section = header.detail(bytes);
        Ok(match header.format {
            FORMAT => {
                let ArchivedDetail { source, rules, requires, versions, rows, columns, proofs } =
                    access(section, "detail")?;
                Detail { source, rules, requires, versions, rows, columns, proofs: Some(proofs) }
            }
            _ => {
                let EarlierDetail { source, rules, requires, versions, rows, columns } =
                    access(section, "detail")?;
                Detail { source, rules, requires, versions, rows, columns, proofs: None }
            }
        })
    }
}
