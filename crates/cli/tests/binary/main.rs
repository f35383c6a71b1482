//! The binary `paritas`, run as a process on files: what it prints, what it ends with, and that it
//! changes nothing.

mod cases;
mod door;
mod hostile;
mod looking;
mod support;
