//! Starting the steps of a plan, taking their ends, and the memory that they work on.
//!
//! The one thing to understand: a step that goes to a member is a request with a [`Tag`]; its notice
//! names the piece, the piece's life and the step, so that a notice that comes late is nobody's.
//!
//! Deliberately absent: the cursor ([`crate::player`]), and how steps that write are joined
//! ([`crate::writes`]).

use crate::player::LEAST;
use crate::request::{Failure, Tried, Zeroes};
use crate::shard::Shard;
use crate::slab::Key;
use crate::solve;
use paritas_disk::region::{Memory, Notice, Region, Regions, Request};
use paritas_disk::{FaultKind, Loan, Operation, Priority};
use paritas_personality::{BufferId, Place, Step, Target};
use paritas_units::{SECTOR_BYTES, Sector, SectorRange, Sectors};

/// How a request to a member is named: the piece, its life, and the step or extent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) piece: Key,
    pub(crate) life: u16,
    /// The step; with [`Tag::EXTENT`], the number of what is written.
    pub(crate) step: u16,
}

impl Tag {
    /// Bit of `step`: it numbers an extent.
    pub(crate) const EXTENT: u16 = 1 << 15;

    pub(crate) const fn pack(self) -> u64 {
        ((self.piece as u64) << 32) | ((self.life as u64) << 16) | self.step as u64
    }

    fn unpack(tag: u64) -> Self {
        let field = |shift: u32| u16::try_from((tag >> shift) & 0xFFFF).unwrap_or(0);
        Self {
            piece: Key::try_from(tag >> 32).unwrap_or(Key::MAX),
            life: field(16),
            step: field(0),
        }
    }
}

impl Shard {
    /// Starts a read step: in one request, or in parts of 4 KiB where a longer one has failed.
    pub(crate) fn read(
        &mut self,
        key: Key,
        number: usize,
        from: Target,
        range: SectorRange,
        into: Place,
    ) {
        let piece = self.pieces.get(key);
        let is_suspect =
            piece.suspects.iter().any(|(target, bad)| *target == from && bad.overlaps(range));
        let mut left = range;
        while !left.is_empty() {
            let len = if is_suspect { LEAST - Sectors(left.start.0 % LEAST.0) } else { left.len };
            let part = left.start.range(len.min(left.len));
            left = SectorRange { start: part.end(), len: left.len - part.len };
            let skip = part.start.since(range.start).and_then(|skip| skip.bytes()).unwrap_or(0);
            let byte = u64::from(into.byte).saturating_add(skip);
            let place =
                Place { buffer: into.buffer, byte: u32::try_from(byte).unwrap_or(u32::MAX) };
            self.read_part(key, number, from, part, place);
        }
    }

    fn read_part(&mut self, key: Key, number: usize, from: Target, part: SectorRange, into: Place) {
        let bytes = part.len.bytes().and_then(|bytes| usize::try_from(bytes).ok());
        let loan = bytes.and_then(|bytes| self.lend(key, into, bytes));
        let region = self.region(from, part);
        let (Some(loan), Some(region), Ok(step)) = (loan, region, u16::try_from(number)) else {
            return self.mistake(key, from, part, Tried::Read);
        };
        self.send(key, step, Operation::Read, Regions::One(region), Memory::Contiguous(loan));
        if let Some(seat) = self.hints(from) {
            seat.in_flight += 1;
            seat.head = part.end();
        }
    }

    /// Starts a step that moves no bytes.
    pub(crate) fn order(&mut self, key: Key, number: usize, step: Step) {
        let (target, range, operation, tried) = match step {
            Step::Flush { target } => {
                (target, SectorRange::new(0, 0), Operation::Flush, Tried::Flush)
            }
            Step::Discard { target, at, sectors, zeroes: false } => {
                (target, at.range(sectors), Operation::Discard, Tried::Discard)
            }
            Step::Discard { target, at, sectors, zeroes: true } => {
                (target, at.range(sectors), Operation::WriteZeroes, Tried::WriteZeroes)
            }
            _ => return,
        };
        match (self.region(target, range), u16::try_from(number)) {
            (Some(region), Ok(step)) => {
                self.send(key, step, operation, Regions::One(region), Memory::None);
            }
            _ => self.mistake(key, target, range, tried),
        }
    }

    /// Where component sectors of a member lie on its disk.
    pub(crate) fn region(&self, target: Target, range: SectorRange) -> Option<Region> {
        let (_, member) = self.map.member(target)?;
        let at = member.data_offset.checked_add(Sectors(range.start.0)).unwrap_or(Sector::MAX);
        Some(Region { disk: member.disk, at, count: range.len })
    }

    /// Hands a request to the members, on behalf of a piece.
    pub(crate) fn send(
        &mut self,
        key: Key,
        step: u16,
        operation: Operation,
        regions: Regions,
        memory: Memory,
    ) {
        let piece = self.pieces.get_mut(key);
        piece.outstanding += 1;
        let tag = Tag { piece: key, life: piece.life, step }.pack();
        let priority = self.requests.get(piece.request).priority();
        self.actions.requests.push(Request { tag, operation, regions, memory, priority });
    }

    /// A mistake of a personality: it ends this piece, and no other.
    pub(crate) fn mistake(&mut self, key: Key, target: Target, range: SectorRange, tried: Tried) {
        let fault = FaultKind::Invalid;
        self.pieces.get_mut(key).failures.push(Failure { target, range, fault, tried });
    }

    /// Takes the end of a step, and goes on when it was the last that the cursor waits for.
    pub(crate) fn step_ended(&mut self, notice: Notice) {
        let tag = Tag::unpack(notice.tag);
        let piece = self.pieces.get(tag.piece);
        if piece.life != tag.life || piece.outstanding == 0 {
            debug_assert!(false, "a notice belongs to a step that is under way");
            return;
        }
        let step = piece.plan.steps().get(usize::from(tag.step)).copied();
        match step {
            _ if tag.step & Tag::EXTENT != 0 => self.write_ended(tag, notice),
            Some(Step::Read { from, at, into, .. }) => self.read_ended(tag, from, at, into, notice),
            Some(step) => self.order_ended(tag.piece, step, &notice),
            None => debug_assert!(false, "a notice belongs to a step of the plan"),
        }
        let piece = self.pieces.get_mut(tag.piece);
        piece.outstanding -= 1;
        if piece.outstanding == 0 {
            self.play(tag.piece);
        }
    }

    fn read_ended(&mut self, tag: Tag, from: Target, at: Sector, into: Place, notice: Notice) {
        let fault = fault_of(&notice);
        let Memory::Contiguous(loan) = notice.memory else {
            debug_assert!(false, "the memory of a read comes back");
            return;
        };
        let (start, bytes) = (loan.range().start, loan.len());
        let skip = start.saturating_sub(self.start_of(tag.piece, into));
        self.take_back(tag.piece, into.buffer, loan);
        let sectors = |bytes: usize| Sectors::whole_in(u64::try_from(bytes).unwrap_or(u64::MAX));
        if let Some(seat) = self.hints(from) {
            seat.in_flight = seat.in_flight.saturating_sub(1);
        }
        if let Some(fault) = fault {
            let range = (at + sectors(skip)).range(sectors(bytes));
            let failure = Failure { target: from, range, fault, tried: Tried::Read };
            self.pieces.get_mut(tag.piece).failures.push(failure);
        }
    }

    fn order_ended(&mut self, key: Key, step: Step, notice: &Notice) {
        let Some(fault) = fault_of(notice) else { return };
        let failure = match step {
            Step::Flush { target } => {
                Failure { target, range: SectorRange::new(0, 0), fault, tried: Tried::Flush }
            }
            Step::Discard { target, at, sectors, zeroes } => {
                let tried = if zeroes { Tried::WriteZeroes } else { Tried::Discard };
                Failure { target, range: at.range(sectors), fault, tried }
            }
            _ => return,
        };
        self.pieces.get_mut(key).failures.push(failure);
    }

    /// Computes or compares; `false` if the plan names memory that is not there.
    pub(crate) fn compute(&mut self, key: Key, step: Step) -> bool {
        let mut plan = std::mem::take(&mut self.pieces.get_mut(key).plan);
        let mut memories = Memories { shard: self, key };
        let outcome = match step {
            Step::Solve { inputs, outputs, first, bytes } => {
                let known = plan.parts(first, inputs);
                let unknown = plan.parts(first.saturating_add(u32::from(inputs)), outputs);
                solve::solve(known, unknown, bytes, &mut memories).then_some(true)
            }
            Step::Compare { parts, first, bytes } => {
                solve::holds(plan.parts(first, parts), bytes, &mut memories)
            }
            _ => None,
        };
        let piece = self.pieces.get_mut(key);
        std::mem::swap(&mut piece.plan, &mut plan);
        piece.cursor += 1;
        if outcome == Some(false) {
            let Step::Compare { bytes, .. } = step else { return false };
            let request = piece.request;
            self.requests.get_mut(request).mismatches += u64::from(bytes) / SECTOR_BYTES;
        }
        outcome.is_some()
    }

    /// Lends memory of the host or of scratch.
    pub(crate) fn lend(&mut self, key: Key, place: Place, bytes: usize) -> Option<Loan> {
        let place = self.resolved(key, place);
        if place.buffer != BufferId::HOST {
            return self.pieces.get_mut(key).lent.lend(place, bytes);
        }
        let start = self.start_of(key, place);
        let request = self.pieces.get(key).request;
        let buffer = self.requests.get_mut(request).buffer.as_mut()?;
        let end = start.checked_add(bytes)?;
        (end <= buffer.len()).then(|| buffer.lend(start..end))
    }

    pub(crate) fn take_back(&mut self, key: Key, number: BufferId, loan: Loan) {
        let number = self.resolved(key, Place { buffer: number, byte: 0 }).buffer;
        let piece = self.pieces.get_mut(key);
        if number != BufferId::HOST {
            return piece.lent.take_back(number, loan);
        }
        let buffer = self.requests.get_mut(piece.request).buffer.as_mut();
        buffer.expect("a request keeps its buffer while it is under way").take_back(loan);
    }

    /// Where a place of the plan lies in the memory that it is in.
    fn start_of(&self, key: Key, place: Place) -> usize {
        let place = self.resolved(key, place);
        let piece = self.pieces.get(key);
        let byte = usize::try_from(place.byte).unwrap_or(usize::MAX);
        if place.buffer != BufferId::HOST {
            return piece.lent.start(place.buffer).saturating_add(byte);
        }
        let before = piece.span.start.0 - self.requests.get(piece.request).range.start.0;
        let before = before.checked_mul(SECTOR_BYTES).and_then(|bytes| usize::try_from(bytes).ok());
        before.unwrap_or(usize::MAX).saturating_add(byte)
    }

    /// The place with the host's payload exchanged for the zeroes that stand for it.
    fn resolved(&self, key: Key, place: Place) -> Place {
        match self.pieces.get(key).zeroes {
            Zeroes::Written(block) if place.buffer == BufferId::HOST => {
                Place { buffer: block, byte: place.byte }
            }
            _ => place,
        }
    }
}

/// The fault of a request to one member, if it failed.
fn fault_of(notice: &Notice) -> Option<FaultKind> {
    notice.fault.or((!notice.errors.is_empty()).then_some(FaultKind::Io))
}

/// How much a request matters.
impl crate::request::Request {
    const fn priority(&self) -> Priority {
        match self.work {
            crate::work::Work::Host(_) => Priority::Data,
            crate::work::Work::Walk(_) => Priority::Background,
        }
    }
}

/// The memory of a piece, for computing.
struct Memories<'a> {
    shard: &'a mut Shard,
    key: Key,
}

impl solve::Memory for Memories<'_> {
    fn lend(&mut self, place: Place, bytes: usize) -> Option<Loan> {
        self.shard.lend(self.key, place, bytes)
    }

    fn take_back(&mut self, buffer: BufferId, loan: Loan) {
        self.shard.take_back(self.key, buffer, loan);
    }
}
