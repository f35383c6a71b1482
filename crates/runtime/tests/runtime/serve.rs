//! Serving over sockets: the bytes, backpressure, limits, peers that vanish, and socket files.

use crate::rig::{content, mirror, mirror_with};
use crate::toy::{Client, Toy};
use paritas_engine::{Config, Session};
use paritas_runtime::{Hosted, Limits, Listen, Peer, ServeError, Serving};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// How long a test waits for what must come, before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn toys(_: &Peer) -> Box<dyn Session> {
    Box::new(Toy::new())
}

fn serve(hosted: &Hosted, path: &Path, limits: Limits) -> Serving {
    hosted.serve(&Listen::Unix(path.to_owned()), limits, toys).expect("it listens")
}

fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout can be set");
    stream
}

/// Reads `sectors` of the array in requests of growing length, `depth` at a time.
fn read_all<S: Read + Write>(client: &mut Client<S>, content: &[u8], depth: usize) {
    let sectors = u64::try_from(content.len()).expect("small") / 512;
    let len_of = |start: u64| (1 + start % 700).min(sectors - start);
    let (mut next, mut open, mut answered) = (0, 0, 0);
    while answered < sectors {
        while open < depth && next < sectors {
            client.ask(next, len_of(next));
            next += len_of(next);
            open += 1;
        }
        let (start, bytes) = client.answer(len_of);
        let at = usize::try_from(start * 512).expect("small");
        let bytes = bytes.expect("nothing fails");
        assert!(bytes == content[at..at + bytes.len()], "wrong bytes at {start}");
        answered += len_of(start);
        open -= 1;
    }
}

/// Waits until the server has closed the connection.
fn wait_for_end(mut stream: impl Read) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
}

#[test]
fn several_clients_read_the_same_bytes_from_one_to_three_shards() {
    let content = content(30_000);
    let directory = tempfile::tempdir().expect("a directory");
    for shards in 1..=3 {
        let hosted = mirror(&content, shards);
        let path = directory.path().join(format!("socket-{shards}"));
        let serving = serve(&hosted, &path, Limits::default());
        std::thread::scope(|scope| {
            for depth in [1, 3, 40] {
                let (path, content) = (&path, &content);
                scope.spawn(move || {
                    read_all(&mut Client::greet(connect(path)), content, depth);
                });
            }
        });
        serving.stop();
        hosted.stop();
    }
}

#[test]
fn tcp_listens_on_loopback_unless_told_otherwise() {
    let content = content(5000);
    let hosted = mirror(&content, 1);
    let listen = Listen::Tcp { address: None, port: 0 };
    let serving = hosted.serve(&listen, Limits::default(), toys).expect("it listens");
    let address = serving.address().expect("a TCP listener has an address");
    assert!(address.ip().is_loopback());
    let stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    read_all(&mut Client::greet(stream), &content, 8);
}

#[test]
fn a_pool_smaller_than_what_clients_ask_for_holds_them_up_and_serves_them() {
    let content = content(30_000);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    // Two buffers of the largest class, and some small ones.
    let hosted = mirror_with(&content, &Config { shards: 2, pool_bytes: 8 << 20 });
    let _serving = serve(&hosted, &path, Limits::default());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| read_all(&mut Client::greet(connect(&path)), &content, 60));
        }
    });
}

#[test]
fn a_client_that_does_not_take_its_replies_does_not_stop_the_others() {
    let content = content(30_000);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content, 1);
    let _serving = serve(&hosted, &path, Limits::default());
    let mut deaf = Client::greet(connect(&path));
    for number in 0..20 {
        deaf.ask(number * 500, 500);
    }
    read_all(&mut Client::greet(connect(&path)), &content, 8);
    for _ in 0..20 {
        let (start, bytes) = deaf.answer(|_| 500);
        let at = usize::try_from(start * 512).expect("small");
        assert!(bytes.expect("nothing fails") == content[at..at + 500 * 512]);
    }
}

#[test]
fn peers_that_vanish_leave_room_for_others() {
    let content = content(20_000);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content, 2);
    let _serving = serve(&hosted, &path, Limits { clients: 2, ..Limits::default() });
    for round in 0..30 {
        let mut client = loop {
            // The room of a peer that has vanished is free only when that was noticed.
            let mut stream = connect(&path);
            let is_refused = stream.write_all(&[1]).is_err();
            let mut client = Client { stream };
            if !is_refused && try_one(&mut client) {
                break client;
            }
        };
        for number in 0..10 {
            client.ask(number * 1000, 900);
        }
        if round % 2 == 0 {
            client.stream.shutdown(Shutdown::Both).expect("it is open");
        }
        drop(client);
    }
    // All that those requests held is back.
    let mut replies = Vec::new();
    let mut hosted = hosted;
    paritas_engine::Drive::wait(&mut hosted, &mut replies);
    drop(_serving);
    let pool = paritas_engine::Drive::pool(&hosted);
    hosted.stop();
    let stats = pool.stats();
    assert!(stats.classes.iter().all(|class| class.free == class.total && class.lost == 0));
}

/// Asks for one sector; `false` if the server has closed the connection.
fn try_one(client: &mut Client<UnixStream>) -> bool {
    let mut request = [0; 16];
    request[8] = 1;
    let mut answer = [0; 9 + 512];
    client.stream.write_all(&request).is_ok() && client.stream.read_exact(&mut answer).is_ok()
}

#[test]
fn a_goodbye_closes_the_connection() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content(100), 1);
    let _serving = serve(&hosted, &path, Limits::default());
    let mut client = Client::greet(connect(&path));
    client.ask(0, 0);
    wait_for_end(client.stream);
}

#[test]
fn requests_beyond_the_array_are_refused_and_the_connection_goes_on() {
    let content = content(100);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content, 2);
    let _serving = serve(&hosted, &path, Limits::default());
    let mut client = Client::greet(connect(&path));
    client.ask(96, 8);
    assert_eq!(client.answer(|_| 8), (96, None));
    client.ask(92, 8);
    assert_eq!(client.answer(|_| 8), (92, Some(content[92 * 512..].to_vec())));
}

#[test]
fn more_clients_than_the_limit_are_refused() {
    let content = content(100);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content, 1);
    let _serving = serve(&hosted, &path, Limits { clients: 2, ..Limits::default() });
    let mut clients: Vec<_> = (0..2).map(|_| Client::greet(connect(&path))).collect();
    for client in &mut clients {
        client.ask(0, 8);
        assert!(client.answer(|_| 8).1.is_some());
    }
    wait_for_end(connect(&path));
    clients[0].ask(8, 8);
    assert!(clients[0].answer(|_| 8).1.is_some(), "the others are served");
}

#[test]
fn a_client_that_does_not_greet_in_time_is_closed_and_one_that_rests_later_is_not() {
    let content = content(100);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content, 1);
    let handshake = Duration::from_millis(50);
    let _serving = serve(&hosted, &path, Limits { handshake, ..Limits::default() });
    let mut client = Client::greet(connect(&path));
    client.ask(0, 8);
    assert!(client.answer(|_| 8).1.is_some());
    wait_for_end(connect(&path));
    client.ask(8, 8);
    assert!(client.answer(|_| 8).1.is_some());
}

#[test]
fn stopping_closes_connections() {
    let content = content(1000);
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content, 2);
    let serving = serve(&hosted, &path, Limits::default());
    let mut clients: Vec<_> = (0..4).map(|_| Client::greet(connect(&path))).collect();
    for client in &mut clients {
        client.ask(0, 900);
    }
    serving.stop();
    hosted.stop();
    for client in clients {
        wait_for_end(client.stream);
    }
}

#[test]
fn the_socket_is_the_owners_and_goes_with_its_listener() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content(8), 1);
    let serving = serve(&hosted, &path, Limits::default());
    let found = std::fs::symlink_metadata(&path).expect("the socket is there");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o7777, 0o600);
    serving.stop();
    assert!(!path.exists());
}

#[test]
fn a_socket_is_replaced_only_if_nobody_answers() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let hosted = mirror(&content(8), 1);
    let listen = Listen::Unix(path.clone());
    let others = UnixListener::bind(&path).expect("the path is free");
    let refused = hosted.serve(&listen, Limits::default(), toys);
    assert!(matches!(refused, Err(ServeError::InUse { .. })));
    drop(others);
    assert!(path.exists(), "a dead process leaves its socket");
    let serving = hosted.serve(&listen, Limits::default(), toys).expect("nobody answered there");
    std::fs::remove_file(&path).expect("it is there");
    std::fs::write(&path, b"something of value").expect("the path is free");
    let refused = hosted.serve(&listen, Limits::default(), toys);
    assert!(matches!(refused, Err(ServeError::NotASocket { .. })));
    serving.stop();
    assert_eq!(std::fs::read(&path).expect("it is still there"), b"something of value");
    let nowhere = Listen::Unix(directory.path().join("no/such/directory"));
    let refused = hosted.serve(&nowhere, Limits::default(), toys);
    assert!(matches!(refused, Err(ServeError::System { .. })));
}
