//! Making a ring: the newest way that the kernel knows, with the pool's memory registered.
//!
//! Deliberately absent: a kernel thread that polls (SQPOLL): it burns a core when nothing happens.

use io_uring::IoUring;
use paritas_disk::Pool;

/// Requests that can be handed over at once.
const SUBMISSIONS: u32 = 256;
/// Requests under way; the completion queue holds as many, so it never overflows.
pub(super) const MOST_UNDER_WAY: u32 = 1024;
/// The kernel registers at most this many bytes in one piece.
const PIECE: usize = 1 << 30;
/// Disks whose files can be registered.
pub(super) const MOST_FILES: u32 = 256;

/// There is no io_uring here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "io_uring cannot be used here ({why}); containers and kernel.io_uring_disabled forbid it: \
     leave PARITAS_IO unset or say PARITAS_IO=threads"
)]
pub struct NoRing {
    /// What the kernel said.
    pub why: String,
}

/// A ring. The completions of a ring that its own thread collects cost least, so that is tried
/// first; older kernels do without.
pub(super) fn ring() -> Result<IoUring, NoRing> {
    let mut newest = IoUring::builder();
    newest.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all();
    let mut middle = IoUring::builder();
    middle.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all();
    let mut refused = None;
    for builder in [&mut newest, &mut middle, &mut IoUring::builder()] {
        match builder.dontfork().setup_cqsize(2 * MOST_UNDER_WAY).build(SUBMISSIONS) {
            Ok(ring) if ring.params().is_feature_nodrop() && ring.params().is_feature_ext_arg() => {
                return Ok(ring);
            }
            Ok(_) => refused = Some("the kernel is older than 5.11".to_owned()),
            Err(error) => refused = Some(error.to_string()),
        }
    }
    Err(NoRing { why: refused.unwrap_or_default() })
}

/// Registers the pool's memory and room for files. Tells how many bytes of memory are registered,
/// and whether files can be: what the system's limits forbid is done without.
pub(super) fn register(ring: &IoUring, pool: &Pool) -> (usize, bool) {
    let (start, bytes) = pool.memory();
    let pieces: Vec<libc::iovec> = (0..bytes)
        .step_by(PIECE)
        .map(|offset| libc::iovec {
            iov_base: std::ptr::without_provenance_mut(start + offset),
            iov_len: PIECE.min(bytes - offset),
        })
        .collect();
    let has_files = ring.submitter().register_files_sparse(MOST_FILES).is_ok();
    if register_memory(ring, &pieces) { (bytes, has_files) } else { (0, has_files) }
}

#[expect(unsafe_code, reason = "the kernel is told of memory by address")]
fn register_memory(ring: &IoUring, pieces: &[libc::iovec]) -> bool {
    // SAFETY: the pieces are the pool's arena, which the driver keeps alive as long as the ring.
    unsafe { ring.submitter().register_buffers(pieces) }.is_ok()
}

/// The number of the registered piece that holds a byte `offset` bytes into the pool. No buffer
/// lies in two: each is aligned to its length, and a piece is a multiple of all.
pub(super) fn piece_of(offset: usize) -> Option<u16> {
    u16::try_from(offset / PIECE).ok()
}
