//! Which driver serves an array's members.

use crate::{NoRing, Ring, Workers};
use paritas_disk::{Disk, Driver, Pool};
use std::sync::Arc;

/// What the environment asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The ring where it serves, else threads.
    Automatic,
    /// The ring or nothing.
    Ring,
    /// Threads.
    Threads,
}

impl Choice {
    /// What `PARITAS_IO` says: `ring`, `threads`, or automatic without it.
    ///
    /// # Errors
    /// The value, if it is neither.
    pub fn from_environment() -> Result<Self, String> {
        match std::env::var("PARITAS_IO") {
            Err(std::env::VarError::NotPresent) => Ok(Self::Automatic),
            Ok(word) if word == "ring" => Ok(Self::Ring),
            Ok(word) if word == "threads" => Ok(Self::Threads),
            Ok(word) => Err(word),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A driver for `disks`, without them: attach them to it. The ring is chosen where the kernel has
/// one and at least one disk is a file that is accessed directly; threads otherwise. It must be
/// called in the thread that uses the driver.
///
/// # Errors
/// [`NoRing`] if the ring is asked for and there is none.
pub fn choose(
    choice: Choice,
    pool: &Pool,
    disks: &[Arc<dyn Disk>],
) -> Result<Box<dyn Driver>, NoRing> {
    let is_direct = |disk: &Arc<dyn Disk>| {
        disk.may_wait() && disk.descriptor().is_some_and(|descriptor| descriptor.is_direct)
    };
    match choice {
        Choice::Ring => Ok(Box::new(Ring::new(pool)?)),
        Choice::Automatic if disks.iter().any(is_direct) => match Ring::new(pool) {
            Ok(ring) => Ok(Box::new(ring)),
            Err(_) => Ok(Box::new(Workers::new())),
        },
        Choice::Automatic | Choice::Threads => Ok(Box::new(Workers::new())),
    }
}
