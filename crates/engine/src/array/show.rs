//! What an array and its members show of themselves to whoever prints them.

use super::Array;
use crate::Member;

impl Array {
    /// Whether superblocks say that nothing is being written.
    #[doc(alias = "in_sync")]
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.activity.says_clean()
    }
}

impl Member {
    /// Whether it is read only when nothing else can be.
    #[must_use]
    pub const fn is_write_mostly(&self) -> bool {
        self.is_write_mostly
    }
}
