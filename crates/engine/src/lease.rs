//! A shard's permission to write: the array's promise that its superblocks say "active".
//!
//! The one thing to understand: a superblock that says "clean" lets the next start skip the
//! resync. So no member is written before every superblock says otherwise, and the array says
//! "clean" again only when no shard has a write under way. [`WriteToken`] is that rule as a type:
//! a write step cannot be started without one, and only a lease makes them.
//!
//! # States
//! *none* → (the array grants) → *granted* → (the array asks it back) → *draining* → (the last
//! token is back) → *none*.
//!
//! Invariant: tokens exist only while the lease is granted or draining.
//!
//! Kernel counterpart: `md_write_start` and `md_write_end` with `in_sync` and `writes_pending`.

use crate::slab::Key;

/// Proof that the array is marked active on its members. Given back when the write has ended.
#[derive(Debug)]
pub(crate) struct WriteToken(());

/// The permission of one shard.
#[derive(Debug)]
pub(crate) struct Lease {
    state: State,
    /// Tokens that are out.
    writers: u32,
    /// Tokens that were ever given.
    given: u64,
    /// Pieces that wait for the grant.
    waiting: Vec<Key>,
    has_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    None,
    Granted,
    Draining,
}

impl Lease {
    /// A lease that is granted from the beginning, where there is nothing to mark; or not.
    pub(crate) const fn new(is_granted: bool) -> Self {
        let state = if is_granted { State::Granted } else { State::None };
        Self { state, writers: 0, given: 0, waiting: Vec::new(), has_asked: false }
    }

    /// A token, if the lease is granted.
    pub(crate) const fn enter(&mut self) -> Option<WriteToken> {
        match self.state {
            State::Granted => {
                self.writers += 1;
                self.given += 1;
                Some(WriteToken(()))
            }
            State::None | State::Draining => None,
        }
    }

    /// How many tokens hosts' writes were ever given, and whether any token is out.
    pub(crate) const fn activity(&self) -> (u64, bool) {
        (self.given, self.writers > 0)
    }

    /// A token for the array's own walk over its members: what the walk changes is not covered by
    /// the active mark but by the position that the superblocks name.
    pub(crate) const fn walk(&mut self) -> WriteToken {
        self.writers += 1;
        WriteToken(())
    }

    /// Takes a token back; says whether the lease has now been given back.
    pub(crate) fn leave(&mut self, token: WriteToken) -> bool {
        let WriteToken(()) = token;
        self.writers -= 1;
        self.is_drained()
    }

    /// Notes that `piece` waits for the grant; says whether the array must be asked.
    pub(crate) fn wait(&mut self, piece: Key) -> bool {
        self.waiting.push(piece);
        !std::mem::replace(&mut self.has_asked, true)
    }

    /// The array grants; the pieces that waited.
    pub(crate) fn grant(&mut self) -> Vec<Key> {
        self.state = State::Granted;
        self.has_asked = false;
        std::mem::take(&mut self.waiting)
    }

    /// Nothing more is to be written: the pieces that waited.
    pub(crate) fn refuse(&mut self) -> Vec<Key> {
        self.has_asked = false;
        std::mem::take(&mut self.waiting)
    }

    /// The array wants the lease back; says whether it has it at once.
    pub(crate) fn revoke(&mut self) -> bool {
        if self.state == State::Granted {
            self.state = State::Draining;
        }
        self.is_drained()
    }

    fn is_drained(&mut self) -> bool {
        let is_drained = self.state == State::Draining && self.writers == 0;
        if is_drained {
            self.state = State::None;
        }
        is_drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i04_no_token_without_a_grant_and_no_end_with_a_token_out() {
        let mut lease = Lease::new(false);
        assert!(lease.enter().is_none());
        assert!(lease.wait(7), "the array is asked");
        assert!(!lease.wait(8), "once");
        assert_eq!(lease.grant(), [7, 8]);
        let token = lease.enter().expect("it is granted");
        assert!(!lease.revoke(), "a token is out");
        assert!(lease.enter().is_none(), "nothing new is let in");
        assert!(lease.wait(9), "the array is asked again");
        assert!(lease.leave(token), "the last token is back");
        assert_eq!(lease.grant(), [9]);
        assert!(lease.revoke(), "nothing is under way");
    }
}
