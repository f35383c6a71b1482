//! multipath: every slot is a way to the same disk.

mod layout;
mod plan;
#[cfg(test)]
mod tests;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::PathsLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of level multipath.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multipath;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "multipath";

static IDENTITY: Identity = Identity {
    levels: &[Level::Multipath],
    name: NAME,
    least_slots: &[1],
    is_redundant: false,
    has_chunk: false,
};

impl Personality for Multipath {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(PathsLayout::new(shape)?))
    }
}
