//! The array as a stepped engine: events in, actions out.
//!
//! The one thing to understand: everything an array does is a *plan* over one *window*; a
//! personality writes the plan, the player plays it, and when a step fails the member map changes
//! and it is planned again. The engine has no thread, clock, randomness or system call: the program
//! that ships and the simulator step the same code.
//!
//! Deliberately absent: files, sockets, time (it is passed in), protocols.

#![forbid(unsafe_code)]

mod array;
mod assembly;
mod content;
mod drive;
mod gate;
mod holes;
mod home;
mod judge;
pub mod judge_members;
mod lease;
mod map;
mod member;
mod mend;
mod player;
mod request;
mod scratch;
mod session;
mod shard;
mod sharding;
mod slab;
mod solve;
mod steps;
mod window;
mod work;
mod writes;

pub use array::{
    AccessError, ActionError, AddError, Array, ArrayActions, ArrayState, Clock, Control, FailError,
    Progress, Recipient, RemoveError, Report, StartError, SyncAction, UnknownAction, WalkLimits,
};
pub use assembly::{Access, Assembly, MemberStart, SpareStart};
pub use content::Content;
pub use drive::{Config, Drive, HostError, HostRequest, HostWork, Reply};
pub use holes::HoleMap;
pub use home::Home;
pub use map::MemberMap;
pub use member::{Member, MemberState};
pub use session::{Export, Finish, Session, SessionRequest};
pub use shard::{Actions, Limits, Shard};
pub use sharding::Sharding;
pub use work::{Walk, WalkAction};
