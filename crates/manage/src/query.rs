//! `query`: in one line, whether something is a member, and of what (mdadm -Q).
//!
//! The one thing to understand: a file or a disk is never an array itself, so the first line says
//! that; whether the array runs is known to whoever hosts it, not to its members.

use crate::gather::Found;
use paritas_format::Superblock;
use serde::Serialize;
use std::fmt;

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Grows when a field changes its meaning or goes; 1.
    pub version: u32,
    /// The word that was given.
    pub member: String,
    /// What it is a member of, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
}

/// What a member says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// The member's permanent number.
    pub descriptor: i32,
    /// How many slots the array has.
    pub raid_disks: i32,
    /// The level's name, if md has the level.
    pub level: Option<&'static str>,
    /// The array's identity.
    pub array_uuid: String,
}

/// Says what `found` is.
#[must_use]
pub fn query(found: &Found) -> Answer {
    let membership = found.superblock().map(|superblock| Membership {
        descriptor: match superblock {
            Superblock::V090(superblock) => superblock.this_disk().number.get().cast_signed(),
            Superblock::V1(superblock) => superblock.header().dev_number.get().cast_signed(),
        },
        raid_disks: superblock.raid_disks().cast_signed(),
        level: superblock.level().ok().map(paritas_units::Level::name),
        array_uuid: superblock.array_uuid().to_string(),
    });
    Answer { version: 1, member: found.word.clone(), membership }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: is not an md array", self.member)?;
        let Some(found) = &self.membership else { return Ok(()) };
        let Membership { descriptor, raid_disks, .. } = found;
        let level = found.level.unwrap_or("(null)");
        write!(
            f,
            "{}: device {descriptor} in {raid_disks} device inactive {level} array.",
            self.member
        )?;
        writeln!(f, "  Use mdadm --examine for more detail.")
    }
}
