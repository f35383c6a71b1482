//! One running array: its threads, its doors, and the lock on its identity.

use crate::api::{Access, ArrayState, Raid0Layout, Start, Started, Word};
use crate::doors::{Doors, Served};
use crate::identity::IdentityLock;
use crate::place::Place;
use crate::received::Received;
use crate::table::Refusal;
use paritas_control::{Detail, MemberPlace, Surroundings};
use paritas_disk::Opener;
use paritas_engine::judge_members::ReadChoices;
use paritas_engine::{Config, HoleMap, WalkLimits};
use paritas_host::check_aliases;
use paritas_manage::reading::{Readable, open_for_reading};
use paritas_manage::writing::{Force, open_with};
use paritas_personality::Raid0Default;
use paritas_runtime::Hosted;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// An array that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: String,
    uuid: String,
    pub(crate) words: Vec<Word>,
    pub(crate) hosted: Hosted,
    pub(crate) doors: Doors,
    pub(crate) served: Served,
    /// Holds the lock on the array's identity.
    _lock: Option<IdentityLock>,
}

impl Running {
    /// Judges members that were passed along, and runs their array.
    pub(crate) fn start(
        name: &str,
        start: &Start,
        descriptors: Vec<OwnedFd>,
        place: &Place,
    ) -> Result<(Self, Started), Refusal> {
        let opener = Received::new(&start.members, descriptors)
            .ok_or_else(|| Refusal::Wrong("not one descriptor for each member".to_owned()))?;
        let mut array = open(&opener, start)?;
        check_aliases(&array.all).map_err(|error| Refusal::Failed(error.to_string()))?;
        let uuid = identity(&array);
        let lock = IdentityLock::take(place, &uuid, name)?;
        let dimensions = array.assembly.geometry.dimensions();
        let is_read_only = start.access == Access::ReadOnly;
        if start.access == Access::AutoRead {
            array.assembly.access = paritas_engine::Access::AutoRead;
        }
        let started = Started {
            members: array.assembly.members.len(),
            slots: dimensions.slots,
            spares: array.assembly.spares.len(),
            notes: notes(&array),
        };
        // What is a hole may be written a moment later.
        let holes = is_read_only.then(|| HoleMap::new(&array.assembly, &array.disks)).flatten();
        let served = Served {
            description: std::mem::replace(&mut array.assembly.name, name.to_owned()),
            sectors: dimensions.array,
            is_read_only,
            holes: holes.map(Arc::new),
        };
        let config = config(start)?;
        // The last thing before it runs: all that could be refused has been looked at.
        array.pending.write().map_err(|error| Refusal::Failed(error.to_string()))?;
        let failed = |error: paritas_runtime::HostingError| Refusal::Failed(error.to_string());
        let hosted = Hosted::start(&array.assembly, array.disks, &config).map_err(failed)?;
        if let Some(max) = start.limits.walk_kib {
            let min = WalkLimits::default().min.min(max);
            hosted.order(move |array| array.set_walk_limits(WalkLimits { min, max }));
        }
        let mut running = Self {
            name: name.to_owned(),
            uuid,
            words: start.members.clone(),
            hosted,
            doors: Doors::default(),
            served,
            _lock: lock,
        };
        for uri in &start.serve {
            running.doors.open(&running.hosted, uri, &running.served)?;
        }
        Ok((running, started))
    }

    /// Those who are connected.
    pub(crate) fn clients(&self) -> Vec<String> {
        self.doors.clients()
    }

    /// Ends it: requests end, connections close, superblocks say clean. Gives its identity.
    pub(crate) fn stop(self) -> String {
        let Self { doors, hosted, name, uuid, .. } = self;
        drop(doors);
        hosted.stop();
        tracing::info!(array = name, "stopped");
        uuid
    }

    pub(crate) fn words(&self) -> &[Word] {
        &self.words
    }

    pub(crate) fn state(&self) -> ArrayState {
        let clients = self.doors.clients();
        let detail = self.hosted.with_array(|array| {
            let places = array.members().iter().map(|member| self.place_of(member.name()));
            let mut around = Surroundings::of(format!("/dev/{}", self.name));
            around.host = host_name();
            around.members = places.collect();
            around.clients = clients.len();
            Detail::of(array, &around)
        });
        let serve = self.doors.uris().map(str::to_owned).collect();
        ArrayState { name: self.name.clone(), detail, serve, clients }
    }

    fn place_of(&self, name: &str) -> MemberPlace {
        let known = self.words.iter().find(|word| word.name == name);
        let place = |word: &Word| MemberPlace { path: word.path.clone(), device: word.device };
        known.map(place).unwrap_or_default()
    }
}

/// The name of this machine.
fn host_name() -> Option<String> {
    let name = rustix::system::uname();
    Some(name.nodename().to_str().ok()?.to_owned())
}

/// Judges the members; nothing is written.
fn open(opener: &dyn Opener, start: &Start) -> Result<Readable, Refusal> {
    let words: Vec<String> = start.members.iter().map(|word| word.word.clone()).collect();
    let raid0 = match start.choices.raid0 {
        None => Raid0Default::Refuse,
        Some(Raid0Layout::Original) => Raid0Default::Original,
        Some(Raid0Layout::Alternate) => Raid0Default::Alternate,
    };
    let choices = ReadChoices { raid0, without_journal: start.choices.without_journal };
    let failed = |error: String| Refusal::Failed(error);
    match start.access {
        Access::ReadOnly => {
            open_for_reading(opener, &words, choices).map_err(|error| failed(error.to_string()))
        }
        Access::ReadWrite | Access::AutoRead => {
            let force = if start.force { Force::Yes } else { Force::No };
            open_with(opener, &words, choices, force).map_err(|error| failed(error.to_string()))
        }
    }
}

/// What identifies the array, as its members say it.
fn identity(array: &Readable) -> String {
    let superblocks = array.assembly.members.iter().filter_map(|one| one.superblock.as_ref());
    superblocks.map(|superblock| superblock.array_uuid().to_string()).next().unwrap_or_default()
}

/// What must be known of an array and its members.
fn notes(array: &Readable) -> Vec<String> {
    let mut notes: Vec<String> = array.forced.clone();
    notes.extend(array.left_out.iter().map(|line| format!("left out: {line}")));
    notes.extend(array.concerns.iter().map(|concern| format!("warning: {concern}")));
    // Several members may give rise to the same words.
    notes.dedup();
    notes
}

fn config(start: &Start) -> Result<Config, Refusal> {
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let shards = match start.limits.threads {
        0 => u16::try_from(processors()).unwrap_or(u16::MAX),
        threads => threads,
    };
    let pool_bytes = usize::try_from(start.limits.pool_bytes)
        .map_err(|_| Refusal::Wrong("more memory than there are addresses".to_owned()))?;
    Ok(Config { shards, pool_bytes })
}
