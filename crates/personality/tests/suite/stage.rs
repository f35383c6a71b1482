//! Members that plans are played on, and what must be on them afterwards.
//!
//! The one thing to understand: a model that is told the new content of the array knows every byte
//! of every member, copies and parities. When members that hold what they should are all equal to
//! it, everything can be read at every further loss (the tests of reads show that), so comparing
//! images proves more than reading back would.

use crate::model::{Holds, Model, Symbol};
use crate::player::Members;
use paritas_personality::{Presence, SeatView, SlotView, Target};
use paritas_units::{Seat, Sector, SectorRange};

/// A member on stage.
#[derive(Clone, Debug)]
pub(crate) struct Actor {
    pub(crate) presence: Presence,
    /// What of it cannot be read; sorted, apart.
    pub(crate) bad: Vec<SectorRange>,
    pub(crate) image: Vec<Symbol>,
}

/// Both seats of every slot.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) slots: Vec<[Actor; 2]>,
}

/// What is on a member where nobody has written what it should hold.
pub(crate) const GARBAGE: Symbol = [0xba, 0xad, 0xf0, 0x0d];

impl Stage {
    /// Members that hold what `model` says as far as `presence` (of slot and seat) goes, and
    /// garbage beyond.
    pub(crate) fn new(model: &Model, presence: &dyn Fn(usize, Seat) -> Presence) -> Self {
        let actor = |slot: usize, seat| {
            let mut image = model.members[slot].clone();
            let presence = presence(slot, seat);
            let good = match presence {
                Presence::Absent => 0,
                Presence::Recovering(below) => usize::try_from(below.0).expect("small"),
                Presence::InSync => image.len(),
            };
            for (symbol, holds) in image.iter_mut().zip(&model.holds[slot]).skip(good) {
                if *holds != Holds::Nothing {
                    *symbol = GARBAGE;
                }
            }
            Actor { presence, bad: Vec::new(), image }
        };
        let slots = 0..model.members.len();
        Self {
            slots: slots
                .map(|slot| [actor(slot, Seat::Original), actor(slot, Seat::Replacement)])
                .collect(),
        }
    }

    /// Every slot with its original alone; those that are not `usable` are away.
    pub(crate) fn of_originals(model: &Model, usable: &[bool]) -> Self {
        Self::new(model, &|slot, seat| {
            let is_there = seat == Seat::Original && usable[slot];
            if is_there { Presence::InSync } else { Presence::Absent }
        })
    }

    /// Makes `bad` of a seat unreadable.
    pub(crate) fn damage(&mut self, slot: usize, seat: Seat, bad: &[SectorRange]) {
        let actor = &mut self.slots[slot][usize::from(seat == Seat::Replacement)];
        for (at, symbol) in (0..).zip(&mut actor.image) {
            if bad.iter().any(|bad| bad.contains(Sector(at))) {
                *symbol = GARBAGE;
            }
        }
        actor.bad = bad.to_vec();
    }

    pub(crate) fn views(&self) -> Vec<SlotView<'_>> {
        let seat = |actor: &'_ Actor| SeatView {
            presence: actor.presence,
            unreadable: &[],
            ..SeatView::default()
        };
        self.slots
            .iter()
            .map(|[original, replacement]| SlotView {
                original: SeatView { unreadable: &original.bad, ..seat(original) },
                replacement: SeatView { unreadable: &replacement.bad, ..seat(replacement) },
            })
            .collect()
    }

    /// Everybody who was being rebuilt is in sync now.
    pub(crate) fn rebuilt(&mut self) {
        for actor in self.slots.iter_mut().flatten() {
            if let Presence::Recovering(_) = actor.presence {
                actor.presence = Presence::InSync;
            }
        }
    }

    /// Changes a sector of a slot's original.
    pub(crate) fn corrupt(&mut self, slot: usize, at: usize) {
        let symbol = &mut self.slots[slot][0].image[at];
        symbol[at % 4] ^= 0x5a;
    }

    pub(crate) fn actor(&self, target: Target) -> &Actor {
        &self.slots[target.slot.index()][usize::from(target.seat == Seat::Replacement)]
    }

    /// The first sector of a member that can be read and does not hold what `model` says.
    pub(crate) fn difference(&self, model: &Model) -> Option<(usize, usize)> {
        for (slot, seats) in self.slots.iter().enumerate() {
            for actor in seats {
                let good = match actor.presence {
                    Presence::Absent => continue,
                    Presence::Recovering(below) => usize::try_from(below.0).expect("small"),
                    Presence::InSync => usize::MAX,
                };
                let (found, expected) = (&actor.image, &model.members[slot]);
                let good = good.min(expected.len());
                if found[..good] != expected[..good] {
                    return (0..good).find(|at| found[*at] != expected[*at]).map(|at| (slot, at));
                }
            }
        }
        None
    }
}

impl Members for Stage {
    fn read(&self, from: Target, at: u64) -> Option<Symbol> {
        let actor = self.actor(from);
        let is_trusted = match actor.presence {
            Presence::Absent => false,
            Presence::Recovering(below) => at < below.0,
            Presence::InSync => true,
        };
        let is_bad = actor.bad.iter().any(|bad| (bad.start.0..bad.end().0).contains(&at));
        (is_trusted && !is_bad).then(|| actor.image[usize::try_from(at).expect("small")])
    }

    fn write(&mut self, to: Target, at: u64, symbol: Symbol) {
        assert_ne!(self.actor(to).presence, Presence::Absent, "nobody is there: {to}");
        let seats = &mut self.slots[to.slot.index()];
        let actor = &mut seats[usize::from(to.seat == Seat::Replacement)];
        actor.image[usize::try_from(at).expect("small")] = symbol;
    }
}
