//! The window table: who works on which window, who waits for it, and what was met there.
//!
//! The one thing to understand: most reads never come here. A plan of one phase on a window that is
//! in no trouble needs no lock, and while the table [is quiet](WindowTable::is_quiet) one
//! comparison tells. The table is for plans of several phases, whose later steps rest on what
//! the earlier ones brought, and for windows where something could not be read.
//!
//! # States of a window
//! *unknown*: not in the table. *shared*: held by pieces that only read. *alone*: held by one
//! piece, which finds out what is unreadable there.
//!
//! | from | to | by |
//! |---|---|---|
//! | unknown | shared, alone | [`WindowTable::enter`] |
//! | shared | shared | [`WindowTable::enter`], if nobody waits and no trouble was met |
//! | shared, alone | shared, alone | [`WindowTable::leave`] of the last holder, if somebody waits |
//! | shared, alone | unknown | [`WindowTable::leave`] of the last holder, if nobody waits |
//!
//! What was met ([`Trouble`]) lives as long as the window is in the table, so that those who wait
//! for a piece that has found a bad sector do not try the sector again.
//!
//! # Invariants
//! 1. A piece holds at most one window and waits for at most one, and never both; so pieces
//!    cannot wait for each other in a circle, and the table needs as many places as there are
//!    pieces.
//! 2. Waiters are admitted in the order in which they came; a window with waiters admits nobody
//!    past them.
//! 3. A window in the table has a holder.
//!
//! The table is a field of heads, twice as many as places, with chains through the places; a place
//! freed last is used first. Kernel counterpart: the stripe hash of raid5, without its cache of
//! data, which comes with writing.

use crate::map::Trouble;
use crate::slab::{Key, Slab, index};

/// Stands for "none" in chains.
const NONE: Key = Key::MAX;

/// How a piece wants a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Together with others who read.
    Shared,
    /// By itself.
    Alone,
}

/// Whether a piece got its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It holds the window with this key.
    Held(Key),
    /// It is named by a later [`WindowTable::leave`].
    Waits,
}

/// The windows that are held.
#[derive(Debug)]
pub(crate) struct WindowTable {
    heads: Vec<Key>,
    windows: Slab<Window>,
    /// By piece: how it waits.
    waiters: Vec<Waiter>,
    /// Windows that a newcomer must not pass by: held alone, waited for, or in trouble.
    loud: u32,
}

#[derive(Debug)]
struct Window {
    number: u64,
    next: Key,
    holders: u32,
    is_alone: bool,
    is_loud: bool,
    first_waiter: Key,
    last_waiter: Key,
    trouble: Trouble,
}

#[derive(Clone, Copy, Debug)]
struct Waiter {
    claim: Claim,
    next: Key,
}

impl WindowTable {
    /// A table for `pieces` pieces.
    pub(crate) fn new(pieces: u32) -> Self {
        let heads = index(pieces).saturating_mul(2).next_power_of_two();
        Self {
            heads: vec![NONE; heads],
            windows: Slab::new(pieces, Window::new),
            waiters: vec![Waiter { claim: Claim::Shared, next: NONE }; index(pieces)],
            loud: 0,
        }
    }

    /// Whether no window is held alone, waited for or in trouble.
    pub(crate) const fn is_quiet(&self) -> bool {
        self.loud == 0
    }

    /// Whether a piece must enter window `number` even for a plan of one phase.
    pub(crate) fn is_loud(&self, number: u64) -> bool {
        !self.is_quiet() && self.find(number).is_some_and(|key| self.windows.get(key).is_loud)
    }

    /// Asks for window `number` on behalf of `piece`, which holds none.
    pub(crate) fn enter(&mut self, number: u64, claim: Claim, piece: Key) -> Entry {
        let Some(key) = self.find(number) else {
            let key = self.insert(number);
            self.admit(key, claim);
            return Entry::Held(key);
        };
        let window = self.windows.get(key);
        let is_free = !window.is_alone && window.first_waiter == NONE && claim == Claim::Shared;
        if is_free {
            self.admit(key, claim);
            return Entry::Held(key);
        }
        self.wait(key, claim, piece);
        Entry::Waits
    }

    /// Gives a window up, and appends to `admitted` the pieces that hold it now.
    pub(crate) fn leave(&mut self, key: Key, admitted: &mut Vec<(Key, Claim)>) {
        let window = self.windows.get_mut(key);
        debug_assert!(window.holders > 0, "a window in the table has a holder");
        window.holders -= 1;
        if window.holders > 0 {
            return;
        }
        window.is_alone = false;
        while let Some((piece, claim)) = self.next_admissible(key) {
            self.admit(key, claim);
            admitted.push((piece, claim));
        }
        if self.windows.get(key).holders == 0 {
            self.remove(key);
        } else {
            self.settle(key);
        }
    }

    /// What was met in a window that is held.
    pub(crate) fn trouble(&self, key: Key) -> &Trouble {
        &self.windows.get(key).trouble
    }

    /// Lets `note` add to what was met in a window that is held; gives its answer back.
    pub(crate) fn note<T>(&mut self, key: Key, note: impl FnOnce(&mut Trouble) -> T) -> T {
        let answer = note(&mut self.windows.get_mut(key).trouble);
        self.settle(key);
        answer
    }

    /// Windows in the table.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.windows.taken()
    }

    fn admit(&mut self, key: Key, claim: Claim) {
        let window = self.windows.get_mut(key);
        window.holders += 1;
        window.is_alone = claim == Claim::Alone;
        self.settle(key);
    }

    fn wait(&mut self, key: Key, claim: Claim, piece: Key) {
        if let Some(waiter) = self.waiters.get_mut(index(piece)) {
            *waiter = Waiter { claim, next: NONE };
        }
        let window = self.windows.get_mut(key);
        let last = std::mem::replace(&mut window.last_waiter, piece);
        if last == NONE {
            window.first_waiter = piece;
        } else if let Some(waiter) = self.waiters.get_mut(index(last)) {
            waiter.next = piece;
        }
        self.settle(key);
    }

    /// Takes the first waiter if the window can be shared with it, or given to it.
    fn next_admissible(&mut self, key: Key) -> Option<(Key, Claim)> {
        let window = self.windows.get_mut(key);
        let piece = window.first_waiter;
        let waiter = self.waiters.get(index(piece)).copied()?;
        if window.is_alone || (window.holders > 0 && waiter.claim == Claim::Alone) {
            return None;
        }
        window.first_waiter = waiter.next;
        if waiter.next == NONE {
            window.last_waiter = NONE;
        }
        Some((piece, waiter.claim))
    }

    /// Counts the window among the loud ones, or not any more.
    fn settle(&mut self, key: Key) {
        let window = self.windows.get_mut(key);
        let is_loud = window.is_alone || window.first_waiter != NONE || !window.trouble.is_empty();
        match (std::mem::replace(&mut window.is_loud, is_loud), is_loud) {
            (false, true) => self.loud += 1,
            (true, false) => self.loud -= 1,
            (false, false) | (true, true) => {}
        }
    }

    fn find(&self, number: u64) -> Option<Key> {
        let mut key = self.heads.get(self.head_of(number)).copied().unwrap_or(NONE);
        while key != NONE {
            let window = self.windows.get(key);
            if window.number == number {
                return Some(key);
            }
            key = window.next;
        }
        None
    }

    fn insert(&mut self, number: u64) -> Key {
        let key = self.windows.take().expect("there are as many windows as pieces (invariant 1)");
        let head_number = self.head_of(number);
        let window = self.windows.get_mut(key);
        window.number = number;
        if let Some(head) = self.heads.get_mut(head_number) {
            window.next = std::mem::replace(head, key);
        }
        key
    }

    fn remove(&mut self, key: Key) {
        let window = self.windows.get_mut(key);
        window.trouble.clear();
        let (number, next) = (window.number, window.next);
        self.settle(key);
        let head_number = self.head_of(number);
        let Some(head) = self.heads.get_mut(head_number) else { return };
        if *head == key {
            *head = next;
        } else {
            let mut before = *head;
            while self.windows.get(before).next != key {
                before = self.windows.get(before).next;
            }
            self.windows.get_mut(before).next = next;
        }
        self.windows.give_back(key);
    }

    /// Fibonacci hashing: neighbours end up far apart.
    fn head_of(&self, number: u64) -> usize {
        let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        usize::try_from(mixed).unwrap_or(0) & (self.heads.len() - 1)
    }
}

impl Window {
    fn new() -> Self {
        Self {
            number: 0,
            next: NONE,
            holders: 0,
            is_alone: false,
            is_loud: false,
            first_waiter: NONE,
            last_waiter: NONE,
            trouble: Trouble::default(),
        }
    }
}

#[cfg(test)]
mod tests;
