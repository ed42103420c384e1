//! Loads the vectors: those of this folder, and the public ones where they are at hand.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

/// A document with what INDEX.tsv says of it.
pub struct Vector {
    /// Folder and file name without ending.
    pub name: String,
    /// The document.
    pub bytes: Vec<u8>,
    /// The readable form; empty for documents that must be refused.
    pub xml: String,
    /// Last column of INDEX.tsv; not every test that shares this file reads it.
    #[allow(dead_code)]
    pub note: String,
}

/// The vectors of this folder and, if `../shared` is beside the project, those of public origin, which stay there.
pub fn all() -> Vec<Vector> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut vectors = load(&project.join("tests/vectors"));
    let own = vectors.len();
    let public = project.join("../shared/docs/protocol/test-vectors");
    if public.is_dir() {
        let more = load(&public).into_iter().filter(|v| !vectors.iter().any(|known| known.name == v.name));
        let more: Vec<Vector> = more.collect();
        assert_eq!(more.len(), 49, "public vectors in {}", public.display());
        vectors.extend(more);
    } else {
        // Straight to the file descriptor: the test harness would swallow a print of a test that succeeds.
        let _ = writeln!(std::io::stderr(), "skipped: the 49 public vectors, {} is not there", public.display());
    }
    assert_eq!(own, 90 + 53);
    vectors
}

fn load(folder: &Path) -> Vec<Vector> {
    let index = fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let vector = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, length, note) = (columns[0].to_owned(), columns[4], columns[6].to_owned());
        let bytes = hex(&folder.join(format!("{name}.hex")));
        assert_eq!(bytes.len().to_string(), length, "{name}");
        let xml = if name.starts_with("valid/") { read(&folder.join(format!("{name}.xml"))) } else { String::new() };
        Vector { name, bytes, xml, note }
    };
    index.lines().skip(1).map(vector).collect()
}

fn read(file: &PathBuf) -> String {
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn hex(file: &PathBuf) -> Vec<u8> {
    read(file).split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
}
