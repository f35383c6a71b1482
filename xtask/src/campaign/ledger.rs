//! proof/ledger.jsonl: one line of JSON for each finished unit, never changed afterwards.

use super::Kind;
use super::units::Found;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs::OpenOptions;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The ledger's file below the root.
pub(super) const FILE: &str = "proof/ledger.jsonl";

/// A finished unit.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Line {
    /// When it ended, in UTC.
    date: String,
    /// The commit, with a plus sign behind it when files differed from it.
    commit: String,
    kind: Kind,
    /// Seeds, or places in the oracle's table; the end is not part of it.
    from: u64,
    to: u64,
    /// Seconds that the unit was given; none where it was done when it was done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seconds: Option<u64>,
    cases: u64,
    violations: u64,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    note: String,
}

/// All finished units, and the commit that new ones belong to.
pub(super) struct Ledger {
    path: PathBuf,
    commit: String,
    lines: Vec<Line>,
}

impl Ledger {
    /// Reads the ledger; one that is not there is empty.
    pub(super) fn open(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        let parse = |(number, line)| {
            serde_json::from_str(line).with_context(|| format!("{FILE}:{number} is no such line"))
        };
        let lines = (1..).zip(text.lines()).map(parse).collect::<Result<_>>()?;
        Ok(Self { path, commit: commit(root)?, lines })
    }

    /// Whether this commit, unchanged, was held against these places of the table without a failure.
    pub(super) fn has_part(&self, part: &Range<u64>) -> bool {
        self.lines.iter().any(|line| {
            line.kind == Kind::Oracle
                && (line.from, line.to) == (part.start, part.end)
                && line.violations == 0
                && line.commit == self.commit
                && !self.commit.ends_with('+')
        })
    }

    /// The first seed that no unit of this kind has tried.
    pub(super) fn next_seed(&self, kind: Kind) -> u64 {
        let of_kind = self.lines.iter().filter(|line| line.kind == kind);
        of_kind.map(|line| line.to).max().unwrap_or(1)
    }

    /// Adds a finished unit, on the disk before this returns.
    pub(super) fn note(&mut self, kind: Kind, found: &Found) -> Result<()> {
        let output = Command::new("date").args(["-u", "+%FT%TZ"]).output().context("no date")?;
        let line = Line {
            date: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            commit: self.commit.clone(),
            kind,
            from: found.range.start,
            to: found.range.end,
            seconds: found.seconds,
            cases: found.cases,
            violations: found.violations,
            note: found.note.clone(),
        };
        let text = serde_json::to_string(&line)? + "\n";
        print!("{text}");
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .with_context(|| format!("cannot open {}", self.path.display()))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .context("cannot add a line")?;
        self.lines.push(line);
        Ok(())
    }
}

/// The commit that is checked out. The ledger itself may differ.
fn commit(root: &Path) -> Result<String> {
    let git = |words: &[&str]| -> Result<String> {
        let output = Command::new("git").args(words).current_dir(root).output();
        let output = output.context("cannot run git, which says which commit this is")?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--", ".", ":!proof"])?;
    Ok(if changes.is_empty() { commit } else { commit + "+" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(range: Range<u64>, violations: u64) -> Found {
        Found { range, seconds: None, cases: 5, violations, note: String::new() }
    }

    #[test]
    fn a_campaign_goes_on_where_the_ledger_ends() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("ledger");
        let open =
            |commit: &str, lines| Ledger { path: path.clone(), commit: commit.into(), lines };
        let mut ledger = open("abc", Vec::new());
        assert_eq!(ledger.next_seed(Kind::Mutations), 1);
        ledger.note(Kind::Mutations, &found(1..2, 0)).expect("a line");
        ledger.note(Kind::Oracle, &found(0..48, 0)).expect("a line");
        ledger.note(Kind::Oracle, &found(48..96, 3)).expect("a line");
        assert_eq!((ledger.next_seed(Kind::Mutations), ledger.next_seed(Kind::Fuzz)), (2, 1));
        assert!(ledger.has_part(&(0..48)));
        assert!(!ledger.has_part(&(48..96)), "a part with failures is tried again");
        let text = std::fs::read_to_string(&path).expect("a file");
        let read: Vec<Line> =
            text.lines().map(|line| serde_json::from_str(line).expect("a line")).collect();
        assert_eq!(read.len(), 3);
        assert!(!open("def", read.clone()).has_part(&(0..48)), "another commit begins anew");
        assert_eq!(open("def", read).next_seed(Kind::Mutations), 2);
    }
}
