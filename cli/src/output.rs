//! What is printed: tables, times, JSON.

use std::fmt::{Display, Write as _};
use std::io::{self, ErrorKind, Write as _};

use chrono::{DateTime, TimeDelta, Utc};
use kubelease_client::replace_control_characters;
use serde::Serialize;

use crate::failure::Failure;

/// Prints text as it is. A reader that has seen enough, such as `head`, is no failure.
pub fn print_text(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::io_error("print the result", &error))
        }
        _ => Ok(()),
    }
}

/// Writes text to standard error. One that is closed or full stops nothing: a lease must still be revoked, a command ended.
pub fn write_stderr(text: impl Display) {
    let mut stderr = io::stderr().lock();
    let _ = write!(stderr, "{text}").and_then(|()| stderr.flush());
}

/// Writes a line to standard error, by [`write_stderr`].
macro_rules! notify {
    ($($part:tt)*) => {
        $crate::output::write_stderr(format_args!("{}\n", format_args!($($part)*)))
    };
}
pub(crate) use notify;

/// Prints JSON, indented.
pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value);
    let json = json.map_err(|error| Failure::local_error(error.to_string()))?;
    print_text(&(escape_controls(&json) + "\n"))
}

/// Returns the same JSON with all control characters as escapes.
///
/// A text of a server could else move the cursor of a terminal, or rewrite what stands there.
pub fn escape_controls(json: &str) -> String {
    let mut escaped = String::new();
    for character in json.chars() {
        // The line ends are ours: those within texts are escaped already.
        if character == '\n'
            || replace_control_characters(character.encode_utf8(&mut [0; 4])) != "\u{fffd}"
        {
            escaped.push(character);
        } else {
            let _ = write!(escaped, "\\u{:04x}", u32::from(character));
        }
    }
    escaped
}

/// Returns rows as a table in the manner of kubectl: columns of text, three spaces apart.
pub fn format_table<const N: usize>(rows: &[[String; N]]) -> String {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| replace_control_characters(cell).into_owned()))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.extend([cell.as_str(), &" ".repeat(width - cell.chars().count() + 3)]);
        }
        text.extend([line.trim_end(), "\n"]);
    }
    text
}

/// Returns a time as seen from now: `in 14m`, `3h ago`.
pub fn format_relative(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let distance = time - now;
    if distance >= TimeDelta::zero() {
        format!("in {}", format_duration(distance))
    } else {
        format!("{} ago", format_duration(-distance))
    }
}

/// Returns the two largest units that say something, as kubectl shows ages.
fn format_duration(distance: TimeDelta) -> String {
    let seconds = distance.num_seconds();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 if seconds % 60 != 0 => format!("{minutes}m{}s", seconds % 60),
        120..10800 => format!("{minutes}m"),
        10800..28800 if minutes % 60 != 0 => format!("{hours}h{}m", minutes % 60),
        10800..172_800 => format!("{hours}h"),
        172_800..691_200 if hours % 24 != 0 => format!("{days}d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn times_are_as_kubectl_shows_them() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, shown) in [
            (0, "in 0s"),
            (119, "in 119s"),
            (120, "in 2m"),
            (150, "in 2m30s"),
            (840, "in 14m"),
            (3600, "in 60m"),
            (10_860, "in 3h1m"),
            (86_400, "in 24h"),
            (176_400, "in 2d1h"),
            (864_000, "in 10d"),
            (-30, "30s ago"),
        ] {
            assert_eq!(format_relative(now + TimeDelta::seconds(seconds), now), shown);
        }
    }

    #[test]
    fn json_has_no_control_characters_and_says_the_same() {
        let text = "a\u{1b}[2J\u{9b}\u{202e}é\u{7f}\n";
        let json = escape_controls(&format!("{:#}", json!({ "text": text })));
        assert_eq!(json, "{\n  \"text\": \"a\\u001b[2J\\u009b\\u202eé\\u007f\\n\"\n}");
        assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["text"], text);
    }

    #[test]
    fn a_table_has_columns_and_no_control_characters() {
        let rows = [["ID", "STATE"], ["0123", "active"], ["4", "a\u{1b}[2J"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(format_table(&rows), "ID     STATE\n0123   active\n4      a\u{fffd}[2J\n");
    }
}
