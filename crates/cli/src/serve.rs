//! `paritas serve --readonly`: an array over NBD, in the foreground.

use crate::args;
use crate::members::read_array;
use anyhow::{Context, Result, bail};
use paritas_door_nbd::{Address, AllocationMap, Extent, NbdSession, NbdUri, Settings};
use paritas_engine::{Config, Export, HoleMap};
use paritas_host::StopSignals;
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
            "serving for writing is not there yet\n\
             next: give --readonly; nothing is then written to the members"
        );
    }
    let listen = listen_at(&uri)?;
    let array = read_array(members, words.choices)?;
    let signals = StopSignals::claim().context("cannot wait for signals")?;
    let exports: Arc<[Export]> = Arc::new([Export {
        name: uri.name.clone(),
        description: array.assembly.name.clone(),
        sectors: array.assembly.geometry.dimensions().array,
        is_read_only: true,
        preferred_block: 4096,
    }]);
    let processors = || std::thread::available_parallelism().map_or(1, usize::from);
    let shards = match words.threads {
        0 => u16::try_from(processors()).unwrap_or(u16::MAX),
        threads => threads,
    };
    let config = Config { shards, ..Config::default() };
    let holes = HoleMap::new(&array.assembly, &array.disks);
    let allocation = holes.map(|map| Arc::new(Holes(map)) as Arc<dyn AllocationMap>);
    let hosted = Hosted::start(&array.assembly, array.disks, &config)?;
    let serving = hosted.serve(&listen, Limits::default(), move |peer| {
        let settings = Settings { may_list: peer.is_local, allocation: allocation.clone() };
        Box::new(NbdSession::new(Arc::clone(&exports), settings))
    })?;
    anstream::eprintln!(
        "serving {} at {}; stop with Ctrl-C",
        array.assembly.name,
        words.words.last().map_or("", String::as_str)
    );
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
