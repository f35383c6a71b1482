//! The table of written arrays is as wide as promised, and its model is the clients' arithmetic.

use super::table::{self, Origin, Walk};
use super::{changes, fields};
use std::collections::BTreeSet;

#[test]
fn keys_are_unique_and_every_kind_is_there() {
    let all = table::all();
    let keys: BTreeSet<&str> = all.iter().map(|case| case.key.as_str()).collect();
    assert_eq!(keys.len(), all.len());
    let count =
        |counts: &dyn Fn(&table::Case) -> bool| all.iter().filter(|one| counts(one)).count();
    assert!(count(&|one| one.origin == Origin::Program && one.walk == Walk::None) > 200);
    assert!(count(&|one| one.origin == Origin::Driver && one.walk == Walk::None) > 150);
    for tenth in 1..10 {
        assert!(count(&|one| one.walk == Walk::FromDriver { tenth }) >= 10);
        assert!(count(&|one| one.walk == Walk::ToDriver { tenth }) >= 10);
    }
    let subset = count(&|one| one.is_in_subset);
    assert_eq!(
        subset,
        18,
        "{:?}",
        all.iter().filter(|one| one.is_in_subset).map(|one| &one.key).collect::<Vec<_>>()
    );
}

#[test]
fn changes_stay_inside_and_the_model_makes_them() {
    for size in [1 << 20, 5_000_704] {
        let all = changes::of(size, 65_536, 3);
        let mut model = vec![0x11; size];
        changes::apply(&all, &mut model, &vec![0x77; size]);
        assert_eq!(model.len(), size);
        for byte in [0x00, 0x11, 0x77, 0xe4] {
            assert!(model.contains(&byte), "{byte:#x}");
        }
        let words = changes::words(&all);
        assert_eq!(words.len(), all.len());
        assert!(words.iter().any(|word| word.starts_with("discard")));
    }
}

#[test]
fn fields_are_read_from_their_places() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("m0.img");
    let mut bytes = vec![0; 1 << 20];
    let mut put =
        |at: usize, value: &[u8]| bytes[4096 + at..4096 + at + value.len()].copy_from_slice(value);
    put(0, &0xa92b_4efc_u32.to_le_bytes());
    put(8, &2_u32.to_le_bytes());
    put(128, &2048_u64.to_le_bytes());
    put(152, &640_u64.to_le_bytes());
    put(208, &u64::MAX.to_le_bytes());
    std::fs::write(&path, &bytes).expect("written");
    let one = fields::read(&path, "1.2").expect("fields");
    assert_eq!((one.recovery_offset, one.data_offset), (Some(640), 2048));
    assert_eq!(fields::position(&[one]), Some(640));
    assert!(!fields::is_over(&[one], 1));
    assert!(fields::read(&path, "1.1").is_err());
}
