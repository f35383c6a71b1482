//! Processes with a time limit, members in a directory, and arrays made by the builders.

use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{FeatureMap, Superblock, V1, Version};
use paritas_format::{DeviceUuid, bitmap};
use paritas_units::{Descriptor, Level, Sector, Sectors};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a run may take until it counts as hung: far more than any needs.
const LIMIT: Duration = Duration::from_secs(120);
/// Sectors of a member.
pub(crate) const DEVICE: u64 = 2048;
/// Where its data begins in formats 1.1 and 1.2.
pub(crate) const DATA: u64 = 512;
/// Sectors of each member that an array uses.
pub(crate) const COMPONENT: u64 = 1024;

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
}

/// A directory with members, and beside it one for what commands make.
pub(crate) struct Bench {
    members: TempDir,
    made: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = || tempfile::tempdir().expect("a directory");
        Self { members: directory(), made: directory() }
    }

    /// Where members are, and what words are relative to.
    pub(crate) fn members(&self) -> &Path {
        self.members.path()
    }

    /// A path beside the members.
    pub(crate) fn made(&self, name: &str) -> PathBuf {
        self.made.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, content: &[u8]) {
        std::fs::write(self.members().join(name), content).expect("a writable directory");
    }

    /// Runs paritas.
    pub(crate) fn paritas(&self, words: &[&str]) -> Run {
        self.run(env!("CARGO_BIN_EXE_paritas"), words)
    }

    /// Runs another program, which must be there.
    pub(crate) fn run(&self, program: &str, words: &[&str]) -> Run {
        let child = self.start(program, words);
        self.wait(child, &format!("{program} {words:?}"), || false)
    }

    /// Runs another program that may hang; `None` if it did.
    pub(crate) fn run_briefly(&self, program: &str, words: &[&str]) -> Option<Run> {
        let mut child = self.start(program, words);
        let code = ended(&mut child, Duration::from_secs(5), || ())?;
        Some(self.output(code))
    }

    /// Starts a program whose output goes into files.
    pub(crate) fn start(&self, program: &str, words: &[&str]) -> Child {
        let file = |name| File::create(self.made(name)).expect("a file for output");
        Command::new(program)
            .args(words)
            .current_dir(self.members())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .unwrap_or_else(|error| panic!("these tests need {program} (see TESTING.md): {error}"))
    }

    /// Waits until the program ends; asks it to as soon as `may_end` says so.
    pub(crate) fn wait(&self, mut child: Child, what: &str, may_end: impl Fn() -> bool) -> Run {
        let id = child.id();
        let mut is_asked = false;
        let code = ended(&mut child, LIMIT, || {
            if !is_asked && may_end() {
                terminate(id);
                is_asked = true;
            }
        });
        self.output(code.unwrap_or_else(|| panic!("{what} hangs")))
    }

    fn output(&self, code: Option<i32>) -> Run {
        let text = |name| {
            String::from_utf8_lossy(&std::fs::read(self.made(name)).expect("output")).into_owned()
        };
        Run { stdout: text("stdout"), stderr: text("stderr"), code }
    }
}

/// The exit code of a child, which is killed if it takes longer than `limit`.
#[expect(clippy::option_option, reason = "no end, an end by a signal, and an end with a code")]
fn ended(child: &mut Child, limit: Duration, mut meanwhile: impl FnMut()) -> Option<Option<i32>> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the child is ours") {
            return Some(status.code());
        }
        meanwhile();
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().and_then(|()| child.wait()).expect("the child is ours");
    None
}

/// SIGTERM.
fn terminate(id: u32) {
    let id = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(id.expect("a process"), rustix::process::Signal::TERM)
        .expect("the child is ours");
}

/// A superblock builder for a device of 1 MiB.
pub(crate) fn builder(version: Version, level: Level, slots: u16) -> SuperblockBuilder {
    let mut builder = SuperblockBuilder::new(version, level, slots);
    builder.device = Sectors(DEVICE);
    builder.data_offset = Sector(DATA);
    builder.size = Sectors(COMPONENT);
    builder
}

/// The members of an array; each superblock is changed before it is sealed.
pub(crate) fn array(
    builder: &SuperblockBuilder,
    change: impl Fn(usize, &mut Superblock),
) -> Vec<Vec<u8>> {
    let member = |number: u16| {
        let mut own = builder.clone();
        own.descriptor = Descriptor(number);
        own.device_uuid = DeviceUuid([0xd0 + number.to_le_bytes()[0]; 16]);
        let mut superblock = own.build();
        change(usize::from(number), &mut superblock);
        match &mut superblock {
            Superblock::V090(superblock) => superblock.seal(),
            Superblock::V1(superblock) => superblock.seal(),
        }
        image(&superblock)
    };
    (0..u16::try_from(builder.raid_disks).expect("few")).map(member).collect()
}

/// Zeroes with this superblock on them.
fn image(superblock: &Superblock) -> Vec<u8> {
    let mut image = vec![0; usize::try_from(DEVICE * 512).expect("small")];
    let at = usize::try_from(superblock.place().at.0 * 512).expect("small");
    let bytes = superblock.encode();
    image[at..at + bytes.len()].copy_from_slice(&bytes);
    image
}

/// A change of a 1.x superblock for [`array`].
pub(crate) fn v1(change: impl Fn(usize, &mut V1)) -> impl Fn(usize, &mut Superblock) {
    move |number, superblock| match superblock {
        Superblock::V1(superblock) => change(number, superblock),
        Superblock::V090(_) => panic!("a 1.x superblock"),
    }
}

/// A raid5 in format 1.2 with bitmap and bad-block log, both empty.
pub(crate) fn rich() -> Vec<Vec<u8>> {
    let builder = builder(Version::V1_2, Level::Raid5, 3);
    let features = FeatureMap::BITMAP_OFFSET.0 | FeatureMap::BAD_BLOCKS.0;
    let mut members = array(
        &builder,
        v1(move |_, sb| {
            let header = sb.header_mut();
            header.feature_map.set(features);
            header.bitmap_offset.set(8);
            header.bad_block_offset.set(24);
            header.bad_block_sectors.set(8);
        }),
    );
    let bitmap = bitmap::Superblock::new(builder.uuid, Sectors(COMPONENT), 4096).encode();
    for member in &mut members {
        member[16 * 512..16 * 512 + bitmap.len()].copy_from_slice(&bitmap);
        member[32 * 512..40 * 512].fill(0xff);
    }
    members
}
