//! Cuts requests to the shards that they belong to, and joins the replies.
//!
//! The one thing to understand: a home keeps the request and its payload; a shard gets an ordinary
//! request for its part, with the part of the payload on loan, and need not know that there are
//! others. Where the whole request is of one shard, which is the rule, the payload itself goes.
//!
//! Each thread that takes requests has a home; its number names it in replies.
//!
//! Invariant: a request is given back when the last of its parts is, once, with the first error.

use crate::slab::{Key, Slab};
use crate::{HostError, HostRequest, HostWork, Reply, Sharding};
use paritas_disk::Buffer;
use paritas_units::{SECTOR_BYTES, SectorRange};

/// The requests of one thread, wherever their parts are.
#[derive(Debug)]
pub struct Home {
    sharding: Sharding,
    joined: Slab<Joined>,
}

/// A request whose parts are with shards.
#[derive(Debug)]
struct Joined {
    origin: u64,
    cookie: u64,
    /// The payload, while parts of it are on loan.
    buffer: Option<Buffer>,
    parts: u32,
    result: Result<(), HostError>,
}

impl Home {
    /// A home for at most `requests` requests at once.
    #[must_use]
    pub fn new(sharding: Sharding, requests: u32) -> Self {
        let empty = || Joined { origin: 0, cookie: 0, buffer: None, parts: 0, result: Ok(()) };
        Self { sharding, joined: Slab::new(requests.max(1), empty) }
    }

    /// How many requests can still be taken.
    #[must_use]
    pub fn room(&self) -> usize {
        self.joined.free()
    }

    /// How many requests have not been given back.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.joined.taken()
    }

    /// Takes a request of `origin` and appends its parts to `parts`, each with its shard.
    ///
    /// # Errors
    /// The request back if there is no [room](Home::room).
    pub fn take(
        &mut self,
        origin: u64,
        request: HostRequest,
        parts: &mut Vec<(u16, HostRequest)>,
    ) -> Result<(), HostRequest> {
        let Some(key) = self.joined.take() else { return Err(request) };
        let HostRequest { cookie, work, mut buffer } = request;
        let before = parts.len();
        match (range_of(work), &mut buffer) {
            (Some(range), payload) if self.is_cut(work, range, payload.as_ref()) => {
                self.cut(key, work, range, payload.as_mut(), parts);
            }
            (range, payload) => {
                let shard = range.map_or(0, |range| self.sharding.owner(range.start));
                let part = HostRequest { cookie: u64::from(key), work, buffer: payload.take() };
                parts.push((shard, part));
            }
        }
        let count = u32::try_from(parts.len() - before).unwrap_or(u32::MAX);
        *self.joined.get_mut(key) = Joined { origin, cookie, buffer, parts: count, result: Ok(()) };
        Ok(())
    }

    /// Takes the reply to a part; with the last part, the reply to the request and its origin.
    pub fn returned(&mut self, reply: Reply) -> Option<(u64, Reply)> {
        let key = Key::try_from(reply.cookie).ok()?;
        let joined = self.joined.get_mut(key);
        match (&mut joined.buffer, reply.buffer) {
            (Some(whole), Some(part)) => whole.take_back(part.into_loan()),
            (whole @ None, part @ Some(_)) => *whole = part,
            (None, None) => {}
            (Some(_), None) => {}
        }
        if joined.result.is_ok() {
            joined.result = reply.result;
        }
        joined.parts -= 1;
        if joined.parts > 0 {
            return None;
        }
        let result = std::mem::replace(&mut joined.result, Ok(()));
        let (origin, cookie, buffer) = (joined.origin, joined.cookie, joined.buffer.take());
        self.joined.give_back(key);
        Some((origin, Reply { cookie, result, buffer }))
    }

    /// Whether a range has several shards, and a payload that can be cut with it, or no need of
    /// one. One that does not fit goes whole to a shard, whose gate refuses it.
    fn is_cut(&self, work: HostWork, range: SectorRange, payload: Option<&Buffer>) -> bool {
        let needs_none = matches!(work, HostWork::Discard(_) | HostWork::WriteZeroes(_));
        let fits = |buffer: &Buffer| {
            range.len.bytes().is_some_and(|bytes| u64::try_from(buffer.len()) == Ok(bytes))
        };
        self.sharding.first_part(range).len < range.len && (needs_none || payload.is_some_and(fits))
    }

    fn cut(
        &self,
        key: Key,
        work: HostWork,
        range: SectorRange,
        mut payload: Option<&mut Buffer>,
        parts: &mut Vec<(u16, HostRequest)>,
    ) {
        let (mut left, mut start) = (range, 0);
        while !left.is_empty() {
            let part = self.sharding.first_part(left);
            left = SectorRange { start: part.end(), len: left.len - part.len };
            let bytes = part.len.0.saturating_mul(SECTOR_BYTES);
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let buffer =
                payload.as_mut().map(|whole| Buffer::of_loan(whole.lend(start..start + bytes)));
            start = start.saturating_add(bytes);
            let request =
                HostRequest { cookie: u64::from(key), work: with_range(work, part), buffer };
            parts.push((self.sharding.owner(part.start), request));
        }
    }
}

const fn range_of(work: HostWork) -> Option<SectorRange> {
    match work {
        HostWork::Read(range)
        | HostWork::Write { range, .. }
        | HostWork::Discard(range)
        | HostWork::WriteZeroes(range) => Some(range),
        HostWork::Flush => None,
    }
}

const fn with_range(work: HostWork, range: SectorRange) -> HostWork {
    match work {
        HostWork::Read(_) => HostWork::Read(range),
        HostWork::Write { durable, .. } => HostWork::Write { range, durable },
        HostWork::Discard(_) => HostWork::Discard(range),
        HostWork::WriteZeroes(_) => HostWork::WriteZeroes(range),
        HostWork::Flush => HostWork::Flush,
    }
}
