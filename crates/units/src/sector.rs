//! Positions and lengths in sectors of 512 bytes.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// Bytes in a sector. It does not depend on the device.
pub const SECTOR_BYTES: u64 = 512;

/// A position, counted in sectors from some named beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sector(pub u64);

/// A length in sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sectors(pub u64);

/// The sectors from `start` up to, not including, `start + len`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectorRange {
    /// The first sector.
    pub start: Sector,
    /// How many sectors follow from there; may be zero.
    pub len: Sectors,
}

impl Sector {
    /// md's "no position": all ones, meaning finished or none.
    #[doc(alias = "MaxSector")]
    pub const MAX: Self = Self(u64::MAX);
    /// The beginning.
    pub const ZERO: Self = Self(0);

    /// The byte position of this sector, or `None` past 2^64 bytes.
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        self.0.checked_mul(SECTOR_BYTES)
    }

    /// The position `len` further on, or `None` past the last countable sector.
    #[must_use]
    pub const fn checked_add(self, len: Sectors) -> Option<Self> {
        match self.0.checked_add(len.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The distance from `earlier` to here, or `None` if it lies behind us.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Option<Sectors> {
        match self.0.checked_sub(earlier.0) {
            Some(distance) => Some(Sectors(distance)),
            None => None,
        }
    }

    /// A range of `len` sectors that begins here.
    #[must_use]
    pub const fn range(self, len: Sectors) -> SectorRange {
        SectorRange { start: self, len }
    }
}

impl Sectors {
    /// No length.
    pub const ZERO: Self = Self(0);

    /// The length in bytes, or `None` past 2^64 bytes.
    #[must_use]
    pub const fn bytes(self) -> Option<u64> {
        self.0.checked_mul(SECTOR_BYTES)
    }

    /// The whole sectors that fit into `bytes`.
    #[must_use]
    pub const fn whole_in(bytes: u64) -> Self {
        Self(bytes / SECTOR_BYTES)
    }

    /// The fewest sectors that hold `bytes`.
    #[must_use]
    pub const fn to_hold(bytes: u64) -> Self {
        Self(bytes.div_ceil(SECTOR_BYTES))
    }

    /// The length in whole KiB, the unit of `/proc/mdstat`.
    #[must_use]
    pub const fn kib(self) -> u64 {
        self.0 / 2
    }

    /// Whether nothing is covered.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The largest multiple of `unit` that is not longer; unchanged if `unit` is zero.
    #[must_use]
    pub const fn rounded_down(self, unit: Self) -> Self {
        if unit.0 == 0 { self } else { Self(self.0 - self.0 % unit.0) }
    }
}

impl SectorRange {
    /// The range of `len` sectors from `start`.
    #[must_use]
    pub const fn new(start: u64, len: u64) -> Self {
        Self { start: Sector(start), len: Sectors(len) }
    }

    /// The first sector that is not in the range; saturates at the last countable one.
    #[must_use]
    pub const fn end(self) -> Sector {
        Sector(self.start.0.saturating_add(self.len.0))
    }

    /// Whether nothing is covered.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len.0 == 0
    }

    /// Whether `sector` is in the range.
    #[must_use]
    pub const fn contains(self, sector: Sector) -> bool {
        sector.0 >= self.start.0 && sector.0 - self.start.0 < self.len.0
    }

    /// Whether every sector of `other` is in the range.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        other.start.0 >= self.start.0 && other.end().0 <= self.end().0
    }

    /// The part that both ranges share; empty (at the later start) if they share nothing.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        let end = self.end().min(other.end());
        Self { start, len: Sectors(end.0.saturating_sub(start.0)) }
    }

    /// Whether the ranges share a sector.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }
}

impl Add<Sectors> for Sector {
    type Output = Self;
    fn add(self, len: Sectors) -> Self {
        Self(self.0 + len.0)
    }
}

impl AddAssign<Sectors> for Sector {
    fn add_assign(&mut self, len: Sectors) {
        self.0 += len.0;
    }
}

impl Add for Sectors {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Sectors {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl fmt::Display for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Sectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SectorRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_meet_where_they_should() {
        let range = SectorRange::new(8, 8);
        assert!(range.contains(Sector(8)) && range.contains(Sector(15)));
        assert!(!range.contains(Sector(16)) && !range.contains(Sector(7)));
        assert_eq!(range.intersection(SectorRange::new(12, 8)), SectorRange::new(12, 4));
        assert!(!range.overlaps(SectorRange::new(16, 8)));
        assert!(range.covers(SectorRange::new(9, 7)) && !range.covers(SectorRange::new(9, 8)));
    }

    #[test]
    fn the_far_end_does_not_wrap() {
        assert_eq!(SectorRange::new(u64::MAX, 5).end(), Sector::MAX);
        assert_eq!(Sector::MAX.bytes(), None);
        assert_eq!(Sector::MAX.checked_add(Sectors(1)), None);
    }
}
