//! The application's manifest, `spin.toml`.

mod names;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde::de::IgnoredAny;

use self::names::{ComponentId, StoreLabel, VariableName};

/// A manifest that this host can run. What Spin knows and this host does not is refused, as is what
/// neither knows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    spin_manifest_version: u32,
    /// Name and version, told under `/.well-known/spin/info`.
    pub application: Application,
    #[serde(default)]
    variables: BTreeMap<VariableName, Variable>,
    trigger: TriggerTables,
    #[serde(default)]
    component: BTreeMap<ComponentId, Component>,
}

/// The `[application]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The application's name.
    pub name: String,
    /// The version, if there is one.
    #[serde(default)]
    pub version: String,
    #[serde(default, rename = "description")]
    _description: IgnoredAny,
    #[serde(default, rename = "authors")]
    _authors: IgnoredAny,
    #[serde(default, rename = "tool")]
    _tool: IgnoredAny,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    #[serde(default)]
    required: bool,
    default: Option<String>,
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(default, rename = "description")]
    _description: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TriggerTables {
    http: Vec<HttpTrigger>,
    cron: Vec<CronTrigger>,
    command: Vec<CommandTrigger>,
}

/// A `[[trigger.http]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpTrigger {
    /// The paths that it serves.
    pub route: String,
    /// The component that answers, if no fixed response does.
    pub component: Option<ComponentId>,
    /// The fixed response, if no component answers.
    pub static_response: Option<StaticResponse>,
    #[serde(default, rename = "executor")]
    _executor: Option<Executor>,
    #[serde(default, rename = "id")]
    _id: IgnoredAny,
}

/// The executor of a component; there is one.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
enum Executor {
    #[serde(alias = "spin")]
    Http {},
}

/// A response without a component.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticResponse {
    /// The status; 200 if not given.
    pub status_code: Option<u16>,
    /// Headers by name.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body; empty if not given.
    #[serde(default)]
    pub body: String,
}

/// A `[[trigger.cron]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronTrigger {
    /// The component that is called.
    pub component: ComponentId,
    /// When: second, minute, hour, day of month, month, day of week.
    pub cron_expression: String,
}

/// A `[[trigger.command]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandTrigger {
    /// The component that is called.
    pub component: ComponentId,
}

/// A `[component.<id>]` table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// The `.wasm` file, relative to the manifest.
    pub source: PathBuf,
    #[serde(default, rename = "description")]
    _description: IgnoredAny,
    /// Templates over the application's variables.
    #[serde(default)]
    variables: BTreeMap<VariableName, String>,
    /// The guest's environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The templates of the addresses to which it may send requests.
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    /// The labels of the stores it may open.
    #[serde(default)]
    key_value_stores: Vec<StoreLabel>,
    #[serde(default, rename = "build")]
    _build: IgnoredAny,
    #[serde(default, rename = "tool")]
    _tool: IgnoredAny,
}

/// The triggers that start the components.
pub enum Triggers {
    /// Requests.
    Http(Vec<HttpTrigger>),
    /// The clock.
    Cron(Vec<CronTrigger>),
    /// The start of the host, once.
    Command(CommandTrigger),
}

impl Manifest {
    /// Reads the file.
    pub fn read_file(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("could not read manifest `{}`", path.display()))?;
        Self::parse(&text)
            .with_context(|| format!("manifest `{}` cannot run on dev-host", path.display()))
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        ensure!(manifest.spin_manifest_version == 2, "`spin_manifest_version` must be 2");
        manifest.triggers()?;
        manifest.variable_defaults()?;
        Ok(manifest)
    }

    /// The triggers, all of one type.
    ///
    /// For several types Spin starts several processes, and ends them all with the first. Manifests that
    /// are told apart by type need neither.
    pub fn triggers(&self) -> anyhow::Result<Triggers> {
        let TriggerTables { http, cron, command } = &self.trigger;
        let triggers = match (&http[..], &cron[..], &command[..]) {
            ([_, ..], [], []) => Triggers::Http(http.clone()),
            ([], [_, ..], []) => Triggers::Cron(cron.clone()),
            ([], [], [command]) => Triggers::Command(command.clone()),
            ([], [], []) => {
                bail!("there is no [[trigger.http]], [[trigger.cron]] or [[trigger.command]]")
            }
            ([], [], _) => bail!("there may be only one [[trigger.command]]"),
            _ => bail!("its triggers are of several types; give each type a manifest of its own"),
        };
        for id in triggers.component_ids()? {
            ensure!(
                self.component.keys().any(|known| known.as_str() == id),
                "there is no component `{id}`"
            );
        }
        Ok(triggers)
    }

    /// All components, by id, also those that no trigger names.
    pub fn components(&self) -> impl Iterator<Item = (&str, &Component)> {
        self.component.iter().map(|(id, component)| (id.as_str(), component))
    }

    /// The variables and their defaults.
    pub fn variable_defaults(&self) -> anyhow::Result<BTreeMap<String, Option<String>>> {
        let default = |(name, variable): (&VariableName, &Variable)| {
            ensure!(
                variable.required != variable.default.is_some(),
                "variable `{name}` must be either required or have a default"
            );
            Ok((name.to_string(), variable.default.clone()))
        };
        self.variables.iter().map(default).collect()
    }

    /// The templates of the variables of every component.
    pub fn component_variables(&self) -> HashMap<String, BTreeMap<String, String>> {
        let text = |(name, text): (&VariableName, &String)| (name.to_string(), text.clone());
        let templates = |component: &Component| component.variables.iter().map(text).collect();
        self.component.iter().map(|(id, c)| (id.to_string(), templates(c))).collect()
    }
}

impl Triggers {
    /// The ids of the components that they call.
    pub fn component_ids(&self) -> anyhow::Result<Vec<&str>> {
        match self {
            Self::Http(triggers) => {
                triggers.iter().filter_map(|trigger| trigger.component_id().transpose()).collect()
            }
            Self::Cron(triggers) => Ok(triggers.iter().map(|t| t.component.as_str()).collect()),
            Self::Command(trigger) => Ok(vec![trigger.component.as_str()]),
        }
    }
}

impl HttpTrigger {
    /// The component that answers, if one does.
    pub fn component_id(&self) -> anyhow::Result<Option<&str>> {
        match (&self.component, &self.static_response) {
            (Some(component), None) => Ok(Some(component.as_str())),
            (None, Some(_)) => Ok(None),
            _ => bail!("route `{}` needs either `component` or `static_response`", self.route),
        }
    }
}

impl Component {
    /// The labels of the stores it may open.
    pub fn key_value_stores(&self) -> impl Iterator<Item = &str> {
        self.key_value_stores.iter().map(StoreLabel::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "app"
        [variables]
        token = { required = true, secret = true }
        [[trigger.http]]
        route = "/..."
        component = "api"
        [component.api]
        source = "api.wasm"
        key_value_stores = ["default"]
        [component.unused]
        source = "unused.wasm"
        [component.unused.build]
        command = "make"
    "#;

    #[test]
    fn a_valid_manifest_says_what_it_runs() {
        let manifest = Manifest::parse(VALID).unwrap();
        assert_eq!(manifest.triggers().unwrap().component_ids().unwrap(), ["api"]);
        assert_eq!(manifest.components().map(|(id, _)| id).collect::<Vec<_>>(), ["api", "unused"]);
        assert_eq!(manifest.variable_defaults().unwrap()["token"], None);
    }

    #[test]
    fn what_cannot_run_is_refused_by_name() {
        for (from, to, complaint) in [
            ("version = 2", "version = 1", "spin_manifest_version"),
            ("source = \"api.wasm\"", "source = { url = \"https://x\", digest = \"d\" }", "source"),
            ("source = \"api.wasm\"", "source = \"api.wasm\"\nfiles = [\"a\"]", "files"),
            (
                "source = \"api.wasm\"",
                "source = \"api.wasm\"\nsqlite_databases = [\"a\"]",
                "sqlite_databases",
            ),
            ("component = \"api\"", "component = \"other\"", "`other`"),
            ("component = \"api\"", "component = \"Api_x\"", "separated"),
            ("component = \"api\"", "component = \"api\"\nbase = \"/\"", "base"),
            ("component = \"api\"", "component = \"api\"\nexecutor = { type = \"wagi\" }", "wagi"),
            ("component = \"api\"", "", "either `component` or `static_response`"),
            ("route = \"/...\"", "route = { private = true }", "string"),
            ("[[trigger.http]]", "[[trigger.redis]]", "redis"),
            ("required = true, ", "", "either required or have a default"),
            ("required = true, ", "required = true, default = \"x\", ", "either required"),
            ("token = {", "token_2 = {", "letter"),
            ("[\"default\"]", "[\"not a label\"]", "not a label"),
            (
                "[component.api]",
                "[[trigger.cron]]\ncomponent = \"api\"\ncron_expression = \"* * * * * *\"\n[component.api]",
                "several types",
            ),
        ] {
            let text = VALID.replacen(from, to, 1);
            assert_ne!(text, VALID, "{from}");
            let error = format!("{:#}", Manifest::parse(&text).unwrap_err());
            assert!(error.contains(complaint), "{complaint} is not in: {error}");
        }
    }
}
