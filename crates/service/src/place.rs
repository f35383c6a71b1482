//! Where the control socket is, and who may have it.
//!
//! The one thing to understand: beside the socket stands a lock file that the owner keeps locked as
//! long as it lives. A socket whose lock is free is left over from a process that died, and is
//! replaced; nobody ever removes one that is in use.

use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::geteuid;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// The file of the socket in its directory.
const SOCKET: &str = "control";
/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// Where a service is, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    socket: PathBuf,
    /// Whether the directory is ours to make.
    is_own_directory: bool,
}

/// The socket, listening, and the lock. Dropping it removes the socket.
#[derive(Debug)]
pub struct Claim {
    pub(crate) listener: UnixListener,
    place: Place,
    /// Holds the lock.
    _lock: File,
}

/// Why the place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Another process serves there.
    #[error(
        "{path}: another service has this control socket\nnext: use it, or give --control PATH"
    )]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Others could change what is there.
    #[error(
        "{path} is not safe: {why}\n\
         next: remove it, or give --control PATH in a directory of your own"
    )]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The system refused.
    #[error("{path}: {source}\nnext: give --control PATH in a directory of your own")]
    System {
        /// What was tried on.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Place {
    /// The place that was given, else that of the environment's `PARITAS_CONTROL`, else the usual
    /// one: `/run/paritas` for root, `$XDG_RUNTIME_DIR/paritas`, or `$TMPDIR/paritas-UID`.
    #[must_use]
    pub fn find(given: Option<&Path>) -> Self {
        let variable = |name| std::env::var_os(name).filter(|word| !word.is_empty());
        if let Some(path) =
            given.map(Path::to_owned).or_else(|| variable("PARITAS_CONTROL").map(PathBuf::from))
        {
            return Self { socket: path, is_own_directory: false };
        }
        let user = geteuid();
        let directory = if user.is_root() {
            PathBuf::from("/run/paritas")
        } else if let Some(directory) = variable("XDG_RUNTIME_DIR") {
            PathBuf::from(directory).join("paritas")
        } else {
            let parent = variable("TMPDIR").map_or_else(|| PathBuf::from("/tmp"), PathBuf::from);
            parent.join(format!("paritas-{}", user.as_raw()))
        };
        Self { socket: directory.join(SOCKET), is_own_directory: true }
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where a service that runs by itself writes its log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.beside("log")
    }

    /// Where the service notes which arrays it runs.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.beside("arrays.json")
    }

    /// The lock of an array, so that it runs once, whatever its members are called.
    pub(crate) fn array_lock(&self, uuid: &str) -> PathBuf {
        self.beside(&format!("array-{uuid}.lock"))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.socket.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        self.socket.with_file_name(name)
    }

    /// Makes the directory if it is one of ours, and checks that nobody else can change it.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn prepare(&self) -> Result<(), PlaceError> {
        let Some(directory) = self.socket.parent().filter(|_| self.is_own_directory) else {
            return Ok(());
        };
        let failed = |source| PlaceError::System { path: directory.to_owned(), source };
        match DirBuilder::new().mode(0o700).create(directory) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        let found = std::fs::symlink_metadata(directory).map_err(failed)?;
        let why = if !found.is_dir() {
            "it is not a directory"
        } else if found.uid() != geteuid().as_raw() {
            "it belongs to somebody else"
        } else if found.mode() & 0o077 != 0 {
            "others may look into it or write to it (its mode is not 0700)"
        } else {
            return Ok(());
        };
        Err(PlaceError::Unsafe { path: directory.to_owned(), why })
    }

    /// Listens there, with mode 0600 from the first moment.
    ///
    /// # Errors
    /// [`PlaceError::InUse`] if another process does.
    pub fn claim(&self) -> Result<Claim, PlaceError> {
        self.prepare()?;
        let path = self.beside("lock");
        let failed = |source| PlaceError::System { path: path.clone(), source };
        let lock = lock_file(&path).map_err(failed)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN) => {
                return Err(PlaceError::InUse { path: self.socket.clone() });
            }
            Err(errno) => return Err(failed(errno.into())),
        }
        let listener = self
            .listen()
            .map_err(|source| PlaceError::System { path: self.socket.clone(), source })?;
        Ok(Claim { listener, place: self.clone(), _lock: lock })
    }

    fn listen(&self) -> io::Result<UnixListener> {
        use std::os::unix::fs::FileTypeExt;
        match std::fs::symlink_metadata(&self.socket) {
            Ok(found) if found.file_type().is_socket() => std::fs::remove_file(&self.socket)?,
            Ok(_) => return Err(io::Error::other("there is a file that is not a socket")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let kind = SocketType::STREAM;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None)?;
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(&self.socket)?)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(UnixListener::from(socket))
    }
}

impl Claim {
    /// Where it is.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The lock is still ours, so the socket is.
        let _ = std::fs::remove_file(&self.place.socket);
    }
}

/// Opens a lock file that stays where it is for good: removing it would let two lock two files.
pub(crate) fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_the_socket_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("control");
        let place = Place::find(Some(&socket));
        drop(UnixListener::bind(&socket).expect("left over"));
        let claim = place.claim().expect("nobody holds the lock");
        assert_eq!(std::fs::metadata(&socket).expect("it is there").mode() & 0o777, 0o600);
        let second = place.claim().expect_err("it is in use");
        assert!(matches!(second, PlaceError::InUse { .. }), "{second}");
        drop(claim);
        assert!(!socket.exists(), "the socket is removed");
        place.claim().expect("it is free again");
    }

    #[test]
    fn a_file_is_never_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("control");
        std::fs::write(&path, "precious").expect("written");
        let refused = Place::find(Some(&path)).claim().expect_err("it is no socket");
        assert!(refused.to_string().contains("not a socket"), "{refused}");
        assert_eq!(std::fs::read(&path).expect("read"), b"precious");
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("paritas");
        DirBuilder::new().mode(0o755).create(&own).expect("made");
        let place = Place { socket: own.join(SOCKET), is_own_directory: true };
        let refused = place.claim().expect_err("others may look in");
        assert!(matches!(refused, PlaceError::Unsafe { .. }), "{refused}");
    }
}
