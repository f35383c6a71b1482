//! raid4, raid5, raid6: rows of chunks with one parity (P) or two (P and Q).

mod arrangement;
mod cost;
mod layout;
mod plan;
mod plan_parity;
mod plan_read;
mod plan_recover;
mod plan_write;
mod request;
mod row;
mod scratch;
mod solve;
mod spans;
#[cfg(test)]
mod tests;

use crate::{BadShape, Geometry, Identity, Personality, Shape};
use layout::ParityLayout;
use paritas_units::Level;
use std::sync::Arc;

/// The personality of levels 4, 5 and 6.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raid456;

/// The personality's name, for its identity and its refusals.
const NAME: &str = "raid456";

static IDENTITY: Identity = Identity {
    levels: &[Level::Raid4, Level::Raid5, Level::Raid6],
    name: NAME,
    least_slots: &[2, 2, 4],
    is_redundant: true,
    has_chunk: true,
};

impl Personality for Raid456 {
    fn identity(&self) -> &'static Identity {
        &IDENTITY
    }

    fn arrange(&self, shape: &Shape) -> Result<Arc<dyn Geometry>, BadShape> {
        Ok(Arc::new(ParityLayout::new(shape)?))
    }
}
