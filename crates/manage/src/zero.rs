//! `zero-superblock`: a member forgets its array (mdadm --zero-superblock).
//!
//! The one thing to understand: every superblock that is found goes, one after the other, and
//! nothing else: content and bitmap stay as they are.

use crate::gather::Found;
use crate::restore::widen;
use paritas_disk::Fault;
use serde::Serialize;

/// A member that forgot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Zeroed {
    /// Grows when a field changes its meaning or goes; 1.
    pub version: u32,
    /// The word that named the member.
    pub member: String,
    /// The formats of the superblocks that were wiped.
    pub wiped: Vec<&'static str>,
}

/// Why a member was not wiped, or not wholly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZeroError {
    /// It has no superblock.
    #[error("Unrecognised md component device - {0}")]
    NoMember(String),
    /// It cannot be read or written.
    #[error("{member} cannot be {verb}: {fault}")]
    Fault {
        /// The member.
        member: String,
        /// Read or written.
        verb: &'static str,
        /// Why.
        fault: Fault,
    },
}

/// Wipes every superblock of `found`, which is open for writing.
///
/// # Errors
/// [`ZeroError`]; after a fault while writing some superblocks may be gone.
pub fn zero_superblock(found: &Found) -> Result<Zeroed, ZeroError> {
    let error = |verb, fault| ZeroError::Fault { member: found.word.clone(), verb, fault };
    if let Some((_, fault)) = found.unreadable.first() {
        return Err(error("read", fault.clone()));
    }
    if found.superblocks.is_empty() {
        return Err(ZeroError::NoMember(found.word.clone()));
    }
    let disk = found.disk.as_ref();
    for superblock in &found.superblocks {
        let zeroes = vec![0; superblock.own_bytes()];
        let (at, bytes) =
            widen(disk, superblock.place().at, &zeroes).map_err(|fault| error("read", fault))?;
        disk.write(at, &bytes, true).map_err(|fault| error("written", fault))?;
    }
    disk.flush().map_err(|fault| error("written", fault))?;
    let wiped = found.superblocks.iter().map(|one| one.version().word()).collect();
    Ok(Zeroed { version: 1, member: found.word.clone(), wiped })
}
