//! The contenders, and the control plane that they all lease from.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::control_plane::{ControlPlane, Options};
use testbed::faulty_proxy::FaultyProxy;
use testbed::host::Host;
use testbed::http::HttpClient;
use testbed::kubelease::{Kubelease, Settings};
use testbed::process::Supervisor;
use testbed::redis::{AppendFsync, Redis};
use testbed::store_file::JournalMode;
use testbed::wait::{not_yet, wait_until};

use super::modes::{MODES, Mode, ModeSetup};
use super::raw_call_replay::{LeaseRecording, RawClient};

/// A client of one contender, for one mode of leases; it knows its leases that are out.
pub trait BenchClient: Send {
    /// Issues a lease.
    fn issue(&mut self) -> Result<()>;

    /// Revokes the lease that was issued last.
    fn revoke(&mut self) -> Result<()>;

    /// Returns true if a lease is out that can be revoked.
    fn has_lease(&self) -> bool;
}

/// A cluster, and a kubelease on each store.
pub struct BenchEnvironment<'c> {
    // Dropped in this order: each before what it needs.
    kubeleases: Vec<(&'static str, Kubelease<'c>)>,
    _redis: Redis,
    /// Each mode, with what a kubelease sends for a lease of it.
    places: Vec<(ModeSetup<'c>, LeaseRecording)>,
    cluster: &'c ControlPlane,
}

/// Starts a cluster that keeps its data in the keeper's directory, and flushes each write to the disk.
pub fn start_cluster(keeper: &Supervisor) -> Result<ControlPlane> {
    eprintln!("starting a cluster, and kubelease on each store");
    let options = Options {
        state_dir: Some(keeper.scratch_directory().join("control-plane")),
        bare: true,
        ..Options::default()
    };
    ControlPlane::start_with(&options, keeper.clone())
}

impl<'c> BenchEnvironment<'c> {
    /// Starts everything, and records what a kubelease sends.
    pub fn set_up(host: &'c dyn Host, cluster: &'c ControlPlane) -> Result<Self> {
        let places: Vec<_> = MODES
            .iter()
            .map(|mode| ModeSetup::prepare_cluster_objects(cluster, mode))
            .collect::<Result<_>>()?;
        // Requests are not to do what a missing sweep leaves undone.
        let mut settings = Settings::new(cluster.ca_pem())?.with_variable("sweep_interval", "1d");
        settings.journal = JournalMode::Wal;
        let recordings = record_leases(host, &settings, cluster, &places)?;
        let redis = Redis::start_with(AppendFsync::EverySecond)?;
        let mut kubeleases = vec![];
        for (name, store) in [
            ("kubelease, Redis everysec", redis_config(&redis)),
            ("kubelease, SQLite", String::new()),
        ] {
            let settings = Settings { runtime_config: store, ..settings.clone() };
            let kubelease = Kubelease::start_empty(host, settings)?;
            let admin = kubelease.admin_client()?;
            places.iter().try_for_each(|place| place.put_definitions(&admin, cluster.url()))?;
            kubeleases.push((name, kubelease));
        }
        let places = places.into_iter().zip(recordings).collect();
        Ok(Self { kubeleases, _redis: redis, places, cluster })
    }

    /// Returns the names of the contenders; the first is what the others are compared with.
    pub fn names(&self) -> Vec<&'static str> {
        [RAW_CONTENDER].into_iter().chain(self.kubeleases.iter().map(|(name, _)| *name)).collect()
    }

    /// Returns the CPU time that the host of a contender has used; raw has no host.
    pub fn host_cpu_time(&self, contender: usize) -> Result<Duration> {
        match contender.checked_sub(1).and_then(|place| self.kubeleases.get(place)) {
            Some((_, kubelease)) => kubelease.host_cpu_time(),
            None => Ok(Duration::ZERO),
        }
    }

    /// Returns each mode with the number of requests in each round of its issue, and of its revocation.
    pub fn request_counts_by_mode(&self) -> impl Iterator<Item = (&'static str, [Vec<usize>; 2])> {
        self.places
            .iter()
            .map(|(place, recording)| (place.mode.name, recording.requests_per_round()))
    }

    /// Opens so many clients of each contender, in the order of [`Self::names`].
    pub fn open_clients(
        &self,
        mode: &Mode,
        count: usize,
    ) -> Result<Vec<Vec<Box<dyn BenchClient>>>> {
        let place = self.places.iter().find(|(place, _)| place.mode.name == mode.name);
        let (place, recording) = place.context("a mode that was prepared")?;
        let raw = (0..count).map(|_| {
            // A client has connections of its own.
            let api = HttpClient::with_ca(self.cluster.url(), self.cluster.ca_pem())?;
            let client = RawClient::new(api.with_bearer(&place.token), recording.clone());
            Ok(Box::new(client) as Box<dyn BenchClient>)
        });
        let mut all = vec![raw.collect::<Result<_>>()?];
        for (_, kubelease) in &self.kubeleases {
            let clients = (0..count).map(|_| {
                Ok(Box::new(KubeleaseClient::open(kubelease, place.mode)?) as Box<dyn BenchClient>)
            });
            all.push(clients.collect::<Result<_>>()?);
        }
        Ok(all)
    }

    /// Returns the version of Kubernetes, as the API server says it.
    pub fn kubernetes_version(&self) -> Result<String> {
        let version = self.cluster.admin_client().get("/version")?.expect_status(200)?;
        Ok(version["gitVersion"].as_str().context("a version")?.to_owned())
    }
}

/// A client of a kubelease.
struct KubeleaseClient {
    admin: HttpClient,
    leases_path: String,
    ids: Vec<String>,
    revocable: bool,
}

impl KubeleaseClient {
    fn open(kubelease: &Kubelease<'_>, mode: &Mode) -> Result<Self> {
        Ok(Self {
            admin: kubelease.admin_client()?,
            leases_path: format!("/api/v1/dynamic-secrets/{}/leases", mode.name),
            ids: vec![],
            revocable: mode.revocable,
        })
    }
}

impl BenchClient for KubeleaseClient {
    fn issue(&mut self) -> Result<()> {
        let lease = self.admin.post(&self.leases_path, &json!({}))?.expect_status(201)?;
        self.ids.push(lease["lease_id"].as_str().context("an id")?.to_owned());
        Ok(())
    }

    fn revoke(&mut self) -> Result<()> {
        let id = self.ids.pop().context("no lease is out")?;
        let revoked = self.admin.delete(&format!("/api/v1/leases/{id}"))?.expect_status(200)?;
        ensure!(revoked["state"] == "revoked", "{revoked}");
        Ok(())
    }

    fn has_lease(&self) -> bool {
        self.revocable && !self.ids.is_empty()
    }
}

/// Records a lease of each mode, through a proxy that a kubelease of its own has for a target.
fn record_leases(
    host: &dyn Host,
    settings: &Settings,
    cluster: &ControlPlane,
    places: &[ModeSetup<'_>],
) -> Result<Vec<LeaseRecording>> {
    let proxy = FaultyProxy::start_before(cluster.anonymous_client().clone())?;
    let kubelease = Kubelease::start_empty(host, settings.clone())?;
    let admin = kubelease.admin_client()?;
    let record = |place: &ModeSetup<'_>| {
        place.put_definitions(&admin, &proxy.url())?;
        let mut client = KubeleaseClient::open(&kubelease, place.mode)?;
        // The first lease looks at cluster and account. Rights take a moment to count.
        wait_until("the first lease", GRANT_TIMEOUT, || {
            client.issue().map_err(|error| not_yet(format!("{error:#}")))
        })?;
        let leases = (0..RECORDED_LEASES).map(|_| record_lease(&mut client, &proxy));
        let leases = leases.collect::<Result<Vec<_>>>()?;
        // On a busy machine, a request may be answered before the next one of its round is sent.
        leases.into_iter().min_by_key(LeaseRecording::count_rounds).context("a recording")
    };
    places
        .iter()
        .map(|place| record(place).with_context(|| format!("the mode `{}`", place.mode.name)))
        .collect()
}

fn record_lease(client: &mut KubeleaseClient, proxy: &FaultyProxy) -> Result<LeaseRecording> {
    proxy.begin_recording();
    client.issue()?;
    let issue = proxy.end_recording();
    let id = client.ids.last().context("a lease")?.clone();
    proxy.begin_recording();
    if client.has_lease() {
        client.revoke()?;
    }
    LeaseRecording::read(&id, &issue, &proxy.end_recording())
}

fn redis_config(redis: &Redis) -> String {
    format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n", redis.url())
}

/// The contender that the others are compared with.
const RAW_CONTENDER: &str = "raw";

/// The number of leases of a mode that are recorded, of which one is replayed.
const RECORDED_LEASES: usize = 7;

const GRANT_TIMEOUT: Duration = Duration::from_secs(30);
