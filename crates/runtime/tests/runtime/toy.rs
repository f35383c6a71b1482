//! A toy protocol as a [`Session`]: after one byte of greeting, a request is a position and a
//! length in sectors (two u64, little-endian, zero sectors for goodbye), and a reply its position,
//! a byte that says whether it worked, and the bytes if so.

use paritas_disk::{Buffer, Pool};
use paritas_engine::{Finish, HostError, HostWork, Session, SessionRequest};
use paritas_units::SectorRange;
use std::collections::VecDeque;
use std::io::{Read, Write};

/// Bytes of a request.
const REQUEST: usize = 16;
/// Requests that a session has under way at most.
const MOST: usize = 64;

/// The server's side.
pub(crate) struct Toy {
    space: Vec<u8>,
    filled: usize,
    has_greeted: bool,
    in_flight: usize,
    unsent: VecDeque<Answer>,
    /// Bytes of the first answer that have been sent.
    sent: usize,
    finish: Option<Finish>,
}

struct Answer {
    head: [u8; 9],
    buffer: Option<Buffer>,
}

impl Toy {
    pub(crate) fn new() -> Self {
        Self {
            space: vec![0; 4096],
            filled: 0,
            has_greeted: false,
            in_flight: 0,
            unsent: VecDeque::new(),
            sent: 0,
            finish: None,
        }
    }

    fn consume(&mut self, bytes: usize) {
        self.space.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }
}

impl Session for Toy {
    fn space(&mut self) -> [&mut [u8]; 2] {
        let (first, second) = self.space[self.filled..].split_at_mut((4096 - self.filled) / 2);
        [first, second]
    }

    fn received(&mut self, bytes: usize) {
        self.filled += bytes;
        if bytes == 0 {
            self.finish = Some(Finish::Broken("the peer closed without a goodbye".to_owned()));
        }
        if !self.has_greeted && self.filled > 0 {
            self.has_greeted = true;
            self.consume(1);
        }
    }

    fn next_request(&mut self, pool: &Pool) -> Option<SessionRequest> {
        if self.filled < REQUEST || self.in_flight == MOST || !self.has_greeted {
            return None;
        }
        let word = |at: usize| u64::from_le_bytes(self.space[at..at + 8].try_into().expect("8"));
        let (start, sectors) = (word(0), word(8));
        if sectors == 0 {
            self.finish = Some(Finish::Closed);
            return None;
        }
        let buffer =
            pool.take(usize::try_from(sectors * 512).expect("tests ask for little")).ok()?;
        self.consume(REQUEST);
        self.in_flight += 1;
        let work = HostWork::Read(SectorRange::new(start, sectors));
        Some(SessionRequest { export: 0, cookie: start, work, buffer: Some(buffer) })
    }

    fn reply(&mut self, cookie: u64, result: Result<(), HostError>, buffer: Option<Buffer>) {
        self.in_flight -= 1;
        let mut head = [0; 9];
        head[..8].copy_from_slice(&cookie.to_le_bytes());
        head[8] = u8::from(result.is_err());
        self.unsent.push_back(Answer { head, buffer: buffer.filter(|_| result.is_ok()) });
    }

    fn unsent<'a>(&'a self, slices: &mut Vec<&'a [u8]>) {
        let mut skip = self.sent;
        for answer in &self.unsent {
            let bytes = answer.buffer.as_ref().map_or(&[][..], Buffer::bytes);
            for part in [&answer.head[..], bytes] {
                slices.push(&part[skip.min(part.len())..]);
                skip = skip.saturating_sub(part.len());
            }
        }
    }

    fn sent(&mut self, bytes: usize) {
        self.sent += bytes;
        while let Some(answer) = self.unsent.front() {
            let len = 9 + answer.buffer.as_ref().map_or(0, Buffer::len);
            if self.sent < len {
                return;
            }
            self.sent -= len;
            self.unsent.pop_front();
        }
    }

    fn finished(&self) -> Option<Finish> {
        self.finish.clone()
    }

    fn describe(&self) -> String {
        format!("{} requests under way", self.in_flight)
    }

    fn is_in_handshake(&self) -> bool {
        !self.has_greeted
    }
}

/// The client's side, over any stream.
pub(crate) struct Client<S> {
    pub(crate) stream: S,
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn greet(mut stream: S) -> Self {
        stream.write_all(&[1]).expect("the server listens");
        Self { stream }
    }

    pub(crate) fn ask(&mut self, start: u64, sectors: u64) {
        let mut request = [0; REQUEST];
        request[..8].copy_from_slice(&start.to_le_bytes());
        request[8..].copy_from_slice(&sectors.to_le_bytes());
        self.stream.write_all(&request).expect("the server listens");
    }

    /// The next reply: its position, and the bytes if it worked.
    pub(crate) fn answer(&mut self, len_of: impl Fn(u64) -> u64) -> (u64, Option<Vec<u8>>) {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).expect("the server answers");
        let start = u64::from_le_bytes(head[..8].try_into().expect("8"));
        if head[8] != 0 {
            return (start, None);
        }
        let mut bytes = vec![0; usize::try_from(len_of(start) * 512).expect("small")];
        self.stream.read_exact(&mut bytes).expect("the server answers");
        (start, Some(bytes))
    }
}
