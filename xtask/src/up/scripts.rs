//! Two small commands for whoever tries out what runs: one asks kubelease, one uses what it leases.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use testbed::kubelease::ADMIN_TOKEN_VARIABLE;

use super::HOST_DIR;
use super::cluster::Cluster;
use super::state::StateDirectory;

/// Writes `api` and `leased` into the state directory, for this run's addresses.
pub fn write_scripts(state: &StateDirectory, url: &str, cluster: &Cluster) -> Result<()> {
    let mut place = json!({ "server": cluster.url });
    if cluster.ca.is_some() {
        place["certificate-authority"] =
            path_text(&state.file_path(HOST_DIR).join("ca.crt"))?.into();
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "leased", "cluster": place }],
    });
    let config = state.write_file("cluster.kubeconfig", &config.to_string())?;
    let admin_token = state.file_path(ADMIN_TOKEN_VARIABLE);
    let api =
        fill_script(API_SCRIPT, &[("{{url}}", url), ("{{admin_token}}", path_text(&admin_token)?)]);
    let api = state.write_script("api", &api)?;
    let leased = fill_script(
        LEASED_SCRIPT,
        &[
            ("{{api}}", path_text(&api)?),
            ("{{kubectl}}", path_text(cluster.kubectl_path())?),
            ("{{cluster}}", path_text(&config)?),
            ("{{cache}}", path_text(&state.file_path("kubectl-cache"))?),
        ],
    );
    state.write_script("leased", &leased).map(drop)
}

/// A word that a shell takes as it is.
pub fn quote_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn fill_script(script: &str, values: &[(&str, &str)]) -> String {
    values
        .iter()
        .fold(script.to_owned(), |script, (place, value)| script.replace(place, &quote_word(value)))
}

fn path_text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no text", path.display()))
}

/// The token is not an argument: all processes of the machine could read that.
const API_SCRIPT: &str = r#"#!/bin/sh
# api METHOD PATH [BODY]: asks kubelease as its administrator. BODY is a text, or @FILE.
set -eu
method=$1 path=$2
shift 2
[ "$#" -eq 0 ] || set -- --data-binary "$1"
printf 'authorization: Bearer %s' "$(cat {{admin_token}})" |
    curl --silent --show-error --fail-with-body --noproxy '*' --header @- --request "$method" "$@" {{url}}"$path"
echo
"#;

/// The lease is alone in the kubeconfig: a client certificate would outrank its token.
const LEASED_SCRIPT: &str = r#"#!/bin/sh
# leased NAME ARGUMENTS: leases a token of the dynamic secret NAME for 15 minutes, and runs kubectl with it alone.
set -eu
lease=$({{api}} POST "/api/v1/dynamic-secrets/$1/leases" '{"ttl":"15m"}') || { printf '%s\n' "$lease" >&2; exit 1; }
shift
field() { printf '%s' "$lease" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
umask 077
config=$(mktemp)
trap 'rm -f "$config"' EXIT
cat >"$config" <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "leased",
 "users": [{"name": "leased", "user": {"token": "$(field token)"}}],
 "contexts": [{"name": "leased", "context": {"cluster": "leased", "user": "leased", "namespace": "$(field namespace)"}}]}
END
KUBECONFIG="$config":{{cluster}} {{kubectl}} --cache-dir {{cache}} "$@"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_to_a_shell() {
        for (word, quoted_word) in [
            ("/home/me/.kubelease", "/home/me/.kubelease"),
            ("/home/me/my work", "'/home/me/my work'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("", "''"),
        ] {
            assert_eq!(quote_word(word), quoted_word);
        }
    }
}
