//! Tests of what lies under a file: links, loops, partitions, on a made-up sysfs.

use super::*;
use std::fs;

/// A made-up sysfs with a loop device over part of a file, a partition of it, and a loop over the
/// partition's device number.
struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("dev/block")).expect("made");
        Self { folder }
    }

    /// A device's directory in place, with a link from its number.
    fn device(&self, number: &str, place: &str, files: &[(&str, &str)]) {
        let directory = self.folder.path().join("devices").join(place);
        for (name, content) in files {
            let file = directory.join(name);
            fs::create_dir_all(file.parent().expect("in a folder")).expect("made");
            fs::write(file, content).expect("written");
        }
        let link = self.folder.path().join("dev/block").join(number);
        std::os::unix::fs::symlink(directory, link).expect("linked");
    }

    fn resolve(&self, device: (u32, u32), len: u64) -> Span {
        let sysfs = Sysfs::at(self.folder.path().to_path_buf());
        sysfs.resolve(Part { device: makedev(device.0, device.1), start: 0, len }, DEEPEST)
    }
}

#[test]
fn a_plain_device_is_itself() {
    let tree = Tree::new();
    tree.device("8:0", "sda", &[("dev", "8:0\n"), ("queue/rotational", "1\n")]);
    assert_eq!(
        tree.resolve((8, 0), 4096),
        Span { device: makedev(8, 0), inode: 0, start: 0, len: 4096 }
    );
    let sysfs = Sysfs::at(tree.folder.path().to_path_buf());
    assert!(!sysfs.is_solid_state(makedev(8, 0)));
    assert!(sysfs.is_solid_state(makedev(9, 9)), "unknown");
}

#[test]
fn a_partition_is_part_of_its_disk() {
    let tree = Tree::new();
    tree.device("8:0", "sda", &[("dev", "8:0\n"), ("queue/rotational", "1\n")]);
    tree.device("8:1", "sda/sda1", &[("partition", "1\n"), ("start", "2048\n"), ("dev", "8:1\n")]);
    let span = tree.resolve((8, 1), 4096);
    assert_eq!(span, Span { device: makedev(8, 0), inode: 0, start: 1 << 20, len: 4096 });
    let sysfs = Sysfs::at(tree.folder.path().to_path_buf());
    assert!(!sysfs.is_solid_state(makedev(8, 1)), "the disk's queue counts");
}

#[test]
fn a_loop_device_is_its_file() {
    let tree = Tree::new();
    let image = tree.folder.path().join("a.img");
    fs::write(&image, [0; 8192]).expect("written");
    let backing = format!("{}\n", image.display());
    let files = [("loop/backing_file", backing.as_str()), ("loop/offset", "4096\n")];
    tree.device("7:0", "loop0", &[("dev", "7:0\n"), files[0], files[1]]);
    let part = [("partition", "1"), ("start", "2"), ("dev", "259:0")];
    tree.device("259:0", "loop0/loop0p1", &part);
    let file = rustix::fs::stat(&image).expect("there");
    let span = tree.resolve((7, 0), 4096);
    let expected = Span { device: file.st_dev, inode: file.st_ino, start: 4096, len: 4096 };
    assert_eq!(span, expected);
    let span = tree.resolve((259, 0), 512);
    assert_eq!(span, Span { start: 4096 + 1024, len: 512, ..expected });
}

#[test]
fn a_loop_whose_file_is_gone_is_itself() {
    let tree = Tree::new();
    let backing = "/nowhere/at/all (deleted)\n";
    tree.device("7:1", "loop1", &[("loop/backing_file", backing), ("loop/offset", "0\n")]);
    assert_eq!(tree.resolve((7, 1), 8).device, makedev(7, 1));
}

#[test]
fn devices_that_lead_to_each_other_end() {
    let tree = Tree::new();
    tree.device("8:1", "x", &[("partition", "1"), ("start", "1"), ("dev", "8:1")]);
    fs::write(tree.folder.path().join("devices/dev"), "8:1\n").expect("written");
    assert_eq!(tree.resolve((8, 1), 512).device, makedev(8, 1));
}
