//! Requests of the transmission phase: bytes to values, and what is to be done for them.
//!
//! The one thing to understand: [`judge`] is a pure function from a request to an [`Action`]; all
//! checks of ranges, flags and limits are here and nowhere else.

use crate::allocation::{sectors_around, sectors_inside};
use crate::cursor::Cursor;
use crate::limits::REQUEST_BYTES;
use crate::reply::Fault;
use crate::wire::{
    CMD_BLOCK_STATUS, CMD_CACHE, CMD_DISC, CMD_FLAG_DF, CMD_FLAG_FUA, CMD_FLAG_NO_HOLE,
    CMD_FLAG_REQ_ONE, CMD_FLUSH, CMD_READ, CMD_TRIM, CMD_WRITE, CMD_WRITE_ZEROES, ErrorNumber,
    FLAG_CAN_MULTI_CONN, FLAG_HAS_FLAGS, FLAG_READ_ONLY, FLAG_SEND_CACHE, FLAG_SEND_DF,
    FLAG_SEND_FLUSH, FLAG_SEND_FUA, FLAG_SEND_TRIM, FLAG_SEND_WRITE_ZEROES, REQUEST_HEADER,
    REQUEST_MAGIC,
};
use paritas_engine::{Export, HostWork};
use paritas_units::SECTOR_BYTES;
use std::ops::Range;

/// What a client and we have agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// The chosen export.
    pub(crate) export: usize,
    /// Replies come in chunks.
    pub(crate) is_structured: bool,
    /// The client may ask for `base:allocation`.
    pub(crate) has_allocation: bool,
}

/// A request as it was sent, without its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) flags: u16,
    pub(crate) command: u16,
    pub(crate) cookie: u64,
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// What is to be done for a request. Ranges are bytes of the export.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Give this.
    Read { range: Range<u64>, is_uncut: bool },
    /// Take this; whole sectors.
    Write { range: Range<u64>, durable: bool },
    /// One request for the array; afterwards a flush if `durable`.
    Work { work: HostWork, durable: bool },
    /// Tell the allocation.
    Status { range: Range<u64>, is_one_enough: bool },
    /// Nothing; it is done.
    Done,
    /// Nothing; the client leaves.
    Leave,
    /// Nothing; the client is told why.
    Refuse(Fault),
}

impl Agreed {
    /// The transmission flags.
    pub(crate) const fn flags(self, export: &Export) -> u16 {
        let common = FLAG_HAS_FLAGS | FLAG_SEND_FLUSH | FLAG_CAN_MULTI_CONN | FLAG_SEND_CACHE;
        let writing = if export.is_read_only {
            FLAG_READ_ONLY
        } else {
            FLAG_SEND_FUA | FLAG_SEND_TRIM | FLAG_SEND_WRITE_ZEROES
        };
        common | writing | if self.is_structured { FLAG_SEND_DF } else { 0 }
    }
}

/// Bytes in an export; whole sectors.
pub(crate) fn size_of(export: &Export) -> u64 {
    export.sectors.bytes().unwrap_or(u64::MAX - (SECTOR_BYTES - 1))
}

/// Reads the request at the beginning of `bytes`, if its header is whole. The error is a text for
/// the log; there is no way to go on.
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Request>, String> {
    let Some(header) = bytes.get(..REQUEST_HEADER) else { return Ok(None) };
    let mut cursor = Cursor::new(header);
    let magic = cursor.u32().unwrap_or_default();
    if magic != REQUEST_MAGIC {
        return Err(format!(
            "a request begins with {magic:#010x} instead of {REQUEST_MAGIC:#010x}"
        ));
    }
    Ok((|| {
        Some(Request {
            flags: cursor.u16()?,
            command: cursor.u16()?,
            cookie: cursor.u64()?,
            offset: cursor.u64()?,
            len: cursor.u32()?,
        })
    })())
}

/// What is to be done for `request`, where reads of at most `uncut` bytes can be given uncut.
pub(crate) fn judge(request: &Request, agreed: Agreed, export: &Export, uncut: u32) -> Action {
    judged(request, agreed, export, uncut).unwrap_or_else(Action::Refuse)
}

fn judged(request: &Request, agreed: Agreed, export: &Export, uncut: u32) -> Result<Action, Fault> {
    let is_write = matches!(request.command, CMD_WRITE | CMD_TRIM | CMD_WRITE_ZEROES);
    if is_write && export.is_read_only {
        return Err(Fault::new(ErrorNumber::NotPermitted, "the export is read-only"));
    }
    check_flags(request, agreed)?;
    let durable = request.flags & CMD_FLAG_FUA != 0;
    Ok(match request.command {
        CMD_READ => {
            let range = payload_range(request, export)?;
            let is_uncut = request.flags & CMD_FLAG_DF != 0;
            if is_uncut && request.len > uncut {
                return Err(Fault::new(ErrorNumber::Overflow, "too long for one chunk"));
            }
            Action::Read { range, is_uncut }
        }
        CMD_WRITE => Action::Write { range: aligned(payload_range(request, export)?)?, durable },
        CMD_WRITE_ZEROES => {
            let range = sectors_around(&aligned(range(request, export)?)?);
            Action::Work { work: HostWork::WriteZeroes(range), durable }
        }
        CMD_TRIM => {
            let range = sectors_inside(&range(request, export)?);
            match range.is_empty() {
                true => Action::Done,
                false => Action::Work { work: HostWork::Discard(range), durable },
            }
        }
        CMD_FLUSH if request.offset != 0 || request.len != 0 => {
            return Err(Fault::new(ErrorNumber::Invalid, "a flush has no offset and no length"));
        }
        CMD_FLUSH if export.is_read_only => Action::Done,
        CMD_FLUSH => Action::Work { work: HostWork::Flush, durable: false },
        CMD_CACHE => range(request, export).map(|_| Action::Done)?,
        CMD_BLOCK_STATUS if !agreed.has_allocation => {
            return Err(Fault::new(ErrorNumber::Invalid, "no metadata context was chosen"));
        }
        CMD_BLOCK_STATUS => {
            let is_one_enough = request.flags & CMD_FLAG_REQ_ONE != 0;
            Action::Status { range: range(request, export)?, is_one_enough }
        }
        CMD_DISC => Action::Leave,
        _ => return Err(Fault::new(ErrorNumber::Invalid, "the command is not known")),
    })
}

/// Refuses flags that the command does not have. FUA is taken with every command, since clients
/// set it where it has no meaning.
fn check_flags(request: &Request, agreed: Agreed) -> Result<(), Fault> {
    let own = match request.command {
        CMD_READ if agreed.is_structured => CMD_FLAG_DF,
        CMD_WRITE_ZEROES => CMD_FLAG_NO_HOLE,
        CMD_BLOCK_STATUS => CMD_FLAG_REQ_ONE,
        CMD_DISC => u16::MAX,
        _ => 0,
    };
    if request.flags & !(own | CMD_FLAG_FUA) == 0 {
        return Ok(());
    }
    Err(Fault::new(ErrorNumber::Invalid, "the command does not have this flag"))
}

/// The bytes of a request, inside the export.
fn range(request: &Request, export: &Export) -> Result<Range<u64>, Fault> {
    if request.len == 0 {
        return Err(Fault::new(ErrorNumber::Invalid, "the length is zero"));
    }
    let end = request.offset.checked_add(u64::from(request.len));
    match end.filter(|end| *end <= size_of(export)) {
        Some(end) => Ok(request.offset..end),
        None => {
            let is_write = matches!(request.command, CMD_WRITE | CMD_WRITE_ZEROES);
            let error = if is_write { ErrorNumber::NoSpace } else { ErrorNumber::Invalid };
            Err(Fault::new(error, "the range is beyond the end of the export"))
        }
    }
}

/// The bytes of a request that has a payload, or whose reply has one.
fn payload_range(request: &Request, export: &Export) -> Result<Range<u64>, Fault> {
    if request.len > REQUEST_BYTES {
        return Err(Fault::new(ErrorNumber::Invalid, "longer than 32 MiB"));
    }
    range(request, export)
}

/// The range, if it is whole sectors.
fn aligned(range: Range<u64>) -> Result<Range<u64>, Fault> {
    if range.start.is_multiple_of(SECTOR_BYTES) && range.end.is_multiple_of(SECTOR_BYTES) {
        return Ok(range);
    }
    Err(Fault::new(ErrorNumber::Invalid, "what is written must be whole sectors of 512 bytes"))
}
