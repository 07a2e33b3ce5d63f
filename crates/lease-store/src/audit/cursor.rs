//! Where the next page of events, or the next part of a verification, begins.

use std::fmt;
use std::str::FromStr;

use lease_core::{AuditLogId, AuditSlot};

/// The beginning of the next page: in each log that has more, the number to be looked at next.
///
/// It is opaque to clients. Its text is safe in a URL, and some ten letters for each log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCursor {
    pub(super) streams: Vec<LogPosition>,
}

/// A place in one log, which is read from its newest number down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogPosition {
    pub(super) log: AuditLogId,
    pub(super) number: u64,
    /// The slot to go on with, if a page ended between the events of one lease.
    pub(super) slot: Option<AuditSlot>,
}

/// The beginning of the next part of a verification. It is opaque to clients, and safe in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditVerifyCursor {
    pub(super) log: AuditLogId,
    pub(super) number: u64,
    /// The first of the numbers before, if they all have no event.
    pub(super) absent_from: Option<u64>,
}

/// A text that is no cursor of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cursor does not come from an earlier answer")]
pub struct AuditCursorError;

impl fmt::Display for AuditCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, LogPosition { log, number, slot }) in self.streams.iter().enumerate() {
            if index > 0 {
                f.write_str("_")?;
            }
            write!(f, "{log}-{number}")?;
            match slot {
                None | Some(AuditSlot::Only) => {}
                Some(AuditSlot::End) => f.write_str("-e")?,
                Some(AuditSlot::Closing) => f.write_str("-c")?,
                Some(AuditSlot::Renewal(renewal)) => write!(f, "-r{renewal}")?,
                Some(AuditSlot::Issue) => f.write_str("-i")?,
            }
        }
        Ok(())
    }
}

impl FromStr for AuditCursor {
    type Err = AuditCursorError;

    fn from_str(text: &str) -> Result<Self, AuditCursorError> {
        if text.len() > MAX_CURSOR_BYTES {
            return Err(AuditCursorError);
        }
        let streams = text.split('_').map(str::parse);
        Ok(Self { streams: streams.collect::<Result<_, _>>()? })
    }
}

impl FromStr for LogPosition {
    type Err = AuditCursorError;

    fn from_str(text: &str) -> Result<Self, AuditCursorError> {
        let mut parts = text.split('-');
        let (Some(log), Some(at), slot, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuditCursorError);
        };
        let log: AuditLogId = log.parse().map_err(|_| AuditCursorError)?;
        let slot = match (log, slot) {
            (_, None) => None,
            (AuditLogId::Leases(_), Some("e")) => Some(AuditSlot::End),
            (AuditLogId::Leases(_), Some("c")) => Some(AuditSlot::Closing),
            (AuditLogId::Leases(_), Some("i")) => Some(AuditSlot::Issue),
            (AuditLogId::Leases(_), Some(slot)) => {
                let renewal = slot.strip_prefix('r').ok_or(AuditCursorError)?;
                Some(AuditSlot::Renewal(parse_number(renewal)?))
            }
            _ => return Err(AuditCursorError),
        };
        Ok(Self { log, number: parse_number(at)?, slot })
    }
}

impl fmt::Display for AuditVerifyCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, number, absent_from } = self;
        write!(f, "{log}-{number}")?;
        absent_from.map_or(Ok(()), |first| write!(f, "-{first}"))
    }
}

impl FromStr for AuditVerifyCursor {
    type Err = AuditCursorError;

    fn from_str(text: &str) -> Result<Self, AuditCursorError> {
        let mut parts = text.split('-');
        let (Some(log), Some(at), first, None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AuditCursorError);
        };
        Ok(Self {
            log: log.parse().map_err(|_| AuditCursorError)?,
            number: parse_number(at)?,
            absent_from: first.map(parse_number).transpose()?,
        })
    }
}

/// A number from 1 on.
fn parse_number(text: &str) -> Result<u64, AuditCursorError> {
    text.parse().ok().filter(|number| *number > 0).ok_or(AuditCursorError)
}

/// The longest text that is read: a request's head has no room for more.
const MAX_CURSOR_BYTES: usize = 60_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for text in ["audit-17", "audit-17_3-42", "3-42-r5", "3-42-e_4-1", "3-1-c", "3-1-i"] {
            let cursor: AuditCursor = text.parse().expect(text);
            assert_eq!(cursor.to_string(), text);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
        }
        for text in ["audit-17", "3-42", "3-42-7"] {
            let cursor: AuditVerifyCursor = text.parse().expect(text);
            assert_eq!(cursor.to_string(), text);
        }
        let long = "1-1_".repeat(20_000);
        for text in [
            "",
            "audit",
            "audit-0",
            "audit-x",
            "audit-1-e",
            "3-1-r",
            "3-1-r0",
            "x-1",
            "3-1-e-e",
            &long,
        ] {
            assert_eq!(text.parse::<AuditCursor>(), Err(AuditCursorError), "{text:.40}");
        }
        for text in ["", "3", "3-0", "3-1-0", "3-1-x", "3-1-1-1"] {
            assert_eq!(text.parse::<AuditVerifyCursor>(), Err(AuditCursorError), "{text}");
        }
    }
}
