//! Every personality, once.

use crate::{Personality, linear, raid1, raid456};
use paritas_units::Level;

/// All personalities. Tests, tables and documents walk over this list, so that a level that is
/// entered here is tested and documented at once.
pub static ALL: &[&dyn Personality] = &[&linear::Linear, &raid1::Raid1, &raid456::Raid456];

/// The personality that serves `level`.
#[must_use]
pub fn personality(level: Level) -> Option<&'static dyn Personality> {
    ALL.iter().copied().find(|personality| personality.identity().levels.contains(&level))
}
