//! The transmission phase: requests of a client become requests for the array.
//!
//! States of the intake: a header is awaited → (a payload arrives | a refused payload is thrown
//! away) → a header is awaited; once the client leaves nothing more is taken in. Replies of the
//! array come back in `answer.rs`.
//!
//! Invariants: (1) `held` is the sum of the buffers that are with the array, that arrive, or that
//! wait for their turn; those that wait to be sent are counted by the output. (2) A number is in
//! `issuing` only while its command has something to ask for. (3) While `alone` is set, the command
//! of that number is the youngest, and nothing is taken in: its reply is one run of bytes.

use crate::allocation::{sectors_around, states};
use crate::command::{Command, Kind, Manner, Parts, Piece, Reading};
use crate::fill::Fill;
use crate::limits::{
    DRAIN_BYTES, LONG_WRITE, PIECE_BYTES, REPLY_BYTES, REPLY_SEGMENTS, REQUESTS, payload_bytes,
    uncut_bytes,
};
use crate::output::Output;
use crate::reply::{Fault, error_chunk, simple, status_chunk};
use crate::session::Settings;
use crate::slab::Slab;
use crate::staging::Staging;
use crate::transmission::{Action, Agreed, Request, judge, parse};
use crate::wire::{CMD_WRITE, REQUEST_HEADER};
use paritas_disk::{Buffer, Pool};
use paritas_engine::{Export, HostWork, SessionRequest};
use std::collections::VecDeque;
use std::ops::Range;

/// A client that has chosen its export.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) agreed: Agreed,
    pub(crate) intake: Intake,
    pub(crate) commands: Slab<Command>,
    pub(crate) pieces: Slab<Piece>,
    pub(crate) issuing: VecDeque<usize>,
    pub(crate) held: usize,
    pub(crate) alone: Option<usize>,
    pub(crate) is_long_write: bool,
}

/// What the next bytes of the client are.
#[derive(Debug)]
pub(crate) enum Intake {
    /// A request.
    Header,
    /// The payload of a write.
    Payload(Fill),
    /// The payload of a write that was refused, and the answer to it.
    Drain { left: usize, cookie: u64, fault: Fault },
    /// Nothing of interest: the client leaves.
    Over,
}

/// What the session has at hand beside this.
pub(crate) struct Desk<'a> {
    pub(crate) staging: &'a mut Staging,
    pub(crate) output: &'a mut Output,
    pub(crate) exports: &'a [Export],
    pub(crate) settings: &'a Settings,
    pub(crate) pool: &'a Pool,
    /// Whether no more bytes will come.
    pub(crate) is_closed: bool,
}

/// What a step of the serving gave.
pub(crate) enum Step {
    /// This is for the array.
    Request(SessionRequest),
    /// Something was done; go on.
    On,
    /// Bytes, room or memory are missing.
    Stuck,
}

impl Serving {
    /// Nothing asked for yet.
    pub(crate) const fn new(agreed: Agreed) -> Self {
        Self {
            agreed,
            intake: Intake::Header,
            commands: Slab::new(),
            pieces: Slab::new(),
            issuing: VecDeque::new(),
            held: 0,
            alone: None,
            is_long_write: false,
        }
    }

    /// The next request for the array.
    pub(crate) fn next_request(
        &mut self,
        desk: &mut Desk<'_>,
    ) -> Result<Option<SessionRequest>, String> {
        loop {
            let step = match self.issue(desk) {
                Step::On => self.take_in(desk)?,
                other => other,
            };
            match step {
                Step::Request(request) => return Ok(Some(request)),
                Step::On => {}
                Step::Stuck => return Ok(None),
            }
        }
    }

    /// Whether the client has left and everything of it is done.
    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.intake, Intake::Over) && self.commands.len() == 0
    }

    /// The next piece of a command that was taken in before; `On` when there is none.
    fn issue(&mut self, desk: &Desk<'_>) -> Step {
        let mut at = 0;
        while let Some(key) = self.issuing.get(at).copied() {
            match self.issue_from(key, desk) {
                Some(Step::On) | None => at += 1,
                Some(Step::Stuck) => return Step::Stuck,
                Some(Step::Request(request)) => {
                    let is_asked = self.commands.get_mut(key).is_none_or(|command| {
                        matches!(&command.kind, Kind::Read(reading) if reading.is_asked())
                            || matches!(command.kind, Kind::Work { next: None, .. })
                    });
                    if is_asked {
                        self.issuing.remove(at);
                    }
                    return Step::Request(request);
                }
            }
        }
        Step::On
    }

    fn issue_from(&mut self, key: usize, desk: &Desk<'_>) -> Option<Step> {
        let room = self.room(desk);
        let count = self.commands.len();
        let command = self.commands.get_mut(key)?;
        let reading = match &mut command.kind {
            Kind::Read(reading) => reading,
            Kind::Work { next, .. } => {
                let work = next.take()?;
                command.under_way += 1;
                return Some(Step::Request(self.request(key, 0..0, 0, work, None)));
            }
            Kind::Write { .. } => return None,
        };
        let is_stream = matches!(reading.manner, Manner::Stream { .. });
        if reading.must_wait(command.under_way) || (is_stream && count > 1) {
            return Some(Step::On);
        }
        let piece = reading.pieces().next()?;
        let Some(buffer) = buffer_for(reading, &piece, room, desk.pool) else {
            return Some(Step::Stuck);
        };
        let number = match &mut reading.manner {
            Manner::Chunks => 0,
            Manner::Whole { parts, .. } | Manner::Stream { parts, .. } => parts.expect(),
        };
        reading.next = piece.end;
        command.under_way += 1;
        let work = HostWork::Read(sectors_around(&piece));
        Some(Step::Request(self.request(key, piece, number, work, Some(buffer))))
    }

    /// Bytes of payload that may still be taken from the pool; any number when there are none yet,
    /// so that the smallest pool serves the longest piece.
    fn room(&self, desk: &Desk<'_>) -> usize {
        match self.held + desk.output.payload_bytes() {
            0 => usize::MAX,
            taken => payload_bytes(desk.pool.memory().1).saturating_sub(taken),
        }
    }

    fn request(
        &mut self,
        command: usize,
        range: Range<u64>,
        number: u32,
        work: HostWork,
        buffer: Option<Buffer>,
    ) -> SessionRequest {
        let held = buffer.as_ref().map_or(0, Buffer::len);
        self.held += held;
        let key = self.pieces.insert(Piece { command, range, number, held });
        let cookie = u64::try_from(key).unwrap_or(u64::MAX);
        SessionRequest { export: self.agreed.export, cookie, work, buffer }
    }

    /// Reads on in what the client has sent.
    fn take_in(&mut self, desk: &mut Desk<'_>) -> Result<Step, String> {
        match &mut self.intake {
            Intake::Header => {
                let is_full = self.commands.len() >= REQUESTS
                    || self.alone.is_some()
                    || desk.output.plain_bytes() >= REPLY_BYTES
                    || desk.output.segments() >= REPLY_SEGMENTS;
                if is_full {
                    return Ok(Step::Stuck);
                }
                let Some(request) = parse(desk.staging.unread())? else {
                    return self.wait_for_bytes(desk);
                };
                desk.staging.read(REQUEST_HEADER);
                self.begin(&request, desk)
            }
            Intake::Payload(_) => self.take_payload(desk),
            Intake::Drain { left, cookie, fault } => {
                let len = (*left).min(desk.staging.unread().len());
                desk.staging.read(len);
                *left -= len;
                if *left > 0 {
                    return self.wait_for_bytes(desk);
                }
                refuse(self.agreed, *cookie, fault, desk.output);
                self.intake = Intake::Header;
                Ok(Step::On)
            }
            Intake::Over => {
                desk.staging.read(desk.staging.unread().len());
                Ok(Step::Stuck)
            }
        }
    }

    /// More bytes are needed; when none will come, the client has left, or is cut off.
    fn wait_for_bytes(&mut self, desk: &Desk<'_>) -> Result<Step, String> {
        if !desk.is_closed {
            return Ok(Step::Stuck);
        }
        if matches!(self.intake, Intake::Header) && desk.staging.is_empty() {
            self.intake = Intake::Over;
            return Ok(Step::Stuck);
        }
        Err("the peer closed the connection in the middle of a request".to_owned())
    }

    fn take_payload(&mut self, desk: &mut Desk<'_>) -> Result<Step, String> {
        let room = self.room(desk);
        let Intake::Payload(fill) = &mut self.intake else { return Ok(Step::Stuck) };
        if fill.needs_buffer() {
            let piece = fill.piece();
            let Some(buffer) = take(&piece, room, desk.pool) else { return Ok(Step::Stuck) };
            self.held += buffer.len();
            fill.set_buffer(buffer);
        }
        fill.take_from(desk.staging);
        let Some((piece, buffer)) = fill.full_piece() else { return self.wait_for_bytes(desk) };
        let (key, durable, is_whole) = (fill.command, fill.durable, fill.is_over());
        if let Some(command) = self.commands.get_mut(key) {
            command.under_way += 1;
            command.kind = Kind::Write { is_whole };
        }
        if is_whole {
            self.intake = Intake::Header;
        }
        let work = HostWork::Write { range: sectors_around(&piece), durable };
        // The request counts the buffer again.
        self.held -= buffer.len();
        Ok(Step::Request(self.request(key, piece, 0, work, Some(buffer))))
    }

    /// Begins what `request` asks for.
    fn begin(&mut self, request: &Request, desk: &mut Desk<'_>) -> Result<Step, String> {
        let Some(export) = desk.exports.get(self.agreed.export) else {
            return Err("the chosen export is gone".to_owned());
        };
        let uncut = uncut_bytes(desk.pool.memory().1);
        let action = judge(request, self.agreed, export, uncut);
        self.is_long_write = request.command == CMD_WRITE && request.len >= LONG_WRITE;
        let cookie = request.cookie;
        match action {
            Action::Read { range, is_uncut } => self.begin_read(cookie, range, is_uncut, uncut),
            Action::Write { range, durable } => {
                let key = self.command(cookie, Kind::Write { is_whole: false });
                self.intake = Intake::Payload(Fill::new(key, range, durable));
            }
            Action::Work { work, durable } => {
                let is_write = work != HostWork::Flush;
                let key = self.command(cookie, Kind::Work { next: Some(work), durable, is_write });
                self.issuing.push_back(key);
            }
            Action::Status { range, is_one_enough } => {
                let map = desk.settings.allocation.as_deref();
                let states = states(map, self.agreed.export, &range, is_one_enough);
                desk.output.text(status_chunk(cookie, &states));
            }
            Action::Done => desk.output.head(simple(cookie, None)),
            Action::Leave => self.intake = Intake::Over,
            Action::Refuse(fault) if request.command == CMD_WRITE => {
                if request.len > DRAIN_BYTES {
                    return Err(format!("a write announces {} bytes", request.len));
                }
                let left = usize::try_from(request.len).unwrap_or(usize::MAX);
                self.intake = Intake::Drain { left, cookie, fault };
            }
            Action::Refuse(fault) => refuse(self.agreed, cookie, &fault, desk.output),
        }
        Ok(Step::On)
    }

    fn begin_read(&mut self, cookie: u64, range: Range<u64>, is_uncut: bool, uncut: u32) {
        let longest = u64::try_from(Pool::longest()).unwrap_or(PIECE_BYTES);
        let is_structured = self.agreed.is_structured;
        let is_short = range.end - range.start <= u64::from(uncut);
        let (unit, manner) = if is_structured && !is_uncut {
            (PIECE_BYTES, Manner::Chunks)
        } else if is_short {
            (longest, Manner::Whole { reserve: Vec::new(), parts: Parts::default() })
        } else {
            (PIECE_BYTES, Manner::Stream { parts: Parts::default(), has_begun: false })
        };
        let is_stream = matches!(manner, Manner::Stream { .. });
        let key = self.command(cookie, Kind::Read(Reading::new(&range, unit, manner)));
        self.issuing.push_back(key);
        if is_stream {
            self.alone = Some(key);
        }
    }

    fn command(&mut self, cookie: u64, kind: Kind) -> usize {
        self.commands.insert(Command { cookie, kind, under_way: 0, fault: None })
    }
}

/// Tells the client why.
pub(crate) fn refuse(agreed: Agreed, cookie: u64, fault: &Fault, output: &mut Output) {
    if agreed.is_structured {
        output.text(error_chunk(cookie, true, fault, None));
    } else {
        output.head(simple(cookie, Some(fault.error)));
    }
}

/// The buffer for `piece` of a read; in the whole manner those of all pieces are taken at once, so
/// that reads which wait for buffers never hold any.
fn buffer_for(
    reading: &mut Reading,
    piece: &Range<u64>,
    room: usize,
    pool: &Pool,
) -> Option<Buffer> {
    let is_first = reading.next == reading.start;
    let pieces = reading.pieces();
    let Manner::Whole { reserve, .. } = &mut reading.manner else {
        return take(piece, room, pool);
    };
    if is_first {
        let mut left = room;
        let mut buffers = Vec::new();
        for piece in pieces {
            let buffer = take(&piece, left, pool)?;
            left -= buffer.len().min(left);
            buffers.push(buffer);
        }
        buffers.reverse();
        *reserve = buffers;
    }
    reserve.pop()
}

/// A buffer for the sectors of `piece`, if there is room for it.
fn take(piece: &Range<u64>, room: usize, pool: &Pool) -> Option<Buffer> {
    let bytes = usize::try_from(sectors_around(piece).len.bytes()?).ok()?;
    (bytes <= room).then(|| pool.take(bytes).ok()).flatten()
}
