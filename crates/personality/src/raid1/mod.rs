//! raid1: every slot holds everything.

mod layout;
mod plan;
#[cfg(test)]
mod tests;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::MirrorLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of level 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raid1;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "raid1";

static IDENTITY: Identity = Identity {
    levels: &[Level::Raid1],
    name: NAME,
    least_slots: &[1],
    is_redundant: true,
    has_chunk: false,
};

impl Personality for Raid1 {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(MirrorLayout::new(shape)?))
    }
}
