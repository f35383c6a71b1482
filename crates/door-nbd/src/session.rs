//! One conversation with an NBD client.
//!
//! States: handshake → serving → over; or cut off at any time. In the handshake everything is
//! answered from here; while serving, requests go to the array and come back in any order.
//!
//! Invariants: nothing follows the end: after `end` is set no byte is taken in and no request is
//! given; what [`Session::space`] offered stays where it is until [`Session::received`] says how
//! much of it was used; `offered` is the length of its first slice.

use crate::allocation::AllocationMap;
use crate::handshake::{Handshake, Progress};
use crate::limits::{STAGING_BESIDE_PAYLOAD, STAGING_BYTES};
use crate::output::Output;
use crate::serving::{Desk, Intake, Serving};
use crate::staging::Staging;
use paritas_disk::{Buffer, Pool};
use paritas_engine::{Export, Finish, HostError, Session, SessionRequest};
use std::fmt;
use std::sync::Arc;

/// How a client is to be treated.
#[derive(Clone, Default)]
pub struct Settings {
    /// Whether the client may ask which exports there are: on local sockets.
    pub may_list: bool,
    /// What is known about holes; without it everything is data.
    pub allocation: Option<Arc<dyn AllocationMap>>,
    /// Kept as long as the client is connected.
    pub guest: Option<Arc<dyn Guest>>,
}

/// Whoever opened the door notices by its end that a client has gone.
pub trait Guest: fmt::Debug + Send + Sync {}

/// An NBD client, from its first byte to its last.
#[derive(Debug)]
pub struct NbdSession {
    exports: Arc<[Export]>,
    settings: Settings,
    staging: Staging,
    output: Output,
    phase: Phase,
    offered: usize,
    is_closed: bool,
    /// Why the client was cut off, once it was.
    broken: Option<String>,
}

#[derive(Debug)]
enum Phase {
    Handshake(Handshake),
    Serving(Box<Serving>),
    /// The client left without choosing an export.
    Left,
}

impl NbdSession {
    /// A session for a client that has just connected. It may use any of `exports`; their numbers
    /// come back in the requests. Names must differ; the empty name is the default export.
    #[must_use]
    pub fn new(exports: Arc<[Export]>, settings: Settings) -> Self {
        let mut output = Output::default();
        Handshake::greet(&mut output);
        Self {
            exports,
            settings,
            staging: Staging::new(),
            output,
            phase: Phase::Handshake(Handshake::default()),
            offered: 0,
            is_closed: false,
            broken: None,
        }
    }

    /// Answers what has arrived of the handshake.
    fn shake_hands(&mut self) {
        let Phase::Handshake(handshake) = &mut self.phase else { return };
        let (staging, output) = (&mut self.staging, &mut self.output);
        match handshake.advance(staging, output, &self.exports, &self.settings) {
            Progress::Chosen(agreed) => self.phase = Phase::Serving(Box::new(Serving::new(agreed))),
            Progress::Left => self.phase = Phase::Left,
            Progress::Broken(text) => self.broken = Some(text),
            Progress::Waiting if self.is_closed && self.staging.is_empty() => {
                self.phase = Phase::Left;
            }
            // What waits only for replies to leave goes on when they have; an incomplete option
            // stays incomplete.
            Progress::Waiting if self.is_closed && self.output.is_empty() => {
                self.broken = Some("the peer closed the connection in its handshake".to_owned());
            }
            Progress::Waiting => {}
        }
    }
}

impl Session for NbdSession {
    fn space(&mut self) -> [&mut [u8]; 2] {
        self.offered = 0;
        let mut limit = STAGING_BYTES;
        let mut payload: &mut [u8] = &mut [];
        let is_taking = match &mut self.phase {
            _ if self.is_closed || self.broken.is_some() => false,
            Phase::Handshake(_) => true,
            Phase::Left => false,
            Phase::Serving(serving) => {
                if serving.is_long_write {
                    limit = STAGING_BESIDE_PAYLOAD;
                }
                match &mut serving.intake {
                    Intake::Over => false,
                    // What stands in the staging area comes before what is still to arrive.
                    Intake::Payload(fill) if self.staging.is_empty() => {
                        payload = fill.rest();
                        true
                    }
                    _ => true,
                }
            }
        };
        if !is_taking {
            return [&mut [], &mut []];
        }
        self.offered = payload.len();
        [payload, self.staging.space(limit)]
    }

    fn received(&mut self, bytes: usize) {
        if bytes == 0 {
            self.is_closed = true;
        }
        let into_payload = bytes.min(self.offered);
        self.offered = 0;
        if let Phase::Serving(serving) = &mut self.phase
            && let Intake::Payload(fill) = &mut serving.intake
        {
            fill.received(into_payload);
        }
        self.staging.received(bytes - into_payload);
        self.shake_hands();
    }

    fn next_request(&mut self, pool: &Pool) -> Option<SessionRequest> {
        self.shake_hands();
        let Phase::Serving(serving) = &mut self.phase else { return None };
        if self.broken.is_some() {
            return None;
        }
        let mut desk = Desk {
            staging: &mut self.staging,
            output: &mut self.output,
            exports: &self.exports,
            settings: &self.settings,
            pool,
            is_closed: self.is_closed,
        };
        serving.next_request(&mut desk).unwrap_or_else(|text| {
            self.broken = Some(text);
            None
        })
    }

    fn reply(&mut self, cookie: u64, result: Result<(), HostError>, buffer: Option<Buffer>) {
        let Phase::Serving(serving) = &mut self.phase else { return };
        if let Err(text) = serving.answer(cookie, result, buffer, &mut self.output) {
            self.broken.get_or_insert(text);
        }
    }

    fn unsent<'a>(&'a self, slices: &mut Vec<&'a [u8]>) {
        if self.broken.is_none() {
            self.output.unsent(slices);
        }
    }

    fn sent(&mut self, bytes: usize) {
        self.output.sent(bytes);
        self.shake_hands();
    }

    fn finished(&self) -> Option<Finish> {
        if let Some(text) = &self.broken {
            return Some(Finish::Broken(text.clone()));
        }
        let is_over = match &self.phase {
            Phase::Handshake(_) => false,
            Phase::Serving(serving) => serving.is_over(),
            Phase::Left => true,
        };
        (is_over && self.output.is_empty()).then_some(Finish::Closed)
    }

    fn describe(&self) -> String {
        let waiting = self.output.plain_bytes() + self.output.payload_bytes();
        match &self.phase {
            Phase::Handshake(handshake) => {
                format!("in the handshake, {} options so far", handshake.options())
            }
            Phase::Serving(serving) => {
                let name = self.exports.get(serving.agreed.export).map(|export| &export.name);
                format!(
                    "export {:?}, {} requests under way, {waiting} bytes to be sent",
                    name.map_or("", String::as_str),
                    serving.commands.len(),
                )
            }
            Phase::Left => format!("leaving, {waiting} bytes to be sent"),
        }
    }

    fn is_in_handshake(&self) -> bool {
        matches!(self.phase, Phase::Handshake(_))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("may_list", &self.may_list)
            .field("knows_holes", &self.allocation.is_some())
            .finish()
    }
}
