//! What files mean, and that nothing in them does harm.

use super::*;
use crate::fuzz::{BODIES, corpus};
use paritas_format::fuzz::{Entry, run_bodies};

fn parse(text: &str) -> Config {
    Config::parse(text.as_bytes())
}

#[test]
fn u39_words_lines_quotes_and_comments() {
    let config = parse(
        "# a comment\n\
         DEVICE /dev/sda1 # and another\n\
         \n\
         \t/dev/sdb1\n\
         dev '/with blank' a\"b c\"d \"it's\" '#no'#\n",
    );
    let words = ["/dev/sda1", "/dev/sdb1", "/with blank", "ab cd", "it's", "#no#"];
    assert_eq!(config.devices, words);
    assert_eq!(config.notes, []);
}

#[test]
fn u39_keywords_are_short_and_in_any_case() {
    let config = parse("aRRay a uuid=1:2:3:4\nMAIL root\nmailf x\nmailfrom y\nprog z\nxyz\nAR b\n");
    assert_eq!(config.arrays.len(), 1);
    let others: Vec<_> = config.others.iter().map(|other| (other.line, other.keyword)).collect();
    let wanted = [(2, "MAILADDR"), (3, "MAILFROM"), (4, "MAILFROM"), (5, "PROGRAM")];
    assert_eq!(others, wanted);
    let notes: Vec<usize> = config.notes.iter().map(|note| note.line).collect();
    assert_eq!(notes, [1, 6, 7], "{:?}", config.notes);
}

#[test]
fn u39_array_lines() {
    let config = parse(
        "ARRAY /dev/md/photos level=raid5 num-devices=3 metadata=1.2 spares=1 \
         name=host:photos UUID=11223344:55667788:99aabbcc:ddeeff00\n\
         \x20  devices=/dev/sda1,/srv/*.img\n\
         ARRAY <ignore> super-minor=3\n\
         ARRAY md7 uuid=zz super-minor=0\n\
         ARRAY uuid=11223344:55667788:99aabbcc:ddeeff00 container=x nonsense what=ever\n",
    );
    let [photos, ignored, broken, unnamed] = config.arrays.as_slice() else { panic!("four lines") };
    assert_eq!(photos.name, ArrayName::Named("photos".to_owned()));
    let uuid = photos.uuid.expect("a uuid").to_string();
    assert_eq!(uuid, "11223344:55667788:99aabbcc:ddeeff00");
    assert_eq!(photos.superblock_name.as_deref(), Some("host:photos"));
    assert_eq!(photos.devices, ["/dev/sda1", "/srv/*.img"]);
    let tags: Vec<_> = photos.others.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!(tags, ["level", "num-devices", "metadata", "spares"]);
    assert_eq!((&ignored.name, ignored.super_minor), (&ArrayName::Ignored, Some(3)));
    assert!(broken.matches_nothing && unnamed.matches_nothing);
    assert_eq!(unnamed.name, ArrayName::Unnamed);
    let notes: Vec<usize> = config.notes.iter().map(|note| note.line).collect();
    assert_eq!(notes, [4, 5, 5], "{:?}", config.notes);
}

#[test]
fn u39_home_host_and_auto() {
    let system = Some("here");
    assert_eq!(parse("").host_name(system).as_deref(), system);
    assert_eq!(parse("HOMEHOST <system>").host_name(system).as_deref(), system);
    assert_eq!(parse("HOMEHOST <none>\nHOMEHOST x").host_name(system), None);
    let config = parse("HOMEHOST <ignore> there");
    assert_eq!(config.host_name(system).as_deref(), Some("there"));
    assert!(config.home_host.is_some_and(|home| home.is_ignored));
    let config = parse("AUTO +homehost +0.90 -all\nAUTO +all");
    assert!(config.allows_auto("1.x", true) && !config.allows_auto("1.x", false));
    assert!(config.allows_auto("0.90", false));
    assert!(parse("AUTO -1.x").allows_auto("0.90", false));
}

#[test]
fn patterns_match_as_a_shells_do() {
    for (pattern, path, is_match) in [
        ("/dev/sd*", "/dev/sda1", true),
        ("/dev/*", "/dev/disk/a", false),
        ("*/a*b", "x/aab", true),
        ("/dev/sd?1", "/dev/sda1", true),
        ("/dev/sd[a-c]", "/dev/sdb", true),
        ("/dev/sd[!a-c]", "/dev/sdb", false),
        ("[]x]", "]", true),
        ("[", "[", true),
        ("\\*", "a", false),
        ("", "", true),
        ("a*", "a", true),
        ("a", "ab", false),
    ] {
        assert_eq!(matches(pattern, path), is_match, "{pattern} {path}");
    }
    // The worst case for stars is not exponential.
    assert!(!matches(&format!("{}b", "*a".repeat(200)), &"a".repeat(2000)));
}

#[test]
fn no_body_fails_on_the_corpus_or_its_mutations() {
    let entry = |(body, bytes): (&str, Vec<u8>)| Entry { body: Some(body.to_owned()), bytes };
    let corpus: Vec<_> = corpus().into_iter().map(entry).collect();
    let cases = run_bodies(BODIES, 1, &corpus, |case| case >= 4_000);
    let cases = cases.unwrap_or_else(|crash| panic!("{crash}; input {:02x?}", crash.input));
    assert!(cases >= 4_000, "{cases} cases");
}
