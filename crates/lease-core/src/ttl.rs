//! How long: durations as people write them, and what of them is granted.

use std::fmt;
use std::str::FromStr;

use chrono::TimeDelta;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The shortest lifetime the API server grants a token (`TokenRequestSpec.expirationSeconds`).
///
/// Less is refused there as invalid. A token that is bound to nothing cannot be ended early either,
/// so no lease of one may be shorter.
pub const MIN_TOKEN_TTL: Ttl = Ttl(10 * MINUTE);

/// The shortest lease of an account whose token can be ended early.
///
/// For ten seconds the API server accepts a token again that it has just accepted (its
/// `TokenSuccessCacheTTL`), also once the account is gone. A shorter lease would be shorter in name only.
pub const MIN_LEASE_TTL: Ttl = Ttl(10);

/// The longest lifetime any lease is given: 768 hours, which operators know from Vault's system maximum.
pub const MAX_TTL: Ttl = Ttl(768 * HOUR);

/// A positive number of whole seconds, written `90s`, `15m`, `1h30m`, `2d`, or as the number itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(u32);

/// Why a text or number is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a duration is a positive number of whole seconds or is written like `90s`, `15m`, `1h30m` or `2d`"
)]
pub struct DurationError;

/// Why a lifetime is not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TtlError {
    /// Longer than the maximum.
    #[error("a ttl of {asked} is more than the maximum of {max}")]
    TooLong {
        /// The lifetime that was asked for.
        asked: Ttl,
        /// The most that would be granted.
        max: Ttl,
    },
    /// Shorter than such a lease can be made to be.
    #[error("a ttl of {asked} is less than {min}, the minimum for such a lease")]
    TooShort {
        /// The lifetime that was asked for.
        asked: Ttl,
        /// The least that would be granted.
        min: Ttl,
    },
}

impl Ttl {
    /// A second.
    pub const SECOND: Ttl = Ttl(1);

    /// An hour.
    pub const HOUR: Ttl = Ttl(HOUR);

    /// A day.
    pub const DAY: Ttl = Ttl(DAY);

    /// A year.
    pub const YEAR: Ttl = Ttl(365 * DAY);

    /// Grants what was asked for, or `default` if nothing was, within [`MIN_TOKEN_TTL`] and `max`.
    ///
    /// # Errors
    /// Refuses what lies outside; it never shortens in silence.
    pub fn grant_ttl(asked: Option<Ttl>, default: Ttl, max: Ttl) -> Result<Ttl, TtlError> {
        let asked = asked.unwrap_or(default);
        if asked > max {
            Err(TtlError::TooLong { asked, max })
        } else if asked < MIN_TOKEN_TTL {
            Err(TtlError::TooShort { asked, min: MIN_TOKEN_TTL })
        } else {
            Ok(asked)
        }
    }

    /// A number of whole seconds, if it is positive and below 136 years.
    ///
    /// # Errors
    /// Fails for zero, negatives, and what does not fit.
    pub fn from_seconds(seconds: i64) -> Result<Ttl, DurationError> {
        u32::try_from(seconds).ok().filter(|&s| s > 0).map(Ttl).ok_or(DurationError)
    }

    /// The seconds to ask a token for that is to live this long.
    ///
    /// Less than [`MIN_TOKEN_TTL`] would be refused: a shorter lease is ended by deleting what its token
    /// is bound to.
    #[must_use]
    pub fn token_seconds(self) -> u32 {
        self.max(MIN_TOKEN_TTL).0
    }

    /// The number of seconds, never zero.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        self.0
    }
}

impl From<Ttl> for TimeDelta {
    fn from(ttl: Ttl) -> TimeDelta {
        TimeDelta::seconds(i64::from(ttl.0))
    }
}

impl FromStr for Ttl {
    type Err = DurationError;

    /// Reads `1h30m`: numbers with units, each unit at most once and the larger first; or bare seconds.
    fn from_str(text: &str) -> Result<Ttl, DurationError> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Ttl::from_seconds(text.parse().map_err(|_| DurationError)?);
        }
        let mut rest = text;
        let mut total: u32 = 0;
        for (unit, seconds) in UNITS {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let Some(after) = rest[digits..].strip_prefix(unit) else { continue };
            let count: u32 = rest[..digits].parse().map_err(|_| DurationError)?;
            total = count
                .checked_mul(seconds)
                .and_then(|part| total.checked_add(part))
                .ok_or(DurationError)?;
            rest = after;
        }
        if rest.is_empty() { Ttl::from_seconds(i64::from(total)) } else { Err(DurationError) }
    }
}

impl fmt::Display for Ttl {
    /// Writes as people do: a single day stays `24h`, whole days beyond it are `2d`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest.is_multiple_of(DAY) && rest > DAY {
            return write!(f, "{}d", rest / DAY);
        }
        for (unit, seconds) in &UNITS[1..] {
            if rest >= *seconds {
                write!(f, "{}{unit}", rest / seconds)?;
            }
            rest %= seconds;
        }
        Ok(())
    }
}

impl Serialize for Ttl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ttl, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Ttl;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration like `1h30m` or a whole number of seconds")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Ttl, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Ttl, E> {
                Ttl::from_seconds(seconds).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Ttl, E> {
                i64::try_from(seconds).map_err(E::custom).and_then(|s| self.visit_i64(s))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

const MINUTE: u32 = 60;
const HOUR: u32 = 60 * MINUTE;
const DAY: u32 = 24 * HOUR;

/// The units, the largest first, which is the order they are written in.
const UNITS: [(&str, u32); 4] = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_people_do() {
        for (text, seconds, written) in [
            ("90s", 90, "1m30s"),
            ("15m", 900, "15m"),
            ("1h30m", 5400, "1h30m"),
            ("24h", 86_400, "24h"),
            ("1d", 86_400, "24h"),
            ("2d", 172_800, "2d"),
            ("1d1s", 86_401, "24h1s"),
            ("600", 600, "10m"),
            ("768h", 2_764_800, "32d"),
        ] {
            let ttl: Ttl = text.parse().unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(ttl.as_secs(), seconds, "{text}");
            assert_eq!(ttl.to_string(), written, "{text}");
            assert_eq!(ttl.to_string().parse(), Ok(ttl), "{text} written and read again");
        }
    }

    #[test]
    fn what_is_not_a_duration_is_refused() {
        for text in [
            "",
            "0",
            "0s",
            "h",
            "1x",
            "1 h",
            " 1h",
            "-1h",
            "+1h",
            "1.5h",
            "1h1h",
            "30m1h",
            "1H",
            "٣h",
            "4294967296",
            "200000d",
            "99999999999999999999s",
            "1h30",
            "e",
            "1e3",
        ] {
            assert_eq!(text.parse::<Ttl>(), Err(DurationError), "{text:?}");
        }
    }

    #[test]
    fn json_may_hold_text_or_whole_seconds() {
        for (json, seconds) in [
            (r#""1h""#, Some(3600)),
            ("3600", Some(3600)),
            ("0", None),
            ("-5", None),
            ("1.5", None),
            ("null", None),
            ("true", None),
            ("18446744073709551615", None),
            (r#""soon""#, None),
        ] {
            let ttl = serde_json::from_str::<Ttl>(json).ok().map(Ttl::as_secs);
            assert_eq!(ttl, seconds, "{json}");
        }
    }

    #[test]
    fn a_token_is_never_asked_for_less_than_kubernetes_gives() {
        for (ttl, asked) in [(1, 600), (10, 600), (599, 600), (600, 600), (601, 601), (7200, 7200)]
        {
            assert_eq!(Ttl(ttl).token_seconds(), asked, "{ttl} s");
        }
    }

    #[test]
    fn a_lease_never_outlives_its_dynamic_secret() {
        // minutes: asked for, the default, the maximum => granted, or refused
        for (asked, default, max, granted) in [
            (None, 15, 60, Some(15)),
            (Some(30), 15, 60, Some(30)),
            (Some(60), 15, 60, Some(60)),
            (Some(61), 15, 60, None),
            (Some(10), 15, 60, Some(10)),
            (Some(9), 15, 60, None),
        ] {
            let minutes = |m: u32| Ttl(m * MINUTE);
            let ttl = Ttl::grant_ttl(asked.map(minutes), minutes(default), minutes(max)).ok();
            assert_eq!(ttl, granted.map(minutes), "asked {asked:?}, default {default}, max {max}");
        }
    }
}
