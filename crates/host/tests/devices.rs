//! What is told of this machine's block devices, against what stands in `/dev`.

use paritas_host::{block_devices, lasting_names};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};

#[test]
fn every_device_has_its_own_node() {
    for ((major, minor), path) in block_devices() {
        let node = std::fs::metadata(&path).expect("a node in /dev");
        assert!(node.file_type().is_block_device(), "{path}");
        assert_eq!(node.rdev(), rustix::fs::makedev(major, minor), "{path}");
    }
}

#[test]
fn lasting_names_are_those_that_lead_to_the_device() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    std::fs::write(path.join("file"), "no device").expect("a file");
    symlink("/dev/null", path.join("a-character-device")).expect("a link");
    symlink("nowhere", path.join("broken")).expect("a link");
    let devices = block_devices();
    for (number, device) in devices.values().take(2).enumerate() {
        for name in ["b", "a"] {
            symlink(device, path.join(format!("{name}-{number}"))).expect("a link");
        }
    }
    for (number, device) in devices.values().enumerate() {
        let rdev = std::fs::metadata(device).expect("a node").rdev();
        let want = match number {
            0 | 1 => vec![format!("a-{number}"), format!("b-{number}")],
            _ => Vec::new(),
        };
        assert_eq!(lasting_names(path, rdev), want, "{device}");
    }
    assert!(lasting_names(path, 0).is_empty());
    assert!(lasting_names(&path.join("missing"), 0).is_empty());
}
