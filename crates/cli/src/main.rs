//! The command `paritas`: arguments and printing, nothing else.
//!
//! Exit codes: 0 done, 1 failed and nothing changed, 2 the words were wrong; looking verbs end
//! with mdadm's codes.

mod args;
mod asking;
mod assemble;
mod bench;
mod complaint;
mod copy;
mod create;
mod examine;
mod generate;
mod look;
mod members;
mod members_of;
mod metadata;
mod progress;
mod quickstart;
mod scan;
mod serve;
mod service;
mod sink;

use args::{Arguments, Bench, Verb};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use paritas_service::Access;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

const WELCOME: &str = "\
paritas look PATH...         which arrays are on these files or disks, and what to do next
paritas copy MEMBER... OUT   the content of an array into a file; nothing is written to members
paritas quickstart           the main job, shown on an array that Linux made and one of your own";

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_env("PARITAS_LOG");
    let is_terminal = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(is_terminal);
    log.with_writer(std::io::stderr).init();
    let matches = Arguments::command().get_matches();
    let verb = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).verb;
    match run(verb, matches.subcommand().map(|(_, matches)| matches)) {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let look = "paritas look MEMBER... says what is on the members, and what can be done";
            let text = complaint::with_next(&format!("{error:#}"), look);
            anstream::eprintln!("paritas: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `verb`; `matches` are its words as they stood.
fn run(verb: Option<Verb>, matches: Option<&ArgMatches>) -> anyhow::Result<ExitCode> {
    let done = |()| ExitCode::SUCCESS;
    match verb {
        None => {
            writeln!(std::io::stdout().lock(), "{WELCOME}")?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Look(words)) => look::look(&words).map(done),
        Some(Verb::Examine(words)) => examine::examine(&words),
        Some(Verb::ExamineBitmap(words)) => metadata::examine_bitmap(&words),
        Some(Verb::ExamineBadblocks(words)) => metadata::examine_bad_blocks(&words),
        Some(Verb::Query(words)) => metadata::query(&words),
        Some(Verb::Copy(words)) => copy::copy(&words).map(done),
        Some(Verb::Create(words)) => create::create(&words, matches),
        Some(Verb::ZeroSuperblock(words)) => create::zero_superblock(&words),
        Some(Verb::Dump(words)) => metadata::dump(&words),
        Some(Verb::Restore(words)) => Ok(metadata::restore(&words)),
        Some(Verb::Quickstart(words)) => quickstart::quickstart(&words).map(done),
        Some(Verb::Assemble(words)) => assemble::assemble(&words).map(done),
        Some(Verb::Unserve(words)) => asking::unserve(&words).map(done),
        Some(Verb::Stop(words)) => asking::stop(&words).map(done),
        Some(Verb::Status(words)) => asking::status(&words).map(done),
        Some(Verb::Detail(words)) => asking::detail(&words),
        Some(Verb::Wait(words)) => asking::wait(&words),
        Some(Verb::Add(words)) => members_of::add(&words).map(done),
        Some(Verb::Fail(words)) => members_of::fail(&words).map(done),
        Some(Verb::Remove(words)) => members_of::remove(&words).map(done),
        Some(Verb::Action(words)) => asking::action(&words).map(done),
        Some(Verb::Readonly(words)) => asking::set_access(&words, Access::ReadOnly).map(done),
        Some(Verb::Readwrite(words)) => asking::set_access(&words, Access::ReadWrite).map(done),
        Some(Verb::Service(words)) => service::service(&words).map(done),
        Some(Verb::Serve(words)) => serve::serve(&words).map(done),
        Some(Verb::Bench(Bench::Parity(words))) => bench::parity(&words).map(done),
        Some(Verb::Completions(words)) => {
            generate::completions(&words);
            Ok(ExitCode::SUCCESS)
        }
        Some(Verb::Man(words)) => generate::man(&words).map(done),
    }
}

/// Whether whoever read our output has gone (`paritas copy ... - | head`).
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
