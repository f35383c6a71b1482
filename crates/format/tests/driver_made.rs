//! Blocks that a running Linux driver wrote: their checksums fit, and they say what was written.

mod fixtures;

use paritas_format::bad_blocks::BadBlockLog;
use paritas_format::bitmap::Superblock;
use paritas_format::journal::{MetaBlock, Payload, Seed};
use paritas_format::partition::{self, Copy, Scheme};
use paritas_format::superblock::{Place, Version};
use paritas_format::{ArrayUuid, ppl, signature, superblock};
use paritas_units::{Sector, Sectors};
use std::path::Path;

fn corpus(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn reader(image: &[u8]) -> (Sectors, impl FnMut(Sector, &mut [u8]) -> Result<(), ()>) {
    let size = Sectors::whole_in(u64::try_from(image.len()).expect("small"));
    let read = |at: Sector, into: &mut [u8]| {
        let start = usize::try_from(at.0 * 512).expect("small");
        into.copy_from_slice(&image[start..start + into.len()]);
        Ok(())
    };
    (size, read)
}

#[test]
fn ppl_headers_are_intact() {
    let uuid: ArrayUuid = "7afab867:651bd73f:1d195202:bac42b88".parse().expect("a uuid");
    for name in ["ppl.first.bin", "ppl.later.bin"] {
        let header = ppl::Header::decode(&corpus(name)).expect("a block");
        assert_eq!(header.check(uuid), Ok(()), "{name}");
        let entries: Vec<_> = header.entries().expect("counted").collect();
        assert!(!entries.is_empty(), "{name}: {header:?}");
        for entry in entries {
            assert!(entry.parity_slot < 3 && entry.data_bytes >= entry.parity_bytes, "{entry:?}");
        }
    }
}

#[test]
fn journal_blocks_are_intact() {
    let seed = Seed::new("7ab6439f:58fc53ea:97435948:6ce8f578".parse().expect("a uuid"));
    let empty = MetaBlock::decode(&corpus("journal.empty.bin")).expect("a block");
    assert_eq!((empty.check(seed), empty.unit_sectors()), (Ok(()), Ok(Sectors(8))));
    let write = MetaBlock::decode(&corpus("journal.write.bin")).expect("a block");
    assert_eq!((write.check(seed), write.position), (Ok(()), Sector(16)));
    let payloads = write.payloads().expect("whole");
    let [Payload::Data { .. }, Payload::Parity { .. }] = payloads.as_slice() else {
        panic!("one data and one parity payload were written: {payloads:?}")
    };
    assert_eq!(write.unit_sectors(), Ok(Sectors(24)));
}

#[test]
fn bitmaps_count_as_the_driver_left_them() {
    let expected = [
        ("bitmap.raid1_degraded.bin", 4864, 4),
        ("bitmap.raid10.bin", 576, 0),
        ("bitmap.raid1_file.bin", 4864, 4864),
        ("bitmap.raid1_v090.bin", 1, 0),
    ];
    for (name, count, marked) in expected {
        let bytes = corpus(name);
        let bits = Superblock::decode(&bytes).expect("a bitmap").bits().expect("a good one");
        assert_eq!((bits.count(), bits.count_marked(0, &bytes)), (count, Ok(marked)), "{name}");
    }
}

#[test]
fn a_table_of_sgdisk_is_read_from_both_copies() {
    let mut image = corpus("partition.gpt.bin");
    for expected in [Copy::Primary, Copy::Backup] {
        let (size, read) = reader(&image);
        let table = partition::read(size, read).expect("memory").expect("a table");
        let Scheme::Gpt { copy, is_other_damaged, .. } = table.scheme else { panic!("{table:?}") };
        assert_eq!((copy, is_other_damaged), (expected, expected == Copy::Backup));
        let [first, second] = table.partitions.as_slice() else { panic!("{table:?}") };
        assert_eq!((first.number, first.start, first.len), (1, Sector(34), Sectors(7)));
        assert_eq!(
            (first.kind, first.name.as_deref()),
            (partition::Kind::LINUX_RAID_GPT, Some("member"))
        );
        assert_eq!((second.number, second.start, second.len), (2, Sector(41), Sectors(6)));
        image[512] = 0;
    }
}

#[test]
fn file_systems_are_named_with_label_and_identity() {
    let expected = [
        ("signature.ext4.bin", "ext4", "home", Some("12345678-9abc-def0-1234-56789abcdef0")),
        ("signature.swap.bin", "swap", "sw", None),
    ];
    for (name, kind, label, uuid) in expected {
        let image = corpus(name);
        let (size, read) = reader(&image);
        let found = signature::recognise(size, read).expect("memory");
        let [one] = found.as_slice() else { panic!("{name}: {found:?}") };
        assert_eq!((one.kind.name(), one.label.as_deref()), (kind, Some(label)), "{name}");
        assert!(one.uuid.is_some() && uuid.is_none_or(|uuid| one.uuid.as_deref() == Some(uuid)));
    }
}

/// The bytes that a block encodes to once it was decoded; for superblocks, where exactly one format
/// recognises it, has nothing against it and finds its checksum right.
fn again(block: &fixtures::Block) -> Vec<u8> {
    let bytes = &block.bytes;
    match block.body.as_str() {
        "superblock" => {
            // 1.0 stands at the end of its device, whose length is not kept; it says where.
            let own = bytes[144..152].try_into().expect("eight bytes");
            let own = Place { version: Version::V1_0, at: Sector(u64::from_le_bytes(own)) };
            let places = superblock::places(Sectors(1 << 16)).into_iter();
            let places = places.chain((own.at > Sector(8)).then_some(own));
            let read = places.filter_map(|place| {
                superblock::Superblock::decode(bytes, place)
                    .ok()
                    .filter(|sb| sb.faults(None).is_empty())
            });
            let read: Vec<_> = read.collect();
            let [one] = read.as_slice() else { panic!("{}: {read:?}", block.name) };
            one.encode()
        }
        "bitmap" => Superblock::decode(bytes).expect("a bitmap").encode().to_vec(),
        "bad_blocks" => {
            let (shift, log) = bytes.split_first().expect("a shift");
            let log = BadBlockLog::decode(log, *shift).expect("a log");
            assert!(log.ranges().len() < 8, "{}: {log:?}", block.name);
            [vec![*shift], log.encode()].concat()
        }
        "ppl" => ppl::Header::decode(bytes).expect("a header").encode().to_vec(),
        "journal" => MetaBlock::decode(bytes).expect("a meta block").encode().to_vec(),
        other => panic!("{}: no structure is called {other}", block.name),
    }
}

#[test]
fn what_the_driver_wrote_comes_back_the_same() {
    let blocks = fixtures::blocks();
    for body in ["superblock", "bitmap", "bad_blocks", "ppl", "journal"] {
        assert!(blocks.iter().any(|block| block.body == body), "there is no fixture for {body}");
    }
    for block in &blocks {
        let encoded = again(block);
        assert!(encoded.len() >= 64, "{}: {} bytes", block.name, encoded.len());
        assert_eq!(block.bytes.get(..encoded.len()), Some(&encoded[..]), "{}", block.name);
    }
}
