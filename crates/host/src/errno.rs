//! What the system's error numbers mean for a disk.

use paritas_disk::{Fault, FaultKind};
use paritas_units::Sector;
use rustix::io::Errno;

/// The kind of fault that a request ended with.
pub(crate) const fn kind_of(errno: Errno) -> FaultKind {
    match errno {
        Errno::NOSPC | Errno::DQUOT => FaultKind::NoSpace,
        Errno::OPNOTSUPP | Errno::NOSYS => FaultKind::Unsupported,
        Errno::ROFS | Errno::PERM | Errno::BADF | Errno::ACCESS => FaultKind::ReadOnly,
        Errno::NODEV | Errno::NXIO | Errno::STALE => FaultKind::Gone,
        Errno::INVAL => FaultKind::Invalid,
        _ => FaultKind::Io,
    }
}

/// The fault of a request at `at`.
pub(crate) const fn fault(errno: Errno, at: Sector) -> Fault {
    Fault { kind: kind_of(errno), at }
}
