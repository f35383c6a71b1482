//! What the session and the URIs must withstand: plain functions over bytes.
//!
//! The one thing to understand: a body panics when a promise is broken and returns otherwise. The
//! promises of a session: it asks for whole sectors inside its export with buffers of the right
//! length; what waits to be sent is bounded; whatever the client does, once the array has answered
//! and everything was sent there is room for more, or the session is over; when the client closes,
//! the session ends; and every buffer returns to the pool.
//!
//! Deliberately absent: clocks and process control; whoever calls brings them.

use crate::{AllocationMap, Extent, NbdSession, NbdUri, Settings, limits};
use paritas_disk::Pool;
use paritas_engine::{Export, HostError, HostWork, Session, SessionRequest};
use paritas_units::{SectorRange, Sectors};
use std::sync::Arc;

/// A body: takes any bytes, and panics if a promise is broken.
pub type Body = fn(&[u8]);

/// Every body with its name.
pub const BODIES: &[(&str, Body)] = &[("nbd_session", session), ("nbd_uri", uri)];

/// Sectors of the export that bodies serve.
const SECTORS: u64 = 64 << 11;
/// Bytes that steer a run before those that the client sends.
const STEERING: usize = 4;

/// Any bytes as a client. The first four steer: whether a good handshake stands before the rest,
/// what is served, how much memory there is, and how bytes are cut and requests answered.
pub fn session(bytes: &[u8]) {
    let Some((steering, stream)) = bytes.split_first_chunk::<STEERING>() else { return };
    let [mode, memory, high, low] = *steering;
    let pool = Pool::new(usize::from(memory) << 18);
    let seed = u64::from(mode) << 16 | u64::from(high) << 8 | u64::from(low);
    let mut bench = Bench::new(mode, pool.clone(), seed);
    if mode & 1 != 0 {
        bench.receive(&preamble(mode & 2 != 0));
        assert!(!bench.session.is_in_handshake(), "a good handshake is refused");
    }
    bench.receive(stream);
    bench.close();
    drop(bench);
    let free = std::iter::from_fn(|| pool.take(1).ok()).collect::<Vec<_>>().len();
    assert_eq!(free, buffers_in(usize::from(memory) << 18), "a buffer was lost");
}

/// Any bytes as a URI: what can be read prints and reads back as itself.
pub fn uri(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match NbdUri::parse(text) {
        Ok(uri) => assert_eq!(NbdUri::parse(&uri.to_string()), Ok(uri), "a URI changed"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Inputs to begin mutations from, each with the name of its body: clients that use everything, and
/// URIs.
#[must_use]
pub fn corpus() -> Vec<(&'static str, Vec<u8>)> {
    let mut inputs = Vec::new();
    for mode in [0_u8, 1, 3, 5, 7, 0x0F, 0x1F] {
        let mut input = vec![mode, 8, 1, 2];
        if mode & 1 == 0 {
            input.extend(preamble(true));
        }
        for command in 0..9_u16 {
            input.extend(request(command, u64::from(command), 512 * u64::from(command), 1024));
            if command == 1 {
                input.extend([0x5A; 1024]);
            }
        }
        input.extend(request(0, 90, 100, 8 << 20));
        input.extend(request(2, 99, 0, 0));
        inputs.push(("nbd_session", input));
    }
    inputs.push(("nbd_uri", b"nbd+unix:///photos?socket=/run/a%20b".to_vec()));
    inputs.push(("nbd_uri", b"nbd://[::1]:10810/photos".to_vec()));
    inputs
}

/// A handshake that chooses the export "a" and its allocation.
fn preamble(is_structured: bool) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 3];
    let mut option = |number: u32, data: &[u8]| {
        bytes.extend(b"IHAVEOPT");
        bytes.extend(number.to_be_bytes());
        bytes.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
        bytes.extend(data);
    };
    if is_structured {
        option(8, &[]);
        option(10, b"\0\0\0\x01a\0\0\0\x01\0\0\0\x0fbase:allocation");
    }
    option(7, b"\0\0\0\x01a\0\x02\0\x01\0\x03");
    bytes
}

fn request(command: u16, cookie: u64, offset: u64, len: u32) -> Vec<u8> {
    let mut bytes = vec![0x25, 0x60, 0x95, 0x13, 0, 0];
    bytes.extend(command.to_be_bytes());
    bytes.extend(cookie.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    bytes
}

/// How many buffers a pool of `bytes` has, by its documentation.
fn buffers_in(bytes: usize) -> usize {
    let classes = [(bytes / 8, 4 << 10), (bytes / 8, 64 << 10), (bytes / 4, 256 << 10)];
    let small: usize = classes.iter().map(|(share, size)| (share / size).max(1)).sum();
    small + (bytes / 2 / (1 << 20)).max(1)
}

/// A session with an array behind it that answers when and how it likes.
struct Bench {
    session: NbdSession,
    pool: Pool,
    pending: Vec<SessionRequest>,
    random: u64,
    answers_badly: bool,
    is_writable: bool,
}

/// Every second 4 KiB is a hole.
struct Stripes;

impl AllocationMap for Stripes {
    fn extents(&self, _export: usize, range: SectorRange, most: usize) -> Vec<Extent> {
        let count = usize::try_from(range.len.0 / 8 + 1).unwrap_or(most);
        (0..count.min(most)).map(|i| Extent { len: Sectors(8), is_hole: i % 2 == 1 }).collect()
    }
}

impl Bench {
    fn new(mode: u8, pool: Pool, seed: u64) -> Self {
        let is_writable = mode & 4 != 0;
        let export = Export {
            name: "a".to_owned(),
            description: "for mutations".to_owned(),
            sectors: Sectors(SECTORS),
            is_read_only: !is_writable,
            preferred_block: 4096,
        };
        let settings =
            Settings { may_list: mode & 8 != 0, allocation: Some(Arc::new(Stripes)), guest: None };
        Self {
            session: NbdSession::new(Arc::from(vec![export]), settings),
            pool,
            pending: Vec::new(),
            random: seed,
            answers_badly: mode & 16 != 0,
            is_writable,
        }
    }

    fn below(&mut self, end: usize) -> usize {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(self.random >> 33).unwrap_or(0).checked_rem(end).unwrap_or(0)
    }

    fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.session.finished().is_none() {
            let most = 1 + self.below(2000);
            let mut taken = 0;
            for space in self.session.space() {
                let len = space.len().min(bytes.len()).min(most - taken);
                let (now, later) = bytes.split_at(len);
                if let Some(place) = space.get_mut(..len) {
                    place.copy_from_slice(now);
                }
                taken += len;
                bytes = later;
            }
            if taken > 0 {
                self.session.received(taken);
                self.turn(false);
            } else {
                // No room, or the client has left and nobody reads the rest.
                assert!(self.turn(true), "nothing to do: {}", self.session.describe());
            }
        }
    }

    /// The client closes: the session must come to its end.
    fn close(&mut self) {
        if self.session.finished().is_none() {
            self.session.received(0);
        }
        for _ in 0..100_000 {
            if self.session.finished().is_some() {
                return;
            }
            self.turn(true);
        }
        panic!("the session does not end: {}", self.session.describe());
    }

    /// Requests, some or all replies, some or all sending; whether anything happened.
    fn turn(&mut self, is_thorough: bool) -> bool {
        let mut has_moved = false;
        while let Some(request) = self.session.next_request(&self.pool) {
            self.check(&request);
            self.pending.push(request);
            has_moved = true;
        }
        assert!(self.unsent() <= self.bound(), "{} bytes wait to be sent", self.unsent());
        let count = if is_thorough { self.pending.len() } else { self.below(4) };
        for _ in 0..count.min(self.pending.len()) {
            let at = self.below(self.pending.len());
            let request = self.pending.swap_remove(at);
            let is_bad = self.answers_badly && self.below(4) == 0;
            let result =
                if is_bad { Err(HostError::Lost("two members".to_owned())) } else { Ok(()) };
            self.session.reply(request.cookie, result, request.buffer);
            has_moved = true;
        }
        let unsent = self.unsent();
        let sent = if is_thorough { unsent } else { self.below(unsent + 1) };
        if sent > 0 {
            self.session.sent(sent);
            has_moved = true;
        }
        has_moved || self.session.finished().is_some()
    }

    fn unsent(&self) -> usize {
        let mut slices = Vec::new();
        self.session.unsent(&mut slices);
        slices.iter().map(|slice| slice.len()).sum()
    }

    /// The most that may wait to be sent.
    fn bound(&self) -> usize {
        let replies = 2 * limits::REPLY_BYTES + 8 * limits::EXTENTS;
        let payload = limits::payload_bytes(self.pool.memory().1);
        replies + payload + Pool::longest() + limits::REQUESTS * 64
    }

    fn check(&self, request: &SessionRequest) {
        let range = match request.work {
            HostWork::Read(range) => range,
            HostWork::Flush => return,
            HostWork::Write { range, .. }
            | HostWork::Discard(range)
            | HostWork::WriteZeroes(range) => {
                assert!(self.is_writable, "a write to a read-only export");
                range
            }
        };
        assert!(!range.is_empty() && range.end().0 <= SECTORS, "{range} is not in the export");
        if matches!(request.work, HostWork::Read(_) | HostWork::Write { .. }) {
            let held = request.buffer.as_ref().and_then(|buffer| u64::try_from(buffer.len()).ok());
            assert_eq!(held, range.len.bytes(), "the buffer does not fit the range");
        }
        assert!(self.pending.len() < limits::REQUESTS * 8, "too much is under way");
    }
}
