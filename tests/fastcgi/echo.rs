//! Builds the echo program, which other tests start as a process of its own.

use std::{path::PathBuf, process::Command};

/// Builds it and tells where it is.
pub(crate) fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    // What cargo told about this package would make the inner cargo build some dependencies anew.
    let ours = |name: &str| {
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "CARGO_CRATE_NAME"
    };
    for (name, _) in std::env::vars().filter(|(name, _)| ours(name)) {
        cargo.env_remove(name);
    }
    let cargo = cargo.args(["build", "--quiet", "--example", "echo"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    assert!(cargo.status().unwrap().success());
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/echo")
}
