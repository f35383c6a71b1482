//! Each rule of tidy is broken once here, and kept once.

use super::{TextFile, imports, links, source, text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn file(path: &str, content: &str) -> TextFile {
    TextFile { path: PathBuf::from(path), content: content.to_owned(), is_executable: false }
}

#[test]
fn a_file_without_its_document_is_named() {
    let offences = text::check(&file("crates/units/src/a.rs", "use std::fmt;\n"));
    assert_eq!(offences.len(), 1);
    assert_eq!(offences[0].line, 1);
    assert!(text::check(&file("crates/units/src/a.rs", "//! Good.\n")).is_empty());
}

#[test]
fn banned_words_are_named_with_their_line() {
    let content = format!("//! Bad.\nfn f() {{ {}() }}\n", concat!("to", "do!"));
    let offences = text::check(&file("a.rs", &content));
    assert_eq!(offences.iter().map(|one| one.line).collect::<Vec<_>>(), [2]);
}

#[test]
fn a_banned_word_inside_a_longer_one_is_kept() {
    let content = concat!("//! A mas", "TO", "DON.\n");
    assert!(text::check(&file("a.rs", content)).is_empty());
}

#[test]
fn lengths_differ_for_code_and_tests() {
    let content = format!("//! Long.\n{}", "//\n".repeat(600));
    assert_eq!(text::check(&file("src/a.rs", &content)).len(), 1);
    assert!(text::check(&file("src/a/tests.rs", &content)).is_empty());
}

#[test]
fn scripts_and_modes_agree() {
    assert_eq!(text::check(&file("run", "#!/bin/sh\n")).len(), 1);
    let mut listed = file("a.md", "text");
    listed.is_executable = true;
    assert_eq!(text::check(&listed).len(), 1);
}

#[test]
fn a_long_function_is_named() {
    let content = format!("//! Long.\nfn long() {{\n{}}}\n", "    f();\n".repeat(70));
    let offences = source::check(&file("a.rs", &content));
    assert_eq!(offences.len(), 1);
    assert!(offences[0].text.contains("`long` has 72 lines"));
}

#[test]
fn pure_crates_name_no_clock_and_no_file() {
    let content = "//! Impure.\nuse std::{fmt, time::{Duration, Instant}};\nfn f() { std::fs::read(\"a\"); }\n";
    let offences = source::check(&file("crates/engine/src/a.rs", content));
    assert_eq!(offences.iter().map(|one| one.line).collect::<Vec<_>>(), [2, 3]);
    assert!(source::check(&file("crates/host/src/a.rs", content)).is_empty());
}

#[test]
fn tests_of_pure_crates_may_use_files() {
    let content = "//! Tests.\n#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n";
    assert!(source::check(&file("crates/engine/src/a.rs", content)).is_empty());
}

#[test]
fn links_inside_the_tree_are_followed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let content = "# A head\n[there](Cargo.toml) [gone](nowhere.md) `[code](gone)` [net](https://x)\n[up](#a-head) [lost](#b)\n";
    let offences = links::check(root, &file("a.md", content));
    assert_eq!(offences.iter().map(|one| one.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(links::slug("## The judge: the real driver"), "the-judge-the-real-driver");
}

#[test]
fn the_table_is_read_and_compared() {
    let table = "<!-- import table: begin -->\n| crate | holds | may use |\n|---|---|---|\n\
                 | `units` | sizes | – |\n| `disk` | the port | `units` `host` |\n\
                 | `gone` | nothing | – |\n<!-- import table: end -->\n";
    let rows = imports::parse(table).expect("the table is well formed");
    assert_eq!(rows.len(), 3);
    let uses = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::from([
        ("units".to_owned(), uses(&[])),
        ("disk".to_owned(), uses(&["units", "engine"])),
        ("engine".to_owned(), uses(&[])),
    ]);
    let texts: Vec<String> =
        imports::compare(&rows, &crates).into_iter().map(|one| one.text).collect();
    assert_eq!(
        texts,
        [
            "`disk` may use `host`, which has no row above it",
            "`disk` uses `engine`, which its row does not name",
            "`gone` is no crate of the workspace",
            "crate `engine` has no row",
        ]
    );
    assert!(imports::parse("no table").is_err());
}
