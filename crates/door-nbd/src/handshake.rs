//! The handshake: from the first bytes to the choice of an export.
//!
//! States: the client's flags are awaited → options are answered → an export is chosen, or the
//! client leaves, or it is cut off. `received bytes → next state` only in [`Handshake::advance`].
//!
//! Invariants: options are answered in order and one by one; not more than `OPTIONS` are read, each
//! whole and from the staging area only; a chosen metadata context belongs to the export that is
//! named by the last option that chose contexts, and is dropped when another export is chosen.

use crate::cursor::Cursor;
use crate::limits::{OPTION_BYTES, OPTIONS, REPLY_BYTES, REQUEST_BYTES};
use crate::option::{BadOption, ClientOption, Queries, Wanted, parse};
use crate::output::Output;
use crate::reply::option_reply;
use crate::session::Settings;
use crate::staging::Staging;
use crate::transmission::{Agreed, size_of};
use crate::wire::{
    BASE_ALLOCATION, BASE_ALLOCATION_ID, CLIENT_FIXED_NEWSTYLE, CLIENT_NO_ZEROES,
    EXPORT_NAME_ZEROES, FLAG_FIXED_NEWSTYLE, FLAG_NO_ZEROES, IHAVEOPT, INFO_BLOCK_SIZE,
    INFO_DESCRIPTION, INFO_EXPORT, INFO_NAME, NBDMAGIC, OPTION_HEADER, REP_ACK, REP_ERR_INVALID,
    REP_ERR_POLICY, REP_ERR_TOO_BIG, REP_ERR_UNKNOWN, REP_ERR_UNSUP, REP_INFO, REP_META_CONTEXT,
    REP_SERVER,
};
use paritas_engine::Export;
use paritas_units::SECTOR_BYTES;

/// A handshake that is under way.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    flags: Option<Flags>,
    options: u32,
    is_structured: bool,
    /// The export for which `base:allocation` is chosen.
    allocation_of: Option<usize>,
}

/// What the client's flags say.
#[derive(Clone, Copy, Debug)]
struct Flags {
    is_fixed: bool,
    without_zeroes: bool,
}

/// Where a handshake has come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed, or what is to be sent must be sent first.
    Waiting,
    /// An export is chosen.
    Chosen(Agreed),
    /// The client leaves; it is answered.
    Left,
    /// The client is cut off.
    Broken(String),
}

impl Handshake {
    /// Puts the greeting of the server into `output`.
    pub(crate) fn greet(output: &mut Output) {
        let mut bytes = NBDMAGIC.to_be_bytes().to_vec();
        bytes.extend_from_slice(&IHAVEOPT.to_be_bytes());
        bytes.extend_from_slice(&(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES).to_be_bytes());
        output.text(bytes);
    }

    /// How many options were read.
    pub(crate) const fn options(&self) -> u32 {
        self.options
    }

    /// Answers what has arrived whole.
    pub(crate) fn advance(
        &mut self,
        staging: &mut Staging,
        output: &mut Output,
        exports: &[Export],
        settings: &Settings,
    ) -> Progress {
        while output.plain_bytes() < REPLY_BYTES {
            let Some(flags) = self.flags else {
                match self.take_flags(staging) {
                    Some(Progress::Waiting) => continue,
                    Some(end) => return end,
                    None => return Progress::Waiting,
                }
            };
            let (option, len) = match option_header(staging.unread()) {
                Ok(Some(header)) => header,
                Ok(None) => return Progress::Waiting,
                Err(text) => return Progress::Broken(text),
            };
            let total = OPTION_HEADER + len;
            let Some(data) = staging.unread().get(OPTION_HEADER..total) else {
                return Progress::Waiting;
            };
            self.options += 1;
            if self.options > OPTIONS {
                return Progress::Broken(format!("more than {OPTIONS} options in a handshake"));
            }
            let desk = Desk { option, output, exports, settings };
            let end = self.answer(flags, parse(option, data), desk);
            staging.read(total);
            if end != Progress::Waiting {
                return end;
            }
        }
        Progress::Waiting
    }

    /// Reads the client's flags: `Waiting` when they are fine, `None` when they are not here yet.
    fn take_flags(&mut self, staging: &mut Staging) -> Option<Progress> {
        let bits = Cursor::new(staging.unread()).u32()?;
        staging.read(4);
        if bits & !(CLIENT_FIXED_NEWSTYLE | CLIENT_NO_ZEROES) != 0 {
            return Some(Progress::Broken(format!("client flags {bits:#x} are not known")));
        }
        self.flags = Some(Flags {
            is_fixed: bits & CLIENT_FIXED_NEWSTYLE != 0,
            without_zeroes: bits & CLIENT_NO_ZEROES != 0,
        });
        Some(Progress::Waiting)
    }

    fn answer(
        &mut self,
        flags: Flags,
        parsed: Result<ClientOption<'_>, BadOption>,
        mut desk: Desk<'_>,
    ) -> Progress {
        if let Ok(ClientOption::ExportName(name)) = parsed {
            return self.export_name(flags, name, desk);
        }
        if !flags.is_fixed || desk.option == crate::wire::OPT_EXPORT_NAME {
            // Here nothing but a good EXPORT_NAME has an answer.
            return Progress::Broken(format!("option {} without a possible answer", desk.option));
        }
        match parsed {
            Err(BadOption::Invalid(text)) => desk.refuse(REP_ERR_INVALID, text),
            Err(BadOption::TooBig) => desk.refuse(REP_ERR_TOO_BIG, "a string is too long"),
            Ok(ClientOption::Abort) => {
                desk.reply(REP_ACK, &[]);
                return Progress::Left;
            }
            Ok(ClientOption::List) => desk.list(),
            Ok(ClientOption::StructuredReply) => {
                self.is_structured = true;
                desk.reply(REP_ACK, &[]);
            }
            Ok(ClientOption::Info(wanted)) => {
                self.tell(wanted, &mut desk);
            }
            Ok(ClientOption::Go(wanted)) => {
                if let Some(export) = self.tell(wanted, &mut desk) {
                    return Progress::Chosen(self.agreed(export));
                }
            }
            Ok(ClientOption::ListContexts(queries)) => {
                let all = queries.is_empty || queries.whole_base;
                self.contexts(queries, all || queries.allocation, 0, &mut desk);
            }
            Ok(ClientOption::SetContexts(queries)) => {
                let id = BASE_ALLOCATION_ID;
                self.allocation_of = self.contexts(queries, queries.allocation, id, &mut desk);
            }
            Ok(ClientOption::StartTls) => desk.refuse(REP_ERR_UNSUP, "TLS is not spoken here"),
            Ok(ClientOption::ExtendedHeaders) => {
                desk.refuse(REP_ERR_UNSUP, "extended headers are not spoken here");
            }
            Ok(ClientOption::ExportName(_) | ClientOption::Unknown) => {
                desk.refuse(REP_ERR_UNSUP, "the option is not known");
            }
        }
        Progress::Waiting
    }

    fn export_name(&self, flags: Flags, name: &str, desk: Desk<'_>) -> Progress {
        let Some((export, found)) = desk.find(name) else {
            return Progress::Broken("an export is asked for that is not served".to_owned());
        };
        let agreed = self.agreed(export);
        let mut bytes = size_of(found).to_be_bytes().to_vec();
        bytes.extend_from_slice(&agreed.flags(found).to_be_bytes());
        if !flags.without_zeroes {
            bytes.resize(bytes.len() + EXPORT_NAME_ZEROES, 0);
        }
        desk.output.text(bytes);
        Progress::Chosen(agreed)
    }

    /// What holds after the choice of `export`.
    fn agreed(&self, export: usize) -> Agreed {
        Agreed {
            export,
            is_structured: self.is_structured,
            has_allocation: self.allocation_of == Some(export),
        }
    }

    /// Answers INFO and GO; the export if it is served.
    fn tell(&self, wanted: Wanted<'_>, desk: &mut Desk<'_>) -> Option<usize> {
        let Some((export, found)) = desk.find(wanted.export) else {
            desk.refuse(REP_ERR_UNKNOWN, "no export of this name is served");
            return None;
        };
        let flags = self.agreed(export).flags(found).to_be_bytes();
        desk.info(INFO_EXPORT, &[&size_of(found).to_be_bytes(), &flags]);
        if wanted.name {
            desk.info(INFO_NAME, &[found.name.as_bytes()]);
        }
        if wanted.description {
            desk.info(INFO_DESCRIPTION, &[found.description.as_bytes()]);
        }
        let [least, best, most] = block_sizes(found).map(u32::to_be_bytes);
        desk.info(INFO_BLOCK_SIZE, &[&least, &best, &most]);
        desk.reply(REP_ACK, &[]);
        Some(export)
    }

    /// Answers the options about metadata contexts; the export if `base:allocation` was named.
    fn contexts(
        &self,
        queries: Queries<'_>,
        is_named: bool,
        id: u32,
        desk: &mut Desk<'_>,
    ) -> Option<usize> {
        if !self.is_structured {
            desk.refuse(REP_ERR_INVALID, "structured replies must be agreed on first");
            return None;
        }
        let Some((export, _)) = desk.find(queries.export) else {
            desk.refuse(REP_ERR_UNKNOWN, "no export of this name is served");
            return None;
        };
        if is_named {
            let data = [id.to_be_bytes().as_slice(), BASE_ALLOCATION.as_bytes()].concat();
            desk.reply(REP_META_CONTEXT, &data);
        }
        desk.reply(REP_ACK, &[]);
        is_named.then_some(export)
    }
}

/// What is at hand while one option is answered.
struct Desk<'a> {
    option: u32,
    output: &'a mut Output,
    exports: &'a [Export],
    settings: &'a Settings,
}

impl<'a> Desk<'a> {
    fn find(&self, name: &str) -> Option<(usize, &'a Export)> {
        self.exports.iter().enumerate().find(|(_, export)| export.name == name)
    }

    fn reply(&mut self, kind: u32, data: &[u8]) {
        self.output.text(option_reply(self.option, kind, data));
    }

    fn refuse(&mut self, kind: u32, text: &str) {
        self.reply(kind, text.as_bytes());
    }

    fn info(&mut self, kind: u16, data: &[&[u8]]) {
        self.reply(REP_INFO, &[&kind.to_be_bytes(), data.concat().as_slice()].concat());
    }

    fn list(&mut self) {
        if !self.settings.may_list {
            return self.refuse(REP_ERR_POLICY, "exports are listed on local sockets only");
        }
        for export in self.exports {
            let len = u32::try_from(export.name.len()).unwrap_or(u32::MAX).to_be_bytes();
            let parts = [&len, export.name.as_bytes(), export.description.as_bytes()];
            self.reply(REP_SERVER, &parts.concat());
        }
        self.reply(REP_ACK, &[]);
    }
}

/// Number and length of data of the option at the beginning of `bytes`, if its header is whole.
fn option_header(bytes: &[u8]) -> Result<Option<(u32, usize)>, String> {
    let mut cursor = Cursor::new(bytes);
    let header = (|| Some((cursor.u64()?, cursor.u32()?, cursor.u32()?)))();
    let Some((magic, option, len)) = header else { return Ok(None) };
    if magic != IHAVEOPT {
        return Err(format!("an option begins with {magic:#018x} instead of IHAVEOPT"));
    }
    match usize::try_from(len) {
        Ok(len) if len <= OPTION_BYTES => Ok(Some((option, len))),
        _ => Err(format!("option {option} announces {len} bytes; {OPTION_BYTES} are allowed")),
    }
}

/// The least, best and greatest length of a request. Reads may begin and end anywhere; what is
/// written is whole sectors.
fn block_sizes(export: &Export) -> [u32; 3] {
    let sector = u32::try_from(SECTOR_BYTES).unwrap_or(u32::MAX);
    let least = if export.is_read_only { 1 } else { sector };
    let best = export.preferred_block.clamp(sector, REQUEST_BYTES);
    [least, 1 << best.ilog2(), REQUEST_BYTES]
}
