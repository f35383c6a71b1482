//! The verbs that ask the service: they send and print, and decide nothing.

use crate::args;
use crate::metadata::say;
use crate::progress::Progress;
use anyhow::Result;
use jiff::tz::TimeZone;
use paritas_control::{Detail, WorkKind, mdstat};
use paritas_service::{
    Access, ArrayState, CallError, Client, LastSeen, Order, Passed, Place, array_name,
};
use std::process::ExitCode;
use std::time::Duration;

/// Between two looks at an array that is waited for.
const LOOK: Duration = Duration::from_millis(100);
/// The code of `detail --test` where there is no array.
const NO_ARRAY: u8 = 4;

pub(crate) fn client(control: &args::Control) -> Client {
    Client::new(Place::find(control.control.as_deref()))
}

/// `paritas stop`.
///
/// # Errors
/// An array is not running or has clients; those before it are stopped.
pub(crate) fn stop(words: &args::Stop) -> Result<()> {
    let client = client(&words.control);
    let mut names: Vec<String> =
        words.arrays.iter().map(|one| array_name(one).to_owned()).collect();
    if words.scan {
        names = match client.arrays() {
            Ok(arrays) => arrays.into_iter().map(|array| array.name).collect(),
            Err(CallError::NotRunning { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
    }
    for name in names {
        client.stop(&name, words.force)?;
        anstream::eprintln!("paritas: stopped {name}");
    }
    Ok(())
}

/// `paritas serve ARRAY URI`.
///
/// # Errors
/// The array does not run, or nobody could connect there.
pub(crate) fn serve(
    array: &str,
    uri: &str,
    read_only: bool,
    control: &args::Control,
) -> Result<()> {
    let order = Order::Serve { uri: uri.to_owned(), read_only };
    client(control).order(array_name(array), &order, &Passed::default())?;
    anstream::eprintln!("serving at {uri}");
    Ok(())
}

/// `paritas unserve`.
///
/// # Errors
/// The array does not run, or is not served there.
pub(crate) fn unserve(words: &args::Unserve) -> Result<()> {
    let order = Order::Unserve { uri: words.uri.clone() };
    client(&words.control).order(array_name(&words.array), &order, &Passed::default())?;
    Ok(())
}

/// `paritas status`.
///
/// # Errors
/// The service does not answer.
pub(crate) fn status(words: &args::Status) -> Result<()> {
    let client = client(&words.control);
    loop {
        let arrays = match client.arrays() {
            Ok(arrays) => arrays,
            Err(CallError::NotRunning { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if words.json {
            say(&format_args!("{}\n", serde_json::to_string(&arrays)?))?;
        } else {
            let details: Vec<Detail> = arrays.into_iter().map(|array| array.detail).collect();
            say(&format_args!("{}", mdstat(&details)))?;
            let is_running =
                |uuid: &str| details.iter().any(|one| one.uuid.as_deref() == Some(uuid));
            for line in LastSeen::read(&client.place().state()).lines(is_running) {
                say(&format_args!("{line}\n"))?;
            }
        }
        if !words.watch {
            return Ok(());
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

/// `paritas detail`: with --test it ends with mdadm's codes.
///
/// # Errors
/// The array does not run.
pub(crate) fn detail(words: &args::Detail) -> Result<ExitCode> {
    let client = client(&words.control);
    let asked = match words.scan {
        true => client.arrays(),
        false => words.arrays.iter().map(|name| client.array(array_name(name))).collect(),
    };
    let arrays: Vec<ArrayState> = match asked {
        Ok(arrays) => arrays,
        Err(CallError::NotRunning { .. }) if words.scan => Vec::new(),
        Err(error) if words.test => {
            anstream::eprintln!("paritas: {error}");
            return Ok(ExitCode::from(NO_ARRAY));
        }
        Err(error) => return Err(error.into()),
    };
    if words.json {
        say(&format_args!("{}\n", serde_json::to_string(&arrays)?))?;
    } else {
        let zone = TimeZone::system();
        for array in &arrays {
            let detail = &array.detail;
            let text = match (words.brief || words.scan, words.export) {
                (_, true) => detail.export(),
                (true, _) => detail.brief(words.verbose),
                (false, false) => detail.text(&zone),
            };
            say(&format_args!("{text}"))?;
        }
    }
    let worst = arrays.iter().map(|array| array.detail.test_code()).max().unwrap_or(0);
    Ok(if words.test { ExitCode::from(worst) } else { ExitCode::SUCCESS })
}

/// `paritas wait`: ends with 1, as mdadm does, if there was nothing to wait for.
///
/// # Errors
/// An array does not run.
pub(crate) fn wait(words: &args::Wait) -> Result<ExitCode> {
    let client = client(&words.control);
    let mut has_waited = true;
    for word in &words.arrays {
        let name = array_name(word);
        has_waited &= if words.clean {
            wait_until_clean(&client, name)?
        } else {
            wait_for_walk(&client, name, words.quiet)?
        };
    }
    Ok(if has_waited { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits until nothing is walked over any more; says whether anything was.
pub(crate) fn wait_for_walk(client: &Client, name: &str, is_quiet: bool) -> Result<bool> {
    let mut shown: Option<(WorkKind, Progress)> = None;
    let mut has_waited = false;
    loop {
        let detail = client.array(name)?.detail;
        let Some(work) = detail.work else {
            if let Some((_, progress)) = shown {
                progress.finish();
            }
            return Ok(has_waited);
        };
        has_waited = true;
        if shown.as_ref().is_none_or(|(known, _)| *known != work.kind) {
            let what = format!("{:?}", work.kind).to_lowercase();
            shown = Some((work.kind, Progress::new(&what, work.total, is_quiet)));
        }
        if let Some((_, progress)) = &mut shown {
            progress.at(work.done);
        }
        std::thread::sleep(LOOK);
    }
}

fn wait_until_clean(client: &Client, name: &str) -> Result<bool> {
    let mut has_waited = false;
    while !client.array(name)?.detail.is_clean {
        has_waited = true;
        std::thread::sleep(LOOK);
    }
    Ok(has_waited)
}

/// `paritas action`.
///
/// # Errors
/// The array does not run, or has no redundancy, or does something else.
pub(crate) fn action(words: &args::Action) -> Result<()> {
    let order = Order::Action { action: words.action.word().to_owned() };
    client(&words.control).order(array_name(&words.array), &order, &Passed::default())?;
    Ok(())
}

/// `paritas readonly` and `paritas readwrite`.
///
/// # Errors
/// An array does not run, or cannot be written.
pub(crate) fn set_access(words: &args::Arrays, access: Access) -> Result<()> {
    let client = client(&words.control);
    for word in &words.arrays {
        client.order(array_name(word), &Order::Access { access }, &Passed::default())?;
    }
    Ok(())
}
