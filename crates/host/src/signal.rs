//! Waiting for the signals that ask a program to stop.
//!
//! The one thing to understand: the signals are blocked before any thread is started, so that all
//! threads inherit that and only the one that waits is told. Nothing runs in a signal handler.
//!
//! Deliberately absent: every other signal.

use std::io;
use std::mem::MaybeUninit;

/// The signals that ask to stop: SIGINT, SIGTERM and SIGHUP. They no longer end the process once
/// this is made.
pub struct StopSignals {
    set: libc::sigset_t,
}

impl std::fmt::Debug for StopSignals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopSignals(SIGINT, SIGTERM, SIGHUP)")
    }
}

impl StopSignals {
    /// Claims the signals for [`StopSignals::wait`]. Call it before threads are started.
    ///
    /// # Errors
    /// What the system says.
    #[expect(unsafe_code, reason = "signal sets have no safe form")]
    pub fn claim() -> io::Result<Self> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: sigemptyset initialises the set that it is given.
        let mut set = unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            set.assume_init()
        };
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
            // SAFETY: the set is initialised and the signal's number valid.
            unsafe { libc::sigaddset(&raw mut set, signal) };
        }
        // SAFETY: both pointers are valid; the old mask is not wanted.
        match unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut())
        } {
            0 => Ok(Self { set }),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }

    /// Waits until one of the signals comes.
    ///
    /// # Errors
    /// What the system says.
    #[expect(unsafe_code, reason = "waiting for signals has no safe form")]
    pub fn wait(&self) -> io::Result<()> {
        let mut signal = 0;
        // SAFETY: the set is initialised and the number's place valid.
        match unsafe { libc::sigwait(&raw const self.set, &raw mut signal) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}
