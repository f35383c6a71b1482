//! Tables built here and read again; real tools' tables are in the crate's integration tests.

use super::*;
use gpt::{Entry as GptEntry, Header, build_header};
use mbr::{Entry, Mbr, PROTECTIVE};

const EMPTY: Entry = Entry::EMPTY;

fn found(image: &[u8]) -> Option<Table> {
    let size = Sectors::whole_in(u64::try_from(image.len()).expect("small"));
    read(size, |at: Sector, into: &mut [u8]| {
        let start = usize::try_from(at.0 * 512).expect("small");
        into.copy_from_slice(&image[start..start + into.len()]);
        Ok::<_, ()>(())
    })
    .expect("memory can be read")
}

fn put(image: &mut [u8], sector: usize, bytes: &[u8]) {
    image[sector * 512..][..bytes.len()].copy_from_slice(bytes);
}

fn shape(table: &Table) -> Vec<(u32, u64, u64)> {
    table.partitions.iter().map(|p| (p.number, p.start.0, p.len.0)).collect()
}

/// A device of 2048 sectors with two partitions, both copies whole.
fn gpt_image(block: usize) -> Vec<u8> {
    let mut image = vec![0; 1 << 20];
    let blocks = u64::try_from(2048 / block).expect("small");
    let Kind::Gpt(raid) = Kind::LINUX_RAID_GPT else { panic!("a GPT type") };
    let mut table = GptEntry::new(raid, Guid([1; 16]), 64, 95, "first").encode().to_vec();
    table.extend([0; 128]);
    table.extend(GptEntry::new(raid, Guid([2; 16]), 96, 96, "").encode());
    table.resize(128 * 128, 0);
    let disk = Guid([9; 16]);
    let table_blocks = 32 / block;
    let protective = Mbr::new(0, [Entry::new(PROTECTIVE, 1, 2047), EMPTY, EMPTY, EMPTY]);
    put(&mut image, 0, protective.encode());
    put(&mut image, block, &build_header(disk, 1, blocks - 1, 2, &table).encode());
    put(&mut image, 2 * block, &table);
    let backup_at = 2048 / block - 1 - table_blocks;
    let backup_entries = u64::try_from(backup_at).expect("small");
    put(&mut image, backup_at * block, &table);
    let backup = build_header(disk, blocks - 1, 1, backup_entries, &table);
    put(&mut image, 2048 - block, &backup.encode());
    image
}

#[test]
fn gpt_counts_in_blocks() {
    for block in [1, 8] {
        let table = found(&gpt_image(block)).expect("a table");
        let b = u64::try_from(block).expect("small");
        assert_eq!(shape(&table), [(1, 64 * b, 32 * b), (3, 96 * b, b)]);
        assert_eq!(table.partitions[0].name.as_deref(), Some("first"));
        assert_eq!(table.partitions[1].name, None);
        assert_eq!(table.partitions[0].kind.to_string(), "Linux RAID");
        let expected = Scheme::Gpt {
            guid: Guid([9; 16]),
            copy: Copy::Primary,
            is_other_damaged: false,
            block: Sectors(b),
        };
        assert_eq!(table.scheme, expected);
    }
}

#[test]
fn the_backup_serves_when_the_first_is_damaged() {
    for damaged in [512 + 60, 1024 + 5] {
        let mut image = gpt_image(1);
        image[damaged] ^= 1;
        let table = found(&image).expect("a table");
        assert_eq!(shape(&table), [(1, 64, 32), (3, 96, 1)]);
        let Scheme::Gpt { copy, is_other_damaged, .. } = table.scheme else { panic!("a GPT") };
        assert_eq!((copy, is_other_damaged), (Copy::Backup, true));
    }
    let mut image = gpt_image(1);
    image[2047 * 512] ^= 1;
    let Scheme::Gpt { copy, is_other_damaged, .. } = found(&image).expect("a table").scheme else {
        panic!("a GPT")
    };
    assert_eq!((copy, is_other_damaged), (Copy::Primary, true));
    image[512] ^= 1;
    assert_eq!(found(&image), None);
}

#[test]
fn gpt_is_found_without_its_mbr() {
    let mut image = gpt_image(1);
    image[..512].fill(0);
    assert_eq!(found(&image).expect("a table").partitions.len(), 2);
}

#[test]
fn hostile_headers_lead_nowhere() {
    let hostile: [fn(&mut Header); 6] = [
        |h| h.entries = u32::MAX,
        |h| h.entry_bytes = 0,
        |h| h.entry_bytes = 136,
        |h| h.entries_block = u64::MAX,
        |h| h.header_bytes = 513,
        |h| h.other_block = u64::MAX,
    ];
    for (case, change) in hostile.into_iter().enumerate() {
        let mut image = gpt_image(1);
        let mut header = Header::decode(&image[512..1024]).expect("a header");
        change(&mut header);
        header.checksum = header.computed_checksum().unwrap_or(0);
        put(&mut image, 1, &header.encode());
        let table = found(&image).expect("one copy is whole");
        let Scheme::Gpt { copy, .. } = table.scheme else { panic!("a GPT") };
        let is_primary_good = case == 5;
        assert_eq!(copy == Copy::Primary, is_primary_good, "case {case}");
    }
}

#[test]
fn mbr_lists_logical_partitions_from_five() {
    let mut image = vec![0; 1 << 20];
    let first = Entry::new(0xFD, 64, 100);
    let extended = Entry::new(0x05, 400, 1000);
    put(&mut image, 0, Mbr::new(0xABCD, [first, EMPTY, extended, EMPTY]).encode());
    let link = Entry::new(0x05, 200, 300);
    put(&mut image, 400, Mbr::new(0, [Entry::new(0x83, 8, 100), link, EMPTY, EMPTY]).encode());
    put(&mut image, 600, Mbr::new(0, [Entry::new(0xFD, 16, 50), EMPTY, EMPTY, EMPTY]).encode());
    let table = found(&image).expect("a table");
    let expected = [(1, 64, 100), (3, 400, 1000), (5, 408, 100), (6, 616, 50)];
    assert_eq!(shape(&table), expected);
    assert_eq!(table.scheme, Scheme::Mbr { signature: 0xABCD, is_chain_broken: false });
    assert_eq!(table.partitions[0].kind, Kind::LINUX_RAID_MBR);
}

#[test]
fn a_chain_that_bites_its_tail_ends() {
    let mut image = vec![0; 1 << 20];
    let extended = Entry::new(0x0F, 400, 1000);
    put(&mut image, 0, Mbr::new(1, [extended, EMPTY, EMPTY, EMPTY]).encode());
    for (at, link) in [(400, 200), (600, 0)] {
        let record = [Entry::new(0x83, 8, 10), Entry::new(0x05, link, 9), EMPTY, EMPTY];
        // A link of zero leads back to the first record.
        put(&mut image, at, Mbr::new(0, record).encode());
    }
    let table = found(&image).expect("a table");
    assert_eq!(shape(&table), [(1, 400, 1000), (5, 408, 10), (6, 608, 10)]);
    assert_eq!(table.scheme, Scheme::Mbr { signature: 1, is_chain_broken: true });
    put(&mut image, 600, &[0; 512]);
    let Scheme::Mbr { is_chain_broken, .. } = found(&image).expect("a table").scheme else {
        panic!("an MBR")
    };
    assert!(is_chain_broken);
}

#[test]
fn a_boot_sector_is_no_table() {
    let mut image = vec![0; 1 << 20];
    put(&mut image, 0, Mbr::new(1, [Entry::new(0x83, 1, 10), EMPTY, EMPTY, EMPTY]).encode());
    assert!(found(&image).is_some());
    image[54..62].copy_from_slice(b"FAT16   ");
    assert_eq!(found(&image), None);
    assert_eq!(found(&[]), None);
    assert_eq!(found(&[0; 512]), None);
}

#[test]
fn guids_print_as_people_write_them() {
    let Kind::Gpt(guid) = Kind::LINUX_RAID_GPT else { panic!("a GPT type") };
    assert_eq!(guid.to_string(), "A19D880F-05FC-4D3B-A006-743F0F84911E");
    assert_eq!(Kind::Gpt(Guid([0x11; 16])).to_string(), format!("type {}", Guid([0x11; 16])));
    assert_eq!(Kind::Mbr(0x42).to_string(), "type 0x42");
}
