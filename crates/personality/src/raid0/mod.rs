//! raid0: chunks striped over the members, in zones when members are unequal.

mod layout;
mod plan;
#[cfg(test)]
mod tests;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::StripedLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of level 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raid0;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "raid0";

static IDENTITY: Identity = Identity {
    levels: &[Level::Raid0],
    name: NAME,
    least_slots: &[1],
    is_redundant: false,
    has_chunk: true,
};

impl Personality for Raid0 {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(StripedLayout::new(shape)?))
    }
}
