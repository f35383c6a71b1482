//! Reading transcripts.

use paritas_format::Superblock;
use paritas_format::superblock::find;
use paritas_units::{Sector, Sectors};
use std::collections::BTreeMap;
use std::path::Path;

/// A transcript.
pub(crate) struct Transcript {
    pub(crate) key: String,
    sections: BTreeMap<String, String>,
    pub(crate) members: Vec<Member>,
}

/// A member of the array that was recorded.
pub(crate) struct Member {
    pub(crate) sectors: Sectors,
    /// The kernel's name of the device.
    pub(crate) name: String,
    pub(crate) device: (u32, u32),
    /// The driver's words for its state.
    pub(crate) state: String,
    pub(crate) superblock: Superblock,
}

impl Transcript {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("a transcript is text");
        let mut sections = BTreeMap::new();
        for section in text.split("== ").skip(1) {
            let (name, content) = section.split_once('\n').expect("a section has a title");
            sections.insert(name.to_owned(), content.to_owned());
        }
        let members = sections["members"].lines().map(|line| member(line, &sections)).collect();
        let key = path.file_stem().expect("a name").to_string_lossy().into_owned();
        Self { key, sections, members }
    }

    pub(crate) fn section(&self, name: &str) -> &str {
        &self.sections[name]
    }

    /// What an attribute of the driver said.
    pub(crate) fn moment(&self, attribute: &str) -> &str {
        let mut lines = self.sections["moment"].lines().filter_map(|line| line.split_once(' '));
        lines.find(|(name, _)| *name == attribute).map_or("", |(_, value)| value)
    }

    /// Whether some member of the array failed while it ran.
    pub(crate) fn has_faulty(&self) -> bool {
        self.members.iter().any(|member| member.state.contains("faulty"))
    }

    /// Whether the array was being written.
    pub(crate) fn is_dirty(&self) -> bool {
        self.moment("array_state") == "active" && self.moment("sync_action") == "idle"
    }
}

fn member(line: &str, sections: &BTreeMap<String, String>) -> Member {
    let mut words = line.split(' ');
    let mut next = || words.next().expect("a word");
    let (image, sectors, name, device, state) = (next(), next(), next(), next(), next());
    let (major, minor) = device.split_once(':').expect("two numbers");
    let number = |word: &str| word.parse().expect("a number");
    let sectors = Sectors(sectors.parse().expect("a number"));
    Member {
        sectors,
        name: name.to_owned(),
        device: (number(major), number(minor)),
        state: state.to_owned(),
        superblock: superblock(image, sectors, sections),
    }
}

fn superblock(image: &str, size: Sectors, sections: &BTreeMap<String, String>) -> Superblock {
    let prefix = format!("superblock {image} ");
    let (title, rows) = sections
        .iter()
        .find(|(title, _)| title.starts_with(&prefix))
        .expect("each member has a superblock");
    let at: u64 = title.strip_prefix(&prefix).expect("its place").parse().expect("a number");
    let mut bytes = vec![0; 4096];
    for row in rows.lines() {
        let (offset, digits) = row.split_once(' ').expect("a row has an offset");
        let offset = usize::from_str_radix(offset, 16).expect("a number");
        for (place, pair) in (offset..).zip(digits.as_bytes().chunks(2)) {
            let pair = str::from_utf8(pair).expect("digits");
            bytes[place] = u8::from_str_radix(pair, 16).expect("digits");
        }
    }
    let read = |place: Sector, into: &mut [u8]| {
        if place == Sector(at) {
            into.copy_from_slice(&bytes);
        } else {
            into.fill(0);
        }
        Ok::<(), ()>(())
    };
    let mut found = find(size, read).found;
    assert_eq!(found.len(), 1, "{image} has one superblock");
    found.remove(0)
}
