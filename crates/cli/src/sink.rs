//! Where a copy goes: a file that stays sparse, or standard output.

use anyhow::{Context, Result, bail};
use paritas_disk::Span;
use paritas_manage::copy::Sink;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

/// A file. Holes are skipped in a regular file, and written out on anything else.
#[derive(Debug)]
pub(crate) struct FileSink {
    file: File,
    position: u64,
    is_regular: bool,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct StreamSink(pub io::StdoutLock<'static>);

impl FileSink {
    /// Makes the file `out`.
    ///
    /// # Errors
    /// It is one of the members (by inode, always refused), or it exists and `may_overwrite` is not
    /// given.
    pub(crate) fn create(out: &str, may_overwrite: bool, members: &[Option<Span>]) -> Result<Self> {
        match std::fs::metadata(out) {
            Ok(found) => {
                let is_device = found.file_type().is_block_device();
                let (device, inode) =
                    if is_device { (found.rdev(), 0) } else { (found.dev(), found.ino()) };
                if members.iter().flatten().any(|m| m.device == device && m.inode == inode) {
                    bail!(
                        "OUT {out} is one of the members, and a copy would destroy it\n\
                         next: name a file that does not exist"
                    );
                }
                if !may_overwrite {
                    bail!(
                        "OUT {out} exists ({} bytes), and a copy would replace it\n\
                         next: name another file, or give --overwrite-out",
                        found.len()
                    );
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot look at OUT {out}")),
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .create_new(!may_overwrite)
            .mode(0o600)
            .open(out)
            .with_context(|| format!("cannot make OUT {out}"))?;
        let is_regular = file.metadata()?.is_file();
        if is_regular {
            file.set_len(0).with_context(|| format!("cannot empty OUT {out}"))?;
        }
        Ok(Self { file, position: 0, is_regular })
    }
}

impl Sink for FileSink {
    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn zeroes(&mut self, bytes: u64) -> io::Result<()> {
        self.position += bytes;
        if self.is_regular {
            self.file.seek(SeekFrom::Start(self.position)).map(|_| ())
        } else {
            write_zeroes(&mut self.file, bytes)
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_regular {
            self.file.set_len(self.position)?;
        }
        self.file.sync_all()
    }
}

impl Sink for StreamSink {
    fn data(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn zeroes(&mut self, bytes: u64) -> io::Result<()> {
        write_zeroes(&mut self.0, bytes)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn write_zeroes(to: &mut dyn Write, mut bytes: u64) -> io::Result<()> {
    static ZEROES: [u8; 64 << 10] = [0; 64 << 10];
    while bytes > 0 {
        let now = bytes.min(ZEROES.len() as u64);
        to.write_all(&ZEROES[..usize::try_from(now).unwrap_or(ZEROES.len())])?;
        bytes -= now;
    }
    Ok(())
}
