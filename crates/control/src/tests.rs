//! The sums that transcripts cannot hold still, and states that no driver was brought into.

use crate::detail::{
    Access, Condition, Detail, MemberDetail, Policy, Role, VERSION, Work, WorkKind,
};
use crate::{calendar_time, mdstat, quoted};
use jiff::tz::TimeZone;

fn array() -> Detail {
    Detail {
        version: VERSION,
        name: "md0".to_owned(),
        device: "/dev/md0".to_owned(),
        map_name: Some("photos".to_owned()),
        metadata: None,
        created: None,
        updated: None,
        level: "raid5".to_owned(),
        layout: Some(2),
        layout_name: Some("left-symmetric".to_owned()),
        chunk: 65536,
        array_size: 2 << 20,
        component_size: Some(1 << 20),
        slots: 3,
        preferred_minor: None,
        access: Access::ReadWrite,
        state: "broken".to_owned(),
        action: "idle".to_owned(),
        last_action: None,
        is_clean: false,
        condition: Condition::Failed,
        is_resync_pending: false,
        work: None,
        policy: Policy::Resync,
        bitmap: None,
        uuid: None,
        full_name: None,
        local_to: None,
        events: None,
        mismatches: 0,
        clients: 0,
        members: vec![member(Role::Active)],
    }
}

fn member(role: Role) -> MemberDetail {
    MemberDetail {
        name: "a disk.img".to_owned(),
        path: "/srv/a disk.img".to_owned(),
        device: (0, 0),
        number: 0,
        slot: Some(0),
        role,
        is_replacement: false,
        is_write_mostly: false,
        is_fail_fast: false,
        set: None,
        rebuilt: None,
        read_errors: 0,
    }
}

#[test]
fn an_array_that_failed_says_so() {
    let array = array();
    assert_eq!((array.test_code(), array.missing()), (2, 2));
    assert_eq!(array.state_words(), "active, FAILED");
    let lines = "md0 : broken raid5 a disk.img[0]\n      2048 blocks super non-persistent \
                 level 5, 64k chunk, algorithm 2 [3/1] [U__]\n      \n";
    assert_eq!(array.mdstat(), lines);
    let text = array.text(&TimeZone::UTC);
    assert!(text.contains("       Persistence : Superblock is not persistent\n"), "{text}");
    assert!(text.contains("\n       -       0        0        1      removed\n"), "{text}");
    let export = "MD_LEVEL=raid5\nMD_DEVICES=3\nMD_DEVNAME=photos\n\
                  MD_DEVICE_dev_a_disk_img_ROLE=0\nMD_DEVICE_dev_a_disk_img_DEV=/srv/a disk.img\n";
    assert_eq!(array.export(), export);
}

#[test]
fn the_bar_counts_as_the_driver_does() {
    // Measured: 16384 of 39936 KiB at 5461 KiB a second.
    let mut one = array();
    let work = |done: u64, total: u64, speed: u64| Work {
        kind: WorkKind::Recovery,
        done: done << 10,
        total: total << 10,
        speed: speed << 10,
    };
    one.work = Some(work(16384, 39936, 5461));
    let bar =
        "[========>............]  recovery = 40.5% (16384/39936) finish=0.0min speed=5461K/sec";
    assert!(one.mdstat().contains(bar), "{}", one.mdstat());
    // A terabyte at a hundred MiB a second, and at nothing.
    one.work = Some(work(0, 1 << 30, 102_400));
    assert!(one.mdstat().contains("finish=174.7min speed=102400K/sec"), "{}", one.mdstat());
    one.work = Some(work(1 << 29, 1 << 30, 0));
    assert!(one.mdstat().contains("[=========>...........]  recovery = 49.9%"), "{}", one.mdstat());
}

#[test]
fn arrays_are_listed_newest_first() {
    let (mut first, mut second) = (array(), array());
    (first.name, second.name) = ("md0".to_owned(), "md1".to_owned());
    let text = mdstat(&[first, second]);
    let at = |name: &str| text.find(name).expect("both are there");
    assert!(at("md1 : ") < at("md0 : "), "{text}");
    assert!(text.starts_with("Personalities : [linear] "));
    assert!(text.ends_with("unused devices: <none>\n"));
    assert_eq!(mdstat(&[]).lines().count(), 2);
}

#[test]
fn names_are_quoted_where_mdadm_conf_needs_it() {
    for (name, wanted) in [("a", "a"), ("a b", "\"a b\""), ("it's", "\"it's\""), ("a\"b", "'a\"b'")]
    {
        assert_eq!(quoted(name.as_bytes()), wanted.as_bytes());
    }
}

#[test]
fn times_are_those_of_ctime() {
    let utc = TimeZone::UTC;
    assert_eq!(calendar_time(&utc, 0), "Thu Jan  1 00:00:00 1970");
    assert_eq!(calendar_time(&utc, 1_700_000_000), "Tue Nov 14 22:13:20 2023");
    assert_eq!(
        calendar_time(&utc, 253_402_300_800),
        "Sat Jan  1 00:00:00 10000".get(..24).unwrap_or("")
    );
    assert_eq!(calendar_time(&utc, u64::MAX).len(), 24);
}
