//! The lock on an array's identity: two copies of one array must not run at once.
//!
//! The one thing to understand: the file is removed while its lock is held, so whoever has locked a
//! file looks whether it is still the one that has the name.

use crate::place::{Place, lock_file};
use crate::table::Refusal;
use rustix::fs::{FlockOperation, flock};
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How often a lock that was removed under our hands is tried again.
const TRIES: usize = 100;

/// The lock. Dropping it removes its file.
#[derive(Debug)]
pub(crate) struct IdentityLock {
    path: PathBuf,
    _file: File,
}

impl IdentityLock {
    /// Takes the lock; none where there is no directory for locks.
    pub(crate) fn take(place: &Place, uuid: &str, name: &str) -> Result<Option<Self>, Refusal> {
        let path = place.array_lock(uuid);
        for _ in 0..TRIES {
            let file = match lock_file(&path) {
                Ok(file) => file,
                // Then there is no service either that could run it as well.
                Err(error) => {
                    tracing::warn!("{}: {error}", path.display());
                    return Ok(None);
                }
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                break;
            }
            if has_name(&file, &path) {
                return Ok(Some(Self { path, _file: file }));
            }
        }
        Err(Refusal::Failed(format!(
            "an array with the identity of {name} ({uuid}) runs already\n\
             next: stop that one; if these are copies, give them an identity of their own first"
        )))
    }
}

impl Drop for IdentityLock {
    fn drop(&mut self) {
        // If it cannot be removed it stays, and is as good for the next one.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn has_name(file: &File, path: &Path) -> bool {
    let (Ok(ours), Ok(named)) = (file.metadata(), std::fs::metadata(path)) else { return false };
    (ours.dev(), ours.ino()) == (named.dev(), named.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_locked_once_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::find(Some(&folder.path().join("control")));
        let first = IdentityLock::take(&place, "1:2", "md0").expect("free").expect("a lock");
        let refused = IdentityLock::take(&place, "1:2", "md1").expect_err("it runs");
        assert!(refused.to_string().contains("runs already"), "{refused}");
        assert!(IdentityLock::take(&place, "1:3", "md1").expect("another").is_some());
        drop(first);
        assert!(IdentityLock::take(&place, "1:2", "md0").expect("free again").is_some());
        assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 0);
    }
}
