//! Progress of long work: a bar on a terminal, plain lines elsewhere, nothing when quiet.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Shows how far work in bytes has come.
#[derive(Debug)]
pub(crate) enum Progress {
    /// A bar with rate and time left.
    Bar(ProgressBar),
    /// A line every ten seconds.
    Lines {
        /// What is done.
        what: String,
        /// All of it, in bytes.
        total: u64,
        /// When the last line was printed.
        last: Instant,
    },
    /// Nothing.
    Quiet,
}

/// Time between two plain lines.
const EVERY: Duration = Duration::from_secs(10);

impl Progress {
    /// Progress of `what` over `total` bytes, on standard error.
    pub(crate) fn new(what: &str, total: u64, is_quiet: bool) -> Self {
        if is_quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            return Self::Lines { what: what.to_owned(), total, last: Instant::now() };
        }
        let template = "{msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left";
        let style = ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        bar.set_style(style);
        bar.set_message(what.to_owned());
        Self::Bar(bar)
    }

    /// `done` bytes are done.
    pub(crate) fn at(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.set_position(done),
            Self::Lines { what, total, last } if last.elapsed() >= EVERY => {
                *last = Instant::now();
                let percent = u128::from(done) * 100 / u128::from((*total).max(1));
                eprintln!("{what}: {percent}% ({done} of {total} bytes)");
            }
            Self::Lines { .. } | Self::Quiet => {}
        }
    }

    /// The work has ended; the bar is taken away.
    pub(crate) fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}
