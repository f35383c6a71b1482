//! A plan: a short list of steps, cut into phases by fences.
//!
//! No branch, no loop, no variable beyond buffer numbers. A branch is a new plan. Steps between two
//! fences may run at once and in any order; a fence waits for all before it. The list ends with
//! [`Step::Ack`], or carries it earlier where the host need not wait for the rest.
//!
//! A plan is reused: clearing keeps its memory. It prints as text, so that a golden plan can be
//! reviewed.

use paritas_units::{SECTOR_BYTES, Seat, Sector, Sectors, Slot};
use std::fmt;

/// How many steps back a discard looks for one that it goes on from.
const MERGE_REACH: usize = 16;

/// A buffer of the plan: the host's, or scratch that the player lends for the time of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BufferId(pub u16);

impl BufferId {
    /// The host's payload; byte 0 is the first byte of the intent's range.
    pub const HOST: Self = Self(0);
}

/// A place in a buffer: where a step's bytes begin. Always a multiple of 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which buffer.
    pub buffer: BufferId,
    /// Bytes from its beginning.
    pub byte: u32,
}

impl Place {
    /// The place in `buffer` that is `distance` from its beginning.
    ///
    /// # Panics
    /// At 4 GiB and beyond; an intent is far shorter (see [`Intent`](crate::Intent)).
    #[must_use]
    pub fn new(buffer: BufferId, distance: Sectors) -> Self {
        Self { buffer, byte: bytes(distance) }
    }

    /// Whether `next` begins where `len` sectors from here end.
    fn is_followed_by(self, len: Sectors, next: Self) -> bool {
        self.buffer == next.buffer
            && u64::from(self.byte) + len.0 * SECTOR_BYTES == u64::from(next.byte)
    }
}

/// The bytes of `sectors`, which lie in one intent.
pub(crate) fn bytes(sectors: Sectors) -> u32 {
    sectors.bytes().and_then(|bytes| u32::try_from(bytes).ok()).expect("an intent is below 4 GiB")
}

/// The member that a step addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The slot.
    pub slot: Slot,
    /// Which of its two members.
    pub seat: Seat,
}

/// What a block is in its stripe's equations: P = Σ D, Q = Σ g^exponent · D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    /// A data block, with its exponent in the equation of Q.
    Data(u8),
    /// The first parity.
    P,
    /// The second parity.
    Q,
}

/// A block that takes part in a computation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where its bytes are.
    pub place: Place,
    /// What it is.
    pub term: Term,
}

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Bring sectors of a member into a buffer.
    Read {
        /// The member.
        from: Target,
        /// Position from the beginning of its data.
        at: Sector,
        /// How many.
        sectors: Sectors,
        /// Where the bytes go.
        into: Place,
    },
    /// Solve the stripe's equations: the outputs, which are unknown, from the inputs, which are
    /// all other blocks that matter. Plain XOR where P serves; one input alone is a copy.
    Solve {
        /// How many of the plan's parts, from its cursor on, are inputs.
        inputs: u16,
        /// How many after them are outputs.
        outputs: u16,
        /// The first part's number.
        first: u32,
        /// Bytes of each block.
        bytes: u32,
    },
    /// Check the stripe's equations: report whether the parts satisfy them. Parts without a
    /// parity among them are copies, two of them, which must be equal.
    ///
    /// There is one such step for each thing that md counts: of copies, every copy but the first
    /// in every 64 KiB (and chunk); with parity, every 4 KiB of a row. What is counted when one
    /// fails is the level's: the sectors of the step.
    Compare {
        /// How many parts.
        parts: u16,
        /// The first part's number.
        first: u32,
        /// Bytes of each block.
        bytes: u32,
    },
    /// Bring a buffer's bytes to a member.
    Write {
        /// The member.
        to: Target,
        /// Position from the beginning of its data.
        at: Sector,
        /// How many.
        sectors: Sectors,
        /// Where the bytes come from.
        from: Place,
    },
    /// Record in the log what is about to change.
    Log {
        /// The member that holds the log.
        to: Target,
    },
    /// Bring what the member holds in its cache to stable storage.
    Flush {
        /// The member.
        target: Target,
    },
    /// Tell the member that sectors are not needed, or shall be zero.
    Discard {
        /// The member.
        target: Target,
        /// Position from the beginning of its data.
        at: Sector,
        /// How many.
        sectors: Sectors,
        /// Whether they must read as zeroes afterwards.
        zeroes: bool,
    },
    /// Wait for everything before.
    Fence,
    /// Tell the host that its request is done.
    Ack,
}

/// A list of steps with the parts and scratch buffers that they name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<Step>,
    parts: Vec<Part>,
    scratch: Vec<u32>,
    /// Memory of who writes the plan; empty whenever nobody does.
    buffers: SlotBuffers,
}

/// Scratch buffers by slot; two, for lines that are far apart.
pub(crate) type SlotBuffers = Vec<[Option<BufferId>; 2]>;

impl Plan {
    /// An empty plan.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.parts.clear();
        self.scratch.clear();
    }

    /// The steps in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// `count` parts from number `first` on; empty if there are not so many.
    #[must_use]
    pub fn parts(&self, first: u32, count: u16) -> &[Part] {
        let beyond = usize::try_from(first).unwrap_or(usize::MAX);
        let parts = self.parts.get(beyond..).unwrap_or_default();
        parts.get(..usize::from(count)).unwrap_or_default()
    }

    /// Bytes of each scratch buffer; the first is `BufferId(1)`.
    #[must_use]
    pub fn scratch(&self) -> &[u32] {
        &self.scratch
    }

    /// Asks for a scratch buffer of `bytes`.
    pub fn add_scratch(&mut self, bytes: u32) -> BufferId {
        self.scratch.push(bytes);
        BufferId(u16::try_from(self.scratch.len()).expect("plans are bounded by the geometry"))
    }

    /// Appends a step.
    pub fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    /// Appends a fence unless there is nothing to wait for.
    pub fn fence(&mut self) {
        if !matches!(self.steps.last(), None | Some(Step::Fence)) {
            self.steps.push(Step::Fence);
        }
    }

    /// Appends a [`Step::Read`], or makes the last one longer if it goes on exactly there.
    pub fn read(&mut self, from: Target, at: Sector, sectors: Sectors, into: Place) {
        if let Some(Step::Read { from: last, at: start, sectors: len, into: place }) =
            self.steps.last_mut()
            && *last == from
            && *start + *len == at
            && place.is_followed_by(*len, into)
        {
            *len = *len + sectors;
            return;
        }
        self.steps.push(Step::Read { from, at, sectors, into });
    }

    /// Appends a [`Step::Write`], or makes the last one longer if it goes on exactly there.
    pub fn write(&mut self, to: Target, at: Sector, sectors: Sectors, from: Place) {
        if let Some(Step::Write { to: last, at: start, sectors: len, from: place }) =
            self.steps.last_mut()
            && *last == to
            && *start + *len == at
            && place.is_followed_by(*len, from)
        {
            *len = *len + sectors;
            return;
        }
        self.steps.push(Step::Write { to, at, sectors, from });
    }

    /// Appends a [`Step::Discard`], or makes one of the last ones longer if it goes on there.
    pub fn discard(&mut self, target: Target, at: Sector, sectors: Sectors, zeroes: bool) {
        // Stripes come round to the same member soon; a plan of very many members need not merge.
        let recent = self.steps.iter_mut().rev().take(MERGE_REACH);
        for step in recent.take_while(|step| matches!(step, Step::Discard { .. })) {
            if let Step::Discard { target: last, at: start, sectors: len, zeroes: kind } = step
                && *last == target
                && *kind == zeroes
                && *start + *len == at
            {
                *len = *len + sectors;
                return;
            }
        }
        self.steps.push(Step::Discard { target, at, sectors, zeroes });
    }

    /// Ends the plan: waits for everything, then tells the host.
    pub fn finish(&mut self) {
        self.fence();
        self.steps.push(Step::Ack);
    }

    /// Appends a [`Step::Solve`] of `bytes` per block.
    pub fn solve(
        &mut self,
        inputs: impl IntoIterator<Item = Part>,
        outputs: impl IntoIterator<Item = Part>,
        bytes: u32,
    ) {
        let (first, inputs) = self.add_parts(inputs);
        let (_, outputs) = self.add_parts(outputs);
        self.steps.push(Step::Solve { inputs, outputs, first, bytes });
    }

    /// Appends a part, for a step that [`Plan::solve_since`] makes.
    pub(crate) fn part(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// How many parts there are.
    pub(crate) fn part_count(&self) -> usize {
        self.parts.len()
    }

    /// Appends a [`Step::Solve`] whose parts are those from number `first` on, of which those from
    /// `split` on are outputs.
    pub(crate) fn solve_since(&mut self, first: usize, split: usize, bytes: u32) {
        let count = |from: usize, to: usize| {
            u16::try_from(to - from).expect("plans are bounded by the geometry")
        };
        let (inputs, outputs) = (count(first, split), count(split, self.parts.len()));
        let first = u32::try_from(first).expect("plans are bounded by the intent");
        self.steps.push(Step::Solve { inputs, outputs, first, bytes });
    }

    /// Appends a [`Step::Compare`] of `bytes` per block.
    pub fn compare(&mut self, parts: impl IntoIterator<Item = Part>, bytes: u32) {
        let (first, parts) = self.add_parts(parts);
        self.steps.push(Step::Compare { parts, first, bytes });
    }

    /// A list for `slots` slots, all without a buffer, to be given back.
    pub(crate) fn take_buffers(&mut self, slots: u16) -> SlotBuffers {
        let mut buffers = std::mem::take(&mut self.buffers);
        buffers.resize(usize::from(slots), [None; 2]);
        buffers
    }

    /// Takes the memory of a list back.
    pub(crate) fn give_back(&mut self, mut buffers: SlotBuffers) {
        buffers.clear();
        self.buffers = buffers;
    }

    /// Appends parts; the first one's number, and how many they are.
    fn add_parts(&mut self, parts: impl IntoIterator<Item = Part>) -> (u32, u16) {
        let before = self.parts.len();
        self.parts.extend(parts);
        let first = u32::try_from(before).expect("plans are bounded by the intent");
        let count = u16::try_from(self.parts.len() - before);
        (first, count.expect("plans are bounded by the geometry"))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.buffer {
            BufferId::HOST => write!(f, "host+{}", self.byte),
            BufferId(number) => write!(f, "scratch{number}+{}", self.byte),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seat {
            Seat::Original => write!(f, "slot {}", self.slot),
            Seat::Replacement => write!(f, "slot {} replacement", self.slot),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.term {
            Term::Data(exponent) => write!(f, "D{exponent}({})", self.place),
            Term::P => write!(f, "P({})", self.place),
            Term::Q => write!(f, "Q({})", self.place),
        }
    }
}

impl Plan {
    fn print_step(&self, step: &Step, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words =
            |parts: &[Part]| parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        match *step {
            Step::Read { from, at, sectors, into } => {
                writeln!(f, "  read     {from} @ {at}+{sectors} -> {into}")
            }
            Step::Solve { inputs, outputs, first, bytes } => {
                let (from, to) =
                    (self.parts(first, inputs), self.parts(first + u32::from(inputs), outputs));
                writeln!(f, "  solve    {} -> {} ; {bytes} bytes each", words(from), words(to))
            }
            Step::Compare { parts, first, bytes } => {
                writeln!(f, "  compare  {} ; {bytes} bytes each", words(self.parts(first, parts)))
            }
            Step::Write { to, at, sectors, from } => {
                writeln!(f, "  write    {to} @ {at}+{sectors} <- {from}")
            }
            Step::Log { to } => writeln!(f, "  log      {to}"),
            Step::Flush { target } => writeln!(f, "  flush    {target}"),
            Step::Discard { target, at, sectors, zeroes } => {
                let verb = if zeroes { "zero    " } else { "discard " };
                writeln!(f, "  {verb} {target} @ {at}+{sectors}")
            }
            Step::Fence => writeln!(f, "  ----"),
            Step::Ack => writeln!(f, "  ack"),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| self.print_step(step, f))
    }
}
