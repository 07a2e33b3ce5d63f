//! Which trigger answers a path.

use std::collections::HashMap;

use anyhow::anyhow;
use routefinder::{Captures, Router};

use crate::manifest::{HttpTrigger, StaticResponse};

/// The routes of an application.
///
/// Slashes at either end of a path do not count, nothing is decoded, an exact route goes before a
/// wildcard, and the longest prefix goes first: these are the rules of `routefinder`, which Spin uses.
pub struct Routes(Router<Route>);

/// The target of a route.
pub enum RouteTarget {
    /// To a component, by id.
    Component(String),
    /// To a fixed response.
    Static(StaticResponse),
}

struct Route {
    /// As the manifest has it.
    raw: String,
    /// With a slash first and none last.
    based: String,
    target: RouteTarget,
}

impl Routes {
    /// Of routes written alike, the last counts.
    pub fn new(triggers: &[HttpTrigger]) -> anyhow::Result<Self> {
        let mut last: HashMap<&str, &HttpTrigger> = HashMap::new();
        for trigger in triggers {
            if last.insert(&trigger.route, trigger).is_some() {
                eprintln!("dev-host: route `{}` is there twice; the last counts", trigger.route);
            }
        }
        let mut router = Router::new();
        for (raw, trigger) in last {
            let target = match (trigger.component_id()?, &trigger.static_response) {
                (Some(component), _) => RouteTarget::Component(component.to_owned()),
                (None, Some(response)) => RouteTarget::Static(response.clone()),
                (None, None) => continue,
            };
            let absolute = if raw.starts_with('/') { raw.to_owned() } else { format!("/{raw}") };
            let based = absolute.strip_suffix('/').unwrap_or(&absolute).to_owned();
            let pattern = match based.strip_suffix("/...") {
                Some(prefix) => format!("{prefix}/*"),
                None => based.clone(),
            };
            router
                .add(pattern.as_str(), Route { raw: raw.to_owned(), based, target })
                .map_err(|error| anyhow!("route `{raw}`: {error}"))?;
        }
        Ok(Self(router))
    }

    /// The route that answers `path`, if one does.
    pub fn find<'a>(&'a self, path: &'a str) -> Option<RouteMatch<'a>> {
        let found = self.0.best_match(path)?;
        Some(RouteMatch { route: found.handler(), captures: found.captures(), path })
    }

    /// All routes, for the log.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RouteTarget)> {
        self.0.iter().map(|(_, route)| (route.raw.as_str(), &route.target))
    }
}

/// A path and the route that answers it.
pub struct RouteMatch<'a> {
    route: &'a Route,
    captures: Captures<'a, 'a>,
    path: &'a str,
}

impl RouteMatch<'_> {
    /// Returns the target of the route.
    pub fn target(&self) -> &RouteTarget {
        &self.route.target
    }

    /// The route as the manifest has it.
    pub fn raw_route(&self) -> &str {
        &self.route.raw
    }

    /// The same without its wildcard.
    pub fn raw_prefix(&self) -> &str {
        self.route.raw.strip_suffix("/...").unwrap_or(&self.route.raw)
    }

    /// The route with a slash first and none last.
    pub fn based_route(&self) -> &str {
        &self.route.based
    }

    /// Returns the text that the wildcard matched, with its slashes.
    pub fn wildcard_rest(&self) -> String {
        let Some(rest) = self.captures.wildcard() else { return String::new() };
        let end = if self.path.ends_with('/') { "/" } else { "" };
        if rest.is_empty() { end.to_owned() } else { format!("/{rest}{end}") }
    }

    /// Returns the text that each `:name` matched.
    pub fn named_parts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.captures.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(routes: &[(&str, &str)]) -> Routes {
        let trigger = |(route, component): &(&str, &str)| {
            toml::from_str(&format!("route = '{route}'\ncomponent = '{component}'")).unwrap()
        };
        Routes::new(&routes.iter().map(trigger).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_closest_route_answers() {
        let routes = routes(&[
            ("/...", "all"),
            ("/leases", "leases"),
            ("/leases/:id", "one"),
            ("/leases/:id/...", "below"),
            ("/static/...", "static"),
            ("/twice", "first"),
            ("/twice", "second"),
        ]);
        for (path, component, rest) in [
            ("/", "all", "/"),
            ("/else/where", "all", "/else/where"),
            ("/leases", "leases", ""),
            ("/leases/", "leases", ""),
            ("//leases", "leases", ""),
            ("/LEASES", "all", "/LEASES"),
            ("/%6ceases", "all", "/%6ceases"),
            ("/leases/7", "one", ""),
            ("/leases/7/a/b", "below", "/a/b"),
            ("/static", "static", ""),
            ("/static/", "static", "/"),
            ("/static/a/", "static", "/a/"),
            ("/twice", "second", ""),
        ] {
            let found = routes.find(path).unwrap();
            assert!(
                matches!(found.target(), RouteTarget::Component(id) if id == component),
                "{path}"
            );
            assert_eq!(found.wildcard_rest(), rest, "{path}");
        }
    }

    #[test]
    fn without_a_wildcard_nothing_else_is_answered() {
        let routes = routes(&[("/leases/:id", "one")]);
        assert!(routes.find("/").is_none());
        assert!(routes.find("/leases").is_none());
        let found = routes.find("/leases/7/").unwrap();
        assert_eq!(found.named_parts().collect::<Vec<_>>(), [("id", "7")]);
    }
}
