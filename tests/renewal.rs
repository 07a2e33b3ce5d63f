//! A lease is renewed: a new end, said in the cluster, and a new token.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::control_plane::{ControlPlane, Options};
use testbed::harness::TestCase;
use testbed::http::Reply;
use testbed::kubelease::Settings;
use testbed::process::Supervisor;
use testbed::wait::{not_yet, wait_until};

use crate::broker::{Broker, Lease, now, seconds};
use crate::kind::{self, Kind};
use crate::lease::claims;
use crate::second_cluster::twin;

pub fn an_existing_accounts_lease_is_renewed(case: &TestCase) -> Result<()> {
    it_is_renewed(case, &kind::EXISTING, "Lease")
}

pub fn a_temporary_accounts_lease_is_renewed(case: &TestCase) -> Result<()> {
    it_is_renewed(case, &kind::RULES, "ServiceAccount")
}

pub fn parallel_renewals_never_shorten(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let answers: Vec<(u64, Reply)> = thread::scope(|scope| {
        let renew = |minutes: u64| {
            Ok((minutes, renew(&broker, &lease, &json!({ "ttl": format!("{minutes}m") }))?))
        };
        let asking: Vec<_> = (1..=8)
            .map(|hours| scope.spawn(move || renew(if hours == 4 { 600 } else { hours * 20 })))
            .collect();
        asking.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Result<_>>()
    })?;
    let end = seconds(&broker.shown(&lease)?["expires_at"])?;
    let begun = seconds(&lease.json["issued_at"])?;
    assert!(end >= begun + 36_000, "the longest of them counts: {}", end - begun);
    for (minutes, answer) in answers {
        // If many change the same object at once, one may be asked to try again; none is told a lie.
        if answer.status != 200 {
            assert_eq!(answer.expect_status(502)?["code"], "target_bad_answer");
            continue;
        }
        let told = seconds(&answer.to_json()?["expires_at"])?;
        assert!(
            told <= end && told >= begun + i64::try_from(minutes)? * 60,
            "{minutes}: {answer:?}"
        );
    }
    let listed = broker.object(&lease.objects()[1])?;
    assert!(seconds(&listed["metadata"]["annotations"]["kubelease.dev/deadline"])? >= end);
    broker.revoke(&lease)?.expect_status(200)?;
    Ok(())
}

/// An API server may be told to give no token for longer than an hour, and shortens others.
pub fn a_token_that_the_api_server_shortens_is_told_as_it_is(case: &TestCase) -> Result<()> {
    let longest_token = Some(Duration::from_hours(1));
    let options = Options { bare: true, longest_token, ..Options::default() };
    let cluster = ControlPlane::start_with(&options, Supervisor::new()?)?;
    let kubelease = case.new_kubelease_with(Settings::new(cluster.ca_pem())?)?;
    let admin = kubelease.admin_client()?;
    let auth = json!({ "type": "token", "token": twin("apps", &cluster)? });
    let target = json!({ "url": cluster.url(), "auth": auth, "ca": "custom" });
    admin.put("/api/v1/targets/local", &target)?.expect_status(201)?;
    let secret = json!({
        "target": "local", "account": (kind::RULES.account)("none"), "namespaces": ["apps"],
        "default_ttl": "1h", "max_ttl": "24h",
    });
    admin.put("/api/v1/dynamic-secrets/ci", &secret)?.expect_status(201)?;
    let told = |answer: &Value, words: &str| {
        let warnings = answer["warnings"].as_array().into_iter().flatten();
        warnings.filter_map(Value::as_str).any(|warning| warning.contains(words))
    };

    let ttl = json!({ "ttl": "2h" });
    let issued = admin.post("/api/v1/dynamic-secrets/ci/leases", &ttl)?.expect_status(201)?;
    let given = issued["ttl_seconds"].as_i64().context("seconds")?;
    assert!((3590..=3610).contains(&given), "{issued}");
    assert!(told(&issued, "ends with it unless it is renewed"), "{issued}");
    let lease = Lease::of(issued)?;
    thread::sleep(Duration::from_secs(3));
    let renewed = admin.post(&format!("{}/renew", lease.path()), &ttl)?.expect_status(200)?;
    let end = seconds(&renewed["expires_at"])?;
    assert!(end >= seconds(&lease.json["expires_at"])? + 3, "{renewed}");
    assert_eq!(end, claims(renewed["token"].as_str().context("a token")?)?["exp"], "{renewed}");
    let [end, latest] = ["expires_at", "max_expires_at"].map(|key| renewed[key].as_str());
    let (end, latest) = (end.context("a time")?, latest.context("a time")?);
    assert!(
        told(&renewed, &format!("shortened the token: it ends at {end} instead of")),
        "{renewed}"
    );
    assert!(
        told(&renewed, &format!("may be renewed until {latest} (`max_expires_at`)")),
        "{renewed}"
    );
    admin.delete(&lease.path())?.expect_status(200)?;
    Ok(())
}

fn it_is_renewed(case: &TestCase, kind: &'static Kind, listed: &str) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    let before = broker.inventory()?;
    let mut secret = broker.secret();
    secret["max_ttl"] = json!("2h");
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let lease = broker.lease(&json!({ "ttl": "20s" }))?;
    let object = lease.objects().iter().find(|object| object["kind"] == listed);
    let object = object.context("what is listed")?;
    let deadline = || {
        let annotations = broker.object(object)?["metadata"]["annotations"].take();
        seconds(&annotations["kubelease.dev/deadline"])
    };
    let (first_end, first_deadline) = (seconds(&lease.json["expires_at"])?, deadline()?);
    let uid = broker.object(object)?["metadata"]["uid"].take();

    let renewed = Lease::of(renew(&broker, &lease, &json!({ "ttl": "1h" }))?.expect_status(200)?)?;
    assert_eq!((&renewed.id, renewed.account()), (&lease.id, lease.account()));
    assert_ne!(renewed.token, lease.token);
    let end = seconds(&renewed.json["expires_at"])?;
    assert!(end >= first_end + 3_500, "{} is not an hour later", renewed.json);
    assert_eq!(seconds(&broker.shown(&lease)?["expires_at"])?, end);
    assert!(deadline()? > first_deadline && deadline()? >= end, "it is said in the cluster");
    let changed = broker.object(object)?;
    assert_eq!(changed["metadata"]["uid"], uid, "the object is the same");
    assert_eq!(listed == "Lease", changed["spec"]["renewTime"].is_string(), "{changed}");
    broker.until_let_in(&renewed.token)?;

    // Never shorter, never beyond `max_ttl` from the first issue.
    let shorter = renew(&broker, &lease, &json!({ "ttl": "10m" }))?.expect_status(200)?;
    assert!(seconds(&shorter["expires_at"])? >= end, "{shorter}");
    assert_eq!(
        renew(&broker, &lease, &json!({ "ttl": "3h" }))?.expect_status(422)?["code"],
        "ttl_too_long"
    );
    assert_eq!(
        renew(&broker, &lease, &json!({ "ttl": "9s" }))?.expect_status(422)?["code"],
        "ttl_too_short"
    );
    let last = renew(&broker, &lease, &json!({ "ttl": "2h" }))?.expect_status(200)?;
    assert_eq!(last["expires_at"], last["max_expires_at"], "{last}");
    let more = renew(&broker, &lease, &json!({ "ttl": "1h" }))?.expect_status(409)?;
    assert_eq!(more["code"], "lease_at_maximum");

    // Its first end passes, and the sweep lets it live.
    wait_until("the first end's passing", Duration::from_secs(30), || {
        let left = first_end - now()?;
        if left < 0 { Ok(()) } else { Err(not_yet(format!("{left} s are left"))) }
    })?;
    assert_eq!(broker.sweep()?["done"], 0);
    broker.until_let_in(&renewed.token)?;
    assert_eq!(
        broker.may(&lease.token, &broker.place.resources_path("v1", broker.kind.lists))?,
        200
    );

    broker.revoke(&lease)?.expect_status(200)?;
    assert_eq!(renew(&broker, &lease, &json!({}))?.expect_status(409)?["code"], "lease_not_active");
    for token in [&lease.token, &renewed.token] {
        broker.until_refused(token, Duration::from_secs(12))?;
    }
    assert_eq!(broker.inventory()?, before, "nothing is left");
    Ok(())
}

fn renew(broker: &Broker, lease: &Lease, request: &Value) -> Result<Reply> {
    broker.admin()?.post(&format!("{}/renew", lease.path()), request)
}
