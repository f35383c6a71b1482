//! A client of one NBD export, as small as one can be: one request at a time.
//!
//! The one thing to understand: quickstart must write through the door as any client would, and may
//! not ask for a program that is not there. Every number from the server is checked.

use anyhow::{Context, Result, bail, ensure};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

const OPTION: u64 = 0x4948_4156_454F_5054;
const REQUEST: u32 = 0x2560_9513;
const REPLY: u32 = 0x6744_6698;
const EXPORT_NAME: u32 = 1;
const FIXED_AND_NO_ZEROES: u32 = 3;
/// Bytes of a request.
const PIECE: usize = 1 << 20;

/// What a request is for.
#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
    Leave,
    Flush,
}

/// A connection to an export.
pub(super) struct Client {
    socket: UnixStream,
    /// Bytes of the export.
    pub(super) size: u64,
}

impl Client {
    /// Connects to the export `name` behind a Unix socket.
    pub(super) fn connect(path: &Path, name: &str) -> Result<Self> {
        let mut socket = UnixStream::connect(path)
            .with_context(|| format!("nobody serves at {}", path.display()))?;
        let mut greeting = [0; 18];
        socket.read_exact(&mut greeting).context("the server does not greet")?;
        ensure!(greeting.starts_with(b"NBDMAGICIHAVEOPT"), "the server speaks no NBD");
        let mut hello = FIXED_AND_NO_ZEROES.to_be_bytes().to_vec();
        hello.extend(OPTION.to_be_bytes());
        hello.extend(EXPORT_NAME.to_be_bytes());
        hello.extend(u32::try_from(name.len())?.to_be_bytes());
        hello.extend(name.as_bytes());
        socket.write_all(&hello)?;
        let mut size = [0; 8];
        socket.read_exact(&mut size).with_context(|| format!("there is no export {name:?}"))?;
        socket.read_exact(&mut [0; 2])?;
        Ok(Self { socket, size: u64::from_be_bytes(size) })
    }

    /// Writes `content` from byte 0 on, and flushes.
    pub(super) fn write(&mut self, content: &[u8]) -> Result<()> {
        let mut at = 0;
        for piece in content.chunks(PIECE) {
            self.ask(Kind::Write, at, piece.len(), piece)?;
            at += u64::try_from(piece.len())?;
        }
        self.ask(Kind::Flush, 0, 0, &[])
    }

    /// Reads the first `bytes` bytes.
    pub(super) fn read(&mut self, bytes: usize) -> Result<Vec<u8>> {
        let mut content = vec![0; bytes];
        let mut at = 0;
        for piece in content.chunks_mut(PIECE) {
            self.ask(Kind::Read, at, piece.len(), &[])?;
            self.socket.read_exact(piece)?;
            at += u64::try_from(piece.len())?;
        }
        Ok(content)
    }

    /// Says goodbye.
    pub(super) fn leave(mut self) -> Result<()> {
        self.send(Kind::Leave, 0, 0, &[])?;
        // The server closes when it has understood.
        let _ = self.socket.read(&mut [0; 1]);
        Ok(())
    }

    fn send(&mut self, kind: Kind, at: u64, bytes: usize, payload: &[u8]) -> Result<()> {
        let mut request = REQUEST.to_be_bytes().to_vec();
        let kind: u16 = match kind {
            Kind::Read => 0,
            Kind::Write => 1,
            Kind::Leave => 2,
            Kind::Flush => 3,
        };
        request.extend([0; 2]);
        request.extend(kind.to_be_bytes());
        request.extend(at.to_be_bytes());
        request.extend(at.to_be_bytes());
        request.extend(u32::try_from(bytes)?.to_be_bytes());
        self.socket.write_all(&request)?;
        self.socket.write_all(payload)?;
        Ok(())
    }

    fn ask(&mut self, kind: Kind, at: u64, bytes: usize, payload: &[u8]) -> Result<()> {
        self.send(kind, at, bytes, payload)?;
        let mut reply = [0; 16];
        self.socket.read_exact(&mut reply).context("the server closed the connection")?;
        let mut expected = REPLY.to_be_bytes().to_vec();
        expected.extend([0; 4]);
        expected.extend(at.to_be_bytes());
        if reply != expected.as_slice() {
            bail!("the server answers a request at byte {at} with an error or out of order");
        }
        Ok(())
    }
}
