//! The Debian packages that the tests need.

use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// A package and a file that it brings.
const NEEDED: [(&str, &str); 8] = [
    ("user-mode-linux", "/usr/bin/linux.uml"),
    ("mdadm", "/usr/sbin/mdadm"),
    ("libnbd-bin", "/usr/bin/nbdinfo"),
    ("python3-libnbd", "/usr/share/doc/python3-libnbd"),
    ("qemu-utils", "/usr/bin/qemu-img"),
    ("fio", "/usr/bin/fio"),
    ("gdisk", "/usr/sbin/sgdisk"),
    ("e2fsprogs", "/usr/sbin/e2fsck"),
];

/// Installs what is missing when it may.
///
/// # Errors
/// The names of what is missing and cannot be installed.
pub(crate) fn install() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    let is_root = rustix::process::geteuid().is_root();
    let apt = |words: &[&str]| -> Result<bool> {
        let mut command = Command::new(if is_root { "apt-get" } else { "sudo" });
        if !is_root {
            command.args(["-n", "apt-get"]);
        }
        command.args(words).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
        Ok(command.status().context("cannot run apt-get")?.success())
    };
    apt(&["update", "-qq"])?;
    let mut words = vec!["install", "-y", "-qq", "--no-install-recommends"];
    words.extend(&missing);
    apt(&words)?;
    let missing = self::missing();
    if !missing.is_empty() {
        bail!("these Debian packages are needed and could not be installed: {}", missing.join(" "));
    }
    Ok(())
}

fn missing() -> Vec<&'static str> {
    let is_missing = |(_, file): &&(&str, &str)| {
        let merged = file.strip_prefix("/usr").unwrap_or(file);
        !std::path::Path::new(file).exists() && !std::path::Path::new(merged).exists()
    };
    NEEDED.iter().filter(is_missing).map(|(package, _)| *package).collect()
}
