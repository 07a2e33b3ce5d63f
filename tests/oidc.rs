//! Identities that log in by ID tokens, a test's own issuers over HTTPS, and time that passes when a test says so.

use std::cell::Cell;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use jwt_auth::testing::TestKey;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::issuer_server::{ISSUER_HOST, IssuerServer};
use testbed::kubelease::{Kubelease, Settings};

use crate::broker::now;

/// A kubelease that trusts the CA of the issuers, behind a proxy that says where its clients are.
pub struct Oidc<'s> {
    pub kubelease: Arc<Kubelease<'s>>,
    pub server: IssuerServer,
    admin: HttpClient,
    clients: AtomicUsize,
    clock: Cell<i64>,
}

impl<'s> Oidc<'s> {
    pub fn start(case: &TestCase<'s>) -> Result<Self> {
        Self::with(case, case.new_settings()?)
    }

    /// The same with a clock that can be set.
    pub fn with_clock(case: &TestCase<'s>) -> Result<Self> {
        case.dev_host_or_ignore_test("Spin's clock cannot be set")?;
        Self::with(case, Settings { faults: true, ..case.new_settings()? })
    }

    fn with(case: &TestCase<'s>, settings: Settings) -> Result<Self> {
        let server = IssuerServer::start_server()?;
        let settings = settings.with_variable("trusted_proxies", "127.0.0.0/8");
        let kubelease = case.new_kubelease_with(settings.with_ca(ISSUER_HOST, server.ca_pem()))?;
        let admin = kubelease.admin_client()?;
        Ok(Self { kubelease, server, admin, clients: AtomicUsize::new(0), clock: Cell::new(0) })
    }

    /// Sets the clock of kubelease so many seconds ahead.
    pub fn set_clock(&self, seconds: i64) -> Result<()> {
        self.clock.set(seconds);
        let plan = json!({"mark": seconds, "clock_seconds": seconds, "faults": []});
        let file = self.kubelease.fault_plan();
        let draft = file.with_extension("draft");
        fs::write(&draft, plan.to_string())?;
        fs::rename(&draft, &file).context("could not set the clock")
    }

    /// Puts an identity into which this `auth` lets jobs.
    pub fn put(&self, name: &str, auth: &Value) -> Result<()> {
        let path = format!("/api/v1/identities/{name}");
        self.admin.put(&path, &json!({ "auth": [auth] }))?.expect_success()?;
        Ok(())
    }

    /// Puts an identity for jobs of an issuer whose subject is `job`.
    pub fn put_issuer(&self, name: &str, issuer: &str) -> Result<()> {
        let auth =
            json!({"type": "oidc", "issuer": issuer, "audiences": ["kubelease"], "subject": "job"});
        self.put(name, &auth)
    }

    /// A token of such a job.
    pub fn token(&self, issuer: &str, key: TestKey, id: &str) -> Result<String> {
        let now = now()? + self.clock.get();
        let claims =
            json!({"iss": issuer, "aud": "kubelease", "sub": "job", "iat": now, "exp": now + 300});
        Ok(key.issue(id, &claims))
    }

    /// Logs in from an address that nobody has used, so that no failure shuts the next one out.
    pub fn log_in(&self, identity: &str, jwt: &str) -> Result<Reply> {
        log_in(&self.admin.without_credentials(), &self.clients, identity, jwt)
    }

    /// Logs in as each of these identities at once, and returns the answers in their order.
    pub fn log_in_at_once(&self, logins: &[(String, String)]) -> Result<Vec<Reply>> {
        let (http, clients) = (self.admin.without_credentials(), &self.clients);
        std::thread::scope(|scope| {
            let asking: Vec<_> = logins
                .iter()
                .map(|(identity, jwt)| {
                    let http = &http;
                    scope.spawn(move || log_in(http, clients, identity, jwt))
                })
                .collect();
            asking.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        })
    }
}

fn log_in(http: &HttpClient, clients: &AtomicUsize, identity: &str, jwt: &str) -> Result<Reply> {
    let number = clients.fetch_add(1, Ordering::SeqCst);
    let address = format!("10.1.{}.{}", number / 256, number % 256);
    let headers = [("x-forwarded-for", &*address), ("content-type", "application/json")];
    let body = json!({"identity": identity, "jwt": jwt}).to_string();
    http.send_raw("POST", "/api/v1/auth/oidc/login", &headers, body.as_bytes())
}
