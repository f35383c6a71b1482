//! Replies: values to bytes.

use crate::limits::STRING_BYTES;
use crate::output::Head;
use crate::wire::{
    BASE_ALLOCATION_ID, ErrorNumber, OPTION_REPLY_MAGIC, REPLY_BLOCK_STATUS, REPLY_ERROR,
    REPLY_ERROR_OFFSET, REPLY_FLAG_DONE, REPLY_OFFSET_DATA, SIMPLE_REPLY_MAGIC,
    STRUCTURED_REPLY_MAGIC,
};
use paritas_engine::HostError;
use std::borrow::Cow;

/// Why a command was not carried out, as the client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) error: ErrorNumber,
    pub(crate) text: Cow<'static, str>,
}

impl Fault {
    /// With a text that is known when this is compiled.
    pub(crate) const fn new(error: ErrorNumber, text: &'static str) -> Self {
        Self { error, text: Cow::Borrowed(text) }
    }

    /// As the array answered a command that wanted to write, or not.
    pub(crate) fn from_array(error: &HostError, is_write: bool) -> Self {
        let number = match error {
            HostError::OutOfRange { .. } if is_write => ErrorNumber::NoSpace,
            HostError::OutOfRange { .. } => ErrorNumber::Invalid,
            HostError::ReadOnly => ErrorNumber::NotPermitted,
            HostError::Lost(_) | HostError::Failed(_) => ErrorNumber::InputOutput,
            HostError::NoSpace(_) => ErrorNumber::NoSpace,
            HostError::Unsupported(_) => ErrorNumber::Unsupported,
            HostError::Stopping => ErrorNumber::Shutdown,
        };
        Self { error: number, text: Cow::Owned(error.to_string()) }
    }
}

/// The answer of type `kind` to option number `option`.
pub(crate) fn option_reply(option: u32, kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(20 + data.len());
    bytes.extend_from_slice(&OPTION_REPLY_MAGIC.to_be_bytes());
    bytes.extend_from_slice(&option.to_be_bytes());
    bytes.extend_from_slice(&kind.to_be_bytes());
    bytes.extend_from_slice(&length(data.len()).to_be_bytes());
    bytes.extend_from_slice(data);
    bytes
}

/// A simple reply; what was read follows it.
pub(crate) fn simple(cookie: u64, error: Option<ErrorNumber>) -> Head {
    Head::new()
        .with(&SIMPLE_REPLY_MAGIC.to_be_bytes())
        .with(&error.map_or(0, ErrorNumber::number).to_be_bytes())
        .with(&cookie.to_be_bytes())
}

/// The header of a chunk with `len` bytes of data from byte `offset` of the export.
pub(crate) fn data_chunk(cookie: u64, is_last: bool, offset: u64, len: u32) -> Head {
    // A chunk is shorter than the longest read, so that the sum stays far below the limit.
    chunk(cookie, is_last, REPLY_OFFSET_DATA, len.saturating_add(8)).with(&offset.to_be_bytes())
}

/// A whole error chunk; with `offset`, for the data from there on.
pub(crate) fn error_chunk(
    cookie: u64,
    is_last: bool,
    fault: &Fault,
    offset: Option<u64>,
) -> Vec<u8> {
    let text = cut(&fault.text, STRING_BYTES);
    let (kind, tail) = match offset {
        Some(_) => (REPLY_ERROR_OFFSET, 8),
        None => (REPLY_ERROR, 0),
    };
    let mut bytes = chunk(cookie, is_last, kind, length(6 + text.len() + tail)).bytes().to_vec();
    bytes.extend_from_slice(&fault.error.number().to_be_bytes());
    bytes.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    if let Some(offset) = offset {
        bytes.extend_from_slice(&offset.to_be_bytes());
    }
    bytes
}

/// A whole chunk with the lengths and states of extents of `base:allocation`.
pub(crate) fn status_chunk(cookie: u64, states: &[(u32, u32)]) -> Vec<u8> {
    let len = length(4 + 8 * states.len());
    let mut bytes = chunk(cookie, true, REPLY_BLOCK_STATUS, len).bytes().to_vec();
    bytes.reserve(4 + 8 * states.len());
    bytes.extend_from_slice(&BASE_ALLOCATION_ID.to_be_bytes());
    for (len, state) in states {
        bytes.extend_from_slice(&len.to_be_bytes());
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes
}

fn chunk(cookie: u64, is_last: bool, kind: u16, len: u32) -> Head {
    let flags = if is_last { REPLY_FLAG_DONE } else { 0 };
    Head::new()
        .with(&STRUCTURED_REPLY_MAGIC.to_be_bytes())
        .with(&flags.to_be_bytes())
        .with(&kind.to_be_bytes())
        .with(&cookie.to_be_bytes())
        .with(&len.to_be_bytes())
}

/// A length of something that we made, far below the limit of the field.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// The longest beginning of `text` of at most `most` bytes.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
