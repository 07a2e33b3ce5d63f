//! An application, loaded: its components compiled, and all that they share.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http::uri::Authority;
use tokio::task::JoinSet;
use wasmtime::component::{InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::allowed_hosts::AllowedHosts;
use crate::client_tls::TlsConfigs;
use crate::engine;
use crate::faults::Faults;
use crate::guest::{Guest, MemoryLimit};
use crate::key_value::{ComponentStores, Stores};
use crate::logs::Logs;
use crate::manifest::{self, Manifest};
use crate::outbound::{Connections, OutboundRequests};
use crate::runtime_config::RuntimeConfig;
use crate::variables::{Provider, Template, Variables, provider_from_flags};

/// The options of the command line for running an application.
pub struct Options {
    /// The manifest.
    pub manifest: PathBuf,
    /// The runtime configuration, if there is one.
    pub runtime_config: Option<PathBuf>,
    /// The directory of the default store and the logs; empty for nowhere.
    pub state_dir: Option<PathBuf>,
    /// The directory of the components' output; empty for nowhere.
    pub log_dir: Option<PathBuf>,
    /// True to keep the components' output off the console.
    pub quiet: bool,
    /// The `--variable` flags.
    pub variables: Vec<String>,
    /// The most linear memory one instance may have.
    pub max_instance_memory: Option<usize>,
    /// The longest computing time of one instance.
    pub compute_limit: Duration,
    /// The faults that a test has planned.
    pub faults: Option<Faults>,
}

/// An application that can be run.
pub struct App {
    components: HashMap<String, Component>,
    logs: Logs,
    variables: Arc<Variables>,
    stores: Arc<Stores>,
    connections: Arc<Connections>,
    max_instance_memory: Option<usize>,
    compute_limit: Duration,
    faults: Option<Faults>,
}

impl App {
    /// Checks the configuration and compiles the components, all at once.
    pub async fn load_app(options: &Options, manifest: &Manifest) -> anyhow::Result<Self> {
        let config = match &options.runtime_config {
            Some(path) => RuntimeConfig::read_file(path)?,
            None => RuntimeConfig::default(),
        };
        let manifest_dir = parent_directory(&options.manifest);
        let config_dir = options.runtime_config.as_deref().map_or(manifest_dir, parent_directory);
        let default = Some(std::path::absolute(manifest_dir.join(".spin"))?);
        let state_dir = directory_by_flag_config_or_default(
            options.state_dir.as_ref(),
            config.state_dir.as_ref(),
            default,
        )?;
        let default = state_dir.as_ref().map(|dir| dir.join("logs"));
        let log_dir = directory_by_flag_config_or_default(
            options.log_dir.as_ref(),
            config.log_dir.as_ref(),
            default,
        )?;

        let mut providers = vec![provider_from_flags(&options.variables)?];
        providers.extend(config.variable_providers()?);
        providers.push(Provider::default_env());
        let variables = Variables::new(
            manifest.variable_defaults()?,
            manifest.component_variables(),
            providers,
        )?;
        variables.ensure_required_resolve()?;

        let stores = Stores::new(config.key_value_store, config_dir, state_dir.as_deref())?;
        let tls = TlsConfigs::load_tables(&config.client_tls, config_dir)?;
        let blocked = config.outbound_networking.block_networks.into();
        let connections = Connections::new(&config.outbound_http, tls, blocked);
        Ok(Self {
            components: compile_components(manifest, manifest_dir, &variables, &stores).await?,
            logs: Logs::new(log_dir, options.quiet)?,
            variables: Arc::new(variables),
            stores: Arc::new(stores),
            connections: Arc::new(connections),
            max_instance_memory: options.max_instance_memory.or(config.max_instance_memory),
            compute_limit: options.compute_limit,
            faults: options.faults.clone(),
        })
    }

    /// The component with this id, ready to be instantiated.
    pub fn instance_pre(&self, id: &str) -> anyhow::Result<&InstancePre<Guest>> {
        Ok(&self.get_component(id)?.pre)
    }

    /// A store for one new instance of a component.
    ///
    /// `arguments` are its command line; `own_address` is where the application listens, if it does.
    pub fn new_instance_store(
        &self,
        id: &str,
        arguments: &[&str],
        own_address: Option<Authority>,
    ) -> anyhow::Result<Store<Guest>> {
        let component = self.get_component(id)?;
        let (stdout, stderr) = self.logs.open_outputs(id)?;
        let mut wasi = WasiCtx::builder();
        // Nothing of our own environment, no directory, no network: only what the manifest gives.
        wasi.envs(&component.prepared.environment).args(arguments).stdout(stdout).stderr(stderr);
        if let Some(faults) = &self.faults {
            wasi.wall_clock(faults.guest_clock());
        }
        let id: Arc<str> = id.into();
        let guest = Guest {
            component: id.clone(),
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: OutboundRequests {
                component: id,
                connections: self.connections.clone(),
                entries: component.prepared.allowed_outbound_hosts.clone(),
                variables: self.variables.clone(),
                own_address,
                allowed: Arc::new(OnceLock::new()),
                faults: self.faults.clone(),
            },
            key_value: ComponentStores {
                stores: self.stores.clone(),
                labels: component.prepared.labels.clone(),
                faults: self.faults.clone(),
            },
            variables: self.variables.clone(),
            memory: MemoryLimit(self.max_instance_memory),
        };
        let mut store = Store::new(component.pre.engine(), guest);
        store.limiter_async(|guest| &mut guest.memory);
        engine::limit_guest_cpu_time(&mut store, self.compute_limit);
        Ok(store)
    }

    fn get_component(&self, id: &str) -> anyhow::Result<&Component> {
        self.components.get(id).with_context(|| format!("there is no component `{id}`"))
    }
}

/// Checks all components and compiles those that a trigger calls, side by side.
async fn compile_components(
    manifest: &Manifest,
    dir: &Path,
    variables: &Variables,
    stores: &Stores,
) -> anyhow::Result<HashMap<String, Component>> {
    let engine = engine::start_engine()?;
    let linker = engine::new_linker(&engine)?;
    let triggers = manifest.triggers()?;
    let called = triggers.component_ids()?;
    let mut compiling = JoinSet::new();
    for (id, component) in manifest.components() {
        let source = dir.join(&component.source);
        // Also a component that nobody calls must be in order: Spin would not start without it.
        let prepared =
            ComponentCapabilities::from_manifest_component(component, &source, variables, stores)
                .with_context(|| format!("in component `{id}`"))?;
        if called.contains(&id) {
            let (engine, linker, id) = (engine.clone(), linker.clone(), id.to_owned());
            compiling.spawn_blocking(move || {
                let compiled = prepared.compile_component(&engine, &linker, &source)?;
                anyhow::Ok((id, compiled))
            });
        }
    }
    compiling.join_all().await.into_iter().collect()
}

/// A component and what it may do.
struct Component {
    pre: InstancePre<Guest>,
    prepared: ComponentCapabilities,
}

/// The capabilities that the manifest gives a component.
struct ComponentCapabilities {
    environment: Vec<(String, String)>,
    allowed_outbound_hosts: Arc<[Template]>,
    labels: crate::key_value::AllowedLabels,
}

impl ComponentCapabilities {
    fn from_manifest_component(
        component: &manifest::Component,
        source: &Path,
        variables: &Variables,
        stores: &Stores,
    ) -> anyhow::Result<Self> {
        ensure!(source.is_file(), "there is no `{}`: is it built?", source.display());
        for label in component.key_value_stores() {
            ensure!(stores.is_defined(label), "unknown key_value_stores label `{label}`");
        }
        let entry = |text: &String| {
            let entry = variables.parse_declared_template(text)?;
            AllowedHosts::validate_if_defaults_known(&entry, variables).with_context(|| {
                format!(
                    "`allowed_outbound_hosts` is malformed: `{text}`, with the default values of its \
                     variables"
                )
            })?;
            anyhow::Ok(entry)
        };
        let entries = component.allowed_outbound_hosts.iter().map(entry);
        Ok(Self {
            environment: component.environment.clone().into_iter().collect(),
            allowed_outbound_hosts: entries.collect::<anyhow::Result<_>>()?,
            labels: Arc::new(component.key_value_stores().map(str::to_owned).collect()),
        })
    }

    fn compile_component(
        self,
        engine: &Engine,
        linker: &Linker<Guest>,
        source: &Path,
    ) -> anyhow::Result<Component> {
        let pre = wasmtime::component::Component::from_file(engine, source)
            .and_then(|component| linker.instantiate_pre(&component))
            .map_err(anyhow::Error::from)
            .with_context(|| format!("could not load `{}`", source.display()))?;
        Ok(Component { pre, prepared: self })
    }
}

/// Returns the directory of the flag, else of the file, else the default. An empty path means
/// nowhere.
fn directory_by_flag_config_or_default(
    flag: Option<&PathBuf>,
    file: Option<&PathBuf>,
    default: Option<PathBuf>,
) -> anyhow::Result<Option<PathBuf>> {
    match flag.or(file) {
        Some(path) if path.as_os_str().is_empty() => Ok(None),
        Some(path) => Ok(Some(std::path::absolute(path)?)),
        None => Ok(default),
    }
}

/// The directory of a file; that of a bare name is the current one.
fn parent_directory(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
