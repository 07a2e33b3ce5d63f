//! Application variables: where their values come from, and what a component gets to see.

mod guest_interface;
mod providers;
mod template;

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, bail, ensure};

pub use self::providers::{Provider, provider_from_flags};
pub use self::template::Template;

/// The variables of an application. Values are looked up anew at every use.
pub struct Variables {
    defaults: BTreeMap<String, Option<String>>,
    components: HashMap<String, BTreeMap<String, Template>>,
    /// In order of precedence, before the defaults.
    providers: Vec<Provider>,
}

impl Variables {
    /// Joins what the manifest declares with who may provide it.
    pub fn new(
        defaults: BTreeMap<String, Option<String>>,
        components: HashMap<String, BTreeMap<String, String>>,
        providers: Vec<Provider>,
    ) -> anyhow::Result<Self> {
        defaults.keys().try_for_each(|name| check_variable_name(name))?;
        let mut variables = Self { defaults, components: HashMap::new(), providers };
        for (component, entries) in components {
            let mut templates = BTreeMap::new();
            for (name, text) in entries {
                check_variable_name(&name)?;
                let template = variables
                    .parse_declared_template(&text)
                    .with_context(|| format!("in variable `{name}` of component `{component}`"))?;
                templates.insert(name, template);
            }
            variables.components.insert(component, templates);
        }
        Ok(variables)
    }

    /// Refuses to start an application that lacks a value nobody can provide.
    pub fn ensure_required_resolve(&self) -> anyhow::Result<()> {
        let missing: Vec<_> = self
            .defaults
            .iter()
            .filter(|(name, default)| {
                default.is_none()
                    && !self.providers.iter().any(|p| matches!(p.get(name), Ok(Some(_))))
            })
            .map(|(name, _)| name.as_str())
            .collect();
        ensure!(
            missing.is_empty(),
            "no provider resolved required variable(s): {}; pass --variable or set SPIN_VARIABLE_<NAME>",
            missing.join(", ")
        );
        Ok(())
    }

    /// Checks that a text names only variables that the manifest declares.
    pub fn parse_declared_template(&self, text: &str) -> anyhow::Result<Template> {
        let template = Template::parse(text)?;
        for name in template.variable_names() {
            if !self.defaults.contains_key(name) {
                bail!("unknown variable `{name}` in `{text}`");
            }
        }
        Ok(template)
    }

    /// The value of a component's variable, now.
    pub fn resolve_component_variable(&self, component: &str, name: &str) -> Result<String, Error> {
        check_variable_name(name).map_err(|error| Error::InvalidName(error.to_string()))?;
        let template =
            self.components.get(component).and_then(|templates| templates.get(name)).ok_or_else(
                || Error::Undefined(format!("no variable for {component:?}.{name:?}")),
            )?;
        template
            .render_text(|variable| self.resolve_value(variable))
            .map_err(|error| Error::Provider(error.to_string()))
    }

    /// All variables of the application, now; one that cannot be had fails them all.
    pub fn resolve_all(&self) -> anyhow::Result<BTreeMap<&str, String>> {
        self.defaults.keys().map(|name| Ok((name.as_str(), self.resolve_value(name)?))).collect()
    }

    /// The default of a variable, for what is checked before anything runs.
    pub fn default_of(&self, name: &str) -> anyhow::Result<String> {
        let default = self.defaults.get(name).cloned().flatten();
        default.with_context(|| format!("no provider resolved required variable {name:?}"))
    }

    fn resolve_value(&self, name: &str) -> anyhow::Result<String> {
        for provider in &self.providers {
            if let Some(value) = provider.get(name)? {
                return Ok(value);
            }
        }
        self.default_of(name)
    }
}

/// Why a component does not get a variable.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No variable could have such a name.
    #[error("invalid variable name: {0}")]
    InvalidName(String),
    /// The manifest gives the component no such variable.
    #[error("undefined variable: {0}")]
    Undefined(String),
    /// Nobody provides it.
    #[error("provider error: {0}")]
    Provider(String),
}

/// Checks that `name` is lower-case words, joined by single underscores, the first starting with a
/// letter.
fn check_variable_name(name: &str) -> anyhow::Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    ensure!(
        name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(allowed)
            && !name.ends_with('_')
            && !name.contains("__"),
        "`{name}`: use lower-case letters, digits and single underscores, with a letter first"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn provider(values: &[(&str, &str)]) -> Provider {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Provider::Static(values.iter().map(own).collect())
    }

    fn variables(providers: Vec<Provider>) -> Variables {
        let defaults =
            [("host".to_owned(), Some("localhost".to_owned())), ("port".to_owned(), None)];
        let templates = [("url".to_owned(), "https://{{ host }}:{{port}}/".to_owned())];
        let components = [("api".to_owned(), templates.into())];
        Variables::new(defaults.into(), components.into(), providers).unwrap()
    }

    #[test]
    fn the_first_provider_that_knows_a_value_wins_and_defaults_come_last() {
        let first = provider(&[("port", "1")]);
        let second = provider(&[("port", "2"), ("host", "example.com")]);
        let variables = variables(vec![first, second]);
        assert_eq!(
            variables.resolve_component_variable("api", "url").unwrap(),
            "https://example.com:1/"
        );
    }

    #[test]
    fn a_component_sees_only_what_its_table_gives_it() {
        let variables = variables(vec![provider(&[("port", "1")])]);
        assert!(matches!(
            variables.resolve_component_variable("api", "port"),
            Err(Error::Undefined(_))
        ));
        assert!(matches!(
            variables.resolve_component_variable("other", "url"),
            Err(Error::Undefined(_))
        ));
        assert!(matches!(
            variables.resolve_component_variable("api", "Not-A-Name"),
            Err(Error::InvalidName(_))
        ));
    }

    #[test]
    fn a_required_variable_without_a_provider_stops_the_start() {
        let error = variables(vec![]).ensure_required_resolve().unwrap_err().to_string();
        assert!(error.contains("variable(s): port;"), "{error}");
        variables(vec![provider(&[("port", "1")])]).ensure_required_resolve().unwrap();
        assert!(matches!(
            variables(vec![]).resolve_component_variable("api", "url"),
            Err(Error::Provider(_))
        ));
        assert!(variables(vec![]).resolve_all().is_err(), "one missing value fails them all");
    }

    #[test]
    fn an_undeclared_variable_in_a_template_is_refused() {
        let components = [("api".to_owned(), [("x".to_owned(), "{{ nope }}".to_owned())].into())];
        let error = Variables::new(BTreeMap::new(), components.into(), vec![]).err().unwrap();
        assert!(format!("{error:#}").contains("unknown variable `nope`"), "{error:#}");
    }
}
