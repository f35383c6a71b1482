//! All arrays of a service, by name.
//!
//! The one thing to understand: one lock guards the table, and is not held while members are read
//! or an array is being stopped: a name is reserved meanwhile, so that nobody else takes it.
//!
//! # States of a name
//! *free* → (start) → *reserved* → *running* → (stop) → *reserved* → *free*.

use crate::api::{ArrayState, Order, Outcome, Start, Started};
use crate::place::Place;
use crate::running::Running;
use crate::state::LastSeen;
use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Arrays that run in this process.
#[derive(Debug)]
pub struct Service {
    place: Place,
    keeps_note: bool,
    table: Mutex<Table>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Table {
    arrays: BTreeMap<String, Slot>,
    /// Identities of arrays that have come to a good end here.
    ended: BTreeSet<String>,
    /// Nothing is started any more.
    is_ending: bool,
}

#[derive(Debug)]
enum Slot {
    Reserved,
    Running(Box<Running>),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request is not understood.
    #[error("{0}")]
    Wrong(String),
    /// There is no such array.
    #[error("{0}")]
    Unknown(String),
    /// It cannot be done now.
    #[error("{0}")]
    Failed(String),
}

/// The name under which a word for an array is known: `md0` for `/dev/md0`, `photos` for
/// `/dev/md/photos`.
#[must_use]
pub fn array_name(word: &str) -> &str {
    let own = word.strip_prefix("/dev/").unwrap_or(word);
    own.strip_prefix("md/").unwrap_or(own)
}

impl Service {
    /// A service without arrays, whose locks stand beside the control socket at `place`. Whether it
    /// keeps a note of its arrays there: only who has the socket may.
    #[must_use]
    pub fn new(place: Place, keeps_note: bool) -> Self {
        Self { place, keeps_note, table: Mutex::default(), changed: Condvar::new() }
    }

    /// All arrays.
    #[must_use]
    pub fn arrays(&self) -> Vec<ArrayState> {
        self.lock().running().map(Running::state).collect()
    }

    /// One array.
    ///
    /// # Errors
    /// [`Refusal::Unknown`].
    pub fn array(&self, name: &str) -> Result<ArrayState, Refusal> {
        let mut table = self.lock();
        table.find(name).map(|running| running.state())
    }

    /// Starts an array from members whose descriptors were passed along, in their order.
    ///
    /// # Errors
    /// [`Refusal`]; nothing was written then.
    pub fn start(
        &self,
        name: &str,
        start: &Start,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Started, Refusal> {
        self.reserve(name)?;
        let made = Running::start(name, start, descriptors, &self.place);
        let mut table = self.lock();
        match made {
            Ok((running, started)) => {
                table.arrays.insert(name.to_owned(), Slot::Running(Box::new(running)));
                self.note(&table);
                self.changed.notify_all();
                tracing::info!(array = name, "started");
                Ok(started)
            }
            Err(why) => {
                table.arrays.remove(name);
                self.changed.notify_all();
                Err(why)
            }
        }
    }

    fn reserve(&self, name: &str) -> Result<(), Refusal> {
        let is_usual = |letter: char| !letter.is_control() && letter != '/';
        if name.is_empty() || name.len() > 255 || !name.chars().all(is_usual) {
            return Err(Refusal::Wrong(format!("{name:?} cannot name an array")));
        }
        let mut table = self.lock();
        if table.is_ending {
            return Err(Refusal::Failed("the service is ending; try again".to_owned()));
        }
        match table.arrays.get(name) {
            None => {
                table.arrays.insert(name.to_owned(), Slot::Reserved);
                Ok(())
            }
            Some(_) => Err(Refusal::Failed(format!(
                "{name} is running already\n\
                 next: choose another name, or paritas stop {name}"
            ))),
        }
    }

    /// Has something done with an array.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn order(
        &self,
        name: &str,
        order: Order,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Outcome, Refusal> {
        let mut table = self.lock();
        let outcome = table.find(name)?.order(order, descriptors)?;
        self.note(&table);
        Ok(outcome)
    }

    /// Stops an array; refused while clients are connected unless it is forced.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn stop(&self, name: &str, is_forced: bool) -> Result<Outcome, Refusal> {
        let mut table = self.lock();
        let clients = table.find(name)?.clients();
        if !clients.is_empty() && !is_forced {
            return Err(Refusal::Failed(format!(
                "{name} has clients: {}\n\
                 next: disconnect them, or paritas stop --force {name}",
                clients.join(", ")
            )));
        }
        let Some(Slot::Running(running)) = table.arrays.insert(name.to_owned(), Slot::Reserved)
        else {
            return Err(unknown(name));
        };
        drop(table);
        let uuid = running.stop();
        let mut table = self.lock();
        table.arrays.remove(name);
        table.ended.insert(uuid);
        self.note(&table);
        self.changed.notify_all();
        Ok(Outcome::default())
    }

    /// Stops every array, whoever is connected, and starts no more.
    pub fn stop_all(&self) {
        let mut table = self.lock();
        table.is_ending = true;
        loop {
            let names: Vec<String> = table.names().map(str::to_owned).collect();
            drop(table);
            for name in names {
                // Somebody else may be stopping it.
                let _ = self.stop(&name, true);
            }
            table = self.lock();
            if table.arrays.is_empty() {
                return;
            }
            // What is being started or stopped by others ends soon.
            let waited = self.changed.wait_timeout(table, Duration::from_millis(100));
            table = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until no array has been there for `quiet`, or until `is_over` says so.
    pub fn wait_until_unused(&self, quiet: Duration, is_over: impl Fn() -> bool) {
        let mut unused_since = Instant::now();
        let mut table = self.lock();
        loop {
            let is_used = !table.arrays.is_empty();
            if is_used {
                unused_since = Instant::now();
            }
            if is_over() {
                return;
            }
            if !is_used && unused_since.elapsed() >= quiet {
                table.is_ending = true;
                return;
            }
            let waited = self.changed.wait_timeout(table, Duration::from_millis(50));
            table = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Notes which arrays run, for whoever looks after a crash.
    fn note(&self, table: &Table) {
        if !self.keeps_note {
            return;
        }
        let seen = LastSeen::of(table.running().map(|running| {
            let words = running.words().iter().map(|word| word.path.clone()).collect();
            (running.state(), words)
        }));
        let ended = table.ended.iter().map(String::as_str);
        let before = LastSeen::read(&self.place.state());
        if let Err(error) = seen.and_before(before, ended).write(&self.place.state()) {
            tracing::warn!("{}: {error}", self.place.state().display());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn running(&self) -> impl Iterator<Item = &Running> {
        self.arrays.values().filter_map(|slot| match slot {
            Slot::Running(running) => Some(running.as_ref()),
            Slot::Reserved => None,
        })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let running = self.arrays.iter().filter(|(_, slot)| matches!(slot, Slot::Running(_)));
        running.map(|(name, _)| name.as_str())
    }

    fn find(&mut self, name: &str) -> Result<&mut Running, Refusal> {
        match self.arrays.get_mut(name) {
            Some(Slot::Running(running)) => Ok(running),
            Some(Slot::Reserved) => Err(Refusal::Failed(format!(
                "{name} is being started or stopped at this moment\nnext: try again"
            ))),
            None => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> Refusal {
    Refusal::Unknown(format!("{name} is not running\nnext: paritas status names those that are"))
}
