//! What a host wants of one row of chunks: which lines of which data chunks, and where they are in
//! its buffer.

use super::layout::ParityLayout;
use super::row::{Piece, Row};
use crate::{BufferId, Place, Unservable, View};
use paritas_units::{Sector, SectorRange, Sectors};

/// Sectors within one row of chunks.
pub(super) struct Request<'a> {
    pub(super) row: Row<'a>,
    range: SectorRange,
    /// The first wanted sector, counted from the beginning of the row.
    from: u64,
    /// The first and the last wanted chunk.
    first: u16,
    last: u16,
    /// The first wanted line of the first chunk, and the line after the last one of the last.
    begin: u64,
    end: u64,
}

impl<'a> Request<'a> {
    /// The request for `range`, which is not empty and lies in one row.
    pub(super) fn new(layout: &'a ParityLayout, range: SectorRange) -> Self {
        let window = layout.dimensions.window.0;
        let (row, from) = (range.start.0 / window, range.start.0 % window);
        let last_sector = from + range.len.0 - 1;
        debug_assert!(last_sector < window, "the range lies in one window");
        let (first, begin) = layout.split(from);
        let (last, end) = layout.split(last_sector);
        Self { row: Row::new(layout, row), range, from, first, last, begin, end: end + 1 }
    }

    /// The wanted data chunks: the first and the last.
    pub(super) fn chunks(&self) -> (u16, u16) {
        (self.first, self.last)
    }

    /// The wanted lines of data chunk `index`: from, to.
    pub(super) fn lines(&self, index: u16) -> (u64, u64) {
        if index < self.first || index > self.last {
            return (0, 0);
        }
        let from = if index == self.first { self.begin } else { 0 };
        let to = if index == self.last { self.end } else { self.chunk() };
        (from, to)
    }

    /// Whether `line` of data chunk `index` is wanted.
    pub(super) fn wants(&self, index: u16, line: u64) -> bool {
        let (from, to) = self.lines(index);
        from <= line && line < to
    }

    /// The data chunks of which `line` is wanted.
    pub(super) fn wanted(&self, line: u64) -> impl Iterator<Item = u16> + '_ {
        let (first, last) = self.chunks();
        (first..=last).filter(move |index| self.wants(*index, line))
    }

    /// Where a wanted line of a data chunk is in the host's buffer.
    pub(super) fn host(&self, index: u16, line: u64) -> Place {
        let in_row = u64::from(index) * self.chunk() + line;
        Place::new(BufferId::HOST, Sectors(in_row - self.from))
    }

    /// The wanted lines, cut where the set of wanted chunks changes.
    pub(super) fn segments(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let Self { first, last, begin, end, .. } = *self;
        let chunk = self.chunk();
        let pieces = if first == last {
            [(begin, end), (0, 0), (0, 0)]
        } else if begin < end {
            [(0, begin), (begin, end), (end, chunk)]
        } else if last - first > 1 {
            [(0, end), (end, begin), (begin, chunk)]
        } else {
            [(0, end), (begin, chunk), (0, 0)]
        };
        pieces.into_iter().filter(|(from, to)| from < to)
    }

    /// The line from which on only the first wanted chunk is, if the wanted lines of two chunks
    /// leave others between them.
    pub(super) fn split(&self) -> u64 {
        let Self { first, last, begin, end, .. } = *self;
        if last - first == 1 && end < begin { begin } else { u64::MAX }
    }

    /// The wanted sectors of `piece` cannot be served.
    pub(super) fn lost(&self, piece: &Piece, view: &View<'_>) -> Unservable {
        let is_unknown =
            |index: &u16| !self.row.is_readable(self.row.data_slot(*index), piece.line, view);
        let unknown = self.wanted(piece.line).find(is_unknown);
        let first = unknown.or_else(|| self.wanted(piece.line).next()).unwrap_or(0);
        let in_row = u64::from(first) * self.chunk() + piece.line;
        let start = Sector(self.range.start.0 - self.from + in_row);
        let missing = self.row.unreadable(piece.line, view);
        Unservable::Lost { range: start.range(Sectors(piece.len)), missing }
    }

    /// Whether the equations of the row hold, as far as is known.
    pub(super) fn is_in_sync(&self, view: &View<'_>) -> bool {
        let window = self.row.layout.dimensions.window;
        self.range.start.0 - self.from + window.0 <= view.resync_offset.0
    }

    fn chunk(&self) -> u64 {
        self.row.layout.chunk()
    }
}
