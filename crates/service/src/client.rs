//! The client of the control socket.
//!
//! The one thing to understand: a call is one connection, one request and one answer, so a client
//! holds nothing of the service between two calls.

use crate::api::{ArrayState, ErrorBody, Order, Outcome, Start, Started, VERSION, Word};
use crate::descriptors::send;
use crate::place::Place;
use paritas_disk::Disk;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{self, Read};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

/// The longest answer that is taken.
const LONGEST: u64 = 64 << 20;

/// A service, as seen from outside.
#[derive(Clone, Debug)]
pub struct Client {
    place: Place,
}

/// Members that were opened here, to be passed along.
#[derive(Clone, Debug, Default)]
pub struct Passed {
    words: Vec<Word>,
    disks: Vec<Arc<dyn Disk>>,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error("no service runs at {path}\nnext: paritas assemble starts one with an array")]
    NotRunning {
        /// The socket.
        path: PathBuf,
    },
    /// The service refused; it says why and what next.
    #[error("{0}")]
    Refused(String),
    /// The member is no file that could be passed on.
    #[error("{word} is no file that can be passed to the service")]
    NotAFile {
        /// The member.
        word: String,
    },
    /// The connection failed.
    #[error("the service at {path} does not answer: {source}")]
    Connection {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The answer is no answer.
    #[error("the service at {path} answers what this program does not know: {why}")]
    Answer {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl Passed {
    /// Adds a member that `word` names.
    ///
    /// # Errors
    /// [`CallError::NotAFile`].
    pub fn add(&mut self, word: &str, disk: Arc<dyn Disk>) -> Result<(), CallError> {
        let file = disk.open_file();
        let (file, start) = file.ok_or_else(|| CallError::NotAFile { word: word.to_owned() })?;
        let number = rustix::fs::fstat(file).map_or(0, |stat| stat.st_rdev);
        let device = (rustix::fs::major(number), rustix::fs::minor(number));
        let path = std::path::absolute(word).unwrap_or_else(|_| PathBuf::from(word));
        self.words.push(Word {
            word: word.to_owned(),
            name: disk.facts().name.clone(),
            path: path.display().to_string(),
            start: start.0,
            sectors: disk.facts().sectors.0,
            device,
        });
        self.disks.push(disk);
        Ok(())
    }

    /// What describes them, in the order of their descriptors.
    #[must_use]
    pub fn words(&self) -> &[Word] {
        &self.words
    }

    /// Descriptors of their files for this process, in the order of [`Passed::words`].
    ///
    /// # Errors
    /// The system gives no more descriptors.
    pub fn files(&self) -> io::Result<Vec<OwnedFd>> {
        self.descriptors().iter().map(BorrowedFd::try_clone_to_owned).collect()
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.disks.iter().filter_map(|disk| disk.open_file()).map(|(file, _)| file).collect()
    }
}

impl Client {
    /// The service at a place, whether it runs or not.
    #[must_use]
    pub const fn new(place: Place) -> Self {
        Self { place }
    }

    /// Whether somebody listens there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        UnixStream::connect(self.place.socket()).is_ok()
    }

    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// All arrays.
    ///
    /// # Errors
    /// [`CallError`], as of all calls.
    pub fn arrays(&self) -> Result<Vec<ArrayState>, CallError> {
        self.call("GET", "arrays", &(), &[])
    }

    /// One array.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn array(&self, name: &str) -> Result<ArrayState, CallError> {
        self.call("GET", &format!("arrays/{}", encoded(name)), &(), &[])
    }

    /// Starts an array from members that are passed along.
    ///
    /// # Errors
    /// [`CallError`]; nothing was written then.
    pub fn start(&self, name: &str, start: &Start, members: &Passed) -> Result<Started, CallError> {
        let path = format!("arrays/{}", encoded(name));
        self.call("POST", &path, start, &members.descriptors())
    }

    /// Has something done with an array.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn order(&self, name: &str, order: &Order, members: &Passed) -> Result<Outcome, CallError> {
        let path = format!("arrays/{}/order", encoded(name));
        self.call("POST", &path, order, &members.descriptors())
    }

    /// Stops an array; with `force` although clients are connected.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn stop(&self, name: &str, force: bool) -> Result<Outcome, CallError> {
        let force = if force { "?force" } else { "" };
        self.call("DELETE", &format!("arrays/{}{force}", encoded(name)), &(), &[])
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<T, CallError> {
        let at = || self.place.socket().to_owned();
        let socket =
            UnixStream::connect(self.place.socket()).map_err(|source| match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    CallError::NotRunning { path: at() }
                }
                _ => CallError::Connection { path: at(), source },
            })?;
        let failed = |source| CallError::Connection { path: at(), source };
        let strange = |why: String| CallError::Answer { path: at(), why };
        let body = serde_json::to_vec(body).map_err(|error| strange(error.to_string()))?;
        let head = format!(
            "{method} /{VERSION}/{path} HTTP/1.1\r\nHost: paritas\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), &body].concat();
        send(&socket, &request, descriptors).map_err(failed)?;
        let mut answer = Vec::new();
        socket.take(LONGEST).read_to_end(&mut answer).map_err(failed)?;
        let (status, body) = parse(&answer).map_err(strange)?;
        if status >= 400 {
            let error: ErrorBody =
                serde_json::from_slice(body).map_err(|e| strange(e.to_string()))?;
            return Err(CallError::Refused(error.error));
        }
        serde_json::from_slice(body).map_err(|error| strange(error.to_string()))
    }
}

/// Status and body of an answer that ends with its connection.
fn parse(answer: &[u8]) -> Result<(u16, &[u8]), String> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(answer).map_err(|error| error.to_string())?;
    let (httparse::Status::Complete(head), Some(status)) = (parsed, response.code) else {
        return Err("the answer was cut off".to_owned());
    };
    let body = answer.get(head..).unwrap_or_default();
    let length =
        response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length: Option<usize> =
        length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    match length {
        Some(length) if body.len() == length => Ok((status, body)),
        _ => Err("the answer was cut off".to_owned()),
    }
}

/// A name as a part of a path.
fn encoded(name: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~:".contains(&byte);
    let mut text = String::new();
    for byte in name.bytes() {
        match is_plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}
