//! Locks on members: shared while reading, exclusive while writing.
//!
//! The one thing to understand: two kinds are taken, since programs differ in what they ask for:
//! a lock of the open file on its bytes (as qemu takes) and one on the whole file (flock). Both
//! belong to the open file, so they go with it, whatever the process does. Neither waits: who is
//! in the way is named instead. Only a process that was killed is waited for: the kernel takes its
//! ring apart, and closes the ring's files, some time after the process is gone.
//!
//! Deliberately absent: mounts and arrays of the kernel. For those a block device is opened with
//! `O_EXCL`, see [`crate::PathOpener`].

use paritas_disk::Access;
use rustix::fs::{FlockOperation, Stat, flock, fstat};
use rustix::io::Errno;
use std::fmt::Write as _;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// How long the files of a killed process are waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Locks an open file for `access`, or says who is in the way.
pub(crate) fn lock(file: &impl AsFd, access: Access) -> Result<(), String> {
    let start = Instant::now();
    loop {
        match try_lock(file, access) {
            Err(Refused::Held) if is_left_over(file) && start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(Refused::Held) => return Err(in_the_way(file, access)),
            Err(Refused::NoLocks(why)) => return Err(why),
            Ok(()) => return Ok(()),
        }
    }
}

/// Why there is no lock.
enum Refused {
    /// Somebody has it.
    Held,
    /// There are none here, in words.
    NoLocks(String),
}

fn try_lock(file: &impl AsFd, access: Access) -> Result<(), Refused> {
    let operation = match access {
        Access::Read => FlockOperation::NonBlockingLockShared,
        Access::Write => FlockOperation::NonBlockingLockExclusive,
    };
    for taken in [lock_bytes(file, access), flock(file, operation)] {
        match taken {
            Ok(()) => {}
            Err(Errno::AGAIN | Errno::ACCESS) => return Err(Refused::Held),
            // Without locks reading is as safe as `cat`; writing is not.
            Err(_) if access == Access::Read => {}
            Err(errno) => {
                return Err(Refused::NoLocks(format!(
                    "its file system keeps no locks ({errno}), and without one two programs could \
                     write to it at once; move it to a local file system"
                )));
            }
        }
    }
    Ok(())
}

/// A lock of the open file on all its bytes.
#[expect(unsafe_code, reason = "rustix has no locks of the open file")]
fn lock_bytes(file: &impl AsFd, access: Access) -> Result<(), Errno> {
    let kind = match access {
        Access::Read => libc::F_RDLCK,
        Access::Write => libc::F_WRLCK,
    };
    let whole = libc::flock {
        l_type: i16::try_from(kind).unwrap_or(0),
        l_whence: i16::try_from(libc::SEEK_SET).unwrap_or(0),
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    let fd = file.as_fd().as_raw_fd();
    // SAFETY: the descriptor is open for the whole call, and `whole` is a valid argument that the
    // call only reads.
    let result = unsafe { libc::fcntl(fd, libc::F_OFD_SETLK, &raw const whole) };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

fn last_errno() -> Errno {
    std::io::Error::last_os_error().raw_os_error().map_or(Errno::IO, Errno::from_raw_os_error)
}

/// Says who holds a lock that is in the way.
fn in_the_way(file: &impl AsFd, access: Access) -> String {
    let mut text = match access {
        Access::Read => "another program has it locked for writing".to_owned(),
        Access::Write => "another program has it open and locked".to_owned(),
    };
    let holders = fstat(file).map(|stat| holders(&stat)).unwrap_or_default();
    for (number, holder) in holders.into_iter().map(describe).enumerate() {
        let before = if number == 0 { ": " } else { ", " };
        // Writing to a string does not fail.
        let _ = write!(text, "{before}{holder}");
    }
    text.push_str("; stop it, or wait for it to end");
    text
}

/// Processes that hold a lock on the file, as far as `/proc` shows them to us.
fn holders(stat: &Stat) -> Vec<u32> {
    let name = lock_name(stat);
    let mut pids: Vec<u32> = Vec::new();
    let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    pids.extend(locks.lines().filter_map(|line| pid_of_lock(line, &name)));
    if pids.is_empty() {
        pids = holders_of_open_files(&name);
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Whether only processes that are gone hold a lock on the file, or nobody by now.
fn is_left_over(file: &impl AsFd) -> bool {
    let holders = fstat(file).map(|stat| holders(&stat)).unwrap_or_default();
    !holders.into_iter().any(is_alive)
}

/// Whether a process runs: one that only waits for its parent to ask after it does not.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next());
    state.is_some_and(|state| !matches!(state, "Z" | "X"))
}

/// How `/proc/locks` writes the file: device in hexadecimal, inode in decimal.
fn lock_name(stat: &Stat) -> String {
    let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    format!("{major:02x}:{minor:02x}:{}", stat.st_ino)
}

/// The process of a line of `/proc/locks` that names the file; locks of open files have none.
fn pid_of_lock(line: &str, name: &str) -> Option<u32> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "READ" && *word != "WRITE");
    words.next()?;
    let pid = words.next()?.parse().ok()?;
    (words.next()? == name).then_some(pid)
}

/// Processes one of whose open files holds a lock on the file.
fn holders_of_open_files(name: &str) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let files = std::fs::read_dir(format!("/proc/{pid}/fdinfo"));
        files.into_iter().flatten().flatten().any(|file| {
            let text = std::fs::read_to_string(file.path()).unwrap_or_default();
            text.lines().any(|line| line.starts_with("lock:") && line.contains(name))
        })
    })
    .collect()
}

fn describe(pid: u32) -> String {
    if pid == std::process::id() {
        return format!("this process ({pid})");
    }
    match std::fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("{} (process {pid})", name.trim_end()),
        Err(_) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_locks_are_read() {
        let line = "1: FLOCK  ADVISORY  WRITE 4711 fd:00:12345 0 EOF";
        assert_eq!(pid_of_lock(line, "fd:00:12345"), Some(4711));
        assert_eq!(pid_of_lock(line, "fd:00:1234"), None);
        assert_eq!(pid_of_lock("2: OFDLCK ADVISORY  READ  -1 fd:00:9 0 EOF", "fd:00:9"), None);
        assert_eq!(pid_of_lock("3: -> POSIX ADVISORY WRITE 8 fd:00:9 0 EOF", "fd:00:9"), Some(8));
        assert_eq!(pid_of_lock("garbage", "fd:00:9"), None);
    }
}
