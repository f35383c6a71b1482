//! Where a running array is served, and who is connected.

use crate::table::Refusal;
use paritas_door_nbd::{Address, AllocationMap, Extent, Guest, NbdSession, NbdUri, Settings};
use paritas_engine::{Export, HoleMap};
use paritas_runtime::{Hosted, Limits, Listen, Peer, Serving};
use paritas_units::{SectorRange, Sectors};
use std::sync::{Arc, Mutex, PoisonError};

/// The doors of one array.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    open: Vec<Door>,
    guests: Guests,
}

#[derive(Debug)]
struct Door {
    uri: String,
    _serving: Serving,
}

/// Names of those who are connected.
#[derive(Clone, Debug, Default)]
struct Guests(Arc<Mutex<Vec<(u64, String)>>>);

/// One who is connected: forgotten when its session ends.
#[derive(Debug)]
struct Visit {
    guests: Guests,
    number: u64,
}

/// What a door needs to know of its array.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) description: String,
    pub(crate) sectors: Sectors,
    pub(crate) is_read_only: bool,
    /// The holes of an array that nobody writes.
    pub(crate) holes: Option<Arc<HoleMap>>,
}

struct Holes(Arc<HoleMap>);

impl AllocationMap for Holes {
    fn extents(&self, _export: usize, range: SectorRange, most: usize) -> Vec<Extent> {
        let runs = self.0.runs(range, most).into_iter();
        runs.map(|run| Extent { len: run.sectors, is_hole: run.is_hole }).collect()
    }
}

impl Doors {
    /// Opens a door at `uri`.
    pub(crate) fn open(
        &mut self,
        hosted: &Hosted,
        uri: &str,
        served: &Served,
    ) -> Result<(), Refusal> {
        if self.open.iter().any(|door| door.uri == uri) {
            return Err(Refusal::Failed(format!("it is served at {uri} already")));
        }
        let parsed = NbdUri::parse(uri).map_err(|error| Refusal::Wrong(error.to_string()))?;
        let listen = listen_at(&parsed)?;
        let exports: Arc<[Export]> = Arc::new([Export {
            name: parsed.name,
            description: served.description.clone(),
            sectors: served.sectors,
            is_read_only: served.is_read_only,
            preferred_block: 4096,
        }]);
        let allocation = served.holes.as_ref().map(|map| {
            let holes: Arc<dyn AllocationMap> = Arc::new(Holes(Arc::clone(map)));
            holes
        });
        let (guests, place) = (self.guests.clone(), uri.to_owned());
        let sessions = move |peer: &Peer| {
            let visit: Arc<dyn Guest> =
                Arc::new(guests.welcome(format!("{} at {place}", peer.name)));
            let allocation = allocation.clone();
            let settings = Settings { may_list: peer.is_local, allocation, guest: Some(visit) };
            let session: Box<dyn paritas_engine::Session> =
                Box::new(NbdSession::new(Arc::clone(&exports), settings));
            session
        };
        let serving = hosted.serve(&listen, Limits::default(), sessions);
        let serving = serving.map_err(|error| Refusal::Failed(error.to_string()))?;
        self.open.push(Door { uri: uri.to_owned(), _serving: serving });
        Ok(())
    }

    /// Closes the door at `uri`; whoever came in by it stays.
    pub(crate) fn close(&mut self, uri: &str) -> Result<(), Refusal> {
        let place = self.open.iter().position(|door| door.uri == uri);
        let place = place.ok_or_else(|| {
            let known: Vec<&str> = self.uris().collect();
            Refusal::Failed(match known.as_slice() {
                [] => format!("it is not served at {uri}, nor anywhere else"),
                _ => format!("it is not served at {uri}, but at {}", known.join(", ")),
            })
        })?;
        self.open.remove(place);
        Ok(())
    }

    pub(crate) fn uris(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|door| door.uri.as_str())
    }

    /// Those who are connected.
    pub(crate) fn clients(&self) -> Vec<String> {
        self.guests.lock().iter().map(|(_, name)| name.clone()).collect()
    }
}

impl Guests {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn welcome(&self, name: String) -> Visit {
        let mut present = self.lock();
        let number = present.last().map_or(0, |(number, _)| number + 1);
        present.push((number, name));
        drop(present);
        Visit { guests: self.clone(), number }
    }
}

impl Guest for Visit {}

impl Drop for Visit {
    fn drop(&mut self) {
        self.guests.lock().retain(|(number, _)| *number != self.number);
    }
}

/// Where a URI says to listen.
fn listen_at(uri: &NbdUri) -> Result<Listen, Refusal> {
    Ok(match &uri.address {
        Address::Unix(path) => Listen::Unix(path.clone()),
        Address::Tcp { host, port } => {
            let name = if host == "localhost" { "127.0.0.1" } else { host };
            let address = name.parse().map_err(|_| {
                Refusal::Wrong(format!("{host} is not an address; give one, or localhost"))
            })?;
            Listen::Tcp { address: Some(address), port: *port }
        }
    })
}
