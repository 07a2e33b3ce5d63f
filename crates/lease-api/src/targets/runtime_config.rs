//! `GET /api/v1/targets/{name}/runtime-config`

use std::fmt::Write as _;

use http::{Response, StatusCode};
use lease_core::{Target, TargetAuth, TrustedCa};
use lease_engine::{Engine, Ports};
use serde::Serialize;

use crate::problem::Problem;
use crate::{input, respond};

/// The runtime configuration with which a host can reach the target.
#[derive(Serialize)]
struct RuntimeConfigJson {
    /// For `allowed_outbound_hosts` of both components in `spin.toml`.
    allowed_outbound_hosts: [String; 1],
    /// For the file that `--runtime-config-file` names; empty where nothing is needed.
    runtime_config: String,
    /// Remarks for the operator.
    notes: Vec<String>,
}

/// `GET /api/v1/targets/{name}/runtime-config`
pub(crate) fn show_runtime_config<P: Ports>(
    engine: &Engine<P>,
    name: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let target = engine.get_target(&input::parse_name(name)?)?.target;
    let json = RuntimeConfigJson {
        allowed_outbound_hosts: [target.url.origin().to_owned()],
        runtime_config: client_tls(&target),
        notes: list_notes(&target),
    };
    Ok(respond::json_response(StatusCode::OK, &json))
}

/// The `[[client_tls]]` entry of the target, if it needs one. A host reads the files once, when it starts.
fn client_tls(target: &Target) -> String {
    let certificate = *target.auth() == TargetAuth::ClientCertificate;
    let tls = target.url.as_str().starts_with("https://");
    let mut text = String::new();
    if !tls || (target.ca == TrustedCa::System && !certificate) {
        return text;
    }
    let (name, host) = (&target.name, target.url.host());
    // Writing to a `String` does not fail. Names and hosts need no escape in TOML.
    _ = write!(
        text,
        "[[client_tls]]\ncomponent_ids = [\"kubelease\", \"cleanup-job\"]\nhosts = [\"{host}\"]\n"
    );
    if target.ca == TrustedCa::HostConfigured {
        _ = writeln!(text, "ca_roots_file = \"/etc/kubelease/{name}/ca.crt\"");
    }
    if certificate {
        _ = write!(
            text,
            "client_cert_file = \"/etc/kubelease/{name}/tls.crt\"\n\
             client_private_key_file = \"/etc/kubelease/{name}/tls.key\"\n"
        );
    }
    text
}

fn list_notes(target: &Target) -> Vec<String> {
    let mut notes =
        vec!["the host reads these settings when it starts: restart it after a change".to_owned()];
    if target.url.as_str().starts_with("http://") {
        notes.push("plain HTTP: the network to the target must be trusted".to_owned());
    } else if target.ca == TrustedCa::HostConfigured {
        notes.push(
            "verification of the certificate cannot be turned off: put the CA of the cluster into \
             `ca_roots_file`"
                .to_owned(),
        );
    }
    match target.auth() {
        TargetAuth::ClientCertificate => notes.push(
            "the certificate is shown to every target of this host name, whatever its `auth` and port"
                .to_owned(),
        ),
        TargetAuth::Variable { variable } => notes.push(format!(
            "declare `{variable}` in `spin.toml` for both components, and bind it: `target_origins` holds \
             `{variable}={}`",
            target.url.origin()
        )),
        TargetAuth::Token { .. } | TargetAuth::Gateway { .. } => {}
    }
    notes
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{ADMIN, Installation};

    const CA: &str = "ca_roots_file = \"/etc/kubelease/t/ca.crt\"\n";
    const PAIR: &str = "client_cert_file = \"/etc/kubelease/t/tls.crt\"\n\
                        client_private_key_file = \"/etc/kubelease/t/tls.key\"\n";

    #[test]
    fn a_host_is_told_what_each_target_needs_of_it() {
        let certificate = r#"{"type":"client_certificate"}"#;
        let variable = r#"{"type":"token","variable":"target_t"}"#;
        let token = r#"{"type":"token","token":"canary"}"#;
        let gateway = r#"{"type":"gateway"}"#;
        for (url, auth, ca, origin, files, note) in [
            ("https://a.example/p", token, "system", "https://a.example", None, "restart"),
            (
                "https://a.example:6443",
                token,
                "custom",
                "https://a.example:6443",
                Some(CA.to_owned()),
                "turned off",
            ),
            (
                "https://a.example",
                certificate,
                "system",
                "https://a.example",
                Some(PAIR.to_owned()),
                "every target of this host",
            ),
            (
                "https://a.example",
                certificate,
                "custom",
                "https://a.example",
                Some(format!("{CA}{PAIR}")),
                "turned off",
            ),
            (
                "https://a.example",
                variable,
                "system",
                "https://a.example",
                None,
                "`target_t=https://a.example`",
            ),
            ("http://gate:8001", gateway, "custom", "http://gate:8001", None, "must be trusted"),
        ] {
            let app = Installation::default();
            let body = format!(r#"{{"url":"{url}","auth":{auth},"ca":"{ca}"}}"#);
            assert_eq!(app.send("PUT", "/api/v1/targets/t", ADMIN, &body).status, 201, "{body}");
            let answer = app.send("GET", "/api/v1/targets/t/runtime-config", ADMIN, "");
            assert_eq!(answer.status, 200, "{body}");
            let head = "[[client_tls]]\ncomponent_ids = [\"kubelease\", \"cleanup-job\"]\n\
                        hosts = [\"a.example\"]\n";
            let text = files.map(|files| format!("{head}{files}")).unwrap_or_default();
            assert_eq!(answer.json["allowed_outbound_hosts"], json!([origin]), "{body}");
            assert_eq!(answer.json["runtime_config"], json!(text), "{body}");
            let notes = answer.json["notes"].to_string();
            assert!(notes.contains(note), "{body}: {notes}");
            assert!(!answer.body.contains("canary"), "{body}");
        }
        let app = Installation::default();
        let unknown = app.send("GET", "/api/v1/targets/t/runtime-config", ADMIN, "");
        assert_eq!((unknown.status, &unknown.json["code"]), (404, &"unknown_target".into()));
    }
}
