//! What is said of a member that a verb cannot serve.
//!
//! The one thing to understand: an error says what, why, and what to do next. Errors that can be
//! answered in one way only bring that line along; the others get it here.

use paritas_disk::{Access, OpenError, Opener};
use paritas_manage::gather::{Found, open};
use std::fmt::Display;

/// The line that tells what to do begins like this.
const NEXT: &str = "next: ";

/// Says what is wrong with the member that `word` names.
pub(crate) fn complain(error: &dyn Display, word: &str) {
    let look = format!("paritas look {word} says what is there");
    anstream::eprintln!("paritas: {}", with_next(&error.to_string(), &look));
}

/// Opens a member read-only; if it does not open, says so.
pub(crate) fn open_or_complain(opener: &dyn Opener, word: &str) -> Option<Found> {
    open(opener, word, Access::Read).map_err(|error| complain_of_opening(&error)).ok()
}

/// Says why a member did not open.
pub(crate) fn complain_of_opening(error: &OpenError) {
    let next = "name an image file, a block device, FILE@pN or FILE@OFFSET[+SIZE] that can be read";
    anstream::eprintln!("paritas: {}", with_next(&error.to_string(), next));
}

/// `text`, with what to do next if it does not say so itself.
pub(crate) fn with_next(text: &str, next: &str) -> String {
    if text.contains(NEXT) { text.to_owned() } else { format!("{text}\n{NEXT}{next}") }
}
