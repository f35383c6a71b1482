//! Rules about a file as lines: its head, its length, its mode, words that never land.
//!
//! The banned words are put together from halves here, so that this file does not break its rule.

use super::{Offence, TextFile};
use std::path::Path;

/// The most lines of a code file.
const CODE_LINES_MAX: usize = 500;
/// The most lines of a test file.
const TEST_LINES_MAX: usize = 800;

/// What may stand nowhere, and what to do instead.
const BANNED_EVERYWHERE: &[(&str, &str)] = &[
    (concat!("FIX", "ME"), "do it now, or describe the limit in words"),
    (concat!("XX", "X"), "do it now, or describe the limit in words"),
    (concat!("TO", "DO"), "do it now, or describe the limit in words"),
    (concat!("/wo", "rk/"), "a path of one machine; the project stands alone"),
    (concat!("/tmp/", "wt"), "a path of one machine; the project stands alone"),
    (concat!(".libr", "ary"), "a path of one machine; the project stands alone"),
    (concat!("DESIGN", ".md"), "a document outside the project; name the fact itself"),
    (concat!("reference/", "ondisk"), "a document outside the project; name the fact itself"),
    (concat!("reference/", "behaviour"), "a document outside the project; name the fact itself"),
    (concat!("<<<", "<<<<"), "a merge was left half done"),
    (concat!(">>>", ">>>>"), "a merge was left half done"),
];

/// What may not stand in Rust.
const BANNED_IN_RUST: &[(&str, &str)] = &[
    (concat!("to", "do!"), "no stubs"),
    (concat!("unimple", "mented!"), "no stubs"),
    (concat!("#[ig", "nore"), "a test runs or is deleted"),
    (concat!("db", "g!("), "left over from a search"),
    (concat!("#[al", "low("), "use #[expect(lint, reason = \"...\")], which ends with its cause"),
];

/// Checks one file.
pub(super) fn check(file: &TextFile) -> Vec<Offence> {
    let mut offences = Vec::new();
    if file.path == Path::new("Cargo.lock") {
        return offences;
    }
    check_words(file, BANNED_EVERYWHERE, &mut offences);
    if file.has_extension("rs") {
        check_words(file, BANNED_IN_RUST, &mut offences);
        check_head(file, &mut offences);
        check_length(file, &mut offences);
        check_unsafe(file, &mut offences);
    }
    check_mode(file, &mut offences);
    offences
}

fn check_words(file: &TextFile, banned: &[(&str, &str)], offences: &mut Vec<Offence>) {
    for (index, line) in file.content.lines().enumerate() {
        for (word, instead) in banned {
            if holds_word(line, word) {
                offences.push(Offence::new(&file.path, index + 1, format!("`{word}`: {instead}")));
            }
        }
    }
}

/// Whether `word` stands in `line`, not as part of a longer run of letters.
fn holds_word(line: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts_open = word.starts_with(|c: char| c.is_ascii_alphanumeric());
        let ends_open = word.ends_with(|c: char| c.is_ascii_alphanumeric());
        !(starts_open && is_letter(before) || ends_open && is_letter(after))
    })
}

fn check_head(file: &TextFile, offences: &mut Vec<Offence>) {
    if !file.content.starts_with("//!") {
        let text = "the file starts with `//!`: what lives here and the one thing to understand";
        offences.push(Offence::new(&file.path, 1, text));
    }
}

fn check_length(file: &TextFile, offences: &mut Vec<Offence>) {
    let lines = file.content.lines().count();
    let max = if file.is_test() { TEST_LINES_MAX } else { CODE_LINES_MAX };
    if lines > max {
        offences.push(Offence::new(&file.path, lines, format!("{lines} lines, at most {max}")));
    }
}

/// Only these may lift the workspace's denial of unsafe code.
fn may_be_unsafe(path: &Path) -> bool {
    let pool = Path::new("crates/disk/src");
    path.starts_with("crates/parity")
        || path.starts_with("crates/host")
        || path == pool.join("pool.rs")
        || path.starts_with(pool.join("pool"))
}

fn check_unsafe(file: &TextFile, offences: &mut Vec<Offence>) {
    if may_be_unsafe(&file.path) || file.is_test() {
        return;
    }
    let lint = concat!("unsafe", "_code");
    for (index, line) in file.content.lines().enumerate() {
        let lifts = line.contains("expect(") || line.contains(concat!("al", "low("));
        if lifts && holds_word(line, lint) {
            let text = "unsafe code stands in parity, host and disk's pool only";
            offences.push(Offence::new(&file.path, index + 1, text));
        }
    }
}

fn check_mode(file: &TextFile, offences: &mut Vec<Offence>) {
    let has_interpreter = file.content.starts_with("#!") && !file.content.starts_with("#![");
    match (has_interpreter, file.is_executable) {
        (true, false) => {
            offences.push(Offence::new(&file.path, 1, "starts with #! but is not executable"));
        }
        (false, true) => {
            offences.push(Offence::new(&file.path, 0, "is executable but no script"));
        }
        _ => {}
    }
}
