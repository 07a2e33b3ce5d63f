//! A request with an `Idempotency-Key` that is sent again never makes a second lease.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind;

pub fn the_same_request_gets_the_same_lease_and_a_fresh_token(case: &TestCase) -> Result<()> {
    for kind in [&kind::EXISTING, &kind::RULES] {
        let broker = Broker::new(case, kind)?;
        let request = json!({ "ttl": "15m" });
        let first = Lease::of(broker.issue_as("job-1", &request)?.expect_status(201)?)?;
        let made = broker.inventory()?;
        let again = broker.issue_as("job-1", &request)?;
        assert_eq!(again.header("location"), Some(first.path().as_str()));
        let again = Lease::of(again.expect_status(200)?)?;

        assert_eq!(again.id, first.id);
        assert_ne!((&again.token, &again.json["jti"]), (&first.token, &first.json["jti"]));
        assert_eq!(again.json["expires_at"], first.json["expires_at"], "never past its end");
        assert_eq!(broker.inventory()?, made, "nothing is made again");
        for token in [&first.token, &again.token] {
            broker.until_let_in(token)?;
        }
        // Quoted, as the draft has it, it is the same key.
        assert_eq!(
            broker.issue_as("\"job-1\"", &request)?.expect_status(200)?["lease_id"],
            first.id
        );

        // Another request under this key is another's mistake, and so is a second key.
        for other in [json!({ "ttl": "16m" }), json!({})] {
            let told = broker.issue_as("job-1", &other)?.expect_status(422)?;
            assert_eq!(told["code"], "idempotency_key_reused", "{other}");
        }
        for bad in ["", "a b", &"k".repeat(256)] {
            let told = broker.issue_as(bad, &request)?.expect_status(422)?;
            assert_eq!(told["code"], "invalid_idempotency_key", "{bad:?}");
        }
        let other = Lease::of(broker.issue_as("job-2", &request)?.expect_status(201)?)?;
        assert_ne!(other.id, first.id);
        let object = broker.object(&first.objects()[0])?;
        let request_mark = &object["metadata"]["annotations"]["kubelease.dev/request"];
        assert!(request_mark.as_str().is_some_and(|mark| mark.len() >= 32), "{object}");
        assert!(!object.to_string().contains("job-1"), "the key itself is nobody's business");

        // Each check of a new issue is made again.
        let mut disabled = broker.secret();
        disabled["disabled"] = json!(true);
        broker.admin()?.put(&broker.secret_path(), &disabled)?.expect_status(200)?;
        assert_eq!(broker.issue_as("job-1", &request)?.expect_status(409)?["code"], "disabled");
        broker.admin()?.put(&broker.secret_path(), &broker.secret())?.expect_status(200)?;
        broker.issue_as("job-1", &request)?.expect_status(200)?;

        // Both tokens are bound to the same, and end with it; the key does not begin anew.
        broker.revoke(&first)?.expect_status(200)?;
        for token in [&first.token, &again.token] {
            broker.until_refused(token, Duration::from_secs(12))?;
        }
        assert_eq!(broker.issue_as("job-1", &request)?.expect_status(409)?["code"], "lease_ended");
        broker.sweep()?;
        assert_eq!(broker.issue_as("job-1", &request)?.expect_status(409)?["code"], "lease_ended");
    }
    Ok(())
}

pub fn twenty_at_once_make_one_lease(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?.len();
    let request = json!({ "ttl": "15m" });
    let answers = thread::scope(|scope| {
        let ask = || broker.issue_as("one", &request);
        let asking: Vec<_> = (0..20).map(|_| scope.spawn(ask)).collect();
        let joined = asking.into_iter().map(|thread| thread.join().expect("no panic"));
        joined.collect::<Result<Vec<_>>>()
    })?;
    let (mut ids, mut created) = (BTreeSet::new(), 0);
    for answer in &answers {
        match answer.status {
            200 | 201 => {
                created += usize::from(answer.status == 201);
                ids.insert(Lease::of(answer.to_json()?)?.id);
            }
            _ => {
                assert_eq!(answer.expect_status(409)?["code"], "request_in_progress");
                assert!(answer.header("retry-after").is_some(), "{answer:?}");
            }
        }
    }
    assert_eq!((ids.len(), created), (1, 1), "{answers:?}");
    // An account, a role and a binding.
    assert_eq!(broker.inventory()?.len(), before + 3);
    Ok(())
}

pub fn a_failed_issue_frees_its_key(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    let path = format!("{}/deployer", broker.place.resources_path("v1", "serviceaccounts"));
    let admin = broker.cluster.admin_client();
    admin.delete(&path)?.expect_success()?;
    let request = json!({ "ttl": "15m" });
    assert_eq!(broker.issue_as("job", &request)?.expect_status(502)?["code"], "account_not_found");
    broker.place.create_service_account("deployer")?;
    let lease = Lease::of(broker.issue_as("job", &request)?.expect_status(201)?)?;

    // The account is another from now on, and gives no token for the lease of the first.
    admin.delete(&path)?.expect_success()?;
    broker.place.create_service_account("deployer")?;
    let told = broker.issue_as("job", &request)?;
    assert_eq!(told.status, 502, "{told:?}");
    let new = broker.lease(&request)?;
    assert_ne!(new.id, lease.id);
    broker.until_let_in(&new.token)
}

pub fn a_plain_token_is_given_again_while_it_can_be(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::PLAIN)?;
    let long = json!({ "ttl": "1h" });
    let first = Lease::of(broker.issue_as("long", &long)?.expect_status(201)?)?;
    let again = Lease::of(broker.issue_as("long", &long)?.expect_status(200)?)?;
    assert_eq!(again.id, first.id);
    let end = |token: &str| -> Result<Value> {
        Ok(crate::lease::claims(token)?.get("exp").context("exp")?.clone())
    };
    assert!(end(&again.token)?.as_i64() <= end(&first.token)?.as_i64(), "never past its end");

    // No token is shorter than ten minutes.
    let short = json!({ "ttl": "10m" });
    broker.issue_as("short", &short)?.expect_status(201)?;
    let told = broker.issue_as("short", &short)?;
    // Within the same second it still has ten.
    if told.status != 200 {
        assert_eq!(told.expect_status(409)?["code"], "lease_ends_too_soon");
    }
    Ok(())
}
