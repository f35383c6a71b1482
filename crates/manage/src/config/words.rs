//! From the bytes of a configuration file to lines of words.
//!
//! The one thing to understand: quotes stand anywhere in a word and only protect what they enclose;
//! a line that begins with a blank goes on with the line before it, comments between them or not.

/// A line: its words, and the number that the first of them has in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: usize,
    pub(super) words: Vec<String>,
    /// A quote was opened and not closed before the end of the line.
    pub(super) has_open_quote: bool,
}

/// Takes a file apart. Bytes that are no UTF-8 are replaced, which no word of ours contains.
pub(super) fn lines(bytes: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<Line> = Vec::new();
    for (number, text) in (1..).zip(text.split('\n')) {
        let (words, has_open_quote) = words(text);
        if words.is_empty() {
            continue;
        }
        match lines.last_mut().filter(|_| text.starts_with([' ', '\t'])) {
            Some(line) => {
                line.words.extend(words);
                line.has_open_quote |= has_open_quote;
            }
            None => lines.push(Line { number, words, has_open_quote }),
        }
    }
    lines
}

/// The words of a line up to a comment, and whether a quote stays open.
fn words(text: &str) -> (Vec<String>, bool) {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (Some(_), letter) => word.get_or_insert_default().push(letter),
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t' | '\r') => words.extend(word.take()),
            (None, '#') if word.is_none() => return (words, false),
            (None, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    (words, quote.is_some())
}
