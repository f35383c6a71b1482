//! Where things are put on a member: what mdadm chooses when it creates an array, and what the
//! driver allows to be moved later.
//!
//! The one thing to understand: nothing of this is read from a superblock; a superblock records
//! the outcome. All is pure arithmetic in sectors of 512 bytes.

mod change;
mod creation;

pub use change::{SizeRefusal, allow_data_offset, size_after_growth};
pub use creation::{
    BAD_BLOCK_SECTORS, BitmapChoice, Extra, PPL_SECTORS, Plan, available, bad_block_offset,
    bitmap_choice, bitmap_choice_of, bitmap_space, component_size, data_offset, role_table_len,
};
