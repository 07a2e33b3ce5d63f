//! A Kubernetes control plane on loopback: API server, store, two controllers, no nodes.
//!
//! RBAC is on, service-account tokens are issued and checked as in any cluster, and every request is
//! in an audit log. Deletions are real: the namespace controller empties a deleted namespace. Garbage
//! is collected only when asked for, so that a test of our own deletions cannot pass thanks to
//! somebody else's.

mod assets;
mod audit_log;
mod kubectl_manifests;
mod kubectl_proxy;
mod pki;
mod release;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

pub use self::assets::Assets;
use self::audit_log::{AUDIT_LOG, audit_policy};
pub use self::kubectl_proxy::KubectlProxy;
pub use self::pki::ClientCertificate;
use self::pki::{ADMIN_FILES, CA_CERTIFICATE_FILE, Pki, SERVER_FILES, SERVICE_ACCOUNT_KEY_FILES};
pub use self::release::{KUBERNETES_VARIABLE, Release};
use crate::host::free_port_address;
use crate::http::{HttpClient, Reply};
use crate::process::{Process, Supervisor, log_tail};
use crate::wait::{AttemptError, not_yet, wait_until};

/// A running control plane; it ends with this value, or with our process.
pub struct ControlPlane {
    // Dropped in this order: each before what it needs.
    controllers: Option<Process>,
    api_server: Process,
    etcd: Process,
    admin: HttpClient,
    anonymous: HttpClient,
    url: String,
    ca: String,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
    launch: Launch,
}

/// The differences of a control plane from that of the tests.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The directory in which the cluster is kept between runs; by default it goes with the control
    /// plane.
    pub state_dir: Option<PathBuf>,
    /// True if objects that lose their owner are deleted.
    pub collects_garbage: bool,
    /// True for an API server and its store alone.
    pub bare: bool,
    /// The chance that the API server closes the connection of a request when it is answered
    /// (`--goaway-chance`, for HTTP/2), as behind the balancers of large clouds; none if it never does.
    pub goaway_chance: Option<f64>,
    /// The longest life of a token, an hour at least; longer ones are shortened.
    pub longest_token: Option<Duration>,
}

impl ControlPlane {
    /// Starts an empty cluster, building its programs first if need be.
    pub fn start_empty() -> Result<Self> {
        Self::start_with(&Options::default(), Supervisor::new()?)
    }

    /// Starts another cluster beside one that is there, with a CA, accounts and keys of its own.
    ///
    /// Without controllers, and so in half the time and memory: a deleted namespace stays, and `view`
    /// and the like allow nothing.
    pub fn start_without_controllers() -> Result<Self> {
        Self::start_with(&Options { bare: true, ..Options::default() }, Supervisor::new()?)
    }

    /// Starts a cluster, new or as it was left in the state directory.
    pub fn start_with(options: &Options, keeper: Supervisor) -> Result<Self> {
        let assets = Assets::prepare_assets()?;
        let home =
            options.state_dir.clone().unwrap_or_else(|| keeper.scratch_directory().to_owned());
        let pki = Pki::load_or_create(&home.join("pki"))?;
        let Options { goaway_chance, longest_token, .. } = *options;
        let launch = Launch { assets, keeper, pki, home, goaway_chance, longest_token };

        let etcd = launch.start_etcd(options.state_dir.is_some())?;
        let (api_server, address) = launch.start_api_server(&etcd)?;
        let url = format!("https://{address}");
        let ca = launch.pki.read_file(CA_CERTIFICATE_FILE)?;
        let [certificate, key] =
            [launch.pki.read_file(ADMIN_FILES[0])?, launch.pki.read_file(ADMIN_FILES[1])?];
        let admin = HttpClient::with_certificate(&url, &ca, &certificate, &key)?;
        let anonymous = HttpClient::with_ca(&url, &ca)?;
        let kubeconfig = launch.write_kubeconfig(&url)?;
        let controllers = (!options.bare)
            .then(|| launch.start_controllers(&kubeconfig, options.collects_garbage))
            .transpose()?;
        let audit_log = launch.home.join(AUDIT_LOG);

        let it = Self {
            controllers,
            api_server,
            etcd,
            admin,
            anonymous,
            url,
            ca,
            kubeconfig,
            audit_log,
            launch,
        };
        wait_until("starting the control plane", START_TIMEOUT, || it.attempt_readiness_check())?;
        Ok(it)
    }

    /// Returns the API server's URL, without a path.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority that the API server's certificate is from.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// A kubeconfig with the administrator's certificate.
    #[must_use]
    pub fn kubeconfig_path(&self) -> &Path {
        &self.kubeconfig
    }

    /// The programs it runs, and kubectl.
    #[must_use]
    pub fn assets(&self) -> &Assets {
        &self.launch.assets
    }

    /// The API as its administrator.
    #[must_use]
    pub fn admin_client(&self) -> &HttpClient {
        &self.admin
    }

    /// The API as nobody.
    #[must_use]
    pub fn anonymous_client(&self) -> &HttpClient {
        &self.anonymous
    }

    /// The API as the bearer of `token`, and without a client certificate, which would outrank it.
    #[must_use]
    pub fn client_with_token(&self, token: &str) -> HttpClient {
        self.anonymous.with_bearer(token)
    }

    /// A new certificate for a client of this name, a member of `group`, that the API server believes.
    pub fn issue_client_certificate(
        &self,
        name: &str,
        group: Option<&str>,
    ) -> Result<ClientCertificate> {
        self.launch.pki.sign_client(name, group)
    }

    /// The API as the holder of a certificate.
    pub fn client_with_certificate(&self, client: &ClientCertificate) -> Result<HttpClient> {
        HttpClient::with_certificate(&self.url, &self.ca, &client.certificate, &client.key)
    }

    /// Starts a real `kubectl proxy`, which adds `token` to whatever is asked of it.
    pub fn start_kubectl_proxy(&self, token: &str) -> Result<KubectlProxy> {
        KubectlProxy::start_proxy(self, token)
    }

    /// Returns what the API server says of `token` to others: the `status` of a `TokenReview`.
    pub fn review_token(&self, token: &str) -> Result<Value> {
        let review = json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token },
        });
        let mut answer = self
            .admin
            .post("/apis/authentication.k8s.io/v1/tokenreviews", &review)?
            .expect_success()?;
        Ok(answer["status"].take())
    }

    /// Returns the user that the API server sees in `token`: the `userInfo` of a
    /// `SelfSubjectReview`.
    pub fn fetch_token_user(&self, token: &str) -> Result<Value> {
        let mut answer = self.request_self_subject_review(token)?.expect_success()?;
        Ok(answer["status"]["userInfo"].take())
    }

    /// The answer to the question who the bearer of a token is, be it let in or not.
    pub fn request_self_subject_review(&self, token: &str) -> Result<Reply> {
        let review =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        self.client_with_token(token).post(path, &review)
    }

    /// Fails, with the end of its log, once any of its programs has exited.
    pub fn require_all_running(&self) -> Result<()> {
        self.processes().try_for_each(Process::require_running)
    }

    /// The end of each program's log, for the report of a failure.
    #[must_use]
    pub fn log_tails(&self) -> String {
        let words = |process: &Process| {
            format!("{}:\n{}\n", process.log_path().display(), log_tail(process.log_path()))
        };
        self.processes().map(words).collect::<Vec<_>>().concat()
    }

    fn processes(&self) -> impl Iterator<Item = &Process> {
        [&self.etcd, &self.api_server].into_iter().chain(&self.controllers)
    }

    /// The controllers are at work once they have filled what is aggregated. Without them, the API server
    /// has made what its own cluster needs.
    fn attempt_readiness_check(&self) -> Result<(), AttemptError> {
        self.require_all_running()?;
        if self.controllers.is_none() {
            return match self.admin.get("/api/v1/namespaces/kube-system")?.status {
                200 => Ok(()),
                _ => Err(not_yet("there is no namespace `kube-system`")),
            };
        }
        let view = self
            .admin
            .get("/apis/rbac.authorization.k8s.io/v1/clusterroles/view")?
            .expect_success()?;
        match view["rules"].as_array().map_or(&[][..], Vec::as_slice) {
            [] => Err(not_yet("the cluster role `view` is empty")),
            _ => Ok(()),
        }
    }
}

/// The settings for starting the programs.
struct Launch {
    assets: Assets,
    keeper: Supervisor,
    pki: Pki,
    home: PathBuf,
    goaway_chance: Option<f64>,
    longest_token: Option<Duration>,
}

impl Launch {
    /// etcd listens on sockets in the scratch directory, which nobody else may enter.
    fn start_etcd(&self, durable: bool) -> Result<Process> {
        let mut etcd = Command::new(&self.assets.etcd);
        etcd.current_dir(self.keeper.scratch_directory());
        etcd.arg("--data-dir").arg(self.home.join("etcd"));
        etcd.args(["--name", "etcd", "--log-level", "warn"]);
        etcd.args(["--listen-client-urls", "unix://client:0"]);
        etcd.args(["--advertise-client-urls", "unix://client:0"]);
        etcd.args(["--listen-peer-urls", "unix://peer:0"]);
        etcd.args(["--initial-advertise-peer-urls", "unix://peer:0"]);
        etcd.args(["--initial-cluster", "etcd=unix://peer:0"]);
        if !durable {
            etcd.arg("--unsafe-no-fsync");
        }
        self.spawn_process("etcd", &mut etcd)
    }

    /// On the port of the last run, if that is known and free, so that its URL stays the same.
    fn start_api_server(&self, etcd: &Process) -> Result<(Process, SocketAddr)> {
        let note = self.home.join("address");
        let mut wanted = fs::read_to_string(&note).ok().and_then(|text| text.trim().parse().ok());
        for _ in 0..PORT_ATTEMPTS {
            let address = wanted.take().map_or_else(free_port_address, Ok)?;
            let process =
                self.spawn_process("kube-apiserver", &mut self.api_server_command(address)?)?;
            let api = HttpClient::with_ca(
                &format!("https://{address}"),
                &self.pki.read_file(CA_CERTIFICATE_FILE)?,
            )?;
            let bound = wait_until("starting kube-apiserver", START_TIMEOUT, || {
                etcd.require_running()?;
                if let Err(error) = process.require_running() {
                    // Somebody was faster than we.
                    let lost = error.to_string().contains("address already in use");
                    return if lost { Ok(false) } else { Err(error.into()) };
                }
                match api.get("/readyz?verbose") {
                    Ok(answer) if answer.status == 200 => Ok(true),
                    Ok(answer) => Err(not_yet(format!("{answer:?}"))),
                    Err(error) => Err(not_yet(format!("{error:#}"))),
                }
            })?;
            if bound {
                fs::write(&note, address.to_string())?;
                return Ok((process, address));
            }
        }
        bail!("lost {PORT_ATTEMPTS} free ports in a row to others")
    }

    fn api_server_command(&self, address: SocketAddr) -> Result<Command> {
        let policy = self.home.join("audit-policy.json");
        fs::write(&policy, audit_policy().to_string())?;
        let mut command = Command::new(&self.assets.kube_apiserver);
        command.arg(format!(
            "--etcd-servers=unix://{}",
            self.keeper.scratch_directory().join("client:0").display()
        ));
        command.arg(format!("--bind-address={}", address.ip()));
        command.arg(format!("--secure-port={}", address.port()));
        // There is nobody to tell where we are.
        command.args(["--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]);
        command.args(["--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24"]);
        command.arg(format!("--service-account-issuer={ISSUER}"));
        command.args(["--audit-log-maxsize=100", "--audit-log-maxbackup=1"]);
        command.args(self.goaway_chance.map(|chance| format!("--goaway-chance={chance}")));
        if let Some(longest) = self.longest_token {
            let seconds = longest.as_secs();
            command.arg(format!("--service-account-max-token-expiration={seconds}s"));
        }
        for (flag, file) in [
            ("tls-cert-file", self.pki.file_path(SERVER_FILES[0])),
            ("tls-private-key-file", self.pki.file_path(SERVER_FILES[1])),
            ("client-ca-file", self.pki.file_path(CA_CERTIFICATE_FILE)),
            ("service-account-key-file", self.pki.file_path(SERVICE_ACCOUNT_KEY_FILES[0])),
            ("service-account-signing-key-file", self.pki.file_path(SERVICE_ACCOUNT_KEY_FILES[1])),
            ("audit-policy-file", policy),
            ("audit-log-path", self.home.join(AUDIT_LOG)),
        ] {
            command.arg(format!("--{flag}={}", file.display()));
        }
        Ok(command)
    }

    fn start_controllers(&self, kubeconfig: &Path, collects_garbage: bool) -> Result<Process> {
        let mut command = Command::new(&self.assets.kube_controller_manager);
        command.arg("--kubeconfig").arg(kubeconfig);
        command.args(["--leader-elect=false", "--secure-port=0"]);
        let garbage = if collects_garbage { ",garbage-collector-controller" } else { "" };
        command.arg(format!(
            "--controllers=clusterrole-aggregation-controller,namespace-controller{garbage}"
        ));
        self.spawn_process("kube-controller-manager", &mut command)
    }

    /// A kubeconfig is YAML, and so is JSON.
    fn write_kubeconfig(&self, url: &str) -> Result<PathBuf> {
        let file = self.home.join("admin.kubeconfig");
        let [certificate, key] = ADMIN_FILES.map(|name| self.pki.file_path(name));
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "kubelease",
            "clusters": [{
                "name": "kubelease",
                "cluster": { "server": url, "certificate-authority": self.pki.file_path(CA_CERTIFICATE_FILE) },
            }],
            "users": [{
                "name": "admin",
                "user": { "client-certificate": certificate, "client-key": key },
            }],
            "contexts": [{ "name": "kubelease", "context": { "cluster": "kubelease", "user": "admin" } }],
        });
        fs::write(&file, format!("{config:#}\n"))?;
        Ok(file)
    }

    fn spawn_process(&self, name: &str, command: &mut Command) -> Result<Process> {
        self.keeper.spawn_process(name, command, &self.home.join(format!("{name}.log")))
    }
}

/// The issuer of the tokens, and their audience by default.
pub const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

/// Seconds on an idle machine, more where everything is being compiled.
const START_TIMEOUT: Duration = Duration::from_mins(2);

const PORT_ATTEMPTS: usize = 5;
