//! mdadm's words for numbers in superblocks.

use paritas_format::Superblock;

/// The word for what has none.
pub(super) const UNKNOWN: &str = "-unknown-";

/// mdadm's word for a level's number; it knows containers too.
pub(super) fn level(number: i32) -> Option<&'static str> {
    if number == -100 {
        return Some("container");
    }
    paritas_units::Level::from_number(number).ok().map(paritas_units::Level::name)
}

/// The word for a raid5 layout.
pub(super) fn raid5_layout(layout: u32) -> &'static str {
    match layout {
        0 => "left-asymmetric",
        1 => "right-asymmetric",
        2 => "left-symmetric",
        3 => "right-symmetric",
        4 => "parity-first",
        5 => "parity-last",
        _ => UNKNOWN,
    }
}

/// The word for a raid6 layout.
pub(super) fn raid6_layout(layout: u32) -> &'static str {
    match layout {
        0..=5 => raid5_layout(layout),
        8 => "ddf-zero-restart",
        9 => "ddf-N-restart",
        10 => "ddf-N-continue",
        16 => "left-asymmetric-6",
        17 => "right-asymmetric-6",
        18 => "left-symmetric-6",
        19 => "right-symmetric-6",
        20 => "parity-first-6",
        _ => UNKNOWN,
    }
}

/// The word for a raid0 layout.
pub(super) fn raid0_layout(layout: u32) -> &'static str {
    match layout {
        0 => "dangerous",
        1 => "original",
        2 => "alternate",
        _ => UNKNOWN,
    }
}

/// Copies near, the word for the others, and how many of those a raid10 layout has.
const fn raid10_copies(layout: u32) -> (u32, &'static str, u32) {
    let kind = if layout & 0x1_0000 != 0 { "offset" } else { "far" };
    (layout & 0xff, kind, (layout >> 8) & 0xff)
}

/// The words for a raid10 layout: `near=2`, `near=2, far=2`, `offset=2`.
fn raid10_layout(layout: u32) -> String {
    match raid10_copies(layout) {
        (1, _, 1) => "NO REDUNDANCY".to_owned(),
        (near, _, 1) => format!("near={near}"),
        (1, kind, far) => format!("{kind}={far}"),
        _ => raid10_layout_in_full(layout),
    }
}

/// The words for a raid10 layout with both counts, as a reshape of 0.90 is shown.
pub(super) fn raid10_layout_in_full(layout: u32) -> String {
    let (near, kind, far) = raid10_copies(layout);
    format!("near={near}, {kind}={far}")
}

/// The words for a layout of a level that has layouts.
pub(super) fn layout(level: i32, layout: u32) -> Option<String> {
    match level {
        5 => Some(raid5_layout(layout).to_owned()),
        6 => Some(raid6_layout(layout).to_owned()),
        10 => Some(raid10_layout(layout)),
        _ => None,
    }
}

/// How many members' worth of data an array has, as numerator and denominator; both as mdadm
/// computes them, without a check of what the superblock says.
pub(super) fn data_members(level: i32, layout: u32, raid_disks: u32) -> Option<(i64, i64)> {
    let disks = i64::from(raid_disks.cast_signed());
    let (disks, parts) = match level {
        1 => (1, 1),
        4 | 5 => (disks - 1, 1),
        6 => (disks - 2, 1),
        10 => (disks, i64::from((layout & 0xff) * ((layout >> 8) & 0xff))),
        _ => return None,
    };
    (disks != 0 && parts != 0).then_some((disks, parts))
}

/// The array's uuid; only its first word for the oldest minor versions.
pub(super) fn uuid(superblock: &Superblock) -> String {
    match superblock {
        Superblock::V090(sb) if sb.header().minor_version.get() < 90 => {
            format!("{:08x}", sb.header().set_uuid0.get())
        }
        other => other.array_uuid().to_string(),
    }
}
