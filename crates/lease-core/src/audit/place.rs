//! Where an audit event is kept: in which log, under which number, and what of that number it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The place of an event. Its text is the id of the event, and part of its key and of what its MAC is over.
///
/// The text is `audit.NUMBER` in the general log, and `LOG.NUMBER.SLOT` for a lease, such as `3.17.renewal.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AuditPlace {
    /// The log.
    pub log: AuditLogId,
    /// The number in the log.
    pub number: u64,
    /// The slot of the event under that number.
    pub slot: AuditSlot,
}

/// A log of audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditLogId {
    /// The log of all that is about no lease.
    General,
    /// The log of the leases of one dynamic secret, by the number of that. A lease's events have the lease's number.
    Leases(u64),
}

/// The slots of a number's events, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditSlot {
    /// The one event of a number in the general log.
    Only,
    /// The issue of a lease.
    Issue,
    /// A renewal, by its number.
    Renewal(u64),
    /// The decision to revoke a lease, which could not be done at once.
    Closing,
    /// The end of a lease, whoever has ended it.
    End,
}

/// A text that names no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an audit event's id is `audit.NUMBER` or `LOG.NUMBER.SLOT`")]
pub struct AuditPlaceError;

impl AuditPlace {
    /// The place of a number in the general log.
    #[must_use]
    pub fn in_general_log(number: u64) -> Self {
        Self { log: AuditLogId::General, number, slot: AuditSlot::Only }
    }

    /// The place of an event of the lease that has a number in a log.
    #[must_use]
    pub fn of_lease(log: u64, number: u64, slot: AuditSlot) -> Self {
        Self { log: AuditLogId::Leases(log), number, slot }
    }
}

impl fmt::Display for AuditLogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AuditLogId::General => f.write_str("audit"),
            AuditLogId::Leases(log) => write!(f, "{log}"),
        }
    }
}

impl FromStr for AuditLogId {
    type Err = AuditPlaceError;

    fn from_str(text: &str) -> Result<Self, AuditPlaceError> {
        if text == "audit" {
            Ok(Self::General)
        } else {
            Ok(Self::Leases(parse_canonical_number(text)?))
        }
    }
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { log, number, slot } = self;
        match slot {
            AuditSlot::Only => write!(f, "{log}.{number}"),
            AuditSlot::Issue => write!(f, "{log}.{number}.issue"),
            AuditSlot::Renewal(renewal) => write!(f, "{log}.{number}.renewal.{renewal}"),
            AuditSlot::Closing => write!(f, "{log}.{number}.closing"),
            AuditSlot::End => write!(f, "{log}.{number}.end"),
        }
    }
}

impl FromStr for AuditPlace {
    type Err = AuditPlaceError;

    fn from_str(text: &str) -> Result<Self, AuditPlaceError> {
        let mut parts = text.split('.');
        let (Some(log), Some(at)) = (parts.next(), parts.next()) else {
            return Err(AuditPlaceError);
        };
        let (log, at) = (log.parse()?, parse_canonical_number(at)?);
        let slot = match (log, parts.next(), parts.next(), parts.next()) {
            (AuditLogId::General, None, None, None) => AuditSlot::Only,
            (AuditLogId::Leases(_), Some("issue"), None, None) => AuditSlot::Issue,
            (AuditLogId::Leases(_), Some("closing"), None, None) => AuditSlot::Closing,
            (AuditLogId::Leases(_), Some("end"), None, None) => AuditSlot::End,
            (AuditLogId::Leases(_), Some("renewal"), Some(renewal), None) => {
                AuditSlot::Renewal(parse_canonical_number(renewal)?)
            }
            _ => return Err(AuditPlaceError),
        };
        Ok(Self { log, number: at, slot })
    }
}

impl TryFrom<String> for AuditPlace {
    type Error = AuditPlaceError;

    fn try_from(text: String) -> Result<Self, AuditPlaceError> {
        text.parse()
    }
}

impl From<AuditPlace> for String {
    fn from(place: AuditPlace) -> Self {
        place.to_string()
    }
}

/// A number from 1 on, in its one spelling: it becomes part of keys.
fn parse_canonical_number(text: &str) -> Result<u64, AuditPlaceError> {
    let is_canonical = !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| is_canonical).ok_or(AuditPlaceError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_one_text_and_no_other_place_has_it() {
        let slots = [AuditSlot::Issue, AuditSlot::Renewal(2), AuditSlot::Closing, AuditSlot::End];
        let mut places = vec![AuditPlace::in_general_log(7), AuditPlace::in_general_log(u64::MAX)];
        places.extend(slots.map(|slot| AuditPlace::of_lease(3, 17, slot)));
        places.extend(slots.map(|slot| AuditPlace::of_lease(31, 7, slot)));
        for (index, place) in places.iter().enumerate() {
            assert_eq!(place.to_string().parse(), Ok(*place), "{place}");
            let others = places[..index].iter();
            assert!(others.map(ToString::to_string).all(|other| other != place.to_string()));
        }
        for text in [
            "",
            "audit",
            "audit.",
            "audit.0",
            "audit.07",
            "audit.+7",
            "audit.7.end",
            "3.17",
            "3.17.start",
            "3.17.end.1",
            "3.17.renewal",
            "3.17.renewal.2.3",
            "0.17.end",
            "x.17.end",
            "audit.18446744073709551616",
        ] {
            assert_eq!(text.parse::<AuditPlace>(), Err(AuditPlaceError), "{text:?}");
        }
    }
}
