//! A row of chunks as a view shows it: what can be read in which lines, and what follows from it.
//!
//! The one thing to understand: blocks are lost *line by line*. A row is cut into pieces in which
//! every slot gives one answer, so that each piece has one set of unreadable slots and one
//! equation to solve. Offsets named `line` count sectors within a chunk.

use super::arrangement::{Block, Stripe};
use super::layout::ParityLayout;
use crate::{Place, Plan, Presence, Target, Unservable, View};
use paritas_units::{Sector, Sectors, Slot};

/// One row of chunks.
pub(super) struct Row<'a> {
    pub(super) layout: &'a ParityLayout,
    pub(super) stripe: Stripe,
    /// Where the row begins on every member.
    base: u64,
}

/// Lines in which every slot gives one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Piece {
    pub(super) line: u64,
    pub(super) len: u64,
    /// How many data chunks cannot be read there.
    pub(super) lost: u16,
    /// The first two of them.
    first_lost: [u16; 2],
    /// Whether the first parity can be read there.
    pub(super) has_p: bool,
    /// Whether the second parity can be read there.
    pub(super) has_q: bool,
}

/// The parities that solve for the data of a piece that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Solution {
    pub(super) p: bool,
    pub(super) q: bool,
}

impl<'a> Row<'a> {
    pub(super) fn new(layout: &'a ParityLayout, row: u64) -> Self {
        Self { layout, stripe: layout.stripe(row), base: row * layout.chunk() }
    }

    /// The position of `line` on every member.
    pub(super) fn at(&self, line: u64) -> Sector {
        Sector(self.base + line)
    }

    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        (0..self.layout.dimensions.slots).map(Slot)
    }

    /// The slot of data chunk `index`.
    pub(super) fn data_slot(&self, index: u16) -> Slot {
        Slot(self.stripe.slot(index))
    }

    /// Whether `line` of `slot` can be read.
    pub(super) fn is_readable(&self, slot: Slot, line: u64, view: &View<'_>) -> bool {
        view.slot(slot).readable(self.at(line), Sectors(1)).is_some()
    }

    /// The piece that begins at `line` and has at most `want` lines.
    pub(super) fn piece(&self, line: u64, want: u64, view: &View<'_>) -> Piece {
        let at = self.at(line);
        let mut len = Sectors(want);
        let (has_p, has_q) = (true, self.stripe.q.is_some());
        let mut piece = Piece { line, has_p, has_q, ..Piece::default() };
        for slot in self.slots() {
            let seats = view.slot(slot);
            if seats.is_whole() {
                continue;
            }
            len = seats.uniform(at, len);
            if seats.readable(at, Sectors(1)).is_some() {
                continue;
            }
            match self.stripe.block(slot.0) {
                Block::P => piece.has_p = false,
                Block::Q => piece.has_q = false,
                Block::Data(index) => {
                    if let Some(place) = piece.first_lost.get_mut(usize::from(piece.lost)) {
                        *place = index;
                    }
                    piece.lost += 1;
                }
            }
        }
        piece.len = len.0;
        piece
    }

    /// Reads the lines of `piece` of `slot`, which can be read there.
    pub(super) fn read(
        &self,
        slot: Slot,
        piece: &Piece,
        view: &View<'_>,
        into: Place,
        plan: &mut Plan,
    ) {
        let (at, len) = (self.at(piece.line), Sectors(piece.len));
        if let Some((seat, good)) = view.slot(slot).readable(at, len) {
            debug_assert_eq!(good, len, "the lines are uniform in every slot");
            plan.read(Target { slot, seat }, at, good, into);
        }
    }

    /// Where scratch keeps a new parity (0 is P, 1 is Q) beside the old one: behind the slots.
    pub(super) fn fresh(&self, parity: u16) -> Slot {
        Slot(self.layout.dimensions.slots + parity)
    }

    /// The members of `slot` that take writes.
    pub(super) fn targets(
        &self,
        slot: Slot,
        view: &View<'_>,
    ) -> impl Iterator<Item = Target> + use<> {
        let seats = view.slot(slot).seats().map(|(seat, view)| (seat, view.presence));
        let there = seats.into_iter().filter(|(_, presence)| *presence != Presence::Absent);
        there.map(move |(seat, _)| Target { slot, seat })
    }

    /// Whether somebody on `slot` takes writes.
    pub(super) fn takes_writes(&self, slot: u16, view: &View<'_>) -> bool {
        view.slot(Slot(slot)).takes_writes()
    }

    /// The lines of `piece`, as component sectors, cannot be served.
    pub(super) fn lost(&self, piece: &Piece, view: &View<'_>) -> Unservable {
        let range = self.at(piece.line).range(Sectors(piece.len));
        Unservable::Lost { range, missing: self.unreadable(piece.line, view) }
    }

    /// The slots that cannot be read at `line`.
    pub(super) fn unreadable(&self, line: u64, view: &View<'_>) -> Vec<Slot> {
        self.slots().filter(|slot| !self.is_readable(*slot, line, view)).collect()
    }
}

impl Piece {
    /// The data chunks that cannot be read; at most two of them.
    pub(super) fn unknown(&self) -> &[u16] {
        &self.first_lost[..usize::from(self.lost.min(2))]
    }

    /// How to get them, if there is a way.
    pub(super) fn solution(&self) -> Option<Solution> {
        match (self.lost, self.has_p, self.has_q) {
            (0, ..) => Some(Solution { p: false, q: false }),
            (1, true, _) => Some(Solution { p: true, q: false }),
            (1, false, true) => Some(Solution { p: false, q: true }),
            (2, true, true) => Some(Solution { p: true, q: true }),
            _ => None,
        }
    }
}
