//! The runtime on memory disks: through the handle, and through sockets with a toy protocol.

mod hosted;
mod rig;
mod serve;
mod toy;
