//! Who is who in an array: slots, descriptors, seats, members.

use std::fmt;

/// The place of a member in the geometry: 0 to raid_disks − 1.
///
/// Never the same thing as a [`Descriptor`], though the numbers often agree.
#[doc(alias("raid_disk", "role"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

/// The permanent number of a device in an array, the one in brackets in `/proc/mdstat`.
#[doc(alias("desc_nr", "dev_number"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Descriptor(pub u16);

/// A member of a running array, numbered by the order in which it was given to it.
#[doc(alias = "md_rdev")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u16);

/// Which of the two members that one slot can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seat {
    /// The member that holds the slot.
    Original,
    /// The member that is being made ready to take the slot over.
    Replacement,
}

impl Slot {
    /// The slot as an index into a table by slot.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
