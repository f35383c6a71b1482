//! Names of members for people: the base name, odd bytes escaped, made unique.

use paritas_disk::Span;

/// Names that were given, and to what.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: Vec<(String, Option<Span>)>,
}

impl Names {
    /// A name for what `path` names: the same for the same storage, another for another.
    pub(crate) fn unique(&mut self, path: &str, span: Option<Span>) -> String {
        let base = escape(path.trim_end_matches('/').rsplit('/').next().unwrap_or(path));
        let mut number = 1;
        loop {
            let name = if number == 1 { base.clone() } else { format!("{base}~{number}") };
            match self.given.iter().find(|(given, _)| *given == name) {
                None => {
                    self.given.push((name.clone(), span));
                    return name;
                }
                Some((_, other)) if span.is_some() && *other == span => return name,
                Some(_) => number += 1,
            }
        }
    }
}

/// Escapes what udev escapes in names: all but letters, digits, some punctuation and what is not
/// ASCII.
fn escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for char in name.chars() {
        let is_plain = char.is_ascii_alphanumeric() || "#+-.:=@_".contains(char);
        let is_printable = !char.is_ascii() && !char.is_control() && !char.is_whitespace();
        if is_plain || is_printable {
            escaped.push(char);
            continue;
        }
        let mut bytes = [0; 4];
        for byte in char.encode_utf8(&mut bytes).bytes() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_bytes_are_escaped() {
        assert_eq!(escape("disk 1.img"), "disk\\x201.img");
        assert_eq!(escape("größe@p1"), "größe@p1");
        assert_eq!(escape("a~2\\b"), "a\\x7e2\\x5cb");
    }

    #[test]
    fn another_storage_has_another_name() {
        let span = |inode| Some(Span { device: 1, inode, start: 0, len: 8 });
        let mut names = Names::default();
        assert_eq!(names.unique("/a/disk.img", span(1)), "disk.img");
        assert_eq!(names.unique("/b/disk.img", span(2)), "disk.img~2");
        assert_eq!(names.unique("/a/disk.img", span(1)), "disk.img");
        assert_eq!(names.unique("/b/disk.img", span(2)), "disk.img~2");
        assert_eq!(names.unique("/c/disk.img", span(3)), "disk.img~3");
    }
}
