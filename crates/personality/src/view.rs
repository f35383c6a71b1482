//! What is true for a window now: which slots can be read where.
//!
//! A missing member, a known bad block, a part that is not yet rebuilt and a read error that has
//! just happened are all the same to a personality: *this slot is unreadable here*.

use paritas_units::{Seat, Sector, SectorRange, Sectors, Slot};

/// What is true for a window now. Positions are component sectors (from the beginning of data).
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// By slot.
    pub slots: &'a [SlotView<'a>],
    /// Redundancy agrees below this array position; beyond it copies may differ, so that reads
    /// must keep to the first usable copy. [`Sector::MAX`] when in sync.
    #[doc(alias = "recovery_cp")]
    pub resync_offset: Sector,
}

/// The two seats of a slot.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotView<'a> {
    /// The member that holds the slot.
    pub original: SeatView<'a>,
    /// The member that is to take it over.
    pub replacement: SeatView<'a>,
}

/// One member as the window sees it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SeatView<'a> {
    /// Whether there is a member, and how far it can be trusted.
    pub presence: Presence,
    /// Read only when nothing else can be.
    pub write_mostly: bool,
    /// Seeking costs nothing.
    pub is_solid_state: bool,
    /// Requests in flight; a hint for balancing.
    pub in_flight: u32,
    /// Where its last request ended; a hint for balancing.
    pub head: Sector,
    /// What cannot be read though the member is in sync: bad blocks, errors just met. Sorted by
    /// start, without overlaps.
    pub unreadable: &'a [SectorRange],
}

/// Whether a seat is taken, and how far its content can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Nobody, or a faulty member.
    #[default]
    Absent,
    /// A member whose sectors below the position are right; it takes every write.
    Recovering(Sector),
    /// A member whose sectors are all right.
    InSync,
}

impl SeatView<'_> {
    /// How many sectors from `at` on, at most `want`, can be read from this seat. Zero when the
    /// first one cannot.
    #[must_use]
    #[inline]
    pub fn readable(&self, at: Sector, want: Sectors) -> Sectors {
        let trusted = match self.presence {
            Presence::Absent => return Sectors::ZERO,
            Presence::Recovering(below) => Sectors(below.0.saturating_sub(at.0)),
            Presence::InSync => want,
        };
        if self.unreadable.is_empty() {
            return want.min(trusted);
        }
        let asked = at.range(want.min(trusted));
        let first_bad = self.unreadable.partition_point(|bad| bad.end() <= at);
        match self.unreadable.get(first_bad) {
            Some(bad) if bad.start < asked.end() => Sectors(bad.start.0.saturating_sub(at.0)),
            _ => asked.len,
        }
    }

    /// How many sectors from `at` on, at most `want`, share the answer (readable or not) that the
    /// first one gives; at least 1 if `want` is.
    #[must_use]
    pub fn uniform(&self, at: Sector, want: Sectors) -> Sectors {
        let readable = self.readable(at, want);
        if !readable.is_zero() || want.is_zero() {
            return readable;
        }
        if let Presence::Absent = self.presence {
            return want;
        }
        if let Presence::Recovering(below) = self.presence
            && at >= below
        {
            return want;
        }
        let bad = self.unreadable.partition_point(|bad| bad.end() <= at);
        let end = self.unreadable.get(bad).map_or(at, |bad| bad.end());
        Sectors(end.0.saturating_sub(at.0)).min(want).max(Sectors(1))
    }
}

impl<'a> SlotView<'a> {
    /// Both seats, the original first.
    #[must_use]
    #[inline]
    pub const fn seats(&self) -> [(Seat, &SeatView<'a>); 2] {
        [(Seat::Original, &self.original), (Seat::Replacement, &self.replacement)]
    }

    /// Whether the original can be read anywhere.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.original.presence == Presence::InSync && self.original.unreadable.is_empty()
    }

    /// Whether one of the seats takes writes.
    #[inline]
    pub(crate) fn takes_writes(&self) -> bool {
        self.original.presence != Presence::Absent || self.replacement.presence != Presence::Absent
    }

    /// Whether a member in sync keeps what is written.
    #[inline]
    pub(crate) fn keeps_writes(&self) -> bool {
        self.original.presence == Presence::InSync || self.replacement.presence == Presence::InSync
    }

    /// The seat of this slot from which `at` can be read, and for how many sectors (at most
    /// `want`). The original first, then the replacement.
    #[must_use]
    pub fn readable(&self, at: Sector, want: Sectors) -> Option<(Seat, Sectors)> {
        let original = self.original.readable(at, want);
        if !original.is_zero() {
            return Some((Seat::Original, original));
        }
        let replacement = self.replacement.readable(at, want);
        (!replacement.is_zero()).then_some((Seat::Replacement, replacement))
    }

    /// How many sectors from `at` on, at most `want`, get the same answer from
    /// [`SlotView::readable`] as the first.
    #[must_use]
    pub fn uniform(&self, at: Sector, want: Sectors) -> Sectors {
        let original = self.original.uniform(at, want);
        if self.original.readable(at, Sectors(1)).is_zero() {
            original.min(self.replacement.uniform(at, want))
        } else {
            original
        }
    }
}

impl<'a> View<'a> {
    /// The view of `slot`; an absent one past the last.
    #[must_use]
    #[inline]
    pub fn slot(&self, slot: Slot) -> &'a SlotView<'a> {
        static ABSENT: SlotView<'static> = SlotView { original: NOBODY, replacement: NOBODY };
        self.slots.get(slot.index()).unwrap_or(&ABSENT)
    }
}

/// An empty seat.
const NOBODY: SeatView<'static> = SeatView {
    presence: Presence::Absent,
    write_mostly: false,
    is_solid_state: false,
    in_flight: 0,
    head: Sector::ZERO,
    unreadable: &[],
};
