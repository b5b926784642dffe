//! How does the cache read, authenticate and write its files on Linux?

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::Miss;
use crate::hash::Hash;

const MAGIC: &[u8; 8] = b"opusnat1";
const NAMED: usize = 8;
const LENGTH: usize = 40;
const AUTHENTICATION: usize = 48;
const CODE: usize = 80;
/// No entry is larger.
const ENTRY_BYTES_MAX: u64 = 1 << 30;

type MachineKey = [u8; 32];

/// The code of the entry with this name.
pub(super) fn load(directory: &Path, name: Hash) -> Result<Vec<u8>, Miss> {
    let mut file = match open_plain(&entry_path(directory, name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Miss::Absent),
        Err(_) => return Err(Miss::Unavailable),
    };
    let key = read_key(directory).map_err(|_| Miss::Unavailable)?;
    let mut entry = read_entry(&mut file).map_err(|_| Miss::Refused)?;
    if !is_authentic(&entry, name, &key) {
        return Err(Miss::Refused);
    }
    entry.drain(..CODE);
    Ok(entry)
}

/// Writes the entry with this name.
pub(super) fn store(directory: &Path, name: Hash, code: &[u8]) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let key = read_key(directory).or_else(|_| make_key(directory))?;
    let mut entry = Vec::with_capacity(CODE + code.len());
    entry.extend_from_slice(MAGIC);
    entry.extend_from_slice(name.as_bytes());
    entry.extend_from_slice(&(code.len() as u64).to_le_bytes());
    entry.extend_from_slice(authentication(&entry, code, &key).as_bytes());
    entry.extend_from_slice(code);
    let beside = write_beside(directory, &entry)?;
    fs::rename(&beside, entry_path(directory, name)).inspect_err(|_| discard(&beside))
}

fn entry_path(directory: &Path, name: Hash) -> PathBuf {
    directory.join(format!("{name}.native"))
}

fn read_entry(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len();
    if length > ENTRY_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut entry = Vec::with_capacity(length as usize + 1);
    file.take(ENTRY_BYTES_MAX).read_to_end(&mut entry)?;
    Ok(entry)
}

fn is_authentic(entry: &[u8], name: Hash, key: &MachineKey) -> bool {
    let Some((head, code)) = entry.split_at_checked(CODE) else { return false };
    let named = head[..NAMED] == *MAGIC && head[NAMED..LENGTH] == *name.as_bytes();
    let whole = head[LENGTH..AUTHENTICATION] == (code.len() as u64).to_le_bytes();
    // the comparison of BLAKE3 hashes takes the same time wherever they differ
    let given: [u8; 32] = head[AUTHENTICATION..].try_into().expect("the authentication has 32 bytes");
    named && whole && authentication(&head[..AUTHENTICATION], code, key) == given
}

fn authentication(head: &[u8], code: &[u8], key: &MachineKey) -> blake3::Hash {
    blake3::Hasher::new_keyed(key).update(head).update(code).finalize()
}

fn key_path(directory: &Path) -> PathBuf {
    directory.join("key")
}

/// Opens a plain file: neither follows a link, nor waits for whoever writes into a pipe.
fn open_plain(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
}

/// The key, where it is one that only this user can have read or written.
fn read_key(directory: &Path) -> io::Result<MachineKey> {
    let mut file = open_plain(&key_path(directory))?;
    let metadata = file.metadata()?;
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    let private = metadata.mode() & 0o077 == 0;
    let mut key = MachineKey::default();
    if !own || !private || metadata.len() != key.len() as u64 {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    file.read_exact(&mut key)?;
    Ok(key)
}

/// Makes a key. Of several processes that make one at once the first wins; one that cannot be used is replaced.
fn make_key(directory: &Path) -> io::Result<MachineKey> {
    let mut key = MachineKey::default();
    random(&mut key)?;
    let beside = write_beside(directory, &key)?;
    let made = match fs::hard_link(&beside, key_path(directory)) {
        Ok(()) => Ok(key),
        Err(_) => read_key(directory).or_else(|_| fs::rename(&beside, key_path(directory)).map(|()| key)),
    };
    discard(&beside);
    made
}

fn random(bytes: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < bytes.len() {
        filled += rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty())?;
    }
    Ok(())
}

/// A new file of its own in the directory, readable by this user only.
fn write_beside(directory: &Path, contents: &[u8]) -> io::Result<PathBuf> {
    let mut name = [0; 8];
    random(&mut name)?;
    let path = directory.join(format!("{:016x}.tmp", u64::from_le_bytes(name)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(contents).inspect_err(|_| discard(&path))?;
    Ok(path)
}

/// Removes a file that nobody needs; where that fails it stays, and nobody reads it.
fn discard(path: &Path) {
    let _ = fs::remove_file(path);
}
