//! The array: one owner of members, map, metadata and policy; the shards do the work.
//!
//! The one thing to understand: shards never change what they know of members. They report, the
//! array judges and makes a new [`MemberMap`], and each shard adopts it between two turns and
//! acknowledges it when no plan of its own was made from an older one. So "nobody acts on the old
//! state any more" is a number: [`Array::oldest_generation`].
//!
//! The array is stepped like a shard: reports, notices and ticks go in; requests to members and
//! controls for shards come out as [`ArrayActions`]. Its parts: when superblocks are written
//! ([`record`]) and what stands in them ([`image`]), bitmaps ([`bitmaps`]), the active mark ([`activity`]), what may be done
//! ([`access`]), what happens when the host's file system fails ([`freeze`]), members that come and go ([`members`]), the walk over all windows ([`walk`]) and
//! what people order of it ([`action`]).
//!
//! Deliberately absent: the threads that carry controls and reports.

mod access;
mod action;
mod activity;
mod bitmaps;
mod freeze;
mod image;
mod members;
mod news;
mod record;
mod show;
mod walk;

pub use access::{AccessError, ArrayState};
pub use action::{ActionError, SyncAction, UnknownAction};
pub use members::{AddError, FailError, RemoveError};
pub use news::{ArrayActions, Control, Recipient, Report, StartError};
pub use walk::{Progress, WalkLimits};

use crate::gate::Gate;
use crate::lease::Lease;
use crate::map::MapFacts;
use crate::shard::ShardStart;
use crate::{Access, Assembly, Limits, Member, MemberMap, MemberState, Shard, Sharding};
use access::Closing;
use activity::Activity;
use bitmaps::Bitmaps;
use freeze::Freezer;
use paritas_disk::region::MOST_REGIONS;
use paritas_disk::{Facts, region};
use paritas_personality::{Dimensions, Geometry, Survival, Target};
use paritas_units::{Level, MemberId, Seat, Sector, Sectors, Slot};
use record::Record;
use std::sync::Arc;
use std::time::Duration;
use walk::Walker;

/// The time, as whoever steps the engine knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Since any moment; it never goes back.
    pub steady: Duration,
    /// Seconds since 1970, for superblocks.
    pub wall: u64,
}

/// The weight of read errors at which a member is given up (P109).
#[doc(alias = "max_corrected_read_errors")]
const MOST_READ_ERRORS: u64 = 20;
/// The same with parity, where the driver compares with the stripes that it keeps.
const MOST_READ_ERRORS_WITH_PARITY: u64 = 256;

/// A running array.
#[doc(alias = "mddev")]
#[derive(Debug)]
pub struct Array {
    name: Arc<str>,
    geometry: Arc<dyn Geometry>,
    members: Vec<Member>,
    map: Arc<MemberMap>,
    sharding: Sharding,
    /// By shard: the newest map that it has acknowledged.
    acknowledged: Vec<u64>,
    access: Access,
    /// The array is becoming read-only.
    closing: Option<Closing>,
    /// Redundancy agrees below this position, as superblocks hold it.
    #[doc(alias = "recovery_cp")]
    resync_offset: Sector,
    is_broken: bool,
    /// The last map in which a member has failed.
    must_record: u64,
    clock: Clock,
    activity: Activity,
    record: Record,
    walker: Walker,
    freezer: Freezer,
    bitmaps: Bitmaps,
    actions: ArrayActions,
}

impl Array {
    /// An array of `shards` shards (at least one) from what assembly found; `disks` are the facts
    /// of the members' disks and then of the spares', in their order.
    ///
    /// # Errors
    /// [`StartError`] if the members and disks do not fit the geometry.
    pub fn new(assembly: &Assembly, disks: &[Facts], shards: u16) -> Result<Self, StartError> {
        check(assembly, disks)?;
        let dimensions = assembly.geometry.dimensions();
        let members = Member::all(assembly, disks);
        let resync_offset = assembly.resync_offset;
        let is_open = assembly.access == Access::ReadWrite;
        let facts = MapFacts {
            generation: 0,
            resync_offset,
            is_broken: false,
            is_open,
            must_record: 0,
            frozen: None,
        };
        let shards = if dimensions.level == Level::Raid10 { 1 } else { shards.max(1) };
        let mut array = Self {
            name: assembly.name.as_str().into(),
            geometry: Arc::clone(&assembly.geometry),
            map: Arc::new(MemberMap::new(&members, dimensions, facts)),
            sharding: Sharding::new(dimensions, shards),
            acknowledged: vec![0; usize::from(shards)],
            access: assembly.access,
            closing: None,
            resync_offset,
            is_broken: false,
            must_record: 0,
            clock: Clock::default(),
            activity: Activity::new(shards),
            record: Record::new(&members),
            walker: Walker::default(),
            freezer: Freezer::default(),
            bitmaps: Bitmaps::new(&members),
            actions: ArrayActions::default(),
            members,
        };
        array.look_whether_broken();
        Ok(array)
    }

    /// Shard number `number`, bounded by `limits`.
    #[must_use]
    pub fn shard(&self, number: u16, limits: &Limits) -> Shard {
        let gate = Gate::new(self.access != Access::ReadOnly);
        let (map, geometry) = (Arc::clone(&self.map), Arc::clone(&self.geometry));
        let lease = Lease::new(!self.is_marked() && self.access == Access::ReadWrite);
        let name = Arc::clone(&self.name);
        Shard::new(ShardStart { number, name, gate, map, geometry, lease }, limits)
    }

    /// Takes a report.
    pub fn report(&mut self, report: Report) {
        match report {
            Report::ReadErrors { member, sectors } => self.read_failed(member, sectors),
            Report::Mended { member, sectors } => {
                if let Some(member) = self.member_mut(member) {
                    member.count_corrected(sectors);
                }
            }
            Report::Gone { member } => self.fail(member),
            Report::WriteFailed { member, fault, .. } => {
                let before = self.map.generation();
                self.write_failed(member, fault);
                if self.map.generation() == before {
                    // Nothing was to be changed; the shard waits for a map all the same.
                    self.publish();
                }
            }
            Report::Adopted { shard, generation } => {
                if let Some(known) = self.acknowledged.get_mut(usize::from(shard)) {
                    *known = generation.max(*known);
                }
                self.go_on_walking();
            }
            Report::WantsToWrite { .. } => self.asked_to_write(),
            Report::Drained { shard } => self.drained(shard),
            Report::Activity { shard, requests, writes, is_writing } => {
                self.probed(shard, requests, writes, is_writing);
            }
            Report::Walked { cookie, result, mismatches } => {
                self.walked(cookie, &result, mismatches);
            }
        }
    }

    /// Takes the end of a request to members.
    pub fn complete(&mut self, notice: region::Notice) {
        self.recorded_one(notice);
    }

    /// Takes the time; to be called at [`Array::deadline`] and whenever it is convenient.
    pub fn tick(&mut self, clock: Clock) {
        self.clock = clock;
        self.look_at_activity();
        self.go_on_walking();
        self.go_on_recording();
        self.go_on_closing();
    }

    /// When [`Array::tick`] wants to be called next, on the steady clock.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let probe = self.activity.deadline(!self.walker.is_idle());
        let step = self.walker.deadline(self.clock.steady);
        [probe, step].into_iter().flatten().min()
    }

    /// Exchanges what has been collected for the empty lists in `into`.
    pub fn take_actions(&mut self, into: &mut ArrayActions) {
        let is_done =
            into.requests.is_empty() && into.controls.is_empty() && into.released.is_empty();
        debug_assert!(is_done, "all was done");
        std::mem::swap(&mut self.actions, into);
    }

    /// A member has failed: makes it faulty unless the array would lose its last copy (P110).
    #[doc(alias = "md_error")]
    pub(crate) fn fail(&mut self, id: MemberId) {
        self.fail_by(id, false);
    }

    /// The same; where a write has failed, what the member lies on may be to blame.
    fn fail_by(&mut self, id: MemberId, by_write: bool) {
        let Some(member) = self.members.get(usize::from(id.0)) else { return };
        if !member.works() {
            return;
        }
        let keeps_last = matches!(self.dimensions().level, Level::Raid1 | Level::Raid10);
        if keeps_last && self.is_needed(id) {
            if !self.is_broken {
                self.is_broken = true;
                self.publish();
                self.interrupt_walk();
            }
            return;
        }
        let next = self.map.generation() + 1;
        self.freezer.note(id, member, next, by_write);
        if let Some(member) = self.member_mut(id) {
            member.fail();
            member.retired = next;
        }
        self.must_record = next;
        self.is_broken |= self.survival() == Survival::Failed;
        self.publish();
        self.record_members();
        self.interrupt_walk();
    }

    /// Counts a read error; too many in a short time make the member faulty (P109, P508).
    fn read_failed(&mut self, id: MemberId, sectors: u64) {
        let now = self.clock.steady;
        let most = match self.dimensions().level.has_parity() {
            true => MOST_READ_ERRORS_WITH_PARITY,
            false => MOST_READ_ERRORS,
        };
        let weight = self.member_mut(id).map(|member| member.count_read_errors(sectors, now));
        let is_open = self.access == Access::ReadWrite && self.is_redundant();
        if is_open && weight.is_some_and(|weight| weight > most) {
            self.fail(id);
        }
    }

    /// Whether data are lost without this member.
    fn is_needed(&self, id: MemberId) -> bool {
        let without = |other: &MemberId| *other != id;
        self.survival() != Survival::Failed && self.survival_of(without) == Survival::Failed
    }

    /// Makes the next map and hands it to all shards.
    pub(crate) fn publish(&mut self) {
        let facts = MapFacts {
            generation: self.map.generation() + 1,
            resync_offset: self.resync_offset,
            is_broken: self.is_broken,
            is_open: self.access == Access::ReadWrite && self.closing.is_none(),
            must_record: self.must_record,
            frozen: self.freezer.error().cloned(),
        };
        self.map = Arc::new(MemberMap::new(&self.members, self.geometry.dimensions(), facts));
        self.tell_all(Control::Adopt(Arc::clone(&self.map)));
    }

    pub(crate) fn tell_all(&mut self, control: Control) {
        self.actions.controls.push((Recipient::All, control));
    }

    /// Whether superblocks say if the array is being written: where there is redundancy, and a
    /// superblock.
    pub(crate) fn is_marked(&self) -> bool {
        self.is_redundant() && self.has_metadata()
    }

    /// Whether something can be computed from something else.
    pub(crate) fn is_redundant(&self) -> bool {
        let level = self.dimensions().level;
        level.has_parity() || matches!(level, Level::Raid1 | Level::Raid10)
    }

    /// Whether there is a superblock to write.
    pub(crate) fn has_metadata(&self) -> bool {
        self.members.iter().any(|member| member.superblock().is_some())
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The numbers of the layout.
    #[must_use]
    pub fn dimensions(&self) -> &Dimensions {
        self.geometry.dimensions()
    }

    /// How windows are dealt out to shards.
    #[must_use]
    pub const fn sharding(&self) -> Sharding {
        self.sharding
    }

    /// The members, in the order of the assembly.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The present map.
    #[must_use]
    pub fn map(&self) -> &Arc<MemberMap> {
        &self.map
    }

    /// The oldest map that some shard may still act on.
    #[must_use]
    pub fn oldest_generation(&self) -> u64 {
        self.acknowledged.iter().copied().min().unwrap_or(0)
    }

    /// Whether nothing may be written.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.access == Access::ReadOnly
    }

    /// What the array can still do with the members that are in sync.
    #[must_use]
    pub fn survival(&self) -> Survival {
        self.survival_of(|_| true)
    }

    /// The same, counting only some members.
    fn survival_of(&self, counts: impl Fn(&MemberId) -> bool) -> Survival {
        let mut usable = vec![false; usize::from(self.dimensions().slots)];
        for (number, member) in (0..).zip(&self.members) {
            let is_usable = member.state() == MemberState::InSync && counts(&MemberId(number));
            let slot = member.target().and_then(|target| usable.get_mut(target.slot.index()));
            if let Some(slot) = slot {
                *slot |= is_usable;
            }
        }
        self.geometry.survives(&usable)
    }

    /// Whether a slot has no member that is in sync.
    pub(crate) fn is_degraded(&self) -> bool {
        let is_seated = |slot: u16| {
            let target = Target { slot: Slot(slot), seat: Seat::Original };
            let is_there = |one: &Member| one.target() == Some(target);
            self.members.iter().any(|one| is_there(one) && one.state() == MemberState::InSync)
        };
        !(0..self.dimensions().slots).all(is_seated)
    }

    /// Redundancy agrees below this position, as superblocks hold it; [`Sector::MAX`] when in sync.
    #[must_use]
    pub const fn resync_offset(&self) -> Sector {
        self.resync_offset
    }

    /// Whether so much has failed that nothing may be written.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether so much is missing from the start that nothing may be written.
    fn look_whether_broken(&mut self) {
        let is_lost = self.access == Access::ReadWrite && self.survival() == Survival::Failed;
        if is_lost && !self.is_broken {
            self.is_broken = true;
            self.publish();
        }
    }

    fn member_mut(&mut self, id: MemberId) -> Option<&mut Member> {
        self.members.get_mut(usize::from(id.0))
    }
}

fn check(assembly: &Assembly, disks: &[Facts]) -> Result<(), StartError> {
    let (members, dimensions) = (&assembly.members, assembly.geometry.dimensions());
    let count = members.len() + assembly.spares.len();
    if count != disks.len() || count > usize::from(u16::MAX) {
        return Err(StartError::Disks { members: count, disks: disks.len() });
    }
    if assembly.access != Access::ReadOnly
        && dimensions.level == Level::Raid1
        && members.len() > MOST_REGIONS
    {
        return Err(StartError::Copies { copies: members.len(), most: MOST_REGIONS });
    }
    let mut seats: Vec<(Slot, Seat, &str)> = Vec::new();
    for (member, disk) in members.iter().zip(disks) {
        let Some(used) = dimensions.used.get(member.slot.index()) else {
            let (member, slot) = (member.name.clone(), member.slot);
            return Err(StartError::Slot { member, slot, slots: dimensions.slots });
        };
        let end = member.data_offset.checked_add(*used).unwrap_or_default();
        if Sectors(end.0) > disk.sectors || (end.0 == 0 && !used.is_zero()) {
            let (needs, has) = (member.data_offset.0.saturating_add(used.0), disk.sectors.0);
            return Err(StartError::TooSmall { member: member.name.clone(), needs, has });
        }
        let same =
            seats.iter().find(|(slot, seat, _)| (*slot, *seat) == (member.slot, member.seat));
        if let Some((slot, _, first)) = same {
            let (first, second) = ((*first).to_owned(), member.name.clone());
            return Err(StartError::SeatTaken { slot: *slot, first, second });
        }
        seats.push((member.slot, member.seat, &member.name));
    }
    Ok(())
}
