//! The issuer of the tokens of a cluster's `ServiceAccount`s.

use serde::Deserialize;

use crate::call_subject::CallSubject;
use crate::{Api, Call};

/// The issuer of the tokens of a cluster's `ServiceAccount`s, as its discovery document names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountIssuer {
    /// The `iss` of new tokens, as `https://kubernetes.default.svc`. Those of other issuers that the API server is
    /// configured to accept are not told.
    pub issuer: String,
}

impl Api<'_> {
    /// Reads the issuer of tokens. Open to all `ServiceAccount`s by default
    /// (`system:service-account-issuer-discovery`); not served if the issuer is no `https://` address.
    pub fn get_account_issuer(&self) -> Call<AccountIssuer> {
        self.get(
            self.path_address(&[".well-known", "openid-configuration"], CallSubject::default()),
        )
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::testing::{answered, api, sent};

    #[test]
    fn the_issuer_is_read_from_the_discovery_document() {
        let line = "GET /.well-known/openid-configuration".to_owned();
        assert_eq!(sent(api().get_account_issuer()), (line, "", Value::Null));
        // As kube-apiserver 1.36.3 answered.
        let document = r#"{"issuer":"https://kubernetes.default.svc","jwks_uri":"https://127.0.0.1:6443/openid/v1/jwks",
            "response_types_supported":["id_token"],"subject_types_supported":["public"],
            "id_token_signing_alg_values_supported":["RS256"]}"#;
        let read = answered(api().get_account_issuer(), 200, document).expect("reads");
        assert_eq!(read.issuer, "https://kubernetes.default.svc");
        assert!(answered(api().get_account_issuer(), 200, "{}").is_err());
    }
}
