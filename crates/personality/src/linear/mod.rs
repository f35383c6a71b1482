//! linear: members one after the other, in the order of slots.

mod layout;
mod plan;
#[cfg(test)]
mod tests;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::LinearLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of level linear.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Linear;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "linear";

static IDENTITY: Identity = Identity {
    levels: &[Level::Linear],
    name: NAME,
    least_slots: &[1],
    is_redundant: false,
    has_chunk: false,
};

impl Personality for Linear {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(LinearLayout::new(shape)?))
    }
}
