//! What lies on a device that is to become a member, and whether it may be lost.
//!
//! The one thing to understand: a device is free only if nothing is recognised on it *and* its
//! first 4 KiB are zeroes; something unknown is treated as something precious.

use crate::gather::Found;
use crate::restore::Overwrite;
use paritas_disk::Fault;
use paritas_format::{Superblock, foreign, partition, signature};
use paritas_units::{Sector, Sectors};
use std::fmt;

/// Something on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// The device.
    pub member: String,
    /// What it is, in words.
    pub what: String,
    /// What must be allowed; `None` if only `all` covers it.
    pub kind: Option<Overwrite>,
}

/// What the caller allows to be lost (`--overwrite=KIND`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Nothing.
    #[default]
    Nothing,
    /// These kinds.
    Kinds(Vec<Overwrite>),
    /// Whatever it is.
    All,
}

impl Allowed {
    fn covers(&self, kind: Option<Overwrite>) -> bool {
        match self {
            Self::Nothing => false,
            Self::Kinds(kinds) => kind.is_some_and(|kind| kinds.contains(&kind)),
            Self::All => true,
        }
    }
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} carries {}", self.member, self.what)
    }
}

/// How much of the beginning must be zeroes if nothing is recognised.
const START: Sectors = Sectors(8);

/// What lies on `found` and is not allowed to be lost.
///
/// # Errors
/// The fault, if it cannot be looked at.
pub fn occupants(found: &Found, allowed: &Allowed) -> Result<Vec<Occupant>, Fault> {
    if let Some((_, fault)) = found.unreadable.first() {
        return Err(fault.clone());
    }
    let size = found.disk.facts().sectors;
    let read = |at: Sector, into: &mut [u8]| found.disk.read(at, into);
    let mut all: Vec<(String, Option<Overwrite>)> = Vec::new();
    all.extend(found.superblocks.iter().map(|one| (member_words(one), Some(Overwrite::Md))));
    if let Some(other) = foreign::recognise(size, read)? {
        all.push((format!("metadata of {}", other.title()), Some(Overwrite::Md)));
    }
    for one in signature::recognise(size, read)? {
        let label = one.label.map(|label| format!(" ({label:?})")).unwrap_or_default();
        all.push((format!("{}{label}", one.kind), Some(Overwrite::Filesystem)));
    }
    if let Some(table) = partition::read(size, read)? {
        let count = table.partitions.len();
        all.push((format!("a table of {count} partitions"), Some(Overwrite::Partitions)));
    }
    if all.is_empty() && !is_zero(found, size)? {
        let what = "unknown data at its start (its first 4 KiB are not all zeroes)";
        all.push((what.to_owned(), None));
    }
    let refused = all.into_iter().filter(|(_, kind)| !allowed.covers(*kind));
    let member = |(what, kind)| Occupant { member: found.word.clone(), what, kind };
    Ok(refused.map(member).collect())
}

fn is_zero(found: &Found, size: Sectors) -> Result<bool, Fault> {
    let sectors = START.0.min(size.0);
    let mut bytes = vec![0; usize::try_from(sectors * 512).unwrap_or(0)];
    found.disk.read(Sector(0), &mut bytes)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

fn member_words(superblock: &Superblock) -> String {
    let level = superblock.level().map_or("array of unknown level", paritas_units::Level::name);
    let name = superblock.name().map(|name| name.to_string()).filter(|name| !name.is_empty());
    let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
    format!(
        "a superblock ({}) of the {level} array{name} {} with {} slots",
        superblock.version(),
        superblock.array_uuid(),
        superblock.raid_disks(),
    )
}
