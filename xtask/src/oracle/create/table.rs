//! The option sets: every level over every format and size, and a list of what else there is.

/// One array.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) key: String,
    /// Bytes of each image.
    pub(super) sizes: Vec<u64>,
    /// Words for create, without devices.
    pub(super) words: String,
    /// The devices m0, m1, ..., `missing`, and words that stand between them.
    pub(super) order: String,
    /// Whether the driver will not start it.
    pub(super) is_refused_by_driver: bool,
    pub(super) is_in_subset: bool,
}

/// Level, slots.
const LEVELS: [(&str, usize); 9] = [
    ("linear", 2),
    ("0", 2),
    ("1", 2),
    ("4", 3),
    ("5", 3),
    ("6", 4),
    ("10", 4),
    ("multipath", 2),
    ("faulty", 1),
];
const FORMATS: [&str; 4] = ["0.90", "1.0", "1.1", "1.2"];
/// Sizes around which mdadm's choices of places change.
const SIZES: [&str; 4] = ["40M", "1G", "9G", "210G"];
/// Cases of the test command.
const SUBSET: [&str; 9] = [
    "5-1.2-40M",
    "1-0.90-1G",
    "6-1.1-9G",
    "10-1.0-210G",
    "raid0-unequal",
    "rebuilt-spare-090",
    "raid6-one-missing",
    "bitmap-chunk-raid10-end",
    "write-mostly",
];

/// A line each: key, sizes, words, devices. `*` before the key: the driver does not start it.
const LIST: &str = "
bitmap-small       | 2x40M  | -l1 -n2 -binternal                                 | m0 m1
bitmap-small-end   | 2x40M  | -l1 -n2 -binternal -e1.0                           | m0 m1
bitmap-small-090   | 2x40M  | -l1 -n2 -binternal -e0.90                          | m0 m1
bitmap-9G-raid5    | 3x9G   | -l5 -n3 -binternal -e1.1                           | m0 m1 m2
bitmap-9G-end      | 2x9G   | -l1 -n2 -binternal -e1.0                           | m0 m1
bitmap-9G-090      | 3x9G   | -l5 -n3 -binternal -e0.90                          | m0 m1 m2
bitmap-none        | 3x210G | -l5 -n3 -bnone                                     | m0 m1 m2
bitmap-chunk       | 2x9G   | -l1 -n2 -binternal --bitmap-chunk=4M               | m0 m1
bitmap-chunk-large | 2x210G | -l1 -n2 -binternal --bitmap-chunk=1M               | m0 m1
bitmap-chunk-auto  | 2x210G | -l1 -n2 --bitmap-chunk=2M                          | m0 m1
bitmap-chunk-raid10 | 4x9G  | -l10 -n4 -binternal --bitmap-chunk=1M              | m0 m1 m2 m3
bitmap-chunk-raid10-end | 4x210G | -l10 -n4 -binternal --bitmap-chunk=1M -e1.0   | m0 m1 m2 m3
bitmap-chunk-090   | 2x9G   | -l1 -n2 -e0.90 -binternal --bitmap-chunk=64K       | m0 m1
bitmap-raid10-odd  | 3x1G   | -l10 -n3 -c64 -binternal --bitmap-chunk=64K        | m0 m1 m2
bitmap-raid10-far  | 3x1G   | -l10 -n3 -pf2 -binternal                           | m0 m1 m2
bitmap-below-default | 3x210G | -l5 -n3 -z50G                                    | m0 m1 m2
bitmap-spare       | 3x1G   | -l1 -n2 -x1 -binternal                             | m0 m1 m2
policy-resync      | 3x210G | -l5 -n3 -kresync                                   | m0 m1 m2
policy-bitmap      | 3x1G   | -l5 -n3 -kbitmap -binternal                        | m0 m1 m2
write-mostly       | 2x1G   | -l1 -n2 -binternal --write-behind=256              | m0 --write-mostly m1
failfast           | 2x1G   | -l1 -n2                                            | --failfast m0 m1
failfast-raid10    | 3x1G   | -l10 -n3 --failfast                                | m0 m1 m2
rebuilt-spare      | 4x40M  | -l5 -n3 -x1                                        | m0 m1 m2 m3
rebuilt-spare-090  | 4x1G   | -l5 -n3 -x1 -e0.90                                 | m0 m1 m2 m3
rebuilt-spare-end  | 4x1G   | -l4 -n3 -x1 -e1.0                                  | m0 m1 m2 m3
rebuilt-of-two     | 2x1G   | -l5 -n2                                            | m0 m1
spare-missing      | 3x40M  | -l5 -n3 -x1                                        | m0 m1 m2 missing
spare-missing-090  | 3x40M  | -l5 -n3 -x1 -e0.90                                 | m0 m1 m2 missing
spares-raid1       | 4x40M  | -l1 -n2 -x2                                        | m0 m1 m2 m3
spare-raid1-090    | 3x1G   | -l1 -n2 -x1 -e0.90                                 | m0 m1 m2
spare-for-missing  | 2x40M  | -l1 -n2 -x1                                        | m0 missing m1
raid5-force        | 3x1G   | -l5 -n3 --force                                    | m0 m1 m2
raid5-force-090    | 3x1G   | -l5 -n3 --force -e0.90                             | m0 m1 m2
raid5-clean        | 3x40M  | -l5 -n3 --assume-clean                             | m0 m1 m2
raid6-clean-090    | 4x1G   | -l6 -n4 --assume-clean -e0.90                      | m0 m1 m2 m3
raid1-clean        | 2x210G | -l1 -n2 --assume-clean                             | m0 m1
raid5-missing      | 2x40M  | -l5 -n3                                            | m0 missing m1
raid5-missing-force | 2x40M | -l5 -n3 --force                                    | m0 missing m1
raid5-missing-090  | 2x1G   | -l5 -n3 -e0.90                                     | missing m0 m1
raid5-missing-spare | 3x40M | -l5 -n3 -x1                                        | m0 missing m1 m2
raid4-missing      | 2x40M  | -l4 -n3                                            | m0 m1 missing
raid6-one-missing  | 3x1G   | -l6 -n4                                            | m0 m1 m2 missing
raid6-first-missing | 3x40M | -l6 -n4                                            | missing m0 m1 m2
raid6-one-missing-090 | 3x40M | -l6 -n4 -e0.90                                  | m0 m1 m2 missing
raid6-missing-clean | 3x40M | -l6 -n4 --assume-clean                             | m0 m1 m2 missing
*raid6-missing-force | 3x40M | -l6 -n4 --force                                   | m0 m1 m2 missing
raid6-missing-spare | 4x40M | -l6 -n4 -x1                                        | m0 m1 m2 missing m3
raid6-two-missing  | 3x1G   | -l6 -n4 -x1                                        | m0 missing m1 missing m2
raid1-missing      | 1x1G   | -l1 -n2                                            | m0 missing
raid1-missing-090  | 1x1G   | -l1 -n2 -e0.90                                     | m0 missing
raid10-missing     | 2x1G   | -l10 -n4                                           | m0 missing m1 missing
raid0-unequal      | 1x1G 1x1200M | -l0 -n2                                      | m0 m1
raid0-unequal-end  | 1x1G 1x1200M | -l0 -n2 -e1.0                                | m0 m1
raid0-unequal-sector | 1x40M 1x41943552 | -l0 -n2                              | m0 m1
raid0-unequal-4K   | 1x40M 1x40964K | -l0 -n2                                    | m0 m1
raid0-alternate    | 1x1G 1x1200M | -l0 -n2 --layout=alternate                   | m0 m1
raid0-alternate-equal | 2x1G | -l0 -n2 --layout=alternate                        | m0 m1
raid0-dangerous    | 1x1G 1x1200M | -l0 -n2 --layout=dangerous                   | m0 m1
raid0-chunk        | 2x1G   | -l0 -n2 -c96                                       | m0 m1
raid0-one          | 1x1G   | -l0 -n1 --force                                    | m0
raid0-size         | 2x40M  | -l0 -n2 -z8M                                       | m0 m1
raid1-one          | 1x1G   | -l1 -n1 --force                                    | m0
linear-rounding    | 2x1G   | -llinear -n2 --rounding=64                         | m0 m1
linear-unequal     | 1x1G 1x900M | -llinear -n2 --chunk=128                      | m0 m1
raid5-chunk-4K     | 3x40M  | -l5 -n3 -c4                                        | m0 m1 m2
raid5-chunk-64K    | 3x1G   | -l5 -n3 -c64                                       | m0 m1 m2
raid5-chunk-4M     | 3x1G   | -l5 -n3 -c4M                                       | m0 m1 m2
raid5-parity-first | 3x1G   | -l5 -n3 -p parity-first -e1.1                      | m0 m1 m2
raid5-ra           | 3x40M  | -l5 -n3 -p ra                                      | m0 m1 m2
raid6-ls-6         | 5x1G   | -l6 -n5 -p left-symmetric-6                        | m0 m1 m2 m3 m4
raid6-ddf          | 5x1G   | -l6 -n5 -p ddf-N-continue -c128 -e1.1              | m0 m1 m2 m3 m4
raid10-far         | 4x1G   | -l10 -n4 -pf2                                      | m0 m1 m2 m3
raid10-offset      | 3x1G   | -l10 -n3 -po2                                      | m0 m1 m2
raid10-three       | 3x1G   | -l10 -n3 -pn3                                      | m0 m1 m2
raid10-two         | 2x1G   | -l10 -n2                                           | m0 m1
faulty-layout      | 1x1G   | -lfaulty -n1 -p rt10                               | m0
offset             | 2x1G   | -l1 -n2 --data-offset=8M                           | m0 m1
offset-raid5       | 3x1G   | -l5 -n3 --data-offset=16M                          | m0 m1 m2
offset-least       | 2x1G   | -l1 -n2 --data-offset=16K -binternal               | m0 m1
offset-bitmap-1.1  | 2x1G   | -l1 -n2 -e1.1 --data-offset=4M -binternal          | m0 m1
offset-odd         | 2x1G   | -l1 -n2 --data-offset=8193s                        | m0 m1
size               | 2x1G   | -l1 -n2 -z100000                                   | m0 m1
size-raid5         | 3x1G   | -l5 -n3 -z100000                                   | m0 m1 m2
size-max           | 2x1G   | -l1 -n2 -zmax                                      | m0 m1
size-of-least      | 1x1G 1x600M | -l1 -n2                                       | m0 m1
odd-raid1          | 1x41000001 1x41000777 | -l1 -n2                             | m0 m1
odd-raid5          | 1x41000001 2x41000777 | -l5 -n3 -c4                         | m0 m1 m2
odd-raid10         | 1x41000001 1x41000777 | -l10 -n2                            | m0 m1
odd-faulty         | 1x41000001 | -lfaulty -n1                                   | m0
odd-multipath      | 1x41000001 1x41000777 | -lmultipath -n2                     | m0 m1
tiny               | 2x2M   | -l1 -n2 -binternal                                 | m0 m1
tiny-end           | 2x1M   | -l1 -n2 -e1.0                                      | m0 m1
tiny-090           | 2x1M   | -l1 -n2 -e0.90                                     | m0 m1
name               | 2x40M  | -l1 -n2 --name=abcdefghijklmnopqrstuvwx            | m0 m1
name-without-host  | 2x40M  | -l1 -n2 --name=abcdefghijklmnopqrstuvwxy           | m0 m1
name-with-colon    | 2x40M  | -l1 -n2 --name=a:b                                 | m0 m1
name-090           | 2x40M  | -l1 -n2 -e0.90 --name=x                            | m0 m1
";

/// All cases.
pub(super) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for (level, slots) in LEVELS {
        for format in FORMATS {
            // mdadm refuses raid0 there, and so do we.
            if level == "0" && format == "0.90" {
                continue;
            }
            for size in SIZES {
                let devices: Vec<String> = (0..slots).map(|at| format!("m{at}")).collect();
                let line = format!(
                    "{level}-{format}-{size} | {slots}x{size} | -l{level} -n{slots} -e{format} | {}",
                    devices.join(" ")
                );
                cases.push(case(&line));
            }
        }
    }
    cases.extend(LIST.trim().lines().map(case));
    cases
}

fn case(line: &str) -> Case {
    let mut fields = line.split('|').map(str::trim);
    let mut next = || fields.next().expect("a line has four fields").to_owned();
    let (key, sizes, words, order) = (next(), next(), next(), next());
    let key_alone = key.trim_start_matches('*').to_owned();
    Case {
        sizes: sizes.split_whitespace().flat_map(run_of_sizes).collect(),
        words,
        order,
        is_refused_by_driver: key.starts_with('*'),
        is_in_subset: SUBSET.contains(&key_alone.as_str()),
        key: key_alone,
    }
}

/// `3x40M`: three times forty MiB.
fn run_of_sizes(word: &str) -> Vec<u64> {
    let (count, size) = word.split_once('x').expect("a count before the size");
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match size.strip_prefix(digits) {
        Some("K") => 1 << 10,
        Some("M") => 1 << 20,
        Some("G") => 1 << 30,
        _ => 1,
    };
    let size = digits.parse::<u64>().expect("a number") * unit;
    vec![size; count.parse().expect("a number")]
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
        assert_eq!(all.iter().filter(|case| case.is_in_subset).count(), SUBSET.len());
    }

    #[test]
    fn every_image_is_a_device_of_its_case() {
        for case in all() {
            let named = case.order.split(' ').filter(|word| word.starts_with('m'));
            let named = named.filter(|word| *word != "missing").count();
            assert_eq!(named, case.sizes.len(), "{}", case.key);
        }
    }
}
