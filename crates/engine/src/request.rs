//! A host's request inside a shard, and the pieces that it is cut into.
//!
//! The one thing to understand: a piece lies in one window and is at most 1 MiB long, since a
//! personality plans for one window and scratch is bounded by the length of a plan. All pieces of
//! a request get their places before the first one starts, so that a request is under way whole
//! or not at all.
//!
//! # States of a piece
//! *idle* → *planning* → (*awaits lease* → *planning*) → (*awaits window* → *planning*) → (*awaits
//! scratch*) → *playing* → (*awaits record*) → *idle*; from *playing* back to *planning* when a span
//! is done and another is left, or when a read has failed; from *playing* to *awaits map* and from
//! there to *planning* when a write has failed. Before it ends, a piece that has met read
//! errors plays a plan more for each of them ([`crate::mend`]).

use crate::lease::WriteToken;
use crate::mend::Mend;
use crate::scratch::Lent;
use crate::slab::Key;
use crate::window::Claim;
use crate::work::Work;
use crate::writes::Extent;
use crate::{HostError, HostWork};
use paritas_disk::{Buffer, FaultKind};
use paritas_personality::{BufferId, Dimensions, Plan, Target};
use paritas_units::{SectorRange, Sectors};

/// The longest piece: 1 MiB.
pub(crate) const LONGEST_PIECE: Sectors = Sectors(2048);

/// A host's request that is under way.
#[derive(Debug)]
pub(crate) struct Request {
    /// Where the reply goes.
    pub(crate) home: u16,
    pub(crate) cookie: u64,
    pub(crate) work: Work,
    /// What its pieces cover.
    pub(crate) range: SectorRange,
    /// What comes after that: work without a payload is done in parts.
    pub(crate) rest: SectorRange,
    pub(crate) buffer: Option<Buffer>,
    pub(crate) pieces_left: u32,
    /// The first error of a piece.
    pub(crate) result: Result<(), HostError>,
    /// Sectors in which redundancy did not agree.
    pub(crate) mismatches: u64,
}

/// Part of a request within one window.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) state: State,
    pub(crate) request: Key,
    pub(crate) range: SectorRange,
    pub(crate) window: u64,
    /// The window's key and the claim, while it is held.
    pub(crate) held: Option<(Key, Claim)>,
    /// How much of the range has been brought.
    pub(crate) done: Sectors,
    /// The longest span that is planned at once; less than the range where scratch is short.
    pub(crate) span_limit: Sectors,
    /// The array sectors that the plan is for.
    pub(crate) span: SectorRange,
    pub(crate) plan: Plan,
    /// The next step of the plan.
    pub(crate) cursor: usize,
    /// Requests to members under way.
    pub(crate) outstanding: u32,
    /// Generation of the map that the plan was made from.
    pub(crate) map_generation: u64,
    /// The map up to which failures must be on disk before this piece ends.
    pub(crate) must_record: u64,
    /// Counts the users of this place, so that a late notice is recognised.
    pub(crate) life: u16,
    pub(crate) lent: Lent,
    /// Permission to write, while the piece has one.
    pub(crate) token: Option<WriteToken>,
    /// Zeroes are written from memory: the block of scratch that stands for the host's payload.
    pub(crate) zeroes: Zeroes,
    /// What this phase writes, and the step up to which that has been started.
    pub(crate) extents: Vec<Extent>,
    pub(crate) writes_until: usize,
    /// Steps of this phase that failed.
    pub(crate) failures: Vec<Failure>,
    /// Long reads that failed, and are now read in short parts.
    pub(crate) suspects: Vec<(Target, SectorRange)>,
    /// Places that could not be read, and are mended before the piece ends.
    pub(crate) marks: Vec<(Target, SectorRange)>,
    /// The place that is being mended.
    pub(crate) mend: Option<Mend>,
}

/// How a piece makes sectors read as zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zeroes {
    /// By asking the members, or not at all.
    NotWritten,
    /// By writing zeroes, which lie in this block of scratch once the plan is made.
    Written(BufferId),
}

/// What a piece is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The place is free.
    Idle,
    /// It is about to be planned.
    Planning,
    /// The array is not yet marked active.
    AwaitsLease,
    /// Another piece holds the window.
    AwaitsWindow,
    /// It has its window, if it needs one, and waits for scratch.
    AwaitsScratch,
    /// Steps are under way.
    Playing,
    /// A write to a member has failed; the array decides what becomes of the member.
    AwaitsMap,
    /// All is written, but it is not yet on disk that a member has failed.
    AwaitsRecord,
}

/// What was tried when a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tried {
    Read,
    Write,
    Discard,
    WriteZeroes,
    Flush,
}

/// A step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) target: Target,
    /// Component sectors.
    pub(crate) range: SectorRange,
    pub(crate) fault: FaultKind,
    pub(crate) tried: Tried,
}

impl Request {
    pub(crate) const fn empty() -> Self {
        let range = SectorRange::new(0, 0);
        Self {
            home: 0,
            cookie: 0,
            work: Work::Host(HostWork::Flush),
            range,
            rest: range,
            buffer: None,
            pieces_left: 0,
            result: Ok(()),
            mismatches: 0,
        }
    }
}

impl Piece {
    pub(crate) fn empty() -> Self {
        Self {
            state: State::Idle,
            request: 0,
            range: SectorRange::default(),
            window: 0,
            held: None,
            done: Sectors::ZERO,
            span_limit: Sectors::ZERO,
            span: SectorRange::default(),
            plan: Plan::new(),
            cursor: 0,
            outstanding: 0,
            map_generation: 0,
            must_record: 0,
            life: 0,
            lent: Lent::default(),
            token: None,
            zeroes: Zeroes::NotWritten,
            extents: Vec::new(),
            writes_until: 0,
            failures: Vec::new(),
            suspects: Vec::new(),
            marks: Vec::new(),
            mend: None,
        }
    }

    /// Makes the place a piece of `request`.
    pub(crate) fn reset(&mut self, request: Key, range: SectorRange, window: u64) {
        debug_assert_eq!(self.state, State::Idle, "only a free place is taken");
        debug_assert_eq!(self.outstanding, 0, "nothing is under way for a free place");
        self.state = State::Planning;
        self.request = request;
        self.range = range;
        self.window = window;
        self.held = None;
        self.zeroes = Zeroes::NotWritten;
        self.done = Sectors::ZERO;
        self.span_limit = range.len;
        self.life = self.life.wrapping_add(1);
        self.failures.clear();
        self.suspects.clear();
        self.marks.clear();
        self.mend = None;
    }

    /// Whether a plan of it is played that was made from a map.
    pub(crate) const fn is_on_a_map(&self) -> bool {
        matches!(self.state, State::Playing | State::AwaitsScratch)
    }

    /// The sectors to be planned next.
    pub(crate) fn next_span(&self) -> SectorRange {
        let left = self.range.len - self.done;
        (self.range.start + self.done).range(left.min(self.span_limit))
    }
}

/// The pieces of a range, in order.
pub(crate) fn pieces(
    range: SectorRange,
    dimensions: &Dimensions,
) -> impl Iterator<Item = (u64, SectorRange)> + '_ {
    let mut left = range;
    std::iter::from_fn(move || {
        let window = dimensions.window_of(left.start);
        let in_window = left.intersection(dimensions.window_range(window));
        if in_window.is_empty() {
            return None;
        }
        let piece = left.start.range(in_window.len.min(LONGEST_PIECE));
        left = SectorRange { start: piece.end(), len: left.len - piece.len };
        Some((window, piece))
    })
}

/// The most pieces that a request with a payload of `sectors` can have.
pub(crate) fn most_pieces(sectors: u64, dimensions: &Dimensions) -> u64 {
    let least = dimensions.window.min(LONGEST_PIECE).0.max(1);
    // One more at each border that lies inside: the first piece, and the rest of a long window.
    2 * sectors.div_ceil(least) + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use paritas_units::{Chunk, Level};

    fn dimensions(window: u64, array: u64) -> Dimensions {
        Dimensions {
            level: Level::Raid5,
            slots: 3,
            chunk: Chunk(8),
            array: Sectors(array),
            used: vec![Sectors(array); 3],
            window: Sectors(window),
            may_miss: 1,
        }
    }

    #[test]
    fn pieces_cover_the_range_and_stay_in_their_windows() {
        for (window, start, len) in
            [(16, 0, 16), (16, 5, 60), (5000, 10, 2048), (5000, 2900, 2048), (2048, 2047, 2)]
        {
            let dimensions = dimensions(window, 100_000);
            let range = SectorRange::new(start, len);
            let mut next = range.start;
            let mut count = 0;
            for (number, piece) in pieces(range, &dimensions) {
                assert_eq!(piece.start, next);
                assert!(!piece.is_empty() && piece.len <= LONGEST_PIECE);
                assert!(dimensions.window_range(number).covers(piece));
                next = piece.end();
                count += 1;
            }
            assert_eq!(next, range.end());
            assert!(count <= most_pieces(len, &dimensions), "{count} pieces of {range}");
        }
    }
}
