//! How does the cache read, authenticate and write its files on Linux?

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Miss;
use crate::hash::Hash;

const MAGIC: &[u8; 8] = b"opuskept";
const NAME: usize = 8;
const LENGTH: usize = 40;
const HASH: usize = 48;
const AUTHENTICATION: usize = 80;
const HEAD_BYTES: usize = 112;

type MachineKey = [u8; 32];

/// The contents of the entry with this name.
pub(super) fn load(directory: &Path, file_name: &str, name: Hash) -> Result<Vec<u8>, Miss> {
    let (mut file, metadata) = match open_plain(&directory.join(file_name)) {
        Ok(opened) => opened,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Absent),
        Err(_) => return Err(Miss::Unavailable),
    };
    let key = read_key(directory).map_err(|_| Miss::Unavailable)?;
    read_entry(&mut file, metadata.len(), name, &key).ok_or(Miss::Refused)
}

/// Writes the entry with this name.
pub(super) fn store(directory: &Path, file_name: &str, name: Hash, contents: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    sweep(directory);
    let key = read_key(directory).or_else(|_| make_key(directory))?;
    let mut entry = Vec::with_capacity(HEAD_BYTES + contents.len());
    entry.extend_from_slice(MAGIC);
    entry.extend_from_slice(name.as_bytes());
    entry.extend_from_slice(&(contents.len() as u64).to_le_bytes());
    entry.extend_from_slice(Hash::of(contents).as_bytes());
    entry.extend_from_slice(blake3::keyed_hash(&key, &entry).as_bytes());
    entry.extend_from_slice(contents);
    let temporary = Temporary::write(directory, &entry)?;
    fs::rename(&temporary.path, directory.join(file_name))
}

/// Removes the temporary files of processes that were killed.
pub(super) fn sweep(directory: &Path) {
    let Ok(files) = fs::read_dir(directory) else { return };
    let paths = files.filter_map(|file| file.ok()).map(|file| file.path());
    for path in paths.filter(|path| is_temporary(path)) {
        // a living writer holds a lock; the system releases the locks of killed processes
        if let Ok((file, _)) = open_plain(&path)
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// The contents of an entry. Nothing is allocated or read by a length that the key does not vouch for.
fn read_entry(file: &mut File, file_bytes: u64, name: Hash, key: &MachineKey) -> Option<Vec<u8>> {
    let mut head = [0; HEAD_BYTES];
    file.read_exact(&mut head).ok()?;
    let (vouched, authentication) = head.split_at(AUTHENTICATION);
    let authentication: [u8; 32] = authentication.try_into().expect("the authentication has 32 bytes");
    // comparing BLAKE3 hashes takes the same time wherever they differ
    let is_authentic = blake3::keyed_hash(key, vouched) == authentication;
    if !is_authentic || head[..NAME] != *MAGIC || head[NAME..LENGTH] != *name.as_bytes() {
        return None;
    }
    let length = u64::from_le_bytes(head[LENGTH..HASH].try_into().expect("the length has 8 bytes"));
    if Some(file_bytes) != length.checked_add(HEAD_BYTES as u64) {
        return None;
    }
    let mut contents = vec![0; usize::try_from(length).ok()?];
    file.read_exact(&mut contents).ok()?;
    (head[HASH..AUTHENTICATION] == *Hash::of(&contents).as_bytes()).then_some(contents)
}

fn key_path(directory: &Path) -> PathBuf {
    directory.join("key")
}

/// Opens a regular file, and asks for its metadata once. It neither follows a link, nor waits for the other end of a
/// pipe.
fn open_plain(path: &Path) -> io::Result<(File, Metadata)> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// The key, if only this user can have read or written it.
fn read_key(directory: &Path) -> io::Result<MachineKey> {
    let (mut file, metadata) = open_plain(&key_path(directory))?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    let private = metadata.mode() & 0o077 == 0;
    let mut key = MachineKey::default();
    if !own || !private || metadata.len() != key.len() as u64 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Makes a key. If several processes make one at once, the first wins. A key that cannot be used is replaced.
fn make_key(directory: &Path) -> io::Result<MachineKey> {
    let mut key = MachineKey::default();
    random(&mut key)?;
    let temporary = Temporary::write(directory, &key)?;
    match fs::hard_link(&temporary.path, key_path(directory)) {
        Ok(()) => Ok(key),
        Err(_) => {
            read_key(directory).or_else(|_| fs::rename(&temporary.path, key_path(directory)).map(|()| key))
        }
    }
}

fn random(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}

/// A new file in the directory that only this user can read. It goes away unless it is renamed.
struct Temporary {
    path: PathBuf,
    /// Locked as long as this process works on it, so that nobody sweeps it away.
    _file: File,
}

/// How often a writer tries again when a sweeper was faster.
const TRIES_MAX: usize = 16;

impl Temporary {
    fn write(directory: &Path, contents: &[u8]) -> io::Result<Temporary> {
        for _ in 0..TRIES_MAX {
            let mut name = [0; 8];
            random(&mut name)?;
            let path = directory.join(format!("{:016x}{TEMPORARY}", u64::from_le_bytes(name)));
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            // where files cannot be locked, nobody sweeps either
            let lost = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
            let mut temporary = Temporary { path, _file: file };
            if !lost && temporary._file.metadata()?.nlink() > 0 {
                temporary._file.write_all(contents)?;
                return Ok(temporary);
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // if it cannot be removed it stays until the next sweep
        let _ = fs::remove_file(&self.path);
    }
}

const TEMPORARY: &str = ".tmp";

/// Whether [`Temporary::write`] gives files names like this one; other files in the directory are left alone.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let digits = name.and_then(|name| name.strip_suffix(TEMPORARY));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
