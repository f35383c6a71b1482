//! The text of `--export`.

use super::text::{Text, brief_size};
use super::{Report, v1, words};
use paritas_format::Superblock;

/// Writes the lines for a superblock.
pub(super) fn write(report: &Report, text: &mut Text) {
    let sb = &report.superblock;
    text.line(&format_args!("MD_LEVEL={}", words::level(sb.level_number()).unwrap_or("(null)")));
    text.line(&format_args!("MD_DEVICES={}", sb.raid_disks().cast_signed()));
    if let Superblock::V1(sb) = sb {
        let name = paritas_format::superblock::ArrayName(sb.header().set_name);
        let line = name.bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
        if !line.is_empty() {
            text.add(&"MD_NAME=");
            text.bytes(line);
            text.blank();
        }
        if let Some(all) = v1::array_bytes(sb.header()) {
            text.line(&format_args!("MD_ARRAY_SIZE={}", brief_size(all)));
        }
    }
    text.line(&format_args!("MD_UUID={}", words::uuid(sb)));
    // mdadm gives the time of creation for 0.90.
    let time = match sb {
        Superblock::V090(_) => sb.ctime(),
        Superblock::V1(_) => sb.utime(),
    };
    text.line(&format_args!("MD_UPDATE_TIME={}", time.seconds));
    if let Some(uuid) = sb.device_uuid() {
        text.line(&format_args!("MD_DEV_UUID={uuid}"));
    }
    text.line(&format_args!("MD_EVENTS={}", sb.events()));
}
