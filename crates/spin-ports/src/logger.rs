//! Logs: one line a record, on the standard error stream, which Spin keeps by component.

use std::io::Write;

use chrono::{SecondsFormat, Utc};
use log::{LevelFilter, Log, Metadata, Record};

/// Sends what is logged to the standard error stream.
pub fn install_stderr_logger() {
    // Fails if it was done before in this instance, as a component with several entries might.
    if log::set_logger(&StderrLogger).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

struct StderrLogger;

impl Log for StderrLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    #[expect(clippy::disallowed_methods, reason = "a log line tells when it was written")]
    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let (level, target, told) = (record.level(), record.target(), record.args().to_string());
        // In one piece: others write to the same place. Nobody can be told that it does not work.
        let line = format!("{time} {level} {target}: {}\n", escape_control_characters(&told));
        _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// The text with its control characters escaped, so that what others say cannot look like our lines.
fn escape_control_characters(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}
