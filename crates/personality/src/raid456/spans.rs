//! A list that needs no memory of the heap as long as it is short.

/// A few entries in place, and more only where bad blocks cut work into many pieces.
#[derive(Debug, Default)]
pub(super) struct Spans<T> {
    few: [T; 3],
    count: usize,
    more: Vec<T>,
}

impl<T: Copy> Spans<T> {
    pub(super) fn push(&mut self, entry: T) {
        match self.few.get_mut(self.count) {
            Some(place) => {
                *place = entry;
                self.count += 1;
            }
            None => self.more.push(entry),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        self.few[..self.count].iter().chain(&self.more)
    }
}
