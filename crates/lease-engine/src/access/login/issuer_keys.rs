//! The keys of issuers: fetched when they are needed, and kept for as long as their issuer allows.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Request, Response, StatusCode, header};
use jwt_auth::{KeySet, KeySetError, MAX_KEY_SET_BYTES};
use kube_rest::{ExchangeLimits, HttpClient, TransportError};
use lease_core::{IssuerUrl, KeySource, OidcAuth, digest_texts};
use lease_store::Note;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Engine, Ports, StoreError};

/// The reason for which the keys of an issuer are not known.
#[derive(Debug, thiserror::Error)]
pub enum IssuerKeysError {
    /// The issuer was asked a moment ago, without success.
    #[error("an attempt less than {} seconds ago has failed", MIN_FETCH_INTERVAL.num_seconds())]
    AskedJustNow,
    /// Its discovery document or its keys could not be fetched.
    #[error("could not fetch {what}")]
    Transport {
        /// Which of the two.
        what: &'static str,
        /// The reason.
        source: TransportError,
    },
    /// Another status than 200. Redirects are not followed: they would say where to look for keys.
    #[error("{what} was answered with status {status}")]
    Status {
        /// Which of the two.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// The discovery document is no JSON object.
    #[error("the discovery document is not a JSON object")]
    NoDocument,
    /// The discovery document names another issuer (`OpenID` Connect Discovery §4.3).
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    /// The discovery document names no address of keys that may be asked.
    #[error("the discovery document has no `jwks_uri` that begins with `https://`")]
    NoKeysUrl,
    /// The keys are none.
    #[error("the keys cannot be used: {0}")]
    Keys(#[from] KeySetError),
    /// The store failed.
    #[error("could not read or write the store")]
    Store(#[from] StoreError),
}

/// Keys of an issuer as they are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredIssuerKeys {
    /// The last good ones, and when they were fetched.
    good: Option<FetchedKeys>,
    /// When they were last asked for, whatever came of it.
    asked_at: DateTime<Utc>,
    /// True from then on until there is an answer.
    #[serde(default)]
    is_under_way: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct FetchedKeys {
    keys: KeySet,
    fetched_at: DateTime<Utc>,
    fresh_until: DateTime<Utc>,
}

/// The next step about keys.
#[derive(Debug, PartialEq, Eq)]
enum KeyPlan {
    /// The kept ones are used.
    Use,
    /// Fetches the keys, and uses the kept ones if that fails.
    Fetch,
    /// Somebody else is fetching them, whose answer is waited for.
    Wait,
    /// Fails: no keys are known, and it is too soon to ask again.
    Fail,
}

impl<P: Ports> Engine<P> {
    /// Returns the keys of an issuer. `renewed` asks for newer ones than those that are kept.
    ///
    /// An issuer is asked once in 30 seconds at most, whatever is shown to us, and however many jobs log in at once:
    /// one of them asks, and the others wait for its answer.
    pub(super) async fn issuer_keys(
        &self,
        auth: &OidcAuth,
        renewed: bool,
        deadline: DateTime<Utc>,
    ) -> Result<KeySet, IssuerKeysError> {
        if let KeySource::Inline(keys) = auth.key_source() {
            return Ok(keys.clone());
        }
        let id = source_id(auth);
        loop {
            let now = self.now();
            let kept: Option<StoredIssuerKeys> = self.notes().get(Note::IssuerKeys(&id))?;
            let good = kept.as_ref().and_then(|kept| kept.good.clone());
            let good = good.filter(|good| good.is_usable(now));
            let known = || good.clone().map(|good| good.keys).ok_or(IssuerKeysError::AskedJustNow);
            match plan_fetch(kept.as_ref(), good.as_ref(), renewed, now) {
                KeyPlan::Use | KeyPlan::Fail => return known(),
                KeyPlan::Fetch | KeyPlan::Wait if now >= deadline => return known(),
                KeyPlan::Fetch
                    if self.rate_counters().try_reserve_issuer_key_fetch(
                        &id,
                        MIN_FETCH_INTERVAL,
                        now,
                    )? =>
                {
                    return self.refresh_keys(auth, &id, good, deadline).await;
                }
                KeyPlan::Fetch | KeyPlan::Wait => self.ports.sleep(KEY_POLL_INTERVAL).await,
            }
        }
    }

    /// Fetches the keys of an issuer, and keeps what comes of it. The `good` ones stay if it does not answer.
    async fn refresh_keys(
        &self,
        auth: &OidcAuth,
        id: &str,
        good: Option<FetchedKeys>,
        deadline: DateTime<Utc>,
    ) -> Result<KeySet, IssuerKeysError> {
        let note = Note::IssuerKeys(id);
        let now = self.now();
        // On record before it is asked, so that those who come meanwhile wait.
        let mut kept = StoredIssuerKeys { good, asked_at: now, is_under_way: true };
        self.notes().put_note(note, &kept)?;
        let fetched = self.fetch_keys(auth, deadline).await;
        kept.is_under_way = false;
        let failure = match fetched {
            Ok(fetched) => {
                kept.good = Some(fetched);
                None
            }
            Err(error) => Some(error),
        };
        self.notes().put_note(note, &kept)?;
        match (kept.good, failure) {
            (Some(good), None) => Ok(good.keys),
            (Some(good), Some(error)) => {
                log::warn!(
                    "the keys of issuer {} could not be read again, and the earlier ones stay in \
                     use: {error}",
                    auth.issuer()
                );
                Ok(good.keys)
            }
            (None, error) => Err(error.unwrap_or(IssuerKeysError::AskedJustNow)),
        }
    }

    async fn fetch_keys(
        &self,
        auth: &OidcAuth,
        deadline: DateTime<Utc>,
    ) -> Result<FetchedKeys, IssuerKeysError> {
        let now = self.now();
        let url = match auth.key_source() {
            KeySource::Url(url) => url.clone(),
            _ => self.discover_keys_url(auth.issuer(), deadline).await?,
        };
        let answer = self.fetch_url(url.as_str(), "the key set", deadline).await?;
        let keys = KeySet::parse(answer.body())?;
        let fresh_until = now + freshness_lifetime(answer.headers());
        Ok(FetchedKeys { keys, fetched_at: now, fresh_until })
    }

    /// Reads where the keys are (`OpenID` Connect Discovery §4).
    ///
    /// They may be at another origin than the issuer, as those of `https://accounts.google.com` are: the standard asks
    /// for `https` alone (§3). Plain HTTP goes to this machine only, where no other machine has keys to name.
    async fn discover_keys_url(
        &self,
        issuer: &IssuerUrl,
        deadline: DateTime<Utc>,
    ) -> Result<IssuerUrl, IssuerKeysError> {
        let base = issuer.as_str().trim_end_matches('/');
        let url = format!("{base}/.well-known/openid-configuration");
        let answer = self.fetch_url(&url, "the discovery document", deadline).await?;
        let document: Value =
            serde_json::from_slice(answer.body()).map_err(|_| IssuerKeysError::NoDocument)?;
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(issuer.as_str()) {
            return Err(IssuerKeysError::OtherIssuer);
        }
        let keys = text("jwks_uri").map(str::to_owned).ok_or(IssuerKeysError::NoKeysUrl)?;
        let keys: IssuerUrl = keys.try_into().map_err(|_| IssuerKeysError::NoKeysUrl)?;
        if issuer.is_https() && !keys.is_https() {
            return Err(IssuerKeysError::NoKeysUrl);
        }
        Ok(keys)
    }

    async fn fetch_url(
        &self,
        url: &str,
        what: &'static str,
        deadline: DateTime<Utc>,
    ) -> Result<Response<Vec<u8>>, IssuerKeysError> {
        let improper = |_| IssuerKeysError::Status { what, status: 0 };
        let request = Request::get(url).header(header::ACCEPT, "application/json");
        let request = request.body(vec![]).map_err(improper)?;
        let left = (deadline - self.now()).to_std().unwrap_or_default().max(MIN_FETCH_TIMEOUT);
        let limits = ExchangeLimits { total: FETCH_LIMITS.total.min(left), ..FETCH_LIMITS };
        let answer = self.ports.http().send(request, &limits).await;
        let answer = answer.map_err(|source| IssuerKeysError::Transport { what, source })?;
        match answer.status() {
            StatusCode::OK => Ok(answer),
            other => Err(IssuerKeysError::Status { what, status: other.as_u16() }),
        }
    }
}

/// The name under which the keys of an issuer are kept. Keys from an address that an administrator has given are
/// others than those that the issuer itself names.
fn source_id(auth: &OidcAuth) -> String {
    let url = match auth.key_source() {
        KeySource::Url(url) => url.as_str(),
        KeySource::Discovery | KeySource::Inline(_) => "",
    };
    digest_texts(&[auth.issuer().as_str(), url])
}

impl FetchedKeys {
    /// Returns true while they may be used although the issuer does not answer.
    fn is_usable(&self, now: DateTime<Utc>) -> bool {
        now < self.fresh_until.max(self.fetched_at + MAX_STALE_AGE)
    }
}

/// Decides what is done about keys; `good` are the last good ones of `kept`, if they are still usable.
fn plan_fetch(
    kept: Option<&StoredIssuerKeys>,
    good: Option<&FetchedKeys>,
    renewed: bool,
    now: DateTime<Utc>,
) -> KeyPlan {
    // A clock that was set back does not keep us from asking.
    let age = kept.map(|kept| (now - kept.asked_at).abs());
    let is_too_soon = age.is_some_and(|age| age < MIN_FETCH_INTERVAL);
    // Whoever asks may have been ended meanwhile, and is waited for only as long as it could take.
    let is_under_way =
        kept.is_some_and(|kept| kept.is_under_way) && age.is_some_and(|age| age < MAX_FETCH_TIME);
    match good {
        Some(_) if renewed && is_under_way => KeyPlan::Wait,
        Some(good) if is_too_soon || (!renewed && now < good.fresh_until) => KeyPlan::Use,
        None if is_under_way => KeyPlan::Wait,
        None if is_too_soon => KeyPlan::Fail,
        _ => KeyPlan::Fetch,
    }
}

/// The time for which an answer may be kept (RFC 9111 §4.2.1), within bounds of our own.
fn freshness_lifetime(headers: &HeaderMap) -> TimeDelta {
    let directives = || {
        let values = headers.get_all(header::CACHE_CONTROL).iter();
        values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','))
    };
    let is = |directive: &str, name: &str| directive.trim().eq_ignore_ascii_case(name);
    if directives().any(|directive| is(directive, "no-store") || is(directive, "no-cache")) {
        return MIN_FRESH;
    }
    let max_age = directives().find_map(|directive| {
        let (name, seconds) = directive.split_once('=')?;
        is(name, "max-age").then(|| seconds.trim().trim_matches('"').parse::<i64>().ok())?
    });
    let age = headers.get(header::AGE).and_then(|age| age.to_str().ok()?.parse::<i64>().ok());
    let Some(max_age) = max_age else { return DEFAULT_FRESHNESS };
    let seconds = max_age.saturating_sub(age.unwrap_or(0)).clamp(0, MAX_FRESH.num_seconds());
    TimeDelta::seconds(seconds).max(MIN_FRESH)
}

/// The shortest time between two requests for the keys of one issuer.
const MIN_FETCH_INTERVAL: TimeDelta = TimeDelta::seconds(30);
/// The longest time that fetching them takes: two requests, one after the other.
const MAX_FETCH_TIME: TimeDelta = TimeDelta::seconds(15);
/// The time after which whoever waits for an answer looks for it again.
const KEY_POLL_INTERVAL: Duration = Duration::from_millis(100);
/// The time for which keys are kept if their issuer says nothing.
const DEFAULT_FRESHNESS: TimeDelta = TimeDelta::hours(1);
/// The shortest time: a set that says less would be fetched for each login.
const MIN_FRESH: TimeDelta = TimeDelta::minutes(5);
/// The longest: a key that was withdrawn is believed no longer than this.
const MAX_FRESH: TimeDelta = TimeDelta::days(1);
/// The time after they were fetched for which keys are used although their issuer does not answer.
const MAX_STALE_AGE: TimeDelta = TimeDelta::days(1);

/// The time that a request has if it begins just before the deadline of its login.
const MIN_FETCH_TIMEOUT: Duration = Duration::from_millis(100);

/// The limits of each of the two requests of a login.
const FETCH_LIMITS: ExchangeLimits = ExchangeLimits {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(5),
    total: Duration::from_secs(7),
    answer_bytes: MAX_KEY_SET_BYTES,
};

#[cfg(test)]
mod tests {
    use super::*;
    use jwt_auth::testing::TestKey;
    use serde_json::json;

    fn from_unix_seconds(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a time")
    }

    #[test]
    fn an_issuer_is_asked_when_it_helps_and_not_too_often() {
        let keys = json!({"keys": [TestKey::P256.jwk("k")]});
        let good = FetchedKeys {
            keys: KeySet::from_value(&keys).expect("keys"),
            fetched_at: from_unix_seconds(0),
            fresh_until: from_unix_seconds(3600),
        };
        let asked = |seconds, is_under_way| {
            Some(StoredIssuerKeys {
                good: None,
                asked_at: from_unix_seconds(seconds),
                is_under_way,
            })
        };
        for (kept, is_known, renewed, now, planned) in [
            (None, false, false, 0, KeyPlan::Fetch),
            (asked(0, false), false, false, 29, KeyPlan::Fail),
            (asked(0, false), false, false, 30, KeyPlan::Fetch),
            (asked(0, false), true, false, 10, KeyPlan::Use),
            (asked(0, false), true, false, 3599, KeyPlan::Use),
            (asked(0, false), true, false, 3600, KeyPlan::Fetch),
            (asked(0, false), true, true, 29, KeyPlan::Use),
            (asked(0, false), true, true, 30, KeyPlan::Fetch),
            (asked(3600, false), true, false, 3610, KeyPlan::Use),
            (asked(0, true), false, false, 14, KeyPlan::Wait),
            (asked(0, true), true, true, 14, KeyPlan::Wait),
            // Stale ones will do while newer ones are on their way.
            (asked(3600, true), true, false, 3610, KeyPlan::Use),
            // Whoever was asking is gone.
            (asked(0, true), false, false, 15, KeyPlan::Fail),
            (asked(0, true), true, true, 15, KeyPlan::Use),
            (asked(0, true), false, false, 30, KeyPlan::Fetch),
            // The clock was set back by an hour.
            (asked(3600, false), false, false, 0, KeyPlan::Fetch),
        ] {
            let good = is_known.then_some(&good);
            let decided = plan_fetch(kept.as_ref(), good, renewed, from_unix_seconds(now));
            assert_eq!(decided, planned, "{kept:?} {is_known} {renewed} {now}");
        }
        for (now, usable) in [(0, true), (86_399, true), (86_400, false)] {
            assert_eq!(good.is_usable(from_unix_seconds(now)), usable, "{now}");
        }
    }

    #[test]
    fn keys_are_kept_as_long_as_their_issuer_says_within_bounds() {
        for (cache_control, age, minutes) in [
            (&[][..], None, 60),
            (&["max-age=1800"], None, 30),
            (&["public, max-age=1800, must-revalidate"], None, 30),
            (&["public", "Max-Age=1800"], None, 30),
            (&["max-age=1800"], Some("600"), 20),
            (&["max-age=1800"], Some("9999"), 5),
            (&["max-age=0"], None, 5),
            (&["max-age=-1"], None, 5),
            (&["max-age=x"], None, 60),
            (&["max-age=99999999999"], None, 1440),
            (&["max-age=1800, no-store"], None, 5),
            (&["no-cache"], None, 5),
        ] {
            let mut headers = HeaderMap::new();
            for value in cache_control {
                headers.append(header::CACHE_CONTROL, value.parse().expect("a value"));
            }
            if let Some(age) = age {
                headers.insert(header::AGE, age.parse().expect("a value"));
            }
            let kept = freshness_lifetime(&headers).num_minutes();
            assert_eq!(kept, minutes, "{cache_control:?} {age:?}");
        }
    }
}
