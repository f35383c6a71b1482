//! Bitmaps made here and read again, and the numbers of the driver's own.

use super::*;
use paritas_units::{Sector, SectorRange};

fn sample() -> Superblock {
    Superblock::new(ArrayUuid([7; 16]), Sectors(204_800), 1 << 16)
}

#[test]
fn bytes_survive_including_padding() {
    let mut superblock = sample();
    superblock.padding[119] = 0xA5;
    superblock.cluster_name[0] = b'c';
    let bytes = superblock.encode();
    assert_eq!(bytes[..4], *b"bitm");
    assert_eq!(Superblock::decode(&bytes), Ok(superblock));
}

#[test]
fn what_is_no_bitmap_is_named() {
    assert_eq!(Superblock::decode(&[0; 255]), Err(BitmapError::TooShort(255)));
    assert_eq!(Superblock::decode(&[0; 256]), Err(BitmapError::NotABitmap(0)));
    let judged = |change: fn(&mut Superblock)| {
        let mut superblock = sample();
        change(&mut superblock);
        superblock.bits().map(|bits| bits.count())
    };
    assert_eq!(judged(|_| ()), Ok(1600));
    assert_eq!(judged(|s| s.version = 6), Err(BitmapError::Lockless));
    assert_eq!(judged(|s| s.version = 2), Err(BitmapError::UnknownVersion(2)));
    assert_eq!(judged(|s| s.chunk_bytes = 256), Err(BitmapError::BadChunk(256)));
    assert_eq!(judged(|s| s.chunk_bytes = 3 << 16), Err(BitmapError::BadChunk(3 << 16)));
    assert_eq!(judged(|s| s.daemon_sleep = 0), Err(BitmapError::BadSleep(0)));
    assert_eq!(judged(|s| s.write_behind = 16384), Err(BitmapError::BadWriteBehind(16384)));
    let endless = judged(|s| (s.sync_size, s.chunk_bytes) = (Sectors(u64::MAX), 512));
    assert_eq!(endless, Err(BitmapError::TooLong(u64::MAX)));
    assert_eq!(judged(|s| (s.version, s.state) = (3, STATE_HOST_ENDIAN)), Ok(1600));
}

#[test]
fn bits_share_the_first_page_with_the_superblock() {
    let superblock = Superblock::new(ArrayUuid([0; 16]), Sectors(40_000 * 128), 1 << 16);
    let bits = superblock.bits().expect("a good bitmap");
    assert_eq!((bits.count(), bits.pages(), bits.area_bytes()), (40_000, 2, 5256));
    assert_eq!((bits.in_page(0), bits.in_page(1)), (0..30_720, 30_720..40_000));
    assert!(bits.in_page(2).is_empty() && bits.in_page(u64::MAX).is_empty());
    assert_eq!((bits.page_of(30_719), bits.page_of(30_720)), (0, 1));
    assert_eq!((bits.bytes_in_page(0), bits.bytes_in_page(1)), (4096, 1160));
    let mut pages = [[0u8; PAGE_BYTES]; 2];
    pages[0][..256].copy_from_slice(&[0xFF; 256]);
    for bit in [0, 9, 30_719] {
        bits.set(bit, true, &mut pages[0]).expect("in the page");
    }
    for bit in [30_720, 39_999] {
        bits.set(bit, true, &mut pages[1]).expect("in the page");
    }
    assert_eq!((pages[0][256], pages[0][257], pages[1][0]), (1, 2, 1));
    pages[1][1160..].fill(0xFF);
    let marked: Vec<u64> = (0..2)
        .flat_map(|page| bits.marked(page, &pages[usize::from(page == 1)]).expect("whole"))
        .collect();
    assert_eq!(marked, [0, 9, 30_719, 30_720, 39_999]);
    assert_eq!(bits.count_marked(0, &pages[0]), Ok(3));
    assert_eq!(bits.count_marked(1, &pages[1]), Ok(2));
    bits.set(9, false, &mut pages[0]).expect("in the page");
    assert_eq!(bits.count_marked(0, &pages[0]), Ok(2));
    let short = PageTooShort { page: 1, needed: 1160, given: 1159 };
    assert_eq!(bits.count_marked(1, &pages[1][..1159]), Err(short));
}

#[test]
fn padding_bits_do_not_count() {
    let bits =
        Superblock::new(ArrayUuid([0; 16]), Sectors(11 * 128 - 5), 1 << 16).bits().expect("good");
    let page = [0xFFu8; PAGE_BYTES];
    assert_eq!(bits.count_marked(0, &page), Ok(11));
    assert_eq!(bits.marked(0, &page).expect("whole").last(), Some(10));
    assert_eq!(bits.sectors_of(10), SectorRange::new(1280, 123));
    assert!(bits.sectors_of(11).is_empty());
    assert_eq!(bits.bit_of(Sector(1402)), Some(10));
    assert_eq!(bits.bit_of(Sector(1403)), None);
}

#[test]
fn nothing_covered_is_a_page_without_bits() {
    let bits = Superblock::new(ArrayUuid([0; 16]), Sectors(0), 512).bits().expect("good");
    assert_eq!((bits.count(), bits.pages(), bits.area_bytes()), (0, 1, 256));
    assert_eq!(bits.count_marked(0, &[0xFF; 256]), Ok(0));
}

#[test]
fn an_older_bitmap_is_stale() {
    let mut superblock = sample();
    superblock.events = 7;
    assert!(!superblock.is_stale(7) && superblock.is_stale(8));
    superblock.state = STATE_STALE;
    assert!(superblock.is_stale(0));
}
