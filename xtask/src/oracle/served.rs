//! The program serving an array in the foreground, and real NBD clients at its door.
//!
//! The one thing to understand: a [`Served`] that is dropped kills its process, so that a comparison
//! that fails half-way leaves nothing running.

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a start or an end may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest text of a refusal that is passed on, in bytes.
const MOST_WORDS: usize = 600;

/// A running `paritas assemble --foreground --serve`.
pub(super) struct Served {
    child: Child,
    errors: PathBuf,
    /// Holds the socket; its path is short, as paths of sockets must be.
    place: tempfile::TempDir,
}

impl Served {
    /// Starts the array of `members`, files of `directory`, and waits until clients may come.
    ///
    /// # Errors
    /// Inside: what the program said when it ended instead.
    pub(super) fn start(
        program: &Path,
        directory: &Path,
        members: &[String],
        words: &[&str],
    ) -> Result<Result<Self, String>> {
        let place = tempfile::Builder::new().prefix("served-").tempdir()?;
        let errors = directory.join("served-errors");
        let mut command = Command::new(program);
        command.args(["assemble", "md0"]).args(members).args(words).arg("--foreground");
        command.args(["--serve", &uri(place.path())]).current_dir(directory);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(std::fs::File::create(&errors)?);
        let child = command.spawn().with_context(|| format!("cannot run {}", program.display()))?;
        let mut served = Self { child, errors, place };
        let start = Instant::now();
        while !served.said().contains("stop with") {
            if let Some(status) = served.child.try_wait()? {
                return Ok(Err(format!("{status}: {}", served.said())));
            }
            if start.elapsed() > PATIENCE {
                return Ok(Err(format!("did not start within {PATIENCE:?}: {}", served.said())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Ok(served))
    }

    /// The end of what the program said on standard error.
    fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.errors).unwrap_or_default();
        let text = text.trim();
        let from = text.len().saturating_sub(MOST_WORDS);
        text.get(from..).unwrap_or(text).to_owned()
    }

    /// Where clients connect.
    pub(super) fn uri(&self) -> String {
        uri(self.place.path())
    }

    /// The socket's path.
    pub(super) fn socket(&self) -> PathBuf {
        self.place.path().join("s")
    }

    /// Kills the program with SIGKILL, wherever it is.
    pub(super) fn kill(self) {
        // Dropping does it.
    }

    /// Stops the array with SIGTERM; a program that does not end well is an error in words.
    pub(super) fn stop(mut self) -> Result<(), String> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .map_err(|error| format!("it was gone before it was stopped ({error})"))?;
        match self.wait() {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("ended with {status}: {}", self.said())),
            None => Err(format!("did not end within {PATIENCE:?} after SIGTERM: {}", self.said())),
        }
    }

    fn wait(&mut self) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn uri(place: &Path) -> String {
    format!("nbd+unix:///a?socket={}", place.join("s").display())
}

/// Runs a client to its end; what it said is the error.
pub(super) fn client(program: &str, words: &[&str]) -> Result<(), String> {
    let output = Command::new("timeout")
        .args(["--kill-after=5", "120", program])
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let _ = write!(said, " {}", String::from_utf8_lossy(&output.stdout).trim());
    said.truncate(MOST_WORDS);
    Err(format!("{program} ended with {}: {said}", output.status))
}
