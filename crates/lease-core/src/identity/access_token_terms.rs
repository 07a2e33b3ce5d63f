//! The terms of access tokens: how long, how often and from where an identity may use one.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::Ttl;

/// The longest life of an access token, with all its renewals.
pub const MAX_ACCESS_TOKEN_TTL: Ttl = Ttl::YEAR;

/// The most uses that a limit may allow.
pub const MAX_TOKEN_USES: u32 = 1_000_000;

/// The limits of an identity's access tokens: lifetimes, number of uses, networks.
///
/// Written `{"ttl":"1h","max_ttl":"24h","num_uses":0,"trusted_ips":["10.0.0.0/8"]}`; each may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawTerms", into = "RawTerms")]
pub struct AccessTokenTerms {
    ttl: Ttl,
    max_ttl: Ttl,
    num_uses: u32,
    trusted_ips: TrustedIps,
}

/// Networks from which access tokens are accepted: 1 to 64 of them, as `10.0.0.0/8` or `192.0.2.7`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct TrustedIps(Vec<IpNet>);

/// The reason why terms of access tokens are not taken. No address is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenTermsError {
    /// A life beyond any.
    #[error("`max_ttl` is at most {MAX_ACCESS_TOKEN_TTL}")]
    MaxTooLong,
    /// A first life that is longer than all of it.
    #[error("`ttl` {ttl} is more than `max_ttl` {max_ttl}")]
    TtlOverMax {
        /// The first life.
        ttl: Ttl,
        /// All of it.
        max_ttl: Ttl,
    },
    /// Too many uses.
    #[error("`num_uses` is at most {MAX_TOKEN_USES}, or 0 for any number of uses")]
    Uses,
}

/// The reason why networks are not taken. None is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrustedIpsError {
    /// A text that is no network.
    #[error(
        "a network is written `10.0.0.0/8`, `2001:db8::/32` or, for one address, `192.0.2.7`; all \
         bits after the prefix are 0"
    )]
    Text,
    /// None, or too many.
    #[error("1 to {MAX_NETWORKS} networks are listed; `0.0.0.0/0` and `::/0` mean every address")]
    Count,
}

impl AccessTokenTerms {
    /// Terms that hold together. What is left out has its default: 1 h, a day in all, any number of uses, from
    /// everywhere.
    ///
    /// # Errors
    /// Names the field that does not fit, and what would.
    pub fn new(
        ttl: Option<Ttl>,
        max_ttl: Option<Ttl>,
        num_uses: u32,
        trusted_ips: Option<TrustedIps>,
    ) -> Result<Self, AccessTokenTermsError> {
        // What is said bounds what is not.
        let max = max_ttl.unwrap_or(DEFAULT_MAX_TTL.max(ttl.unwrap_or(DEFAULT_TTL)));
        let ttl = ttl.unwrap_or(DEFAULT_TTL.min(max));
        if max > MAX_ACCESS_TOKEN_TTL {
            return Err(AccessTokenTermsError::MaxTooLong);
        }
        if ttl > max {
            return Err(AccessTokenTermsError::TtlOverMax { ttl, max_ttl: max });
        }
        if num_uses > MAX_TOKEN_USES {
            return Err(AccessTokenTermsError::Uses);
        }
        let trusted_ips = trusted_ips.unwrap_or_else(TrustedIps::all_addresses);
        Ok(Self { ttl, max_ttl: max, num_uses, trusted_ips })
    }

    /// The life of a token, and by how much a renewal extends it.
    #[must_use]
    pub fn ttl(&self) -> Ttl {
        self.ttl
    }

    /// The life of a token with all its renewals, from the login.
    #[must_use]
    pub fn max_ttl(&self) -> Ttl {
        self.max_ttl
    }

    /// The number of uses of a token; 0 for any number.
    #[must_use]
    pub fn num_uses(&self) -> u32 {
        self.num_uses
    }

    /// From where a token is accepted.
    #[must_use]
    pub fn trusted_ips(&self) -> &TrustedIps {
        &self.trusted_ips
    }

    /// Returns the warnings about these terms for an administrator.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let long = self.max_ttl > DEFAULT_MAX_TTL;
        let warning = || {
            format!(
                "access tokens of this identity can live for {}; a stolen one can be used for as \
                 long",
                self.max_ttl
            )
        };
        long.then(warning).into_iter().collect()
    }
}

impl Default for AccessTokenTerms {
    fn default() -> Self {
        let trusted_ips = TrustedIps::all_addresses();
        Self { ttl: DEFAULT_TTL, max_ttl: DEFAULT_MAX_TTL, num_uses: 0, trusted_ips }
    }
}

impl TrustedIps {
    /// All addresses there are.
    #[must_use]
    pub fn all_addresses() -> Self {
        Self(vec![IpNet::V4(ipnet::Ipv4Net::default()), IpNet::V6(ipnet::Ipv6Net::default())])
    }

    /// An address that is trusted.
    #[must_use]
    pub fn example_address(&self) -> IpAddr {
        self.0.first().map_or(IpAddr::from([0; 4]), IpNet::addr)
    }

    /// Returns true if a client at this address is trusted. A client whose address is not known is trusted only
    /// if every address is.
    #[must_use]
    pub fn is_trusted(&self, address: Option<IpAddr>) -> bool {
        match address.map(|address| address.to_canonical()) {
            Some(address) => self.0.iter().any(|network| network.contains(&address)),
            None => Self::all_addresses().0.iter().all(|every| self.0.contains(every)),
        }
    }
}

/// Reads one network as an operator writes it: with a prefix, or one address without.
///
/// # Errors
/// Refuses a network with a bit behind its prefix: one of the two is a mistake.
pub fn parse_network(text: &str) -> Result<IpNet, TrustedIpsError> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => text.parse::<IpAddr>().map(IpNet::from).map_err(|_| TrustedIpsError::Text)?,
    };
    if network.trunc() == network { Ok(network) } else { Err(TrustedIpsError::Text) }
}

impl TryFrom<Vec<String>> for TrustedIps {
    type Error = TrustedIpsError;

    fn try_from(texts: Vec<String>) -> Result<Self, TrustedIpsError> {
        if !(1..=MAX_NETWORKS).contains(&texts.len()) {
            return Err(TrustedIpsError::Count);
        }
        texts.iter().map(|text| parse_network(text)).collect::<Result<_, _>>().map(Self)
    }
}

impl From<TrustedIps> for Vec<String> {
    fn from(networks: TrustedIps) -> Self {
        networks.0.iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<RawTerms> for AccessTokenTerms {
    type Error = AccessTokenTermsError;

    fn try_from(raw: RawTerms) -> Result<Self, AccessTokenTermsError> {
        Self::new(raw.ttl, raw.max_ttl, raw.num_uses, raw.trusted_ips)
    }
}

impl From<AccessTokenTerms> for RawTerms {
    fn from(terms: AccessTokenTerms) -> Self {
        let AccessTokenTerms { ttl, max_ttl, num_uses, trusted_ips } = terms;
        Self { ttl: Some(ttl), max_ttl: Some(max_ttl), num_uses, trusted_ips: Some(trusted_ips) }
    }
}

/// Terms as they are written, before they are checked.
#[derive(Serialize, Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object with `ttl`, `max_ttl`, `num_uses` and `trusted_ips`"
)]
struct RawTerms {
    ttl: Option<Ttl>,
    max_ttl: Option<Ttl>,
    #[serde(default)]
    num_uses: u32,
    trusted_ips: Option<TrustedIps>,
}

/// The life of a token where none is said: an hour, so that what leaks is soon worth nothing.
const DEFAULT_TTL: Ttl = Ttl::HOUR;

/// The life of a token with all renewals where none is said. What is longer is warned of.
const DEFAULT_MAX_TTL: Ttl = Ttl::DAY;

/// The most networks of one list.
const MAX_NETWORKS: usize = 64;

#[cfg(test)]
mod tests;
