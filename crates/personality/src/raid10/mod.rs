//! raid10: chunks striped over the members, each stored several times: near, far, or offset.

mod layout;
mod plan;
#[cfg(test)]
mod tests;
mod word;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::CopiesLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of level 10.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raid10;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "raid10";

static IDENTITY: Identity = Identity {
    levels: &[Level::Raid10],
    name: NAME,
    least_slots: &[2],
    is_redundant: true,
    has_chunk: true,
};

impl Personality for Raid10 {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(CopiesLayout::new(shape)?))
    }
}
