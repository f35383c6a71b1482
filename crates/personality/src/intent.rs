//! Why a plan is wanted.

use paritas_units::{SectorRange, Slot};
use std::fmt;

/// Why a plan is wanted, and for which sectors, which are at most about 1 MiB.
///
/// A plan of more than one phase that changes members (a write with parity, resync, recovery,
/// repair) is only right if nothing else changes the same rows while it is played: the caller
/// holds the window. Every read of such a plan is awaited before its first write, and no buffer
/// that a step reads is written twice. So when a step fails, the intent can be planned again from
/// the members as they are, if the other steps of the phase have ended and the view does not let
/// the sectors be read whose write has failed.
///
/// Members take writes as [`Presence`](crate::Presence) says: all that are there, both seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Bring the array sectors, of one window, into the host's buffer.
    Read(SectorRange),
    /// Bring the host's buffer into the array sectors, of one window.
    Write(SectorRange),
    /// The content of the array sectors, of one window, is not needed any more. A hint: levels
    /// with parity, whose equations would have to hold afterwards, acknowledge and do nothing.
    Discard(SectorRange),
    /// The array sectors, of one window, shall read as zeroes. Levels with parity answer with the
    /// plan of a write, for which the caller provides a host's buffer of zeroes.
    WriteZeroes(SectorRange),
    /// Everything that was written shall be on stable storage. No range.
    Flush,
    /// Make redundancy agree, trusting data (the first copy that can be read). Array sectors of
    /// one window where sectors are copied (levels 1, 10); component sectors of one row of chunks
    /// where there is parity. At level 10 the same as [`Intent::Repair`].
    Resync(SectorRange),
    /// Rebuild what is not in sync. Component sectors, the same on every slot; with parity of one
    /// row of chunks, at level 10 of any number of windows.
    Recover(SectorRange),
    /// Count where redundancy does not agree. Sectors as for [`Intent::Resync`].
    Check(SectorRange),
    /// As [`Intent::Check`], and make it agree: all that a resync does, with looking first. If no
    /// comparison of the plan fails, what follows the comparisons may be left out. Sectors as for
    /// [`Intent::Resync`].
    Repair(SectorRange),
}

impl Intent {
    /// The sectors that it is about; none for a flush.
    #[must_use]
    pub const fn range(&self) -> Option<SectorRange> {
        match *self {
            Self::Read(range)
            | Self::Write(range)
            | Self::Discard(range)
            | Self::WriteZeroes(range)
            | Self::Resync(range)
            | Self::Recover(range)
            | Self::Check(range)
            | Self::Repair(range) => Some(range),
            Self::Flush => None,
        }
    }

    /// What the intent does, as the verb of a sentence.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Write(_) => "write",
            Self::Discard(_) => "discard",
            Self::WriteZeroes(_) => "write zeroes",
            Self::Flush => "flush",
            Self::Resync(_) => "resync",
            Self::Recover(_) => "recover",
            Self::Check(_) => "check",
            Self::Repair(_) => "repair",
        }
    }

    /// The refusal of `personality` to do this.
    pub(crate) const fn unsupported(&self, personality: &'static str) -> Unservable {
        Unservable::Unsupported { personality, verb: self.verb() }
    }
}

/// A view in which the intent cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unservable {
    /// Too little of the window can be read, or would keep what is written. The whole intent is refused, though the rest of its
    /// range may well be servable: ask again for the parts around `range`.
    #[error("sectors {range} cannot be served: {} missing or unreadable there", Named(missing))]
    Lost {
        /// Sectors that cannot be served, counted as in the intent; there may be more.
        range: SectorRange,
        /// The slots that would have been needed and cannot be read there.
        missing: Vec<Slot>,
    },
    /// The personality does not do this.
    #[error("{personality} does not {verb}")]
    Unsupported {
        /// The personality's name.
        personality: &'static str,
        /// The intent, as a verb.
        verb: &'static str,
    },
}

/// Slots as the subject of a sentence: `slot 1 is`, `slots 0, 2 are`.
struct Named<'a>(&'a [Slot]);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [slot] = self.0 {
            return write!(f, "slot {slot} is");
        }
        let slots: Vec<String> = self.0.iter().map(Slot::to_string).collect();
        write!(f, "slots {} are", slots.join(", "))
    }
}
