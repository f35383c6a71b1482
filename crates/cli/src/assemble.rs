//! `paritas assemble`: members are opened here and passed to whoever runs the array, the service or
//! this process.

use crate::args::{self, Raid0Layout};
use crate::service::{Hosting, started};
use anyhow::{Context, Result, anyhow, bail};
use paritas::opener;
use paritas_disk::{Access, Opener};
use paritas_service::{
    Access as How, Choices, Client, Limits, Passed, Place, Raid0Layout as Layout, Start, Started,
    array_name,
};
use paritas_units::parse_size;

/// Starts an array, or with --scan all that are to be assembled.
///
/// # Errors
/// An array cannot be assembled, or nobody could connect; nothing was written of that one.
pub(crate) fn assemble(words: &args::Assemble) -> Result<()> {
    if words.scan {
        return crate::scan::assemble(words);
    }
    match words.words.split_first() {
        Some((array, members)) if !members.is_empty() => one(words, array, members),
        _ => bail!("no member is named\nnext: paritas assemble ARRAY MEMBER..., or --scan"),
    }
}

/// Starts one array.
pub(crate) fn one(words: &args::Assemble, array: &str, members: &[String]) -> Result<()> {
    let is_auto =
        words.auto_read || std::env::var("PARITAS_START_RO").is_ok_and(|word| word == "1");
    let how = match (words.readonly, is_auto) {
        (true, _) => How::ReadOnly,
        (false, true) => How::AutoRead,
        (false, false) => How::ReadWrite,
    };
    let members = open_all(members, how)?;
    let start = Start {
        members: members.words().to_vec(),
        access: how,
        choices: choices(words.choices),
        force: words.force,
        serve: words.hosting.serve.clone(),
        limits: limits(&words.hosting)?,
    };
    host(array, &start, &members, &words.hosting, false)
}

/// Has an array run, in a service or here until it is stopped or SIGINT or SIGTERM comes.
pub(crate) fn host(
    word: &str,
    start: &Start,
    members: &Passed,
    hosting: &args::Hosting,
    is_quiet: bool,
) -> Result<()> {
    let (name, place) = (array_name(word), Place::find(hosting.control.control.as_deref()));
    if !hosting.foreground {
        let done = started(Client::new(place))?.start(name, start, members)?;
        tell(word, &done, &start.serve, is_quiet);
        return Ok(());
    }
    let hosting = Hosting::begin(place, false)?;
    let files = members.files().context("cannot open the members a second time")?;
    let done = hosting.service().start(name, start, files)?;
    tell(word, &done, &start.serve, is_quiet);
    if !is_quiet {
        anstream::eprintln!("stop with Ctrl-C");
    }
    hosting.run(std::time::Duration::ZERO)
}

/// The bounds that the words give.
pub(crate) fn limits(hosting: &args::Hosting) -> Result<Limits> {
    Ok(Limits {
        threads: hosting.threads,
        pool_bytes: parse_size(&hosting.pool).map_err(|error| anyhow!("--pool: {error}"))?,
        walk_kib: hosting.walk_limit,
    })
}

/// Opens members for whoever will run them.
pub(crate) fn open_all(words: &[String], how: How) -> Result<Passed> {
    let opener = opener();
    let access = if how == How::ReadOnly { Access::Read } else { Access::Write };
    let mut members = Passed::default();
    for word in words {
        let is_again = members.words().iter().any(|known| known.word == *word);
        if is_again {
            bail!("{word} was given twice\nnext: give each member once");
        }
        members.add(word, opener.open(word, access)?)?;
    }
    Ok(members)
}

fn choices(words: args::ReadChoices) -> Choices {
    let raid0 = words.layout.map(|layout| match layout {
        Raid0Layout::Original => Layout::Original,
        Raid0Layout::Alternate => Layout::Alternate,
    });
    Choices { raid0, without_journal: words.without_journal }
}

/// Says that an array runs, as mdadm does.
fn tell(word: &str, done: &Started, serve: &[String], is_quiet: bool) {
    done.notes.iter().for_each(|note| anstream::eprintln!("paritas: {note}"));
    if is_quiet {
        return;
    }
    let slots = usize::from(done.slots);
    let of = if done.members < slots { format!(" (out of {slots})") } else { String::new() };
    let and = if done.spares > 0 { format!(" and {} spare", done.spares) } else { String::new() };
    let and = and + if done.spares > 1 { "s" } else { "" };
    let s = if done.members == 1 { "" } else { "s" };
    anstream::eprintln!(
        "paritas: {word} has been started with {} drive{s}{of}{and}.",
        done.members
    );
    serve.iter().for_each(|uri| anstream::eprintln!("serving at {uri}"));
}
