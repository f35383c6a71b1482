//! Layouts by the words that mdadm takes and prints.
//!
//! The one thing to understand: what is taken and what is printed differ. raid10 takes `f2` and
//! prints `far=2`; levels 5 and 6 take abbreviations and the names of the Disk Data Format, which
//! at level 5 are other names for md's own.

use paritas_units::Level;
use std::borrow::Cow;

/// A layout word that the level does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownLayout {
    /// The level has no layouts to choose from.
    #[error("layout not meaningful for {level} arrays")]
    Meaningless {
        /// The level.
        level: Level,
    },
    /// The word is none of the level's.
    #[error("layout {word} not understood for {level}")]
    NotUnderstood {
        /// The level.
        level: Level,
        /// The word as it was given.
        word: String,
    },
    /// raid10 counts copies.
    #[error("layout for raid10 must be 'nNN', 'oNN' or 'fNN' where NN is a number, not {word}")]
    Raid10 {
        /// The word as it was given.
        word: String,
    },
}

/// The layout number that `word` stands for at `level`, as `--layout` takes it.
///
/// # Errors
/// [`UnknownLayout`] with the word.
pub fn parse_layout(level: Level, word: &str) -> Result<u32, UnknownLayout> {
    let table: &[(&str, u32)] = match level {
        Level::Raid0 => &RAID0_WORDS,
        Level::Raid5 => &RAID5_WORDS,
        Level::Raid6 => &RAID6_WORDS,
        Level::Raid10 => return parse_raid10(word),
        Level::Faulty => return parse_faulty(word),
        Level::Linear | Level::Raid1 | Level::Raid4 | Level::Multipath => {
            return Err(UnknownLayout::Meaningless { level });
        }
    };
    number(table, word).ok_or_else(|| UnknownLayout::NotUnderstood { level, word: word.to_owned() })
}

/// The words for `layout` as mdadm prints them (`left-symmetric`, `near=2`, `near=2, far=2`);
/// `None` if the level has no layouts or none with this number.
#[must_use]
pub fn layout_name(level: Level, layout: u32) -> Option<Cow<'static, str>> {
    // The first word for a number is the one that is printed.
    let name = |table: &[(&'static str, u32)]| {
        table.iter().find(|(_, number)| *number == layout).map(|(word, _)| Cow::Borrowed(*word))
    };
    match level {
        Level::Raid0 => name(&RAID0_WORDS),
        Level::Raid5 => name(&RAID5_WORDS),
        Level::Raid6 => name(&RAID6_WORDS),
        Level::Raid10 => Some(raid10_name(layout)),
        Level::Linear | Level::Raid1 | Level::Raid4 | Level::Multipath | Level::Faulty => None,
    }
}

/// `n2`, `f2`, `o2`: one kind of copies, the other kind is one.
fn parse_raid10(word: &str) -> Result<u32, UnknownLayout> {
    let bad = || UnknownLayout::Raid10 { word: word.to_owned() };
    let (kind, digits) = word.split_at_checked(1).ok_or_else(bad)?;
    let copies = u32::from(digits.parse::<u8>().map_err(|_| bad())?);
    match kind {
        _ if copies == 0 => Err(bad()),
        "n" => Ok(copies | 1 << 8),
        "f" => Ok(1 | copies << 8),
        "o" => Ok(1 | copies << 8 | OFFSET),
        _ => Err(bad()),
    }
}

/// A failure mode, with a period if digits follow.
fn parse_faulty(word: &str) -> Result<u32, UnknownLayout> {
    let bad = || UnknownLayout::NotUnderstood { level: Level::Faulty, word: word.to_owned() };
    let mode = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = word.strip_prefix(mode).unwrap_or_default();
    let period = match digits {
        "" => 0,
        digits => digits.parse::<u32>().map_err(|_| bad())?,
    };
    let mode = number(&FAULTY_WORDS, mode).ok_or_else(bad)?;
    period.checked_mul(1 << 5).map(|period| period | mode).ok_or_else(bad)
}

fn raid10_name(layout: u32) -> Cow<'static, str> {
    let (near, far) = (layout & 0xff, layout >> 8 & 0xff);
    let far_word = if layout & OFFSET == 0 { "far" } else { "offset" };
    match (near, far) {
        (1, 1) => Cow::Borrowed("NO REDUNDANCY"),
        (near, 1) => Cow::Owned(format!("near={near}")),
        (1, far) => Cow::Owned(format!("{far_word}={far}")),
        (near, far) => Cow::Owned(format!("near={near}, {far_word}={far}")),
    }
}

fn number(table: &[(&str, u32)], word: &str) -> Option<u32> {
    table.iter().find(|(known, _)| *known == word).map(|(_, number)| *number)
}

/// The bit of a raid10 word that makes far copies offset copies.
const OFFSET: u32 = 1 << 16;

const RAID0_WORDS: [(&str, u32); 5] =
    [("dangerous", 0), ("original", 1), ("alternate", 2), ("1", 1), ("2", 2)];

const RAID5_WORDS: [(&str, u32); 14] = [
    ("left-asymmetric", 0),
    ("right-asymmetric", 1),
    ("left-symmetric", 2),
    ("right-symmetric", 3),
    ("parity-first", 4),
    ("parity-last", 5),
    ("la", 0),
    ("ra", 1),
    ("ls", 2),
    ("rs", 3),
    ("default", 2),
    ("ddf-zero-restart", 1),
    ("ddf-N-restart", 0),
    ("ddf-N-continue", 2),
];

const RAID6_WORDS: [(&str, u32); 19] = [
    ("left-asymmetric", 0),
    ("right-asymmetric", 1),
    ("left-symmetric", 2),
    ("right-symmetric", 3),
    ("parity-first", 4),
    ("parity-last", 5),
    ("ddf-zero-restart", 8),
    ("ddf-N-restart", 9),
    ("ddf-N-continue", 10),
    ("left-asymmetric-6", 16),
    ("right-asymmetric-6", 17),
    ("left-symmetric-6", 18),
    ("right-symmetric-6", 19),
    ("parity-first-6", 20),
    ("la", 0),
    ("ra", 1),
    ("ls", 2),
    ("rs", 3),
    ("default", 2),
];

const FAULTY_WORDS: [(&str, u32); 16] = [
    ("write-transient", 0),
    ("wt", 0),
    ("read-transient", 1),
    ("rt", 1),
    ("write-persistent", 2),
    ("wp", 2),
    ("read-persistent", 3),
    ("rp", 3),
    ("write-all", 4),
    ("wa", 4),
    ("read-fixable", 5),
    ("rf", 5),
    ("flush", 30),
    ("clear", 31),
    ("none", 31),
    ("default", 31),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printed_name_is_taken_again() {
        for level in [Level::Raid0, Level::Raid5, Level::Raid6] {
            let known = (0..64).filter_map(|number| Some((number, layout_name(level, number)?)));
            for (number, name) in known {
                assert_eq!(parse_layout(level, &name), Ok(number));
            }
        }
        assert_eq!(layout_name(Level::Raid6, 10).as_deref(), Some("ddf-N-continue"));
        assert_eq!(layout_name(Level::Raid6, 6), None);
        assert_eq!(layout_name(Level::Raid4, 0), None);
    }

    #[test]
    fn raid10_takes_letters_and_prints_words() {
        for (word, number, name) in
            [("n2", 0x102, "near=2"), ("f3", 0x301, "far=3"), ("o2", 0x10201, "offset=2")]
        {
            assert_eq!(parse_layout(Level::Raid10, word), Ok(number));
            assert_eq!(layout_name(Level::Raid10, number).as_deref(), Some(name));
        }
        assert_eq!(layout_name(Level::Raid10, 0x202).as_deref(), Some("near=2, far=2"));
        assert_eq!(layout_name(Level::Raid10, 0x50201).as_deref(), Some("offset=2"));
        for word in ["", "n", "n0", "x2", "258", "near2", "n256", "é2"] {
            assert!(parse_layout(Level::Raid10, word).is_err(), "{word}");
        }
    }

    #[test]
    fn words_without_meaning_are_refused() {
        assert_eq!(parse_layout(Level::Faulty, "wt3"), Ok(3 << 5));
        assert_eq!(parse_layout(Level::Faulty, "flush"), Ok(30));
        for (level, word) in [
            (Level::Raid1, "ls"),
            (Level::Raid4, "default"),
            (Level::Raid5, "2"),
            (Level::Raid5, "left-symmetric-6"),
            (Level::Raid0, "0"),
            (Level::Faulty, "7"),
            (Level::Faulty, "wt-3"),
            (Level::Faulty, "wt999999999"),
        ] {
            assert!(parse_layout(level, word).is_err(), "{level} {word}");
        }
    }
}
