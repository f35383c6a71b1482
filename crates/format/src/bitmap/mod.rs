//! The write-intent bitmap: its superblock, and the bits behind it.
//!
//! The one thing to understand: the superblock fills the first 256 bytes of a page and bit 0
//! follows it in the same page. So everything is dealt with in pages of 4 KiB, read one by one
//! ([`Bits`]); nothing is allocated by a number that stands in the superblock.
//!
//! Deliberately absent: when bits are set and cleared (the engine decides), and where the bitmap
//! lies (the array's superblock says, or it is a file of its own).

mod bits;
#[cfg(test)]
mod tests;

pub use bits::{Bits, Marked, PAGE_BYTES, PAGE_SECTORS, PageTooShort};

use crate::ArrayUuid;
use paritas_units::{SECTOR_BYTES, Sectors};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// "bitm", the first four bytes of a bitmap.
#[doc(alias = "BITMAP_MAGIC")]
pub const MAGIC: u32 = 0x6D74_6962;
/// Bytes of the superblock; the bits begin right behind it.
pub const SUPERBLOCK_BYTES: usize = 256;
/// The longest bitmap that is read: 64 MiB of superblock and bits.
pub const MAX_AREA_BYTES: u64 = 64 << 20;
/// The most outstanding write-behind requests that may be stored.
#[doc(alias = "COUNTER_MAX")]
pub const MAX_WRITE_BEHIND: u32 = 16383;

/// The state bit that says the bits are out of date.
#[doc(alias = "BITMAP_STALE")]
pub const STATE_STALE: u32 = 1 << 1;
/// The state bit that says a write of the bitmap failed.
#[doc(alias = "BITMAP_WRITE_ERROR")]
pub const STATE_WRITE_ERROR: u32 = 1 << 2;
/// The state bit that says the bits are in the words of the host that wrote them.
#[doc(alias = "BITMAP_HOSTENDIAN")]
pub const STATE_HOST_ENDIAN: u32 = 1 << 15;

/// What stands in the first 256 bytes of a bitmap. Every byte is kept, so that
/// [`Superblock::encode`] gives back what [`Superblock::decode`] was given.
#[doc(alias = "bitmap_super_s")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// The version number; [`Superblock::version`] judges it.
    pub version: u32,
    /// The array's identity, byte for byte as a 1.x superblock has it (for 0.90 the four words in
    /// the writer's byte order).
    pub uuid: ArrayUuid,
    /// The array's event count when the bitmap was last written.
    pub events: u64,
    /// The event count up to which every member has all data whose bits are clear.
    pub events_cleared: u64,
    /// What the bits cover: component sectors for raid1, 4, 5, 6; array sectors for raid10.
    pub sync_size: Sectors,
    /// The state bits.
    pub state: u32,
    /// Bytes that one bit covers.
    pub chunk_bytes: u32,
    /// Seconds between two sweeps that clear bits.
    pub daemon_sleep: u32,
    /// How many writes may be outstanding to write-mostly members; zero for none.
    pub write_behind: u32,
    /// Sectors known to be free for the bitmap; zero if unknown.
    pub sectors_reserved: u32,
    /// Cluster nodes that have a bitmap of their own.
    pub nodes: u32,
    /// The cluster's name, NUL padded.
    pub cluster_name: [u8; 64],
    /// Zeroes, kept as they are.
    pub padding: [u8; 120],
}

/// The bytes of a superblock in their order.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Wire {
    magic: U32,
    version: U32,
    uuid: [u8; 16],
    events: U64,
    events_cleared: U64,
    sync_size: U64,
    state: U32,
    chunk_bytes: U32,
    daemon_sleep: U32,
    write_behind: U32,
    sectors_reserved: U32,
    nodes: U32,
    cluster_name: [u8; 64],
    padding: [u8; 120],
}

/// The bitmap versions that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3: bits in the long words of the host that wrote them; read as a little-endian host's.
    HostWords,
    /// 4: bits in little-endian order, the usual one.
    LittleEndian,
    /// 5: as 4, one bitmap for each cluster node.
    Clustered,
}

/// Why bytes are not a bitmap that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BitmapError {
    /// Fewer bytes than a superblock has.
    #[error("a bitmap superblock has {SUPERBLOCK_BYTES} bytes, here are {0}")]
    TooShort(usize),
    /// Something else stands there.
    #[error("no bitmap here: the magic number is {0:#010x}, not {MAGIC:#010x}")]
    NotABitmap(u32),
    /// The lock-less bitmap of newer kernels, whose body is not made of bits.
    #[error("the bitmap is a lock-less one (version 6), which is not supported yet")]
    Lockless,
    /// A version that nobody knows.
    #[error("the bitmap has version {0}; versions 3, 4 and 5 are known")]
    UnknownVersion(u32),
    /// The chunk is no power of two from 512 up.
    #[error("the bitmap's chunk is {0} bytes; it must be a power of two, 512 or more")]
    BadChunk(u32),
    /// The sweep's interval is zero.
    #[error("the bitmap's daemon sleep is {0} s; it must be from 1 to 2147483")]
    BadSleep(u32),
    /// Too many write-behind requests.
    #[error("the bitmap allows {0} write-behind requests; the limit is {MAX_WRITE_BEHIND}")]
    BadWriteBehind(u32),
    /// More bits than are ever read.
    #[error("the bitmap would have {0} bits, more than fit into 64 MiB")]
    TooLong(u64),
}

/// The longest interval between two sweeps, in seconds: what a 32-bit count of milliseconds holds.
const MAX_DAEMON_SLEEP: u32 = 2_147_483;

impl Superblock {
    /// A superblock as the driver makes it for an array that is new: version 4, sweep every 5 s.
    #[must_use]
    pub const fn new(uuid: ArrayUuid, sync_size: Sectors, chunk_bytes: u32) -> Self {
        Self {
            version: 4,
            uuid,
            events: 0,
            events_cleared: 0,
            sync_size,
            state: 0,
            chunk_bytes,
            daemon_sleep: 5,
            write_behind: 0,
            sectors_reserved: 0,
            nodes: 0,
            cluster_name: [0; 64],
            padding: [0; 120],
        }
    }

    /// Reads the first 256 bytes; more may follow. Only the magic number is judged here, so that
    /// a damaged superblock can still be shown.
    ///
    /// # Errors
    /// [`BitmapError::TooShort`] and [`BitmapError::NotABitmap`].
    pub fn decode(bytes: &[u8]) -> Result<Self, BitmapError> {
        match Self::decode_any(bytes)? {
            (MAGIC, superblock) => Ok(superblock),
            (other, _) => Err(BitmapError::NotABitmap(other)),
        }
    }

    /// As [`Superblock::decode`], but takes any magic number and gives it back, to show what stands
    /// where a bitmap should be.
    ///
    /// # Errors
    /// [`BitmapError::TooShort`].
    pub fn decode_any(bytes: &[u8]) -> Result<(u32, Self), BitmapError> {
        let (wire, _) =
            Wire::read_from_prefix(bytes).map_err(|_| BitmapError::TooShort(bytes.len()))?;
        let superblock = Self {
            version: wire.version.get(),
            uuid: ArrayUuid(wire.uuid),
            events: wire.events.get(),
            events_cleared: wire.events_cleared.get(),
            sync_size: Sectors(wire.sync_size.get()),
            state: wire.state.get(),
            chunk_bytes: wire.chunk_bytes.get(),
            daemon_sleep: wire.daemon_sleep.get(),
            write_behind: wire.write_behind.get(),
            sectors_reserved: wire.sectors_reserved.get(),
            nodes: wire.nodes.get(),
            cluster_name: wire.cluster_name,
            padding: wire.padding,
        };
        Ok((wire.magic.get(), superblock))
    }

    /// The bytes of the superblock.
    #[must_use]
    pub fn encode(&self) -> [u8; SUPERBLOCK_BYTES] {
        zerocopy::transmute!(Wire {
            magic: MAGIC.into(),
            version: self.version.into(),
            uuid: self.uuid.0,
            events: self.events.into(),
            events_cleared: self.events_cleared.into(),
            sync_size: self.sync_size.0.into(),
            state: self.state.into(),
            chunk_bytes: self.chunk_bytes.into(),
            daemon_sleep: self.daemon_sleep.into(),
            write_behind: self.write_behind.into(),
            sectors_reserved: self.sectors_reserved.into(),
            nodes: self.nodes.into(),
            cluster_name: self.cluster_name,
            padding: self.padding,
        })
    }

    /// The version, if it is one that can be read.
    ///
    /// # Errors
    /// [`BitmapError::Lockless`] and [`BitmapError::UnknownVersion`].
    pub const fn version(&self) -> Result<Version, BitmapError> {
        match self.version {
            3 => Ok(Version::HostWords),
            4 => Ok(Version::LittleEndian),
            5 => Ok(Version::Clustered),
            6 => Err(BitmapError::Lockless),
            other => Err(BitmapError::UnknownVersion(other)),
        }
    }

    /// Judges all that the driver judges before it uses a bitmap, and gives the shape of its bits.
    ///
    /// # Errors
    /// Any [`BitmapError`] but the two of [`Superblock::decode`].
    pub fn bits(&self) -> Result<Bits, BitmapError> {
        self.version()?;
        if !(1..=MAX_DAEMON_SLEEP).contains(&self.daemon_sleep) {
            return Err(BitmapError::BadSleep(self.daemon_sleep));
        }
        if self.write_behind > MAX_WRITE_BEHIND {
            return Err(BitmapError::BadWriteBehind(self.write_behind));
        }
        Bits::new(self.sync_size, self.chunk()?)
    }

    /// What one bit covers.
    ///
    /// # Errors
    /// [`BitmapError::BadChunk`].
    pub fn chunk(&self) -> Result<Sectors, BitmapError> {
        if !self.chunk_bytes.is_power_of_two() || u64::from(self.chunk_bytes) < SECTOR_BYTES {
            return Err(BitmapError::BadChunk(self.chunk_bytes));
        }
        Ok(Sectors::whole_in(u64::from(self.chunk_bytes)))
    }

    /// Whether the bits must be taken as all set: the superblock says so, or it is older than the
    /// array's superblock with `array_events`.
    #[must_use]
    pub const fn is_stale(&self, array_events: u64) -> bool {
        self.state & STATE_STALE != 0 || self.events < array_events
    }
}
