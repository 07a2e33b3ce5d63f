//! The shapes of targets.

use lease_core::{
    ApiServerUrl, CaCertificate, ClusterCredential, Description, DynamicSecretCheck,
    DynamicSecretName, GatewayHeaderName, KnownCluster, MissingPermission, Tag, Target, TargetAuth,
    TargetAuthInput, TargetCheck, TargetInput, TargetName, TokenVariableName, TrustedCa,
};
use lease_engine::{DefinitionChange, KnownTarget};
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::respond::{ChangeJson, format_time};

/// A target as the body of a PUT has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `url` and `auth`")]
pub(crate) struct TargetBody {
    url: ApiServerUrl,
    auth: AuthInput,
    #[serde(default)]
    ca: TrustedCa,
    ca_certificate: Option<CaCertificate>,
    kubeconfig_server: Option<ApiServerUrl>,
    #[serde(default)]
    description: Description,
    apply_set: Option<Tag>,
    #[serde(default)]
    disabled: bool,
}

/// The way in which kubelease authenticates there.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum AuthInput {
    /// By a bearer token: this one, the one in a variable, or the one that is known.
    Token { token: Option<ClusterCredential>, variable: Option<TokenVariableName> },
    /// By whatever the gateway at the url adds.
    Gateway { header: Option<HeaderInput> },
    /// By the host's client certificate.
    ClientCertificate {},
}

/// A header that a gateway asks for; without a value, the one that is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderInput {
    name: GatewayHeaderName,
    value: Option<ClusterCredential>,
}

/// A target as it is shown.
#[derive(Serialize)]
pub(crate) struct TargetJson {
    name: TargetName,
    url: ApiServerUrl,
    auth: AuthJson,
    ca: TrustedCa,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate: Option<CaCertificate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kubeconfig_server: Option<ApiServerUrl>,
    description: Description,
    #[serde(skip_serializing_if = "Option::is_none")]
    apply_set: Option<Tag>,
    disabled: bool,
    /// True if it goes when the last of its leases has ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleting: bool,
    created_at: String,
    updated_at: String,
    cluster: Option<ClusterJson>,
    last_check: Option<CheckJson>,
    #[serde(flatten)]
    change: Option<ChangeJson>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AuthJson {
    Token {
        #[serde(skip_serializing_if = "Option::is_none")]
        variable: Option<TokenVariableName>,
    },
    Gateway {
        #[serde(skip_serializing_if = "Option::is_none")]
        header: Option<HeaderJson>,
    },
    ClientCertificate,
}

#[derive(Serialize)]
struct HeaderJson {
    name: GatewayHeaderName,
}

/// Which cluster a target leads to.
#[derive(Serialize)]
pub(crate) struct ClusterJson {
    namespace: String,
    uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<ChangedClusterJson>,
}

/// That another was seen there.
#[derive(Serialize)]
struct ChangedClusterJson {
    found_uid: String,
    since: String,
}

/// The result of a check. `ok` says that nothing is missing.
#[derive(Serialize)]
pub(crate) struct CheckJson {
    checked_at: String,
    ok: bool,
    reachable: bool,
    problem: Option<String>,
    version: Option<String>,
    username: Option<String>,
    groups: Vec<String>,
    cluster_uid: Option<String>,
    missing_permissions: Vec<MissingPermission>,
    dynamic_secrets: Vec<DynamicSecretCheckJson>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct DynamicSecretCheckJson {
    dynamic_secret: DynamicSecretName,
    issue: bool,
    revoke: bool,
    missing_permissions: Vec<MissingPermission>,
    problem: Option<String>,
}

impl TargetBody {
    /// Returns the target that is put under this name.
    pub(crate) fn into_input(self, name: TargetName) -> TargetInput {
        let Self {
            url,
            auth,
            ca,
            ca_certificate,
            kubeconfig_server,
            description,
            apply_set,
            disabled,
        } = self;
        let auth = match auth {
            AuthInput::Token { variable: Some(variable), .. } => {
                TargetAuthInput::Variable(variable)
            }
            AuthInput::Token { token, variable: None } => TargetAuthInput::Token(token),
            AuthInput::Gateway { header } => {
                TargetAuthInput::Gateway(header.map(|HeaderInput { name, value }| (name, value)))
            }
            AuthInput::ClientCertificate {} => TargetAuthInput::ClientCertificate,
        };
        TargetInput {
            name,
            url,
            auth,
            ca,
            ca_certificate,
            kubeconfig_server,
            description,
            apply_set,
            disabled,
        }
    }

    /// Refuses a token that is given in two ways, and a kubeconfig by which a token would be sent in clear.
    ///
    /// # Errors
    /// Returns 422 and what would be right.
    pub(crate) fn check_token_and_kubeconfig(&self) -> Result<(), Problem> {
        if matches!(self.auth, AuthInput::Token { token: Some(_), variable: Some(_) }) {
            let detail = "give `token` or `variable`, not both".to_owned();
            return Err(Problem::for_field("/auth".to_owned(), detail));
        }
        if self.kubeconfig_server.as_ref().is_some_and(|server| !server.is_confidential()) {
            let detail = "the server of a kubeconfig must begin with `https://`".to_owned();
            return Err(Problem::for_field("/kubeconfig_server".to_owned(), detail));
        }
        Ok(())
    }
}

impl TargetJson {
    pub(crate) fn from_target(known: KnownTarget) -> Self {
        let KnownTarget { target, check, cluster } = known;
        let auth = AuthJson::from_auth(target.auth());
        let Target {
            name,
            url,
            ca,
            ca_certificate,
            kubeconfig_server,
            description,
            apply_set,
            disabled,
            retired,
            created_at,
            updated_at,
            ..
        } = target;
        Self {
            name,
            url,
            auth,
            ca,
            ca_certificate,
            kubeconfig_server,
            description,
            apply_set,
            disabled,
            deleting: retired,
            created_at: format_time(created_at),
            updated_at: format_time(updated_at),
            cluster: cluster.map(ClusterJson::from),
            last_check: check.map(CheckJson::from),
            change: None,
        }
    }

    pub(crate) fn with_change(self, change: DefinitionChange) -> Self {
        Self { change: Some(change.into()), ..self }
    }
}

impl AuthJson {
    fn from_auth(auth: &TargetAuth) -> Self {
        match auth {
            TargetAuth::Token { .. } => Self::Token { variable: None },
            TargetAuth::Variable { variable } => Self::Token { variable: Some(variable.clone()) },
            TargetAuth::Gateway { header } => Self::Gateway {
                header: header.as_ref().map(|header| HeaderJson { name: header.name.clone() }),
            },
            TargetAuth::ClientCertificate => Self::ClientCertificate,
        }
    }
}

impl From<KnownCluster> for ClusterJson {
    fn from(known: KnownCluster) -> Self {
        Self {
            namespace: known.identity.namespace.to_string(),
            uid: known.identity.uid,
            changed: known.changed.map(|changed| ChangedClusterJson {
                found_uid: changed.found.uid,
                since: format_time(changed.since),
            }),
        }
    }
}

impl From<TargetCheck> for CheckJson {
    fn from(check: TargetCheck) -> Self {
        let well = |secret: &DynamicSecretCheck| secret.issue && secret.revoke;
        Self {
            checked_at: format_time(check.checked_at),
            ok: check.problem.is_none()
                && check.missing_permissions.is_empty()
                && check.dynamic_secrets.iter().all(well),
            reachable: check.reachable,
            problem: check.problem,
            version: check.version,
            username: check.username,
            groups: check.groups,
            cluster_uid: check.cluster,
            missing_permissions: check.missing_permissions,
            dynamic_secrets: check
                .dynamic_secrets
                .into_iter()
                .map(DynamicSecretCheckJson::from)
                .collect(),
            warnings: check.warnings,
        }
    }
}

impl From<DynamicSecretCheck> for DynamicSecretCheckJson {
    fn from(check: DynamicSecretCheck) -> Self {
        let DynamicSecretCheck { dynamic_secret, issue, revoke, missing_permissions, problem } =
            check;
        Self { dynamic_secret, issue, revoke, missing_permissions, problem }
    }
}
