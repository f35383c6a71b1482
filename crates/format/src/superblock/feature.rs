//! The feature map of 1.x superblocks.
//!
//! The one thing to understand: a bit says that fields are valid; fields without their bit hold
//! what an earlier time left there and mean nothing.

use std::fmt;
use std::ops::BitOr;

/// The features that a 1.x superblock says it uses.
#[doc(alias = "feature_map")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FeatureMap(pub u32);

impl FeatureMap {
    /// There is an internal bitmap at `bitmap_offset`.
    pub const BITMAP_OFFSET: Self = Self(0x1);
    /// This member is in sync only below `recovery_offset`.
    pub const RECOVERY_OFFSET: Self = Self(0x2);
    /// A reshape is under way.
    pub const RESHAPE_ACTIVE: Self = Self(0x4);
    /// The bad-block log has entries and must be read.
    pub const BAD_BLOCKS: Self = Self(0x8);
    /// This member is being made ready to replace the one with the same role.
    pub const REPLACEMENT: Self = Self(0x10);
    /// The reshape runs backwards although no slots come or go.
    pub const RESHAPE_BACKWARDS: Self = Self(0x20);
    /// `new_offset` is valid.
    pub const NEW_OFFSET: Self = Self(0x40);
    /// The recovery follows the bitmap.
    pub const RECOVERY_BITMAP: Self = Self(0x80);
    /// The array belongs to a cluster.
    pub const CLUSTERED: Self = Self(0x100);
    /// The array has a journal.
    pub const JOURNAL: Self = Self(0x200);
    /// There is a partial parity log.
    pub const PPL: Self = Self(0x400);
    /// The partial parity log is a ring of several.
    pub const MULTIPLE_PPLS: Self = Self(0x800);
    /// The layout is meaningful for raid0.
    pub const RAID0_LAYOUT: Self = Self(0x1000);
    /// Every feature known here.
    pub const KNOWN: Self = Self(0x1fff);

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The bits that are not known here.
    #[must_use]
    pub const fn unknown(self) -> Self {
        Self(self.0 & !Self::KNOWN.0)
    }

    /// Whether there is a partial parity log of either kind.
    #[must_use]
    pub const fn has_ppl(self) -> bool {
        self.intersects(Self(Self::PPL.0 | Self::MULTIPLE_PPLS.0))
    }
}

impl BitOr for FeatureMap {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for FeatureMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
