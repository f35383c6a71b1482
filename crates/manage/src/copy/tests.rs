//! Copying from a drive that answers in any order.

use super::*;
use paritas_disk::Pool;

/// A drive over a pattern; it answers the newest request first, and fails from `fails_at` on.
struct Backwards {
    pool: Pool,
    waiting: Vec<HostRequest>,
    fails_at: u64,
    most: usize,
}

fn pattern(sector: u64) -> u8 {
    // Every third stretch of 16 sectors is zero.
    if (sector / 16).is_multiple_of(3) { 0 } else { u8::try_from(sector % 251).unwrap() | 1 }
}

impl Drive for Backwards {
    fn pool(&self) -> Pool {
        self.pool.clone()
    }

    fn submit(&mut self, request: HostRequest) {
        self.waiting.push(request);
        self.most = self.most.max(self.waiting.len());
    }

    fn wait(&mut self, replies: &mut Vec<Reply>) {
        let Some(HostRequest { cookie, work, buffer }) = self.waiting.pop() else { return };
        let HostWork::Read(range) = work else { panic!("a copy only reads: {work:?}") };
        let mut buffer = buffer.unwrap();
        for (i, block) in buffer.bytes_mut().chunks_mut(512).enumerate() {
            block.fill(pattern(range.start.0 + u64::try_from(i).unwrap()));
        }
        let result = if range.end().0 > self.fails_at {
            Err(HostError::Lost("slots 1 and 2 are gone".into()))
        } else {
            Ok(())
        };
        replies.push(Reply { cookie, result, buffer: Some(buffer) });
    }

    fn in_flight(&self) -> usize {
        self.waiting.len()
    }
}

#[derive(Default)]
struct Collected {
    bytes: Vec<u8>,
    holes: u64,
    is_finished: bool,
}

impl Sink for Collected {
    fn data(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn zeroes(&mut self, bytes: u64) -> std::io::Result<()> {
        self.holes += bytes;
        self.bytes.resize(self.bytes.len() + usize::try_from(bytes).unwrap(), 0);
        Ok(())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.is_finished = true;
        Ok(())
    }
}

fn backwards(fails_at: u64) -> Backwards {
    Backwards { pool: Pool::new(32 << 20), waiting: Vec::new(), fails_at, most: 0 }
}

#[test]
fn bytes_arrive_in_order_and_zeroes_as_holes() {
    let (mut drive, mut sink, mut seen) = (backwards(u64::MAX), Collected::default(), 0);
    let array = Sectors(2048 * 20 + 37);
    let copied =
        copy(&mut drive, array, &mut sink, &mut |done| seen = done.0).expect("all can be read");
    assert!(sink.is_finished && seen == array.0);
    assert_eq!(sink.bytes.len(), usize::try_from(array.0 * 512).unwrap());
    for (sector, block) in sink.bytes.chunks(512).enumerate() {
        let want = pattern(u64::try_from(sector).unwrap());
        assert!(block.iter().all(|byte| *byte == want), "sector {sector}");
    }
    assert_eq!((copied.zeroes, copied.data + copied.zeroes), (sink.holes, array.0 * 512));
    assert!(sink.holes > array.0 * 512 / 4);
    assert!(drive.most > 1 && drive.most <= DEPTH, "{} under way", drive.most);
}

#[test]
fn the_first_unreadable_place_is_named_and_all_before_it_is_copied() {
    let (mut drive, mut sink) = (backwards(2048 * 3), Collected::default());
    let error = copy(&mut drive, Sectors(2048 * 8), &mut sink, &mut |_| ()).unwrap_err();
    let CopyError::Read { range, .. } = error else { panic!("{error}") };
    assert_eq!(range, SectorRange::new(2048 * 3, 2048));
    assert_eq!(sink.bytes.len(), 3 << 20);
    assert!(!sink.is_finished);
}

#[test]
fn a_full_destination_is_an_error_with_the_place() {
    struct Full;
    impl Sink for Full {
        fn data(&mut self, _: &[u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn zeroes(&mut self, _: u64) -> std::io::Result<()> {
            Ok(())
        }
        fn finish(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let error = copy(&mut backwards(u64::MAX), Sectors(4096), &mut Full, &mut |_| ()).unwrap_err();
    assert!(matches!(error, CopyError::Write { at: 8192, .. }), "{error}");
}
