//! What the holder of a lease is warned of.

use chrono::TimeDelta;
use lease_core::{LeaseMode, Ttl};

/// The warnings of a lease whose token was given another life than was asked for.
///
/// The API server may shorten a token in silence (`--service-account-max-token-expiration`).
pub(super) fn ttl_warnings(mode: LeaseMode, asked: Ttl, given: TimeDelta) -> Vec<String> {
    let mut warnings = vec![];
    let given = given.num_seconds();
    let asked = i64::from(asked.as_secs());
    if given < asked {
        let renewal = if mode.is_revocable() { " unless it is renewed" } else { "" };
        warnings.push(format!(
            "the API server shortened the first token to {given} seconds; {asked} were requested, \
             and the lease ends with it{renewal}"
        ));
    }
    if mode == LeaseMode::Plain {
        if given > asked {
            warnings.push(format!(
                "the API server lengthened the token to {given} seconds; {asked} were requested"
            ));
        }
        warnings.push(PLAIN_TOKEN_WARNING.to_owned());
    }
    warnings
}

/// The warning for the holder of a plain token.
const PLAIN_TOKEN_WARNING: &str =
    "this token is bound to no object: it cannot be revoked before it expires";
