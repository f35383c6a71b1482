//! ARRAY lines.

use super::{Note, matches};
use paritas_format::{ArrayUuid, Superblock};

/// An ARRAY line: a name for an array, and by what its members are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArrayLine {
    /// The line's number.
    pub line: usize,
    /// The array's name.
    pub name: ArrayName,
    /// `uuid=`
    pub uuid: Option<ArrayUuid>,
    /// `name=`: the name in superblocks, with or without a host.
    pub superblock_name: Option<String>,
    /// `super-minor=`: the number in 0.90 superblocks.
    pub super_minor: Option<u32>,
    /// `devices=`: patterns of paths.
    pub devices: Vec<String>,
    /// No member matches: a value that would tell is not understood, or the array lies in a
    /// container, which is not for us.
    pub matches_nothing: bool,
    /// The other words that mdadm knows (`level=`, `spares=`, ...), which do not tell arrays apart.
    pub others: Vec<(String, String)>,
}

/// What an ARRAY line calls its array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ArrayName {
    /// No name: the superblock's is taken.
    #[default]
    Unnamed,
    /// By this name (`md0`, `photos`), without its directory.
    Named(String),
    /// `<ignore>`: it is never assembled by itself.
    Ignored,
}

/// Tags whose values are only kept.
const KEPT: [&str; 9] = [
    "level",
    "num-devices",
    "raid-disks",
    "spares",
    "spare-group",
    "auto",
    "bitmap",
    "metadata",
    "member",
];

impl ArrayLine {
    /// Reads the words after the keyword.
    pub(super) fn parse(line: usize, words: &[String]) -> (Self, Vec<Note>) {
        let mut array = Self { line, ..Self::default() };
        let mut notes = Vec::new();
        let mut note = |text: String| notes.push(Note { line, text });
        for (number, word) in words.iter().enumerate() {
            let Some((tag, value)) = word.split_once('=') else {
                match number {
                    0 => array.name = name(word),
                    _ => note(format!("{word} in an ARRAY line is not understood")),
                }
                continue;
            };
            match tag.to_ascii_lowercase().as_str() {
                "uuid" => match value.parse() {
                    Ok(uuid) => array.uuid = Some(uuid),
                    Err(_) => {
                        array.matches_nothing = true;
                        note(format!("{value} is no uuid, so nothing matches the line"));
                    }
                },
                "name" => array.superblock_name = Some(value.to_owned()),
                "super-minor" => match value.parse() {
                    Ok(minor) => array.super_minor = Some(minor),
                    Err(_) => {
                        array.matches_nothing = true;
                        note(format!("{value} is no minor number, so nothing matches the line"));
                    }
                },
                "devices" => array.devices.extend(value.split(',').map(str::to_owned)),
                "container" => array.matches_nothing = true,
                tag if KEPT.contains(&tag) => array.others.push((tag.to_owned(), value.to_owned())),
                tag => note(format!("{tag}= in an ARRAY line is unknown")),
            }
        }
        if !array.has_identity() && !array.matches_nothing {
            note("the ARRAY line has none of uuid=, name=, super-minor=, devices=".to_owned());
        }
        (array, notes)
    }

    /// Whether there is anything that members could be known by.
    #[must_use]
    pub fn has_identity(&self) -> bool {
        self.uuid.is_some()
            || self.superblock_name.is_some()
            || self.super_minor.is_some()
            || !self.devices.is_empty()
    }

    /// Whether a member at `path` belongs to the array: it must match all that the line says. `host`
    /// is the name that arrays of this machine carry.
    #[must_use]
    pub fn is_of(&self, superblock: &Superblock, path: &str, host: Option<&str>) -> bool {
        let has_uuid = self.uuid.is_none_or(|uuid| uuid == superblock.array_uuid());
        let has_name =
            self.superblock_name.as_ref().is_none_or(|name| is_named(superblock, name, host));
        let has_minor =
            self.super_minor.is_none_or(|minor| superblock.preferred_minor() == Some(minor));
        let is_listed =
            self.devices.is_empty() || self.devices.iter().any(|pattern| matches(pattern, path));
        self.has_identity()
            && !self.matches_nothing
            && has_uuid
            && has_name
            && has_minor
            && is_listed
    }
}

/// Whether a superblock has the name: whole, or without its host where that is this machine.
fn is_named(superblock: &Superblock, wanted: &str, host: Option<&str>) -> bool {
    let Some(name) = superblock.name() else { return false };
    if name.bytes() == wanted.as_bytes() {
        return true;
    }
    let (own_host, rest) = name.host_and_name();
    rest == wanted.as_bytes() && own_host.is_some() && own_host == host.map(str::as_bytes)
}

fn name(word: &str) -> ArrayName {
    if word.eq_ignore_ascii_case("<ignore>") {
        return ArrayName::Ignored;
    }
    let name = word.strip_prefix("/dev/").unwrap_or(word);
    let name = name.strip_prefix("md/").unwrap_or(name);
    ArrayName::Named(name.to_owned())
}
