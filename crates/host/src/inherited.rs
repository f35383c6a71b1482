//! Files that a process was born with.

/// Closes every descriptor but standard input, output and error: what was open in the process that
/// started this one, and not meant for it. To be called before this process opens anything itself.
#[expect(unsafe_code, reason = "descriptors that nobody owns have no safe form")]
pub fn close_inherited() {
    // SAFETY: nothing of this process is open yet, so no owner of a descriptor is deceived. A kernel
    // that does not know the call leaves them open, which is only untidy.
    unsafe { libc::close_range(3, libc::c_uint::MAX, 0) };
}
