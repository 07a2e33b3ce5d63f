//! What the operator sets, and whether one can work with it.

use std::fmt;

use chrono::TimeDelta;
use lease_core::{
    IpNet, Keyring, MAX_TTL, MIN_LEASE_TTL, MasterKey, Ttl, VariableOrigins, parse_network,
};
use lease_engine::{
    Config, DEFAULT_AUDIT_RETENTION, DEFAULT_LEASE_RETENTION, DEFAULT_RECONCILE_INTERVAL,
    DEFAULT_REQUEST_LANDING_TIME, DEFAULT_SWEEP_INTERVAL,
};

use crate::auth::InstallationTokens;
use crate::installation_token::InstallationTokenDigest;

/// The variables as they are set: each empty if it is not. They are checked before anything else.
#[derive(Default, Clone)]
pub struct RawVariables {
    /// The first administrator's bearer token, at least 32 bytes; may be empty once there is an identity that is an
    /// administrator.
    pub admin_token: String,
    /// 32 bytes in base64: what every key is derived from.
    pub master_key: String,
    /// Earlier master keys, separated by commas: they open what they sealed.
    pub previous_master_keys: String,
    /// The bearer token of whoever calls the sweep, at least 32 bytes; empty admits nobody.
    pub sweep_token: String,
    /// The longest lifetime of any lease, as `768h`.
    pub max_lease_ttl: String,
    /// The time after an issue was given up in which its requests may still take effect in a
    /// cluster, as `75s`.
    pub landing_time: String,
    /// The retention of ended leases, as `7d`.
    pub lease_retention: String,
    /// The retention of audit events.
    pub audit_retention: String,
    /// The one origin to which each variable may be sent: `target_prod=https://10.0.0.1:6443 …`.
    pub target_origins: String,
    /// `true` to keep expired leases; or `false`.
    pub hold_expired: String,
    /// The interval of the sweep, as `10s`.
    pub sweep_interval: String,
    /// The interval at which each cluster is compared with the records, as `10m`.
    pub reconcile_interval: String,
    /// The proxies whose word on the client's address is believed: `10.0.0.0/8 2001:db8::/32`.
    pub trusted_proxies: String,
}

/// Why one cannot work with the variables as they are set. Names them, and repeats none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A required variable is not set.
    #[error("the variable `{0}` is not set: {1}")]
    Missing(&'static str, &'static str),
    /// The host could not tell what a variable is set to. That is not the same as unset: the next request
    /// may find it set.
    #[error("the host failed to read the variable `{0}`")]
    Unreadable(&'static str),
    /// A variable is set to something else than it should be.
    #[error("the variable `{0}` is malformed: {1}")]
    Malformed(&'static str, &'static str),
}

/// The settings of the variables, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) tokens: InstallationTokens,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) keys: Keyring,
    pub(crate) config: Config,
}

impl Settings {
    /// Checks every variable.
    ///
    /// # Errors
    /// Names the first that does not fit, and what would.
    pub(crate) fn from_variables(
        variables: &Result<RawVariables, SettingsError>,
    ) -> Result<Self, SettingsError> {
        let variables = variables.as_ref().map_err(Clone::clone)?;
        let administrator = parse_bearer("admin_token", &variables.admin_token)?;
        let sweeper = parse_bearer("sweep_token", &variables.sweep_token)?;
        let current = parse_master_key("master_key", &variables.master_key)?
            .ok_or(SettingsError::Missing("master_key", KEY_RULE))?;
        let previous: Result<Vec<_>, _> = variables
            .previous_master_keys
            .split(',')
            .filter_map(|text| parse_master_key("previous_master_keys", text).transpose())
            .collect();
        let keys = Keyring::new(&current, &previous?);
        let tokens = InstallationTokens { administrator, sweeper };
        let trusted_proxies = parse_networks("trusted_proxies", &variables.trusted_proxies)?;
        Ok(Self { tokens, trusted_proxies, keys, config: engine_config(variables)? })
    }
}

/// The error of an installation that lets nobody in: it has no `admin_token`, and no identity is an administrator.
pub(crate) fn no_administrator_error() -> SettingsError {
    SettingsError::Missing("admin_token", TOKEN_RULE)
}

impl fmt::Debug for RawVariables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Variables(redacted)")
    }
}

fn engine_config(variables: &RawVariables) -> Result<Config, SettingsError> {
    let max_ttl =
        parse_duration_in_range("max_lease_ttl", &variables.max_lease_ttl, MIN_LEASE_TTL, MAX_TTL)?;
    let landing =
        parse_duration_in_range("landing_time", &variables.landing_time, Ttl::SECOND, Ttl::HOUR)?;
    let retention = parse_duration_in_range(
        "lease_retention",
        &variables.lease_retention,
        Ttl::HOUR,
        Ttl::YEAR,
    )?;
    let audit = parse_duration_in_range(
        "audit_retention",
        &variables.audit_retention,
        Ttl::HOUR,
        Ttl::YEAR,
    )?;
    let sweeps = parse_duration_in_range(
        "sweep_interval",
        &variables.sweep_interval,
        Ttl::SECOND,
        Ttl::DAY,
    )?;
    let reconcile = &variables.reconcile_interval;
    let reconciles =
        parse_duration_in_range("reconcile_interval", reconcile, MIN_LEASE_TTL, Ttl::DAY)?;
    let origins = VariableOrigins::parse(&variables.target_origins)
        .map_err(|_| SettingsError::Malformed("target_origins", ORIGINS_RULE))?;
    Ok(Config {
        max_ttl: max_ttl.unwrap_or(MAX_TTL),
        landing: landing.map_or(DEFAULT_REQUEST_LANDING_TIME, TimeDelta::from),
        retention: retention.map_or(DEFAULT_LEASE_RETENTION, TimeDelta::from),
        audit_retention: audit.map_or(DEFAULT_AUDIT_RETENTION, TimeDelta::from),
        origins,
        hold_expired: parse_flag("hold_expired", &variables.hold_expired)?,
        sweep_interval: sweeps.map_or(DEFAULT_SWEEP_INTERVAL, TimeDelta::from),
        reconcile_interval: reconciles.map_or(DEFAULT_RECONCILE_INTERVAL, TimeDelta::from),
    })
}

fn parse_networks(name: &'static str, text: &str) -> Result<Vec<IpNet>, SettingsError> {
    let separator = |c: char| c.is_ascii_whitespace() || c == ',';
    let texts = text.split(separator).filter(|text| !text.is_empty());
    texts
        .map(|text| parse_network(text).map_err(|_| SettingsError::Malformed(name, NETWORKS_RULE)))
        .collect()
}

fn parse_flag(name: &'static str, text: &str) -> Result<bool, SettingsError> {
    match text.trim() {
        "" | "false" => Ok(false),
        "true" => Ok(true),
        _ => Err(SettingsError::Malformed(name, "`true` or `false`")),
    }
}

fn parse_duration_in_range(
    name: &'static str,
    text: &str,
    least: Ttl,
    most: Ttl,
) -> Result<Option<Ttl>, SettingsError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let malformed = || SettingsError::Malformed(name, DURATION_RULE);
    let ttl: Ttl = text.parse().map_err(|_| malformed())?;
    if (least..=most).contains(&ttl) { Ok(Some(ttl)) } else { Err(malformed()) }
}

fn parse_bearer(
    name: &'static str,
    text: &str,
) -> Result<Option<InstallationTokenDigest>, SettingsError> {
    // A file read into a variable brings its trailing newline along.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Ok(None);
    }
    InstallationTokenDigest::digest_if_strong(text)
        .map(Some)
        .ok_or(SettingsError::Malformed(name, TOKEN_RULE))
}

fn parse_master_key(name: &'static str, text: &str) -> Result<Option<MasterKey>, SettingsError> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    MasterKey::from_base64(text).map(Some).map_err(|_| SettingsError::Malformed(name, KEY_RULE))
}

const TOKEN_RULE: &str = "at least 32 visible ASCII characters without spaces; \
                          `openssl rand -hex 32` makes one";

const DURATION_RULE: &str = "a duration like `90s`, `15m`, `1h30m` or `2d`: `max_lease_ttl` from 10s to \
                             768h, `landing_time` from 1s to 1h, `lease_retention` and `audit_retention` from 1h to 1 year, \
                             `sweep_interval` from 1s to 1d, `reconcile_interval` from 10s to 1d";

const ORIGINS_RULE: &str =
    "entries like `target_NAME=https://host:port`, separated by spaces or commas";

const NETWORKS_RULE: &str = "networks like `10.0.0.0/8` or `2001:db8::/32` whose bits after the prefix are 0, separated by \
     spaces or commas";

const KEY_RULE: &str = "32 bytes in base64; `openssl rand -base64 32` makes one";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::variables;

    #[test]
    fn each_variable_that_does_not_fit_is_named_and_not_repeated() {
        type Break = fn(&mut RawVariables);
        let cases: [(Break, Option<&str>); 49] = [
            (|_| {}, None),
            (|v| v.sweep_token.clear(), None),
            (|v| v.previous_master_keys = format!("{0},{0}\n", v.master_key), None),
            (|v| v.admin_token.push('\n'), None),
            (|v| v.admin_token.clear(), None),
            (|v| v.admin_token = "\n".to_owned(), None),
            (|v| v.trusted_proxies = "10.0.0.0/8, 192.0.2.7 2001:db8::/32\n".to_owned(), None),
            (|v| v.trusted_proxies = "canary".to_owned(), Some("`trusted_proxies` is malformed")),
            (|v| v.trusted_proxies = "10.0.0.1/8".to_owned(), Some("bits after the prefix")),
            (|v| v.trusted_proxies = "10.0.0.0/8;canary".to_owned(), Some("networks like")),
            (|v| v.admin_token = "canary".repeat(5), Some("`admin_token` is malformed")),
            (|v| v.admin_token = "canary ".repeat(9), Some("`admin_token` is malformed")),
            (|v| v.master_key.clear(), Some("`master_key` is not set")),
            (|v| v.master_key = "canary".to_owned(), Some("`master_key` is malformed")),
            (|v| v.master_key = "AAAA".repeat(11), Some("`master_key` is malformed")),
            (
                |v| v.previous_master_keys = "canary".to_owned(),
                Some("`previous_master_keys` is mal"),
            ),
            (|v| v.sweep_token = "canary".to_owned(), Some("`sweep_token` is malformed")),
            (|v| v.max_lease_ttl = "768h".to_owned(), None),
            (|v| v.max_lease_ttl = " 10s\n".to_owned(), None),
            (|v| v.max_lease_ttl = "769h".to_owned(), Some("`max_lease_ttl` is malformed")),
            (|v| v.max_lease_ttl = "9s".to_owned(), Some("`max_lease_ttl` is malformed")),
            (|v| v.max_lease_ttl = "canary".to_owned(), Some("from 10s to 768h")),
            (|v| v.landing_time = "1h".to_owned(), None),
            (|v| v.landing_time = "61m".to_owned(), Some("`landing_time` is malformed")),
            (|v| v.landing_time = "0".to_owned(), Some("`landing_time` is malformed")),
            (|v| v.landing_time = "canary".to_owned(), Some("from 1s to 1h")),
            (|v| v.lease_retention = "365d".to_owned(), None),
            (|v| v.lease_retention = "366d".to_owned(), Some("`lease_retention` is malformed")),
            (|v| v.lease_retention = "59m".to_owned(), Some("`lease_retention` is malformed")),
            (|v| v.lease_retention = "canary".to_owned(), Some("from 1h to 1 year")),
            (|v| v.audit_retention = "365d".to_owned(), None),
            (|v| v.audit_retention = "59m".to_owned(), Some("`audit_retention` is malformed")),
            (|v| v.hold_expired = "true\n".to_owned(), None),
            (|v| v.hold_expired = "false".to_owned(), None),
            (|v| v.hold_expired = "canary".to_owned(), Some("`hold_expired` is malformed: `true`")),
            (|v| v.hold_expired = "1".to_owned(), Some("`hold_expired` is malformed")),
            (|v| v.sweep_interval = "1d".to_owned(), None),
            (|v| v.sweep_interval = "canary".to_owned(), Some("`sweep_interval` is malformed")),
            (|v| v.sweep_interval = "0s".to_owned(), Some("`sweep_interval` is malformed")),
            (|v| v.reconcile_interval = "10s".to_owned(), None),
            (|v| v.reconcile_interval = "9s".to_owned(), Some("`reconcile_interval` is malformed")),
            (|v| v.reconcile_interval = "2d".to_owned(), Some("`reconcile_interval` is malf")),
            (
                |v| v.target_origins = "target_a=https://a.example, target_b=http://b".to_owned(),
                None,
            ),
            (|v| v.target_origins = "canary".to_owned(), Some("`target_origins` is malformed")),
            (|v| v.target_origins = "admin_token=https://canary".to_owned(), Some("`target_NAME=")),
            (|v| v.target_origins = "target_a=canary".to_owned(), Some("`target_origins` is mal")),
            (
                |v| v.target_origins = "target_a=https://a target_a=https://canary".to_owned(),
                Some("`target_origins` is malformed"),
            ),
            (|v| v.target_origins = "target_=https://canary".to_owned(), Some("`target_origins`")),
            (
                |v| v.target_origins = "target_a=https://u:canary@a".to_owned(),
                Some("`target_origins`"),
            ),
        ];
        for (row, (break_one, error)) in cases.into_iter().enumerate() {
            let mut variables = variables();
            break_one(&mut variables);
            let told =
                Settings::from_variables(&Ok(variables)).err().map(|error| error.to_string());
            match (&told, error) {
                (None, None) => {}
                (Some(told), Some(error)) => {
                    assert!(told.contains(error) && !told.contains("canary"), "{row}: {told}");
                }
                _ => panic!("row {row}: told {told:?}, expected {error:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_set_has_its_default_and_what_is_set_holds() {
        let config =
            |variables| Settings::from_variables(&Ok(variables)).expect("good variables").config;
        assert_eq!(config(variables()), Config::default());
        let set = config(RawVariables {
            max_lease_ttl: "2h".to_owned(),
            landing_time: "90s".to_owned(),
            lease_retention: "1h".to_owned(),
            audit_retention: "2h".to_owned(),
            target_origins: "target_a=https://a.example:6443".to_owned(),
            hold_expired: "true".to_owned(),
            sweep_interval: "1m".to_owned(),
            reconcile_interval: "1h".to_owned(),
            ..variables()
        });
        assert_eq!(set.max_ttl.as_secs(), 7200);
        assert_eq!((set.landing, set.retention), (TimeDelta::seconds(90), TimeDelta::hours(1)));
        assert_eq!(set.audit_retention, TimeDelta::hours(2));
        assert!(set.hold_expired);
        let intervals = (set.sweep_interval, set.reconcile_interval);
        assert_eq!(intervals, (TimeDelta::minutes(1), TimeDelta::hours(1)));
        let variable = "target_a".to_owned().try_into().expect("a variable");
        for (url, allowed) in [("https://a.example:6443/x", true), ("https://a.example", false)] {
            let url = url.to_owned().try_into().expect("a url");
            assert_eq!(set.origins.is_allowed(&variable, &url), allowed, "{url}");
        }
    }

    #[test]
    fn variables_are_never_printed() {
        let printed = format!("{:?} {:?}", variables(), Settings::from_variables(&Ok(variables())));
        assert!(!printed.contains(&variables().admin_token), "{printed}");
        assert!(!printed.contains(&variables().master_key), "{printed}");
    }
}
