//! Who asks.

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::problem::Problem;
use crate::routes::Access;
use crate::settings::Settings;

/// Someone who has shown who they are. Only [`admit`] makes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody in particular, where anybody may ask.
    Anybody,
    /// The administrator of the installation.
    Administrator,
    /// Whoever calls the sweep.
    Sweeper,
}

/// A bearer token that admits, kept as its digest.
///
/// Comparing digests takes the same time for every text, whatever its length and where it differs.
pub(crate) struct BearerToken([u8; 32]);

impl BearerToken {
    /// The token `text`, if it is long enough not to be guessed and can be sent in a header.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let good = text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|b| b.is_ascii_graphic());
        good.then(|| Self(Sha256::digest(text).into()))
    }

    fn admits(&self, digest: &[u8; 32]) -> Choice {
        self.0.ct_eq(digest)
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}

/// Who sent these headers, if they may come in.
///
/// # Errors
/// 401 for whoever shows nothing, something else, or something that is not for here.
pub(crate) fn admit(
    headers: &HeaderMap,
    settings: &Settings,
    access: Access,
) -> Result<Caller, Problem> {
    if access == Access::Anybody {
        return Ok(Caller::Anybody);
    }
    let shown = bearer(headers).ok_or_else(Problem::unauthenticated)?;
    let digest: [u8; 32] = Sha256::digest(shown).into();
    if settings.administrator.admits(&digest).into() {
        return Ok(Caller::Administrator);
    }
    let sweeper = settings.sweeper.as_ref().filter(|_| access == Access::Sweeper);
    match sweeper {
        Some(token) if token.admits(&digest).into() => Ok(Caller::Sweeper),
        _ => Err(Problem::unknown_credential()),
    }
}

/// The one bearer token of a request (RFC 6750 §2.1). With two, someone on the way may have read the other.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(SCHEME.len())?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty()).then_some(token)
}

const SCHEME: &[u8] = b"Bearer ";

/// As long as 128 bits are in hexadecimal, which is what cannot be guessed.
const MIN_TOKEN_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ADMIN, SWEEP, variables};

    #[test]
    fn only_the_right_token_in_the_right_place_comes_in() {
        let settings = Settings::read(&variables()).expect("good variables");
        let bearer = |token: &str| vec![format!("Bearer {token}")];
        for (values, administrator, sweeper) in [
            (bearer(ADMIN), Some(Caller::Administrator), Some(Caller::Administrator)),
            (bearer(SWEEP), None, Some(Caller::Sweeper)),
            (
                vec![format!("bearer  {ADMIN} ")],
                Some(Caller::Administrator),
                Some(Caller::Administrator),
            ),
            (vec![], None, None),
            (bearer(""), None, None),
            (bearer(&ADMIN[1..]), None, None),
            (bearer(&format!("{ADMIN}x")), None, None),
            (bearer(&ADMIN.to_uppercase()), None, None),
            (vec![ADMIN.to_owned()], None, None),
            (vec![format!("Basic {ADMIN}")], None, None),
            (vec![format!("Bearer {ADMIN}"), format!("Bearer {ADMIN}")], None, None),
        ] {
            let mut headers = HeaderMap::new();
            for value in &values {
                headers.append(AUTHORIZATION, value.parse().expect("a header value"));
            }
            let admitted = |access| admit(&headers, &settings, access).ok();
            assert_eq!(admitted(Access::Anybody), Some(Caller::Anybody), "{values:?}");
            assert_eq!(admitted(Access::Administrator), administrator, "{values:?}");
            assert_eq!(admitted(Access::Sweeper), sweeper, "{values:?}");
        }
    }

    #[test]
    fn an_empty_sweep_token_admits_nobody() {
        let variables = crate::Variables { sweep_token: String::new(), ..variables() };
        let settings = Settings::read(&variables).expect("good variables");
        for value in ["Bearer", "Bearer ", "Bearer \t", ""] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a value"))]);
            assert!(admit(&headers, &settings, Access::Sweeper).is_err(), "{value:?}");
        }
    }
}
