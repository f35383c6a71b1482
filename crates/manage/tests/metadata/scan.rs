//! `assemble --scan`: which arrays, from which members, under which names.

use crate::support::{Bytes, builder, image};
use paritas_disk::{Access, Disk, OpenError, Opener};
use paritas_format::ArrayUuid;
use paritas_format::superblock::Version;
use paritas_manage::config::Config;
use paritas_manage::scan::{Places, Scan, paths, scan};
use paritas_units::{Descriptor, Level};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A machine of files in memory, by their paths.
#[derive(Default)]
struct Machine(BTreeMap<String, Arc<Bytes>>);

impl Machine {
    /// Adds an array of two members, `PATH0` and `PATH1`, called `name` and numbered `number`.
    fn array(mut self, path: &str, version: Version, number: u8, name: &str) -> Self {
        for descriptor in 0..2 {
            let mut builder = builder(version, Level::Raid1, 2);
            builder.uuid = ArrayUuid([number; 16]);
            builder.name = name.to_owned();
            builder.descriptor = Descriptor(descriptor);
            builder.device_uuid.0[0] = u8::try_from(descriptor).expect("small");
            let path = format!("{path}{descriptor}");
            self.0.insert(path.clone(), Bytes::new(&path, image(&builder.build())));
        }
        self
    }
}

impl Opener for Machine {
    fn open(&self, word: &str, _: Access) -> Result<Arc<dyn Disk>, OpenError> {
        let disk = self.0.get(word).map(|disk| Arc::clone(disk) as Arc<dyn Disk>);
        disk.ok_or_else(|| OpenError { word: word.to_owned(), why: "not there".to_owned() })
    }
}

impl Places for Machine {
    fn devices(&self) -> Vec<String> {
        self.0.keys().filter(|path| path.starts_with("/dev/")).cloned().collect()
    }

    fn names_in(&self, directory: &str) -> Vec<String> {
        let prefix = format!("{}/", directory.trim_end_matches('/'));
        let inside = self.0.keys().filter_map(|path| path.strip_prefix(&prefix));
        let names = inside.filter_map(|rest| rest.split('/').next());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.dedup();
        names
    }
}

fn run(machine: &Machine, file: &str, given: &[&str]) -> Scan {
    let config = Config::parse(file.as_bytes());
    let given: Vec<String> = given.iter().map(|word| (*word).to_owned()).collect();
    scan(machine, &config, &paths(&config, &given, machine), Some("here"))
}

/// Each array as `NAME: WORDS`, with a star behind a foreign one.
fn shown(scan: &Scan) -> Vec<String> {
    let one = |array: &paritas_manage::scan::ToAssemble| {
        let star = if array.is_foreign { "*" } else { "" };
        format!("{}{star}: {}", array.name, array.words.join(" "))
    };
    scan.arrays.iter().map(one).collect()
}

fn machine() -> Machine {
    Machine::default()
        .array("/dev/sda", Version::V1_2, 1, "here:0")
        .array("/dev/sdb", Version::V1_0, 2, "here:photos")
        .array("/srv/a/x.img", Version::V1_1, 3, "there:photos")
        .array("/srv/b/y.img", Version::V0_90, 4, "")
}

#[test]
fn u12_without_a_file_all_devices_are_looked_at() {
    let scan = run(&machine(), "", &[]);
    assert_eq!(shown(&scan), ["md0: /dev/sda0 /dev/sda1", "photos: /dev/sdb0 /dev/sdb1"]);
    assert_eq!(scan.left_out, []);
}

#[test]
fn u12_names_of_other_machines_get_a_number() {
    let scan = run(&machine(), "DEVICE /dev/sd?? /srv/*/*.img[01]", &[]);
    let wanted = [
        "md0: /dev/sda0 /dev/sda1",
        "photos: /dev/sdb0 /dev/sdb1",
        "photos_0*: /srv/a/x.img0 /srv/a/x.img1",
        // Its uuid has no mark of this machine.
        "0_0*: /srv/b/y.img0 /srv/b/y.img1",
    ];
    assert_eq!(shown(&scan), wanted);
    let scan = run(&machine(), "DEVICE /srv/a/*\nHOMEHOST <ignore>", &[]);
    assert_eq!(shown(&scan), ["photos: /srv/a/x.img0 /srv/a/x.img1"]);
    let scan = run(&machine(), "HOMEHOST there", &["/srv/a/*"]);
    assert_eq!(shown(&scan), ["photos: /srv/a/x.img0 /srv/a/x.img1"]);
}

#[test]
fn u39_lines_name_arrays_and_leave_others_out() {
    let file = "\
        DEVICE /dev/* /srv/a/* /srv/b/*\n\
        ARRAY /dev/md/pictures uuid=03030303:03030303:03030303:03030303\n\
        ARRAY <ignore> name=here:0\n\
        ARRAY md7 super-minor=0 devices=/srv/b/y.img1\n\
        ARRAY md8 name=nobody\n\
        AUTO -all\n";
    let scan = run(&machine(), file, &[]);
    let wanted = ["pictures: /srv/a/x.img0 /srv/a/x.img1", "md7: /srv/b/y.img1"];
    assert_eq!(shown(&scan), wanted);
    assert_eq!(scan.unmatched, [5]);
    let left: Vec<_> = scan.left_out.iter().map(|one| one.why.as_str()).collect();
    let wanted =
        ["line 3 says that it is ignored", "no line names it, and AUTO forbids to assemble it"];
    assert_eq!(left, wanted);
}

#[test]
fn u39_a_name_without_its_host_is_this_machines() {
    let both = "DEVICE /dev/* /srv/a/*\nARRAY md9 name=photos\nAUTO -all";
    assert_eq!(shown(&run(&machine(), both, &[])), ["md9: /dev/sdb0 /dev/sdb1"]);
}

#[test]
fn what_cannot_be_opened_is_said() {
    let scan = run(&machine(), "", &["/dev/sdb0", "/dev/none"]);
    assert_eq!(shown(&scan), ["photos: /dev/sdb0"]);
    assert_eq!(scan.left_out[0].what, "/dev/none");
}
