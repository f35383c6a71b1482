//! The text of `mdadm --detail --export`: lines `KEY=VALUE`.

use crate::detail::{Detail, MemberDetail};
use std::fmt::Write;

impl Detail {
    /// The text of `--detail --export`.
    #[must_use]
    pub fn export(&self) -> String {
        let mut text = format!("MD_LEVEL={}\nMD_DEVICES={}\n", self.level, self.slots);
        let mut line = |key: &str, value: Option<&String>| {
            if let Some(value) = value {
                let _ = writeln!(text, "{key}={value}");
            }
        };
        line("MD_METADATA", self.metadata.as_ref());
        line("MD_UUID", self.uuid.as_ref());
        line("MD_DEVNAME", self.map_name.as_ref());
        line("MD_NAME", self.full_name.as_ref());
        for member in &self.members {
            let key = key(member);
            let role = member.slot.map_or_else(|| "spare".to_owned(), |slot| slot.to_string());
            let _ =
                writeln!(text, "MD_DEVICE_{key}_ROLE={role}\nMD_DEVICE_{key}_DEV={}", member.path);
        }
        text
    }
}

/// A member's name as a shell takes it in the name of a variable.
fn key(member: &MemberDetail) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '_' };
    format!("dev_{}", member.name.chars().map(letter).collect::<String>())
}
