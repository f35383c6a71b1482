//! Bringing planned metadata to its members.
//!
//! The one thing to understand: all that is to be written is worked out, and everything that has
//! to be read for it is read, before the first byte goes to any member. Old superblocks are wiped
//! and bitmaps written first, the new superblocks last and after a flush of all members, so that
//! an array that is only half made never looks whole.

use super::plan::Plan;
use super::refusal::CreateError;
use crate::gather::Found;
use crate::restore::widen;
use paritas_disk::Fault;
use paritas_units::Sector;

/// Bytes and where they go.
type Piece = (Sector, Vec<u8>);

/// One member's work.
struct Work<'a> {
    found: &'a Found,
    /// What goes first: zeroes over old superblocks, the bitmap.
    before: Vec<Piece>,
    superblock: Piece,
}

/// Writes `plan` to the disks of its members; `found` holds one for each of the plan's.
///
/// # Errors
/// [`CreateError::Unreadable`] when nothing was written, [`CreateError::Unwritable`] with the
/// members that were.
pub fn write(plan: &Plan, found: &[&Found]) -> Result<(), CreateError> {
    let work = plan
        .members
        .iter()
        .zip(found)
        .map(|(planned, found)| {
            let widen = |(at, bytes): (Sector, &[u8])| {
                widen(found.disk.as_ref(), at, bytes)
                    .map_err(|fault| CreateError::Unreadable { name: found.word.clone(), fault })
            };
            let own = planned.superblock.place().at;
            let old = found.superblocks.iter().filter(|one| one.place().at != own);
            let zeroes: Vec<Piece> =
                old.map(|one| (one.place().at, vec![0; one.own_bytes()])).collect();
            let bitmap = planned.bitmap.iter().map(|(at, bytes)| (*at, bytes.as_slice()));
            let before = zeroes.iter().map(|(at, bytes)| (*at, bytes.as_slice())).chain(bitmap);
            let mut bytes = planned.superblock.encode();
            bytes.truncate(planned.superblock.own_bytes());
            Ok(Work {
                found,
                before: before.map(widen).collect::<Result<_, _>>()?,
                superblock: widen((own, &bytes))?,
            })
        })
        .collect::<Result<Vec<_>, CreateError>>()?;
    let mut changed = Vec::new();
    for one in work.iter().filter(|one| !one.before.is_empty()) {
        changed.push(one.found.word.clone());
        let written = one
            .before
            .iter()
            .try_for_each(|(at, bytes)| one.found.disk.write(*at, bytes, false))
            .and_then(|()| one.found.disk.flush());
        written.map_err(|fault| unwritable(one, fault, &changed))?;
    }
    for one in &work {
        if !changed.contains(&one.found.word) {
            changed.push(one.found.word.clone());
        }
        let (at, bytes) = &one.superblock;
        let written = one.found.disk.write(*at, bytes, true).and_then(|()| one.found.disk.flush());
        written.map_err(|fault| unwritable(one, fault, &changed))?;
    }
    Ok(())
}

fn unwritable(one: &Work<'_>, fault: Fault, changed: &[String]) -> CreateError {
    CreateError::Unwritable { name: one.found.word.clone(), fault, changed: changed.to_vec() }
}
