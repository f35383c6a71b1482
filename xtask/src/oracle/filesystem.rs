//! `cargo xtask oracle filesystem`: an ext4 over the door, used by e2fsprogs here and mounted by the
//! driver afterwards.
//!
//! A file system with files is made in a file and copied in by nbdcopy. Then qemu-storage-daemon
//! shows the export as a file (FUSE), and debugfs writes more files into it, first with all members and
//! then with as many lost as the level survives; e2fsck must find it clean each time. At the end the driver
//! assembles what is left and mounts it, and every file must have its hash.
//!
//! Where there is no /dev/fuse, debugfs works on a copy that is read and written back through the
//! door; which of the two it was is printed.

use super::content;
use super::served::{Served, client};
use super::{Place, boot};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const BOOT_LIMIT: Duration = Duration::from_secs(240);
/// Sizes of the files that come in each time, in bytes.
const FILES: [usize; 7] = [0, 1, 4096, 70_000, 300_001, 1_048_576, 2_500_000];

/// With which program.
#[derive(Args)]
pub(crate) struct Options {
    /// The program; the workspace's own is built when none is named
    #[arg(long)]
    program: Option<PathBuf>,
    /// Keep all images in this new directory
    #[arg(long)]
    keep: Option<PathBuf>,
}

impl Options {
    /// What the test command runs.
    pub(crate) fn with(program: PathBuf) -> Self {
        Self { program: Some(program), keep: None }
    }
}

/// Arrays: a name, words for create, images, which are lost.
const ARRAYS: [(&str, &[&str], usize, &[usize]); 4] = [
    ("raid1", &["-l1", "-n2"], 2, &[0]),
    ("raid5", &["-l5", "-n4", "-c64"], 4, &[2]),
    ("raid6", &["-l6", "-n5", "-c32"], 5, &[1, 3]),
    ("raid10", &["-l10", "-n4", "-c64"], 4, &[0, 3]),
];

/// Runs all arrays, and gives the number of comparisons.
///
/// # Errors
/// When a file or the file system is not what it was.
pub(crate) fn run(root: &Path, options: &Options) -> Result<usize> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => crate::build::program(root)?,
    };
    let place = Place::new(root, options.keep.as_deref())?;
    let start = Instant::now();
    let how = if Path::new("/dev/fuse").exists() { "FUSE" } else { "a copy: no /dev/fuse" };
    let mut wanted = Vec::new();
    for (name, words, images, lost) in ARRAYS {
        let directory = place.directory.join(name);
        std::fs::create_dir(&directory)?;
        let array = Array { program: &program, directory, words, images, lost };
        let files = array.live().with_context(|| format!("file system on {name}"))?;
        wanted.push((name, files));
    }
    boot::boot(root, "written.sh", &place.directory, BOOT_LIMIT)?;
    let mut compared = 0;
    for (name, files) in wanted {
        compared += judge(&place.directory.join(name), &files).with_context(|| name.to_owned())?;
    }
    println!(
        "oracle filesystem: {} arrays by way of {how}, {compared} comparisons, 0 failures, {:.0} s",
        ARRAYS.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(compared)
}

/// Paths in the file system, and the hash of each file.
type Files = BTreeMap<String, String>;

struct Array<'a> {
    program: &'a Path,
    directory: PathBuf,
    words: &'a [&'a str],
    images: usize,
    lost: &'a [usize],
}

impl Array<'_> {
    fn members(&self, with_lost: bool) -> Vec<String> {
        let images = (0..self.images).filter(|at| with_lost || !self.lost.contains(at));
        images.map(|at| format!("m{at}.img")).collect()
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    fn serve(&self, with_lost: bool) -> Result<Served> {
        let members = self.members(with_lost);
        Served::start(self.program, &self.directory, &members, &[])?
            .map_err(|said| anyhow!("not assembled: {said}"))
    }

    /// From its creation to the plan for the guest.
    fn live(&self) -> Result<Files> {
        let output = Command::new(self.program)
            .args([
                "create",
                "md0",
                "--no-start",
                "--run",
                "--quiet",
                "--assume-clean",
                "--member-size=24M",
            ])
            .args(self.words)
            .args(self.members(true))
            .current_dir(&self.directory)
            .output()?;
        if !output.status.success() {
            bail!("not created: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        let mut files = Files::new();
        let served = self.serve(true)?;
        self.make(&served, &mut files)?;
        self.add(&served, "second", &mut files)?;
        served.stop().map_err(|said| anyhow!(said))?;
        let served = self.serve(false)?;
        self.add(&served, "degraded", &mut files)?;
        served.stop().map_err(|said| anyhow!(said))?;
        // The check of the driver is for arrays whose redundancy is left.
        let members = self.members(false).join(" ");
        let plan = format!("members='{members}'\nis_redundant=no\nplants=''\nfile_system=ext4\n");
        std::fs::write(self.directory.join("plan"), plan)?;
        Ok(files)
    }

    /// The file system with its first files, made in a file and copied in.
    fn make(&self, served: &Served, files: &mut Files) -> Result<()> {
        let size = Command::new("nbdinfo").args(["--size", &served.uri()]).output()?.stdout;
        let size = String::from_utf8_lossy(&size).trim().parse::<u64>().context("no size")?;
        let tree = self.directory.join("tree");
        std::fs::create_dir(&tree)?;
        for (name, path) in self.sources(&tree, "first", files)? {
            std::fs::create_dir_all(tree.join("first"))?;
            std::fs::rename(path, tree.join("first").join(name))?;
        }
        let image = self.path("fs.img");
        std::fs::File::create_new(&image)?.set_len(size)?;
        let tree = tree.display().to_string();
        call("mkfs.ext4", &["-q", "-F", "-d", &tree, &image])?;
        call("nbdcopy", &["--flush", &image, &served.uri()])?;
        std::fs::remove_file(image)?;
        Ok(())
    }

    /// New files beside the place where they go: name and path; their hashes are noted.
    fn sources(
        &self,
        place: &Path,
        group: &str,
        files: &mut Files,
    ) -> Result<Vec<(String, PathBuf)>> {
        let mut sources = Vec::new();
        for (number, size) in FILES.into_iter().enumerate() {
            let name = format!("file{number}");
            let mut bytes = vec![0; size];
            let seed = group.len() * 1000 + number;
            content::fill_bytes(&mut bytes, seed as u64 * (8 << 20));
            let path = place.join(format!("{group}-{name}"));
            std::fs::write(&path, &bytes)?;
            let (hash, _) = content::hash_of_reader(bytes.as_slice())?;
            files.insert(format!("./{group}/{name}"), hash);
            sources.push((name, path));
        }
        Ok(sources)
    }

    /// Writes a directory of files through the door, and checks the file system.
    fn add(&self, served: &Served, group: &str, files: &mut Files) -> Result<()> {
        let mut commands = format!("mkdir {group}\n");
        for (name, path) in self.sources(&self.directory, group, files)? {
            let _ = writeln!(commands, "write {} {group}/{name}", path.display());
        }
        std::fs::write(self.directory.join("commands"), commands)?;
        let shown = Shown::new(served, &self.directory)?;
        let (commands, shown_path) = (self.path("commands"), shown.path.display().to_string());
        call("debugfs", &["-w", "-f", &commands, &shown_path])?;
        call("e2fsck", &["-f", "-n", &shown_path])?;
        shown.end(served)
    }
}

/// The export as a file.
struct Shown {
    path: PathBuf,
    daemon: Option<Child>,
}

impl Shown {
    fn new(served: &Served, directory: &Path) -> Result<Self> {
        let path = directory.join("shown");
        if !Path::new("/dev/fuse").exists() {
            call("nbdcopy", &[&served.uri(), &path.display().to_string()])?;
            return Ok(Self { path, daemon: None });
        }
        std::fs::write(&path, b"")?;
        let socket = served.socket().display().to_string();
        let daemon = Command::new("qemu-storage-daemon")
            .arg("--blockdev")
            .arg(format!("driver=nbd,node-name=n,export=a,server.type=unix,server.path={socket}"))
            .arg("--export")
            .arg(format!(
                "type=fuse,id=e,node-name=n,mountpoint={},writable=on,growable=off",
                path.display()
            ))
            .stdin(Stdio::null())
            .spawn()
            .context("cannot run qemu-storage-daemon")?;
        let shown = Self { path, daemon: Some(daemon) };
        let start = Instant::now();
        while std::fs::metadata(&shown.path)?.len() == 0 {
            if start.elapsed() > Duration::from_secs(20) {
                bail!("qemu-storage-daemon does not show the export");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(shown)
    }

    /// Everything that was written is in the array.
    fn end(mut self, served: &Served) -> Result<()> {
        if self.daemon.is_some() {
            self.stop();
        } else {
            let path = self.path.display().to_string();
            call("nbdcopy", &["--flush", &path, &served.uri()])?;
        }
        Ok(std::fs::remove_file(&self.path)?)
    }

    fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let pid = rustix::process::Pid::from_child(&daemon);
            // One that has ended already is waited for all the same.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            let _ = daemon.wait();
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.stop();
    }
}

fn call(program: &str, words: &[&str]) -> Result<()> {
    client(program, words).map_err(|said| anyhow!(said))
}

/// What the driver reads; gives the number of comparisons.
fn judge(directory: &Path, wanted: &Files) -> Result<usize> {
    let read = |name: &str| {
        let text = std::fs::read_to_string(directory.join(name));
        text.with_context(|| format!("the guest left no `{name}`"))
    };
    if read("status")?.trim() != "ok" {
        bail!("the guest {}: {}", read("status")?.trim(), read("log")?);
    }
    let seen: Files = read("files")?
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, path)| (path.to_owned(), hash.to_owned()))
        .collect();
    if seen != *wanted {
        let wrong = wanted.iter().find(|(path, hash)| seen.get(*path) != Some(hash));
        bail!("the driver reads {} files of {}, first wrong {wrong:?}", seen.len(), wanted.len());
    }
    Ok(wanted.len())
}
