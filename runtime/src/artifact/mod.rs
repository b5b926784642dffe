//! What is a compiled policy as a file, and when may it run?
//!
//! [`Artifact::build`] makes an artifact: the same program and source give the same bytes. An artifact that is read
//! is checked in this order: the header, the content hash, the structure of both archives, the meaning hash, every
//! function of the program (each interval is derived again), the certificates, and the bytecode, which has to be
//! what the program compiles to. Nothing is trusted because a compiler wrote it. Crafted bytes with matching hashes
//! are refused, or they are a policy like any other, which all engines decide alike.
//!
//! That a content hash passed all of this is noted in the [cache](crate::cache), under a key of this machine. Later
//! openings check the hash and the note, and use the stored bytecode as it is.
//!
//! Artifacts of every released format are read. Those of an earlier one keep their bytes and hashes; their sections are
//! brought to the current types and then checked like any other.
//!
//! The source text is the one part that cannot be checked here, because this crate holds no compiler; see
//! [`Artifact::unchecked_source`].

mod archived;
mod bytecode;
mod decode;
mod detail;
mod earlier;
mod encode;
mod error;
mod header;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use opus_ir::{Certificate, Program, Verified, VerifiedProgram};
use rkyv::api::high::HighSerializer;
use rkyv::api::low::{self, LowValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::BoxedError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;

pub use error::{ArtifactError, BuildError, Malformed};
pub use header::{
    ARTIFACT_BYTES_MAX, COMPILER_BYTES_MAX, FORMAT, FORMATS_READ, HEADER_BYTES, MAGIC, seal, seal_meaning,
};

use crate::cache::{Cache, CacheDir, Key};
use crate::functions::Part;
use crate::hash::Hash;
use archived::{ArchivedCertificate, ArchivedCode};
use bytecode::Bytecode;
use detail::Detail;

pub(crate) use bytecode::load;
pub(crate) use encode::schema_hash;
use header::Header;

/// What the start of an artifact is aligned to in memory.
pub(crate) const ALIGNMENT_BYTES: usize = 16;

/// What a program was compiled from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SourceText<'a> {
    /// The text.
    pub text: &'a str,
    /// The version of the compiler, in printable ASCII of at most [`COMPILER_BYTES_MAX`] bytes.
    pub compiler: &'a str,
}

/// The content hash of an artifact, if its bytes are whole. Whether the artifact may run is not checked.
///
/// ```
/// use opus_runtime::{artifact, example};
/// let built = example::artifact();
/// assert_eq!(artifact::content_hash(built.bytes())?, built.content_hash());
/// # Ok::<(), opus_runtime::ArtifactError>(())
/// ```
///
/// # Errors
/// Where the header is wrong, or the hash in it is that of other bytes.
pub fn content_hash(bytes: &[u8]) -> Result<Hash, ArtifactError> {
    Header::check(bytes).map(|header| header.content_hash)
}

/// An artifact that has been verified and can run.
///
/// ```
/// use opus_runtime::{Artifact, example};
/// let artifact = Artifact::from_bytes(example::artifact().bytes())?;
/// let program = artifact.program();
/// assert_eq!((&*program.name, program.versions.len(), program.rules.len()), ("loan.small", 2, 4));
/// println!("{} means {}", artifact.content_hash(), artifact.meaning_hash());
/// # Ok::<(), opus_runtime::ArtifactError>(())
/// ```
pub struct Artifact {
    bytes: AlignedVec<ALIGNMENT_BYTES>,
    header: Header,
    /// The first section as the current format lays it out, if the artifact's format lays it out differently.
    meaning: Option<AlignedVec>,
    outline: Program<()>,
    source: Range<usize>,
    bytecode: Bytecode<Range<usize>>,
    /// The program with its functions, decoded and verified when they are first needed.
    program: OnceLock<VerifiedProgram>,
}

impl Artifact {
    /// Makes the artifact of a program. The program is verified, once.
    ///
    /// ```
    /// use opus_runtime::{Artifact, artifact::SourceText, example};
    /// let artifact = Artifact::build(example::program(), example::SOURCE).unwrap();
    /// assert_eq!(artifact.program().name, "loan.small");
    /// let read = Artifact::from_bytes(artifact.bytes()).unwrap();
    /// assert_eq!(read.content_hash(), artifact.content_hash());
    /// ```
    ///
    /// # Errors
    /// Where the program makes a claim that cannot be proved, is too large for an artifact, or does not belong to
    /// the source.
    pub fn build(program: Program, source: SourceText) -> Result<Artifact, BuildError> {
        let program = opus_ir::program::verify(program).map_err(BuildError::Program)?;
        check_counts(&program).map_err(|what| BuildError::TooLarge { what })?;
        check_source(&program, source)?;
        let too_large = |what: String| BuildError::TooLarge { what };
        let emitted = bytecode::emit(&program).map_err(too_large)?;
        let meaning = archive(&encode::meaning(&program)).map_err(too_large)?;
        let detail = archive(&encode::detail(&program, source.text, &emitted)).map_err(too_large)?;
        let written = header::assemble(source.compiler, &meaning, &detail);
        if written.len() as u64 > ARTIFACT_BYTES_MAX {
            return Err(too_large(format!("its artifact would have {} bytes", written.len())));
        }
        let mut bytes = AlignedVec::with_capacity(written.len());
        bytes.extend_from_slice(&written);
        let header = Header::check(&bytes).expect("the header was just written");
        let artifact = Artifact::read(bytes, header).expect("the sections were just written");
        let _ = artifact.program.set(program);
        Ok(artifact)
    }

    /// Reads a file and verifies the artifact in it. Later changes to the file have no effect.
    ///
    /// # Errors
    /// Where the file cannot be read, or does not hold an artifact that may run.
    pub fn open(path: impl AsRef<Path>) -> Result<Artifact, ArtifactError> {
        Artifact::open_with(path, &Cache::Off)
    }

    /// The same, with a cache that remembers which artifacts were verified on this machine.
    ///
    /// # Errors
    /// As [`Artifact::open`].
    pub fn open_with(path: impl AsRef<Path>, cache: &Cache) -> Result<Artifact, ArtifactError> {
        Artifact::verified(read_file(path.as_ref())?, cache)
    }

    /// Copies the bytes of an artifact and verifies them.
    ///
    /// # Errors
    /// Where the bytes are not an artifact that may run.
    pub fn from_bytes(bytes: &[u8]) -> Result<Artifact, ArtifactError> {
        Artifact::from_bytes_with(bytes, &Cache::Off)
    }

    /// The same, with a cache that remembers which artifacts were verified on this machine.
    ///
    /// # Errors
    /// As [`Artifact::from_bytes`].
    pub fn from_bytes_with(bytes: &[u8], cache: &Cache) -> Result<Artifact, ArtifactError> {
        let mut copy = AlignedVec::with_capacity(bytes.len());
        copy.extend_from_slice(bytes);
        Artifact::verified(copy, cache)
    }

    /// Notes in a cache that this artifact was verified, so that the next opening takes less time. Returns whether
    /// that worked. Openings with a cache do it themselves; a program that has just built an artifact may do it too.
    pub fn note_in(&self, cache: &CacheDir) -> bool {
        cache.store(&note(self.content_hash()), &[])
    }

    fn verified(bytes: AlignedVec<ALIGNMENT_BYTES>, cache: &Cache) -> Result<Artifact, ArtifactError> {
        let header = Header::check(&bytes)?;
        let directory = cache.directory();
        let is_noted = |directory: &CacheDir| directory.load(&note(header.content_hash)).is_ok();
        if directory.as_ref().is_some_and(is_noted) {
            return Artifact::read(bytes, header);
        }
        let artifact = Artifact::read(bytes, header)?;
        artifact.verify()?;
        directory.map(|directory| artifact.note_in(&directory));
        Ok(artifact)
    }

    /// An artifact whose structure is sound. What it says has yet to be verified.
    fn read(bytes: AlignedVec<ALIGNMENT_BYTES>, header: Header) -> Result<Artifact, ArtifactError> {
        let brought = match header.format {
            FORMAT => None,
            earlier => earlier::meaning(earlier, header.meaning(&bytes))?,
        };
        let detail = Detail::read(&header, &bytes)?;
        let meaning = access(brought.as_deref().unwrap_or(header.meaning(&bytes)), "meaning")?;
        let outline = decode::outline(meaning, &detail)?;
        let range = |part: &[u8]| {
            let start = part.as_ptr() as usize - bytes.as_ptr() as usize;
            start..start + part.len()
        };
        let part = |codes: &[ArchivedCode]| {
            let ranges = codes.iter().map(|code| (!code.bytes.is_empty()).then(|| range(&code.bytes)));
            let wrong = || Malformed::new("the bytecode", "it is for another number of versions");
            Part::new(outline.versions.len(), ranges.collect()).ok_or_else(wrong)
        };
        let bytecode = Bytecode { rows: part(detail.rows)?, columns: part(detail.columns)? };
        let source = range(detail.source.as_bytes());
        Ok(Artifact { header, meaning: brought, outline, source, bytecode, program: OnceLock::new(), bytes })
    }

    /// Verifies everything that the engines rely on.
    fn verify(&self) -> Result<(), ArtifactError> {
        self.header.check_meaning(&self.bytes)?;
        let program = self.decoded()?;
        check_counts(&program).map_err(|message| Malformed::new("the program", message))?;
        check_certificates(&program, &Detail::read(&self.header, &self.bytes)?)?;
        bytecode::check(&program, &self.bytecode())?;
        let _ = self.program.set(program);
        Ok(())
    }

    fn decoded(&self) -> Result<VerifiedProgram, ArtifactError> {
        let detail = Detail::read(&self.header, &self.bytes)?;
        let program = decode::program(access(self.meaning(), "meaning")?, &detail, &self.outline)?;
        opus_ir::program::verify(program).map_err(ArtifactError::Program)
    }

    /// The first section, as the current format lays it out.
    fn meaning(&self) -> &[u8] {
        self.meaning.as_deref().unwrap_or(self.header.meaning(&self.bytes))
    }

    /// The program without its functions: schema, rules, requires and versions.
    pub fn program(&self) -> &Program<()> {
        &self.outline
    }

    /// The program with the functions of every version. An artifact that was opened by a note in the cache decodes
    /// and verifies them when they are first asked for; engines do not need them.
    pub fn verified_program(&self) -> &Program<Verified> {
        self.program.get_or_init(|| self.decoded().expect("the artifact was verified on this machine"))
    }

    /// The bytecode of every function, where it is stored.
    pub(crate) fn bytecode(&self) -> Bytecode<&[u8]> {
        let part = |part: &Part<Range<usize>>| part.map(|_, range| &self.bytes[range.clone()]);
        Bytecode { rows: part(&self.bytecode.rows), columns: part(&self.bytecode.columns) }
    }

    /// The source text that the artifact holds. Nothing here proves that the policy was compiled from it: before you
    /// show it or rely on it, compile it again with the [version](Artifact::compiler) that the artifact names, and
    /// compare the meaning hashes.
    pub fn unchecked_source(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.source.clone()]).expect("the text was checked when it was read")
    }

    /// The version of the compiler that wrote the artifact, by its own account.
    pub fn compiler(&self) -> &str {
        self.header.compiler(&self.bytes)
    }

    /// The number of the format, one of [`FORMATS_READ`].
    pub fn format(&self) -> u32 {
        self.header.format
    }

    /// The semantics that the artifact was compiled for: [`opus_ir::semantics`]. All artifacts of formats 2 to 5 have
    /// semantics 1, so the file does not state it.
    ///
    /// ```
    /// let artifact = opus_runtime::example::artifact();
    /// assert!(opus_ir::semantics::EXECUTED.contains(&artifact.semantics()));
    /// ```
    pub fn semantics(&self) -> u32 {
        1
    }

    /// The hash of everything in the artifact.
    pub fn content_hash(&self) -> Hash {
        self.header.content_hash
    }

    /// The hash of what the policy means. It does not depend on formatting and comments.
    pub fn meaning_hash(&self) -> Hash {
        self.header.meaning_hash
    }

    /// The meaning hash that an artifact of the current format would have, which is [`Artifact::meaning_hash`] for one
    /// that has it. So artifacts of different formats can be compared: equal hashes mean the same program.
    ///
    /// ```
    /// let artifact = opus_runtime::example::artifact();
    /// assert_eq!(artifact.current_meaning_hash(), artifact.meaning_hash());
    /// ```
    pub fn current_meaning_hash(&self) -> Hash {
        self.meaning.as_deref().map_or(self.meaning_hash(), Hash::of)
    }

    /// The artifact as a file holds it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The key of the note that an artifact was verified by this version of the verifier.
fn note(content: Hash) -> Key<'static> {
    Key::Verified {
        content,
        verifier: concat!(env!("CARGO_PKG_VERSION"), ", sources ", env!("OPUS_VERIFIER_SOURCES")),
    }
}

/// The most bytes that are set aside for an artifact because its file claims to be as long.
const RESERVED_BYTES_MAX: u64 = 1 << 20;

/// The bytes of a file, where they may be an artifact: neither a large file of something else is read to its end,
/// nor one that grows.
fn read_file(path: &Path) -> Result<AlignedVec<ALIGNMENT_BYTES>, ArtifactError> {
    let unreadable = |error| ArtifactError::Read { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(unreadable)?;
    let found_bytes = file.metadata().map_err(unreadable)?.len();
    if found_bytes > ARTIFACT_BYTES_MAX {
        return Err(ArtifactError::TooLarge { found_bytes });
    }
    let mut bytes = AlignedVec::with_capacity(HEADER_BYTES);
    let mut extend = |limit: u64, expected_bytes: u64| {
        // without room the reader would begin with a few bytes and double them
        bytes.reserve(expected_bytes.min(RESERVED_BYTES_MAX) as usize);
        bytes.extend_from_reader(&mut (&mut file).take(limit)).map_err(unreadable)?;
        Ok::<_, ArtifactError>(bytes.starts_with(&MAGIC))
    };
    if !extend(HEADER_BYTES as u64, HEADER_BYTES as u64)? {
        return Err(ArtifactError::NotAnArtifact);
    }
    extend(ARTIFACT_BYTES_MAX, found_bytes)?;
    Ok(bytes)
}

/// The archive of a section, or why there is none.
fn archive<T>(value: &T) -> Result<AlignedVec, String>
where
    T: for<'a> rkyv::Serialize<HighSerializer<AlignedVec, ArenaHandle<'a>, BoxedError>>,
{
    rkyv::to_bytes(value)
        .map_err(|_: BoxedError| "its artifact would be longer than offsets of 32 bits reach".to_string())
}

fn access<'a, T>(section: &'a [u8], name: &'static str) -> Result<&'a T, ArtifactError>
where
    T: rkyv::Portable + for<'b> CheckBytes<LowValidator<'b, BoxedError>>,
{
    // what rkyv says holds addresses, which help nobody and differ from run to run
    low::access(section).map_err(|_: BoxedError| ArtifactError::Structure { section: name })
}

/// Decisions are stored with the indices of rule and version in 16 bits.
const COUNT_MAX: usize = 1 << 16;

fn check_counts(program: &Program<Verified>) -> Result<(), String> {
    let counts = [("rules", program.rules.len()), ("versions", program.versions.len())];
    match counts.into_iter().find(|(_, count)| *count > COUNT_MAX) {
        Some((what, count)) => Err(format!("it has {count} {what}, and the limit is {COUNT_MAX}")),
        None => Ok(()),
    }
}

/// Checks that the spans of a program are parts of the source, and that a header can name its compiler.
fn check_source(program: &Program<Verified>, source: SourceText) -> Result<(), BuildError> {
    if !header::names_a_compiler(source.compiler) {
        let message = format!("it is not printable ASCII of at most {COMPILER_BYTES_MAX} bytes");
        return Err(BuildError::Source(Malformed::new("the version of the compiler", message)));
    }
    let rules = program.rules.iter().map(|rule| (&rule.id, rule.span));
    let requires = program.requires.iter().map(|require| (&require.id, require.span));
    rules
        .chain(requires)
        .try_for_each(|(id, span)| decode::check_span(id, span, source.text))
        .map_err(BuildError::Source)
}

/// Compares what was proved with what the artifact says was proved.
fn check_certificates(program: &Program<Verified>, detail: &Detail) -> Result<(), ArtifactError> {
    if program.versions.len() != detail.versions.len() {
        let message = format!("{} for {} versions", detail.versions.len(), program.versions.len());
        return Err(Malformed::new("the certificates", message).into());
    }
    for (version, derived) in program.versions.iter().zip(detail.versions) {
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
