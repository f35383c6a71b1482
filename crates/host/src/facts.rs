//! Finding out about an open file or device: size, blocks, alignment, limits.

use crate::storage::Sysfs;
use paritas_disk::{Access, Facts};
use paritas_units::Sectors;
use rustix::fs::{
    AtFlags, FallocateFlags, FileType, SeekFrom, Stat, StatxFlags, fallocate, fstatfs,
    ioctl_blkpbszget, ioctl_blksszget, seek, statx,
};
use std::os::fd::OwnedFd;

/// `STATX_DIOALIGN`, of Linux 6.1 on.
const DIRECT_ALIGNMENT: StatxFlags = StatxFlags::from_bits_retain(0x2000);
/// The longest write-zeroes for a device that cannot do it itself: the kernel writes zeroes then,
/// and a request should not take for ever.
const WRITTEN_ZEROES: Sectors = Sectors(32 << 11);
/// File systems that keep files in memory: tmpfs, ramfs, hugetlbfs.
const IN_MEMORY: [i64; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];
/// What a page of the host's cache holds: less is read before it is written.
const PAGE: u32 = 4096;

/// The size in bytes.
pub(crate) fn size_of(file: &OwnedFd, stat: &Stat) -> Result<u64, String> {
    if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice {
        return seek(file, SeekFrom::End(0))
            .map_err(|errno| format!("its size is unknown: {errno}"));
    }
    u64::try_from(stat.st_size).map_err(|_| format!("its size is {} bytes", stat.st_size))
}

/// The alignment for direct access, if the kernel reports one that serves `access`.
pub(crate) fn direct_alignment(
    file: &OwnedFd,
    is_block_device: bool,
    access: Access,
) -> Option<u32> {
    let (memory, offset) = match statx(file, "", AtFlags::EMPTY_PATH, DIRECT_ALIGNMENT) {
        Ok(facts) if facts.stx_mask & DIRECT_ALIGNMENT.bits() != 0 => {
            (facts.stx_dio_mem_align, facts.stx_dio_offset_align)
        }
        _ if is_block_device => {
            let block = ioctl_blksszget(file).ok()?;
            (block, block)
        }
        _ => return None,
    };
    let alignment = memory.max(offset);
    // A file's sectors are written one by one; directly that only works if one is a unit.
    let serves = access == Access::Read || is_block_device || offset <= 512;
    let is_usable = offset > 0 && alignment.is_power_of_two() && alignment <= 64 << 10;
    (is_usable && serves).then_some(alignment)
}

/// Facts without name, alignment and span.
pub(crate) fn describe(
    sysfs: &Sysfs,
    file: &OwnedFd,
    stat: &Stat,
    bytes: u64,
    access: Access,
) -> Facts {
    let is_block_device = FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice;
    let facts = Facts {
        name: String::new(),
        sectors: Sectors::whole_in(bytes),
        logical_block: 512,
        physical_block: PAGE,
        alignment: 1,
        is_read_only: access == Access::Read,
        is_solid_state: true,
        max_transfer: Sectors::ZERO,
        max_discard: Sectors::ZERO,
        max_write_zeroes: Sectors::ZERO,
        span: None,
    };
    if is_block_device { device(sysfs, file, stat, facts) } else { image(sysfs, file, stat, facts) }
}

fn device(sysfs: &Sysfs, file: &OwnedFd, stat: &Stat, facts: Facts) -> Facts {
    let logical_block = ioctl_blksszget(file).unwrap_or(512).max(512);
    let limit = |name| {
        let bytes = sysfs.queue_number(stat.st_rdev, name).unwrap_or(0);
        if facts.is_read_only { Sectors::ZERO } else { Sectors::whole_in(bytes) }
    };
    let zeroes = match limit("write_zeroes_max_bytes") {
        Sectors::ZERO if !facts.is_read_only => WRITTEN_ZEROES,
        zeroes => zeroes,
    };
    Facts {
        logical_block,
        physical_block: ioctl_blkpbszget(file).unwrap_or(logical_block).max(logical_block),
        is_solid_state: sysfs.is_solid_state(stat.st_rdev),
        max_discard: limit("discard_max_bytes"),
        max_write_zeroes: zeroes,
        ..facts
    }
}

fn image(sysfs: &Sysfs, file: &OwnedFd, stat: &Stat, facts: Facts) -> Facts {
    let limit = if !facts.is_read_only && punches_holes(file, facts.sectors) {
        facts.sectors
    } else {
        Sectors::ZERO
    };
    Facts {
        is_solid_state: sysfs.is_solid_state(stat.st_dev),
        max_discard: limit,
        max_write_zeroes: limit,
        ..facts
    }
}

/// Whether the file system makes holes: asked beyond the end of the file, where one changes
/// nothing.
fn punches_holes(file: &OwnedFd, sectors: Sectors) -> bool {
    let Some(end) = sectors.bytes().and_then(|end| end.checked_next_multiple_of(u64::from(PAGE)))
    else {
        return false;
    };
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(file, flags, end, u64::from(PAGE)).is_ok()
}

/// Whether the file system keeps its files in memory.
pub(crate) fn lives_in_memory(file: &OwnedFd) -> bool {
    fstatfs(file).is_ok_and(|facts| IN_MEMORY.contains(&facts.f_type))
}
