//! Several members at once: `--brief` and `--scan`, exit codes, messages.

use super::image::{Image, assert_same, mdadm, style};
use paritas_format::build::SuperblockBuilder;
use paritas_format::superblock::{Role, Version};
use paritas_manage::examine::{Examined, listing};
use paritas_units::{Descriptor, Level, Sectors};
use tempfile::TempDir;

const DEVICE: u64 = 131_072;

fn member(version: Version, change: impl FnOnce(&mut SuperblockBuilder)) -> Image {
    let mut builder = SuperblockBuilder::new(version, Level::Raid5, 4);
    change(&mut builder);
    Image::of(DEVICE, &builder.build())
}

fn compare(images: &[Image]) {
    let directory = TempDir::new().expect("a directory");
    let names: Vec<String> = (0..images.len()).map(|number| format!("d{number}.img")).collect();
    let mut examined: Vec<Examined> = Vec::new();
    for (image, name) in images.iter().zip(&names) {
        image.store(&directory.path().join(name));
        examined.extend(image.examined(name).ok());
    }
    let run = |options: &[&str]| {
        let mut words = options.to_vec();
        words.extend(names.iter().map(String::as_str));
        mdadm(&directory, "UTC", &words).stdout
    };
    assert_same("brief", &run(&["--examine", "--brief"]), &listing(&examined, false));
    assert_same("verbose", &run(&["--examine", "--brief", "-v"]), &listing(&examined, true));
    assert_same("scan", &run(&["--examine", "--scan"]), &listing(&examined, false));
    let text: Vec<u8> = examined.iter().flat_map(|one| one.text(&style())).collect();
    assert_same("text", &run(&["--examine"]), &text);
    let export: Vec<u8> = examined.iter().flat_map(Examined::export).collect();
    assert_same("export", &run(&["--examine", "--export"]), &export);
}

#[test]
fn members_come_together_by_array() {
    let (v1, v0) = (Version::V1_2, Version::V0_90);
    compare(&[
        member(v1, |_| ()),
        member(v0, |_| ()),
        member(v1, |b| b.descriptor = Descriptor(1)),
        member(v1, |b| b.uuid.0[0] = 7),
        Image::new(DEVICE),
        member(Version::V1_0, |b| b.descriptor = Descriptor(2)),
        member(v1, |b| b.descriptor = Descriptor(9)),
        member(v0, |b| {
            b.descriptor = Descriptor(4);
            b.roles.push(Role::Spare);
        }),
    ]);
}

#[test]
fn what_differs_begins_another_array() {
    let differences: [fn(&mut SuperblockBuilder); 8] = [
        |b| b.level = Level::Raid6,
        |b| b.layout = 3,
        |b| b.chunk.0 = 8,
        |b| b.size = Sectors(1000),
        |b| b.ctime += 1,
        |b| b.raid_disks = 5,
        |b| b.events = 99,
        |b| b.name = "other".to_owned(),
    ];
    for version in [Version::V1_2, Version::V0_90] {
        for change in differences {
            compare(&[member(version, |_| ()), member(version, change), member(version, |_| ())]);
        }
    }
}

#[test]
fn journals_replacements_and_faulty_ones_count_as_spares() {
    for role in [Role::Journal, Role::Faulty, Role::Spare] {
        compare(&[member(Version::V1_2, |b| {
            b.roles.push(role);
            b.descriptor = Descriptor(4);
        })]);
    }
    compare(&[member(Version::V1_2, |b| {
        b.features = paritas_format::superblock::FeatureMap::REPLACEMENT;
    })]);
}

#[test]
fn names_are_quoted_and_made_paths() {
    let names = [
        "", "x", "h:x", ":", "x:", "a b", "a\tb", "a/b:c/d", "q'r", "q\"r", "'\"'", "\"' '\"", "é",
        "a\nb", "#", "-",
    ];
    for name in names {
        compare(&[member(Version::V1_1, |b| b.name = name.to_owned())]);
    }
}

#[test]
fn the_latest_made_of_several_superblocks_counts() {
    let versions = [Version::V1_0, Version::V1_1, Version::V1_2, Version::V0_90];
    for newest in versions {
        for second in versions {
            let mut image = Image::new(DEVICE);
            for version in versions {
                let mut builder = SuperblockBuilder::new(version, Level::Raid1, 2);
                builder.ctime += u32::from(version == newest) + u32::from(version == second);
                let sb = builder.build();
                image = image.with(sb.place().at, sb.encode());
            }
            compare(&[image]);
        }
    }
}

#[test]
fn the_shortest_devices() {
    for device in [24, 25, 31, 32, 33, 100, 127, 128, 129, 191, 192, 255, 256] {
        for version in Version::ALL {
            let mut builder = SuperblockBuilder::new(version, Level::Raid1, 2);
            (builder.device, builder.data_offset.0) = (Sectors(device), 16);
            if version.sector_on(builder.device).is_some() {
                compare(&[Image::of(device, &builder.build())]);
            }
        }
    }
}

#[test]
fn nothing_there_is_said_as_mdadm_says_it() {
    let directory = TempDir::new().expect("a directory");
    for device in [0, 1, 8, 23, 24, 4096] {
        let image = Image::new(device);
        image.store(&directory.path().join("a.img"));
        let theirs = mdadm(&directory, "UTC", &["--examine", "a.img"]);
        assert_eq!((theirs.code, theirs.stdout.len()), (Some(1), 0));
        let ours = image.examined("a.img").expect_err("nothing there");
        assert_eq!(theirs.stderr, format!("mdadm: {ours}\n"));
    }
}
