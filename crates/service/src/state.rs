//! The note of which arrays ran last, for whoever comes after a crash.
//!
//! The one thing to understand: it is written whole beside its place and renamed, so it is always
//! one state or the other; a clean end of the last array removes it.

use crate::api::ArrayState;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Arrays that were seen last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSeen {
    arrays: Vec<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    name: String,
    uuid: String,
    level: String,
    members: Vec<String>,
    serve: Vec<String>,
}

impl LastSeen {
    pub(crate) fn of(arrays: impl Iterator<Item = (ArrayState, Vec<String>)>) -> Self {
        let seen = |(state, members): (ArrayState, Vec<String>)| Seen {
            name: state.name,
            uuid: state.detail.uuid.unwrap_or_default(),
            level: state.detail.level,
            members,
            serve: state.serve,
        };
        Self { arrays: arrays.map(seen).collect() }
    }

    /// Adds what was seen `before` and neither runs now nor has come to a good end.
    pub(crate) fn and_before<'a>(
        mut self,
        before: Self,
        ended: impl Iterator<Item = &'a str> + Clone,
    ) -> Self {
        let runs = |uuid: &str, arrays: &[Seen]| arrays.iter().any(|seen| seen.uuid == uuid);
        for seen in before.arrays {
            if !runs(&seen.uuid, &self.arrays) && !ended.clone().any(|uuid| uuid == seen.uuid) {
                self.arrays.push(seen);
            }
        }
        self
    }

    /// Reads the note; nothing seen if there is none or it is damaged.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        if self.arrays.is_empty() {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
        }
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec_pretty(self)?)?;
        std::fs::rename(beside, path)
    }

    /// Lines for people: each array that does not run, by its identity, with the command that starts
    /// it again.
    #[must_use]
    pub fn lines(&self, is_running: impl Fn(&str) -> bool) -> Vec<String> {
        let line = |seen: &Seen| {
            let serve: Vec<String> =
                seen.serve.iter().map(|uri| format!(" --serve '{uri}'")).collect();
            format!(
                "{} : not running, dirty ({}, {})\nnext: paritas assemble {} {}{}",
                seen.name,
                seen.level,
                seen.uuid,
                seen.name,
                seen.members.join(" "),
                serve.concat()
            )
        };
        self.arrays.iter().filter(|seen| !is_running(&seen.uuid)).map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_while_an_array_runs_and_gone_after() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("arrays.json");
        let seen = Seen {
            name: "md0".to_owned(),
            uuid: "1:2:3:4".to_owned(),
            level: "raid5".to_owned(),
            members: vec!["/a".to_owned(), "/b".to_owned()],
            serve: vec!["nbd://localhost/x".to_owned()],
        };
        let note = LastSeen { arrays: vec![seen] };
        note.write(&path).expect("written");
        assert_eq!(LastSeen::read(&path), note);
        let line = note.lines(|_| false).concat();
        assert!(line.contains("paritas assemble md0 /a /b --serve 'nbd://localhost/x'"), "{line}");
        assert!(note.lines(|uuid| uuid == "1:2:3:4").is_empty());
        let other = LastSeen::default().and_before(note.clone(), std::iter::empty());
        assert_eq!(other, note, "what has not ended well is remembered");
        let other = LastSeen::default().and_before(note.clone(), ["1:2:3:4"].into_iter());
        assert_eq!(other, LastSeen::default());
        LastSeen::default().write(&path).expect("removed");
        assert!(!path.exists());
        std::fs::write(&path, "{").expect("damaged");
        assert_eq!(LastSeen::read(&path), LastSeen::default());
    }
}
