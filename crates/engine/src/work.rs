//! What a request inside a shard is for: a host's work, or a step of the array's own walk.

use crate::HostWork;
use paritas_personality::{Dimensions, Intent};
use paritas_units::{Level, SectorRange, Sectors};

/// What the array's walk does with the redundancy of a range.
#[doc(alias = "sync_action")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkAction {
    /// Make it agree, trusting data.
    Resync,
    /// Rebuild members that are not in sync.
    Recover,
    /// Count where it does not agree.
    Check,
    /// Count, and make it agree.
    Repair,
}

/// A step of the array's own walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Walk {
    /// What to do.
    pub action: WalkAction,
    /// Component sectors; at level 10 array sectors, but for recovery. In one window.
    pub range: SectorRange,
}

/// What a request inside a shard is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Host(HostWork),
    Walk(Walk),
}

/// How a request needs its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Only if its plan has several phases.
    AsPlanned,
    /// Shared with others that write copies, against the walk.
    Shared,
    /// Alone: the parity of the window changes.
    Alone,
}

impl Work {
    /// Whether members are changed.
    pub(crate) const fn writes(self) -> bool {
        match self {
            Self::Host(HostWork::Read(_) | HostWork::Flush) => false,
            Self::Host(_) => true,
            Self::Walk(walk) => !matches!(walk.action, WalkAction::Check),
        }
    }

    /// Whether a failure of a member on the way must be on disk before the reply.
    pub(crate) const fn promises(self) -> bool {
        !matches!(self, Self::Host(HostWork::Read(_)))
    }

    /// Whether what is written must be on stable storage before the reply.
    pub(crate) const fn is_durable(self) -> bool {
        matches!(self, Self::Host(HostWork::Write { durable: true, .. }))
    }

    /// The intent for `span` of the work.
    pub(crate) const fn intent(self, span: SectorRange, zeroes_are_written: bool) -> Intent {
        match self {
            Self::Host(HostWork::Read(_)) => Intent::Read(span),
            Self::Host(HostWork::Write { .. }) => Intent::Write(span),
            Self::Host(HostWork::Flush) => Intent::Flush,
            Self::Host(HostWork::Discard(_)) => Intent::Discard(span),
            Self::Host(HostWork::WriteZeroes(_)) if zeroes_are_written => Intent::Write(span),
            Self::Host(HostWork::WriteZeroes(_)) => Intent::WriteZeroes(span),
            Self::Walk(Walk { action, .. }) => match action {
                WalkAction::Resync => Intent::Resync(span),
                WalkAction::Recover => Intent::Recover(span),
                WalkAction::Check => Intent::Check(span),
                WalkAction::Repair => Intent::Repair(span),
            },
        }
    }

    /// How the work needs its window in an array of `level`.
    pub(crate) const fn need(self, level: Level) -> Need {
        match self {
            Self::Walk(_) => Need::Alone,
            Self::Host(HostWork::Read(_) | HostWork::Flush) => Need::AsPlanned,
            Self::Host(_) => match level {
                Level::Raid4 | Level::Raid5 | Level::Raid6 => Need::Alone,
                Level::Raid1 | Level::Raid10 => Need::Shared,
                Level::Linear | Level::Raid0 | Level::Multipath | Level::Faulty => Need::AsPlanned,
            },
        }
    }
}

/// The window that a step of the walk belongs to.
pub(crate) fn window_of(walk: Walk, dimensions: &Dimensions) -> u64 {
    if dimensions.level.has_parity() {
        let chunk = dimensions.chunk.sectors().max(Sectors(1));
        return walk.range.start.0 / chunk.0;
    }
    dimensions.window_of(walk.range.start)
}
