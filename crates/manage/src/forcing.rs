//! Writing what `assemble --force` has decided, when everything else has been checked.
//!
//! The one thing to understand: what has to be read for it is read before the first byte is written,
//! and the freshest member is written last: while a crash can fall between, nobody counts on a member
//! whose events were not raised yet.

use crate::gather::Found;
use crate::restore::widen;
use crate::writing::WriteError;
use paritas_engine::judge_members::Forced;
use paritas_units::Sector;

/// Superblocks that are ready to be written.
pub(crate) struct Prepared<'a> {
    pieces: Vec<(&'a Found, Sector, Vec<u8>)>,
}

/// Works out what goes where.
///
/// # Errors
/// [`WriteError::Unforced`] if a member cannot be read; nothing was written.
pub(crate) fn prepare<'a>(forced: &Forced, found: &'a [Found]) -> Result<Prepared<'a>, WriteError> {
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
        pieces.push((one, at, bytes));
    }
    Ok(Prepared { pieces })
}

impl Prepared<'_> {
    /// Writes all of it, each member flushed before the next one.
    ///
    /// # Errors
    /// [`WriteError::Unforced`] with the members that were written.
    pub(crate) fn write(&self) -> Result<(), WriteError> {
        let mut changed = Vec::new();
        for (found, at, bytes) in &self.pieces {
            changed.push(found.word.clone());
            let written = found.disk.write(*at, bytes, true).and_then(|()| found.disk.flush());
            written.map_err(|fault| WriteError::Unforced {
                member: found.word.clone(),
                fault,
                changed: changed.clone(),
            })?;
        }
        Ok(())
    }
}
