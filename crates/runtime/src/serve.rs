//! Listening for clients, on a Unix socket or on TCP.
//!
//! The one thing to understand: a thread of its own accepts, makes the session, and hands the
//! socket to a shard's thread; after that the two have nothing to do with each other. Who may
//! connect is decided by the file system (a Unix socket has mode 0600 from its first moment) or
//! by the address (loopback, unless another one was named).
//!
//! A socket file that is left over from a process that died is replaced only if nobody answers
//! there. The directory is locked meanwhile, so that of two who start at once one finds the other.

use crate::connection::Arrival;
use crate::hosted::Shared;
use crate::inbox::Letter;
use paritas_engine::Session;
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::{FlockOperation, Mode, fchmod, flock};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 64;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// A Unix socket at this path, with mode 0600.
    Unix(PathBuf),
    /// TCP; on loopback if no address is given. Whoever reaches the port can connect.
    Tcp {
        /// The address, if one was named.
        address: Option<IpAddr>,
        /// The port; 0 for any that is free.
        port: u16,
    },
}

/// What bounds the clients of one array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, over all listeners of the array.
    pub clients: usize,
    /// How long a client may take until it has chosen an export.
    pub handshake: Duration,
}

impl Default for Limits {
    /// 16 clients, 10 seconds.
    fn default() -> Self {
        Self { clients: 16, handshake: Duration::from_secs(10) }
    }
}

/// A client that has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// For people: the address, or the number of a connection to a Unix socket.
    pub name: String,
    /// Whether it came over a Unix socket.
    pub is_local: bool,
}

/// Why nobody can connect.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Somebody listens at the path already.
    #[error("{path}: another process serves there; stop it or choose another path")]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// Something that is not a socket is at the path.
    #[error("{path} exists and is not a socket; choose another path")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot listen at {at}: {source}")]
    System {
        /// Where.
        at: String,
        /// Why.
        source: io::Error,
    },
}

/// A listener. Dropping it ends listening and removes the socket file; connections stay.
#[derive(Debug)]
pub struct Serving {
    address: Option<SocketAddr>,
    socket: Option<SocketFile>,
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

/// Makes the session of a client.
pub(crate) type Sessions = Box<dyn Fn(&Peer) -> Box<dyn Session> + Send>;

/// The file of a Unix socket, as we made it.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

/// The accepting thread.
struct Door {
    listener: Listener,
    stop: Arc<OwnedFd>,
    limits: Limits,
    sessions: Sessions,
    shared: Arc<Shared>,
    accepted: u64,
}

/// Begins to listen and to accept.
pub(crate) fn start(
    shared: Arc<Shared>,
    listen: &Listen,
    limits: Limits,
    sessions: Sessions,
) -> Result<Serving, ServeError> {
    let failed = |source| ServeError::System { at: listen.to_string(), source };
    let (listener, socket) = match listen {
        Listen::Unix(path) => {
            let (listener, file) = listen_unix(path)?;
            (Listener::Unix(listener), Some(file))
        }
        Listen::Tcp { address, port } => {
            let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            (Listener::Tcp(TcpListener::bind((address, *port)).map_err(failed)?), None)
        }
    };
    let address = listener.prepare().map_err(failed)?;
    let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(|error| failed(error.into()))?;
    let stop = Arc::new(stop);
    let door = Door { listener, stop: Arc::clone(&stop), limits, sessions, shared, accepted: 0 };
    let thread = std::thread::Builder::new().name("listener".to_owned());
    let thread = thread.spawn(move || door.run()).map_err(failed)?;
    Ok(Serving { address, socket, stop, thread: Some(thread) })
}

impl Serving {
    /// The address of a TCP listener.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Ends listening; connections stay.
    pub fn stop(self) {
        // Dropping does it.
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The counter cannot overflow, since it is raised once.
        let _ = rustix::io::write(&*self.stop, &1_u64.to_le_bytes());
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has said so already.
            let _ = thread.join();
        }
        if let Some(socket) = self.socket.take() {
            socket.remove();
        }
    }
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: found.dev(), inode: found.ino() })
    }

    /// Removes the file, unless another one has taken its place.
    fn remove(&self) {
        if Self::of(&self.path)
            .is_ok_and(|now| (now.device, now.inode) == (self.device, self.inode))
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), "cannot remove the socket: {error}");
        }
    }
}

fn listen_unix(path: &Path) -> Result<(UnixListener, SocketFile), ServeError> {
    let failed = |source: io::Error| ServeError::System { at: path.display().to_string(), source };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = File::open(directory.unwrap_or(Path::new("."))).map_err(failed)?;
    flock(&directory, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    remove_stale(path)?;
    let listener = bind_unix(path).map_err(|error| failed(error.into()))?;
    let file = SocketFile::of(path).map_err(failed)?;
    Ok((listener, file))
}

/// Binds a socket that has its mode before it has a name.
fn bind_unix(path: &Path) -> rustix::io::Result<UnixListener> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    // The file gets what is left of the socket's mode after the umask.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(UnixListener::from(socket))
}

/// Removes a socket at which nobody answers.
fn remove_stale(path: &Path) -> Result<(), ServeError> {
    let found = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ServeError::System { at: path.display().to_string(), source }),
        Ok(found) => found,
    };
    if !found.file_type().is_socket() {
        return Err(ServeError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path)
            .map_err(|source| ServeError::System { at: path.display().to_string(), source }),
        Err(source) if source.kind() != ErrorKind::WouldBlock => {
            Err(ServeError::System { at: path.display().to_string(), source })
        }
        Ok(_) | Err(_) => Err(ServeError::InUse { path: path.to_owned() }),
    }
}

impl Listener {
    /// Makes it fit for a loop that waits elsewhere; gives the address of a TCP listener.
    fn prepare(&self) -> io::Result<Option<SocketAddr>> {
        match self {
            Self::Unix(listener) => listener.set_nonblocking(true).map(|()| None),
            Self::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                listener.local_addr().map(Some)
            }
        }
    }

    fn accept(&self, number: u64) -> io::Result<(OwnedFd, Peer)> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                let name = format!("local client {number}");
                Ok((stream.into(), Peer { name, is_local: true }))
            }
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Replies are gathered here already; waiting for more would only delay them.
                stream.set_nodelay(true)?;
                Ok((stream.into(), Peer { name: address.to_string(), is_local: false }))
            }
        }
    }
}

impl Door {
    fn run(mut self) {
        while self.wait() {
            match self.listener.accept(self.accepted + 1) {
                Ok((stream, peer)) => self.welcome(stream, &peer),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    // The client went before we came, or we are out of descriptors: the others
                    // must not suffer from a loop that spins.
                    tracing::warn!("cannot accept a client: {error}");
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
        }
    }

    /// Waits for a client; `false` when listening is over.
    fn wait(&self) -> bool {
        let listener = match &self.listener {
            Listener::Unix(listener) => listener.as_fd(),
            Listener::Tcp(listener) => listener.as_fd(),
        };
        let mut fds = [
            PollFd::from_borrowed_fd(self.stop.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(listener, PollFlags::IN),
        ];
        // An interrupted wait finds nobody, and is begun again.
        let _ = poll(&mut fds, None);
        let [stop, _] = fds;
        !stop.revents().contains(PollFlags::IN)
    }

    fn welcome(&mut self, stream: OwnedFd, peer: &Peer) {
        self.accepted += 1;
        let before = self.shared.clients.fetch_add(1, Ordering::AcqRel);
        if before >= self.limits.clients {
            self.shared.clients.fetch_sub(1, Ordering::AcqRel);
            let most = self.limits.clients;
            tracing::warn!(peer = peer.name, "refused: {most} clients are connected already");
            return;
        }
        tracing::info!(peer = peer.name, "connected");
        let count = u64::try_from(self.shared.inboxes.len()).unwrap_or(1);
        let shard = usize::try_from(self.accepted % count).unwrap_or(0);
        let arrival = Arrival {
            stream,
            session: (self.sessions)(peer),
            deadline: Instant::now() + self.limits.handshake,
            peer: peer.name.clone(),
        };
        if let Some(inbox) = self.shared.inboxes.get(shard) {
            inbox.send(Letter::Connection(arrival));
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp { address: Some(address), port } => write!(f, "{address} port {port}"),
            Self::Tcp { address: None, port } => write!(f, "loopback port {port}"),
        }
    }
}
