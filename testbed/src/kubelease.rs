//! A running kubelease: the project's own manifest on a host, set up for one cluster.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::control_plane::ClientCertificate;
use crate::flushes::FlushLog;
use crate::host::{App, Host, RunningHost};
use crate::http::HttpClient;
use crate::process::Supervisor;
use crate::random;
use crate::store_file::{self, JournalMode};

/// The settings with which kubelease starts.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Application variables, among them [`ADMIN_TOKEN_VARIABLE`], [`MASTER_KEY_VARIABLE`] and [`SWEEP_TOKEN_VARIABLE`].
    pub variables: Vec<(String, String)>,
    /// The host name of the clusters whose certificates are from [`Self::ca`].
    pub cluster_host: String,
    /// A CA in PEM; without one, that host is treated as any other.
    pub ca: Option<String>,
    /// The client certificate for that host; it needs [`Self::ca`].
    pub client_certificate: Option<ClientCertificate>,
    /// More CAs in PEM, each after the host name whose certificates are from it.
    pub trusted: Vec<(String, String)>,
    /// More of the runtime configuration, such as another store.
    pub runtime_config: String,
    /// True if a test plans faults, in [`Kubelease::fault_plan`]; only dev-host can do that.
    pub faults: bool,
    /// The mode in which SQLite's file is made.
    pub journal: JournalMode,
    /// True if a test counts what is flushed to the disk, in [`Kubelease::flush_log`].
    pub counts_flushes: bool,
}

impl Settings {
    /// New secrets, and a cluster on loopback whose CA this is; the environment names the journal's mode.
    pub fn new(ca: &str) -> Result<Self> {
        let variables = [
            (ADMIN_TOKEN_VARIABLE, random::random_token()?),
            (MASTER_KEY_VARIABLE, random::random_key()?),
            (SWEEP_TOKEN_VARIABLE, random::random_token()?),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Ok(Self {
            variables,
            cluster_host: "127.0.0.1".to_owned(),
            ca: Some(ca.to_owned()),
            trusted: vec![],
            client_certificate: None,
            runtime_config: String::new(),
            faults: false,
            journal: JournalMode::from_env()?,
            counts_flushes: false,
        })
    }

    /// The same with a variable set, or set anew.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a variable not set.
    #[must_use]
    pub fn without_variable(mut self, name: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self
    }

    /// The same with a CA for one more host.
    #[must_use]
    pub fn with_ca(mut self, host: &str, ca: &str) -> Self {
        self.trusted.push((host.to_owned(), ca.to_owned()));
        self
    }

    /// The value of a variable; empty when it is not set.
    #[must_use]
    pub fn variable(&self, name: &str) -> &str {
        let found = self.variables.iter().find(|(other, _)| other == name);
        found.map_or("", |(_, value)| value)
    }
}

/// A kubelease whose store outlives restarts and goes with this value.
pub struct Kubelease<'h> {
    host: &'h dyn Host,
    now: Mutex<RunState>,
    state_dir: PathBuf,
    keeper: Supervisor,
}

/// The state that a restart changes.
struct RunState {
    settings: Settings,
    app: App,
    running: Option<RunningHost>,
}

impl<'h> Kubelease<'h> {
    /// Starts one with an empty store on a free port.
    pub fn start_empty(host: &'h dyn Host, settings: Settings) -> Result<Self> {
        let keeper = Supervisor::new()?;
        let state_dir = keeper.scratch_directory().join("state");
        let app = write_app_config(&settings, &state_dir)?;
        let now =
            Mutex::new(RunState { running: Some(host.start_app(&app, &keeper)?), settings, app });
        Ok(Self { host, now, state_dir, keeper })
    }

    /// Returns the settings with which it was started.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.lock_run_state().settings.clone()
    }

    /// Returns the URL on which it listens.
    pub fn url(&self) -> Result<String> {
        Ok(self.lock_run_state().running.as_ref().context("kubelease is not running")?.url())
    }

    /// The API as the first administrator.
    pub fn admin_client(&self) -> Result<HttpClient> {
        Ok(self.anonymous_client()?.with_bearer(self.settings().variable(ADMIN_TOKEN_VARIABLE)))
    }

    /// The API as nobody.
    pub fn anonymous_client(&self) -> Result<HttpClient> {
        Ok(HttpClient::without_tls(&self.url()?))
    }

    /// Ends it and starts it again with the same store.
    pub fn restart(&self) -> Result<()> {
        self.restart_with(self.settings())
    }

    /// Ends it and starts it again with the same store, told other things.
    pub fn restart_with(&self, settings: Settings) -> Result<()> {
        let mut now = self.lock_run_state();
        // One that has died is only cleared away.
        if let Some(running) =
            now.running.take().filter(|running| running.require_running().is_ok())
        {
            running.stop_host()?;
        }
        now.app = write_app_config(&settings, &self.state_dir)?;
        now.settings = settings;
        now.running = Some(self.host.start_app(&now.app, &self.keeper)?);
        Ok(())
    }

    /// Ends it as `kill -9` does; [`Self::restart`] starts it again.
    pub fn kill(&self) -> Result<()> {
        self.lock_run_state().running.take().context("kubelease is not running")?.kill_host()
    }

    /// Returns the host's directory: the store, and the logs.
    #[must_use]
    pub fn state_dir(&self) -> &Path {
        &self.state_dir
    }

    /// Returns the file of planned faults; the faults that happened are noted beside it, with
    /// another extension.
    #[must_use]
    pub fn fault_plan(&self) -> PathBuf {
        self.state_dir.join(FAULT_PLAN_FILE)
    }

    /// Returns the log of what the host has flushed to its disk since it was started.
    pub fn flush_log(&self) -> Result<FlushLog> {
        self.lock_run_state().app.flushes.clone().context("flushes are not counted")
    }

    /// Returns the CPU time that its host has used since the start, to a hundredth of a second.
    pub fn host_cpu_time(&self) -> Result<Duration> {
        self.lock_run_state().running.as_ref().context("kubelease is not running")?.cpu_time()
    }

    /// Returns true if it serves; a planned fault may have ended it.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.lock_run_state()
            .running
            .as_ref()
            .is_some_and(|running| running.require_running().is_ok())
    }

    /// Everything that the host and the components have printed so far.
    pub fn read_log(&self) -> Result<String> {
        self.lock_run_state().app.read_log()
    }

    fn lock_run_state(&self) -> MutexGuard<'_, RunState> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The plan of what goes wrong, in the state directory.
const FAULT_PLAN_FILE: &str = "faults.json";

/// The log of flushes, in the state directory.
const FLUSH_LOG_FILE: &str = "flushes.txt";

/// The workspace's manifest, whose components `cargo xtask build` has built.
#[must_use]
pub fn manifest_path() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).join("spin.toml")
}

/// The project's manifest with its state in `state_dir`, to which a runtime configuration is written.
///
/// The store's file is made there too: it is for who sets a host up to say how its journal is.
///
/// Variables of targets are not in that manifest, which cannot know them; they are declared in a copy, as
/// an operator would.
pub fn write_app_config(settings: &Settings, state_dir: &Path) -> Result<App> {
    let write = || {
        fs::create_dir_all(state_dir)?;
        let mut config = settings.runtime_config.clone();
        if let Some(ca) = &settings.ca {
            fs::write(state_dir.join("ca.crt"), ca)?;
            config += &client_tls_table(&settings.cluster_host, "ca.crt");
            if let Some(client) = &settings.client_certificate {
                fs::write(state_dir.join("client.crt"), &client.certificate)?;
                write_private(&state_dir.join("client.key"), &client.key)?;
                config += CLIENT_CERTIFICATE_CONFIG;
            }
        }
        for (index, (host, ca)) in settings.trusted.iter().enumerate() {
            let file = format!("ca-{index}.crt");
            fs::write(state_dir.join(&file), ca)?;
            config += &client_tls_table(host, &file);
        }
        let file = state_dir.join("runtime-config.toml");
        fs::write(&file, config)?;
        Ok::<_, std::io::Error>(file)
    };
    let runtime_config =
        write().with_context(|| format!("could not write to {}", state_dir.display()))?;
    if settings.journal == JournalMode::Wal {
        store_file::ensure_wal_store(state_dir)?;
    }
    let targets = settings.variables.iter().map(|(name, _)| name.as_str());
    let targets: Vec<_> = targets.filter(|name| is_target_token_variable(name)).collect();
    let manifest = if targets.is_empty() {
        manifest_path()
    } else {
        write_manifest_with_variables(&targets, state_dir)?
    };
    Ok(App {
        manifest,
        state_dir: state_dir.to_owned(),
        runtime_config: Some(runtime_config),
        variables: settings.variables.clone(),
        listen: None,
        faults: settings.faults.then(|| state_dir.join(FAULT_PLAN_FILE)),
        flushes: settings.counts_flushes.then(|| FlushLog::at(state_dir.join(FLUSH_LOG_FILE))),
    })
}

fn is_target_token_variable(variable: &str) -> bool {
    variable.starts_with("target_") && variable != "target_origins"
}

/// A copy of the manifest in which both components have these variables too.
fn write_manifest_with_variables(variables: &[&str], state_dir: &Path) -> Result<PathBuf> {
    let own = manifest_path();
    let built = own.with_file_name("target");
    let mut text = fs::read_to_string(&own)?;
    text = text.replace("source = \"target", &format!("source = \"{}", built.display()));
    for name in variables {
        let declared = format!("[variables]\n{name} = {{ default = \"\", secret = true }}\n");
        text = text.replace("\n[variables]\n", &format!("\n{declared}"));
        let given = format!(".variables]\n{name} = \"{{{{ {name} }}}}\"\n");
        text = text.replace(".variables]\n", &given);
    }
    let copy = state_dir.join("spin.toml");
    fs::write(&copy, text)?;
    Ok(copy)
}

/// A relative path is relative to the file it is in.
fn client_tls_table(host: &str, ca: &str) -> String {
    format!(
        r#"
[[client_tls]]
component_ids = ["kubelease", "cleanup-job"]
hosts = ["{host}"]
ca_roots_file = "{ca}"
"#
    )
}

/// Writes a file that only we can read. The file may be there from an earlier start.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// More of the table before it.
const CLIENT_CERTIFICATE_CONFIG: &str = r#"client_cert_file = "client.crt"
client_private_key_file = "client.key"
"#;

/// The secret of the first administrator.
pub const ADMIN_TOKEN_VARIABLE: &str = "admin_token";

/// The key under which stored secrets are sealed: 32 bytes in base64.
pub const MASTER_KEY_VARIABLE: &str = "master_key";

/// The secret that starts a sweep.
pub const SWEEP_TOKEN_VARIABLE: &str = "sweep_token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_certificate_is_in_the_runtime_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = Settings::new("the CA").unwrap();
        let config = |settings: &Settings| {
            let app = write_app_config(settings, directory.path()).unwrap();
            fs::read_to_string(app.runtime_config.unwrap()).unwrap()
        };
        assert!(!config(&settings).contains("client_cert_file"));
        let [certificate, key] = ["the certificate", "the key"].map(str::to_owned);
        settings.client_certificate = Some(ClientCertificate { certificate, key });
        // Twice, as in a restart.
        config(&settings);
        let config = config(&settings);
        let end = "client_cert_file = \"client.crt\"\nclient_private_key_file = \"client.key\"\n";
        assert!(config.ends_with(end), "{config}");
        for (file, text) in [("client.crt", "the certificate"), ("client.key", "the key")] {
            assert_eq!(fs::read_to_string(directory.path().join(file)).unwrap(), text);
        }
    }
}
