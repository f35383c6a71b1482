//! faulty: one member, whose requests fail on demand.
//!
//! The failing itself is a matter of counters and time, so it is not here: the layout word is a
//! command to the array, and has no effect on where data lie.

mod layout;
mod plan;
#[cfg(test)]
mod tests;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::SingleLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of level faulty.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faulty;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "faulty";

static IDENTITY: Identity = Identity {
    levels: &[Level::Faulty],
    name: NAME,
    least_slots: &[1],
    is_redundant: false,
    has_chunk: false,
};

impl Personality for Faulty {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(SingleLayout::new(shape)?))
    }
}
