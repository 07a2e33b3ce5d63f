//! The address of the client: what the host has seen, or what a trusted proxy has.
//!
//! A client can send any header. So the host's own is believed alone, and what stands before it only if the connection
//! comes from a proxy that the operator trusts.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};
use lease_core::IpNet;
use lease_engine::Origin;

/// The origin of a request, as far as its headers tell.
pub(crate) fn request_origin(headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Origin {
    Origin {
        address: client_address(headers, trusted_proxies),
        request_id: request_id(headers),
        trace_id: trace_id(headers),
    }
}

/// The address of the client; none if it is not known.
fn client_address(headers: &HeaderMap, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
    // Spin appends its own header behind those of the client, which may have the same name.
    let peer = headers.get_all(SPIN_CLIENT_ADDR).iter().next_back()?.to_str().ok()?;
    let peer = peer.parse::<SocketAddr>().ok()?.ip().to_canonical();
    let is_trusted = |address: &IpAddr| trusted_proxies.iter().any(|net| net.contains(address));
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let forwarded = |name: HeaderName| {
        let is_there = headers.contains_key(&name);
        let said =
            || forwarding_chain(headers, &name).map(|chain| nearest_untrusted(&chain, is_trusted));
        is_there.then(said)
    };
    let (by_standard, by_custom) = (forwarded(FORWARDED), forwarded(X_FORWARDED_FOR));
    match (by_standard, by_custom) {
        (None, None) => Some(peer),
        (Some(said), None) | (None, Some(said)) => said?,
        // The proxy writes one of them and passes the other on as the client has sent it.
        (Some(one), Some(other)) if one == other => one?,
        (Some(_), Some(_)) => None,
    }
}

/// The last address of a chain that is no trusted proxy: the one that the nearest trusted proxy has seen. Whatever is
/// further left may be made up. None if it cannot be read.
fn nearest_untrusted(
    chain: &[Option<IpAddr>],
    is_trusted: impl Fn(&IpAddr) -> bool,
) -> Option<IpAddr> {
    for address in chain.iter().rev() {
        match address {
            Some(address) if is_trusted(address) => {}
            other => return *other,
        }
    }
    *chain.first()?
}

/// The addresses of a forwarding header, in the order in which proxies have added them; none for one that is not
/// written as it should be.
fn forwarding_chain(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<Option<IpAddr>>> {
    let mut chain = vec![];
    for value in headers.get_all(name) {
        let text = value.to_str().ok()?;
        for element in split_outside_quotes(text, ',')? {
            let node = if *name == FORWARDED { forwarded_for(element)? } else { element.trim() };
            chain.push(node_address(node));
        }
    }
    Some(chain)
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4); empty if it has none.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut node = "";
    for pair in split_outside_quotes(element, ';')? {
        let (name, value) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("for") {
            let value = value.trim();
            let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            node = unquoted.unwrap_or(value);
        }
    }
    Some(node)
}

/// The address of a node: `192.0.2.60`, `192.0.2.60:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn node_address(node: &str) -> Option<IpAddr> {
    let bracketed = node.strip_prefix('[').and_then(|node| node.strip_suffix(']'));
    let bare = bracketed.unwrap_or(node).parse::<IpAddr>();
    let address = bare.or_else(|_| node.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address| address.to_canonical())
}

/// The parts of a text between separators that stand in no quotes; none if a quote is not closed.
fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut from, mut is_quoted) = (vec![], 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            // An escaped quote has no place in an address.
            '\\' => return None,
            c if c == separator && !is_quoted => {
                parts.push(&text[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[from..]);
    (!is_quoted).then_some(parts)
}

/// The id that somebody before us has given the request, if it can be kept.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
    let good = (1..=MAX_ID_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&b));
    good.then(|| text.to_owned())
}

/// The id of the trace that a request is part of (W3C Trace Context §3.2.2.3).
fn trace_id(headers: &HeaderMap) -> Option<String> {
    let mut parts = headers.get(TRACEPARENT)?.to_str().ok()?.split('-');
    let (version, id) = (parts.next()?, parts.next()?);
    let is_hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let good = version.len() == 2 && version != "ff" && is_hex(version);
    let known = id.len() == 32 && is_hex(id) && id.bytes().any(|b| b != b'0');
    (good && known).then(|| id.to_owned())
}

/// The header in which Spin tells the peer of the connection.
const SPIN_CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// The header that most proxies add the address to which they have answered.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id that is kept of a request: a UUID fits several times.
const MAX_ID_BYTES: usize = 128;

#[cfg(test)]
mod tests;
