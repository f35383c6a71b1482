//! `paritas copy`.

use crate::args;
use crate::members::read_array;
use crate::progress::Progress;
use crate::sink::{FileSink, StreamSink};
use anyhow::{Context, Result};
use paritas_engine::Config;
use paritas_manage::copy::{Copied, Sink, copy as copy_array};
use paritas_manage::reading::Readable;
use paritas_runtime::Hosted;
use paritas_units::{HumanSize, Sectors};

/// Copies the array's content.
///
/// # Errors
/// Everything that keeps the copy from being complete and right.
pub(crate) fn copy(words: &args::Copy) -> Result<()> {
    let Some((out, members)) = words.words.split_last() else { unreachable!("two words at least") };
    let array = read_array(members, words.choices)?;
    let spans: Vec<_> = array.all.iter().map(|disk| disk.facts().span).collect();
    let mut sink: Box<dyn Sink> = match out.as_str() {
        "-" => Box::new(StreamSink(std::io::stdout().lock())),
        _ => Box::new(FileSink::create(out, words.overwrite_out, &spans)?),
    };
    let name = array.assembly.name.clone();
    let copied = copy_into(array, sink.as_mut(), words.quiet)
        .with_context(|| format!("the copy of {name} into {out} is not complete"))?;
    if !words.quiet {
        anstream::eprintln!(
            "copied {name}: {} of data, {} of zeroes",
            HumanSize(copied.data),
            HumanSize(copied.zeroes)
        );
    }
    Ok(())
}

/// Hosts the array in this process and copies it into `sink`.
///
/// # Errors
/// As [`copy`].
pub(crate) fn copy_into(array: Readable, sink: &mut dyn Sink, is_quiet: bool) -> Result<Copied> {
    let size = array.assembly.geometry.dimensions().array;
    let mut progress = Progress::new("copying", bytes(size), is_quiet);
    let mut hosted = Hosted::start(&array.assembly, array.disks, &Config::default())?;
    let copied = copy_array(&mut hosted, size, sink, &mut |done| progress.at(bytes(done)));
    progress.finish();
    hosted.stop();
    Ok(copied?)
}

fn bytes(sectors: Sectors) -> u64 {
    sectors.bytes().unwrap_or(u64::MAX)
}
