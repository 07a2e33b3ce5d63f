//! Progress of what takes long: a line on a terminal, and nothing anywhere else.

use std::io::IsTerminal;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::output::write_stderr;

/// A line that tells a person what is waited for. It goes when this is dropped.
pub struct Progress(Option<(Sender<()>, JoinHandle<()>)>);

impl Progress {
    /// Shows `doing` from now on, once it has taken longer than a person takes for an answer at once.
    pub fn show_after_delay(doing: impl Into<String>) -> Self {
        // A dumb terminal cannot take a line back.
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if is_dumb || !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let doing = doing.into();
        let (stop, stopped) = channel::<()>();
        let line = thread::spawn(move || {
            if stopped.recv_timeout(DISPLAY_DELAY) == Err(RecvTimeoutError::Timeout) {
                write_stderr(format_args!("{doing} …"));
                let _ = stopped.recv();
                write_stderr("\r\u{1b}[K");
            }
        });
        Self(Some((stop, line)))
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, line)) = self.0.take() {
            drop(stop);
            // It has taken its line back when it ends; what is printed next must not come before that.
            let _ = line.join();
        }
    }
}

const DISPLAY_DELAY: Duration = Duration::from_millis(500);
