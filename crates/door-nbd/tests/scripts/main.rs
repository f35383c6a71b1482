//! Sessions by script: bytes of a client in, bytes of the server out, an array in memory behind.

mod cuts;
mod fuzz;
mod handshake;
mod hostile;
mod reads;
mod support;
mod uris;
mod writes;
