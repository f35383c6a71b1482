//! Superblocks of every format from a few facts.

use crate::superblock::{
    ArrayName, ByteOrder, Disk090, FeatureMap, Header090, Place, Role, Superblock, V1, V090,
    Version,
};
use crate::{ArrayUuid, DeviceUuid};
use paritas_units::{Chunk, Descriptor, Level, Sector, Sectors};

/// The facts of a superblock; change what matters, then [`SuperblockBuilder::build`].
#[derive(Clone, Debug)]
pub struct SuperblockBuilder {
    /// The format.
    pub version: Version,
    /// The device that it is for.
    pub device: Sectors,
    /// The level.
    pub level: Level,
    /// The layout.
    pub layout: u32,
    /// The chunk.
    pub chunk: Chunk,
    /// Slots.
    pub raid_disks: u32,
    /// Used of each member; ignored for linear and raid0.
    pub size: Sectors,
    /// Where data begins (1.1 and 1.2).
    pub data_offset: Sector,
    /// The array's identity.
    pub uuid: ArrayUuid,
    /// The member's identity (1.x).
    pub device_uuid: DeviceUuid,
    /// The array's name (1.x).
    pub name: String,
    /// Seconds.
    pub ctime: u32,
    /// Seconds.
    pub utime: u32,
    /// The events.
    pub events: u64,
    /// [`Sector::MAX`] is clean, zero dirty.
    pub resync_offset: Sector,
    /// This device's number.
    pub descriptor: Descriptor,
    /// The roles by number.
    pub roles: Vec<Role>,
    /// Features (1.x); their fields are set by changing what was built.
    pub features: FeatureMap,
    /// The byte order (0.90).
    pub order: ByteOrder,
}

impl SuperblockBuilder {
    /// A clean array with its first `raid_disks` devices in their slots, seen from device 0; the
    /// device has 64 MiB, the chunk is 64 KiB where the level has one.
    #[must_use]
    pub fn new(version: Version, level: Level, raid_disks: u16) -> Self {
        let chunk = match level {
            Level::Raid1 | Level::Multipath | Level::Faulty => Chunk(0),
            _ => Chunk(128),
        };
        let layout = match level {
            Level::Raid5 | Level::Raid6 => 2,
            Level::Raid10 => 0x102,
            _ => 0,
        };
        Self {
            version,
            device: Sectors(131_072),
            level,
            layout,
            chunk,
            raid_disks: raid_disks.into(),
            size: Sectors(122_880),
            data_offset: Sector(2048),
            uuid: ArrayUuid(*b"\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"),
            device_uuid: DeviceUuid([0xd0; 16]),
            name: "any:0".to_owned(),
            ctime: 1_700_000_000,
            utime: 1_700_000_060,
            events: 17,
            resync_offset: Sector::MAX,
            descriptor: Descriptor(0),
            roles: (0..raid_disks).map(|slot| Role::Slot(paritas_units::Slot(slot))).collect(),
            features: FeatureMap::default(),
            order: ByteOrder::Little,
        }
    }

    /// The superblock, at its place on the device, with a right checksum. A device that is too
    /// short has it at sector 0.
    #[must_use]
    pub fn build(&self) -> Superblock {
        let at = self.version.sector_on(self.device).unwrap_or(Sector(0));
        match self.version {
            Version::V0_90 => Superblock::V090(self.build_v090(at)),
            version => Superblock::V1(self.build_v1(Place { version, at })),
        }
    }

    fn component_size(&self) -> Sectors {
        match self.level {
            Level::Linear | Level::Raid0 => Sectors::ZERO,
            _ => self.size,
        }
    }

    fn build_v1(&self, place: Place) -> V1 {
        let mut sb = V1::blank(place);
        let at_end = place.version == Version::V1_0;
        let data_offset = if at_end { Sector(0) } else { self.data_offset };
        let usable = if at_end {
            place.at.0.saturating_sub(16)
        } else {
            self.device.0.saturating_sub(data_offset.0)
        };
        let header = sb.header_mut();
        header.feature_map.set(self.features.0);
        header.set_uuid = self.uuid.0;
        header.set_name = ArrayName::new(&self.name).0;
        header.ctime.set(self.ctime.into());
        header.level.set(self.level.number());
        header.layout.set(self.layout);
        header.size.set(self.component_size().0);
        header.chunk_sectors.set(self.chunk.0);
        header.raid_disks.set(self.raid_disks);
        header.data_offset.set(data_offset.0);
        header.data_size.set(usable);
        header.dev_number.set(self.descriptor.0.into());
        header.device_uuid = self.device_uuid.0;
        header.utime.set(self.utime.into());
        header.events.set(self.events);
        header.resync_offset.set(self.resync_offset.0);
        let needed = u32::try_from(self.roles.len()).unwrap_or(u32::MAX);
        header.max_roles.set(((256 + 2 * needed).next_multiple_of(512) - 256) / 2);
        for number in 0..1920 {
            let role = self.roles.get(usize::from(number)).copied().unwrap_or(Role::Spare);
            sb.set_raw_role(Descriptor(number), role.raw());
        }
        sb.seal();
        sb
    }

    fn build_v090(&self, at: Sector) -> V090 {
        let mut sb = V090::blank(at, self.order);
        self.fill_v090(sb.header_mut());
        let mut counts = [0_u32; 4];
        let devices = self.roles.len().max(usize::try_from(self.raid_disks).unwrap_or(0));
        for (number, disk) in (0_u32..).zip(sb.disks_mut()).take(devices) {
            let role = usize::try_from(number).ok().and_then(|at| self.roles.get(at));
            fill_disk(disk, number, role.copied());
            let [active, working, failed, spare] = &mut counts;
            match role {
                Some(Role::Slot(_)) => (*active, *working) = (*active + 1, *working + 1),
                Some(Role::Spare) => (*spare, *working) = (*spare + 1, *working + 1),
                _ => *failed += 1,
            }
        }
        let own = sb.disks().get(usize::from(self.descriptor.0)).cloned();
        if let Some(own) = own {
            *sb.this_disk_mut() = own;
        }
        let [active, working, failed, spare] = counts;
        let header = sb.header_mut();
        header.nr_disks.set(working);
        header.active_disks.set(active);
        header.working_disks.set(working);
        header.failed_disks.set(failed);
        header.spare_disks.set(spare);
        sb.seal();
        sb
    }

    fn fill_v090(&self, header: &mut Header090) {
        let words = self.uuid.words();
        let fields = [
            &mut header.set_uuid0,
            &mut header.set_uuid1,
            &mut header.set_uuid2,
            &mut header.set_uuid3,
        ];
        for (field, word) in fields.into_iter().zip(words) {
            field.set(word);
        }
        header.ctime.set(self.ctime);
        header.level.set(self.level.number());
        header.size.set(u32::try_from(self.component_size().0 / 2).unwrap_or(u32::MAX));
        header.raid_disks.set(self.raid_disks);
        header.utime.set(self.utime);
        header.events.set(self.events);
        header.layout.set(self.layout);
        header.chunk_bytes.set(self.chunk.0 * 512);
        if self.resync_offset == Sector::MAX {
            header.state.set(Header090::CLEAN);
            header.checkpoint.set(u32::MAX);
            header.checkpoint_events.set(self.events);
        } else if self.resync_offset != Sector::ZERO {
            header.checkpoint.set(u32::try_from(self.resync_offset.0).unwrap_or(u32::MAX));
            header.checkpoint_events.set(self.events);
        }
    }
}

fn fill_disk(disk: &mut Disk090, number: u32, role: Option<Role>) {
    disk.number.set(number);
    disk.raid_disk.set(number);
    let state = match role {
        Some(Role::Slot(slot)) => {
            disk.raid_disk.set(slot.0.into());
            Disk090::ACTIVE | Disk090::SYNC
        }
        Some(Role::Spare) => 0,
        Some(Role::Journal) => Disk090::JOURNAL,
        Some(Role::Faulty) => Disk090::FAULTY,
        None => Disk090::FAULTY | Disk090::REMOVED,
    };
    disk.state.set(state);
}
