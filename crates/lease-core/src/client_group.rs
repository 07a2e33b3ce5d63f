//! Groups in which clients are counted, so that no number of addresses makes a store grow without end.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::Mac as _;

use crate::Keyring;
use crate::sealing::encode_parts;
use crate::signing::hmac_sha256;

/// The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address.
///
/// A site gets a /64 at least, and may give each of its requests another address of it (RFC 6177, RFC 8981).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientNetwork {
    /// An IPv4 address, however it is written.
    V4(Ipv4Addr),
    /// The first address of a /64.
    V6(Ipv6Addr),
    /// All clients whose address is not known.
    Unknown,
}

/// A group of clients, of [`ClientGroup::COUNT`], for a minute: its clients are counted as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientGroup(u16);

impl ClientNetwork {
    /// The network of an address.
    #[must_use]
    pub fn from_address(address: Option<IpAddr>) -> Self {
        match address {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => match embedded_ipv4(address) {
                Some(address) => Self::V4(address),
                None => Self::V6(Ipv6Addr::from_bits(address.to_bits() & !HOST_BITS)),
            },
        }
    }
}

/// Returns the IPv4 address that is written as an IPv6 address: mapped (RFC 4291 §2.5.5.2), or as a translator before
/// an IPv6 network writes it (RFC 6052 §2.1). All of them are in two networks, which are not those of one client.
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let is_translated = address.to_bits() >> 32 == NAT64_PREFIX;
    let low = u32::try_from(address.to_bits() & u128::from(u32::MAX)).ok();
    let translated = low.filter(|_| is_translated).map(Ipv4Addr::from_bits);
    address.to_ipv4_mapped().or(translated)
}

impl ClientGroup {
    /// The number of groups. As many counts a minute are the most that the failures of all addresses make, and a client
    /// that fails keeps one other in so many from logging in for the rest of the minute.
    pub const COUNT: u16 = 4096;
}

impl Keyring {
    /// Returns the group of a client in one minute, counted from 1970.
    ///
    /// It cannot be guessed without the master key: nobody can choose an address that shares the group of another. The next
    /// minute mixes them anew.
    #[must_use]
    pub fn client_group(&self, network: ClientNetwork, minute: i64) -> ClientGroup {
        let (network, minute) = (network.to_string(), minute.to_string());
        let parts = ["kubelease client group v1", network.as_str(), minute.as_str()];
        let code = hmac_sha256(self.current_key().mac_key(), &encode_parts(&parts))
            .finalize()
            .into_bytes();
        ClientGroup(u16::from_be_bytes([code[0], code[1]]) % ClientGroup::COUNT)
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => address.fmt(f),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// As keys have it.
impl fmt::Display for ClientGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03x}", self.0)
    }
}

/// The bits of an IPv6 address that tell the machines of one network from each other.
const HOST_BITS: u128 = u64::MAX as u128;

/// The first 96 bits of `64:ff9b::/96`.
const NAT64_PREFIX: u128 = 0x0064_ff9b_0000_0000_0000_0000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::MasterKey;

    #[test]
    fn a_client_is_an_ipv4_address_or_a_network_of_ipv6() {
        for (address, network) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("64:ff9b::192.0.2.1", "192.0.2.1"),
            ("64:ff9b:1::192.0.2.1", "64:ff9b:1::"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
            ("::1", "::"),
            ("::192.0.2.1", "::"),
        ] {
            let of = ClientNetwork::from_address(Some(address.parse().expect("an address")));
            assert_eq!(of.to_string(), network, "{address}");
        }
        assert_eq!(ClientNetwork::from_address(None).to_string(), "unknown");
    }

    #[test]
    fn groups_are_few_and_even_and_other_ones_each_minute_and_under_each_key() {
        let keys = |letter: &str| {
            let key = MasterKey::from_base64(&format!("{}A=", letter.repeat(42)));
            Keyring::new(&key.expect("32 bytes"), &[])
        };
        let network = |n: u32| {
            ClientNetwork::V6(Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(n) << 64)))
        };
        let mut counts = vec![0; usize::from(ClientGroup::COUNT)];
        for n in 0..100_000 {
            counts[usize::from(keys("A").client_group(network(n), 7).0)] += 1;
        }
        let (least, most) = (counts.iter().min(), counts.iter().max());
        assert!(least >= Some(&4) && most <= Some(&60), "{least:?} to {most:?}, of 24 on average");
        let groups = |letter, minute| -> Vec<_> {
            (0..100).map(|n| keys(letter).client_group(network(n), minute)).collect()
        };
        assert_eq!(groups("A", 7), groups("A", 7));
        let all: BTreeSet<_> = [groups("A", 7), groups("A", 8), groups("B", 7)].into();
        assert_eq!(all.len(), 3);
    }
}
