//! Several clients on one driver, and requests that are waited for.
//!
//! The one thing to understand: [`Clients`] owns the driver, so that each completion finds the
//! client whose request it belongs to. Dropping it waits until nothing is under way.

use super::{Client, ErrorBits, Memory, Notice, RESERVE, Refused, Request};
use crate::{Disk, DiskIndex, Done, Driver, FaultKind, Inline, Wait};
use std::sync::Arc;

/// The number of the client of requests that are waited for.
const WAITED_FOR: u8 = u8::MAX;

/// A client of a [`Clients`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(u8);

/// A driver and its clients.
pub struct Clients {
    driver: Box<dyn Driver>,
    clients: Vec<Client>,
    /// The client of requests that are waited for.
    waited_for: Client,
    done: Vec<Done>,
}

/// Why a request that was waited for did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// It was not begun.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Some regions failed; the others were carried out.
    #[error("{fault} in regions {:?}", .errors.iter().collect::<Vec<_>>())]
    Failed {
        /// Which.
        errors: ErrorBits,
        /// What the first failure was.
        fault: FaultKind,
        /// The memory back.
        memory: Memory,
    },
}

impl Clients {
    /// A driver without clients.
    #[must_use]
    pub fn new(driver: Box<dyn Driver>) -> Self {
        Self {
            driver,
            clients: Vec::new(),
            waited_for: Client::new(WAITED_FOR, RESERVE),
            done: Vec::new(),
        }
    }

    /// Adds a client with a reserve of `reserve` requests; [`RESERVE`] is usual.
    ///
    /// # Panics
    /// At the 256th client: a mistake of the program.
    pub fn add(&mut self, reserve: u32) -> ClientId {
        let number = u8::try_from(self.clients.len()).ok().filter(|number| *number < WAITED_FOR);
        let number = number.expect("a driver has at most 255 clients");
        self.clients.push(Client::new(number, reserve));
        ClientId(number)
    }

    /// Makes a disk known to the driver.
    pub fn attach(&mut self, disk: Arc<dyn Disk>) -> DiskIndex {
        self.driver.attach(disk)
    }

    /// Lets go of a disk on which nothing is under way; requests to it fail as gone.
    pub fn detach(&mut self, disk: DiskIndex) {
        self.driver.detach(disk);
    }

    /// Begins a request; its notice comes from [`Clients::poll`], exactly once.
    ///
    /// # Errors
    /// [`Refused`], with nothing sent and no notice to come.
    pub fn start(&mut self, client: ClientId, request: Request) -> Result<(), Refused> {
        let client = self.clients.get_mut(usize::from(client.0));
        client.expect("the client is one of these").start(self.driver.as_mut(), request)
    }

    /// Moves the notices that have come to the end of `notices`. With [`Wait::ForOne`] it waits
    /// until there is one, if a request is outstanding; with [`Wait::AtMost`] it may return
    /// without one before the time is over, when a part of a request ended.
    pub fn poll(&mut self, wait: Wait, notices: &mut Vec<Notice>) {
        self.collect(notices);
        let mut wait = if notices.is_empty() { wait } else { Wait::No };
        loop {
            self.driver.poll(wait, &mut self.done);
            let progressed = !self.done.is_empty();
            self.dispatch();
            self.collect(notices);
            let goes_on = progressed || (wait == Wait::ForOne && self.driver.in_flight() > 0);
            if !goes_on {
                return;
            }
            if !notices.is_empty() || wait != Wait::ForOne {
                wait = Wait::No;
            }
        }
    }

    /// Sends a request and waits for it. Notices of other requests that come meanwhile stay for
    /// [`Clients::poll`].
    ///
    /// # Errors
    /// [`SyncError::Failed`] if any region failed, [`SyncError::Refused`] if none was tried.
    #[doc(alias = "sync_io")]
    pub fn perform(&mut self, request: Request) -> Result<Memory, SyncError> {
        self.waited_for.start(self.driver.as_mut(), request)?;
        while !self.waited_for.has_notices() {
            self.driver.poll(Wait::ForOne, &mut self.done);
            self.dispatch();
        }
        let mut notices = Vec::with_capacity(1);
        self.waited_for.take_notices(&mut notices);
        settled(notices.pop().expect("it has notices"))
    }

    /// Ends a batch of requests: what the driver has collected is handed to the system.
    #[doc(alias = "md_unplug")]
    pub fn flush_batch(&mut self) {
        self.driver.flush_batch();
    }

    /// The driver.
    #[must_use]
    pub fn driver(&self) -> &dyn Driver {
        self.driver.as_ref()
    }

    /// Requests begun or queued that have no notice yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.clients.iter().map(Client::outstanding).sum()
    }

    fn collect(&mut self, notices: &mut Vec<Notice>) {
        for client in &mut self.clients {
            client.take_notices(notices);
        }
    }

    /// Hands completions to the clients whose requests they are.
    fn dispatch(&mut self) {
        let mut done = std::mem::take(&mut self.done);
        for done in done.drain(..) {
            let clients = self.clients.iter_mut().chain([&mut self.waited_for]);
            if let Some(client) = clients.into_iter().find(|client| client.owns(&done)) {
                client.complete(self.driver.as_mut(), done);
            }
        }
        self.done = done;
    }
}

impl Drop for Clients {
    /// Waits until nothing is outstanding.
    #[doc(alias = "dm_io_client_destroy")]
    fn drop(&mut self) {
        while self.outstanding() > 0 && self.driver.in_flight() > 0 {
            self.driver.poll(Wait::ForOne, &mut self.done);
            self.dispatch();
        }
    }
}

impl std::fmt::Debug for Clients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").field("clients", &self.clients).finish_non_exhaustive()
    }
}

fn settled(notice: Notice) -> Result<Memory, SyncError> {
    match notice.fault {
        None => Ok(notice.memory),
        Some(fault) => {
            Err(SyncError::Failed { errors: notice.errors, fault, memory: notice.memory })
        }
    }
}

/// Carries a request out on `disks`, waiting for it: region `k`'s disk is the number of a disk in
/// the slice.
///
/// # Errors
/// As [`Clients::perform`].
#[doc(alias = "sync_io")]
pub fn perform(disks: &[Arc<dyn Disk>], request: Request) -> Result<Memory, SyncError> {
    let mut clients = Clients::new(Box::new(Inline::new()));
    for disk in disks {
        clients.attach(Arc::clone(disk));
    }
    clients.perform(request)
}
