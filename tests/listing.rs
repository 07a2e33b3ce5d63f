//! Which leases there are, and all of one kind taken back at once.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;

use crate::broker::{Broker, Lease};
use crate::kind;

pub fn leases_are_found_by_what_they_are(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    let all = several(&broker)?;
    let (name, place) = (broker.secret_name(), broker.place.name());
    for (query, count) in [
        (String::new(), 8),
        (format!("dynamic_secret={name}"), 5),
        ("dynamic_secret=other".to_owned(), 3),
        ("dynamic_secret=nobody".to_owned(), 0),
        ("target=local".to_owned(), 8),
        ("target=nowhere".to_owned(), 0),
        (format!("namespace={place}"), 8),
        ("namespace=kube-system".to_owned(), 0),
        ("state=active".to_owned(), 6),
        ("state=revoked".to_owned(), 2),
        ("state=lost".to_owned(), 0),
        (format!("dynamic_secret={name}&state=active&namespace={place}&target=local"), 3),
        ("dynamic_secret=other&state=revoked".to_owned(), 0),
    ] {
        for limit in [1, 3, 500] {
            let found = listed(&broker, &query, limit)?;
            let ids: BTreeSet<_> =
                found.iter().map(|lease| lease["lease_id"].to_string()).collect();
            assert_eq!(ids.len(), found.len(), "{query}, {limit}: one twice");
            assert_eq!(found.len(), count, "{query}, {limit}");
            assert!(found.iter().all(|lease| lease["token"].is_null()), "{query}: a token");
        }
    }
    let whole = listed(&broker, "", 500)?;
    assert_eq!(listed(&broker, "", 2)?, whole, "the order is the same");
    for lease in &whole {
        let id = lease["lease_id"].as_str().context("an id")?;
        assert!(all.iter().any(|known| known.id == id), "{lease}");
        assert_eq!(
            &broker.admin()?.get(&format!("/api/v1/leases/{id}"))?.expect_status(200)?,
            lease
        );
    }
    for query in ["state=gone", "cursor=x", "limit=501", "namespace=A", "target=a&target=a", "x=1"]
    {
        let told = broker.admin()?.get(&format!("/api/v1/leases?{query}"))?.expect_status(422)?;
        assert_eq!(told["code"], "invalid_query", "{query}");
    }
    Ok(())
}

pub fn many_are_taken_back_page_by_page(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::EXISTING)?;
    let before = broker.inventory()?;
    let all = several(&broker)?;
    let revoke = |request: &Value| broker.admin()?.post("/api/v1/leases/revoke", request);
    assert_eq!(revoke(&json!({}))?.expect_status(422)?["code"], "filter_required");
    assert_eq!(revoke(&json!({ "state": "gone" }))?.expect_status(422)?["code"], "invalid_field");
    assert_eq!(listed(&broker, "state=active", 500)?.len(), 6, "nothing has changed");

    let mut request = json!({ "dynamic_secret": broker.secret_name(), "limit": 2 });
    let mut revoked = 0;
    loop {
        let page = revoke(&request)?.expect_status(200)?;
        assert!(page["revoked"].as_u64() <= Some(2), "{page}");
        revoked += page["revoked"].as_u64().context("a number")?;
        if page["next_cursor"].is_null() {
            break;
        }
        request["cursor"] = page["next_cursor"].clone();
    }
    assert_eq!(revoked, 3, "two were revoked before");
    assert_eq!(listed(&broker, "state=active", 500)?.len(), 3, "the others live");
    assert_eq!(revoke(&json!({ "target": "local" }))?.expect_status(200)?["revoked"], 3);
    assert_eq!(broker.inventory()?, before, "nothing is left");
    for lease in &all {
        assert_eq!(broker.shown(lease)?["state"], "revoked");
    }
    Ok(())
}

pub fn what_leases_are_made_from_goes_only_with_them(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let admin = broker.admin()?;
    let before = broker.inventory()?;
    let mut secret = broker.secret();
    secret["delete_protection"] = json!(true);
    admin.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    broker.until_let_in(&lease.token)?;

    for (path, code) in [
        ("", "delete_protected"),
        ("?revoke=true", "delete_protected"),
        ("?force=true", "live_leases"),
    ] {
        let told = admin.delete(&format!("{}{path}", broker.secret_path()))?.expect_status(409)?;
        assert_eq!(told["code"], code, "{path}");
    }
    assert_eq!(admin.delete("/api/v1/targets/local")?.expect_status(409)?["code"], "target_in_use");
    assert_eq!(broker.shown(&lease)?["state"], "active");

    // Disabled, nothing more is issued, and what is out lives and can be taken back.
    secret["disabled"] = json!(true);
    admin.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    assert_eq!(broker.issue(&json!({}))?.expect_status(409)?["code"], "disabled");
    broker.until_let_in(&lease.token)?;
    let renew = admin.post(&format!("{}/renew", lease.path()), &json!({}))?;
    assert_eq!(renew.expect_status(409)?["code"], "disabled");

    admin
        .delete(&format!("{}?force=true&revoke=true", broker.secret_path()))?
        .expect_status(204)?;
    assert_eq!(broker.shown(&lease)?["state"], "revoked");
    assert_eq!(broker.inventory()?, before, "nothing is left");
    broker.until_refused(&lease.token, Duration::from_secs(12))?;
    admin.delete("/api/v1/targets/local")?.expect_status(204)?;
    admin.get("/api/v1/targets/local")?.expect_status(404)?;
    Ok(())
}

pub fn a_change_keeps_what_is_out_or_takes_it_back(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let before = broker.inventory()?;
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let mut secret = broker.secret();
    secret["account"]["rules"][0]["verbs"] = json!(["list"]);
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    assert_eq!(broker.shown(&lease)?["state"], "active", "kept, where nothing is said");
    secret["on_change"] = json!("revoke");
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    assert_eq!(broker.shown(&lease)?["state"], "active", "nothing that is granted has changed");
    secret["account"]["rules"][0]["verbs"] = json!(["get", "list"]);
    broker.admin()?.put(&broker.secret_path(), &secret)?.expect_status(200)?;
    let shown = broker.sweep_until(&lease, "revoked", Duration::from_secs(20))?;
    assert_eq!(broker.inventory()?, before, "{shown}");
    Ok(())
}

/// Five leases of the dynamic secret, two of which are revoked, and three of another, `other`.
fn several(broker: &Broker) -> Result<Vec<Lease>> {
    let request = json!({ "ttl": "15m" });
    let mut leases = (0..5).map(|_| broker.lease(&request)).collect::<Result<Vec<_>>>()?;
    broker.admin()?.put("/api/v1/dynamic-secrets/other", &broker.secret())?.expect_status(201)?;
    for _ in 0..3 {
        let reply = broker.admin()?.post("/api/v1/dynamic-secrets/other/leases", &request)?;
        leases.push(Lease::of(reply.expect_status(201)?)?);
    }
    for lease in &leases[1..3] {
        broker.revoke(lease)?.expect_status(200)?;
    }
    Ok(leases)
}

/// All pages of a list.
fn listed(broker: &Broker, query: &str, limit: usize) -> Result<Vec<Value>> {
    let (mut all, mut cursor) = (vec![], String::new());
    for _ in 0..PAGES {
        let path = format!("/api/v1/leases?{query}&limit={limit}{cursor}");
        let mut page = broker.admin()?.get(&path)?.expect_status(200)?;
        let Value::Array(items) = page["items"].take() else { anyhow::bail!("no items: {page}") };
        ensure!(items.len() <= limit, "{} are more than {limit}", items.len());
        all.extend(items);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(all),
        }
    }
    anyhow::bail!("the list does not end")
}

/// More than any list here has.
const PAGES: usize = 50;
