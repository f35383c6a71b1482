//! A client: requests of one origin, with a reserve of their own.
//!
//! The one thing to understand: a client has as many contexts (requests on their way) and as many
//! descriptors (requests to disks under way) as it was made with, from the beginning and for ever.
//! A request that finds none waits its turn, so a request never fails for want of memory, and one
//! client cannot take what another was promised.
//!
//! A request passes from *queued* (no context free) through *parked* (it has one, but no
//! descriptor is free for its next part) and *under way* to a notice, exactly once.
//!
//! Invariants: (1) parked contexts exist only while a descriptor of theirs or of another request
//! is out, so each completion brings the client on; (2) data leaves the last context and the last
//! descriptor to metadata, if there is more than one.

use super::context::Context;
use super::lone::{Lone, is_lone};
use super::{Memory, Notice, Regions, Request};
use crate::{Done, Driver, Io, IoMemory, Operation, Priority, Reserve};
use paritas_units::Sectors;
use std::collections::VecDeque;

/// The most regions of one request: one bit for each.
#[doc(alias = "DM_IO_MAX_REGIONS")]
pub const MOST_REGIONS: usize = 64;
/// The usual size of a client's reserve.
#[doc(alias("reserved_bio_based_ios", "MIN_IOS"))]
pub const RESERVE: u32 = 16;

/// How a tag is laid out: client, context, region, number of the request within the context. The
/// number of a lone request is zero; those of others begin at 1.
const NUMBER_BITS: u32 = 26;
const REGION_BITS: u32 = 6;
const CONTEXT_BITS: u32 = 24;

/// Requests of one origin.
#[doc(alias = "dm_io_client")]
#[derive(Debug)]
pub struct Client {
    number: u8,
    contexts: Vec<Context>,
    /// In place of the context of the same number.
    lone: Vec<Lone>,
    free: Vec<u32>,
    context_reserve: Reserve,
    descriptors: Reserve,
    queued: [VecDeque<Request>; 2],
    parked: [VecDeque<u32>; 2],
    notices: Vec<Notice>,
}

/// A request that was not begun; nothing was sent to any disk.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// Why.
    pub why: Why,
    /// The request back. Boxed, since refusals are rare.
    pub request: Box<Request>,
}

/// Why a request was refused: always a mistake of the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// More regions than there are error bits.
    #[error(
        "a request to {regions} regions, but {MOST_REGIONS} is the most: send several requests"
    )]
    TooManyRegions {
        /// How many there were.
        regions: usize,
    },
    /// A read from several regions into one memory.
    #[error("a read from {regions} regions at once, but only writes go to several")]
    ReadOfSeveral {
        /// How many there were.
        regions: usize,
    },
    /// Less memory than the longest region needs.
    #[error("{bytes} bytes of memory for a region of {sectors} sectors")]
    ShortMemory {
        /// Bytes of memory.
        bytes: u64,
        /// Sectors of the region.
        sectors: u64,
    },
}

impl Client {
    /// A client with `reserve` contexts and descriptors (at least one), whose requests to disks
    /// carry `number` in their tags.
    #[must_use]
    #[doc(alias = "dm_io_client_create")]
    pub fn new(number: u8, reserve: u32) -> Self {
        let reserve = reserve.clamp(1, 1 << CONTEXT_BITS);
        let queue = || VecDeque::with_capacity(usize::try_from(reserve).unwrap_or(0));
        Self {
            number,
            contexts: (0..reserve).map(|_| Context::idle()).collect(),
            lone: (0..reserve).map(|_| Lone::default()).collect(),
            free: (0..reserve).rev().collect(),
            context_reserve: Reserve::new(reserve),
            descriptors: Reserve::new(reserve),
            queued: [queue(), queue()],
            parked: [VecDeque::new(), VecDeque::new()].map(|_: VecDeque<u32>| {
                VecDeque::with_capacity(usize::try_from(reserve).unwrap_or(0))
            }),
            notices: Vec::with_capacity(usize::try_from(reserve).unwrap_or(0)),
        }
    }

    /// Begins a request, or queues it. Its notice may be there before this returns.
    ///
    /// # Errors
    /// [`Refused`], with nothing sent and no notice to come.
    #[doc(alias("dm_io", "async_io"))]
    pub fn start(&mut self, driver: &mut dyn Driver, request: Request) -> Result<(), Refused> {
        if let Err(why) = check(&request) {
            return Err(Refused { why, request: Box::new(request) });
        }
        let class = class(request.priority);
        if self.queued[class].is_empty() && self.context_reserve.take(request.priority) {
            self.begin(driver, request);
        } else {
            self.queued[class].push_back(request);
        }
        Ok(())
    }

    /// Whether a completion is of this client.
    #[must_use]
    pub const fn owns(&self, done: &Done) -> bool {
        done.tag >> (NUMBER_BITS + REGION_BITS + CONTEXT_BITS) == self.number as u64
    }

    /// Takes a completion of this client, and sends what has waited for it.
    pub fn complete(&mut self, driver: &mut dyn Driver, done: Done) {
        let field = |shift: u32, bits: u32| {
            u32::try_from((done.tag >> shift) & ((1 << bits) - 1)).unwrap_or(u32::MAX)
        };
        let index = field(NUMBER_BITS + REGION_BITS, CONTEXT_BITS);
        let (region, number) = (field(NUMBER_BITS, REGION_BITS), field(0, NUMBER_BITS));
        self.descriptors.give_back();
        if number == 0 {
            let Some(lone) = self.lone.get(index_of(index)) else { return };
            self.notices.push(lone.notice(done));
            self.free.push(index);
            self.context_reserve.give_back();
        } else if let Some(context) = self.contexts.get_mut(index_of(index)) {
            context.ended(region, number, done.result.err().map(|fault| fault.kind), done.memory);
            self.settle(index);
        }
        self.go_on(driver);
    }

    /// Moves the notices that have come to the end of `into`.
    pub fn take_notices(&mut self, into: &mut Vec<Notice>) {
        into.append(&mut self.notices);
    }

    /// Whether there are notices to take.
    #[must_use]
    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// Requests that were begun or queued and have no notice yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        let queued: usize = self.queued.iter().map(VecDeque::len).sum();
        self.contexts.len() - self.free.len() + queued
    }

    fn begin(&mut self, driver: &mut dyn Driver, request: Request) {
        let index = self.free.pop().expect("the reserve counts the free contexts");
        match request {
            Request {
                tag: own_tag,
                operation,
                regions: Regions::One(region),
                memory: Memory::Contiguous(loan),
                priority,
            } if is_lone(&region, &loan, operation, driver) && self.descriptors.take(priority) => {
                if let Some(lone) = self.lone.get_mut(index_of(index)) {
                    *lone = Lone { tag: own_tag, is_read: operation == Operation::Read };
                }
                driver.submit(Io {
                    tag: tag(self.number, index, 0, 0),
                    disk: region.disk,
                    operation,
                    at: region.at,
                    sectors: region.count,
                    memory: IoMemory::Own(loan),
                    priority,
                });
            }
            request => {
                if let Some(context) = self.contexts.get_mut(index_of(index)) {
                    *context = Context::new(request);
                }
                self.issue(driver, index);
            }
        }
    }

    /// Makes requests to disks until the context has made all of its own or no descriptor is free.
    fn issue(&mut self, driver: &mut dyn Driver, index: u32) {
        let Some(context) = self.contexts.get_mut(index_of(index)) else { return };
        while !context.is_issued() {
            if !self.descriptors.take(context.priority) {
                self.parked[class(context.priority)].push_back(index);
                return;
            }
            let Some(part) = context.next(driver) else {
                self.descriptors.give_back();
                break;
            };
            driver.submit(Io { tag: tag(self.number, index, part.region, part.number), ..part.io });
        }
        context.all_made();
        self.settle(index);
    }

    /// Gives notice if the context is over, and frees it.
    fn settle(&mut self, index: u32) {
        if let Some(notice) = self.contexts.get_mut(index_of(index)).and_then(Context::notice) {
            self.free.push(index);
            self.context_reserve.give_back();
            self.notices.push(notice);
        }
    }

    /// Lets those go on who waited for a descriptor or a context; metadata first.
    fn go_on(&mut self, driver: &mut dyn Driver) {
        for priority in [Priority::Metadata, Priority::Data] {
            let class = class(priority);
            while self.descriptors.has(priority)
                && let Some(index) = self.parked[class].pop_front()
            {
                self.issue(driver, index);
            }
            while !self.queued[class].is_empty() && self.context_reserve.take(priority) {
                if let Some(request) = self.queued[class].pop_front() {
                    self.begin(driver, request);
                }
            }
        }
    }
}

/// The tag of a request to a disk.
const fn tag(client: u8, context: u32, region: u32, number: u32) -> u64 {
    let high = ((client as u64) << CONTEXT_BITS) | context as u64;
    (((high << REGION_BITS) | region as u64) << NUMBER_BITS)
        | (number as u64 & ((1 << NUMBER_BITS) - 1))
}

/// Which queue a priority waits in.
const fn class(priority: Priority) -> usize {
    match priority {
        Priority::Metadata => 0,
        Priority::Data | Priority::Background => 1,
    }
}

fn index_of(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

fn check(request: &Request) -> Result<(), Why> {
    let regions = request.regions.as_slice();
    if regions.len() > MOST_REGIONS {
        return Err(Why::TooManyRegions { regions: regions.len() });
    }
    let reads = request.operation == Operation::Read;
    if reads && regions.len() > 1 {
        return Err(Why::ReadOfSeveral { regions: regions.len() });
    }
    if !reads && !matches!(request.operation, Operation::Write { .. }) {
        return Ok(());
    }
    let longest = regions.iter().map(|region| region.count).max().unwrap_or(Sectors::ZERO);
    let bytes = match &request.memory {
        Memory::Contiguous(loan) => u64::try_from(loan.len()).unwrap_or(u64::MAX),
        memory => memory.len(),
    };
    if longest.bytes().is_none_or(|wanted| wanted > bytes) {
        return Err(Why::ShortMemory { bytes, sectors: longest.0 });
    }
    Ok(())
}
