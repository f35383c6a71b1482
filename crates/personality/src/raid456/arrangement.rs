//! Which slot of a row holds what: the six layouts of raid5 and the fourteen of raid6, as data.
//!
//! The one thing to understand: a layout is four independent choices (where P is, where Q is, in
//! which order data go, how exponents are counted), and every row then follows from its number
//! alone. `README.md` beside this file draws all of them.

use crate::Term;
use paritas_units::Level;

/// A layout of levels 4, 5 and 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrangement {
    p: PlaceOfP,
    q: PlaceOfQ,
    data: DataOrder,
    exponents: Exponents,
}

/// Where P is, on the ring of slots that rotate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlaceOfP {
    /// Last in row 0, and one to the left with each row.
    Left,
    /// As `Left`, one row ahead.
    LeftAhead,
    /// First in row 0, and one to the right with each row.
    Right,
    /// Always first.
    First,
    /// Always last.
    Last,
}

/// Where Q is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlaceOfQ {
    /// There is none.
    Nowhere,
    /// After P; after the last slot comes the first.
    AfterP,
    /// Before P; before the first slot comes the last.
    BeforeP,
    /// Always on the last slot, outside of the ring.
    LastSlot,
}

/// In which order the data of a row go to the slots that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DataOrder {
    /// From the first slot up ("asymmetric").
    Ascending,
    /// From the slot after the parities on, round the ring ("symmetric").
    Cyclic,
}

/// How the exponents of data in the equation of Q are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exponents {
    /// From the slot after Q on, round all slots, parities not counted.
    FromQ,
    /// By slot; the parities' exponents stay unused.
    BySlot,
}

/// What a slot holds in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Block {
    /// The row's data chunk with this number.
    Data(u16),
    /// The first parity.
    P,
    /// The second parity.
    Q,
}

/// The slots of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stripe {
    pub(super) p: u16,
    pub(super) q: Option<u16>,
    /// Where the first data chunk is, if data go round the ring.
    start: Option<u16>,
    ring: u16,
    slots: u16,
    exponents: Exponents,
}

impl Arrangement {
    /// The layout with md's number, if the level has it. Level 4 has one and ignores the number.
    pub(super) fn of(level: Level, number: u32) -> Option<Self> {
        let table: &[(u32, Self)] = match level {
            Level::Raid4 => return Some(RAID4),
            Level::Raid5 => &RAID5,
            Level::Raid6 => &RAID6,
            _ => &[],
        };
        table.iter().find(|(known, _)| *known == number).map(|(_, arrangement)| *arrangement)
    }

    /// Row `row` of an array of `slots` slots.
    pub(super) fn stripe(self, row: u64, slots: u16) -> Stripe {
        let ring = if self.q == PlaceOfQ::LastSlot { slots - 1 } else { slots };
        let turn = |row: u64| {
            u16::try_from(row % u64::from(ring)).expect("a remainder is below what divides")
        };
        let p = match self.p {
            PlaceOfP::Left => ring - 1 - turn(row),
            PlaceOfP::LeftAhead => ring - 1 - turn(row + 1),
            PlaceOfP::Right => turn(row),
            PlaceOfP::First => 0,
            PlaceOfP::Last => ring - 1,
        };
        let q = match self.q {
            PlaceOfQ::Nowhere => None,
            PlaceOfQ::AfterP => Some(around(p + 1, slots)),
            PlaceOfQ::BeforeP => Some(around(p + slots - 1, slots)),
            PlaceOfQ::LastSlot => Some(slots - 1),
        };
        let parities = if self.q == PlaceOfQ::AfterP { 2 } else { 1 };
        let start = (self.data == DataOrder::Cyclic).then_some(around(p + parities, ring));
        Stripe { p, q, start, ring, slots, exponents: self.exponents }
    }
}

impl Stripe {
    /// The slot of the row's data chunk `index`.
    pub(super) fn slot(&self, index: u16) -> u16 {
        if let Some(start) = self.start {
            return around(start + index, self.ring);
        }
        let (low, high) = match self.q {
            Some(q) => (self.p.min(q), self.p.max(q)),
            None => (self.p, u16::MAX),
        };
        let slot = if index >= low { index + 1 } else { index };
        if slot >= high { slot + 1 } else { slot }
    }

    /// What `slot` holds: the inverse of [`Stripe::slot`].
    pub(super) fn block(&self, slot: u16) -> Block {
        if slot == self.p {
            return Block::P;
        }
        if Some(slot) == self.q {
            return Block::Q;
        }
        Block::Data(match self.start {
            Some(start) => around(slot + self.ring - start, self.ring),
            None => slot - u16::from(self.p < slot) - u16::from(self.q.is_some_and(|q| q < slot)),
        })
    }

    /// What the block on `slot` is in the row's equations.
    ///
    /// Without Q the exponent is only a name, and saturates.
    pub(super) fn term(&self, slot: u16) -> Term {
        let exponent = match (self.block(slot), self.q) {
            (Block::P, _) => return Term::P,
            (Block::Q, _) => return Term::Q,
            (Block::Data(index), None) => index,
            (Block::Data(_), Some(q)) => match self.exponents {
                Exponents::BySlot => slot,
                Exponents::FromQ => {
                    let steps = |to: u16| around(to + self.slots - q - 1, self.slots);
                    steps(slot) - u16::from(steps(self.p) < steps(slot))
                }
            },
        };
        Term::Data(u8::try_from(exponent).unwrap_or(u8::MAX))
    }
}

/// A place on a ring of `length`, which is gone round at most once.
fn around(place: u16, length: u16) -> u16 {
    if place < length { place } else { place - length }
}

const RAID4: Arrangement = one(PlaceOfP::Last, DataOrder::Ascending);

const RAID5: [(u32, Arrangement); 6] = [
    (0, one(PlaceOfP::Left, DataOrder::Ascending)),
    (1, one(PlaceOfP::Right, DataOrder::Ascending)),
    (2, one(PlaceOfP::Left, DataOrder::Cyclic)),
    (3, one(PlaceOfP::Right, DataOrder::Cyclic)),
    (4, one(PlaceOfP::First, DataOrder::Ascending)),
    (5, one(PlaceOfP::Last, DataOrder::Ascending)),
];

const RAID6: [(u32, Arrangement); 14] = [
    (0, two(PlaceOfP::Left, PlaceOfQ::AfterP, DataOrder::Ascending)),
    (1, two(PlaceOfP::Right, PlaceOfQ::AfterP, DataOrder::Ascending)),
    (2, two(PlaceOfP::Left, PlaceOfQ::AfterP, DataOrder::Cyclic)),
    (3, two(PlaceOfP::Right, PlaceOfQ::AfterP, DataOrder::Cyclic)),
    (4, two(PlaceOfP::First, PlaceOfQ::AfterP, DataOrder::Ascending)),
    (5, two(PlaceOfP::Last, PlaceOfQ::LastSlot, DataOrder::Ascending)),
    (8, ddf(two(PlaceOfP::Right, PlaceOfQ::AfterP, DataOrder::Ascending))),
    (9, ddf(two(PlaceOfP::LeftAhead, PlaceOfQ::AfterP, DataOrder::Ascending))),
    (10, ddf(two(PlaceOfP::Left, PlaceOfQ::BeforeP, DataOrder::Cyclic))),
    (16, two(PlaceOfP::Left, PlaceOfQ::LastSlot, DataOrder::Ascending)),
    (17, two(PlaceOfP::Right, PlaceOfQ::LastSlot, DataOrder::Ascending)),
    (18, two(PlaceOfP::Left, PlaceOfQ::LastSlot, DataOrder::Cyclic)),
    (19, two(PlaceOfP::Right, PlaceOfQ::LastSlot, DataOrder::Cyclic)),
    (20, two(PlaceOfP::First, PlaceOfQ::LastSlot, DataOrder::Ascending)),
];

/// A layout with one parity.
const fn one(p: PlaceOfP, data: DataOrder) -> Arrangement {
    Arrangement { p, q: PlaceOfQ::Nowhere, data, exponents: Exponents::FromQ }
}

/// A layout with two parities and md's own exponents.
const fn two(p: PlaceOfP, q: PlaceOfQ, data: DataOrder) -> Arrangement {
    Arrangement { p, q, data, exponents: Exponents::FromQ }
}

/// The same with the exponents of the Disk Data Format.
const fn ddf(arrangement: Arrangement) -> Arrangement {
    Arrangement { exponents: Exponents::BySlot, ..arrangement }
}
