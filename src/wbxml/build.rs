//! Turns `code-pages.tsv` into the constants and look-up tables of `wbxml::tag`.

// A table that is wrong must stop the build, and a panic is how a build script says so.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

const PAGES: usize = 26;
const TOKENS: usize = 64;

struct Row {
    page: usize,
    namespace: String,
    token: usize,
    name: String,
    kind: String,
}

/// `MIMESupport` -> `MIME_SUPPORT`, `IMAddress2` -> `IM_ADDRESS2`, `ID` -> `ID`.
fn screaming(name: &str) -> String {
    let c: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, ch) in c.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| c.get(i));
        let after = c.get(i + 1);
        let boundary = ch.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase() || b.is_ascii_digit() || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
            });
        if boundary {
            out.push('_');
        }
        out.extend(ch.to_uppercase());
    }
    out
}

fn rows(tsv: &str) -> Vec<Row> {
    let parse = |line: &str| -> Option<Row> {
        let mut f = line.split('\t');
        Some(Row {
            page: f.next()?.parse().ok()?,
            namespace: f.next()?.to_owned(),
            token: usize::from_str_radix(f.next()?.strip_prefix("0x")?, 16).ok()?,
            name: f.next()?.to_owned(),
            kind: f.nth(1)?.to_owned(),
        })
    };
    let rows = tsv.lines().skip(1).filter(|l| !l.is_empty());
    rows.map(|l| parse(l).unwrap_or_else(|| panic!("code-pages.tsv: bad row: {l}"))).collect()
}

fn generate(rows: &[Row]) -> String {
    let mut out = String::new();
    let mut names = vec![[""; TOKENS]; PAGES];
    let mut known = [0u64; PAGES];
    let mut byte_array = [0u64; PAGES];
    let mut pages: BTreeMap<usize, &str> = BTreeMap::new();
    for row in rows {
        assert!(row.page < PAGES && (5..TOKENS).contains(&row.token), "code-pages.tsv: {} out of range", row.name);
        assert!(names[row.page][row.token].is_empty(), "code-pages.tsv: {}:{:#x} twice", row.page, row.token);
        names[row.page][row.token] = &row.name;
        known[row.page] |= 1 << row.token;
        pages.insert(row.page, &row.namespace);
        if row.kind.starts_with("opaque") {
            byte_array[row.page] |= 1 << row.token;
        }
    }
    for (page, namespace) in &pages {
        let module = match *namespace {
            // `move` is a keyword.
            "Move" => "move_items".to_owned(),
            name => screaming(name).to_lowercase(),
        };
        let _ = writeln!(out, "/// Code page {page}, {namespace}.\npub mod {module} {{\n    use super::Tag;");
        for row in rows.iter().filter(|r| r.page == *page) {
            let _ = writeln!(out, "    /// `{}`, token {:#04x}.", row.name, row.token);
            let _ = writeln!(out, "    pub const {}: Tag = Tag::at({page}, {:#04x});", screaming(&row.name), row.token);
        }
        out.push_str("}\n");
    }
    let spaces: Vec<&str> = (0..PAGES).map(|p| pages.get(&p).copied().unwrap_or("")).collect();
    let _ = writeln!(out, "pub(crate) static NAMESPACES: [&str; {PAGES}] = {spaces:?};");
    let _ = writeln!(out, "pub(crate) static NAMES: [[&str; {TOKENS}]; {PAGES}] = {names:?};");
    let _ = writeln!(out, "pub(crate) static KNOWN: [u64; {PAGES}] = {known:?};");
    let _ = writeln!(out, "pub(crate) static BYTE_ARRAYS: [u64; {PAGES}] = {byte_array:?};");
    out
}

fn main() {
    let table = Path::new("src/wbxml/code-pages.tsv");
    println!("cargo::rerun-if-changed={}", table.display());
    println!("cargo::rerun-if-changed=src/wbxml/build.rs");
    let tsv = fs::read_to_string(table).expect("src/wbxml/code-pages.tsv");
    let out = Path::new(&env::var_os("OUT_DIR").expect("OUT_DIR is set by cargo")).join("tags.rs");
    fs::write(out, generate(&rows(&tsv))).expect("OUT_DIR is writable");
}
