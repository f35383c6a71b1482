//! The gate: whether a host's request may enter.
//!
//! The one thing to understand: what the gate lets through lies inside the array and has a payload
//! of the right length; everything else is answered here. The rules are those of the driver's
//! front door (B05): a read-only array refuses what writes and has no use for a flush, so that an
//! empty one succeeds.
//!
//! Deliberately absent: suspended ranges (they hold writes only, B06), and the active mark
//! ([`crate::lease`]).

use crate::{HostError, HostRequest, HostWork};
use paritas_personality::Dimensions;
use paritas_units::SectorRange;

/// What becomes of a request at the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It goes on, with this range; a flush has none.
    Enters(SectorRange),
    /// It has ended.
    Ended(Result<(), HostError>),
}

/// The state that the gate looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    /// Whether nothing may be written.
    pub(crate) is_read_only: bool,
    /// Whether the array is being stopped.
    pub(crate) is_stopping: bool,
    /// Whether something may ever have been written here.
    was_open: bool,
}

impl Gate {
    /// A gate that lets writes through, or not.
    pub(crate) const fn new(is_open: bool) -> Self {
        Self { is_read_only: !is_open, is_stopping: false, was_open: is_open }
    }

    /// Lets writes through from now on, or no more.
    pub(crate) const fn let_writes_in(&mut self, is_open: bool) {
        self.is_read_only = !is_open;
        self.was_open |= is_open;
    }

    /// Judges a request.
    #[doc(alias("md_submit_bio", "md_handle_request"))]
    pub(crate) fn admit(self, request: &HostRequest, dimensions: &Dimensions) -> Admission {
        if self.is_stopping {
            return Admission::Ended(Err(HostError::Stopping));
        }
        let (range, has_payload) = match request.work {
            HostWork::Read(range) | HostWork::Write { range, .. } => (range, true),
            HostWork::Discard(range) | HostWork::WriteZeroes(range) => (range, false),
            // Nothing was ever written here, so nothing waits in a member's cache.
            HostWork::Flush if !self.was_open => return Admission::Ended(Ok(())),
            HostWork::Flush => return Admission::Enters(SectorRange::new(0, 0)),
        };
        let array = dimensions.array;
        let is_inside = range.start.checked_add(range.len).is_some_and(|end| end.0 <= array.0);
        let payload = request.buffer.as_ref().map(|buffer| buffer.len());
        if !is_inside || (has_payload && !holds(payload, range)) {
            return Admission::Ended(Err(HostError::OutOfRange { range, array: array.0 }));
        }
        if range.is_empty() {
            return Admission::Ended(Ok(()));
        }
        if self.is_read_only && !matches!(request.work, HostWork::Read(_)) {
            return Admission::Ended(Err(HostError::ReadOnly));
        }
        Admission::Enters(range)
    }
}

/// Whether the payload has exactly the bytes of the range.
fn holds(payload: Option<usize>, range: SectorRange) -> bool {
    match payload.and_then(|bytes| u64::try_from(bytes).ok()) {
        Some(bytes) => range.len.bytes() == Some(bytes),
        None => range.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use paritas_disk::Pool;
    use paritas_units::{Chunk, Level, Sectors};

    fn dimensions() -> Dimensions {
        Dimensions {
            level: Level::Linear,
            slots: 1,
            chunk: Chunk(0),
            array: Sectors(100),
            used: vec![Sectors(100)],
            window: Sectors(2048),
            may_miss: 0,
        }
    }

    fn admit(is_read_only: bool, work: HostWork, bytes: Option<usize>) -> Admission {
        let pool = Pool::new(1 << 20);
        let buffer = bytes.map(|bytes| pool.take(bytes).expect("the pool is fresh"));
        let request = HostRequest { cookie: 0, work, buffer };
        Gate::new(!is_read_only).admit(&request, &dimensions())
    }

    #[test]
    fn b05_a_read_only_array_refuses_writes_and_takes_an_empty_flush() {
        let range = SectorRange::new(8, 8);
        let refused = Admission::Ended(Err(HostError::ReadOnly));
        for work in [
            HostWork::Write { range, durable: false },
            HostWork::Discard(range),
            HostWork::WriteZeroes(range),
        ] {
            assert_eq!(admit(true, work, Some(4096)), refused);
        }
        assert_eq!(admit(true, HostWork::Flush, None), Admission::Ended(Ok(())));
        assert_eq!(admit(true, HostWork::Read(range), Some(4096)), Admission::Enters(range));
    }

    #[test]
    fn ranges_and_buffers_that_do_not_fit_are_refused() {
        for (start, len, bytes) in
            [(96, 8, Some(4096)), (u64::MAX, 8, Some(4096)), (0, 8, Some(512)), (0, 8, None)]
        {
            let range = SectorRange::new(start, len);
            let error = HostError::OutOfRange { range, array: 100 };
            assert_eq!(admit(true, HostWork::Read(range), bytes), Admission::Ended(Err(error)));
        }
        let empty = SectorRange::new(100, 0);
        assert_eq!(admit(true, HostWork::Read(empty), None), Admission::Ended(Ok(())));
    }

    #[test]
    fn b05_a_writable_array_takes_all_that_fits() {
        let range = SectorRange::new(8, 8);
        let enters = Admission::Enters(range);
        assert_eq!(admit(false, HostWork::Write { range, durable: true }, Some(4096)), enters);
        assert_eq!(admit(false, HostWork::Discard(range), None), enters);
        assert_eq!(admit(false, HostWork::WriteZeroes(range), None), enters);
        let flush = Admission::Enters(SectorRange::new(0, 0));
        assert_eq!(admit(false, HostWork::Flush, None), flush);
        let refused = HostError::OutOfRange { range, array: 100 };
        let short = admit(false, HostWork::Write { range, durable: false }, Some(512));
        assert_eq!(short, Admission::Ended(Err(refused)), "a write needs its payload");
    }
}
