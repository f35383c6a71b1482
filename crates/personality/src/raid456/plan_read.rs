//! Reading with parity: what can be read is read, what cannot is solved for.
//!
//! The one thing to understand: direct reads go chunk by chunk, but losses go *row by row*. Rows
//! of the request are cut where it begins or ends and where any slot's answer changes, so that
//! each piece has one set of unreadable slots, one equation, and one answer to "is this block on
//! its way into the host's buffer anyway". Blocks that are not come into scratch.
//!
//! A plan has at most three phases: reads, solves, the acknowledgement.

use super::arrangement::{Block, Stripe};
use super::layout::ParityLayout;
use crate::plan::bytes;
use crate::{BufferId, Part, Place, Plan, Target, Term, Unservable, View};
use paritas_units::{Sector, SectorRange, Sectors, Slot};

/// Writes the plan of a read within one row of chunks.
pub(super) fn plan_read(
    layout: &ParityLayout,
    range: SectorRange,
    view: &View<'_>,
    plan: &mut Plan,
) -> Result<(), Unservable> {
    if range.is_empty() {
        plan.finish();
        return Ok(());
    }
    let request = Request::new(layout, range);
    if request.read_directly(view, plan) {
        let losses = request.losses(view).inspect_err(|_| plan.clear())?;
        let scratch = request.read_others(&losses, view, plan);
        plan.fence();
        for loss in &losses {
            request.solve(loss, &scratch, plan);
        }
    }
    plan.finish();
    Ok(())
}

/// A read within one row of chunks. Offsets named `line` count sectors within a chunk.
struct Request<'a> {
    layout: &'a ParityLayout,
    range: SectorRange,
    stripe: Stripe,
    /// Where the row begins on every member.
    base: u64,
    /// The first wanted sector and the one after the last, counted from the beginning of the row.
    from: u64,
    to: u64,
}

/// Lines in which wanted data cannot be read, and the way to get them.
struct Loss {
    line: u64,
    len: u64,
    /// Data chunks that cannot be read there: one or two.
    unknown: Vec<u16>,
    uses_p: bool,
    uses_q: bool,
}

/// The scratch buffers of a plan: by slot, and by whether the lines are those at the end of the
/// first wanted chunk or those at the beginning of the last one, which may be far apart.
struct Scratch {
    buffers: Vec<[Option<BufferId>; 2]>,
    /// The lines of the two kinds of buffers.
    lines: [(u64, u64); 2],
}

impl<'a> Request<'a> {
    fn new(layout: &'a ParityLayout, range: SectorRange) -> Self {
        let window = layout.dimensions.window.0;
        let (row, from) = (range.start.0 / window, range.start.0 % window);
        debug_assert!(from + range.len.0 <= window, "the range lies in one window");
        let base = row * layout.chunk();
        Self { layout, range, stripe: layout.stripe(row), base, from, to: from + range.len.0 }
    }

    /// The wanted data chunks: the first and the last.
    fn chunks(&self) -> (u16, u16) {
        let chunk = |offset: u64| {
            u16::try_from(offset / self.layout.chunk()).expect("a row has fewer chunks than slots")
        };
        (chunk(self.from), chunk(self.to - 1))
    }

    /// The wanted lines of data chunk `index`: from, to.
    fn lines(&self, index: u16) -> (u64, u64) {
        let start = u64::from(index) * self.layout.chunk();
        let end = start + self.layout.chunk();
        (self.from.clamp(start, end) - start, self.to.clamp(start, end) - start)
    }

    /// Whether `line` of data chunk `index` is wanted.
    fn wants(&self, index: u16, line: u64) -> bool {
        let (from, to) = self.lines(index);
        from <= line && line < to
    }

    /// Where a wanted line of a data chunk belongs in the host's buffer.
    fn host(&self, index: u16, line: u64) -> Place {
        let in_row = u64::from(index) * self.layout.chunk() + line;
        Place::new(BufferId::HOST, Sectors(in_row - self.from))
    }

    fn at(&self, line: u64) -> Sector {
        Sector(self.base + line)
    }

    /// Reads what can be read where it is; says whether something could not.
    fn read_directly(&self, view: &View<'_>, plan: &mut Plan) -> bool {
        let (first, last) = self.chunks();
        let mut is_degraded = false;
        for index in first..=last {
            let slot = Slot(self.stripe.slot(index));
            let seats = view.slot(slot);
            let (mut line, end) = self.lines(index);
            while line < end {
                let (at, want) = (self.at(line), Sectors(end - line));
                if let Some((seat, good)) = seats.readable(at, want) {
                    plan.read(Target { slot, seat }, at, good, self.host(index, line));
                    line += good.0;
                } else {
                    is_degraded = true;
                    line += seats.uniform(at, want).0;
                }
            }
        }
        is_degraded
    }

    /// The wanted lines, cut where the set of wanted chunks changes.
    fn segments(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let (first, last) = self.chunks();
        let (begin, end) = (self.lines(first).0, self.lines(last).1);
        let chunk = self.layout.chunk();
        let pieces = if first == last {
            [(begin, end), (0, 0), (0, 0)]
        } else if begin < end {
            [(0, begin), (begin, end), (end, chunk)]
        } else if last - first > 1 {
            [(0, end), (end, begin), (begin, chunk)]
        } else {
            [(0, end), (begin, chunk), (0, 0)]
        };
        pieces.into_iter().filter(|(from, to)| from < to)
    }

    /// Every piece of wanted lines that must be solved for, in rising order.
    fn losses(&self, view: &View<'_>) -> Result<Vec<Loss>, Unservable> {
        let mut losses = Vec::new();
        for (mut line, end) in self.segments() {
            while line < end {
                let (len, is_lost) = self.uniform(line, end - line, view);
                if is_lost {
                    losses.push(self.loss(line, len, view)?);
                }
                line += len;
            }
        }
        Ok(losses)
    }

    /// How many lines from `line` on are alike in every slot that matters, and whether wanted
    /// data are unreadable in them.
    fn uniform(&self, line: u64, want: u64, view: &View<'_>) -> (u64, bool) {
        let (first, last) = self.chunks();
        let at = self.at(line);
        let mut len = Sectors(want);
        let mut is_lost = false;
        for index in (first..=last).filter(|index| self.wants(*index, line)) {
            let seats = view.slot(Slot(self.stripe.slot(index)));
            is_lost |= seats.readable(at, Sectors(1)).is_none();
            len = seats.uniform(at, len);
        }
        if is_lost {
            for slot in 0..self.layout.dimensions.slots {
                len = view.slot(Slot(slot)).uniform(at, len);
            }
        }
        (len.0, is_lost)
    }

    /// Chooses the equations for lines in which every slot is uniform.
    fn loss(&self, line: u64, len: u64, view: &View<'_>) -> Result<Loss, Unservable> {
        let is_readable =
            |slot: u16| view.slot(Slot(slot)).readable(self.at(line), Sectors(1)).is_some();
        let unknown: Vec<u16> =
            (0..self.layout.data).filter(|index| !is_readable(self.stripe.slot(*index))).collect();
        let has_p = is_readable(self.stripe.p);
        let has_q = self.stripe.q.is_some_and(is_readable);
        let (uses_p, uses_q) = match unknown.len() {
            1 if has_p => (true, false),
            1 if has_q => (false, true),
            2 if has_p && has_q => (true, true),
            _ => return Err(self.lost(line, len, &unknown, &is_readable)),
        };
        Ok(Loss { line, len, unknown, uses_p, uses_q })
    }

    fn lost(
        &self,
        line: u64,
        len: u64,
        unknown: &[u16],
        is_readable: &dyn Fn(u16) -> bool,
    ) -> Unservable {
        let first = unknown.iter().copied().find(|index| self.wants(*index, line)).unwrap_or(0);
        let in_row = u64::from(first) * self.layout.chunk() + line;
        let start = Sector(self.range.start.0 - self.from + in_row);
        let slots = 0..self.layout.dimensions.slots;
        let missing = slots.filter(|slot| !is_readable(*slot)).map(Slot).collect();
        Unservable::Lost { range: start.range(Sectors(len)), missing }
    }

    /// Reads into scratch what the equations need and the host does not get, slot by slot, so
    /// that steps can merge.
    fn read_others(&self, losses: &[Loss], view: &View<'_>, plan: &mut Plan) -> Scratch {
        let mut scratch = Scratch::new(self, losses);
        for slot in (0..self.layout.dimensions.slots).map(Slot) {
            for loss in losses {
                let (is_input, is_unknown) = match self.stripe.block(slot.0) {
                    Block::Data(index) if self.wants(index, loss.line) => (false, false),
                    Block::Data(index) if loss.unknown.contains(&index) => (false, true),
                    Block::Data(_) => (true, false),
                    Block::P => (loss.uses_p, false),
                    Block::Q => (loss.uses_q, false),
                };
                if !is_input && !is_unknown {
                    continue;
                }
                let place = scratch.claim(slot, loss.line, plan);
                let (at, len) = (self.at(loss.line), Sectors(loss.len));
                if is_input && let Some((seat, good)) = view.slot(slot).readable(at, len) {
                    debug_assert_eq!(good, len, "the lines are uniform in every slot");
                    plan.read(Target { slot, seat }, at, good, place);
                }
            }
        }
        scratch
    }

    fn solve(&self, loss: &Loss, scratch: &Scratch, plan: &mut Plan) {
        let part = |index: u16| {
            let slot = self.stripe.slot(index);
            let place = if self.wants(index, loss.line) {
                self.host(index, loss.line)
            } else {
                scratch.place(Slot(slot), loss.line)
            };
            Part { place, term: self.stripe.term(slot) }
        };
        let mut inputs: Vec<Part> =
            (0..self.layout.data).filter(|index| !loss.unknown.contains(index)).map(part).collect();
        if loss.uses_p {
            let place = scratch.place(Slot(self.stripe.p), loss.line);
            inputs.push(Part { place, term: Term::P });
        }
        if let Some(q) = self.stripe.q.filter(|_| loss.uses_q) {
            inputs.push(Part { place: scratch.place(Slot(q), loss.line), term: Term::Q });
        }
        let outputs: Vec<Part> = loss.unknown.iter().map(|index| part(*index)).collect();
        plan.solve(&inputs, &outputs, bytes(Sectors(loss.len)));
    }
}

impl Scratch {
    /// No buffer yet; as long as the losses of `request` need them.
    fn new(request: &Request<'_>, losses: &[Loss]) -> Self {
        let (first, last) = request.chunks();
        let (begin, end) = (request.lines(first).0, request.lines(last).1);
        let is_split = last - first == 1 && end < begin;
        let split = if is_split { begin } else { u64::MAX };
        let hull = |losses: &mut dyn Iterator<Item = &Loss>| {
            losses.fold((u64::MAX, 0), |(from, to): (u64, u64), loss| {
                (from.min(loss.line), to.max(loss.line + loss.len))
            })
        };
        let lines = [
            hull(&mut losses.iter().filter(|loss| loss.line < split)),
            hull(&mut losses.iter().filter(|loss| loss.line >= split)),
        ];
        let slots = usize::from(request.layout.dimensions.slots);
        Self { buffers: vec![[None; 2]; slots], lines }
    }

    /// Which kind of buffer `line` belongs to.
    fn kind(&self, line: u64) -> usize {
        usize::from(line >= self.lines[1].0)
    }

    /// The place for `line` of `slot`, in a buffer that is added to `plan` if it is new.
    fn claim(&mut self, slot: Slot, line: u64, plan: &mut Plan) -> Place {
        let kind = self.kind(line);
        let (from, to) = self.lines[kind];
        let buffer = *self.buffers[slot.index()][kind]
            .get_or_insert_with(|| plan.add_scratch(bytes(Sectors(to - from))));
        Place::new(buffer, Sectors(line - from))
    }

    /// The place for `line` of `slot`, which was claimed.
    fn place(&self, slot: Slot, line: u64) -> Place {
        let kind = self.kind(line);
        let buffer = self.buffers[slot.index()][kind].expect("claimed when others were read");
        Place::new(buffer, Sectors(line - self.lines[kind].0))
    }
}
