//! The few fields of a member's superblock that tell how far a resync or recovery has come.
//!
//! They are read by their places alone: the crates that write them are what is judged here.

use anyhow::{Context, Result, bail};
use std::os::unix::fs::FileExt;
use std::path::Path;

const MAGIC: u32 = 0xa92b_4efc;
/// The feature bit of a member that is being recovered.
const RECOVERING: u32 = 2;

/// What one member says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::oracle) struct Fields {
    /// Redundancy agrees below this sector; [`u64::MAX`] when everywhere.
    pub(super) resync_offset: u64,
    /// This member is recovered below this sector.
    pub(super) recovery_offset: Option<u64>,
    /// Where its data begin, in sectors.
    pub(super) data_offset: u64,
    /// Slots that are in sync, as far as this member knows: 0.90 only.
    active: Option<u32>,
    /// It has a slot and is in sync.
    is_in_sync: bool,
}

/// Reads a member whose metadata has mdadm's word `metadata`.
pub(in crate::oracle) fn read(path: &Path, metadata: &str) -> Result<Fields> {
    let file =
        std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let sectors = file.metadata()?.len() / 512;
    let at = match metadata {
        "0.90" => sectors / 128 * 128 - 128,
        "1.0" => (sectors - 16) / 8 * 8,
        "1.1" => 0,
        _ => 8,
    };
    let mut bytes = vec![0; 4096];
    file.read_exact_at(&mut bytes, at * 512).context("the superblock cannot be read")?;
    let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|byte| bytes[at + byte]));
    let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
    if word(0) != MAGIC {
        bail!("{} has no superblock at sector {at}", path.display());
    }
    if metadata == "0.90" {
        let counts = long(164) == long(156);
        let offset = match word(172) {
            u32::MAX => u64::MAX,
            offset => u64::from(offset),
        };
        let is_clean = word(132) & 1 == 1;
        return Ok(Fields {
            resync_offset: if is_clean {
                u64::MAX
            } else if counts {
                offset
            } else {
                0
            },
            recovery_offset: None,
            data_offset: 0,
            active: Some(word(136)),
            is_in_sync: true,
        });
    }
    let role = 256 + 2 * usize::try_from(word(160))?;
    let role =
        bytes.get(role..role + 2).map_or(u16::MAX, |two| u16::from_le_bytes([two[0], two[1]]));
    let is_recovering = word(8) & RECOVERING != 0;
    Ok(Fields {
        resync_offset: long(208),
        recovery_offset: is_recovering.then(|| long(152)),
        data_offset: long(128),
        active: None,
        is_in_sync: role < 0xfffe && !is_recovering,
    })
}

/// Whether nothing is owed any more, with `slots` slots in sync.
pub(in crate::oracle) fn is_over(all: &[Fields], slots: usize) -> bool {
    let in_sync = match all.first().and_then(|one| one.active) {
        Some(active) => usize::try_from(active).unwrap_or(0),
        None => all.iter().filter(|one| one.is_in_sync).count(),
    };
    in_sync >= slots && all.iter().all(|one| one.resync_offset == u64::MAX)
}

/// How far the walk that is owed has come, in sectors; nothing if none is owed.
pub(super) fn position(all: &[Fields]) -> Option<u64> {
    let resync = all.iter().map(|one| one.resync_offset).filter(|at| *at != u64::MAX).min();
    resync.or_else(|| all.iter().filter_map(|one| one.recovery_offset).min())
}
