//! Writing what `assemble --force` has decided, when everything else has been checked.
//!
//! The one thing to understand: what has to be read for it is read before the first byte is written,
//! and the freshest member is written last: while a crash can fall between, nobody counts on a member
//! whose events were not raised yet.

use crate::gather::Found;
use crate::restore::widen;
use crate::writing::WriteError;
use paritas_disk::Disk;
use paritas_engine::judge_members::Forced;
use paritas_units::Sector;
use std::sync::Arc;

/// Superblocks that are ready to be written, in their order.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug)]
struct Piece {
    word: String,
    disk: Arc<dyn Disk>,
    at: Sector,
    bytes: Vec<u8>,
}

/// Works out what goes where.
///
/// # Errors
/// [`WriteError::Unforced`] if a member cannot be read; nothing was written.
pub(crate) fn prepare(forced: &Forced, found: &[Found]) -> Result<Pending, WriteError> {
    let mut pieces = Vec::new();
    for index in &forced.changed {
        let superblock = forced.candidates.get(*index).and_then(|one| one.superblock.as_ref());
        let (Some(superblock), Some(one)) = (superblock, found.get(*index)) else { continue };
        let mut bytes = superblock.encode();
        bytes.truncate(superblock.own_bytes());
        let widened = widen(one.disk.as_ref(), superblock.place().at, &bytes);
        let (at, bytes) = widened.map_err(|fault| WriteError::Unforced {
            member: one.word.clone(),
            fault,
            changed: Vec::new(),
        })?;
        pieces.push(Piece { word: one.word.clone(), disk: Arc::clone(&one.disk), at, bytes });
    }
    Ok(Pending { pieces })
}

impl Pending {
    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Writes all of it, each member flushed before the next one; done once, it is empty.
    ///
    /// # Errors
    /// [`WriteError::Unforced`] with the members that were written.
    pub fn write(&mut self) -> Result<(), WriteError> {
        let mut changed = Vec::new();
        for Piece { word, disk, at, bytes } in self.pieces.drain(..) {
            changed.push(word.clone());
            let written = disk.write(at, &bytes, true).and_then(|()| disk.flush());
            written.map_err(|fault| WriteError::Unforced {
                member: word,
                fault,
                changed: changed.clone(),
            })?;
        }
        Ok(())
    }
}
