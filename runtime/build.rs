//! Which compiler and which verifier are these? Their sources, as hashes: what other sources have left in the cache is
//! not believed, even if somebody forgot to raise a version.

use std::fs;
use std::path::{Path, PathBuf};

/// The variables that the crate reads, with the folders whose files they depend on.
const HASHES: [(&str, &[&str]); 2] = [
    ("OPUS_COMPILER_SOURCES", &["../ir/src", "../jit/src"]),
    ("OPUS_VERIFIER_SOURCES", &["../ir/src", "../vm/src", "src"]),
];

fn main() {
    for (variable, folders) in HASHES {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        for folder in folders {
            println!("cargo::rerun-if-changed={folder}");
            for file in files(Path::new(folder)) {
                hash.add(file.to_string_lossy().as_bytes());
                hash.add(&fs::read(&file).expect("a file that was just listed can be read"));
            }
        }
        println!("cargo::rustc-env={variable}={:016x}", hash.0);
    }
}

/// All files below a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources are next to this crate");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder that is open can be read").path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The hash FNV-1a, which needs no crate. It guards against mistakes, not against attacks.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ *byte as u64).wrapping_mul(0x100_0000_01b3);
        }
    }
}
