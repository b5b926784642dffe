//! Can small embedders and WebAssembly do without native code? `opus-runtime` without its feature `native` builds, and
//! links no code generator.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const WEB_ASSEMBLY: &str = "wasm32-unknown-unknown";

fn cargo(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("without-native");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    command.args(words).args(["--package", "opus-runtime", "--no-default-features", "--locked"]);
    command.env("CARGO_TARGET_DIR", &folder).env("CARGO_BUILD_BUILD_DIR", &folder);
    command
}

fn succeeds(mut command: Command) -> String {
    let output = command.output().expect("the command starts");
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_runtime_builds_without_native_code() {
    succeeds(cargo(&["check", "--quiet"]));
}

#[test]
fn the_runtime_builds_for_web_assembly() {
    if is_installed(WEB_ASSEMBLY) {
        succeeds(cargo(&["build", "--quiet", "--target", WEB_ASSEMBLY]));
    } else {
        // past the capture of tests that pass
        let skipped = "the build for WebAssembly is not tested: `rustup target add";
        let _ = writeln!(std::io::stderr(), "{skipped} {WEB_ASSEMBLY}` installs the target");
    }
}

#[test]
fn without_native_code_no_code_generator_is_linked() {
    let tree = succeeds(cargo(&["tree", "--quiet", "--edges", "normal", "--prefix", "none"]));
    for absent in ["opus-jit", "cranelift-codegen", "cranelift-frontend", "cranelift-jit"] {
        assert!(!tree.lines().any(|line| line.starts_with(absent)), "`{absent}` is linked:\n{tree}");
    }
    assert!(tree.lines().any(|line| line.starts_with("opus-vm")), "the tree is that of the runtime:\n{tree}");
}

/// Whether the standard library of a target is installed.
fn is_installed(target: &str) -> bool {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    let output = command.args(["--print", "target-libdir", "--target", target]).output();
    let folder = output.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    folder.is_some_and(|folder| Path::new(String::from_utf8_lossy(&folder).trim()).is_dir())
}
