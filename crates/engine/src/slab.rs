//! A table of fixed size with numbered places, for everything that is under way.
//!
//! The one thing to understand: all places are made at the beginning and none is ever dropped, so
//! what a place has allocated (a plan's steps) is used again by the next one who gets it. The place
//! freed last is handed out first, since it is still in the processor's cache.
//!
//! Deliberately absent: growing. Whoever finds the table full waits.

/// The number of a place.
pub(crate) type Key = u32;

/// A table with a fixed number of places.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    places: Vec<T>,
    free: Vec<Key>,
}

impl<T> Slab<T> {
    /// A table of `count` places, each made by `make`.
    pub(crate) fn new(count: u32, mut make: impl FnMut() -> T) -> Self {
        Self { places: (0..count).map(|_| make()).collect(), free: (0..count).rev().collect() }
    }

    /// Takes a free place, as its last user left it.
    pub(crate) fn take(&mut self) -> Option<Key> {
        self.free.pop()
    }

    /// Gives a place back.
    pub(crate) fn give_back(&mut self, key: Key) {
        debug_assert!(!self.free.contains(&key), "a place is given back once");
        self.free.push(key);
    }

    /// How many places are free.
    pub(crate) fn free(&self) -> usize {
        self.free.len()
    }

    /// How many places are taken.
    pub(crate) fn taken(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// All places, taken or free.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter()
    }

    /// The place with number `key`.
    pub(crate) fn get(&self, key: Key) -> &T {
        self.places.get(index(key)).expect("a key comes from this table")
    }

    /// The place with number `key`, to be changed.
    pub(crate) fn get_mut(&mut self, key: Key) -> &mut T {
        self.places.get_mut(index(key)).expect("a key comes from this table")
    }
}

/// A key as an index.
pub(crate) fn index(key: Key) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX)
}
