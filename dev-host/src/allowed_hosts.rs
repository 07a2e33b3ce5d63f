//! `allowed_outbound_hosts`: which requests a component may send.
//!
//! If the supported versions of Spin differ, this is as strict as the strictest: an IPv6 address needs its
//! port named, and an entry that resolves to nothing is invalid, as up to 4.0.2. With the default values of
//! its variables, that ends the start; with a value that is given later, every request is denied.

use std::ops::Range;

use anyhow::{Context as _, bail, ensure};
use ip_network::IpNetwork;
use url::{Host, Url};

use crate::variables::{Template, Variables};

/// The entries of one component, all variables resolved.
#[derive(Debug, PartialEq)]
pub struct AllowedHosts(Vec<Entry>);

impl AllowedHosts {
    /// Resolves the entries now; one that is invalid spoils them all.
    pub fn resolve_entries(entries: &[Template], variables: &Variables) -> anyhow::Result<Self> {
        let values = variables.resolve_all()?;
        let value = |name: &str| values.get(name).cloned().context("unknown variable");
        let entries = entries.iter().map(|entry| Entry::parse(&entry.render_text(value)?));
        Ok(Self(entries.collect::<anyhow::Result<_>>()?))
    }

    /// Checks what can be checked before anything runs: entries whose variables all have defaults.
    ///
    /// As in Spin (`AllowedHostsConfig::validate`), the values that are given do not count: an entry whose
    /// defaults make no host is refused even if the environment says another value.
    pub fn validate_if_defaults_known(
        entry: &Template,
        variables: &Variables,
    ) -> anyhow::Result<()> {
        match entry.render_text(|name| variables.default_of(name)) {
            Ok(text) => Entry::parse(&text).map(drop),
            // A variable without a default: its value is known when the first request is sent.
            Err(_) => Ok(()),
        }
    }

    /// Returns true if a request may go to `url`.
    pub fn allows_url(&self, url: &Url) -> bool {
        self.0.iter().any(|entry| entry.allows_url(url))
    }

    /// Returns true if the application may call itself.
    pub fn allows_calling_own_application(&self) -> bool {
        let web = |scheme: &Scheme| scheme.allows_scheme("http") || scheme.allows_scheme("https");
        let own = |host: &HostPattern| matches!(host, HostPattern::Any | HostPattern::Own);
        self.0.iter().any(|entry| web(&entry.scheme) && own(&entry.host))
    }
}

/// An entry, `scheme://host[:port]`.
#[derive(Debug, PartialEq)]
struct Entry {
    scheme: Scheme,
    host: HostPattern,
    ports: PortPattern,
}

impl Entry {
    fn parse(text: &str) -> anyhow::Result<Self> {
        Self::parse_parts(text.trim())
            .with_context(|| format!("`{text}` is no allowed outbound host"))
    }

    fn parse_parts(text: &str) -> anyhow::Result<Self> {
        let (scheme, rest) =
            text.split_once("://").context("it must be `<scheme>://<host>[:<port>]`")?;
        let (host, port) = match rest.rsplit_once(':') {
            None => (rest, ""),
            Some((host, port)) => {
                let (port, path) = port.split_once('/').unwrap_or((port, ""));
                ensure!(path.is_empty(), "it must not have a path");
                (host, port)
            }
        };
        Ok(Self {
            ports: PortPattern::parse(port, scheme)?,
            scheme: Scheme::parse(scheme)?,
            host: HostPattern::parse(host)?,
        })
    }

    fn allows_url(&self, url: &Url) -> bool {
        self.scheme.allows_scheme(url.scheme())
            && url.host().is_some_and(|host| self.host.allows_host(&host.to_owned()))
            && self.ports.allows_port(url.port().or_else(|| well_known_port(url.scheme())))
    }
}

#[derive(Debug, PartialEq)]
enum Scheme {
    Any,
    Named(String),
}

impl Scheme {
    fn parse(text: &str) -> anyhow::Result<Self> {
        if text == "*" {
            return Ok(Self::Any);
        }
        ensure!(text.chars().all(char::is_alphabetic), "a scheme has only letters, or is `*`");
        Ok(Self::Named(text.to_owned()))
    }

    fn allows_scheme(&self, scheme: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Named(name) => name == scheme,
        }
    }
}

#[derive(Debug, PartialEq)]
enum HostPattern {
    Any,
    /// `*.example.com`, kept as `.example.com`.
    Subdomains(String),
    /// The application itself.
    Own,
    Exact(Host),
    /// Matches addresses in URLs, never what a name resolves to.
    Network(IpNetwork),
}

impl HostPattern {
    fn parse(text: &str) -> anyhow::Result<Self> {
        let text = text.trim();
        match text {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Own),
            _ => {}
        }
        if let Ok(network) = IpNetwork::from_str_truncate(text) {
            return Ok(Self::Network(network));
        }
        let text = text.strip_suffix('/').unwrap_or(text);
        ensure!(!text.contains('/'), "it must not have a path");
        ensure!(
            text != SERVICE_CHAINING_DOMAIN
                && !text.ends_with(&format!(".{SERVICE_CHAINING_DOMAIN}")),
            "dev-host has no service chaining"
        );
        if let Some(domain) = text.strip_prefix("*.") {
            ensure!(!domain.contains('*'), "`*` may only come first");
            let Host::Domain(domain) = Host::parse(domain)? else {
                bail!("after `*.` there must be a domain");
            };
            return Ok(Self::Subdomains(format!(".{domain}")));
        }
        ensure!(!text.contains('*'), "`*` stands for whole subdomains only");
        Ok(Self::Exact(Host::parse(text)?))
    }

    fn allows_host(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Exact(exact), host) => exact == host,
            (Self::Network(network), Host::Ipv4(address)) => network.contains(*address),
            (Self::Network(network), Host::Ipv6(address)) => network.contains(*address),
            (Self::Subdomains(_) | Self::Network(_) | Self::Own, _) => false,
        }
    }
}

#[derive(Debug, PartialEq)]
enum PortPattern {
    Any,
    One(u16),
    Range(Range<u16>),
}

impl PortPattern {
    fn parse(text: &str, scheme: &str) -> anyhow::Result<Self> {
        let number = |text: &str| {
            text.parse().with_context(|| format!("`{text}` is no port number, range or `*`"))
        };
        match text {
            "" => well_known_port(scheme)
                .map(Self::One)
                .with_context(|| format!("the scheme `{scheme}` has no default port: name one")),
            "*" => Ok(Self::Any),
            _ => match text.split_once("..") {
                Some((start, end)) => Ok(Self::Range(number(start)?..number(end)?)),
                None => number(text).map(Self::One),
            },
        }
    }

    fn allows_port(&self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::One(one), Some(port)) => *one == port,
            (Self::Range(range), Some(port)) => range.contains(&port),
        }
    }
}

fn well_known_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "mqtt" => Some(1883),
        "mysql" => Some(3306),
        "postgres" => Some(5432),
        "redis" => Some(6379),
        _ => None,
    }
}

/// The domain under which components of one application call each other in Spin.
const SERVICE_CHAINING_DOMAIN: &str = "spin.internal";

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;
    use crate::variables::Provider;

    #[test]
    fn an_entry_allows_what_it_says() {
        for (entry, url, allowed) in [
            ("https://a.example", "https://a.example/path?q", true),
            ("https://a.example", "https://A.Example/", true),
            ("https://a.example/", "https://a.example/", true),
            ("https://a.example", "http://a.example/", false),
            ("https://a.example", "https://a.example:8443/", false),
            ("https://a.example:8443", "https://a.example:8443/", true),
            ("https://a.example:443", "https://a.example/", true),
            ("https://a.example:*", "https://a.example:1/", true),
            ("https://a.example:8000..9000", "https://a.example:8000/", true),
            ("https://a.example:8000..9000", "https://a.example:8999/", true),
            ("https://a.example:8000..9000", "https://a.example:9000/", false),
            ("*://a.example:*", "http://a.example/", true),
            ("https://*.example", "https://a.example/", true),
            ("https://*.example", "https://a.b.example/", true),
            ("https://*.example", "https://example/", false),
            ("https://*.example", "https://notexample/", false),
            ("https://*", "https://anything/", true),
            ("*://*:*", "http://127.0.0.1:1/", true),
            ("http://127.0.0.1:80", "http://127.0.0.1/", true),
            ("http://127.0.0.0/8", "http://127.1.2.3/", true),
            ("http://127.0.0.0/8", "http://localhost/", false),
            ("http://[::1]:80", "http://[::1]/", true),
            ("http://self", "http://self/", false),
        ] {
            let entry = Entry::parse(entry).unwrap();
            assert_eq!(entry.allows_url(&url.parse().unwrap()), allowed, "{entry:?} and {url}");
        }
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for wrong in [
            "",
            "*",
            "example",
            "http://",
            "http://a.example/path",
            "http://a.example:80/path",
            "http://a.*.example",
            "http://*.*.example",
            "http://a.example:port",
            "http://a.example:99999",
            "custom://a.example",
            "ht-tp://a.example",
            "{http,https}://a.example",
            "insecure:allow-all",
            "http://[::1]",
            "http://api.spin.internal",
            "http://*.spin.internal",
        ] {
            assert!(Entry::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_application_may_call_itself_only_where_it_says_so() {
        for (entry, own) in [
            ("http://self", true),
            ("http://self.alt", true),
            ("*://*:*", true),
            ("http://a", false),
        ] {
            assert_eq!(
                AllowedHosts(vec![Entry::parse(entry).unwrap()]).allows_calling_own_application(),
                own,
                "{entry}"
            );
        }
    }

    #[test]
    fn an_empty_default_is_refused_at_the_start_whatever_value_is_given() {
        for (default, entry, valid) in [
            (Some(""), "{{ url }}", false),
            (Some(""), "http://{{ url }}", false),
            (Some(""), "https://{{ url }}", false),
            (Some("https://b.example"), "{{ url }}", true),
            (None, "{{ url }}", true),
        ] {
            let defaults = BTreeMap::from([("url".to_owned(), default.map(str::to_owned))]);
            let given = vec![given("https://a.example")];
            let variables = Variables::new(defaults, HashMap::new(), given).unwrap();
            let template = variables.parse_declared_template(entry).unwrap();
            let validated = AllowedHosts::validate_if_defaults_known(&template, &variables);
            assert_eq!(validated.is_ok(), valid, "{default:?} in {entry}");
        }
    }

    #[test]
    fn an_empty_value_spoils_the_whole_list() {
        let defaults = BTreeMap::from([("url".to_owned(), None)]);
        let variables = Variables::new(defaults, HashMap::new(), vec![given("")]).unwrap();
        let entries: Vec<_> = ["https://a.example", "{{ url }}"]
            .map(|text| variables.parse_declared_template(text).unwrap())
            .into();
        assert!(AllowedHosts::resolve_entries(&entries, &variables).is_err());
        assert!(AllowedHosts::resolve_entries(&entries[..1], &variables).is_ok());
    }

    fn given(url: &str) -> Provider {
        Provider::Static(HashMap::from([("url".to_owned(), url.to_owned())]))
    }
}
