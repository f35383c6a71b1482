//! A member of a running array, and the three states that it can be in.
//!
//! The one thing to understand: "works" and "is in sync" are not two flags (A02). A member is in
//! sync, or it is being rebuilt up to a position, or it is faulty; a faulty member that is in sync
//! cannot be written down.
//!
//! Transitions: *in sync* and *recovering* → *faulty* by [`Member::fail`]; a faulty member never
//! comes back by itself. Deliberately absent: recovering → in sync, which comes with writing.

use crate::MemberStart;
use paritas_personality::{Presence, Target};
use paritas_units::{Descriptor, Sector};

/// How far a member can be trusted.
#[doc(alias("Faulty", "In_sync", "rdev_flags"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// It failed; it is not read nor written.
    Faulty,
    /// Its content is right below this component position.
    Recovering(Sector),
    /// All of its content is right.
    InSync,
}

/// A member of a running array, as its array knows it.
#[doc(alias = "md_rdev")]
#[derive(Clone, Debug)]
pub struct Member {
    name: String,
    descriptor: Descriptor,
    target: Target,
    state: MemberState,
    read_errors: u64,
}

impl MemberState {
    /// The state that a member starts in.
    #[must_use]
    pub fn of(start: &MemberStart) -> Self {
        match start.recovery_offset {
            Sector::MAX => Self::InSync,
            below => Self::Recovering(below),
        }
    }

    /// The state as a personality sees it.
    #[must_use]
    pub const fn presence(self) -> Presence {
        match self {
            Self::Faulty => Presence::Absent,
            Self::Recovering(below) => Presence::Recovering(below),
            Self::InSync => Presence::InSync,
        }
    }
}

impl Member {
    pub(crate) fn new(start: &MemberStart) -> Self {
        Self {
            name: start.name.clone(),
            descriptor: start.descriptor,
            target: Target { slot: start.slot, seat: start.seat },
            state: MemberState::of(start),
            read_errors: 0,
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its permanent number.
    #[must_use]
    pub const fn descriptor(&self) -> Descriptor {
        self.descriptor
    }

    /// Its slot and seat.
    #[must_use]
    pub const fn target(&self) -> Target {
        self.target
    }

    /// How far it can be trusted.
    #[must_use]
    pub const fn state(&self) -> MemberState {
        self.state
    }

    /// Sectors that could not be read since the array was started.
    #[doc(alias = "errors")]
    #[must_use]
    pub const fn read_errors(&self) -> u64 {
        self.read_errors
    }

    /// Counts sectors that could not be read.
    pub(crate) const fn count_read_errors(&mut self, sectors: u64) {
        self.read_errors = self.read_errors.saturating_add(sectors);
    }

    /// Makes the member faulty; says whether it was not so before.
    pub(crate) fn fail(&mut self) -> bool {
        let was = std::mem::replace(&mut self.state, MemberState::Faulty);
        was != MemberState::Faulty
    }
}
