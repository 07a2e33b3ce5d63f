//! What may be leased, for how long, and what is kept of it: the decisions of kubelease.
//!
//! This crate decides and does nothing else. It has no IO, no async, no clock and no randomness: the
//! time, new ids and nonces are arguments, and its dependency list is the proof. It knows nothing of
//! HTTP routes, of requests to Kubernetes' API, or of where its records are kept. RBAC's rules it knows:
//! they say what is leased.

mod audiences;
mod dynamic_secret;
mod label;
mod labels;
mod lease;
mod lifetimes;
mod metadata;
mod name_template;
mod names;
pub mod rbac;
mod namespaces;
pub mod permissions;
mod seal;
mod selector;
mod target;
mod ttl;
mod url;

pub use dynamic_secret::{
    Account, DefinitionError, DynamicSecret, MAX_NAMESPACES, NamespaceError, Terms,
};
pub use lease::{Lease, LeaseId, LeaseState};
pub use names::{
    DynamicSecretName, NameError, Namespace, RoleName, ServiceAccountName, TargetName,
};
pub use seal::{KeyError, Keyring, MasterKey, NONCE_BYTES, OpenError, Sealed};
pub use target::{
    ClusterCredential, CredentialError, MAX_CREDENTIAL_BYTES, MissingPermission, Target,
    TargetCheck,
};
pub use ttl::{DurationError, MAX_TTL, MIN_TOKEN_TTL, Ttl, TtlError};
pub use url::{ApiServerUrl, UrlError};

pub use audiences::{Audience, AudienceError, Audiences, MAX_AUDIENCE_BYTES, MAX_AUDIENCES};
pub use label::{LabelError, LabelKey, LabelValue};
pub use labels::{Annotations, Labels, LabelsError, MAX_ANNOTATION_BYTES, MAX_LABELS};
pub use lifetimes::{Lifetimes, LifetimesError};
pub use metadata::{
    Description, MAX_DESCRIPTION_CHARS, MAX_MAX_LIVE_LEASES, MAX_TAG_BYTES, MAX_TAGS,
    MaxLiveLeases, MetadataError, Tag, Tags,
};
pub use name_template::{
    MAX_RANDOM_BYTES, MAX_TEMPLATE_BYTES, NameParts, NameTemplate, TemplateError,
};
pub use namespaces::{Decision, NamespaceMatch, NamespacePattern, Namespaces, NamespacesError};
pub use selector::{
    MAX_SELECTOR_TERMS, NamespaceSelector, SelectorError, SelectorExpression, SelectorOperator,
};
pub use ttl::MIN_LEASE_TTL;
