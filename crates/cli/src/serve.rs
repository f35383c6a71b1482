//! `paritas serve`: a running array at one more place, or members read over NBD in this process.

use crate::args;
use crate::members::read_array;
use anyhow::{Context, Result, bail};
use paritas_door_nbd::{Address, AllocationMap, Extent, NbdSession, NbdUri, Settings};
use paritas_engine::{Config, Export, HoleMap};
use paritas_host::StopSignals;
use paritas_manage::reading::Readable;
use paritas_runtime::{Hosted, Limits, Listen};
use paritas_units::SectorRange;
use std::sync::Arc;

/// The holes of the one export.
struct Holes(HoleMap);

impl AllocationMap for Holes {
    fn extents(&self, _export: usize, range: SectorRange, most: usize) -> Vec<Extent> {
        let runs = self.0.runs(range, most).into_iter();
        runs.map(|run| Extent { len: run.sectors, is_hole: run.is_hole }).collect()
    }
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// The array cannot be read, or nobody could connect.
pub(crate) fn serve(words: &args::Serve) -> Result<()> {
    let Some((uri, members)) = words.words.split_last() else { unreachable!("two words at least") };
    if let [array] = members
        && !is_member(array)?
    {
        return crate::asking::serve(array, uri, words.readonly, &words.control);
    }
    if !words.readonly {
        bail!(
            "members are served without a service only if nothing is written\n\
             next: paritas serve --readonly ..., or paritas assemble ARRAY {} --serve '{uri}'",
            members.join(" ")
        );
    }
    let uri = NbdUri::parse(uri)?;
    let listen = vec![(uri.name.clone(), listen_at(&uri)?)];
    let array = read_array(members, words.choices)?;
    host(array, listen, words.threads, || {
        let uri = words.words.last().map_or("", String::as_str);
        anstream::eprintln!("serving at {uri}; stop with Ctrl-C");
    })
}

/// Whether a word that may name an array or a member names a member.
///
/// # Errors
/// It fits both.
fn is_member(word: &str) -> Result<bool> {
    let is_device = word.starts_with("/dev/md");
    if is_device && std::path::Path::new(word).exists() {
        bail!(
            "{word} may be the running array {} or the device {word}\n\
             next: say {}, or paritas serve --readonly with another path of the device",
            paritas_service::array_name(word),
            paritas_service::array_name(word)
        );
    }
    Ok(!is_device && (word.contains(['/', '@']) || std::path::Path::new(word).exists()))
}

/// Hosts an array and serves it at each of `listen` until SIGINT or SIGTERM; `started` is called
/// when clients may come.
fn host(
    array: Readable,
    listen: Vec<(String, Listen)>,
    threads: u16,
    started: impl FnOnce(),
) -> Result<()> {
    let signals = StopSignals::claim().context("cannot wait for signals")?;
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let shards = match threads {
        0 => u16::try_from(processors()).unwrap_or(u16::MAX),
        threads => threads,
    };
    let config = Config { shards, ..Config::default() };
    let is_read_only = array.assembly.access == paritas_engine::Access::ReadOnly;
    // What is a hole may be written a moment later.
    let holes = is_read_only.then(|| HoleMap::new(&array.assembly, &array.disks)).flatten();
    let allocation = holes.map(|map| Arc::new(Holes(map)) as Arc<dyn AllocationMap>);
    let hosted = Hosted::start(&array.assembly, array.disks, &config)?;
    let mut serving = Vec::new();
    for (name, listen) in listen {
        let exports: Arc<[Export]> = Arc::new([Export {
            name,
            description: array.assembly.name.clone(),
            sectors: array.assembly.geometry.dimensions().array,
            is_read_only,
            preferred_block: 4096,
        }]);
        let allocation = allocation.clone();
        serving.push(hosted.serve(&listen, Limits::default(), move |peer| {
            let settings =
                Settings { may_list: peer.is_local, allocation: allocation.clone(), guest: None };
            Box::new(NbdSession::new(Arc::clone(&exports), settings))
        })?);
    }
    started();
    signals.wait().context("cannot wait for signals")?;
    drop(serving);
    hosted.stop();
    Ok(())
}

fn listen_at(uri: &NbdUri) -> Result<Listen> {
    Ok(match &uri.address {
        Address::Unix(path) => Listen::Unix(path.clone()),
        Address::Tcp { host, port } => {
            let name = if host == "localhost" { "127.0.0.1" } else { host };
            let address = name.parse().with_context(|| format!("{host} is not an address"))?;
            Listen::Tcp { address: Some(address), port: *port }
        }
    })
}
