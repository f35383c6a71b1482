//! Replies of the array become replies to the client.

use crate::command::{Command, Kind, Manner, Part, Piece};
use crate::output::Output;
use crate::reply::{Fault, data_chunk, error_chunk, simple};
use crate::serving::{Serving, refuse};
use crate::transmission::Agreed;
use paritas_disk::Buffer;
use paritas_engine::{HostError, HostWork};
use paritas_units::SECTOR_BYTES;

/// What has become of a command.
enum Outcome {
    /// More pieces are with the array, or are to be asked for.
    UnderWay,
    /// It has something to ask for again.
    AskAgain,
    /// It is answered.
    Answered,
}

impl Serving {
    /// The array has answered the request with `cookie`. The error is for the log: the client can
    /// only be cut off.
    pub(crate) fn answer(
        &mut self,
        cookie: u64,
        result: Result<(), HostError>,
        buffer: Option<Buffer>,
        output: &mut Output,
    ) -> Result<(), String> {
        let key = usize::try_from(cookie).unwrap_or(usize::MAX);
        let Some(piece) = self.pieces.remove(key) else { return Ok(()) };
        self.held -= piece.held;
        let Some(command) = self.commands.get_mut(piece.command) else { return Ok(()) };
        command.under_way -= 1;
        let agreed = self.agreed;
        let outcome = match &mut command.kind {
            Kind::Read(_) => {
                let part = result.map(|()| buffer.map(|buffer| within(&piece, buffer)));
                answer_read(command, &piece, part, agreed, output)?
            }
            Kind::Write { .. } => answer_write(command, result, agreed, output),
            Kind::Work { .. } => answer_work(command, result, agreed, output),
        };
        self.settle(piece.command, outcome);
        Ok(())
    }

    /// Keeps the lists true to what has become of a command.
    fn settle(&mut self, key: usize, outcome: Outcome) {
        let has_more = |command: &Command| match &command.kind {
            Kind::Read(reading) => !reading.is_asked(),
            Kind::Work { next, .. } => next.is_some(),
            Kind::Write { .. } => false,
        };
        match outcome {
            Outcome::AskAgain => self.issuing.push_back(key),
            Outcome::UnderWay => {
                if !self.commands.get_mut(key).is_some_and(|command| has_more(command)) {
                    self.issuing.retain(|other| *other != key);
                }
            }
            Outcome::Answered => {
                self.issuing.retain(|other| *other != key);
                self.commands.remove(key);
                if self.alone == Some(key) {
                    self.alone = None;
                }
            }
        }
    }
}

/// The bytes of `piece` in the sectors that were read for it.
fn within(piece: &Piece, buffer: Buffer) -> Part {
    let skip = usize::try_from(piece.range.start % SECTOR_BYTES).unwrap_or(0);
    let len = usize::try_from(piece.range.end - piece.range.start).unwrap_or(0);
    (buffer, skip..skip + len)
}

fn answer_read(
    command: &mut Command,
    piece: &Piece,
    part: Result<Option<Part>, HostError>,
    agreed: Agreed,
    output: &mut Output,
) -> Result<Outcome, String> {
    let Kind::Read(reading) = &mut command.kind else { return Ok(Outcome::UnderWay) };
    let cookie = command.cookie;
    let part = match part {
        Ok(Some(part)) => Ok(part),
        Ok(None) => Err(HostError::Lost("the array answered a read without data".to_owned())),
        Err(error) => Err(error),
    };
    let part = part.map_err(|error| Fault::from_array(&error, false));
    if part.is_err() {
        // What was not asked for yet is of no use any more.
        reading.next = reading.end;
    }
    let is_last = command.under_way == 0 && reading.is_asked();
    match (&mut reading.manner, part) {
        (Manner::Chunks, Ok((buffer, range))) => {
            let len = u32::try_from(range.len()).unwrap_or(u32::MAX);
            output.head(data_chunk(cookie, is_last, piece.range.start, len));
            output.payload(buffer, range);
        }
        (Manner::Chunks, Err(fault)) => {
            output.text(error_chunk(cookie, is_last, &fault, Some(piece.range.start)));
        }
        (Manner::Stream { has_begun: true, .. }, Err(fault)) => {
            return Err(format!(
                "a read of more than can be held failed after its reply had begun: {}",
                fault.text
            ));
        }
        (Manner::Whole { .. } | Manner::Stream { .. }, Err(fault)) => {
            command.fault.get_or_insert(fault);
        }
        (Manner::Whole { parts, .. } | Manner::Stream { parts, .. }, Ok(part)) => {
            parts.put(piece.number, part);
        }
    }
    if !matches!(reading.manner, Manner::Chunks) {
        send_in_order(command, is_last, agreed, output);
    }
    Ok(if is_last { Outcome::Answered } else { Outcome::UnderWay })
}

/// Sends what can leave of a read in the whole or the stream manner.
fn send_in_order(command: &mut Command, is_last: bool, agreed: Agreed, output: &mut Output) {
    let Kind::Read(reading) = &mut command.kind else { return };
    if let Some(fault) = &command.fault {
        if is_last {
            refuse(agreed, command.cookie, fault, output);
        }
        return;
    }
    let parts = match &mut reading.manner {
        Manner::Whole { parts, .. } if is_last => {
            let len = u32::try_from(reading.end - reading.start).unwrap_or(u32::MAX);
            output.head(if agreed.is_structured {
                data_chunk(command.cookie, true, reading.start, len)
            } else {
                simple(command.cookie, None)
            });
            parts
        }
        Manner::Stream { parts, has_begun } => {
            if !*has_begun && parts.is_first_there() {
                output.head(simple(command.cookie, None));
                *has_begun = true;
            }
            parts
        }
        Manner::Whole { .. } | Manner::Chunks => return,
    };
    while let Some((buffer, range)) = parts.leave() {
        output.payload(buffer, range);
    }
}

fn answer_write(
    command: &mut Command,
    result: Result<(), HostError>,
    agreed: Agreed,
    output: &mut Output,
) -> Outcome {
    if let Err(error) = result {
        command.fault.get_or_insert(Fault::from_array(&error, true));
    }
    if command.under_way > 0 || !matches!(command.kind, Kind::Write { is_whole: true }) {
        return Outcome::UnderWay;
    }
    conclude(command, agreed, output)
}

fn answer_work(
    command: &mut Command,
    result: Result<(), HostError>,
    agreed: Agreed,
    output: &mut Output,
) -> Outcome {
    let Kind::Work { next, durable, is_write } = &mut command.kind else {
        return Outcome::UnderWay;
    };
    match result {
        Ok(()) if *durable => {
            *durable = false;
            *next = Some(HostWork::Flush);
            return Outcome::AskAgain;
        }
        Ok(()) => {}
        Err(error) => command.fault = Some(Fault::from_array(&error, *is_write)),
    }
    conclude(command, agreed, output)
}

/// Tells the client how a command without data ended.
fn conclude(command: &Command, agreed: Agreed, output: &mut Output) -> Outcome {
    match &command.fault {
        Some(fault) => refuse(agreed, command.cookie, fault, output),
        None => output.head(simple(command.cookie, None)),
    }
    Outcome::Answered
}
