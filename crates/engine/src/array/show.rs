//! What an array and its members show of themselves to whoever prints them.

use super::Array;
use crate::Member;
use paritas_units::{Level, Sector};

impl Array {
    /// Whether superblocks say that nothing is being written.
    #[doc(alias = "in_sync")]
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.activity.says_clean()
    }

    /// Whether redundancy is to be made to agree, and there is enough of it left for that.
    #[must_use]
    pub fn is_resync_owed(&self) -> bool {
        let level = self.dimensions().level;
        let is_redundant = level.has_parity() || matches!(level, Level::Raid1 | Level::Raid10);
        is_redundant && self.resync_offset() != Sector::MAX && self.can_resync()
    }
}

impl Member {
    /// Whether it is read only when nothing else can be.
    #[must_use]
    pub const fn is_write_mostly(&self) -> bool {
        self.is_write_mostly
    }
}
