//! Every personality, once.

use crate::{Personality, faulty, linear, multipath, raid0, raid1, raid10, raid456};
use paritas_units::Level;

/// All personalities. Tests, tables and documents walk over this list, so that a level that is
/// entered here is tested and documented at once.
pub static ALL: &[&dyn Personality] = &[
    &linear::Linear,
    &raid0::Raid0,
    &raid1::Raid1,
    &raid10::Raid10,
    &raid456::Raid456,
    &multipath::Multipath,
    &faulty::Faulty,
];

/// The personality that serves `level`.
#[must_use]
pub fn personality(level: Level) -> Option<&'static dyn Personality> {
    ALL.iter().copied().find(|personality| personality.identity().levels.contains(&level))
}
