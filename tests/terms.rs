//! Where, for whom and under which name leases are given.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind;
use crate::lease::claims;

pub fn a_selector_reads_the_labels_that_a_namespace_has_now(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?;
    let mut secret = broker.secret();
    secret.as_object_mut().context("an object")?.remove("namespaces");
    secret["namespace_selector"] = json!({
        "matchLabels": { "team": "a" },
        "matchExpressions": [{ "key": "frozen", "operator": "DoesNotExist" }],
    });
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let path = format!("/api/v1/namespaces/{}", broker.place.name());
    let label = |labels: Value| {
        broker
            .cluster
            .admin_client()
            .patch(&path, &json!({ "metadata": { "labels": labels } }))?
            .expect_success()
    };
    let here = json!({ "namespace": broker.place.name() });
    assert_eq!(broker.issue(&json!({}))?.expect_status(422)?["code"], "namespace_required");
    assert_eq!(broker.issue(&here)?.expect_status(403)?["code"], "namespace_not_allowed");
    label(json!({ "team": "a" }))?;
    let lease = Lease::of(broker.issue(&here)?.expect_status(201)?)?;
    for other in [json!({ "team": "b" }), json!({ "team": "a", "frozen": "" })] {
        label(other)?;
        assert_eq!(broker.issue(&here)?.expect_status(403)?["code"], "namespace_not_allowed");
    }
    broker.revoke(&lease)?.expect_status(200)?;
    assert_eq!(broker.inventory()?, before);
    Ok(())
}

pub fn a_star_does_not_mean_what_is_the_clusters_or_kubeleases(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let mut secret = broker.secret();
    secret["namespaces"] = json!(["*"]);
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let issue = |namespace: &str| broker.issue(&json!({ "namespace": namespace }));
    for namespace in ["kube-system", "kube-public", "kube-anything", "default", broker.home_name()]
    {
        let told = issue(namespace)?.expect_status(403)?;
        assert_eq!(told["code"], "namespace_not_allowed", "{namespace}");
    }
    // Where kubelease has no rights, that is what is told.
    assert_eq!(issue(broker.elsewhere.name())?.expect_status(502)?["code"], "target_forbidden");
    broker
        .revoke(&Lease::of(issue(broker.place.name())?.expect_status(201)?)?)?
        .expect_status(200)?;
    Ok(())
}

pub fn kubeleases_own_account_is_never_leased(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    broker.lease(&json!({}))?;
    let mut own = broker.secret();
    own["account"]["name"] = json!("broker");
    own["namespaces"] = json!([broker.home_name()]);
    let told = broker.admin()?.put("/api/v1/dynamic-secrets/own", &own)?.expect_status(403)?;
    assert_eq!(told["code"], "own_account");
    broker.admin()?.get("/api/v1/dynamic-secrets/own")?.expect_status(404)?;
    Ok(())
}

pub fn a_token_is_for_whom_it_is_asked_for(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let mut secret = broker.secret();
    secret["audiences"] = json!({ "default": ["vault"], "allowed": ["vault", "registry"] });
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    for (request, audiences) in [
        (json!({}), json!(["vault"])),
        (json!({ "audiences": ["registry"] }), json!(["registry"])),
        (json!({ "audiences": ["vault", "registry"] }), json!(["vault", "registry"])),
    ] {
        let lease = broker.lease(&request)?;
        assert_eq!(lease.json["audiences"], audiences, "{request}");
        assert_eq!(claims(&lease.token)?["aud"], audiences, "{request}");
        // The API server itself is not meant.
        assert_eq!(broker.may(&lease.token, "/api/v1/pods")?, 401, "{request}");
        broker.revoke(&lease)?.expect_status(200)?;
    }
    let told = broker.issue(&json!({ "audiences": ["other"] }))?.expect_status(422)?;
    assert_eq!(told["code"], "audience_not_allowed");
    Ok(())
}

pub fn objects_are_named_and_labelled_as_is_said(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?;
    let mut secret = broker.secret();
    secret["name_template"] = json!("Team A/{{dynamic_secret}}-{{identity}}-{{claim.none}}");
    secret["labels"] = json!({ "example.com/team": "a" });
    secret["annotations"] = json!({ "example.com/why": "because" });
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    for told in lease.objects() {
        let object = broker.object(told)?;
        let name = object["metadata"]["name"].as_str().context("a name")?;
        assert!(name.starts_with("team-a-") && name.ends_with(&lease.id[..20]), "{name}");
        assert!(name.len() <= 63, "{name}");
        assert_eq!(object["metadata"]["labels"]["example.com/team"], "a", "{object}");
        assert_eq!(object["metadata"]["annotations"]["example.com/why"], "because", "{object}");
    }
    broker.until_let_in(&lease.token)?;
    broker.revoke(&lease)?.expect_status(200)?;
    assert_eq!(broker.inventory()?, before);
    Ok(())
}
