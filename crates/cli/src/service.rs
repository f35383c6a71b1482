//! `paritas service`, and starting one from other verbs.
//!
//! The one thing to understand: a service that starts by itself is this program again, in a session
//! of its own, with nothing of the terminal or of pipes left; whoever started it waits until its
//! control socket answers.

use crate::args;
use anyhow::{Context, Result, bail};
use paritas_host::{StopSignals, close_inherited};
use paritas_service::{Client, Place, Server, Service, serve};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a service without arrays goes on.
const LINGER: Duration = Duration::from_secs(2);
/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service in this process.
pub(crate) struct Hosting {
    service: Arc<Service>,
    server: Option<Server>,
    is_over: Arc<AtomicBool>,
}

impl Hosting {
    /// A service with its control socket; if that is another's, an error if it `must` have it, else
    /// a note, and no socket.
    pub(crate) fn begin(place: Place, must: bool) -> Result<Self> {
        let signals = StopSignals::claim().context("cannot wait for signals")?;
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_over);
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            // Without signals the process is ended by harder means.
            let _ = signals.wait();
            flag.store(true, Ordering::Release);
        })?;
        let claim = match place.claim() {
            Ok(claim) => Some(claim),
            Err(error) if must => return Err(error.into()),
            Err(error) => {
                tracing::info!("no control socket: {error}");
                None
            }
        };
        let service = Arc::new(Service::new(place, claim.is_some()));
        let server = claim.map(|claim| serve(Arc::clone(&service), claim)).transpose()?;
        Ok(Self { service, server, is_over })
    }

    pub(crate) fn service(&self) -> &Service {
        &self.service
    }

    /// Runs until a signal comes, or until no array has been there for `linger`; then stops all.
    pub(crate) fn run(self, linger: Duration) -> Result<()> {
        self.service.wait_until_unused(linger, || self.is_over.load(Ordering::Acquire));
        self.service.stop_all();
        drop(self.server);
        Ok(())
    }
}

/// `paritas service`.
///
/// # Errors
/// Another service has the control socket, or the system refuses.
pub(crate) fn service(words: &args::Service) -> Result<()> {
    if words.detached {
        close_inherited();
        // It is no leader of a group, since a command started it, so this cannot fail.
        let _ = rustix::process::setsid();
        std::env::set_current_dir("/").context("cannot leave the directory")?;
    }
    let hosting = Hosting::begin(Place::find(words.control.control.as_deref()), true)?;
    let linger = if words.detached { LINGER } else { Duration::MAX };
    hosting.run(linger)
}

/// The service, started if it does not run.
///
/// # Errors
/// It does not start; with the end of its log.
pub(crate) fn started(client: Client) -> Result<Client> {
    if client.is_running() {
        return Ok(client);
    }
    let place = client.place();
    place.prepare()?;
    let socket = std::path::absolute(place.socket())?;
    let path = place.log();
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
    let log = log.with_context(|| format!("cannot write the service's log {}", path.display()))?;
    let mut command = Command::new(std::env::current_exe().context("cannot find this program")?);
    command.args(["service", "--detached", "--control"]).arg(&socket);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    if std::env::var_os("PARITAS_LOG").is_none() {
        command.env("PARITAS_LOG", "info");
    }
    let mut child = command.spawn().context("cannot start a service")?;
    let began = Instant::now();
    while !client.is_running() {
        if has_ended(&mut child) && !client.is_running() {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let last = text.lines().rev().take(3).collect::<Vec<_>>();
            let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
            bail!("the service did not start; {} ends with:\n{last}", path.display());
        }
        if began.elapsed() > PATIENCE {
            bail!("the service does not answer at {}", socket.display());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(client)
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().ok().flatten().is_some()
}
