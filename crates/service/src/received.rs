//! Members whose descriptors came with a request.
//!
//! The one thing to understand: a word opens only what was passed under it, and once. Where the
//! member lies in the file is the sender's word, and is checked against the file's size.

use crate::api::Word;
use paritas_disk::{Access, Disk, OffsetDisk, OpenError, Opener};
use paritas_host::open_descriptor;
use paritas_units::SectorRange;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

/// Opens what was passed.
#[derive(Debug)]
pub(crate) struct Received(Mutex<HashMap<String, (Word, OwnedFd)>>);

impl Received {
    /// `words` and `descriptors` belong together in order; `None` if their numbers differ or a word
    /// stands twice.
    pub(crate) fn new(words: &[Word], descriptors: Vec<OwnedFd>) -> Option<Self> {
        let count = words.len();
        if count != descriptors.len() {
            return None;
        }
        let pairs = words.iter().cloned().zip(descriptors);
        let map: HashMap<_, _> =
            pairs.map(|(word, file)| (word.word.clone(), (word, file))).collect();
        (map.len() == count).then(|| Self(Mutex::new(map)))
    }

    fn open_word(&self, word: &str, access: Access) -> Result<Arc<dyn Disk>, OpenError> {
        let failed = |why: &str| OpenError { word: word.to_owned(), why: why.to_owned() };
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(word);
        let (described, file) = taken.ok_or_else(|| failed("it was not passed along"))?;
        let whole = open_descriptor(file, &described.name, access)?;
        let range = SectorRange::new(described.start, described.sectors);
        if range.start.0 == 0 && range.len == whole.facts().sectors {
            return Ok(Arc::new(whole));
        }
        let part = OffsetDisk::new(Arc::new(whole), range, described.name);
        let part = part.ok_or_else(|| failed("the part of it that was named is not in it"))?;
        Ok(Arc::new(part))
    }
}

impl Opener for Received {
    fn open(&self, word: &str, access: Access) -> Result<Arc<dyn Disk>, OpenError> {
        self.open_word(word, access)
    }
}
