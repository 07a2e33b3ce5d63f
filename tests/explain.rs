//! Explanations, held against what the real API server and kubelease then do.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::http::{HttpClient, Reply};
use testbed::wait::{not_yet, wait_until};

use crate::broker::Broker;
use crate::kind::{self, Kind};
use crate::login::{Job, account_of, forge, log_in, put_identity, until_let_in};

pub fn existing(case: &TestCase) -> Result<()> {
    is_what_comes_of_it(case, &kind::EXISTING)
}

pub fn plain(case: &TestCase) -> Result<()> {
    is_what_comes_of_it(case, &kind::PLAIN)
}

pub fn role(case: &TestCase) -> Result<()> {
    is_what_comes_of_it(case, &kind::CLUSTER_ROLE_HERE)
}

pub fn rules(case: &TestCase) -> Result<()> {
    is_what_comes_of_it(case, &kind::RULES)
}

/// Explains logins and issues that differ in one thing each, and then does them.
fn is_what_comes_of_it(case: &TestCase, of: &'static Kind) -> Result<()> {
    let broker = Broker::new(case, of)?;
    let (admin, namespace) = (broker.admin()?, case.new_namespace()?);
    for account in ["ci-job", "web"] {
        namespace.create_service_account(account)?;
    }
    let job = Job { cluster: case.control_plane().admin_client(), namespace: &namespace };
    job.let_broker_review(&broker)?;
    put_identity(&admin, &namespace, &json!("target"))?;
    let good = job.token("ci-job", &["kubelease"])?;
    until_let_in(&admin, &good)?;
    let forged = forge(&good)?;
    let place = json!(broker.place.name());
    let elsewhere = json!(broker.elsewhere.name());
    for (what, jwt, lease, rule) in [
        ("all is right", good.clone(), json!({"ttl": "10m"}), ""),
        ("another account", job.token("web", &["kubelease"])?, json!({}), "allowed_names"),
        ("another audience", job.token("ci-job", &["other"])?, json!({}), "aud"),
        ("a forged signature", forged, json!({}), "verified"),
        ("another namespace", good.clone(), json!({"namespace": elsewhere}), "namespace_covered"),
        ("too long", good.clone(), json!({"namespace": place, "ttl": "25h"}), "ttl"),
        ("all is right again", good.clone(), json!({"namespace": place, "ttl": "10m"}), ""),
    ] {
        let (inventory, tokens) = (broker.inventory()?, tokens_asked_for(case, &broker)?);
        let told = explain(&admin, &broker, &jwt, &lease)?;
        assert_eq!(broker.inventory()?, inventory, "{what}: the cluster is as it was");
        assert_eq!(tokens_asked_for(case, &broker)?, tokens, "{what}: no token is asked for");
        assert!(!told.to_string().contains(&jwt), "{what}: the token is repeated");
        assert_eq!(first_failed(&told), rule, "{what}: {told}");
        let reply = really(&admin, &broker, &jwt, &lease)?;
        let code = if reply.status == 201 { Value::Null } else { reply.to_json()?["code"].clone() };
        assert_eq!(told["refusal"]["code"], code, "{what}: {told}");
        assert_eq!(told["allowed"], json!(reply.status == 201), "{what}: {told}");
    }
    assert!(!broker.kubelease.read_log()?.contains(&good), "the log has the token");
    Ok(())
}

fn explain(admin: &HttpClient, broker: &Broker, jwt: &str, lease: &Value) -> Result<Value> {
    let mut body = json!({"identity": "ci", "jwt": jwt, "dynamic_secret": broker.secret_name()});
    for (field, value) in lease.as_object().context("an object")? {
        body[field] = value.clone();
    }
    admin.post("/api/v1/explain", &body)?.expect_status(200)
}

/// Logs in and asks for the lease: the answer that refuses, or the last one.
fn really(admin: &HttpClient, broker: &Broker, jwt: &str, lease: &Value) -> Result<Reply> {
    let login = log_in(admin, jwt)?;
    if login.status != 200 {
        return Ok(login);
    }
    let made = login.to_json()?;
    let token = made["access_token"].as_str().context("a token")?;
    let path = format!("{}/leases", broker.secret_path());
    admin.without_credentials().with_bearer(token).post(&path, lease)
}

/// The first rule of the login or the issue that does not pass; an empty text for none.
fn first_failed(told: &Value) -> String {
    let rules = ["/login/methods/0/rules", "/issue/rules"].map(|rules| told.pointer(rules));
    let mut rules = rules.into_iter().flatten().filter_map(Value::as_array).flatten();
    let failed = rules.find(|rule| rule["passed"] == json!(false));
    failed.and_then(|rule| rule["rule"].as_str()).unwrap_or_default().to_owned()
}

/// Counts the tokens for which kubelease has asked the API server, by its audit log.
fn tokens_asked_for(case: &TestCase, broker: &Broker) -> Result<usize> {
    let events = case.control_plane().audit_events_of_user(&broker.username())?;
    let asks = |event: &&Value| event["objectRef"]["subresource"] == "token";
    Ok(events.iter().filter(asks).count())
}

pub fn a_selector_finds_what_the_api_server_finds(case: &TestCase) -> Result<()> {
    let broker = Broker::new(case, &kind::RULES)?;
    let (admin, cluster) = (broker.admin()?, case.control_plane().admin_client());
    let mark = broker.home_name().to_owned();
    let mut spaces = vec![];
    for labels in [
        json!({"team": "a", "env": "ci"}),
        json!({"team": "b", "env": ""}),
        json!({"team": "c"}),
        json!({"env": "prod"}),
    ] {
        let namespace = case.new_namespace()?;
        let mut labels = labels;
        labels["kubelease-test"] = json!(mark);
        let patch = json!({"metadata": {"labels": labels}});
        cluster
            .patch(&format!("/api/v1/namespaces/{}", namespace.name()), &patch)?
            .expect_success()?;
        spaces.push(namespace);
    }
    let path = format!("{}/namespaces", broker.secret_path());
    put_selector(&admin, &broker, &mark, &json!([{"key": "team", "operator": "Exists"}]))?;
    let refused = admin.get(&path)?.expect_status(502)?;
    assert_eq!(refused["code"], "target_forbidden", "{refused}");
    let_list(case, &broker)?;
    wait_until("the list of namespaces", Duration::from_secs(15), || {
        let reply = admin.get(&path)?;
        if reply.status == 200 { Ok(()) } else { Err(not_yet(format!("{reply:?}"))) }
    })?;
    for (expressions, found) in [
        (json!([]), vec![0, 1, 2, 3]),
        (json!([{"key": "team", "operator": "Exists"}]), vec![0, 1, 2]),
        (json!([{"key": "team", "operator": "DoesNotExist"}]), vec![3]),
        (json!([{"key": "team", "operator": "In", "values": ["a", "b"]}]), vec![0, 1]),
        (json!([{"key": "team", "operator": "NotIn", "values": ["a"]}]), vec![1, 2, 3]),
        (json!([{"key": "env", "operator": "In", "values": [""]}]), vec![1]),
        (json!([{"key": "env", "operator": "In", "values": ["", "ci"]}]), vec![0, 1]),
        (json!([{"key": "env", "operator": "NotIn", "values": [""]}]), vec![0, 2, 3]),
        (
            json!([{"key": "env", "operator": "Exists"}, {"key": "team", "operator": "Exists"}]),
            vec![0, 1],
        ),
    ] {
        put_selector(&admin, &broker, &mark, &expressions)?;
        let mut names: Vec<_> = found.into_iter().map(|index| spaces[index].name()).collect();
        names.sort_unstable();
        let (mut seen, mut cursor) = (vec![], String::new());
        loop {
            let page = admin.get(&format!("{path}?limit=2{cursor}"))?.expect_status(200)?;
            let items = page["items"].as_array().context("a list")?;
            seen.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
            assert_eq!(page["complete"], true, "{page}");
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, names, "{expressions}");
    }
    Ok(())
}

/// Puts the dynamic secret for namespaces with the mark, which these expressions select besides.
fn put_selector(
    admin: &HttpClient,
    broker: &Broker,
    mark: &str,
    expressions: &Value,
) -> Result<()> {
    let mut secret = broker.secret();
    secret.as_object_mut().context("an object")?.remove("namespaces");
    secret["namespace_selector"] =
        json!({"matchLabels": {"kubelease-test": mark}, "matchExpressions": expressions});
    admin.put(&broker.secret_path(), &secret)?.expect_success()?;
    Ok(())
}

/// Lets kubelease list namespaces, which no lease needs.
fn let_list(case: &TestCase, broker: &Broker) -> Result<()> {
    let (cluster, home) = (case.control_plane().admin_client(), broker.home_name());
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let name = format!("list-{home}");
    let role = json!({"metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list"]}]});
    cluster.post(&format!("{rbac}/clusterroles"), &role)?.expect_status(201)?;
    let account = account_of(&broker.username());
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": home}]});
    cluster.post(&format!("{rbac}/clusterrolebindings"), &binding)?.expect_status(201)?;
    Ok(())
}
