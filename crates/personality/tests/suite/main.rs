//! Every personality against an independent model of where bytes lie.
//!
//! [`model`] writes whole member images, as the tables and grids of the format show them, with
//! arithmetic of its own; [`player`] plays plans on them. A sector is four bytes here, so that all
//! ranges of small arrays can be tried: plans only ever move whole sectors.

mod exhaustive;
mod field;
mod golden;
mod hostile;
mod model;
mod player;
mod random;
mod shapes;
mod stage;
mod sync;
mod torn;
mod writes;
mod writes_in_views;
