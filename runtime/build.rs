//! Which compiler is this? The sources that native code follows from, as a hash: code in the cache that other
//! sources have made is not run, even where somebody forgot to raise a version.

use std::fs;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 2] = ["../ir/src", "../jit/src"];

fn main() {
    let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        for file in files(Path::new(folder)) {
            hash.add(file.to_string_lossy().as_bytes());
            hash.add(&fs::read(&file).expect("a file that was just listed can be read"));
        }
    }
    println!("cargo::rustc-env=OPUS_COMPILER_SOURCES={:016x}", hash.0);
}

/// Every file below a folder, in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the sources lie beside this crate");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a folder that is open can be read").path()).collect();
    paths.sort();
    paths.into_iter().flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The hash FNV-1a, which needs no crate; nobody attacks it here.
struct Fnv(u64);

impl Fnv {
    fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ *byte as u64).wrapping_mul(0x100_0000_01b3);
        }
    }
}
