//! How is a statement signed, and a signature checked? With ed25519, in the files of
//! [minisign](https://jedisct1.github.io/minisign/), so that either tool checks what the other signed.
//!
//! A signature file has four lines: a comment, the signature of the message, a comment that is signed too, and the signature
//! of that signature and comment. Signatures by the algorithm `ED` sign the BLAKE2b-512 hash of the message, those by `Ed` the
//! message itself. Both are accepted; ours are `ED`.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::digest::consts::U32;
use blake2::{Blake2b, Blake2b512, Digest};
use ed25519_dalek::{Signer, SigningKey, VerifyingKey};

use crate::error::StoreError;

const UNTRUSTED: &str = "untrusted comment: ";
const TRUSTED: &str = "trusted comment: ";
/// The algorithm of keys, and of signatures of the message itself.
const PLAIN: &[u8; 2] = b"Ed";
/// The algorithm of signatures of the message's hash.
const PREHASHED: &[u8; 2] = b"ED";
/// How the checksum of a secret key is made.
const CHECKSUM: &[u8; 2] = b"B2";
/// A key or signature file that is larger is refused.
pub const FILE_BYTES_MAX: usize = 16 << 10;

/// The number that tells keys apart. It proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 8]);

/// A public key.
///
/// ```
/// use opus_store::minisign::PublicKey;
/// let key: PublicKey = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3".parse()?;
/// assert_eq!(key.id().to_string(), "E7620F1842B4E81F");
/// assert_eq!(key.to_string().parse(), Ok(key));
/// # Ok::<(), opus_store::StoreError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    id: KeyId,
    key: VerifyingKey,
}

/// A secret key, which is not encrypted.
pub struct SecretKey {
    id: KeyId,
    key: SigningKey,
}

/// A signature as it was given, and what it consists of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signature {
    text: String,
    key: KeyId,
    is_prehashed: bool,
    of_message: [u8; 64],
    comment: String,
    of_comment: [u8; 64],
}

impl KeyId {
    /// The eight bytes.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// The id with these bytes.
    pub fn from_bytes(bytes: [u8; 8]) -> KeyId {
        KeyId(bytes)
    }
}

impl fmt::Display for KeyId {
    /// As minisign writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", u64::from_le_bytes(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl PublicKey {
    /// Whether it is the same key, whatever its id: the id is not signed.
    pub fn is_same_key(&self, other: &PublicKey) -> bool {
        self.key == other.key
    }

    /// The id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The text of a file with this key.
    pub fn to_file(&self) -> String {
        format!("{UNTRUSTED}minisign public key {}\n{self}\n", self.id)
    }

    /// Checks a signature of a message, and its comment.
    ///
    /// ```
    /// use opus_store::minisign::SecretKey;
    /// let secret = SecretKey::from_seed([1; 8], [2; 32]);
    /// let signature = secret.sign(b"a message", "a comment");
    /// assert!(secret.public().verify(b"a message", &signature).is_ok());
    /// assert!(secret.public().verify(b"another", &signature).is_err());
    /// ```
    ///
    /// # Errors
    /// If another key made it, it is of another message, or its comment was changed.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), StoreError> {
        if signature.key != self.id {
            let (found, key) = (signature.key, self.id);
            return Err(StoreError::signature(format!("the signature is by key {found}, not {key}")));
        }
        let hash = Blake2b512::digest(message);
        let signed = if signature.is_prehashed { hash.as_slice() } else { message };
        let holds = |signed: &[u8], signature: &[u8; 64]| {
            self.key.verify_strict(signed, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
        };
        if !holds(signed, &signature.of_message) {
            let key = self.id;
            return Err(StoreError::signature(format!(
                "the signature by key {key} is wrong: it signs another text, or was changed"
            )));
        }
        let commented = [&signature.of_message[..], signature.comment.as_bytes()].concat();
        match holds(&commented, &signature.of_comment) {
            true => Ok(()),
            false => Err(StoreError::signature(format!(
                "the trusted comment of the signature by key {} was changed",
                self.id
            ))),
        }
    }
}

impl fmt::Display for PublicKey {
    /// The line that holds the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode([PLAIN, &self.id.0[..], self.key.as_bytes()].concat()))
    }
}

impl FromStr for PublicKey {
    type Err = StoreError;

    /// Reads the line that holds a key, or a file with it.
    fn from_str(text: &str) -> Result<PublicKey, StoreError> {
        let wrong = |why: &str| StoreError::file(format!("it is not a minisign public key: {why}"));
        let lines: Vec<&str> = text.lines().collect();
        let line = match lines[..] {
            [line] => line,
            [comment, line] if comment.starts_with(UNTRUSTED) => line,
            _ => return Err(wrong("a comment and a line with the key are expected")),
        };
        let bytes: [u8; 42] = decoded(line).ok_or_else(|| wrong("the key is not 42 bytes in Base64"))?;
        let (algorithm, id, key) = (&bytes[..2], part(&bytes, 2), part(&bytes, 10));
        if algorithm != PLAIN {
            return Err(wrong("its algorithm is not `Ed`"));
        }
        let key = VerifyingKey::from_bytes(&key).ok().filter(|key| !key.is_weak());
        Ok(PublicKey {
            id: KeyId(id),
            key: key.ok_or_else(|| wrong("no signature could be checked with it"))?,
        })
    }
}

impl SecretKey {
    /// A new key, from the random numbers of the operating system.
    ///
    /// # Errors
    /// If the operating system has none.
    pub fn generate() -> Result<SecretKey, StoreError> {
        let mut random = [0; 40];
        getrandom::fill(&mut random).map_err(|error| {
            StoreError::file(format!("the operating system provides no random numbers: {error}"))
        })?;
        Ok(SecretKey::from_seed(part(&random, 0), part(&random, 8)))
    }

    /// The key with this id and seed.
    pub fn from_seed(id: [u8; 8], seed: [u8; 32]) -> SecretKey {
        SecretKey { id: KeyId(id), key: SigningKey::from_bytes(&seed) }
    }

    /// The public key that checks what this one signs.
    pub fn public(&self) -> PublicKey {
        PublicKey { id: self.id, key: self.key.verifying_key() }
    }

    /// The text of a file with this key, as `minisign -G -W` writes it.
    pub fn to_file(&self) -> String {
        let pair = self.key.to_keypair_bytes();
        let checksum = checksum(self.id, &pair);
        let bytes = [PLAIN, &[0, 0], CHECKSUM, &[0; 48][..], &self.id.0, &pair, &checksum].concat();
        format!("{UNTRUSTED}minisign secret key, not encrypted\n{}\n", STANDARD.encode(bytes))
    }

    /// Writes a file with this key that nobody but its owner may read.
    ///
    /// # Errors
    /// If there is such a file already, or it cannot be written.
    pub fn write_new(&self, path: &Path) -> Result<(), StoreError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path).map_err(|error| StoreError::io(path, "written", &error))?;
        let written = file.write_all(self.to_file().as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| StoreError::io(path, "written", &error))
    }

    /// Signs a message. The comment is signed too; it is one line.
    pub fn sign(&self, message: &[u8], comment: &str) -> Signature {
        let comment: String = comment.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let of_message = self.key.sign(&Blake2b512::digest(message)).to_bytes();
        let of_comment = self.key.sign(&[&of_message[..], comment.as_bytes()].concat()).to_bytes();
        let signature = STANDARD.encode([PREHASHED, &self.id.0[..], &of_message].concat());
        let text = format!(
            "{UNTRUSTED}signature by key {}\n{signature}\n{TRUSTED}{comment}\n{}\n",
            self.id,
            STANDARD.encode(of_comment)
        );
        Signature { text, key: self.id, is_prehashed: true, of_message, comment, of_comment }
    }
}

impl FromStr for SecretKey {
    type Err = StoreError;

    /// Reads a file with a secret key that is not encrypted.
    fn from_str(text: &str) -> Result<SecretKey, StoreError> {
        let wrong = |why: &str| StoreError::file(format!("it is not a minisign secret key: {why}"));
        let lines: Vec<&str> = text.lines().collect();
        let [comment, line] = lines[..] else {
            return Err(wrong("a comment and a line with the key are expected"));
        };
        let bytes: [u8; 158] = decoded(line).ok_or_else(|| wrong("the key is not 158 bytes in Base64"))?;
        if !comment.starts_with(UNTRUSTED) || &bytes[..2] != PLAIN || &bytes[4..6] != CHECKSUM {
            return Err(wrong("it has an unexpected comment or algorithm"));
        }
        if bytes[2..4] != [0, 0] {
            return Err(StoreError::file("the secret key is encrypted").help(
                "leave out --key, and sign the statement with `minisign -S -s KEY -m STATEMENT`, which asks for the password",
            ));
        }
        let (id, pair): ([u8; 8], [u8; 64]) = (part(&bytes, 54), part(&bytes, 62));
        let found: [u8; 32] = part(&bytes, 126);
        // minisign leaves the checksum out where the key is not encrypted
        let is_whole = found == [0; 32] || found == checksum(KeyId(id), &pair);
        let key = SigningKey::from_keypair_bytes(&pair).ok().filter(|_| is_whole);
        Ok(SecretKey { id: KeyId(id), key: key.ok_or_else(|| wrong("it was changed"))? })
    }
}

impl Signature {
    /// The text of the file, as it was given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key that it says it is by.
    pub fn key(&self) -> KeyId {
        self.key
    }

    /// The comment that is signed too.
    pub fn comment(&self) -> &str {
        &self.comment
    }
}

impl FromStr for Signature {
    type Err = StoreError;

    /// Reads a signature file.
    fn from_str(text: &str) -> Result<Signature, StoreError> {
        let wrong = |why: &str| StoreError::file(format!("it is not a minisign signature: {why}"));
        if text.len() > FILE_BYTES_MAX {
            return Err(wrong(&format!("it has more than {FILE_BYTES_MAX} bytes")));
        }
        let lines: Vec<&str> = text.lines().collect();
        let [comment, line, trusted, second] = lines[..] else {
            return Err(wrong("four lines are expected"));
        };
        if !comment.starts_with(UNTRUSTED) {
            return Err(wrong("the first line is not an untrusted comment"));
        }
        let bytes: [u8; 74] =
            decoded(line).ok_or_else(|| wrong("the second line is not 74 bytes in Base64"))?;
        let comment =
            trusted.strip_prefix(TRUSTED).ok_or_else(|| wrong("the third line is not a trusted comment"))?;
        let is_prehashed = match &bytes[..2] {
            algorithm if algorithm == PREHASHED => true,
            algorithm if algorithm == PLAIN => false,
            _ => return Err(wrong("its algorithm is neither `Ed` nor `ED`")),
        };
        Ok(Signature {
            text: text.to_owned(),
            key: KeyId(part(&bytes, 2)),
            is_prehashed,
            of_message: part(&bytes, 10),
            comment: comment.to_owned(),
            of_comment: decoded(second).ok_or_else(|| wrong("the last line is not 64 bytes in Base64"))?,
        })
    }
}

fn checksum(id: KeyId, pair: &[u8; 64]) -> [u8; 32] {
    Blake2b::<U32>::digest([PLAIN, &id.0[..], pair].concat()).into()
}

fn decoded<const N: usize>(line: &str) -> Option<[u8; N]> {
    STANDARD.decode(line).ok()?.try_into().ok()
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the range has this length")
}
