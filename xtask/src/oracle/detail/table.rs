//! The arrays whose texts are recorded.
//!
//! A line is `KEY | IMAGES | WORDS | ORDER | STEPS`: how many images of 40 MiB (or their sizes in MiB,
//! with `+` between them), the words of `mdadm --create`, the devices, and the shell that brings the
//! array into its state with the functions of oracle/guest/detail.sh.

/// One array.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) key: String,
    /// Sizes of the images, in MiB.
    pub(super) sizes: Vec<u64>,
    pub(super) words: String,
    pub(super) order: String,
    pub(super) steps: String,
}

/// Those of the test command.
pub(super) const SUBSET: [&str; 8] = [
    "raid5",
    "raid10-near3",
    "faulty-raid1",
    "recovering-raid1",
    "resyncing-raid6",
    "readonly",
    "raid5-090",
    "write-mostly-failfast",
];

const LIST: &str = "
raid0 | 2 | -l0 -n2 -c64 | m0 m1 |
raid0-original | 40+60 | -l0 -n2 -c64 --layout=original | m0 m1 |
raid0-alternate | 40+60 | -l0 -n2 -c64 --layout=alternate | m0 m1 |
raid0-dangerous | 40+60 | -l0 -n2 -c64 --layout=dangerous | m0 m1 |
linear | 2 | -llinear -n2 | m0 m1 |
linear-rounding | 2 | -llinear -n2 --rounding=64 | m0 m1 |
linear-090 | 2 | -llinear -n2 -e0.90 | m0 m1 |
raid1 | 2 | -l1 -n2 --assume-clean | m0 m1 |
raid1-alone | 1 | -l1 -n1 --force --assume-clean | m0 |
raid1-missing | 1 | -l1 -n2 | m0 missing |
raid4 | 3 | -l4 -n3 -c64 --assume-clean | m0 m1 m2 |
raid5 | 3 | -l5 -n3 -c64 --assume-clean | m0 m1 m2 |
raid5-ra | 3 | -l5 -n3 -c4M -p ra --assume-clean | m0 m1 m2 |
raid6 | 4 | -l6 -n4 -c64 --assume-clean -N photos | m0 m1 m2 m3 |
raid6-ddf | 5 | -l6 -n5 -c64 -p ddf-N-continue --assume-clean | m0 m1 m2 m3 m4 |
raid6-name-with-colon | 4 | -l6 -n4 -e1.0 -c64 -N with:colon --assume-clean | m0 m1 m2 m3 |
raid10-near | 4 | -l10 -n4 -c64 --assume-clean | m0 m1 m2 m3 |
raid10-near-odd | 3 | -l10 -n3 -c64 --assume-clean | m0 m1 m2 |
raid10-near-two | 2 | -l10 -n2 -c64 --assume-clean | m0 m1 |
raid10-near3 | 6 | -l10 -n6 -c64 -pn3 --assume-clean | m0 m1 m2 m3 m4 m5 |
raid10-far | 4 | -l10 -n4 -c64 -pf2 --assume-clean | m0 m1 m2 m3 |
raid10-offset | 3 | -l10 -n3 -c64 -po2 --assume-clean | m0 m1 m2 |
multipath | 2 | -lmultipath -n2 | m0 m1 |
faulty | 1 | -lfaulty -n1 | m0 |
spares-raid1 | 4 | -l1 -n2 -x2 --assume-clean | m0 m1 m2 m3 |
spare-raid5 | 4 | -l5 -n3 -x1 -c64 --assume-clean | m0 m1 m2 m3 |
degraded-raid5 | 2 | -l5 -n3 -c64 --assume-clean | m0 missing m1 |
degraded-raid10 | 3 | -l10 -n4 -c64 --assume-clean | m0 m1 m2 missing |
faulty-raid1 | 2 | -l1 -n2 --assume-clean | m0 m1 | fail_members m1
faulty-raid6 | 4 | -l6 -n4 -c64 --assume-clean | m0 m1 m2 m3 | fail_members m0 m2
faulty-spare | 5 | -l5 -n3 -x2 -c64 --assume-clean | m0 m1 m2 m3 m4 | fail_members m3
removed-raid1 | 3 | -l1 -n3 --assume-clean | m0 m1 m2 | fail_members m1 && remove_members m1
recovering-raid1 | 3 | -l1 -n2 -x1 --assume-clean | m0 m1 m2 | fail_members m0 && stand_at 16384
recovering-raid5 | 3 | -l5 -n3 -c64 | m0 m1 m2 | stand_at 32768
recovering-raid6 | 6 | -l6 -n4 -x2 -c64 --assume-clean | m0 m1 m2 m3 m4 m5 | fail_members m0 m1 && stand_at 16384
recovery-frozen | 3 | -l5 -n3 -c64 | m0 m1 m2 | freeze
replacing | 4 | -l5 -n3 -x1 -c64 --assume-clean | m0 m1 m2 m3 | mdadm $array --replace ${device[m1]} --with ${device[m3]} && stand_at 16384
resyncing-raid1 | 2 | -l1 -n2 | m0 m1 | stand_at 24576
resyncing-raid6 | 4 | -l6 -n4 -c64 | m0 m1 m2 m3 | stand_at 49152
resyncing-raid10 | 4 | -l10 -n4 -c64 | m0 m1 m2 m3 | stand_at 65536
resync-frozen | 2 | -l1 -n2 | m0 m1 | freeze
resync-pending | 2 | -l1 -n2 | m0 m1 | stand_at 24576 && again --readonly
checking-raid6 | 4 | -l6 -n4 -c64 --assume-clean | m0 m1 m2 m3 | freeze && stand_at 16384 check
repairing-raid1 | 2 | -l1 -n2 --assume-clean | m0 m1 | freeze && stand_at 16384 repair
check-frozen | 3 | -l5 -n3 -c64 --assume-clean | m0 m1 m2 | freeze && stand_at 16384 check && freeze
readonly | 2 | -l1 -n2 --assume-clean | m0 m1 | mdadm --readonly $array
auto-read | 3 | -l5 -n3 -c64 --assume-clean | m0 m1 m2 | auto_read && again
auto-read-degraded | 3 | -l5 -n3 -c64 --assume-clean | m0 m1 m2 | auto_read && stop && mdadm --assemble --run $array ${device[m0]} ${device[m2]}
dirty-raid5 | 3 | -l5 -n3 -c64 --assume-clean | m0 m1 m2 | dirty
raid1-090 | 2 | -l1 -n2 -e0.90 --assume-clean | m0 m1 |
raid5-090 | 4 | -l5 -n3 -x1 -e0.90 -c64 --assume-clean | m0 m1 m2 m3 |
raid1-1.0 | 2 | -l1 -n2 -e1.0 --assume-clean | m0 m1 |
raid1-1.1 | 2 | -l1 -n2 -e1.1 --assume-clean | m0 m1 |
write-mostly-failfast | 3 | -l1 -n3 --assume-clean | m0 --failfast --write-mostly m1 m2 |
bitmap | 2 | -l1 -n2 -binternal --assume-clean | m0 m1 |
bitmap-dirty | 3 | -l5 -n3 -c64 -binternal --bitmap-chunk=4M --assume-clean | m0 m1 m2 | dirty
journal | 4 | -l5 -n3 -c64 --write-journal=/dev/loop3 --assume-clean | m0 m1 m2 |
ppl | 3 | -l5 -n3 -c64 -kppl --assume-clean | m0 m1 m2 |
name-elsewhere | 2 | -l1 -n2 --homehost=other -N photos --assume-clean | m0 m1 |
";

/// All cases.
pub(super) fn all() -> Vec<Case> {
    LIST.trim().lines().map(case).collect()
}

fn case(line: &str) -> Case {
    let mut fields = line.split(" | ").map(|field| field.trim_end_matches(" |").trim());
    let mut next = || fields.next().unwrap_or_default().to_owned();
    let (key, sizes, words, order) = (next(), next(), next(), next());
    let number = |word: &str| word.parse::<u64>().expect("a number");
    let sizes = match sizes.contains('+') {
        true => sizes.split('+').map(number).collect(),
        false => vec![40; usize::try_from(number(&sizes)).expect("a few images")],
    };
    Case { key, sizes, words, order, steps: next() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn keys_are_unique_and_the_subset_is_there() {
        let all = all();
        let keys: BTreeSet<&str> = all.iter().map(|case| case.key.as_str()).collect();
        assert_eq!(keys.len(), all.len());
        assert!(SUBSET.iter().all(|key| keys.contains(key)), "{SUBSET:?}");
        assert!(all.iter().all(|case| !case.order.is_empty() && !case.sizes.is_empty()));
    }
}
