//! Boots the real driver: Debian's user-mode Linux as an ordinary process.
//!
//! The guest sees the host's file system as its root and runs one script of oracle/guest. What it
//! has to do and what came out are files of one directory; a guest that does not end is killed with
//! everything that it started, and the caller is told so.

use anyhow::{Context, Result, bail};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The guest's memory. Its file is sparse, yet wants room when the guest uses it.
const MEMORY: &str = "768M";
/// Room that the guest's memory needs where its file is made, in KiB.
const MEMORY_KIB: u64 = 800 << 10;

/// Boots the guest with `script` of oracle/guest over `directory` and waits until it powers off.
///
/// # Errors
/// When the guest cannot be started, does not end within `limit`, or ends without having said that
/// it was finished; the end of its log is part of the error.
pub(super) fn boot(root: &Path, script: &str, directory: &Path, limit: Duration) -> Result<()> {
    let scripts = root.join("oracle/guest");
    let finished = directory.join("finished");
    let mut command = Command::new("linux.uml");
    command
        .arg(format!("mem={MEMORY}"))
        .args(["quiet", "loglevel=3", "rootfstype=hostfs", "rw", "con=null", "con0=null,fd:1"])
        .arg(format!("init={}", scripts.join(script).display()))
        .arg(format!("uml_dir={}/", directory.join("uml").display()))
        .arg(format!("oracle_dir={}", directory.display()))
        .arg(format!("oracle_guest={}", scripts.display()))
        .env("TMPDIR", memory_directory(directory))
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(directory.join("console.log"))?)
        .stderr(Stdio::null())
        .process_group(0);
    std::fs::create_dir_all(directory.join("uml"))?;
    let mut child = command.spawn().context("cannot start linux.uml (user-mode-linux)")?;
    let in_time = wait(&mut child, limit)?;
    if !in_time {
        end(&mut child)?;
        bail!("the guest did not end within {limit:?} and was killed\n{}", log_end(directory));
    }
    if !finished.exists() {
        bail!("the guest stopped before its work was done\n{}", log_end(directory));
    }
    Ok(())
}

/// Waits for the guest; says whether it ended in time.
fn wait(child: &mut Child, limit: Duration) -> Result<bool> {
    let start = Instant::now();
    while start.elapsed() < limit {
        if child.try_wait().context("cannot wait for the guest")?.is_some() {
            return Ok(true);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(false)
}

/// Kills the guest and the processes that it is made of.
fn end(child: &mut Child) -> Result<()> {
    let group = rustix::process::Pid::from_child(child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL)
        .context("cannot kill the guest")?;
    child.wait().context("cannot wait for the killed guest")?;
    Ok(())
}

/// Where the guest's memory lives: in memory where there is room, else beside its files.
fn memory_directory(directory: &Path) -> PathBuf {
    let shared = Path::new("/dev/shm");
    let free = rustix::fs::statvfs(shared).map_or(0, |stat| (stat.f_bavail * stat.f_frsize) >> 10);
    if free > MEMORY_KIB { shared.to_path_buf() } else { directory.to_path_buf() }
}

/// The last lines of what the guest said.
fn log_end(directory: &Path) -> String {
    let read = |name: &str| std::fs::read(directory.join(name)).unwrap_or_default();
    let text = [read("console.log"), read("guest.log")].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
