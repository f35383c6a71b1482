//! When superblocks are written.
//!
//! The one thing to understand: an update is one step of the array's history. All members that
//! work get it, with the same number of events; a member that does not take it becomes faulty, and
//! that is the next update. Until an update is on disk nothing that rests on it happens: no write
//! after "active", no reply after a failure ([`Control::Recorded`]).
//!
//! Where an update lets a later start skip work (clean, or a higher resync or recovery position), all
//! members are flushed first: what was written must not be in a cache when its resync is waived.
//!
//! # States
//! *idle* → (*setting bits* ([`super::bitmaps`]) →) (*flushing* →) *writing* → *idle*, or again from the start when something has changed in
//! between.
//!
//! Kernel counterpart: `md_update_sb` (F01, F02) and `md_super_write` (D04 to D06).

use super::news::Control;
use super::{Access, Array, image};
use crate::Member;
use paritas_disk::region::{Memory, Notice, Region, Regions, Request};
use paritas_disk::{Buffer, FaultKind, Loan, Operation, Pool, Priority};
use paritas_units::{MemberId, Sector, Sectors};

/// Bytes of memory for the superblocks of one member.
const SUPERBLOCK: usize = 4096;
/// Tags of requests: the low bits are the member's number.
const FLUSH: u64 = 1 << 32;
const WRITE: u64 = 2 << 32;

/// What has been written, and what is under way.
pub(super) struct Record {
    state: State,
    /// Members, roles or positions have changed.
    members_changed: bool,
    /// What the superblocks say is to be changed between clean and active, and nothing else.
    activity_changed: bool,
    /// Members changed while nothing may be written.
    is_owed: bool,
    /// A waived resync is part of the coming update.
    waives_work: bool,
    events: u64,
    /// The last flip went from clean to active and nothing else has happened since.
    can_decrease: bool,
    /// What superblocks say.
    says_clean: bool,
    /// The generation of the map that the update under way describes.
    generation: u64,
    pool: Pool,
    /// Superblocks that there is memory for.
    most: usize,
    /// By member: the memory of its superblock.
    buffers: Vec<Option<Buffer>>,
    outstanding: u32,
    failed: Vec<(MemberId, FaultKind)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Idle,
    /// Bits of bitmaps are being set.
    Bitmaps,
    Flushing,
    Writing,
}

impl std::fmt::Debug for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Record")
            .field("state", &self.state)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Record {
    pub(super) fn new(members: &[Member]) -> Self {
        let superblocks = members.iter().filter_map(Member::superblock);
        let events = superblocks.clone().map(|superblock| superblock.events()).max().unwrap_or(0);
        let most = (superblocks.count() + 8).next_multiple_of(256);
        let pool = Pool::new(most * SUPERBLOCK);
        Self {
            state: State::Idle,
            members_changed: false,
            activity_changed: false,
            is_owed: false,
            waives_work: false,
            events,
            can_decrease: false,
            says_clean: true,
            generation: 0,
            pool,
            most,
            buffers: members.iter().map(|_| None).collect(),
            outstanding: 0,
            failed: Vec::new(),
        }
    }
}

impl Record {
    /// Whether there is memory for one superblock more than `members`.
    pub(super) const fn has_room(&self, members: usize) -> bool {
        members < self.most
    }

    /// Whether requests to members have not ended.
    pub(super) const fn is_under_way(&self) -> bool {
        self.outstanding > 0
    }

    /// A member has come.
    pub(super) fn add_member(&mut self) {
        self.buffers.push(None);
    }
}

impl Array {
    /// Members or positions have changed: superblocks are to be written.
    pub(super) fn record_members(&mut self) {
        self.record.members_changed = true;
        self.go_on_recording();
    }

    /// The same, but not yet begun.
    pub(super) const fn want_record(&mut self) {
        self.record.members_changed = true;
    }

    /// The array is opened: what changed before is recorded.
    pub(super) fn record_what_is_owed(&mut self) {
        if std::mem::take(&mut self.record.is_owed) {
            self.record_members();
        }
    }

    /// The same, where the change lets a later start skip work.
    pub(super) fn record_progress(&mut self) {
        self.record.waives_work = true;
        self.record_members();
    }

    /// The array becomes active or clean.
    pub(super) fn record_activity(&mut self) {
        self.record.activity_changed = true;
        self.go_on_recording();
    }

    /// Whether an update is wanted or under way.
    pub(super) fn is_recording(&self) -> bool {
        let Record { state, members_changed, activity_changed, .. } = &self.record;
        *state != State::Idle || *members_changed || *activity_changed
    }

    /// The number of events that superblocks hold.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.record.events
    }

    /// Begins an update if one is wanted and none is under way.
    pub(super) fn go_on_recording(&mut self) {
        let wanted = self.record.members_changed || self.record.activity_changed;
        if self.record.state != State::Idle || !wanted || self.freezer.is_frozen() {
            return;
        }
        if self.access != Access::ReadWrite || !self.has_metadata() {
            // Nothing is written now; what waits for it need not wait.
            self.record.is_owed |= self.record.members_changed;
            (self.record.members_changed, self.record.activity_changed) = (false, false);
            self.record.generation = self.map.generation();
            return self.update_done();
        }
        if self.bitmaps.is_owed() {
            self.record.state = State::Bitmaps;
            return self.begin_bitmaps();
        }
        let becomes_clean = self.activity.says_clean() && !self.record.says_clean;
        if self.record.waives_work || becomes_clean {
            self.record.state = State::Flushing;
            self.record.waives_work = false;
            return self.flush_all();
        }
        self.write_superblocks();
    }

    fn working(&self) -> Vec<MemberId> {
        let is_working = |(_, member): &(u16, &Member)| member.works();
        (0..).zip(&self.members).filter(is_working).map(|(id, _)| MemberId(id)).collect()
    }

    fn flush_all(&mut self) {
        let targets: Vec<MemberId> =
            self.working().into_iter().filter(|id| self.member(*id).target().is_some()).collect();
        for id in targets {
            let disk = self.member(id).disk;
            let region = Region { disk, at: Sector::ZERO, count: Sectors::ZERO };
            self.send_record(FLUSH | u64::from(id.0), Operation::Flush, region, Memory::None);
        }
        if self.record.outstanding == 0 {
            self.write_superblocks();
        }
    }

    fn write_superblocks(&mut self) {
        self.record.state = State::Writing;
        self.count_event();
        let (members_changed, activity_changed) = (false, false);
        (self.record.members_changed, self.record.activity_changed) =
            (members_changed, activity_changed);
        self.record.generation = self.map.generation();
        self.record.says_clean = self.activity.says_clean();
        let facts = image::Facts {
            events: self.record.events,
            is_clean: self.record.says_clean,
            resync_offset: self.resync_offset,
            seconds: self.clock.wall,
        };
        let images = image::all(&self.members, self.dimensions().slots, &facts);
        for (id, image) in images {
            self.write_superblock(id, image);
        }
        if self.record.outstanding == 0 {
            self.update_done();
        }
    }

    /// Counts the update: one event more, or, where it only undoes the last flip, one less (2.5).
    ///
    /// While a slot is empty the number never goes back: the member that left it may come again, and
    /// only the number tells that it has missed writes.
    fn count_event(&mut self) {
        let is_flip = self.record.activity_changed && !self.record.members_changed;
        let becomes_clean = self.activity.says_clean();
        let decreases = is_flip
            && becomes_clean
            && self.record.can_decrease
            && self.resync_offset == Sector::MAX
            && !self.is_degraded()
            && self.record.events != 1;
        if decreases {
            self.record.events -= 1;
            self.record.can_decrease = false;
        } else {
            self.record.events += 1;
            self.record.can_decrease = is_flip && !becomes_clean;
        }
    }

    fn write_superblock(&mut self, id: MemberId, image: image::Image) {
        let member = self.member(id);
        let disk = member.disk;
        let block = usize::try_from(member.logical_block.max(512)).unwrap_or(SUPERBLOCK);
        let bytes = image.bytes.len().next_multiple_of(block).min(SUPERBLOCK);
        let at = image.at;
        if let Some(member) = self.member_mut(id) {
            member.superblock = Some(image.superblock);
        }
        let Some(loan) = self.lend_for(id, &image.bytes, bytes) else { return };
        let count = Sectors::whole_in(u64::try_from(bytes).unwrap_or(0));
        let operation = Operation::Write { flush_before: true, durable: true };
        let region = Region { disk, at, count };
        self.send_record(WRITE | u64::from(id.0), operation, region, Memory::Contiguous(loan));
    }

    /// Lends the first `len` bytes of a member's memory, which begin with `content`.
    pub(super) fn lend_for(&mut self, id: MemberId, content: &[u8], len: usize) -> Option<Loan> {
        let place = self.record.buffers.get_mut(usize::from(id.0));
        let (Some(place), Ok(mut buffer)) = (place, self.record.pool.take(SUPERBLOCK)) else {
            debug_assert!(false, "there is memory for every superblock");
            self.note_failed(id, FaultKind::Io);
            return None;
        };
        buffer.bytes_mut().fill(0);
        for (to, from) in buffer.bytes_mut().iter_mut().zip(content) {
            *to = *from;
        }
        let loan = buffer.lend(0..len);
        *place = Some(buffer);
        Some(loan)
    }

    /// A member did not take what was to be written.
    pub(super) fn note_failed(&mut self, id: MemberId, fault: FaultKind) {
        self.record.failed.push((id, fault));
    }

    /// Judges those that did not take what was to be written.
    pub(super) fn settle_failed(&mut self) {
        for (id, fault) in std::mem::take(&mut self.record.failed) {
            self.write_failed(id, fault);
        }
    }

    /// The bits are set: on with the update that waits for it.
    pub(super) fn bitmaps_done(&mut self) {
        if self.freezer.is_frozen() {
            return self.interrupt_recording();
        }
        self.record.state = State::Idle;
        self.go_on_recording();
    }

    /// The memory of a member is back; what is in it.
    pub(super) fn take_back_page(&mut self, id: MemberId, memory: Memory) -> Option<Vec<u8>> {
        let Memory::Contiguous(loan) = memory else { return None };
        let mut buffer = self.record.buffers.get_mut(usize::from(id.0))?.take()?;
        buffer.take_back(loan);
        Some(buffer.bytes().to_vec())
    }

    pub(super) fn send_record(
        &mut self,
        tag: u64,
        operation: Operation,
        region: Region,
        memory: Memory,
    ) {
        self.record.outstanding += 1;
        let (regions, priority) = (Regions::One(region), Priority::Metadata);
        self.actions.requests.push(Request { tag, operation, regions, memory, priority });
    }

    /// A flush or a superblock has ended.
    pub(super) fn recorded_one(&mut self, notice: Notice) {
        let id = MemberId(u16::try_from(notice.tag & 0xFFFF).unwrap_or(u16::MAX));
        if self.record.state == State::Bitmaps {
            self.record.outstanding -= 1;
            return self.bitmap_ended(id, notice);
        }
        let _content = self.take_back_page(id, notice.memory);
        if !notice.errors.is_empty() || notice.fault.is_some() {
            self.record.failed.push((id, notice.fault.unwrap_or(FaultKind::Io)));
        }
        self.record.outstanding -= 1;
        if self.record.outstanding > 0 {
            return;
        }
        let was = self.record.state;
        self.settle_failed();
        if self.freezer.is_frozen() {
            return self.interrupt_recording();
        }
        match was {
            State::Flushing => self.write_superblocks(),
            State::Writing => self.update_done(),
            State::Idle | State::Bitmaps => debug_assert!(false, "a notice without an update"),
        }
    }

    /// The array is frozen: what was not yet handed out of an update is taken back, and all of it
    /// is wanted again.
    pub(super) fn interrupt_recording(&mut self) {
        for request in std::mem::take(&mut self.actions.requests) {
            let id = usize::try_from(request.tag & 0xFFFF).unwrap_or(usize::MAX);
            if let Memory::Contiguous(loan) = request.memory
                && let Some(place) = self.record.buffers.get_mut(id)
                && let Some(mut buffer) = place.take()
            {
                buffer.take_back(loan);
            }
            self.record.outstanding -= 1;
        }
        if self.record.state != State::Idle {
            self.record.members_changed = true;
            self.record.activity_changed = self.activity.is_changing();
            (self.record.can_decrease, self.record.says_clean) = (false, false);
        }
        if self.record.outstanding == 0 {
            self.record.state = State::Idle;
        }
    }

    /// Whether nothing of an update is under way.
    pub(super) fn record_is_idle(&self) -> bool {
        self.record.state == State::Idle
    }

    /// An update is on disk: those who waited for it go on.
    fn update_done(&mut self) {
        self.record.state = State::Idle;
        let generation = self.record.generation;
        self.freezer.recorded(generation);
        self.tell_all(Control::Recorded(generation));
        if !self.record.activity_changed {
            self.activity_recorded();
        }
        self.walk_recorded();
        self.go_on_recording();
    }

    fn member(&self, id: MemberId) -> &Member {
        self.members.get(usize::from(id.0)).expect("numbers of members come from this array")
    }
}
