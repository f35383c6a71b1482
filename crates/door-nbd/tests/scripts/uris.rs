//! URIs: what is taken, what is refused and why.

use paritas_door_nbd::{Address, NbdUri};
use std::path::PathBuf;

fn unix(name: &str, socket: &str) -> NbdUri {
    NbdUri { address: Address::Unix(PathBuf::from(socket)), name: name.to_owned() }
}

fn tcp(name: &str, host: &str, port: u16) -> NbdUri {
    NbdUri { address: Address::Tcp { host: host.to_owned(), port }, name: name.to_owned() }
}

#[test]
fn uris_are_read_and_printed() {
    let cases = [
        ("nbd+unix:///photos?socket=/run/nbd.sock", unix("photos", "/run/nbd.sock")),
        ("nbd+unix:///?socket=nbd.sock", unix("", "nbd.sock")),
        ("nbd+unix://?socket=/a", unix("", "/a")),
        ("nbd+unix:///a%20b/c%3Fd?socket=/run/x%26y%25", unix("a b/c?d", "/run/x&y%")),
        ("nbd+unix:///%C3%A4?socket=/s", unix("ä", "/s")),
        ("nbd://127.0.0.1/photos", tcp("photos", "127.0.0.1", 10809)),
        ("nbd://localhost:10810", tcp("", "localhost", 10810)),
        ("nbd://localhost:/x", tcp("x", "localhost", 10809)),
        ("nbd://[::1]/x", tcp("x", "::1", 10809)),
        ("nbd://[fe80::1]:1/", tcp("", "fe80::1", 1)),
    ];
    for (text, uri) in cases {
        assert_eq!(text.parse(), Ok(uri.clone()), "{text}");
        assert_eq!(uri.to_string().parse(), Ok(uri), "{text}");
    }
    assert_eq!(unix("a b", "/x y").to_string(), "nbd+unix:///a%20b?socket=/x%20y");
    assert_eq!(tcp("x", "::1", 7).to_string(), "nbd://[::1]:7/x");
}

#[test]
fn bad_uris_say_why_and_what_to_write() {
    let long_name = format!("nbd://a/{}", "n".repeat(4097));
    let cases = [
        ("photos", "no \"://\""),
        ("http://a/b", "scheme \"http\""),
        ("nbds://a/b", "TLS"),
        ("nbd+unix:///a", "?socket=PATH"),
        ("nbd+unix:///a?socket=", "no usable path"),
        ("nbd+unix:///a?socket=%00", "no usable path"),
        ("nbd+unix:///a?socket=/x&socket=/y", "more than one socket"),
        ("nbd+unix:///a?sock=/x", "\"sock=/x\""),
        ("nbd+unix://photos?socket=/x", "three slashes"),
        ("nbd:///a", "not an address"),
        ("nbd://a b/c", "not an address"),
        ("nbd://a/b?tls=1", "mean nothing"),
        ("nbd://user@a/b", "user name"),
        ("nbd://a:0/b", "not a port"),
        ("nbd://a:65536/b", "not a port"),
        ("nbd://a:+80/b", "not a port"),
        ("nbd://::1/b", "not a port"),
        ("nbd://[::1/b", "not closed"),
        ("nbd://[nine]/b", "IPv6"),
        ("nbd://[::1]9/b", "behind the bracket"),
        ("nbd://a/%4", "two hexadecimal digits"),
        ("nbd://a/%zz", "two hexadecimal digits"),
        ("nbd://a/%ff", "UTF-8"),
        ("nbd://a/b#c", "fragment"),
        (&long_name, "4097 bytes"),
    ];
    for (text, why) in cases {
        let error = NbdUri::parse(text).unwrap_err();
        assert!(error.why.contains(why), "{text}: {error}");
        assert!(error.to_string().contains("nbd+unix:///NAME?socket=PATH"), "{error}");
    }
}
