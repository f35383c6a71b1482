//! A driver that ends requests in an order of its own and fails what it is told to, and shards that are
//! stepped by hand over it.

use crate::rig::{Chance, Rig};
use paritas_disk::region::{self, Memory, Notice};
use paritas_disk::{Disk, DiskIndex, FaultKind, Operation, Pool};
use paritas_engine::{
    Actions, Array, ArrayActions, Clock, Config, Home, HostRequest, HostWork, Limits, Recipient,
    Reply, Shard,
};
use paritas_units::SectorRange;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// How requests to members end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// Component sectors that cannot be read, by member.
    pub(crate) bad: BTreeSet<(u16, u64)>,
    /// Members that are gone.
    pub(crate) gone: BTreeSet<u16>,
    /// The number of the request (from 0) of which one region fails, whatever it is.
    pub(crate) fail_nth: Option<u64>,
    /// Requests so far.
    pub(crate) count: u64,
    /// Requests that failed.
    pub(crate) failed: u64,
    /// Requests so far, by member.
    pub(crate) by_member: BTreeMap<u16, u64>,
    /// The longest request that succeeds; longer ones fail though each sector is good.
    pub(crate) longest: Option<u64>,
    /// Members whose writes fail so, and how.
    pub(crate) unwritable: BTreeMap<u16, FaultKind>,
    /// Bad sectors stay bad though they are written; a write of one fails if it is `true`.
    pub(crate) stays_bad: Option<bool>,
}

impl Faults {
    /// Which regions of a request fail, and how.
    fn judge(&mut self, rig: &Rig, request: &region::Request) -> (region::ErrorBits, FaultKind) {
        let number = self.count;
        self.count += 1;
        let mut errors = region::ErrorBits::default();
        let mut kind = FaultKind::Io;
        for (bit, region) in (0..).zip(request.regions.as_slice()) {
            let member = region.disk.0;
            let data_offset = rig.data_offset(usize::from(member));
            let start = region.at.0.saturating_sub(data_offset);
            let is_read = request.operation == Operation::Read;
            let is_bad = is_read
                && (start..start + region.count.0).any(|at| self.bad.contains(&(member, at)));
            *self.by_member.entry(member).or_default() += 1;
            let is_write = matches!(request.operation, Operation::Write { .. });
            let is_inside = |(bad, at): &(u16, u64)| {
                *bad == member && (start..start + region.count.0).contains(at)
            };
            let is_stubborn =
                is_write && self.stays_bad == Some(true) && self.bad.iter().any(is_inside);
            if is_write && self.stays_bad.is_none() && region.at.0 >= data_offset {
                self.bad.retain(|one| !is_inside(one));
            }
            let unwritable = self.unwritable.get(&member).filter(|_| is_write);
            let is_gone = self.gone.contains(&member);
            let is_long = self.longest.is_some_and(|longest| region.count.0 > longest);
            let count = u64::try_from(request.regions.as_slice().len()).expect("few");
            let is_chosen = self.fail_nth == Some(number) && u64::from(bit) == number % count;
            let fails =
                unwritable.is_some() || is_bad || is_stubborn || is_long || is_gone || is_chosen;
            if fails {
                self.failed += 1;
                errors.set(bit);
            }
            if let Some(fault) = unwritable {
                kind = *fault;
            }
            if is_gone {
                kind = FaultKind::Gone;
            }
        }
        (errors, kind)
    }
}

/// Shards of an array, stepped by hand.
pub(crate) struct Stepper<'a> {
    pub(crate) rig: &'a Rig,
    pub(crate) array: Array,
    pub(crate) shards: Vec<Shard>,
    pub(crate) home: Home,
    pub(crate) pool: Pool,
    pub(crate) faults: Faults,
    pub(crate) chance: Chance,
    /// Requests to members that have not ended, each with its shard.
    pub(crate) pending: Vec<(usize, region::Request)>,
    /// The longest that list has been.
    pub(crate) most_pending: usize,
    pub(crate) replies: Vec<Reply>,
    pub(crate) clock: Clock,
    /// Disks that the array has released.
    pub(crate) released: Vec<DiskIndex>,
    actions: Actions,
}

impl<'a> Stepper<'a> {
    pub(crate) fn new(rig: &'a Rig, shards: u16) -> Self {
        let array = rig.array(shards);
        let limits = Limits::new(&Config::default(), array.dimensions());
        Self::with_limits(rig, shards, &limits)
    }

    pub(crate) fn with_limits(rig: &'a Rig, shards: u16, limits: &Limits) -> Self {
        let array = rig.array(shards);
        let shards = array.sharding().shards();
        Self {
            rig,
            shards: (0..shards).map(|number| array.shard(number, limits)).collect(),
            home: Home::new(array.sharding(), 4096),
            array,
            pool: Pool::new(64 << 20),
            faults: Faults::default(),
            chance: Chance(1),
            pending: Vec::new(),
            most_pending: 0,
            replies: Vec::new(),
            clock: Clock::default(),
            released: Vec::new(),
            actions: Actions::default(),
        }
    }

    /// Asks for work; a payload is made where there is `content`.
    pub(crate) fn ask(&mut self, cookie: u64, work: HostWork, content: Option<&[u8]>) {
        let buffer = content.map(|content| {
            let mut buffer = self.pool.take(content.len()).expect("tests keep within the pool");
            buffer.bytes_mut().copy_from_slice(content);
            buffer
        });
        let mut parts = Vec::new();
        let request = HostRequest { cookie, work, buffer };
        self.home.take(0, request, &mut parts).expect("tests keep within the home");
        for (shard, part) in parts {
            self.shards[usize::from(shard)].submit(0, part).expect("tests keep within the queue");
        }
        self.act();
    }

    pub(crate) fn submit(&mut self, cookie: u64, range: SectorRange) {
        let bytes = usize::try_from(range.len.0 * 512).expect("small");
        let mut buffer = self.pool.take(bytes).expect("tests keep within the pool");
        buffer.bytes_mut().fill(0xAA);
        let request = HostRequest { cookie, work: HostWork::Read(range), buffer: Some(buffer) };
        let mut parts = Vec::new();
        self.home.take(0, request, &mut parts).expect("tests keep within the home");
        for (shard, part) in parts {
            self.shards[usize::from(shard)].submit(0, part).expect("tests keep within the queue");
        }
        self.act();
    }

    /// Asks for a read that need not be taken; gives it back if it is not.
    pub(crate) fn try_submit(&mut self, cookie: u64, range: SectorRange) -> Result<(), ()> {
        let bytes = usize::try_from(range.len.0 * 512).expect("small");
        let buffer = Some(self.pool.take(bytes).expect("tests keep within the pool"));
        let request = HostRequest { cookie, work: HostWork::Read(range), buffer };
        let mut parts = Vec::new();
        self.home.take(0, request, &mut parts).expect("tests keep within the home");
        let (shard, part) = parts.pop().expect("one part");
        assert!(parts.is_empty(), "this is for arrays of one shard");
        let refused = self.shards[usize::from(shard)].submit(0, part).err();
        self.act();
        let Some(HostRequest { cookie, buffer, .. }) = refused else { return Ok(()) };
        // Strike it from the home's books.
        self.home.returned(Reply { cookie, result: Ok(()), buffer });
        Err(())
    }

    /// Checks the replies that have come against what was wanted, by cookie.
    pub(crate) fn check_replies(&mut self, wanted: &[SectorRange]) {
        assert_eq!(self.replies.len(), wanted.len(), "each request is answered once");
        for reply in std::mem::take(&mut self.replies) {
            let range = wanted[usize::try_from(reply.cookie).expect("small")];
            reply.result.unwrap_or_else(|error| panic!("{range}: {error}"));
            let buffer = reply.buffer.expect("the buffer comes back");
            assert!(buffer.bytes() == self.rig.expected(range), "wrong bytes at {range}");
        }
    }

    /// Performs what the shards want, but for ending requests to members.
    pub(crate) fn act(&mut self) {
        for number in 0..self.shards.len() {
            self.shards[number].take_actions(&mut self.actions);
            for request in self.actions.requests.drain(..) {
                self.pending.push((number, request));
            }
            for (_, reply) in self.actions.replies.drain(..) {
                if let Some((_, reply)) = self.home.returned(reply) {
                    self.replies.push(reply);
                }
            }
            for report in std::mem::take(&mut self.actions.reports) {
                self.array.report(report);
            }
        }
        self.act_for_the_array();
        self.most_pending = self.most_pending.max(self.pending.len());
    }

    /// Performs what the array wants, until it wants no more.
    fn act_for_the_array(&mut self) {
        let mut actions = ArrayActions::default();
        self.array.take_actions(&mut actions);
        for request in actions.requests.drain(..) {
            self.pending.push((usize::MAX, request));
        }
        self.released.append(&mut actions.released);
        let is_over = actions.controls.is_empty();
        for (recipient, control) in actions.controls.drain(..) {
            for (number, shard) in (0..).zip(&mut self.shards) {
                if recipient == Recipient::All || recipient == Recipient::Shard(number) {
                    shard.control(control.clone());
                }
            }
        }
        if !is_over {
            self.act();
        }
    }

    /// Lets time go by.
    pub(crate) fn tick(&mut self, milliseconds: u64) {
        self.clock.steady += Duration::from_millis(milliseconds);
        self.clock.wall = 1_700_000_000 + self.clock.steady.as_secs();
        self.array.tick(self.clock);
        self.act();
    }

    /// Ends one request to a member, chosen by chance.
    pub(crate) fn end_one(&mut self) {
        let count = u64::try_from(self.pending.len()).expect("few");
        let chosen = usize::try_from(self.chance.below(count)).expect("few");
        let (shard, request) = self.pending.swap_remove(chosen);
        let tag = request.tag;
        let (errors, kind) = self.faults.judge(self.rig, &request);
        let fault = (!errors.is_empty()).then_some(kind);
        let memory = perform_but(&self.rig.disks, request, errors);
        let notice = Notice { tag, errors, fault, memory };
        match self.shards.get_mut(shard) {
            Some(shard) => shard.complete(notice),
            None => self.array.complete(notice),
        }
        self.act();
    }

    pub(crate) fn finish(&mut self) {
        let mut steps = 0;
        while !self.pending.is_empty() {
            self.end_one();
            steps += 1;
            assert!(steps < 1_000_000, "the rounds do not end");
        }
        assert!(self.shards.iter().all(Shard::is_idle), "everything was answered");
        let stats = self.pool.stats();
        assert!(stats.classes.iter().all(|class| class.lost == 0), "no loan was forgotten");
    }

    /// Reads one range and gives the reply.
    pub(crate) fn read(&mut self, range: SectorRange) -> Reply {
        self.submit(1, range);
        self.finish();
        self.replies.pop().expect("every request is answered")
    }

    /// Reads one range, which must give the right bytes.
    pub(crate) fn check(&mut self, range: SectorRange) {
        let reply = self.read(range);
        reply.result.as_ref().unwrap_or_else(|error| panic!("{range}: {error}"));
        let buffer = reply.buffer.expect("the buffer comes back");
        assert!(buffer.bytes() == self.rig.expected(range), "wrong bytes at {range}");
    }
}

/// Performs a request but for the regions that fail. Memory after a read that failed is spoilt:
/// anything may be in it.
fn perform_but(
    disks: &[Arc<dyn Disk>],
    mut request: region::Request,
    errors: region::ErrorBits,
) -> Memory {
    if request.operation == Operation::Read && !errors.is_empty() {
        if let Memory::Contiguous(loan) = &mut request.memory {
            loan.bytes_mut().fill(0x99);
        }
        return request.memory;
    }
    let regions = request.regions.as_slice().iter().zip(0..);
    let good: Vec<_> =
        regions.filter(|(_, bit)| !errors.has(*bit)).map(|(region, _)| *region).collect();
    if good.is_empty() {
        return request.memory;
    }
    request.regions = region::Regions::Many(good);
    if let (Operation::Read, region::Regions::Many(good)) = (request.operation, &request.regions) {
        request.regions = region::Regions::One(good[0]);
    }
    region::perform(disks, request).expect("memory disks do not fail")
}
