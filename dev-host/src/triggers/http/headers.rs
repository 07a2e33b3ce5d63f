//! The headers that a host adds to a request, for the component to read.

use std::net::SocketAddr;

use anyhow::Context as _;
use http::{HeaderName, HeaderValue, Request, header};

use super::routes::RouteMatch;

/// Adds the `spin-*` headers **after** those of the client, which may have the same names.
///
/// A client's header is not removed, so that a component that takes the first value trusts the client.
/// Fails on a header that is not UTF-8.
pub fn add_spin_headers<B>(
    request: &mut Request<B>,
    found: &RouteMatch<'_>,
    client: SocketAddr,
) -> anyhow::Result<()> {
    for (name, value) in request.headers() {
        std::str::from_utf8(value.as_bytes()).with_context(|| format!("header `{name}`"))?;
    }
    let host = match request.headers().get(header::HOST) {
        Some(host) => host.to_str()?,
        None => "localhost",
    };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut added = vec![
        ("spin-path-info".to_owned(), found.wildcard_rest()),
        ("spin-full-url".to_owned(), format!("http://{host}{path}")),
        ("spin-matched-route".to_owned(), found.based_route().to_owned()),
        ("spin-base-path".to_owned(), "/".to_owned()),
        ("spin-raw-component-route".to_owned(), found.raw_route().to_owned()),
        ("spin-component-route".to_owned(), found.raw_prefix().to_owned()),
        ("spin-client-addr".to_owned(), client.to_string()),
    ];
    for (name, value) in found.named_parts() {
        let name = name.to_ascii_lowercase().replace('_', "-");
        added.push((format!("spin-path-match-{name}"), value.to_owned()));
    }
    for (name, value) in added {
        let name = HeaderName::try_from(name)?;
        request.headers_mut().append(name, HeaderValue::try_from(value)?);
    }
    Ok(())
}
