//! RAID levels as pure functions: where data lies, and the plan for a piece of work.
//!
//! The one thing to understand: a personality never reads, writes, waits or remembers. From a
//! [`Shape`] it makes a [`Geometry`]; the geometry, asked with an [`Intent`] (why) and a [`View`]
//! (what is true here now), writes a [`Plan`] (what to do). The same arguments give the same plan.
//! When a step of the plan fails, the view has changed, and the caller asks again.
//!
//! Deliberately absent: input and output, clocks, threads, errors of members, parity arithmetic
//! (a plan only names it), on-disk formats.

#![forbid(unsafe_code)]

mod copies;
mod faulty;
mod flush;
mod geometry;
mod intent;
mod limits;
mod linear;
mod multipath;
mod names;
mod plan;
mod raid0;
mod raid1;
mod raid10;
mod raid456;
mod registry;
mod view;

pub use geometry::{
    BadShape, Dimensions, Geometry, Identity, Personality, Raid0Default, Shape, Spot, Survival,
};
pub use intent::{Intent, Unservable};
pub use limits::{MOST_SECTORS, MOST_SLOTS};
pub use names::{UnknownLayout, layout_name, parse_layout};
pub use plan::{BufferId, Part, Place, Plan, Step, Target, Term};
pub use registry::{ALL, personality};
pub use view::{Presence, SeatView, SlotView, View};
