//! `paritas serve --readonly` and `paritas assemble --foreground`: an array over NBD, hosted in this
//! process.

use crate::args;
use crate::members::{read_array, writable_array};
use anyhow::{Context, Result, bail};
use paritas_door_nbd::{Address, AllocationMap, Extent, NbdSession, NbdUri, Settings};
use paritas_engine::{Config, Export, HoleMap, WalkLimits};
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
    let uri = NbdUri::parse(uri)?;
    if !words.readonly {
        bail!(
            "serving a running array is not there yet\n\
             next: give --readonly, or paritas assemble --foreground --serve {}",
            words.words.last().map_or("", String::as_str)
        );
    }
    let listen = vec![(uri.name.clone(), listen_at(&uri)?)];
    let array = read_array(members, words.choices)?;
    host(array, listen, words.threads, WalkLimits::default(), || {
        let uri = words.words.last().map_or("", String::as_str);
        anstream::eprintln!("serving at {uri}; stop with Ctrl-C");
    })
}

/// `paritas assemble`: starts an array in this process.
///
/// # Errors
/// The array cannot be assembled, or nobody could connect; nothing was written then.
pub(crate) fn assemble(words: &args::Assemble) -> Result<()> {
    if !words.foreground {
        bail!(
            "there is no service yet that could keep {} running\n\
             next: give --foreground, and --serve URI for clients",
            words.array
        );
    }
    let uris = words.serve.iter().map(|uri| NbdUri::parse(uri)).collect::<Result<Vec<_>, _>>()?;
    let listen = uris
        .iter()
        .map(|uri| Ok((uri.name.clone(), listen_at(uri)?)))
        .collect::<Result<Vec<_>>>()?;
    let array = match words.readonly {
        true => read_array(&words.members, words.choices)?,
        false => writable_array(&words.members, words.choices)?,
    };
    let slots = array.assembly.geometry.dimensions().slots;
    let (members, spares) = (array.assembly.members.len(), array.assembly.spares.len());
    let usual = WalkLimits::default();
    let max = words.walk_limit.unwrap_or(usual.max);
    let limits = WalkLimits { min: usual.min.min(max), max };
    host(array, listen, words.threads, limits, || {
        let of =
            if members < usize::from(slots) { format!(" (out of {slots})") } else { String::new() };
        let and = if spares > 0 { format!(" and {spares} spare") } else { String::new() };
        let s = if members == 1 { "" } else { "s" };
        anstream::eprintln!(
            "paritas: {} has been started with {members} drive{s}{of}{and}.",
            words.array
        );
        words.serve.iter().for_each(|uri| anstream::eprintln!("serving at {uri}"));
        anstream::eprintln!("stop with Ctrl-C");
    })
}

/// Hosts an array and serves it at each of `listen` until SIGINT or SIGTERM; `started` is called
/// when clients may come.
fn host(
    array: Readable,
    listen: Vec<(String, Listen)>,
    threads: u16,
    limits: WalkLimits,
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
    hosted.order(move |array| array.set_walk_limits(limits));
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
            let settings = Settings { may_list: peer.is_local, allocation: allocation.clone() };
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
