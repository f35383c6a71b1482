//! The driver's rules for accepting a superblock, each with its own refusal.
//!
//! The one thing to understand: every rule is applied, so a person sees all that is wrong; the
//! driver stops at the first.

use super::MAX_DESCRIPTORS;
use super::v1::MAX_ROLES;
use super::{Disagreement, FeatureMap, ReadOnlyReason, Refusal, Superblock, V1, V090, Version};
use crate::checksum;
use paritas_units::{Sector, Sectors};

impl Superblock {
    /// Everything for which the driver would refuse the member; empty if it would take it. The
    /// size of the device is checked if it is given.
    #[doc(alias = "load_super")]
    #[must_use]
    pub fn faults(&self, device: Option<Sectors>) -> Vec<Refusal> {
        match self {
            Self::V090(sb) => sb.faults(device),
            Self::V1(sb) => sb.faults(device),
        }
    }

    /// Everything for which we read the member and never write it. 0.90 has no such thing.
    #[must_use]
    pub fn why_read_only(&self) -> Vec<ReadOnlyReason> {
        match self {
            Self::V090(_) => Vec::new(),
            Self::V1(sb) => sb.why_read_only(),
        }
    }

    /// The first reason why this superblock cannot be of the same array as `freshest`.
    #[must_use]
    pub fn disagreement(&self, freshest: &Self) -> Option<Disagreement> {
        let pair = |a: Version, b: Version| (a != b).then_some(Disagreement::Format(a, b));
        if let Some(found) = pair(self.version(), freshest.version()) {
            return Some(found);
        }
        let (a, b) = (self.array_uuid(), freshest.array_uuid());
        if a != b {
            return Some(Disagreement::Uuid(a, b));
        }
        match (self, freshest) {
            (Self::V090(a), Self::V090(b)) => a.constant_disagreement(b),
            _ => self.shape_disagreement(freshest),
        }
    }

    fn shape_disagreement(&self, freshest: &Self) -> Option<Disagreement> {
        if self.level_number() != freshest.level_number() {
            return Some(Disagreement::Level(self.level_number(), freshest.level_number()));
        }
        if self.layout() != freshest.layout() {
            return Some(Disagreement::Layout(self.layout(), freshest.layout()));
        }
        if self.chunk() != freshest.chunk() {
            return Some(Disagreement::Chunk(self.chunk(), freshest.chunk()));
        }
        if self.raid_disks() != freshest.raid_disks() {
            return Some(Disagreement::Slots(self.raid_disks(), freshest.raid_disks()));
        }
        let (own, others) = (self.component_size(), freshest.component_size());
        (own != others).then_some(Disagreement::Size(own, others))
    }
}

impl V090 {
    /// See [`Superblock::faults`].
    #[doc(alias = "super_90_load")]
    #[must_use]
    pub fn faults(&self, device: Option<Sectors>) -> Vec<Refusal> {
        let header = self.header();
        let mut faults = Vec::new();
        let (stored, computed) = (header.checksum.get(), self.computed_checksum());
        if checksum::fold(stored) != checksum::fold(computed) {
            faults.push(Refusal::Checksum { stored, computed });
        }
        let minor = header.minor_version.get();
        if !matches!(minor, 90 | 91) {
            faults.push(Refusal::MinorVersion(minor));
        }
        if header.raid_disks.get() == 0 {
            faults.push(Refusal::RaidDisks(0));
        }
        if self.descriptor().is_none() {
            let (found, limit) = (self.this_disk().number.get(), u32::from(MAX_DESCRIPTORS));
            faults.push(Refusal::DeviceNumber { found, limit });
        }
        let needs = Sectors(u64::from(header.size.get()) * 2);
        if header.level.get() >= 1 && device.is_some() && needs > Sectors(self.at().0) {
            faults.push(Refusal::DeviceTooSmall { needs, has: Sectors(self.at().0) });
        }
        faults
    }

    /// The first 128 bytes never change, but for the number of disks.
    fn constant_disagreement(&self, freshest: &Self) -> Option<Disagreement> {
        let words = |sb: &Self| {
            let mut copy = sb.encode();
            copy.truncate(128);
            if let Some(number) = copy.get_mut(36..40) {
                number.fill(0);
            }
            copy
        };
        let (a, b) = (words(self), words(freshest));
        let at = a.chunks(4).zip(b.chunks(4)).position(|(a, b)| a != b)?;
        Some(Disagreement::Constant { at: at * 4 })
    }
}

impl V1 {
    /// See [`Superblock::faults`].
    #[doc(alias = "super_1_load")]
    #[must_use]
    pub fn faults(&self, device: Option<Sectors>) -> Vec<Refusal> {
        let mut faults = self.identity_faults();
        faults.extend(self.placement_faults(device));
        faults.extend(self.feature_faults());
        faults
    }

    fn identity_faults(&self) -> Vec<Refusal> {
        let header = self.header();
        let mut faults = Vec::new();
        let roles = header.max_roles.get();
        if roles > MAX_ROLES {
            faults.push(Refusal::RoleTable(roles));
        }
        let (stored, read_at) = (Sector(header.super_offset.get()), self.place().at);
        if stored != read_at {
            faults.push(Refusal::SuperOffset { stored, read_at });
        }
        let (stored, computed) = (header.checksum.get(), self.computed_checksum());
        if stored != computed {
            faults.push(Refusal::Checksum { stored, computed });
        }
        if self.descriptor().is_none() {
            let found = header.dev_number.get();
            faults.push(Refusal::DeviceNumber { found, limit: MAX_ROLES });
        }
        faults
    }

    fn placement_faults(&self, device: Option<Sectors>) -> Vec<Refusal> {
        let header = self.header();
        let mut faults = Vec::new();
        let data_size = Sectors(header.data_size.get());
        if data_size.0 < 10 {
            faults.push(Refusal::DataSize(data_size));
        }
        let data_offset = Sector(header.data_offset.get());
        let at_end = self.place().version == Version::V1_0;
        if !at_end {
            let least = Sector(self.place().at.0.saturating_add(self.sectors().0));
            if data_offset < least {
                faults.push(Refusal::DataOffset { data_offset, least });
            }
            if self.new_data_offset().is_none_or(|new| new < least) {
                let by = header.new_offset.get();
                faults.push(Refusal::NewDataOffset { data_offset, by, least });
            }
        }
        if let Some(device) = device {
            let has = if at_end { self.place().at.0 } else { device.0 };
            let has = Sectors(if at_end { has } else { has.saturating_sub(data_offset.0) });
            if has < data_size {
                faults.push(Refusal::DeviceTooSmall { needs: data_size, has });
            }
        }
        faults
    }

    fn feature_faults(&self) -> Vec<Refusal> {
        let (header, features) = (self.header(), self.features());
        let mut faults = Vec::new();
        let size = header.bad_block_sectors.get();
        if size > 8 {
            faults.push(Refusal::BadBlockSize(size));
        }
        if features.contains(FeatureMap::BAD_BLOCKS) {
            if header.bad_block_offset.get() == 0 {
                faults.push(Refusal::BadBlockOffset);
            }
            if header.bad_block_shift >= 64 {
                faults.push(Refusal::BadBlockShift(header.bad_block_shift));
            }
        }
        if features.contains(FeatureMap::RAID0_LAYOUT) && header.level.get() != 0 {
            faults.push(Refusal::Raid0Layout(header.level.get()));
        }
        let ppl = features.0 & (FeatureMap::PPL | FeatureMap::MULTIPLE_PPLS).0;
        let others = features.0 & (FeatureMap::BITMAP_OFFSET | FeatureMap::JOURNAL).0;
        if ppl.count_ones() > 1 || (ppl != 0 && others != 0) {
            faults.push(Refusal::Exclusive(FeatureMap(ppl | others)));
        }
        if features.contains(FeatureMap::CLUSTERED) {
            faults.push(Refusal::Clustered);
        }
        faults
    }

    /// See [`Superblock::why_read_only`].
    #[must_use]
    pub fn why_read_only(&self) -> Vec<ReadOnlyReason> {
        let header = self.header();
        let mut reasons = Vec::new();
        let unknown = self.features().unknown();
        if unknown.0 != 0 {
            reasons.push(ReadOnlyReason::UnknownFeatures(unknown));
        }
        let pads: [(usize, &[u8]); 2] = [(12, header.pad0.as_ref()), (228, &header.pad3)];
        for (start, pad) in pads {
            if let Some((index, value)) = pad.iter().enumerate().find(|(_, byte)| **byte != 0) {
                reasons.push(ReadOnlyReason::Padding { at: start + index, value: *value });
            }
        }
        let block = header.logical_block_size.get();
        let is_possible = block.is_power_of_two() && (512..=65536).contains(&block);
        if block != 0 && !is_possible {
            reasons.push(ReadOnlyReason::LogicalBlockSize(block));
        }
        reasons
    }
}
