use serde_json::{Value, json};

use crate::testing::{ADMIN, EXISTING, Installation};

const PATH: &str = "/api/v1/dynamic-secrets/ci/kubeconfig";

const CA: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

fn put_target(app: &Installation, more: &Value) -> u16 {
    let mut body = json!({"url": "https://a.example", "auth": {"type": "token", "token": "t0ken"}});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    app.send("PUT", "/api/v1/targets/prod", ADMIN, &body.to_string()).status
}

#[test]
fn a_kubeconfig_names_the_cluster_as_clients_reach_it() {
    let app = Installation::with_dynamic_secret("");
    let plain = app.send("GET", PATH, ADMIN, "");
    assert_eq!(plain.status, 200, "{}", plain.json);
    assert_eq!(
        plain.json,
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "kubelease-ci",
            "clusters": [{"name": "kubelease-prod", "cluster": {"server": "https://a.example"}}],
            "users": [{"name": "kubelease-ci", "user": {"exec": {
                "apiVersion": "client.authentication.k8s.io/v1",
                "command": "kubelease",
                "args": ["exec-credential", "ci", "--namespace=apps"],
                "interactiveMode": "Never",
                "provideClusterInfo": false,
                "installHint": super::COMMAND_HINT,
            }}}],
            "contexts": [{"name": "kubelease-ci", "context":
                {"cluster": "kubelease-prod", "user": "kubelease-ci", "namespace": "apps"}}],
        })
    );
    let more = json!({"ca_certificate": format!("# the CA\n{CA}"),
        "kubeconfig_server": "https://API.example:6443/"});
    assert_eq!(put_target(&app, &more), 200);
    let cluster = app.send("GET", PATH, ADMIN, "").json["clusters"][0]["cluster"].clone();
    assert_eq!(cluster["server"], "https://api.example:6443");
    assert_eq!(
        cluster["certificate-authority-data"],
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUIKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
    );
    let target = app.send("GET", "/api/v1/targets/prod", ADMIN, "").json;
    assert_eq!(target["ca_certificate"], CA);
    assert_eq!(target["kubeconfig_server"], "https://api.example:6443");
    // What is left out goes.
    assert_eq!(put_target(&app, &json!({})), 200);
    assert_eq!(app.send("GET", "/api/v1/targets/prod", ADMIN, "").json.get("ca_certificate"), None);
}

#[test]
fn by_curl_no_secret_is_in_the_file_nor_an_argument_of_a_process() {
    let app = Installation::with_dynamic_secret("");
    let config = app.send("GET", &format!("{PATH}?via=curl&namespace=apps"), ADMIN, "").json;
    let exec = &config["users"][0]["user"]["exec"];
    assert_eq!(exec["command"], "sh");
    let script = exec["args"][1].as_str().expect("a script");
    let (token, curl) = script.split_once('|').expect("a pipe");
    assert!(token.starts_with("printf ") && token.contains("KUBELEASE_TOKEN"), "{script}");
    assert!(!curl.contains("KUBELEASE_TOKEN") && curl.contains("--config -"), "{script}");
    assert!(curl.contains(r#"--data '{"namespace":"apps"}'"#), "{script}");
}

#[test]
fn what_is_wrong_with_a_kubeconfig_is_said() {
    let app = Installation::with_dynamic_secret("");
    for (query, status, code) in [
        ("?via=wget", 422, "invalid_query"),
        ("?via=", 422, "invalid_query"),
        ("?namespace=A", 422, "invalid_query"),
        ("?server=x", 422, "invalid_query"),
        ("?namespace=other", 403, "namespace_not_allowed"),
    ] {
        let answer = app.send("GET", &format!("{PATH}{query}"), ADMIN, "");
        assert_eq!((answer.status, answer.json["code"].as_str()), (status, Some(code)), "{query}");
    }
    let unknown = app.send("GET", "/api/v1/dynamic-secrets/none/kubeconfig", ADMIN, "");
    assert_eq!(unknown.status, 404);
    for more in [
        json!({"ca_certificate": ""}),
        json!({"ca_certificate": "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"}),
        json!({"kubeconfig_server": "http://a.example"}),
        json!({"kubeconfig_server": "a.example"}),
    ] {
        assert_eq!(put_target(&app, &more), 422, "{more}");
    }
}

#[test]
fn an_identity_sees_the_cluster_of_what_it_may_issue_and_no_other() {
    let app = Installation::with_dynamic_secret("");
    let two = json!({"target": "prod", "account": serde_json::from_str::<Value>(EXISTING).expect("JSON"),
        "namespaces": ["a", "b"]});
    app.send("PUT", "/api/v1/dynamic-secrets/two", ADMIN, &two.to_string());
    let body = json!({"auth": [{"type": "token"}], "grants": [
        {"dynamic_secrets": ["two"], "namespaces": ["a"], "actions": ["issue"]},
        {"dynamic_secrets": ["ci"], "namespaces": ["apps"], "actions": ["read"]}]});
    app.send("PUT", "/api/v1/identities/bot", ADMIN, &body.to_string());
    let made = app.send("POST", "/api/v1/identities/bot/tokens", ADMIN, "");
    let token = made.json["access_token"].as_str().expect("a token");
    let path = "/api/v1/dynamic-secrets/two/kubeconfig";
    let open = app.send("GET", path, token, "");
    assert_eq!((open.status, open.json["contexts"][0]["context"].get("namespace")), (200, None));
    assert_eq!(app.send("GET", &format!("{path}?namespace=a"), token, "").status, 200);
    for path in [format!("{path}?namespace=b"), PATH.to_owned(), PATH.replace("/ci/", "/none/")] {
        assert_eq!(app.send("GET", &path, token, "").status, 403, "{path}");
    }
}
