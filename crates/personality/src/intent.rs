//! Why a plan is wanted.

use paritas_units::{SectorRange, Slot};
use std::fmt;

/// Why a plan is wanted, and for which sectors. Ranges are array sectors within one window but
/// where the variant says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Bring the range into the host's buffer.
    Read(SectorRange),
    /// Bring the host's buffer into the range.
    Write(SectorRange),
    /// The range's content is not needed any more.
    Discard(SectorRange),
    /// The range shall read as zeroes.
    WriteZeroes(SectorRange),
    /// Everything that was written shall be on stable storage. No range.
    Flush,
    /// Make redundancy agree, trusting data; a range of component sectors.
    Resync(SectorRange),
    /// Rebuild what is not in sync; a range of component sectors.
    Recover(SectorRange),
    /// Count where redundancy does not agree; a range of component sectors.
    Check(SectorRange),
    /// As [`Intent::Check`], and make it agree; a range of component sectors.
    Repair(SectorRange),
}

impl Intent {
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
    /// Too little of the window can be read. The whole intent is refused, though the rest of its
    /// range may well be servable: ask again for the parts around `range`.
    #[error("sectors {range} cannot be served: {} unreadable there", Named(missing))]
    Lost {
        /// Array sectors that cannot be served; there may be more.
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
