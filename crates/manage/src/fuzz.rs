//! What reading a configuration file must withstand: plain functions over bytes.
//!
//! The one thing to understand: a body panics when a promise is broken and returns otherwise. The
//! promises: a file never holds more words than bytes, every note names a line of it, words that are
//! written in quotes come back as they were, and a pattern of a path's own letters matches it.
//!
//! Deliberately absent: clocks and process control; whoever calls brings them.

use crate::config::{Config, matches};
use std::fmt::Write;

/// A body: takes any bytes, and panics if a promise is broken.
pub type Body = fn(&[u8]);

/// Every body with its name.
pub const BODIES: &[(&str, Body)] = &[("config", config), ("pattern", pattern)];

/// Any bytes as a configuration file.
pub fn config(bytes: &[u8]) {
    let config = Config::parse(bytes);
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count() + 1;
    assert!(config.notes.iter().all(|note| (1..=lines).contains(&note.line)), "a line beyond");
    let words: usize = config.others.iter().map(|other| other.words.len()).sum();
    assert!(words + config.devices.len() + config.auto.len() <= bytes.len(), "words from nowhere");
    let mut text = String::from("DEVICE");
    for word in &config.devices {
        text.push(' ');
        word.chars().for_each(|letter| quote(letter, &mut text));
    }
    // Words that a quote has made empty are words, too, and written as such.
    if config.devices.iter().all(|word| !word.is_empty()) {
        assert_eq!(Config::parse(text.as_bytes()).devices, config.devices, "words changed");
    }
    for host in [None, Some("here")] {
        let _ = config.host_name(host);
        let _ = config.allows_auto("1.x", host.is_some());
    }
}

fn quote(letter: char, text: &mut String) {
    let quote = if letter == '"' { '\'' } else { '"' };
    let _ = write!(text, "{quote}{letter}{quote}");
}

/// Any bytes as a pattern and a path, of half the length each.
pub fn pattern(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let middle = text.chars().count() / 2;
    let (pattern, path): (String, String) =
        (text.chars().take(middle).collect(), text.chars().skip(middle).collect());
    let _ = matches(&pattern, &path);
    let escaped: String = path.chars().flat_map(|letter| ['\\', letter]).collect();
    assert!(matches(&escaped, &path), "{path:?} does not match itself");
    assert!(!matches(&escaped, &format!("{path}x")), "{path:?} matches what is longer");
    if !path.contains('/') {
        assert!(matches("*", &path), "a star does not match {path:?}");
    }
}

/// Inputs to begin mutations from, each with the name of its body.
#[must_use]
pub fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let files = [
        "# made by hand\nDEVICE partitions /srv/*.img\n  '/srv/with blank.img'\nHOMEHOST <system>\n",
        "ARRAY /dev/md/photos metadata=1.2 UUID=11223344:55667788:99aabbcc:ddeeff00 name=host:photos\n",
        "ARRAY <ignore> super-minor=3\n\tdevices=/dev/sd[a-c]1,/dev/sdd?\nAUTO +homehost -all\n",
        "MAILADDR root\nMAILF a b\nPOLICY domain=x path=* action=spare\nCREATE owner=root mode=0660\n",
        "ARRAY uuid=zz name=\"a 'b\" container=/dev/md127 member=0 spare-group='x y'\nHOMEHOST a <ignore>",
    ];
    let patterns = ["*a?*b[a-z]*[!x]", "[]a]*\\**", "/dev/sd*/dev/sda1"];
    let config = files.iter().map(|file| ("config", file.as_bytes().to_vec()));
    config.chain(patterns.iter().map(|text| ("pattern", text.as_bytes().to_vec()))).collect()
}
