//! The command `paritas`.
fn main() {}
