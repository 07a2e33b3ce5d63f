//! For how long leases are given, where they may end before their token does.

use serde::{Deserialize, Serialize};

use crate::{MIN_LEASE_TTL, MIN_TOKEN_TTL, Ttl, TtlError};

/// The lifetime of leases that ask for none, and the longest that any may ask for.
///
/// The installation's maximum (`most`) is an argument wherever it counts, and no part of what is stored:
/// an operator who lowers it means it from then on, and must not make definitions unreadable by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawLifetimes", into = "RawLifetimes")]
pub struct Lifetimes {
    default_ttl: Ttl,
    max_ttl: Ttl,
}

/// Why lifetimes are not kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LifetimesError {
    /// The maximum is over the installation's own.
    #[error("`max_ttl` {max} is more than {most}, the maximum of this installation")]
    MaxTooLong {
        /// The maximum.
        max: Ttl,
        /// The installation's own.
        most: Ttl,
    },
    /// A lease by default would be refused as too long.
    #[error("`default_ttl` {default} is more than `max_ttl` {max}")]
    DefaultOverMax {
        /// The default.
        default: Ttl,
        /// The maximum.
        max: Ttl,
    },
    /// A lease by default could not end in time.
    #[error("`default_ttl` {0} is less than the minimum of {MIN_LEASE_TTL}")]
    DefaultTooShort(Ttl),
    /// A lease by default would be shorter than its token, which nothing could end.
    #[error(
        "`default_ttl` {0} is less than {MIN_TOKEN_TTL}, the shortest lifetime of a Kubernetes \
         token; leases that cannot be revoked need at least that"
    )]
    DefaultOutlived(Ttl),
}

impl Lifetimes {
    /// Lifetimes that hold together, within the installation's maximum.
    ///
    /// `revocable` says whether a lease's token can be ended early.
    ///
    /// # Errors
    /// Names the field that does not fit, and what would.
    pub fn new(
        default_ttl: Ttl,
        max_ttl: Ttl,
        revocable: bool,
        most: Ttl,
    ) -> Result<Self, LifetimesError> {
        if max_ttl > most {
            return Err(LifetimesError::MaxTooLong { max: max_ttl, most });
        }
        let lifetimes = Self::from_stored(default_ttl, max_ttl)?;
        if default_ttl < min_lease_ttl(revocable) {
            return Err(LifetimesError::DefaultOutlived(default_ttl));
        }
        Ok(lifetimes)
    }

    /// Checks the rules that hold for all lifetimes.
    fn from_stored(default_ttl: Ttl, max_ttl: Ttl) -> Result<Self, LifetimesError> {
        if default_ttl > max_ttl {
            Err(LifetimesError::DefaultOverMax { default: default_ttl, max: max_ttl })
        } else if default_ttl < MIN_LEASE_TTL {
            Err(LifetimesError::DefaultTooShort(default_ttl))
        } else {
            Ok(Self { default_ttl, max_ttl })
        }
    }

    /// The lifetime of a lease: what is asked for, or the default, within the maxima.
    ///
    /// # Errors
    /// Refuses what was asked for and lies outside. Only a default is shortened, where the installation's
    /// maximum was lowered below it.
    pub fn grant_ttl(
        &self,
        asked: Option<Ttl>,
        revocable: bool,
        most: Ttl,
    ) -> Result<Ttl, TtlError> {
        let max = self.max_ttl.min(most);
        let (asked, min) = (asked.unwrap_or(self.default_ttl.min(max)), min_lease_ttl(revocable));
        if asked > max {
            Err(TtlError::TooLong { asked, max })
        } else if asked < min {
            Err(TtlError::TooShort { asked, min })
        } else {
            Ok(asked)
        }
    }

    /// The lifetime if none is asked for.
    #[must_use]
    pub fn default_ttl(&self) -> Ttl {
        self.default_ttl
    }

    /// The longest lifetime, counted from the first issue.
    #[must_use]
    pub fn max_ttl(&self) -> Ttl {
        self.max_ttl
    }
}

/// The shortest lease: what is bound to nothing lives as long as its token.
#[must_use]
pub fn min_lease_ttl(revocable: bool) -> Ttl {
    if revocable { MIN_LEASE_TTL } else { MIN_TOKEN_TTL }
}

/// [`Lifetimes`] as they are stored, before they are checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLifetimes {
    default_ttl: Ttl,
    max_ttl: Ttl,
}

impl TryFrom<RawLifetimes> for Lifetimes {
    type Error = LifetimesError;

    fn try_from(raw: RawLifetimes) -> Result<Self, LifetimesError> {
        Self::from_stored(raw.default_ttl, raw.max_ttl)
    }
}

impl From<Lifetimes> for RawLifetimes {
    fn from(lifetimes: Lifetimes) -> Self {
        let Lifetimes { default_ttl, max_ttl } = lifetimes;
        Self { default_ttl, max_ttl }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_TTL;

    fn ttl(text: &str) -> Ttl {
        text.parse().expect("a good duration")
    }

    #[test]
    fn lifetimes_that_could_not_be_kept_are_refused_when_they_are_put() {
        use LifetimesError::{DefaultOutlived, DefaultOverMax, DefaultTooShort, MaxTooLong};
        let over = |default, max| DefaultOverMax { default: ttl(default), max: ttl(max) };
        let long = |max, most| MaxTooLong { max: ttl(max), most: ttl(most) };
        for (default, max, revocable, most, error) in [
            ("1h", "24h", true, "768h", None),
            ("1h", "768h", true, "768h", None),
            ("1h", "1000h", true, "2000h", None),
            ("10s", "10s", true, "768h", None),
            ("600s", "1h", false, "768h", None),
            ("1h", "769h", true, "768h", Some(long("769h", "768h"))),
            ("1h", "2h", true, "1h", Some(long("2h", "1h"))),
            ("2h", "1h", true, "768h", Some(over("2h", "1h"))),
            ("9s", "1h", true, "768h", Some(DefaultTooShort(ttl("9s")))),
            ("9s", "1h", false, "768h", Some(DefaultTooShort(ttl("9s")))),
            ("599s", "1h", false, "768h", Some(DefaultOutlived(ttl("599s")))),
            ("5m", "5m", false, "768h", Some(DefaultOutlived(ttl("5m")))),
        ] {
            let got = Lifetimes::new(ttl(default), ttl(max), revocable, ttl(most)).err();
            assert_eq!(got, error, "{default}, {max}, revocable {revocable}, most {most}");
        }
    }

    #[test]
    fn a_lease_is_refused_and_never_shortened() {
        let long = |asked, max| Err(TtlError::TooLong { asked: ttl(asked), max: ttl(max) });
        let short = |asked, min| Err(TtlError::TooShort { asked: ttl(asked), min: ttl(min) });
        let lifetimes = Lifetimes::new(ttl("1h"), ttl("8h"), true, MAX_TTL).expect("good");
        for (asked, revocable, most, granted) in [
            (None, true, "768h", Ok("1h")),
            (Some("8h"), true, "768h", Ok("8h")),
            (Some("28801s"), true, "768h", long("28801s", "8h")),
            (Some("3h"), true, "2h", long("3h", "2h")),
            (Some("2h"), true, "2h", Ok("2h")),
            (None, true, "30m", Ok("30m")),
            (Some("1h"), true, "30m", long("1h", "30m")),
            (Some("10s"), true, "768h", Ok("10s")),
            (Some("9s"), true, "768h", short("9s", "10s")),
            (Some("600s"), false, "768h", Ok("600s")),
            (Some("599s"), false, "768h", short("599s", "10m")),
            (None, false, "5m", short("5m", "10m")),
        ] {
            let got = lifetimes.grant_ttl(asked.map(ttl), revocable, ttl(most));
            assert_eq!(got, granted.map(ttl), "{asked:?}, revocable {revocable}, most {most}");
        }
    }

    #[test]
    fn what_is_stored_is_checked_and_written_the_same() {
        for (json, says) in [
            (r#"{"default_ttl":"1h","max_ttl":"41d"}"#, None),
            (r#"{"default_ttl":"10s","max_ttl":"10s"}"#, None),
            (r#"{"default_ttl":"2h","max_ttl":"1h"}"#, Some("is more than `max_ttl`")),
            (r#"{"default_ttl":"9s","max_ttl":"1h"}"#, Some("is less than the minimum of 10s")),
            (r#"{"default_ttl":"1h"}"#, Some("missing field `max_ttl`")),
        ] {
            match (serde_json::from_str::<Lifetimes>(json).map_err(|e| e.to_string()), says) {
                (Ok(read), None) => {
                    assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
                }
                (Err(error), Some(says)) => assert!(error.contains(says), "{json}: {error}"),
                (read, _) => panic!("{json}: {read:?}, expected {says:?}"),
            }
        }
    }
}
