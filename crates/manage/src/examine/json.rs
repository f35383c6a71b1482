//! The JSON of `examine --json`.
//!
//! The one thing to understand: sizes and positions are sectors of 512 bytes unless a name says
//! otherwise, numbers are what the superblock holds, and `version` grows when a field changes its
//! meaning or goes; new fields come without notice.

use super::{Content, Examined, Report, words};
use paritas_format::Superblock;
use paritas_format::superblock::{Area, Role};
use paritas_units::Sector;
use serde::Serialize;

/// The version of the JSON.
pub const JSON_VERSION: u32 = 1;

/// What was found on a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Json {
    /// [`JSON_VERSION`].
    pub version: u32,
    /// The word that was given for the member.
    pub member: String,
    /// The superblock, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superblock: Option<JsonSuperblock>,
    /// The partitions, if there is no superblock but a partition table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<JsonPartition>,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonPartition {
    /// The number, as in `FILE@pN`.
    pub number: u32,
    /// First sector.
    pub start: u64,
    /// Sectors.
    pub sectors: u64,
    /// What it is said to be for, in words.
    pub kind: String,
    /// What it carries, if anything of md.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superblock: Option<JsonSuperblock>,
}

/// Metadata beside the superblock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonArea {
    /// Sectors from the superblock; may be negative.
    pub offset: i64,
    /// Sectors, where the superblock says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sectors: Option<u64>,
}

/// A reshape under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonReshape {
    /// Sectors of the array.
    pub position: u64,
    /// New slots minus old ones.
    pub delta_disks: i32,
    /// The new level's number.
    pub new_level: i32,
    /// The new layout.
    pub new_layout: u32,
    /// Sectors.
    pub new_chunk: u32,
    /// Added to this member's data offset, in sectors.
    pub new_offset: i32,
    /// Whether it runs from the end to the beginning.
    pub is_backwards: bool,
}

/// A superblock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonSuperblock {
    /// `0.90`, `1.0`, `1.1` or `1.2`.
    pub metadata: String,
    /// Whether a machine of the other byte order wrote it.
    pub is_byte_swapped: bool,
    /// As mdadm prints it.
    pub array_uuid: String,
    /// As mdadm prints it; 1.x only.
    pub device_uuid: Option<String>,
    /// 1.x only; bytes that are not UTF-8 are replaced.
    pub name: Option<String>,
    /// The level's number.
    pub level: i32,
    /// The level's name, if md has it.
    pub level_name: Option<&'static str>,
    /// The layout's number.
    pub layout: u32,
    /// Sectors.
    pub chunk: u32,
    /// Slots.
    pub raid_disks: u32,
    /// Sectors used of each member.
    pub component_size: u64,
    /// First sector of data.
    pub data_offset: u64,
    /// Sectors usable for data.
    pub data_size: u64,
    /// The superblock's sector.
    pub super_offset: u64,
    /// The device's sectors.
    pub device_sectors: u64,
    /// The event count.
    pub events: u64,
    /// Seconds since 1970.
    pub creation_time: u64,
    /// Seconds since 1970.
    pub update_time: u64,
    /// Whether all is in sync and nothing was being written.
    pub is_clean: bool,
    /// Where a resync goes on; absent if clean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resync_offset: Option<u64>,
    /// This device's number.
    pub descriptor: Option<u16>,
    /// `active`, `replacement`, `spare`, `faulty` or `journal`.
    pub role: &'static str,
    /// The slot of an active device or a replacement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
    /// Below here a member that is not in sync is; absent if it is in sync.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovery_offset: Option<u64>,
    /// One letter for each slot: `A` active, `.` missing, `R` replacing.
    pub array_state: String,
    /// Reads go to other members.
    pub is_write_mostly: bool,
    /// Requests fail at the first error.
    pub is_fail_fast: bool,
    /// The feature map; zero for 0.90.
    pub feature_map: u32,
    /// The internal bitmap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitmap: Option<JsonArea>,
    /// The bad-block log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_block_log: Option<JsonArea>,
    /// Whether the bad-block log has entries.
    pub has_bad_blocks: bool,
    /// The partial parity log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ppl: Option<JsonArea>,
    /// Whether the array has a journal.
    pub has_journal: bool,
    /// A reshape under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reshape: Option<JsonReshape>,
    /// Read errors corrected.
    pub corrected_reads: u32,
    /// Why the driver would refuse the member, in words; empty if it would not.
    pub faults: Vec<String>,
    /// Why we would never write it, in words; empty if we would.
    pub read_only: Vec<String>,
    /// How many other superblocks the device carries.
    pub other_superblocks: usize,
}

impl Examined {
    /// The value for `--json`.
    #[must_use]
    pub fn json(&self) -> Json {
        let partitions = match &self.content {
            Content::Superblock(_) => Vec::new(),
            Content::Partitioned(disk) => {
                let of = |number: u32| {
                    let name = format!("{}@p{number}", self.name);
                    disk.members.iter().find(|member| member.name == name)
                };
                let json = disk.partitions.iter().map(|found| JsonPartition {
                    number: found.number,
                    start: found.range.start.0,
                    sectors: found.range.len.0,
                    kind: found.kind.to_string(),
                    superblock: of(found.number).and_then(Self::report).map(superblock),
                });
                json.collect()
            }
        };
        let member = self.name.clone();
        let superblock = self.report().map(superblock);
        Json { version: JSON_VERSION, member, superblock, partitions }
    }
}

fn superblock(report: &Report) -> JsonSuperblock {
    let sb = &report.superblock;
    let faults = sb.faults(Some(report.device));
    JsonSuperblock {
        metadata: sb.version().to_string(),
        is_byte_swapped: sb.is_byte_swapped(),
        array_uuid: sb.array_uuid().to_string(),
        device_uuid: sb.device_uuid().map(|uuid| uuid.to_string()),
        name: sb.name().map(|name| name.to_string()),
        level: sb.level_number(),
        level_name: words::level(sb.level_number()),
        layout: sb.layout(),
        chunk: sb.chunk().0,
        raid_disks: sb.raid_disks(),
        component_size: sb.component_size().0,
        data_offset: sb.data_offset().0,
        data_size: sb.data_size().0,
        super_offset: sb.super_offset().0,
        device_sectors: report.device.0,
        events: sb.events(),
        creation_time: sb.ctime().seconds,
        update_time: sb.utime().seconds,
        is_clean: sb.is_clean(),
        resync_offset: (!sb.is_clean()).then(|| sb.resync_offset().0),
        descriptor: sb.descriptor().map(|number| number.0),
        role: role(sb),
        slot: sb.role().slot().map(|slot| slot.0),
        recovery_offset: sb.recovery_offset().map(|Sector(at)| at),
        array_state: array_state(sb),
        is_write_mostly: sb.is_write_mostly(),
        is_fail_fast: sb.is_fail_fast(),
        feature_map: sb.feature_map().0,
        bitmap: sb.bitmap_area().map(area),
        bad_block_log: sb.bad_block_area().map(area),
        has_bad_blocks: sb.has_bad_blocks(),
        ppl: sb.ppl_area().map(area),
        has_journal: sb.has_journal(),
        reshape: sb.reshape().map(|reshape| JsonReshape {
            position: reshape.position.0,
            delta_disks: reshape.delta_disks,
            new_level: reshape.new_level,
            new_layout: reshape.new_layout,
            new_chunk: reshape.new_chunk.0,
            new_offset: reshape.new_offset,
            is_backwards: reshape.is_backwards,
        }),
        corrected_reads: sb.corrected_reads(),
        faults: faults.iter().map(ToString::to_string).collect(),
        read_only: sb.why_read_only().iter().map(ToString::to_string).collect(),
        other_superblocks: report.others,
    }
}

fn area(area: Area) -> JsonArea {
    JsonArea { offset: area.offset, sectors: area.sectors.map(|sectors| sectors.0) }
}

fn role(sb: &Superblock) -> &'static str {
    match sb.role() {
        Role::Slot(_) if sb.is_replacement() => "replacement",
        Role::Slot(_) => "active",
        Role::Spare => "spare",
        Role::Faulty => "faulty",
        Role::Journal => "journal",
    }
}

/// One letter for each slot; at most as many as there can be slots.
fn array_state(sb: &Superblock) -> String {
    let roles = sb.roles();
    let slots = u16::try_from(sb.raid_disks()).unwrap_or(u16::MAX).min(1920);
    let letter = |slot: u16| {
        let of_slot = |role: &&Role| role.slot().is_some_and(|found| found.0 == slot);
        match roles.iter().filter(of_slot).count() {
            0 => '.',
            1 => 'A',
            _ => 'R',
        }
    };
    (0..slots).map(letter).collect()
}
