//! The text of `mdadm --detail --brief`: a line of mdadm.conf.

use crate::detail::Detail;
use crate::quote::quoted;
use std::fmt::Write;

impl Detail {
    /// The text of `--detail --brief` and `--detail --scan`; `is_verbose` adds level, slots and the
    /// members' paths.
    #[must_use]
    pub fn brief(&self, is_verbose: bool) -> String {
        let mut text = format!("ARRAY {}", self.device);
        if is_verbose {
            let _ = write!(text, " level={} num-devices={}", self.level, self.slots);
        }
        if let Some(metadata) = &self.metadata {
            let _ = write!(text, " metadata={metadata}");
        }
        if self.spares() > 0 {
            let _ = write!(text, " spares={}", self.spares());
        }
        if let Some(name) = &self.full_name {
            let name = quoted(name.as_bytes());
            let _ = write!(text, " name={}", String::from_utf8_lossy(&name));
        }
        if let Some(uuid) = &self.uuid {
            let _ = write!(text, " UUID={uuid}");
        }
        text.push('\n');
        if is_verbose && !self.members.is_empty() {
            let mut paths: Vec<_> = self.members.iter().map(|one| one.path.as_str()).collect();
            paths.sort_unstable();
            let _ = writeln!(text, "   devices={}", paths.join(","));
        }
        text
    }
}
