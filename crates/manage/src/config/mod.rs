//! `mdadm.conf`: what it says, as far as assembling needs it, and what else stands in it by name.
//!
//! The one thing to understand: nothing in the file makes reading it fail. mdadm warns and goes on,
//! since an array that is not started because of a typing error three lines below is worse; so what
//! is not understood becomes a [`Note`] with its line, and the rest counts.
//!
//! Deliberately absent: reading files, and what monitoring needs (its keywords are kept as words).

mod array;
mod pattern;
mod words;

#[cfg(test)]
mod tests;

pub use array::{ArrayLine, ArrayName};
pub use pattern::matches;

use words::Line;

/// A configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The words of all DEVICE lines: patterns, `partitions`, `containers`. Empty if there is none.
    pub devices: Vec<String>,
    /// The ARRAY lines.
    pub arrays: Vec<ArrayLine>,
    /// What HOMEHOST says; the first line counts.
    pub home_host: Option<HomeHost>,
    /// The words of the first AUTO line.
    pub auto: Vec<String>,
    /// The other lines that mdadm knows, in their order.
    pub others: Vec<Other>,
    /// What was not understood.
    pub notes: Vec<Note>,
}

/// What HOMEHOST says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeHost {
    /// The name that arrays of this machine carry.
    pub name: HostName,
    /// Arrays of other machines are treated as if they were of this one.
    pub is_ignored: bool,
}

/// Which name arrays of this machine carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostName {
    /// The machine's own.
    System,
    /// None.
    None,
    /// This one.
    Named(String),
}

/// A line that is known and not used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The line's number.
    pub line: usize,
    /// The keyword, whole and in capitals.
    pub keyword: &'static str,
    /// The words after it.
    pub words: Vec<String>,
}

/// Something that was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The line's number.
    pub line: usize,
    /// What, for people.
    pub text: String,
}

/// Keywords, with the fewest letters that stand for them. Those that are not used here follow the
/// others.
const KEYWORDS: [(&str, usize); 16] = [
    ("DEVICE", 3),
    ("ARRAY", 3),
    ("HOMEHOST", 3),
    ("AUTO", 3),
    ("MAILADDR", 3),
    ("MAILFROM", 5),
    ("PROGRAM", 3),
    ("CREATE", 3),
    ("HOMECLUSTER", 5),
    ("POLICY", 3),
    ("PART-POLICY", 3),
    ("SYSFS", 3),
    ("MONITORDELAY", 3),
    ("PROBING", 3),
    ("ENCRYPTION_NO_VERIFY", 3),
    ("IMSM_DISABLE_OROM", 3),
];

impl Config {
    /// Reads a file's bytes.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut config = Self::default();
        for line in words::lines(bytes) {
            config.add(&line);
        }
        config
    }

    /// Adds what the next file says: lines of which one counts keep what an earlier file said.
    pub fn extend(&mut self, later: Self) {
        self.devices.extend(later.devices);
        self.arrays.extend(later.arrays);
        self.home_host = self.home_host.take().or(later.home_host);
        if self.auto.is_empty() {
            self.auto = later.auto;
        }
        self.others.extend(later.others);
        self.notes.extend(later.notes);
    }

    fn add(&mut self, line: &Line) {
        if line.has_open_quote {
            self.note(line.number, "a quote is not closed at the end of the line".to_owned());
        }
        let Some((first, words)) = line.words.split_first() else { return };
        let Some(keyword) = keyword(first) else {
            return self.note(line.number, format!("unknown keyword {first}"));
        };
        match keyword {
            "DEVICE" => self.devices.extend(words.iter().cloned()),
            "ARRAY" => {
                let (array, notes) = ArrayLine::parse(line.number, words);
                self.arrays.push(array);
                self.notes.extend(notes);
            }
            "HOMEHOST" if self.home_host.is_none() => self.home_host = home_host(words),
            "AUTO" if self.auto.is_empty() => self.auto = words.to_vec(),
            // Of these the first counts.
            "HOMEHOST" | "AUTO" => {}
            keyword => {
                let words = words.to_vec();
                self.others.push(Other { line: line.number, keyword, words });
            }
        }
    }

    fn note(&mut self, line: usize, text: String) {
        self.notes.push(Note { line, text });
    }

    /// The name that arrays of this machine carry; `system` is the machine's own.
    #[must_use]
    pub fn host_name(&self, system: Option<&str>) -> Option<String> {
        match self.home_host.as_ref().map(|home| &home.name) {
            None | Some(HostName::System) => system.map(str::to_owned),
            Some(HostName::None) => None,
            Some(HostName::Named(name)) => Some(name.clone()),
        }
    }

    /// Whether an array that no line names may be assembled. `metadata` is `0.90` or `1.x`.
    #[must_use]
    pub fn allows_auto(&self, metadata: &str, is_local: bool) -> bool {
        for word in &self.auto {
            let Some((sign, name)) = word.split_at_checked(1) else { continue };
            let is_match = match name {
                "all" => true,
                "homehost" => is_local,
                name => name.eq_ignore_ascii_case(metadata),
            };
            if is_match && matches!(sign, "+" | "-") {
                return sign == "+";
            }
        }
        true
    }
}

/// The whole keyword that a word stands for.
fn keyword(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_uppercase();
    let is_short_for =
        |(keyword, least): &&(&str, usize)| word.len() >= *least && keyword.starts_with(&word);
    KEYWORDS.iter().find(is_short_for).map(|(keyword, _)| *keyword)
}

fn home_host(words: &[String]) -> Option<HomeHost> {
    let is_ignored = words.iter().any(|word| word.eq_ignore_ascii_case("<ignore>"));
    let name = words.iter().find(|word| !word.eq_ignore_ascii_case("<ignore>"));
    let name = match name.map(String::as_str) {
        None if !is_ignored => return None,
        None | Some("<system>") => HostName::System,
        Some("<none>") => HostName::None,
        Some(name) => HostName::Named(name.to_owned()),
    };
    Some(HomeHost { name, is_ignored })
}
