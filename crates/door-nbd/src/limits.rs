//! What one client may ask for.
//!
//! The one thing to understand: these bounds, with the pool that the caller passes, are all the
//! memory that a client can take. A client that meets one is answered with an error where the
//! protocol has an answer, made to wait where waiting ends, and cut off otherwise.

/// Options that a client may send in its handshake; one more and it is cut off.
pub const OPTIONS: u32 = 32;
/// Bytes of data of one option; an option that announces more is cut off.
pub const OPTION_BYTES: usize = 64 << 10;
/// Bytes of a name or a query; a longer one is answered with an error.
pub const STRING_BYTES: usize = 4096;
/// Bytes of one read or write; a longer one is answered with an error.
pub const REQUEST_BYTES: u32 = 32 << 20;
/// Bytes of payload of a refused write that are read and thrown away; with more it is cut off.
pub const DRAIN_BYTES: u32 = 64 << 20;
/// Requests that one client may have under way; more wait in its socket.
pub const REQUESTS: usize = 128;
/// Payload that one client may have under way, in the array or on the way to it; a quarter of the
/// pool if that is less. More waits in its socket.
pub const PAYLOAD_BYTES: usize = 64 << 20;
/// Bytes of replies without payload that may wait to be sent before nothing more is taken in.
pub const REPLY_BYTES: usize = 256 << 10;
/// Pieces of replies that may wait to be sent before nothing more is taken in.
pub const REPLY_SEGMENTS: usize = 1024;
/// Extents in one answer about allocation.
pub const EXTENTS: usize = 64 << 10;
/// Bytes that one answer about allocation covers where holes are known; the client asks again for
/// the rest, so that looking for them never takes long.
pub const MAPPED_BYTES: u64 = 256 << 20;
/// Bytes of the pieces that a long read is cut into.
pub const PIECE_BYTES: u64 = 256 << 10;
/// Pieces of one long read that are under way or wait for their turn.
pub const PIECES: u32 = 8;
/// The longest read that is answered in one piece where the protocol asks for it (no structured
/// replies, or "do not fragment"); an eighth of the pool if that is less, but at least
/// [`UNCUT_FLOOR`].
pub const UNCUT_BYTES: u32 = 4 << 20;
/// What the protocol demands that a server can answer in one piece.
pub const UNCUT_FLOOR: u32 = 64 << 10;
/// Bytes that are received at once when small requests come.
pub const STAGING_BYTES: usize = 128 << 10;
/// Bytes that are received beside the payload of a long write, so that little of the next one has
/// to be copied.
pub const STAGING_BESIDE_PAYLOAD: usize = 16 << 10;
/// From this length on a write is long.
pub const LONG_WRITE: u32 = 64 << 10;
/// Slices given to one send.
pub const SLICES: usize = 128;

/// Payload that one client may have under way with a pool of `pool_bytes`.
#[must_use]
pub fn payload_bytes(pool_bytes: usize) -> usize {
    PAYLOAD_BYTES.min(pool_bytes / 4)
}

/// The longest read that is answered in one piece with a pool of `pool_bytes`.
#[must_use]
pub fn uncut_bytes(pool_bytes: usize) -> u32 {
    let share = u32::try_from(pool_bytes / 8).unwrap_or(u32::MAX);
    share.clamp(UNCUT_FLOOR, UNCUT_BYTES)
}
