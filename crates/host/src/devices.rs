//! This machine's block devices: their paths by number, and their lasting names.
//!
//! The one thing to understand: both are for people only. A path or a name that is not there is left
//! out; no member is opened or chosen by what stands here.

use rustix::fs::{FileType, major, minor, stat};
use std::collections::BTreeMap;
use std::path::Path;

/// The paths of block devices by major and minor number: those that the kernel lists in
/// `/sys/dev/block` and that have a node in `/dev`.
#[must_use]
pub fn block_devices() -> BTreeMap<(u32, u32), String> {
    let mut devices = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir("/sys/dev/block") else { return devices };
    for entry in entries.flatten() {
        let Ok(facts) = std::fs::read_to_string(entry.path().join("uevent")) else { continue };
        let Some(name) = facts.lines().find_map(|line| line.strip_prefix("DEVNAME=")) else {
            continue;
        };
        let path = format!("/dev/{name}");
        if let Some(number) = block_number(Path::new(&path)) {
            devices.insert((major(number), minor(number)), path);
        }
    }
    devices
}

/// The names in `directory` (`/dev/disk/by-id`, say) that lead to the block device with number
/// `device`, sorted; none where there is no such directory.
#[must_use]
pub fn lasting_names(directory: &Path, device: u64) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let own = entries.flatten().filter(|entry| block_number(&entry.path()) == Some(device));
    let mut names: Vec<String> =
        own.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The number of the block device at `path`, links followed.
fn block_number(path: &Path) -> Option<u64> {
    let found = stat(path).ok()?;
    (FileType::from_raw_mode(found.st_mode) == FileType::BlockDevice).then_some(found.st_rdev)
}
