//! Options of the handshake: bytes to values.
//!
//! Lists in an option (queries, wanted information) are folded to what can be answered while they
//! are read, so that nothing is allocated by what a client sends.

use crate::cursor::Cursor;
use crate::limits::STRING_BYTES;
use crate::wire::{
    BASE_ALLOCATION, INFO_DESCRIPTION, INFO_NAME, OPT_ABORT, OPT_EXPORT_NAME, OPT_EXTENDED_HEADERS,
    OPT_GO, OPT_INFO, OPT_LIST, OPT_LIST_META_CONTEXT, OPT_SET_META_CONTEXT, OPT_STARTTLS,
    OPT_STRUCTURED_REPLY,
};

/// What a client wants in its handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientOption<'a> {
    /// Use this export; there is no answer but yes.
    ExportName(&'a str),
    /// Leave.
    Abort,
    /// Name the exports.
    List,
    /// Go on under TLS.
    StartTls,
    /// Tell about this export.
    Info(Wanted<'a>),
    /// Use this export.
    Go(Wanted<'a>),
    /// Answer reads in chunks.
    StructuredReply,
    /// Name the metadata contexts.
    ListContexts(Queries<'a>),
    /// Choose the metadata contexts.
    SetContexts(Queries<'a>),
    /// Use headers with longer fields.
    ExtendedHeaders,
    /// Something else.
    Unknown,
}

/// An export, and what is to be told beside its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) export: &'a str,
    pub(crate) name: bool,
    pub(crate) description: bool,
}

/// Metadata contexts that were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queries<'a> {
    pub(crate) export: &'a str,
    /// No query at all.
    pub(crate) is_empty: bool,
    /// `base:allocation` by its name.
    pub(crate) allocation: bool,
    /// Everything in `base:`.
    pub(crate) whole_base: bool,
}

/// Why an option cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadOption {
    /// Its data is not what the option has.
    Invalid(&'static str),
    /// A string in it is too long.
    TooBig,
}

/// Reads option number `option` with its `data`.
pub(crate) fn parse(option: u32, data: &[u8]) -> Result<ClientOption<'_>, BadOption> {
    Ok(match option {
        OPT_EXPORT_NAME => ClientOption::ExportName(string(data)?),
        OPT_ABORT => ClientOption::Abort,
        OPT_LIST => without_data(data, ClientOption::List)?,
        OPT_STARTTLS => ClientOption::StartTls,
        OPT_INFO => ClientOption::Info(wanted(data)?),
        OPT_GO => ClientOption::Go(wanted(data)?),
        OPT_STRUCTURED_REPLY => without_data(data, ClientOption::StructuredReply)?,
        OPT_LIST_META_CONTEXT => ClientOption::ListContexts(queries(data)?),
        OPT_SET_META_CONTEXT => ClientOption::SetContexts(queries(data)?),
        OPT_EXTENDED_HEADERS => ClientOption::ExtendedHeaders,
        _ => ClientOption::Unknown,
    })
}

fn without_data<'a>(data: &[u8], option: ClientOption<'a>) -> Result<ClientOption<'a>, BadOption> {
    if data.is_empty() { Ok(option) } else { Err(BadOption::Invalid("the option has no data")) }
}

fn wanted(data: &[u8]) -> Result<Wanted<'_>, BadOption> {
    const SHORT: BadOption = BadOption::Invalid("the list of wanted information is cut short");
    let mut cursor = Cursor::new(data);
    let export = counted_string(&mut cursor)?;
    let mut wanted = Wanted { export, name: false, description: false };
    for _ in 0..cursor.u16().ok_or(SHORT)? {
        match cursor.u16().ok_or(SHORT)? {
            INFO_NAME => wanted.name = true,
            INFO_DESCRIPTION => wanted.description = true,
            _ => {}
        }
    }
    at_end(cursor, wanted)
}

fn queries(data: &[u8]) -> Result<Queries<'_>, BadOption> {
    let mut cursor = Cursor::new(data);
    let export = counted_string(&mut cursor)?;
    let count = cursor.u32().ok_or(BadOption::Invalid("the count of queries is missing"))?;
    let mut queries =
        Queries { export, is_empty: count == 0, allocation: false, whole_base: false };
    // Each turn reads at least four bytes, so the data ends a count that lies.
    for _ in 0..count {
        match counted_string(&mut cursor)? {
            BASE_ALLOCATION => queries.allocation = true,
            "base:" => queries.whole_base = true,
            _ => {}
        }
    }
    at_end(cursor, queries)
}

fn counted_string<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, BadOption> {
    const SHORT: BadOption = BadOption::Invalid("a string is longer than the option");
    let len = usize::try_from(cursor.u32().ok_or(SHORT)?).unwrap_or(usize::MAX);
    string(cursor.bytes(len).ok_or(SHORT)?)
}

fn string(bytes: &[u8]) -> Result<&str, BadOption> {
    if bytes.len() > STRING_BYTES {
        return Err(BadOption::TooBig);
    }
    std::str::from_utf8(bytes).map_err(|_| BadOption::Invalid("a string is not UTF-8"))
}

fn at_end<T>(cursor: Cursor<'_>, value: T) -> Result<T, BadOption> {
    if cursor.is_at_end() {
        Ok(value)
    } else {
        Err(BadOption::Invalid("bytes are left behind the option"))
    }
}
