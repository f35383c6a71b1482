//! `open_with` by force: what is written, when nothing is, and what is said.

use crate::support::changed;
use paritas_disk::{Access, Disk, MemoryDisk, OpenError, Opener};
use paritas_engine::judge_members::ReadChoices;
use paritas_format::Superblock;
use paritas_format::build::cell;
use paritas_format::superblock::Role;
use paritas_manage::gather::search;
use paritas_manage::reading::ReadError;
use paritas_manage::writing::{Force, WriteError, open_for_writing, open_with};
use paritas_units::{Descriptor, Sector, Sectors, Slot};
use std::sync::Arc;

/// Members in memory, by the words m0, m1, ...
struct Members {
    disks: Vec<Arc<MemoryDisk>>,
    places: Vec<Sector>,
}

impl Opener for Members {
    fn open(&self, word: &str, _: Access) -> Result<Arc<dyn Disk>, OpenError> {
        let number: usize = word.trim_start_matches('m').parse().expect("m0, m1, ...");
        Ok(Arc::clone(&self.disks[number]) as Arc<dyn Disk>)
    }
}

impl Members {
    fn of(array: &str, members: &str) -> Self {
        let superblocks = cell(array, members).expect("a cell");
        let disk = |(number, superblock): (usize, &Superblock)| {
            let disk = MemoryDisk::new(&format!("m{number}"), Sectors(64 << 11));
            disk.write(superblock.place().at, &superblock.encode(), true).expect("in memory");
            Arc::new(disk)
        };
        let places = superblocks.iter().map(|superblock| superblock.place().at).collect();
        Self { disks: superblocks.iter().enumerate().map(disk).collect(), places }
    }

    fn words(&self) -> Vec<String> {
        (0..self.disks.len()).map(|number| format!("m{number}")).collect()
    }

    /// The blocks of the superblocks; nothing else is ever written.
    fn contents(&self) -> Vec<Vec<u8>> {
        let block = |(disk, place): (&Arc<MemoryDisk>, &Sector)| {
            let mut block = vec![0; 4096];
            disk.read(*place, &mut block).expect("in memory");
            block
        };
        self.disks.iter().zip(&self.places).map(block).collect()
    }

    fn superblock(&self, number: usize) -> Superblock {
        let disk = Arc::clone(&self.disks[number]) as Arc<dyn Disk>;
        search("m", disk).superblock().expect("a whole superblock").clone()
    }
}

#[test]
fn u14_a_raid5_that_lost_two_comes_back() {
    let members = Members::of("raid5 3 1.2", "0 sees=0FF; 1 -7; 2 -3 sees=0F2");
    let (words, before) = (members.words(), members.contents());
    let refused = open_for_writing(&members, &words, ReadChoices::default());
    assert!(matches!(refused, Err(WriteError::Read(ReadError::Refused { .. }))));
    assert!(members.contents() == before, "nothing is written without force");
    let mut array =
        open_with(&members, &words, ReadChoices::default(), Force::Yes).expect("it starts");
    assert!(members.contents() == before, "nothing is written before the caller says so");
    array.pending.write().expect("written");
    let names: Vec<_> = array.assembly.members.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["m0", "m2"]);
    let [taken, listed] = array.forced.as_slice() else { panic!("{:?}", array.forced) };
    assert!(taken.contains("event count in m2 (slot 2) from 97 up to 100"), "{taken}");
    assert!(listed.contains("clearing FAULTY flag for m2 (slot 2)"), "{listed}");
    let after = members.contents();
    assert!(after[1] == before[1], "who is not needed is not touched");
    for number in [0, 2] {
        let superblock = members.superblock(number);
        assert_eq!(superblock.events(), 100);
        assert_eq!(superblock.role(), Role::Slot(Slot(u16::try_from(number).expect("small"))));
    }
    let fresh = members.superblock(0);
    assert_eq!(fresh.role_of(Descriptor(2)), Role::Slot(Slot(2)));
    assert_eq!(fresh.role_of(Descriptor(1)), Role::Faulty);
    // What was forced once needs no force any more.
    let again = open_with(&members, &words, ReadChoices::default(), Force::Yes).expect("it starts");
    assert!(again.forced.is_empty() && again.pending.is_empty(), "{:?}", again.forced);
}

#[test]
fn u14_a_dirty_degraded_array_is_called_clean_by_force_alone() {
    for version in ["1.2", "0.90"] {
        let array = format!("raid6 4 {version}");
        let members = Members::of(&array, "0 dirty sees=01FF; 1 dirty sees=01FF");
        let (words, before) = (members.words(), members.contents());
        let refused = open_for_writing(&members, &words, ReadChoices::default());
        assert!(matches!(refused, Err(WriteError::DirtyDegraded)));
        assert!(members.contents() == before, "nothing is written without force");
        let array = open_with(&members, &words, ReadChoices::default(), Force::Yes);
        let mut array = array.expect("it starts");
        array.pending.write().expect("written");
        assert_eq!(array.assembly.resync_offset, Sector::MAX);
        assert!(array.forced[0].contains("clean, though m0, m1 say dirty"), "{:?}", array.forced);
        assert!(open_for_writing(&members, &words, ReadChoices::default()).is_ok());
    }
}

#[test]
fn u14_nothing_is_written_for_an_array_that_cannot_start() {
    let whole = "0 dirty sees=01F; 1 dirty sees=01F";
    for (array, cell, what) in [
        ("raid5 4 1.2", "0 sees=0FFF; 1 -3", "too few members"),
        ("raid5 3 1.2", "0 sees=0FF; 1 sees=F12; 2 -5", "m1"),
        ("multipath 2 1.2", "0; 1 -3", "only read"),
    ] {
        let members = Members::of(array, cell);
        let before = members.contents();
        let refused = open_with(&members, &members.words(), ReadChoices::default(), Force::Yes);
        let error = refused.expect_err("it cannot start").to_string();
        assert!(error.contains(what), "{error}");
        assert!(members.contents() == before, "{array} {cell}");
    }
    // An array that is refused for what it carries is not marked clean on the way.
    let members = Members::of("raid5 3 1.2", whole);
    let superblock = cell("raid5 3 1.2", whole).expect("a cell").remove(0);
    let with_bitmap = changed(superblock, |sb| {
        let header = sb.header_mut();
        header.feature_map.set(header.feature_map.get() | 1);
        header.bitmap_offset.set(8);
    });
    members.disks[0].write(Sector(8), &with_bitmap.encode(), true).expect("in memory");
    let before = members.contents();
    let refused = open_with(&members, &members.words(), ReadChoices::default(), Force::Yes);
    assert!(matches!(refused, Err(WriteError::Unkept { .. })));
    assert!(members.contents() == before, "nothing is written before all was checked");
}
