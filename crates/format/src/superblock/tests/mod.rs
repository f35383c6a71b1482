//! Superblocks: round trips, what a kernel wrote, every rule of refusal, every byte flipped.

mod refusals;
mod round_trip;

use super::{Superblock, Version};
use crate::build::SuperblockBuilder;
use paritas_units::{Level, Sectors};

pub(super) const DEVICE: Sectors = Sectors(131_072);

pub(super) fn built(version: Version) -> Superblock {
    SuperblockBuilder::new(version, Level::Raid5, 4).build()
}

/// Everything that a superblock means, as text.
pub(super) fn meaning(sb: &Superblock) -> String {
    let identity = (sb.place(), sb.version_text(), sb.array_uuid(), sb.device_uuid(), sb.name());
    let shape = (sb.level_number(), sb.layout(), sb.chunk(), sb.raid_disks(), sb.component_size());
    let data = (sb.data_offset(), sb.data_size(), sb.super_offset(), sb.reshape());
    let state = (sb.events(), sb.ctime(), sb.utime(), sb.resync_offset(), sb.recovery_offset());
    let own = (sb.descriptor(), sb.role(), sb.is_write_mostly(), sb.is_fail_fast());
    let areas = (sb.bitmap_area(), sb.bad_block_area(), sb.bad_block_shift(), sb.ppl_area());
    let rest = (sb.feature_map(), sb.journal_tail(), sb.corrected_reads(), sb.preferred_minor());
    format!("{identity:?}{shape:?}{data:?}{state:?}{own:?}{areas:?}{rest:?}{:?}", sb.roles())
}
