//! What is a compiled policy as a file, and when may it run?
//!
//! [`build`] writes an artifact: the same program gives the same bytes. [`Artifact`] is one that has been
//! checked, in this order: the header, the hashes, the structure of both archives, every function of the program
//! (each interval is derived again), the bytecode, the certificates. Nothing is trusted because a compiler wrote
//! it, so bytes that were damaged, or made up with all hashes right, are refused or are a policy like any other.

mod archived;
mod bytecode;
mod decode;
mod encode;
mod error;
mod header;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use opus_ir::{Certificate, Program, Verified, VerifiedProgram};
use rkyv::api::high::HighSerializer;
use rkyv::api::low::{self, LowValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;

pub use error::{ArtifactError, BuildError, Malformed};
pub use header::{ARTIFACT_BYTES_MAX, FORMAT, HEADER_BYTES, MAGIC, seal, seal_meaning};

use crate::hash::Hash;
use crate::room::Memory;
use archived::{ArchivedCertificate, ArchivedDetail, ArchivedMeaning};
use bytecode::Bytecode;
use header::Header;

/// The bytes of a program's artifact.
///
/// # Errors
/// Where the program does not hold what it claims, or is too large for an artifact.
pub fn build(program: Program) -> Result<Vec<u8>, BuildError> {
    let program = opus_ir::program::verify(program).map_err(BuildError::Program)?;
    check_counts(&program).map_err(|what| BuildError::TooLarge { what })?;
    let meaning = archive(&encode::meaning(&program))?;
    let detail = archive(&encode::detail(&program, &bytecode::emit(&program)?))?;
    let bytes = header::assemble(archived::layout(), &meaning, &detail);
    match bytes.len() as u64 {
        length if length > ARTIFACT_BYTES_MAX => {
            Err(BuildError::TooLarge { what: format!("its artifact would have {length} bytes") })
        }
        _ => Ok(bytes),
    }
}

fn archive<T>(value: &T) -> Result<AlignedVec, BuildError>
where
    T: for<'a> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, BoxedError>>,
{
    rkyv::to_bytes(value).map_err(|error: BoxedError| BuildError::TooLarge { what: error.to_string() })
}

/// An artifact that has been checked and can run.
pub struct Artifact {
    header: Header,
    program: VerifiedProgram,
    bytecode: Bytecode,
    memory: Memory,
}

impl Artifact {
    /// Reads and checks a file. Nothing that happens to the file afterwards matters.
    ///
    /// # Errors
    /// Where the file cannot be read, or holds no artifact that may run.
    pub fn open(path: impl AsRef<Path>) -> Result<Artifact, ArtifactError> {
        let mut file = File::open(path).map_err(ArtifactError::Read)?;
        let found_bytes = file.metadata().map_err(ArtifactError::Read)?.len();
        if found_bytes > ARTIFACT_BYTES_MAX {
            return Err(ArtifactError::TooLarge { found_bytes });
        }
        let mut bytes = Vec::with_capacity(found_bytes as usize);
        let mut limited = (&mut file).take(ARTIFACT_BYTES_MAX + 1);
        limited.read_to_end(&mut bytes).map_err(ArtifactError::Read)?;
        Artifact::from_bytes(&bytes)
    }

    /// Checks an artifact and keeps a copy of it.
    ///
    /// # Errors
    /// Where the bytes are no artifact that may run.
    pub fn from_bytes(bytes: &[u8]) -> Result<Artifact, ArtifactError> {
        let memory = Memory::copy_of(bytes);
        let header = Header::check(&memory, archived::layout())?;
        let meaning: &ArchivedMeaning = access(header.meaning(&memory))?;
        let detail: &ArchivedDetail = access(header.detail(&memory))?;
        let program = decode::program(meaning, detail)?;
        let program = opus_ir::program::verify(program).map_err(ArtifactError::Program)?;
        check_counts(&program).map_err(|message| Malformed::new("the program", message))?;
        let bytecode = bytecode::check(&program, detail)?;
        check_certificates(&program, detail)?;
        Ok(Artifact { header, program, bytecode, memory })
    }

    /// The program: schema, rules, requires, and the verified functions of every version.
    pub fn program(&self) -> &Program<Verified> {
        &self.program
    }

    pub(crate) fn bytecode(&self) -> &Bytecode {
        &self.bytecode
    }

    /// The hash of everything in the artifact.
    pub fn content_hash(&self) -> Hash {
        self.header.content_hash
    }

    /// The hash of what the policy means. Formatting and comments leave it as it is.
    pub fn meaning_hash(&self) -> Hash {
        self.header.meaning_hash
    }

    /// The artifact as it was written.
    pub fn bytes(&self) -> &[u8] {
        &self.memory
    }
}

fn access<T>(section: &[u8]) -> Result<&T, ArtifactError>
where
    T: rkyv::Portable + for<'a> CheckBytes<LowValidator<'a, BoxedError>>,
{
    low::access(section).map_err(|error: BoxedError| ArtifactError::Structure(error.to_string()))
}

/// Rules and versions are counted in 16 bits where decisions are stored.
const COUNT_MAX: usize = 1 << 16;

fn check_counts(program: &Program<Verified>) -> Result<(), String> {
    let counts = [("rules", program.rules.len()), ("versions", program.versions.len())];
    match counts.into_iter().find(|(_, count)| *count > COUNT_MAX) {
        Some((what, count)) => {
            Err(format!("there are {count} {what}, and at most {COUNT_MAX} can be told apart"))
        }
        None => Ok(()),
    }
}

/// What was proved has to be what the artifact says was proved.
fn check_certificates(program: &Program<Verified>, detail: &ArchivedDetail) -> Result<(), ArtifactError> {
    if program.versions.len() != detail.versions.len() {
        let message = format!("{} for {} versions", detail.versions.len(), program.versions.len());
        return Err(Malformed::new("the certificates", message).into());
    }
    for (version, derived) in program.versions.iter().zip(detail.versions.iter()) {
        let holds =
            derived.admit.is(version.admit.certificate()) && derived.decide.is(version.decide.certificate());
        if !holds {
            return Err(ArtifactError::Certificate { version: version.number });
        }
    }
    Ok(())
}

impl ArchivedCertificate {
    fn is(&self, proved: Certificate) -> bool {
        let Certificate { instructions, largest_magnitude, steps_max } = proved;
        self.instructions == instructions
            && self.largest_magnitude == largest_magnitude
            && self.steps_max == steps_max
    }
}
