//! A disk that takes its time: each request pauses, and all wait while the disk is held.
//!
//! The one thing to understand: it blocks the thread of the request, as a slow disk does. How long
//! a pause is, the caller knows (this crate has no clock); tests that want an order rather than a
//! time use [`DelayDisk::hold`].

use super::Kind;
use crate::{Disk, Facts, Fault, Hole};
use paritas_units::{Sector, Sectors};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What a request does before it goes on: sleep, mostly.
type Pause = dyn Fn(Kind) + Send + Sync;

/// A disk that takes its time.
pub struct DelayDisk {
    under: Arc<dyn Disk>,
    pause: Box<Pause>,
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_held: bool,
    waiting: usize,
}

impl DelayDisk {
    /// `under`, of which each request calls `pause` first.
    #[must_use]
    pub fn new(under: Arc<dyn Disk>, pause: impl Fn(Kind) + Send + Sync + 'static) -> Self {
        Self { under, pause: Box::new(pause), state: Mutex::default(), released: Condvar::new() }
    }

    /// From now on requests wait for [`DelayDisk::release`].
    pub fn hold(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_held = true;
    }

    /// Lets all requests go on.
    pub fn release(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_held = false;
        self.released.notify_all();
    }

    /// How many requests wait for [`DelayDisk::release`].
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }

    fn pass(&self, kind: Kind) {
        (self.pause)(kind);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.waiting += 1;
        while state.is_held {
            state = self.released.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
    }
}

impl Disk for DelayDisk {
    fn facts(&self) -> &Facts {
        self.under.facts()
    }

    fn read(&self, at: Sector, into: &mut [u8]) -> Result<(), Fault> {
        self.pass(Kind::Read);
        self.under.read(at, into)
    }

    fn write(&self, at: Sector, from: &[u8], durable: bool) -> Result<(), Fault> {
        self.pass(Kind::Write);
        self.under.write(at, from, durable)
    }

    fn flush(&self) -> Result<(), Fault> {
        self.pass(Kind::Flush);
        self.under.flush()
    }

    fn discard(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.pass(Kind::Discard);
        self.under.discard(at, sectors)
    }

    fn write_zeroes(&self, at: Sector, sectors: Sectors) -> Result<(), Fault> {
        self.pass(Kind::WriteZeroes);
        self.under.write_zeroes(at, sectors)
    }

    fn tail(&self) -> Result<Vec<u8>, Fault> {
        self.under.tail()
    }

    fn hole(&self, at: Sector) -> Hole {
        self.under.hole(at)
    }
}

impl fmt::Debug for DelayDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.waiting();
        f.debug_struct("DelayDisk")
            .field("under", &self.under)
            .field("waiting", &waiting)
            .finish_non_exhaustive()
    }
}
