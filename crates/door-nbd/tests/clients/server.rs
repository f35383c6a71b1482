//! A server for tests: a Unix socket, a thread for each client, an array in memory.
//!
//! Deliberately simple: each request is answered before the next bytes are read, so that what is
//! tested is the session and not a loop around it.

use paritas_disk::Pool;
use paritas_door_nbd::{AllocationMap, Extent, NbdSession, Settings};
use paritas_engine::{Export, HostError, HostWork, Session, SessionRequest};
use paritas_units::{Sector, SectorRange, Sectors};
use std::collections::BTreeSet;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

/// The name of the writable export; the other one is `photos`, read-only.
pub(crate) const SCRATCH: &str = "scratch pad";
/// Bytes of both exports.
pub(crate) const SIZE: usize = 16 << 20;
/// A sector of `photos` that cannot be read.
pub(crate) const BAD: u64 = 20_000;
/// `photos` is a hole from here on, for [`HOLE_SECTORS`].
pub(crate) const HOLE_START: u64 = 8192;
/// The length of the hole.
pub(crate) const HOLE_SECTORS: u64 = 4096;

/// A server that listens until the test ends.
pub(crate) struct Server {
    directory: TempDir,
    state: Arc<State>,
}

struct State {
    exports: Arc<[Export]>,
    arrays: [Mutex<Vec<u8>>; 2],
    has_bad_sector: bool,
    connections: AtomicUsize,
    work: Mutex<BTreeSet<&'static str>>,
    pool: Pool,
}

/// The hole of `photos`; everything of the other export is data.
struct Hole;

impl AllocationMap for Hole {
    fn extents(&self, export: usize, range: SectorRange, _most: usize) -> Vec<Extent> {
        let hole = SectorRange::new(HOLE_START, HOLE_SECTORS).intersection(range);
        if export != 0 || hole.is_empty() {
            return Vec::new();
        }
        let before = hole.start.since(range.start).unwrap_or(Sectors::ZERO);
        let extents =
            [Extent { len: before, is_hole: false }, Extent { len: hole.len, is_hole: true }];
        extents.into_iter().filter(|extent| !extent.len.is_zero()).collect()
    }
}

impl Server {
    /// Serves `photos` and [`SCRATCH`].
    pub(crate) fn start() -> Self {
        Self::with(false)
    }

    /// As [`Server::start`], with a sector that cannot be read.
    pub(crate) fn with_bad_sector() -> Self {
        Self::with(true)
    }

    fn with(has_bad_sector: bool) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let export = |name: &str, is_read_only| Export {
            name: name.to_owned(),
            description: format!("the array {name}"),
            sectors: Sectors::whole_in(SIZE as u64),
            is_read_only,
            preferred_block: 64 << 10,
        };
        let state = Arc::new(State {
            exports: Arc::from(vec![export("photos", true), export(SCRATCH, false)]),
            arrays: [Mutex::new(content()), Mutex::new(vec![0; SIZE])],
            has_bad_sector,
            connections: AtomicUsize::new(0),
            work: Mutex::new(BTreeSet::new()),
            pool: Pool::new(64 << 20),
        });
        let listener = UnixListener::bind(directory.path().join("nbd.sock")).expect("a socket");
        let shared = Arc::clone(&state);
        // The thread ends with the process; nobody can connect once the directory is gone.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let stream = stream.expect("a client");
                std::thread::spawn(move || shared.serve(stream));
            }
        });
        Self { directory, state }
    }

    /// A URI of an export, as a user writes it.
    pub(crate) fn uri(&self, name: &str) -> String {
        let socket = self.path("nbd.sock");
        format!("nbd+unix:///{}?socket={}", name.replace(' ', "%20"), socket.display())
    }

    /// A path in a directory that ends with the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The content of the writable export.
    pub(crate) fn scratch(&self) -> Vec<u8> {
        self.state.arrays[1].lock().expect("no panic").clone()
    }

    /// How many clients have connected.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// The kinds of work that were asked for.
    pub(crate) fn work(&self) -> BTreeSet<&'static str> {
        self.state.work.lock().expect("no panic").clone()
    }
}

/// The content of `photos`: no two sectors alike, but for the hole.
pub(crate) fn content() -> Vec<u8> {
    let hole = HOLE_START..HOLE_START + HOLE_SECTORS;
    (0..SIZE as u64)
        .map(|at| {
            let mixed = (at / 8).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ at;
            if hole.contains(&(at / 512)) { 0 } else { mixed.to_le_bytes()[3] }
        })
        .collect()
}

impl State {
    /// Serves one client until it is done; a socket that fails ends it too.
    fn serve(&self, mut stream: UnixStream) {
        let settings = Settings { may_list: true, allocation: Some(Arc::new(Hole)), guest: None };
        let mut session = NbdSession::new(Arc::clone(&self.exports), settings);
        loop {
            while let Some(request) = session.next_request(&self.pool) {
                self.answer(&mut session, request);
                if send(&mut session, &mut stream).is_none() {
                    return;
                }
            }
            if send(&mut session, &mut stream).is_none() || session.finished().is_some() {
                return;
            }
            let [first, second] = session.space();
            let mut slices = [IoSliceMut::new(first), IoSliceMut::new(second)];
            let Ok(bytes) = stream.read_vectored(&mut slices) else { return };
            session.received(bytes);
        }
    }

    fn answer(&self, session: &mut NbdSession, mut request: SessionRequest) {
        let mut array = self.arrays[request.export].lock().expect("no panic");
        let kind = match request.work {
            HostWork::Read(range) if self.has_bad_sector && range.contains(Sector(BAD)) => {
                let error = HostError::Lost("two members are missing".to_owned());
                return session.reply(request.cookie, Err(error), request.buffer);
            }
            HostWork::Read(range) => {
                let buffer = request.buffer.as_mut().expect("a read has a buffer");
                buffer.bytes_mut().copy_from_slice(&array[place(range)]);
                "read"
            }
            HostWork::Write { range, durable } => {
                let buffer = request.buffer.as_ref().expect("a write has a buffer");
                array[place(range)].copy_from_slice(buffer.bytes());
                if durable { "durable write" } else { "write" }
            }
            HostWork::WriteZeroes(range) => {
                array[place(range)].fill(0);
                "write zeroes"
            }
            HostWork::Discard(_) => "discard",
            HostWork::Flush => "flush",
        };
        self.work.lock().expect("no panic").insert(kind);
        session.reply(request.cookie, Ok(()), request.buffer);
    }
}

fn send(session: &mut NbdSession, stream: &mut UnixStream) -> Option<()> {
    loop {
        let mut slices = Vec::new();
        session.unsent(&mut slices);
        let slices: Vec<_> = slices.into_iter().map(IoSlice::new).collect();
        if slices.is_empty() {
            return Some(());
        }
        let bytes = stream.write_vectored(&slices).ok()?;
        session.sent(bytes);
    }
}

fn place(range: SectorRange) -> std::ops::Range<usize> {
    let start = usize::try_from(range.start.0).expect("small") * 512;
    start..start + usize::try_from(range.len.0).expect("small") * 512
}
