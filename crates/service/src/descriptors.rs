//! Descriptors beside bytes on a Unix socket (`SCM_RIGHTS`).
//!
//! The one thing to understand: the kernel glues descriptors to a byte of the stream. The sender
//! glues them to the first bytes of its request, so that they are all there when the request has
//! been read; HTTP itself knows nothing of them.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

/// Descriptors that the kernel takes with one message.
const AT_ONCE: usize = 253;
/// The most that one connection may pass.
pub(crate) const MOST: usize = 1024;

/// What a connection has passed and nobody has taken yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Arc<Mutex<Vec<OwnedFd>>>);

impl Passed {
    /// Takes all, in the order in which they were sent.
    pub(crate) fn take(&self) -> Vec<OwnedFd> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, more: impl Iterator<Item = OwnedFd>) -> io::Result<()> {
        let mut passed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passed.extend(more);
        if passed.len() > MOST {
            passed.clear();
            return Err(io::Error::other("more descriptors than one request may pass"));
        }
        Ok(())
    }
}

/// A connection from which descriptors are received.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: tokio::net::UnixStream,
    passed: Passed,
}

impl Stream {
    pub(crate) fn new(socket: tokio::net::UnixStream) -> (Self, Passed) {
        let passed = Passed::default();
        (Self { socket, passed: passed.clone() }, passed)
    }

    fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut slices = [IoSliceMut::new(into)];
        let received = recvmsg(&self.socket, &mut slices, &mut beside, RecvFlags::CMSG_CLOEXEC)?;
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.passed.add(descriptors)?;
            }
        }
        Ok(received.bytes)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.socket.poll_read_ready(context))?;
            let space = into.initialize_unfilled();
            match self.socket.try_io(Interest::READABLE, || self.receive(space)) {
                Ok(bytes) => {
                    into.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Sends `bytes` with `descriptors` glued to the first of them.
pub(crate) fn send(
    socket: &UnixStream,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let mut left = bytes;
    for some in descriptors.chunks(AT_ONCE) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
        let mut beside = SendAncillaryBuffer::new(&mut space);
        if !beside.push(SendAncillaryMessage::ScmRights(some)) {
            return Err(io::Error::other("too many descriptors at once"));
        }
        let one = left.get(..1).ok_or_else(|| io::Error::other("a request too short"))?;
        let sent = sendmsg(socket, &[IoSlice::new(one)], &mut beside, SendFlags::NOSIGNAL)?;
        left = left.get(sent..).unwrap_or_default();
    }
    while !left.is_empty() {
        let mut nothing = SendAncillaryBuffer::default();
        let sent = sendmsg(socket, &[IoSlice::new(left)], &mut nothing, SendFlags::NOSIGNAL)?;
        left = left.get(sent..).unwrap_or_default();
    }
    Ok(())
}
