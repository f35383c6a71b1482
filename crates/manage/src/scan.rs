//! `assemble --scan`: which arrays there are to assemble, from which members, under which names.
//!
//! The one thing to understand: a configuration's lines come first and name what they match; what no
//! line names is assembled too, unless AUTO forbids it, under the name in its superblocks. The name
//! of an array that was made on another machine gets a number behind it, so that it never takes the
//! place of a local one.
//!
//! Deliberately absent: assembling, and the directories and devices of this machine, which the
//! caller lists through [`Places`].

use crate::config::{ArrayLine, ArrayName, Config, matches};
use crate::gather::{Found, open};
use crate::look::take_apart;
use crate::reading::candidate;
use paritas_disk::{Access, Opener};
use paritas_engine::judge_members::{ArrayJudgement, Candidate, Verdict, judge_members};
use paritas_format::Superblock;
use paritas_format::superblock::Version;
use std::collections::BTreeSet;

/// What this machine has: how patterns of DEVICE lines become paths.
pub trait Places {
    /// The paths of all block devices and their partitions.
    fn devices(&self) -> Vec<String>;
    /// The names in a directory; none if it cannot be listed.
    fn names_in(&self, directory: &str) -> Vec<String>;
}

/// An array to be assembled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToAssemble {
    /// Under this name (`md0`, `photos`).
    pub name: String,
    /// Its identity.
    pub uuid: String,
    /// The words of its members, as they are to be opened.
    pub words: Vec<String>,
    /// It was made on another machine, and no line names it.
    pub is_foreign: bool,
    /// The number of the line that names it.
    pub line: Option<usize>,
}

/// An array that is not assembled by itself, or a file that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The uuid, or the file.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What a scan came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// The arrays, those of lines first and in their order.
    pub arrays: Vec<ToAssemble>,
    /// What is left out.
    pub left_out: Vec<LeftOut>,
    /// Lines that nothing matched.
    pub unmatched: Vec<usize>,
}

/// The paths that a configuration's DEVICE lines (or `given`, if there are any) stand for, each once.
#[must_use]
pub fn paths(config: &Config, given: &[String], places: &dyn Places) -> Vec<String> {
    let lines: Vec<String> = match (given, config.devices.as_slice()) {
        ([], []) => vec!["partitions".to_owned()],
        ([], lines) => lines.to_vec(),
        (given, _) => given.to_vec(),
    };
    let mut seen = BTreeSet::new();
    let words = lines.iter().flat_map(|word| match word.as_str() {
        "partitions" => places.devices(),
        // Containers are of other formats than ours.
        "containers" => Vec::new(),
        pattern => expand(pattern, places),
    });
    words.filter(|path| seen.insert(path.clone())).collect()
}

/// The paths that a pattern matches, sorted; a word without a pattern is itself.
fn expand(pattern: &str, places: &dyn Places) -> Vec<String> {
    let is_pattern = |part: &str| part.contains(['*', '?', '[']);
    if !is_pattern(pattern) {
        return vec![pattern.to_owned()];
    }
    let (root, rest) = match pattern.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", pattern),
    };
    let mut paths = vec![root.to_owned()];
    for part in rest.split('/').filter(|part| !part.is_empty()) {
        let join = |directory: &String, name: &str| match directory.as_str() {
            "" | "/" => format!("{directory}{name}"),
            directory => format!("{directory}/{name}"),
        };
        paths = paths
            .iter()
            .flat_map(|directory| {
                if !is_pattern(part) {
                    return vec![join(directory, part)];
                }
                let listed = if directory.is_empty() { "." } else { directory };
                let mut names = places.names_in(listed);
                names.retain(|name| matches(part, name) && !name.starts_with('.'));
                names.sort();
                names.iter().map(|name| join(directory, name)).collect()
            })
            .collect();
    }
    paths
}

/// Looks at `paths` and says what is to be assembled; `host` is this machine's own name. Nothing is
/// written.
#[must_use]
pub fn scan(opener: &dyn Opener, config: &Config, paths: &[String], host: Option<&str>) -> Scan {
    let mut scan = Scan::default();
    let found = gather(opener, paths, &mut scan);
    let candidates: Vec<Candidate> = found.iter().map(candidate).collect();
    let judgement = judge_members(&candidates);
    let host = config.host_name(host);
    let seen = Seen { config, found: &found, host: host.as_deref() };
    let mut is_taken = vec![false; judgement.arrays.len()];
    for line in &config.arrays {
        let mut is_matched = false;
        for (array, taken) in judgement.arrays.iter().zip(&mut is_taken) {
            let words = seen.words(array, Some(line));
            if *taken || words.is_empty() {
                continue;
            }
            (*taken, is_matched) = (true, true);
            seen.add_named(line, array, words, &mut scan);
        }
        if !is_matched && line.name != ArrayName::Ignored {
            scan.unmatched.push(line.line);
        }
    }
    let rest = judgement.arrays.iter().zip(&is_taken).filter(|(_, taken)| !**taken);
    rest.for_each(|(array, _)| seen.add_by_itself(array, &mut scan));
    scan
}

/// Opens all paths; images with partitions are taken apart. What is no member is passed over.
fn gather(opener: &dyn Opener, paths: &[String], scan: &mut Scan) -> Vec<Found> {
    let mut found = Vec::new();
    for path in paths {
        match open(opener, path, Access::Read) {
            Err(error) => {
                scan.left_out.push(LeftOut { what: path.clone(), why: error.to_string() });
            }
            Ok(whole) => {
                // Partitions of a device are devices of their own.
                let is_device = whole.disk.facts().span.is_some_and(|span| span.inode == 0);
                let pieces = if is_device { vec![whole] } else { take_apart(whole).0 };
                found.extend(pieces.into_iter().filter(|piece| piece.superblock().is_some()));
            }
        }
    }
    found
}

/// What the parts of a scan share.
struct Seen<'a> {
    config: &'a Config,
    found: &'a [Found],
    host: Option<&'a str>,
}

impl Seen<'_> {
    /// The words of an array's members, those that match `line`; another handle of a storage that
    /// is there already is left out.
    fn words(&self, array: &ArrayJudgement, line: Option<&ArrayLine>) -> Vec<String> {
        let members = array.members.iter().filter(|(_, one)| !matches!(one, Verdict::Duplicate(_)));
        let members = members.filter_map(|(index, _)| self.found.get(*index));
        let is_wanted = |found: &&Found| {
            line.is_none_or(|line| {
                found.superblock().is_some_and(|sb| line.is_of(sb, &found.word, self.host))
            })
        };
        members.filter(is_wanted).map(|found| found.word.clone()).collect()
    }

    fn freshest(&self, array: &ArrayJudgement) -> Option<&Superblock> {
        self.found.get(array.freshest)?.superblock()
    }

    /// An array that a line names.
    fn add_named(
        &self,
        line: &ArrayLine,
        array: &ArrayJudgement,
        words: Vec<String>,
        scan: &mut Scan,
    ) {
        let uuid = array.uuid.to_string();
        let name = match &line.name {
            ArrayName::Ignored => {
                let why = format!("line {} says that it is ignored", line.line);
                return scan.left_out.push(LeftOut { what: uuid, why });
            }
            ArrayName::Named(name) => name.clone(),
            ArrayName::Unnamed => self.freshest(array).map(short_name).unwrap_or_default(),
        };
        if scan.arrays.iter().any(|other| other.name == name) {
            let why = format!("the name {name} of line {} is taken by another array", line.line);
            return scan.left_out.push(LeftOut { what: uuid, why });
        }
        let line = Some(line.line);
        scan.arrays.push(ToAssemble { name, uuid, words, is_foreign: false, line });
    }

    /// An array that no line names.
    fn add_by_itself(&self, array: &ArrayJudgement, scan: &mut Scan) {
        let uuid = array.uuid.to_string();
        let Some(superblock) = self.freshest(array) else { return };
        let is_local = self.is_local(superblock);
        let metadata = if superblock.version() == Version::V0_90 { "0.90" } else { "1.x" };
        if !self.config.allows_auto(metadata, is_local) {
            let why = "no line names it, and AUTO forbids to assemble it".to_owned();
            return scan.left_out.push(LeftOut { what: uuid, why });
        }
        let name = short_name(superblock);
        let is_free = |name: &String| scan.arrays.iter().all(|other| other.name != *name);
        let numbered = (0..=scan.arrays.len()).map(|number| format!("{}_{number}", base(&name)));
        let first = Some(name.clone()).filter(|_| is_local);
        let Some(name) = first.into_iter().chain(numbered).find(is_free) else { return };
        let words = self.words(array, None);
        scan.arrays.push(ToAssemble { name, uuid, words, is_foreign: !is_local, line: None });
    }

    /// Whether an array was made here, or says nothing of where; without a name of this machine
    /// none is told apart.
    fn is_local(&self, superblock: &Superblock) -> bool {
        let is_ignored = self.config.home_host.as_ref().is_some_and(|home| home.is_ignored);
        let Some(host) = self.host.filter(|_| !is_ignored) else { return true };
        match superblock {
            Superblock::V090(sb) => sb.uuid().is_home_of(host),
            Superblock::V1(_) => {
                match superblock.name().as_ref().map(|name| name.host_and_name()) {
                    Some((Some(own), _)) => own == host.as_bytes(),
                    Some((None, _)) | None => true,
                }
            }
        }
    }
}

/// The name of an array by its superblock: `md7` where it was created by number.
fn short_name(superblock: &Superblock) -> String {
    let own = match superblock.preferred_minor() {
        Some(minor) => minor.to_string(),
        None => {
            let name = superblock.name().unwrap_or(paritas_format::superblock::ArrayName([0; 32]));
            let safe =
                |letter: char| if letter == '/' || letter.is_whitespace() { '_' } else { letter };
            String::from_utf8_lossy(name.host_and_name().1).chars().map(safe).collect()
        }
    };
    match own.as_str() {
        "" => "md127".to_owned(),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => format!("md{digits}"),
        _ => own,
    }
}

/// A name as its number is put behind it: the number of `md7` alone.
fn base(name: &str) -> &str {
    let digits = name.strip_prefix("md").unwrap_or(name);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits } else { name }
}
