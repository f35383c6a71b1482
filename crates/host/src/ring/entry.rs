//! Requests as the kernel wants to see them.
//!
//! The one thing to understand: an entry holds bare addresses. They stay good since the request's
//! memory, and the vectors that name it, stand in the driver's table until the completion comes.

use super::setup::piece_of;
use io_uring::{opcode, squeue, types};
use paritas_disk::{Io, IoMemory, Operation, Priority};

/// Where a request goes, and what memory is registered.
pub(super) struct Target {
    pub(super) file: File,
    /// Position in the file in bytes.
    pub(super) at: u64,
    /// Address and bytes of the memory that is registered; zero bytes if none is.
    pub(super) registered: (usize, usize),
}

/// A file, registered or not.
#[derive(Clone, Copy, Debug)]
pub(super) enum File {
    Registered(u32),
    Plain(std::os::fd::RawFd),
}

/// The vectors of a request, if it has more than one.
pub(super) type Vectors = Vec<libc::iovec>;

/// The entry of a read or a write of `bytes` bytes, and the vectors that must live as long.
pub(super) fn transfer(io: &mut Io, bytes: u32, target: &Target) -> (squeue::Entry, Vectors) {
    let mut vectors = Vectors::new();
    let mut first = None;
    let mut left = usize::try_from(bytes).unwrap_or(0);
    let mut add = |base: *mut u8, len: usize| {
        let piece = libc::iovec { iov_base: base.cast(), iov_len: len };
        match first {
            None => first = Some(piece),
            Some(earlier) => {
                if vectors.is_empty() {
                    vectors.push(earlier);
                }
                vectors.push(piece);
            }
        }
    };
    match (&io.operation, &mut io.memory) {
        (Operation::Read, IoMemory::Own(loan)) => add(loan.address(), left),
        (Operation::Read, IoMemory::Vectors(loans)) => {
            for loan in loans {
                let len = loan.len().min(left);
                left -= len;
                if len > 0 {
                    add(loan.address(), len);
                }
            }
        }
        (_, memory) => {
            memory.slices(left).for_each(|slice| add(slice.as_ptr().cast_mut(), slice.len()));
        }
    }
    let first = first.unwrap_or(libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 });
    let entry = entry(io, first, &vectors, target);
    (target.file.marked(entry), vectors)
}

fn entry(io: &Io, first: libc::iovec, vectors: &Vectors, target: &Target) -> squeue::Entry {
    let file = target.file.number();
    let ioprio = priority(io.priority);
    let base = first.iov_base.cast::<u8>();
    let len = u32::try_from(first.iov_len).unwrap_or(0);
    let registered = piece(first, target.registered).filter(|_| vectors.is_empty());
    let count = u32::try_from(vectors.len()).unwrap_or(0);
    let is_durable = matches!(io.operation, Operation::Write { durable: true, .. });
    let flags = if is_durable { libc::RWF_DSYNC } else { 0 };
    match (&io.operation, registered) {
        (Operation::Read, _) if count > 0 => opcode::Readv::new(file, vectors.as_ptr(), count)
            .offset(target.at)
            .ioprio(ioprio)
            .build(),
        (Operation::Read, Some(piece)) => {
            opcode::ReadFixed::new(file, base, len, piece).offset(target.at).ioprio(ioprio).build()
        }
        (Operation::Read, None) => {
            opcode::Read::new(file, base, len).offset(target.at).ioprio(ioprio).build()
        }
        (_, _) if count > 0 => opcode::Writev::new(file, vectors.as_ptr(), count)
            .offset(target.at)
            .ioprio(ioprio)
            .rw_flags(flags)
            .build(),
        (_, Some(piece)) => opcode::WriteFixed::new(file, base, len, piece)
            .offset(target.at)
            .ioprio(ioprio)
            .rw_flags(flags)
            .build(),
        (_, None) => opcode::Write::new(file, base, len)
            .offset(target.at)
            .ioprio(ioprio)
            .rw_flags(flags)
            .build(),
    }
}

/// The number of the registered piece that holds the memory, if it is registered.
fn piece(memory: libc::iovec, (start, bytes): (usize, usize)) -> Option<u16> {
    let offset = memory.iov_base.addr().checked_sub(start)?;
    let end = offset.checked_add(memory.iov_len)?;
    piece_of(offset).filter(|_| end <= bytes)
}

/// The entry of a flush.
pub(super) fn flush(file: File) -> squeue::Entry {
    let flags = types::FsyncFlags::DATASYNC;
    file.marked(opcode::Fsync::new(file.number()).flags(flags).build())
}

impl File {
    /// The number that an entry has: of the descriptor or of the registration.
    fn number(self) -> types::Fd {
        match self {
            Self::Registered(file) => types::Fd(i32::try_from(file).unwrap_or(-1)),
            Self::Plain(fd) => types::Fd(fd),
        }
    }

    /// The entry with the mark that tells which of the two the number is.
    fn marked(self, entry: squeue::Entry) -> squeue::Entry {
        match self {
            Self::Registered(_) => entry.flags(squeue::Flags::FIXED_FILE),
            Self::Plain(_) => entry,
        }
    }
}

/// The kernel's class and level: metadata goes first and background last among best effort.
const fn priority(priority: Priority) -> u16 {
    const BEST_EFFORT: u16 = 2 << 13;
    match priority {
        Priority::Metadata => BEST_EFFORT,
        Priority::Data => 0,
        Priority::Background => BEST_EFFORT | 7,
    }
}
