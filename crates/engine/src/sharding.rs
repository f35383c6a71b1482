//! Which shard a sector belongs to.
//!
//! The one thing to understand: windows are dealt out in runs of at least 4 MiB, so that a
//! sequential reader stays with one shard for a while, a small request never has two, and a large
//! one seldom.

use paritas_personality::Dimensions;
use paritas_units::{Sector, SectorRange, Sectors};

/// The least run of array sectors that belongs to one shard.
const LEAST_RUN: u64 = (4 << 20) / 512;

/// How an array's windows are dealt out to its shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharding {
    /// Array sectors of a run: a multiple of the window.
    run: u64,
    shards: u16,
}

impl Sharding {
    /// The deal for an array of these `dimensions` and `shards` shards (at least one).
    #[must_use]
    pub fn new(dimensions: &Dimensions, shards: u16) -> Self {
        let window = dimensions.window.0.max(1);
        let shift = LEAST_RUN.div_ceil(window).next_power_of_two().trailing_zeros();
        let run = window.checked_shl(shift).unwrap_or(u64::MAX);
        Self { run, shards: shards.max(1) }
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> u16 {
        self.shards
    }

    /// The shard that `sector` belongs to.
    #[must_use]
    pub fn owner(&self, sector: Sector) -> u16 {
        let number = (sector.0 / self.run) % u64::from(self.shards);
        u16::try_from(number).expect("the rest is below the number of shards")
    }

    /// The beginning of `range` that belongs to one shard.
    #[must_use]
    pub fn first_part(&self, range: SectorRange) -> SectorRange {
        if self.shards == 1 {
            return range;
        }
        let left = self.run - range.start.0 % self.run;
        range.start.range(range.len.min(Sectors(left)))
    }
}
