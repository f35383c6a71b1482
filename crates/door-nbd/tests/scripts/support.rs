//! A client that writes and reads NBD by hand, and an array in memory behind a session.
//!
//! Deliberately shares nothing with the session: the numbers stand here again, as the protocol's
//! specification gives them.

use paritas_disk::Pool;
use paritas_door_nbd::{NbdSession, Settings};
use paritas_engine::{Export, HostError, HostWork, Session, SessionRequest};
use paritas_units::{SectorRange, Sectors};
use std::sync::{Arc, OnceLock};

/// An export of `sectors`.
pub(crate) fn export(name: &str, sectors: u64, is_read_only: bool) -> Export {
    Export {
        name: name.to_owned(),
        description: format!("the array {name}"),
        sectors: Sectors(sectors),
        is_read_only,
        preferred_block: 64 << 10,
    }
}

/// The byte at `at` of the test content.
pub(crate) fn content(at: u64) -> u8 {
    let mixed = (at / 8).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ at;
    mixed.to_le_bytes()[3]
}

/// The beginning of the test content, made once.
static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();

/// The test content from `start`.
pub(crate) fn pattern(start: u64, len: usize) -> Vec<u8> {
    (start..).take(len).map(content).collect()
}

/// A session with an array in memory that answers each request at once.
pub(crate) struct Harness {
    pub(crate) session: NbdSession,
    pub(crate) pool: Pool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) output: Vec<u8>,
    pub(crate) log: Vec<HostWork>,
    /// Reads and writes of this sector fail.
    pub(crate) bad: Option<u64>,
}

impl Harness {
    pub(crate) fn new(exports: Vec<Export>, may_list: bool) -> Self {
        Self::with(exports, Settings { may_list, allocation: None, guest: None }, 64 << 20)
    }

    pub(crate) fn with(exports: Vec<Export>, settings: Settings, pool_bytes: usize) -> Self {
        let len = exports.iter().map(|export| export.sectors.0).max().unwrap_or(0) * 512;
        let bytes = CONTENT.get_or_init(|| pattern(0, 64 << 20));
        let bytes = bytes[..usize::try_from(len).expect("the test knows its numbers")].to_vec();
        Self {
            session: NbdSession::new(Arc::from(exports), settings),
            pool: Pool::new(pool_bytes),
            bytes,
            output: Vec::new(),
            log: Vec::new(),
            bad: None,
        }
    }

    /// A session past its handshake, with `is_structured` replies and the allocation chosen.
    pub(crate) fn serving(sectors: u64, is_read_only: bool, is_structured: bool) -> Self {
        let mut harness = Self::new(vec![export("a", sectors, is_read_only)], true);
        harness.feed(&hello(3));
        if is_structured {
            harness.feed(&option(8, &[]));
            harness.feed(&option(10, &context_query("a", &["base:allocation"])));
        }
        harness.feed(&option(7, &info_query("a", &[])));
        assert!(!harness.session.is_in_handshake());
        harness.output.clear();
        harness
    }

    /// The client sends `bytes`; everything is answered and sent.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.feed_cut(bytes, |left| left);
    }

    /// As [`Harness::feed`], in parts of the lengths that `cut` gives for what is left.
    pub(crate) fn feed_cut(&mut self, mut bytes: &[u8], mut cut: impl FnMut(usize) -> usize) {
        while !bytes.is_empty() && self.session.finished().is_none() {
            let mut left = cut(bytes.len()).clamp(1, bytes.len());
            let mut taken = 0;
            for space in self.session.space() {
                let len = space.len().min(left);
                space[..len].copy_from_slice(&bytes[..len]);
                bytes = &bytes[len..];
                left -= len;
                taken += len;
            }
            if taken == 0 {
                let before = self.output.len();
                self.turn();
                let has_space = self.session.space().iter().any(|space| !space.is_empty());
                assert!(
                    has_space || self.output.len() > before || self.session.finished().is_some(),
                    "stuck: {}",
                    self.session.describe()
                );
                if self.session.space().iter().all(|space| space.is_empty()) {
                    return;
                }
                continue;
            }
            self.session.received(taken);
            self.turn();
        }
    }

    /// Answers everything and sends everything.
    pub(crate) fn turn(&mut self) {
        loop {
            self.send();
            let Some(request) = self.session.next_request(&self.pool) else { break };
            self.answer(request);
        }
        self.send();
    }

    /// Answers one request.
    pub(crate) fn answer(&mut self, mut request: SessionRequest) {
        self.log.push(request.work);
        let result = self.work(&mut request);
        self.session.reply(request.cookie, result, request.buffer);
    }

    fn work(&mut self, request: &mut SessionRequest) -> Result<(), HostError> {
        let range = match request.work {
            HostWork::Flush => return Ok(()),
            HostWork::Read(range) | HostWork::Discard(range) | HostWork::WriteZeroes(range) => {
                range
            }
            HostWork::Write { range, .. } => range,
        };
        if self.bad.is_some_and(|bad| range.contains(paritas_units::Sector(bad))) {
            return Err(HostError::Lost("two members are missing".to_owned()));
        }
        let bytes = &mut self.bytes[place(range)];
        match request.work {
            HostWork::Read(_) => {
                request
                    .buffer
                    .as_mut()
                    .expect("the test knows its numbers")
                    .bytes_mut()
                    .copy_from_slice(bytes);
            }
            HostWork::Write { .. } => {
                bytes.copy_from_slice(
                    request.buffer.as_ref().expect("the test knows its numbers").bytes(),
                );
            }
            HostWork::WriteZeroes(_) => bytes.fill(0),
            HostWork::Discard(_) | HostWork::Flush => {}
        }
        Ok(())
    }

    /// Sends everything that waits.
    pub(crate) fn send(&mut self) {
        loop {
            let mut slices = Vec::new();
            self.session.unsent(&mut slices);
            let bytes = slices.concat();
            if bytes.is_empty() {
                return;
            }
            self.session.sent(bytes.len());
            self.output.extend(bytes);
        }
    }

    /// What was sent since the last call.
    pub(crate) fn sent(&mut self) -> Reader {
        Reader { bytes: std::mem::take(&mut self.output), at: 0 }
    }
}

fn place(range: SectorRange) -> std::ops::Range<usize> {
    let start = usize::try_from(range.start.0 * 512).expect("the test knows its numbers");
    start..start + usize::try_from(range.len.0 * 512).expect("the test knows its numbers")
}

/// The client's flags.
pub(crate) fn hello(flags: u32) -> Vec<u8> {
    flags.to_be_bytes().to_vec()
}

/// An option with its data.
pub(crate) fn option(number: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"IHAVEOPT".to_vec();
    bytes.extend(number.to_be_bytes());
    bytes.extend(u32::try_from(data.len()).expect("the test knows its numbers").to_be_bytes());
    bytes.extend(data);
    bytes
}

/// The data of INFO and GO.
pub(crate) fn info_query(name: &str, wanted: &[u16]) -> Vec<u8> {
    let mut data = counted(name);
    data.extend(u16::try_from(wanted.len()).expect("the test knows its numbers").to_be_bytes());
    wanted.iter().for_each(|info| data.extend(info.to_be_bytes()));
    data
}

/// The data of the options about metadata contexts.
pub(crate) fn context_query(name: &str, queries: &[&str]) -> Vec<u8> {
    let mut data = counted(name);
    data.extend(u32::try_from(queries.len()).expect("the test knows its numbers").to_be_bytes());
    queries.iter().for_each(|query| data.extend(counted(query)));
    data
}

fn counted(word: &str) -> Vec<u8> {
    let mut bytes =
        u32::try_from(word.len()).expect("the test knows its numbers").to_be_bytes().to_vec();
    bytes.extend(word.as_bytes());
    bytes
}

/// A request.
pub(crate) fn request(command: u16, flags: u16, cookie: u64, offset: u64, len: u32) -> Vec<u8> {
    let mut bytes = 0x2560_9513_u32.to_be_bytes().to_vec();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(command.to_be_bytes());
    bytes.extend(cookie.to_be_bytes());
    bytes.extend(offset.to_be_bytes());
    bytes.extend(len.to_be_bytes());
    bytes
}

/// A read.
pub(crate) fn read(cookie: u64, offset: u64, len: u32) -> Vec<u8> {
    request(0, 0, cookie, offset, len)
}

/// A write with its payload.
pub(crate) fn write(flags: u16, cookie: u64, offset: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = request(
        1,
        flags,
        cookie,
        offset,
        u32::try_from(payload.len()).expect("the test knows its numbers"),
    );
    bytes.extend(payload);
    bytes
}

/// What the server sent, read in order.
pub(crate) struct Reader {
    bytes: Vec<u8>,
    at: usize,
}

/// A chunk of a structured reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) is_last: bool,
    pub(crate) kind: u16,
    pub(crate) cookie: u64,
    pub(crate) data: Vec<u8>,
}

impl Reader {
    pub(crate) fn take(&mut self, len: usize) -> Vec<u8> {
        let end = self.at + len;
        assert!(end <= self.bytes.len(), "{len} bytes wanted, {} there", self.left());
        let taken = self.bytes[self.at..end].to_vec();
        self.at = end;
        taken
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().expect("the test knows its numbers"))
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.take(4).try_into().expect("the test knows its numbers"))
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.take(8).try_into().expect("the test knows its numbers"))
    }

    /// The greeting.
    pub(crate) fn greeting(&mut self) {
        assert_eq!(self.take(8), b"NBDMAGIC");
        assert_eq!(self.take(8), b"IHAVEOPT");
        assert_eq!(self.u16(), 3);
    }

    /// Type and data of the answer to option `number`.
    pub(crate) fn option_reply(&mut self, number: u32) -> (u32, Vec<u8>) {
        assert_eq!(self.u64(), 0x0003_e889_0455_65a9);
        assert_eq!(self.u32(), number);
        let (kind, len) = (self.u32(), self.u32());
        (kind, self.take(usize::try_from(len).expect("the test knows its numbers")))
    }

    /// Error and cookie of a simple reply, without its data.
    pub(crate) fn simple(&mut self) -> (u32, u64) {
        assert_eq!(self.u32(), 0x6744_6698);
        (self.u32(), self.u64())
    }

    /// The next chunk.
    pub(crate) fn chunk(&mut self) -> Chunk {
        assert_eq!(self.u32(), 0x668e_33ef);
        let (flags, kind, cookie, len) = (self.u16(), self.u16(), self.u64(), self.u32());
        assert!(flags <= 1, "reply flags {flags:#x}");
        Chunk {
            is_last: flags == 1,
            kind,
            cookie,
            data: self.take(usize::try_from(len).expect("the test knows its numbers")),
        }
    }

    /// All chunks of one reply that stands alone: the data by offset, and the errors.
    pub(crate) fn whole_read(
        &mut self,
        cookie: u64,
        start: u64,
        len: usize,
    ) -> Result<Vec<u8>, u32> {
        let (mut data, mut covered, mut error) = (vec![0; len], 0, None);
        loop {
            let chunk = self.chunk();
            assert_eq!(chunk.cookie, cookie);
            match chunk.kind {
                1 => {
                    let at = u64::from_be_bytes(
                        chunk.data[..8].try_into().expect("the test knows its numbers"),
                    ) - start;
                    let at = usize::try_from(at).expect("the test knows its numbers");
                    let part = &chunk.data[8..];
                    data[at..at + part.len()].copy_from_slice(part);
                    covered += part.len();
                }
                0x8001 | 0x8002 => {
                    error = Some(u32::from_be_bytes(
                        chunk.data[..4].try_into().expect("the test knows its numbers"),
                    ));
                }
                kind => panic!("a chunk of type {kind}"),
            }
            if chunk.is_last {
                break;
            }
        }
        match error {
            Some(error) => Err(error),
            None => {
                assert_eq!(covered, len, "not all bytes came");
                Ok(data)
            }
        }
    }
}
