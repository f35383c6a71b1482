//! Patterns of paths, as a shell has them: `*`, `?` and `[a-z]`; none of them matches a `/`.
//!
//! The one thing to understand: a star is tried only where the last one was, so that the longest
//! pattern takes no more than pattern times path steps.

/// Whether `path` matches `pattern`, whole.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let path: Vec<char> = path.chars().collect();
    let (mut at, mut here) = (0, 0);
    // Where the last star stands, and how much of the path it has taken.
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = path.get(here) {
        match one(pattern.get(at..).unwrap_or_default(), *letter) {
            One::Star => {
                star = Some((at, here));
                at += 1;
                continue;
            }
            One::Yes(len) => (at, here) = (at + len, here + 1),
            One::No => match star {
                Some((place, taken)) if path.get(taken).is_some_and(|letter| *letter != '/') => {
                    star = Some((place, taken + 1));
                    (at, here) = (place + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|letter| *letter == '*')
}

enum One {
    Star,
    /// It matches, and this many letters of the pattern are used up.
    Yes(usize),
    No,
}

/// What the beginning of a pattern makes of a letter.
fn one(pattern: &[char], letter: char) -> One {
    let yes = |is_match: bool, len| if is_match { One::Yes(len) } else { One::No };
    match pattern {
        [] => One::No,
        ['*', ..] => One::Star,
        ['?', ..] => yes(letter != '/', 1),
        ['\\', escaped, ..] => yes(letter == *escaped, 2),
        ['[', rest @ ..] => match class(rest, letter) {
            Some((is_match, len)) => yes(is_match && letter != '/', len + 1),
            None => yes(letter == '[', 1),
        },
        [plain, ..] => yes(letter == *plain, 1),
    }
}

/// Whether a letter is in the class that begins after `[`, and the letters up to and with its `]`.
fn class(rest: &[char], letter: char) -> Option<(bool, usize)> {
    let is_inverted = matches!(rest, ['!' | '^', ..]);
    let start = usize::from(is_inverted);
    // A bracket that comes first is a letter.
    let end = start + 1 + rest.get(start + 1..)?.iter().position(|letter| *letter == ']')?;
    let mut inside = rest.get(start..end)?;
    let mut is_in = false;
    while let [first, after @ ..] = inside {
        inside = match after {
            ['-', last, after @ ..] => {
                is_in |= (*first..=*last).contains(&letter);
                after
            }
            after => {
                is_in |= *first == letter;
                after
            }
        };
    }
    Some((is_in != is_inverted, end + 1))
}
