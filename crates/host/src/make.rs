//! Making new image files.
//!
//! The one thing to understand: a new file is made exclusively, so nothing that is there is ever
//! touched, and only its owner may read it.

use crate::PathOpener;
use paritas_disk::{Access, Disk, Maker, OpenError, Opener};
use rustix::fs::{AtFlags, CWD};
use rustix::fs::{Mode, OFlags, ftruncate, linkat, open, unlink};
use rustix::io::Errno;
use std::path::Path;
use std::sync::Arc;

impl Maker for PathOpener<'_> {
    fn create(&self, path: &str, bytes: u64) -> Result<Arc<dyn Disk>, OpenError> {
        let error = |errno: Errno| OpenError { word: path.to_owned(), why: cannot_make(errno) };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let file = open(Path::new(path), flags, Mode::RUSR | Mode::WUSR).map_err(error)?;
        let made = ftruncate(&file, bytes).map_err(error);
        drop(file);
        let opened = made.and_then(|()| self.open(path, Access::Write));
        if opened.is_err() {
            // It was made a moment ago and holds nothing; the error that is reported matters more.
            let _ = unlink(Path::new(path));
        }
        opened
    }

    fn link(&self, path: &str, link: &str) -> Result<(), OpenError> {
        let linked = linkat(CWD, Path::new(path), CWD, Path::new(link), AtFlags::empty());
        linked.map_err(|errno| OpenError { word: link.to_owned(), why: cannot_make(errno) })
    }
}

fn cannot_make(errno: Errno) -> String {
    match errno {
        Errno::EXIST => "there is a file of that name already; move it, or choose another \
                         directory"
            .to_owned(),
        Errno::NOENT | Errno::NOTDIR => "there is no such directory; make it first".to_owned(),
        Errno::ACCESS | Errno::PERM => "you may not make files there".to_owned(),
        Errno::FBIG => "its file system does not take files so large".to_owned(),
        errno => errno.to_string(),
    }
}
