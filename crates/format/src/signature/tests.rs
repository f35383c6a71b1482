//! Each signature, written where its specification puts it. Those that `mkfs` tools here can make
//! are compared with `blkid` in the crate's integration tests.

use super::*;

/// What is written into an image, and where.
type Marks = &'static [(usize, &'static [u8])];

const EXT: &[u8] = &[0x53, 0xEF];

fn found(sectors: usize, marks: Marks) -> Vec<Signature> {
    let mut image = vec![0u8; sectors * 512];
    for (at, bytes) in marks {
        image[*at..][..bytes.len()].copy_from_slice(bytes);
    }
    recognise(Sectors(u64::try_from(sectors).expect("small")), |at: Sector, into: &mut [u8]| {
        let start = usize::try_from(at.0 * 512).expect("small");
        into.copy_from_slice(&image[start..start + into.len()]);
        Ok::<_, ()>(())
    })
    .expect("memory can be read")
}

const CASES: [(Kind, Marks); 26] = [
    (Kind::Ext2, &[(1080, EXT)]),
    (Kind::Ext3, &[(1080, EXT), (1116, &[4])]),
    (Kind::Ext4, &[(1080, EXT), (1116, &[4]), (1120, &[0x40])]),
    (Kind::ExtJournal, &[(1080, EXT), (1120, &[8])]),
    (Kind::Xfs, &[(0, b"XFSB")]),
    (Kind::Btrfs, &[(65600, b"_BHRfS_M")]),
    (Kind::Luks1, &[(0, b"LUKS\xBA\xBE\0\x01")]),
    (Kind::Luks2, &[(0, b"LUKS\xBA\xBE\0\x02")]),
    (Kind::Lvm2, &[(512, b"LABELONE"), (536, b"LVM2 001")]),
    (Kind::Swap, &[(4086, b"SWAPSPACE2")]),
    (Kind::Swap, &[(65526, b"SWAPSPACE2")]),
    (Kind::Zfs, &[(131_072 + 4096, &[0x0C, 0xB1, 0xBA])]),
    (Kind::F2fs, &[(1024, &[0x10, 0x20, 0xF5, 0xF2])]),
    (Kind::Ntfs, &[(3, b"NTFS    ")]),
    (Kind::Vfat, &[(82, b"FAT32   "), (510, &[0x55, 0xAA])]),
    (Kind::Vfat, &[(54, b"FAT16   "), (510, &[0x55, 0xAA])]),
    (Kind::Exfat, &[(3, b"EXFAT   ")]),
    (Kind::Iso9660, &[(32769, b"CD001")]),
    (Kind::Squashfs, &[(0, b"hsqs")]),
    (
        Kind::Bcachefs,
        &[(4120, b"\xC6\x85\x73\xF6\x66\xCE\x90\xA9\xD9\x6A\x60\xCF\x80\x3D\xF7\xEF")],
    ),
    (Kind::Bcache, &[(4120, b"\xC6\x85\x73\xF6\x4E\x1A\x45\xCA\x82\x65\xF5\x7F\x48\xBA\x6D\x81")]),
    (Kind::Reiserfs, &[(65588, b"ReIsEr2Fs")]),
    (Kind::Jfs, &[(32768, b"JFS1")]),
    (Kind::HfsPlus, &[(1024, b"H+\0\x04")]),
    (Kind::Apfs, &[(32, b"NXSB")]),
    (Kind::DmIntegrity, &[(0, b"integrt\0")]),
];

#[test]
fn each_is_found_alone() {
    for (kind, marks) in CASES {
        let kinds: Vec<_> = found(600, marks).into_iter().map(|found| found.kind).collect();
        assert_eq!(kinds, [kind], "{kind}");
    }
}

#[test]
fn short_devices_are_no_trouble() {
    for sectors in [0, 1, 2, 3, 8, 9, 143, 144, 257] {
        assert_eq!(found(sectors, &[]), []);
    }
    assert_eq!(found(1, &[(0, b"XFSB")]).len(), 1);
    assert_eq!(found(3, &[(1080, EXT)]).len(), 1);
}

#[test]
fn labels_and_identities_are_read() {
    let ext = found(
        600,
        &[(1080, EXT), (1128, b"\x12\x34\x56\x78\x9a\xbc\xde\xf0 identity"), (1144, b"home \0")],
    );
    assert_eq!(ext[0].label.as_deref(), Some("home"));
    assert_eq!(ext[0].uuid.as_deref(), Some("12345678-9abc-def0-2069-64656e746974"));
    let lvm = found(
        600,
        &[
            (512, b"LABELONE"),
            (532, &[32]),
            (536, b"LVM2 001"),
            (544, b"abcdefghijklmnopqrstuvwxyz012345"),
        ],
    );
    assert_eq!(lvm[0].uuid.as_deref(), Some("abcdef-ghij-klmn-opqr-stuv-wxyz-012345"));
    let fat =
        found(600, &[(39, &[1, 2, 3, 4]), (43, b"NO NAME    FAT16   "), (510, &[0x55, 0xAA])]);
    assert_eq!((fat[0].label.as_deref(), fat[0].uuid.as_deref()), (None, Some("0403-0201")));
}

#[test]
fn a_leftover_is_named_too() {
    let both = found(600, &[(0, b"XFSB"), (1080, EXT)]);
    assert_eq!(both.iter().map(|found| found.kind).collect::<Vec<_>>(), [Kind::Ext2, Kind::Xfs]);
}
