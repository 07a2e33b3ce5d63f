//! Who asks.

use http::HeaderMap;
use http::header::AUTHORIZATION;

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

impl Caller {
    /// A stable id: what a lease is on record for, and what an `Idempotency-Key` belongs to.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Caller::Anybody => "anybody",
            Caller::Administrator => "administrator",
            Caller::Sweeper => "sweeper",
        }
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
    if settings.administrator.admits(shown) {
        return Ok(Caller::Administrator);
    }
    let sweeper = settings.sweeper.as_ref().filter(|_| access == Access::Sweeper);
    match sweeper {
        Some(token) if token.admits(shown) => Ok(Caller::Sweeper),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ADMIN, SWEEP, variables};

    #[test]
    fn only_the_right_token_in_the_right_place_comes_in() {
        let settings = Settings::read(&Ok(variables())).expect("good variables");
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
        let settings = Settings::read(&Ok(variables)).expect("good variables");
        for value in ["Bearer", "Bearer ", "Bearer \t", ""] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a value"))]);
            assert!(admit(&headers, &settings, Access::Sweeper).is_err(), "{value:?}");
        }
    }
}
