//! HTTP on the control socket.
//!
//! The one thing to understand: this file knows HTTP and nothing of arrays. Each request is read
//! whole (it is small and bounded), then carried out in a thread of its own, since it may wait for
//! members; meanwhile others are answered.
//!
//! Whoever connects must be the same user as the service: the socket's mode says so, and the peer's
//! uid is looked at as well.

use crate::api::{ErrorBody, VERSION};
use crate::descriptors::{Passed, Stream};
use crate::place::Claim;
use crate::table::{Refusal, Service};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{Semaphore, oneshot};

/// The longest body that is read.
const LONGEST: usize = 1 << 20;
/// Connections at once.
const MOST_CONNECTIONS: usize = 64;
/// How long a client may take to send its request's head.
const PATIENCE: Duration = Duration::from_secs(10);

/// The thread that answers. Dropping it ends answering and removes the socket.
#[derive(Debug)]
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Answers at a place on behalf of `service`.
///
/// # Errors
/// The system gave no thread or no descriptor.
pub fn serve(service: Arc<Service>, claim: Claim) -> io::Result<Server> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("control".to_owned());
    let thread = thread.spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                result = accept(&service, &claim) => {
                    if let Err(error) = result {
                        tracing::error!("the control socket is gone: {error}");
                    }
                }
                _ = stopped => {}
            }
        });
        // Answers that are being made end first.
        runtime.shutdown_timeout(PATIENCE);
        drop(claim);
    })?;
    Ok(Server { stop: Some(stop), thread: Some(thread) })
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Nobody listens any more if the thread has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(service: &Arc<Service>, claim: &Claim) -> io::Result<()> {
    let listener = UnixListener::from_std(claim.listener.try_clone()?)?;
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!("a connection was lost: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if !is_same_user(&socket) {
            tracing::warn!("another user was refused at the control socket");
            continue;
        }
        let service = Arc::clone(service);
        tokio::spawn(async move {
            converse(service, socket).await;
            drop(place);
        });
    }
}

fn is_same_user(socket: &tokio::net::UnixStream) -> bool {
    socket_peercred(socket).is_ok_and(|peer| peer.uid == geteuid())
}

async fn converse(service: Arc<Service>, socket: tokio::net::UnixStream) {
    let (stream, passed) = Stream::new(socket);
    let answering = service_fn(move |request| {
        let (service, passed) = (Arc::clone(&service), passed.clone());
        async move { Ok::<_, Infallible>(answer(service, passed, request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false).half_close(true);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), answering).await {
        tracing::debug!("a conversation broke off: {error}");
    }
}

async fn answer(
    service: Arc<Service>,
    passed: Passed,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = match tokio::time::timeout(PATIENCE, Limited::new(body, LONGEST).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => return refusal(&Refusal::Wrong(error.to_string())),
        Err(_) => return refusal(&Refusal::Wrong("the request did not come".to_owned())),
    };
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        is_forced: head.uri.query() == Some("force"),
        body,
        descriptors: passed.take(),
    };
    match tokio::task::spawn_blocking(move || carry_out(&service, asked)).await {
        Ok(Ok(text)) => response(StatusCode::OK, text),
        Ok(Err(why)) => refusal(&why),
        Err(error) => refusal(&Refusal::Failed(format!("the request died: {error}"))),
    }
}

/// A request that has been read.
struct Asked {
    method: Method,
    path: String,
    is_forced: bool,
    body: Bytes,
    descriptors: Vec<OwnedFd>,
}

fn carry_out(service: &Service, asked: Asked) -> Result<Vec<u8>, Refusal> {
    let segments: Option<Vec<String>> =
        asked.path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let segments = segments.ok_or_else(|| Refusal::Wrong("a path that is no text".to_owned()))?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let Some((&VERSION, rest)) = segments.split_first() else {
        return Err(Refusal::Unknown(format!("{} is not there", asked.path)));
    };
    match (&asked.method, rest) {
        (&Method::GET, ["arrays"]) => text(&service.arrays()),
        (&Method::GET, ["arrays", name]) => text(&service.array(name)?),
        (&Method::POST, ["arrays", name]) => {
            text(&service.start(name, &read(&asked.body)?, asked.descriptors)?)
        }
        (&Method::POST, ["arrays", name, "order"]) => {
            text(&service.order(name, read(&asked.body)?, asked.descriptors)?)
        }
        (&Method::DELETE, ["arrays", name]) => text(&service.stop(name, asked.is_forced)?),
        _ => Err(Refusal::Unknown(format!("{} {} is not there", asked.method, asked.path))),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Wrong(error.to_string()))
}

fn text(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|error| Refusal::Failed(error.to_string()))
}

/// A part of a path without `%` escapes; `None` if it is no UTF-8.
fn decoded(part: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(part.len());
    let mut left = part.as_bytes();
    while let Some((first, rest)) = left.split_first() {
        left = rest;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        left = rest.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

fn refusal(why: &Refusal) -> Response<Full<Bytes>> {
    let status = match why {
        Refusal::Wrong(_) => StatusCode::BAD_REQUEST,
        Refusal::Unknown(_) => StatusCode::NOT_FOUND,
        Refusal::Failed(_) => StatusCode::CONFLICT,
    };
    let body = ErrorBody { error: why.to_string() };
    response(status, serde_json::to_vec(&body).unwrap_or_default())
}

fn response(status: StatusCode, body: Vec<u8>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    response
}
