//! An NBD client of a few lines that keeps many writes under way and knows which were acknowledged.
//!
//! The one thing to understand: the server is killed under it. A connection that breaks is the
//! normal end of a load, an answer with an error is not.

use super::model::{Model, SECTOR};
use anyhow::{Context, Result, bail};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Requests under way at a time.
const DEPTH: usize = 16;
/// The longest write, in sectors.
const LONGEST: u64 = 192;
const READ: u16 = 0;
const WRITE: u16 = 1;
const FLUSH: u16 = 3;
/// The request's flag that its data are to be durable when it is answered.
const DURABLE: u16 = 1;

/// A connection that is past the handshake.
pub(super) struct Client {
    stream: UnixStream,
    /// Bytes of the export.
    pub(super) size: u64,
}

/// A write or a flush on its way.
#[derive(Clone, Copy)]
struct Sent {
    cookie: u64,
    /// First sector and count; a flush has none.
    range: Option<(u64, u64)>,
    version: u32,
}

impl Client {
    /// Connects to the export `a`.
    pub(super) fn connect(socket: &Path) -> Result<Self> {
        let mut stream = UnixStream::connect(socket).context("cannot connect")?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut greeting = [0; 18];
        stream.read_exact(&mut greeting)?;
        if !greeting.starts_with(b"NBDMAGICIHAVEOPT") {
            bail!("the server greets with {greeting:?}");
        }
        // Fixed newstyle, no zeroes; then the option that names the export.
        let mut words = 3_u32.to_be_bytes().to_vec();
        words.extend(b"IHAVEOPT");
        words.extend(1_u32.to_be_bytes());
        words.extend(1_u32.to_be_bytes());
        words.push(b'a');
        stream.write_all(&words)?;
        let mut answer = [0; 10];
        stream.read_exact(&mut answer)?;
        let [a, b, c, d, e, f, g, h, ..] = answer;
        Ok(Self { stream, size: u64::from_be_bytes([a, b, c, d, e, f, g, h]) })
    }

    /// Writes everything with a first version, in order.
    pub(super) fn fill(&mut self, model: &mut Model) -> Result<()> {
        let sectors = self.size / SECTOR as u64;
        let mut at = 0;
        while at < sectors {
            let count = LONGEST.min(sectors - at);
            let (version, content) = model.begin(at, count);
            self.stream.write_all(&request(WRITE, 0, at, at, count))?;
            self.stream.write_all(&content)?;
            self.answer()?;
            model.acknowledge(at, count, version);
            at += count;
        }
        Ok(())
    }

    /// Reads everything.
    pub(super) fn read_all(&mut self) -> Result<Vec<u8>> {
        let sectors = self.size / SECTOR as u64;
        let mut content = vec![0; usize::try_from(self.size)?];
        let mut at = 0;
        while at < sectors {
            let count = LONGEST.min(sectors - at);
            self.stream.write_all(&request(READ, 0, at, at, count))?;
            self.answer()?;
            let place = usize::try_from(at)? * SECTOR;
            self.stream
                .read_exact(&mut content[place..place + usize::try_from(count)? * SECTOR])?;
            at += count;
        }
        Ok(content)
    }

    /// One reply: its cookie.
    fn answer(&mut self) -> Result<u64> {
        answer(&mut self.stream)
    }

    /// Overwrites random places until the server is gone, with many requests under way. `kill` is
    /// called when `time` is over.
    ///
    /// # Errors
    /// An answer that is an error. A broken connection is none.
    pub(super) fn load(
        self,
        model: &Mutex<Model>,
        seed: u64,
        time: Duration,
        kill: impl FnOnce(),
    ) -> Result<usize> {
        let reader = self.stream.try_clone()?;
        let (sender, receiver) = sync_channel(DEPTH);
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || take_answers(reader, &receiver, model));
            let sending = scope.spawn(move || self.send(model, seed, &sender));
            let start = Instant::now();
            std::thread::sleep(time.saturating_sub(start.elapsed()));
            kill();
            sending.join().expect("the sending thread panicked");
            reading.join().expect("the reading thread panicked")
        })
    }

    fn send(mut self, model: &Mutex<Model>, seed: u64, sent: &SyncSender<Sent>) {
        let mut chance = Chance(seed);
        for cookie in 0.. {
            let one = if cookie % 19 == 18 {
                let flush = Sent { cookie, range: None, version: 0 };
                (flush, request(FLUSH, 0, cookie, 0, 0), Vec::new())
            } else {
                let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
                let Some((at, count)) = place(&mut chance, self.size / SECTOR as u64, &model)
                else {
                    continue;
                };
                let (version, content) = model.begin(at, count);
                let flags = if chance.below(10) == 0 { DURABLE } else { 0 };
                let header = request(WRITE, flags, cookie, at, count);
                (Sent { cookie, range: Some((at, count)), version }, header, content)
            };
            // The list has as many places as may be under way.
            let is_over = sent.send(one.0).is_err()
                || self.stream.write_all(&one.1).is_err()
                || self.stream.write_all(&one.2).is_err();
            if is_over {
                return;
            }
        }
    }
}

/// A place that nobody is writing: half of the time within a few stripes, so that writes meet.
fn place(chance: &mut Chance, sectors: u64, model: &Model) -> Option<(u64, u64)> {
    let within = if chance.below(2) == 0 { sectors.min(768) } else { sectors };
    let most = [1, 8, 64, LONGEST][usize::try_from(chance.below(4)).unwrap_or(0)];
    let count = 1 + chance.below(most);
    let at = chance.below(within.saturating_sub(count).max(1));
    (at + count <= sectors && !model.is_being_written(at, count)).then_some((at, count))
}

fn take_answers(
    mut stream: UnixStream,
    sent: &Receiver<Sent>,
    model: &Mutex<Model>,
) -> Result<usize> {
    let mut waiting: Vec<Sent> = Vec::new();
    let mut answered = 0;
    loop {
        let mut header = [0; 16];
        if stream.read_exact(&mut header).is_err() {
            // Killed. Those who send find out by themselves.
            return Ok(answered);
        }
        let cookie = checked(&header)?;
        // What is answered was sent, and is in the list or comes soon.
        while !waiting.iter().any(|one| one.cookie == cookie) {
            match sent.recv_timeout(Duration::from_secs(10)) {
                Ok(one) => waiting.push(one),
                Err(_) => bail!("an answer to {cookie}, which was not sent"),
            }
        }
        let number = waiting.iter().position(|one| one.cookie == cookie).unwrap_or(0);
        let Sent { range, version, .. } = waiting.swap_remove(number);
        if let Some((at, count)) = range {
            let mut model = model.lock().unwrap_or_else(PoisonError::into_inner);
            model.acknowledge(at, count, version);
        }
        answered += 1;
    }
}

fn answer(stream: &mut UnixStream) -> Result<u64> {
    let mut header = [0; 16];
    stream.read_exact(&mut header).context("no answer")?;
    checked(&header)
}

/// The cookie of a simple reply without an error.
fn checked(header: &[u8; 16]) -> Result<u64> {
    let [m0, m1, m2, m3, e0, e1, e2, e3, cookie @ ..] = *header;
    if u32::from_be_bytes([m0, m1, m2, m3]) != 0x6744_6698 {
        bail!("an answer begins with {header:?}");
    }
    match u32::from_be_bytes([e0, e1, e2, e3]) {
        0 => Ok(u64::from_be_bytes(cookie)),
        error => bail!("a request ended with error {error}"),
    }
}

fn request(kind: u16, flags: u16, cookie: u64, at: u64, count: u64) -> Vec<u8> {
    let mut header = 0x2560_9513_u32.to_be_bytes().to_vec();
    header.extend(flags.to_be_bytes());
    header.extend(kind.to_be_bytes());
    header.extend(cookie.to_be_bytes());
    header.extend((at * SECTOR as u64).to_be_bytes());
    header.extend(u32::try_from(count * SECTOR as u64).unwrap_or(u32::MAX).to_be_bytes());
    header
}

/// Numbers by chance, the same for the same seed.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        crate::oracle::content::mixed(self.0) % limit.max(1)
    }
}
