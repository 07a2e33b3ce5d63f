//! The decisions of kubelease: what may be leased, for how long, and what is recorded of it.
//!
//! Start from [`DynamicSecret`], which grants a request and plans its objects, [`Lease`], the record of what
//! came of it, and [`OwnershipStamp`], the signed marks by which an object is known to be ours. RBAC's rules, and which
//! of them are dangerous, are in [`rbac`].
//!
//! This crate decides and does nothing else. It has no IO, no async, no clock and no randomness: the
//! time, new ids and nonces are arguments, and its dependency list is the proof. It knows nothing of
//! HTTP routes, of requests to Kubernetes' API, or of where its records are kept.
//!
//! A value is checked when it is made, so a function that takes one need not check it again:
//!
//! ```
//! use lease_core::{Namespace, Ttl};
//!
//! let ttl: Ttl = "15m".parse()?;
//! assert_eq!(ttl.as_secs(), 900);
//! assert!("Kube System".parse::<Namespace>().is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod accessor;
mod account;
mod audiences;
mod audit;
mod ca_certificate;
mod client_group;
mod clock;
mod cluster;
mod digest;
mod dynamic_secret;
mod found;
mod header_name;
mod hex;
mod identity;
mod label;
mod labels;
mod lease;
mod lease_id;
mod lifetimes;
mod metadata;
mod name_template;
mod names;
mod namespaces;
pub mod permissions;
mod plan;
pub mod rbac;
mod seal;
mod selector;
mod signing;
mod stamp;
mod target;
mod target_check;
mod ttl;
mod url;
mod variable;
mod well_known;

pub use accessor::{Accessor, AccessorError};
pub use account::{Account, AccountRights, AccountScope, TemporaryAccount, TemporaryAccountError};
pub use audiences::{Audience, AudienceError, Audiences, MAX_AUDIENCE_BYTES, MAX_AUDIENCES};
pub use audit::{
    AuditActor, AuditChange, AuditClaims, AuditDecision, AuditEvent, AuditEventType, AuditLogId,
    AuditPlace, AuditPlaceError, AuditRecordKind, AuditSlot, AuditText, MAX_AUDIT_TEXT_BYTES,
    RecordedEvents,
};
pub use ca_certificate::{CaCertificate, CaCertificateError, MAX_CA_BYTES};
pub use client_group::{ClientGroup, ClientNetwork};
pub use clock::ClusterClock;
pub use cluster::{ChangedCluster, ClusterIdentity, KnownCluster};
pub use digest::digest_texts;
pub use dynamic_secret::{
    DynamicSecret, DynamicSecretDefinition, DynamicSecretDefinitionError, DynamicSecretSpec,
    OnChange,
};
pub use found::{FoundLease, FoundObject};
pub use header_name::{HeaderName, HeaderNameError};
pub use identity::{
    AccessTokenTerms, AccessTokenTermsError, Action, AuthMethod, AuthMethodInput, AuthMethodKind,
    ClaimMismatch, ClaimName, ClaimRules, ClaimRulesError, ClaimRulesSpec, ClaimValue, ClaimsMatch,
    Denied, GrantDefinitionError, GrantParts, Identity, IdentityDefinitionError, IdentityGrant,
    IdentityInput, IdentitySpec, IssuerUrl, IssuerUrlError, KeySource, KubernetesAuth, LeaseOwner,
    LeaseSubject, MAX_ACCESS_TOKEN_TTL, MAX_PATTERN_BYTES, MAX_TOKEN_USES, MaxIssuesPerMinute,
    MaxIssuesPerMinuteError, NamePattern, NamePatternError, NamePatterns, OidcAuth, OidcAuthError,
    Permit, PutIdentity, Reviewer, ReviewerCredential, ReviewerError, ReviewerInput,
    ReviewerSealContext, TokenAuth, TrustedIps, TrustedIpsError, authorize_action,
    is_secret_granted, parse_network, requester_id,
};
pub use ipnet::IpNet;
pub use label::{LabelError, LabelKey, LabelValue};
pub use labels::{Annotations, Labels, LabelsError, MAX_ANNOTATION_BYTES, MAX_LABELS};
pub use lease::{
    Closing, EndReason, Ending, Lease, LeaseMode, LeaseShare, LeaseState, LeasedObject, ObjectKind,
    Phase,
};
pub use lease_id::{LeaseId, LeaseIdError};
pub use lifetimes::{Lifetimes, LifetimesError, shortest_ttl};
pub use metadata::{
    Description, MAX_DESCRIPTION_CHARS, MAX_MAX_LIVE_LEASES, MAX_TAG_BYTES, MAX_TAGS,
    MaxLiveLeases, MetadataError, Tag, Tags,
};
pub use name_template::{
    MAX_RANDOM_BYTES, MAX_TEMPLATE_BYTES, NameParts, NameTemplate, TemplateError,
};
pub use names::{
    DynamicSecretName, IdentityName, NameError, Namespace, RoleName, ServiceAccountName, TargetName,
};
pub use namespaces::{
    MAX_NAMESPACES, NamespaceDecision, NamespaceError, NamespaceMatch, NamespacePattern,
    Namespaces, NamespacesError,
};
pub use plan::{
    GrantedTerms, IssuePlan, IssueRequest, Naming, NotGranted, PlannedBody, PlannedObject,
};
pub use seal::{KeyError, Keyring, MasterKey, NONCE_BYTES, OpenError, Sealed};
pub use selector::{
    MAX_SELECTOR_TERMS, NamespaceSelector, SelectorError, SelectorExpression, SelectorOperator,
};
pub use stamp::{ObjectMarks, ObjectRef, OwnershipStamp};
pub use target::{
    AuthDefinition, AuthError, ClusterCredential, CredentialError, GatewayHeader,
    MAX_CREDENTIAL_BYTES, OpenedAuth, PutTarget, Target, TargetAuth, TargetInput, TrustedCa,
};
pub use target_check::{DynamicSecretCheck, MissingPermission, TargetCheck};
pub use ttl::{DurationError, MAX_TTL, MIN_LEASE_TTL, MIN_TOKEN_TTL, Ttl, TtlError};
pub use url::{ApiServerUrl, UrlError};
pub use variable::{VariableName, VariableNameError, VariableOrigins, VariableOriginsError};
pub use well_known::{INSTALLATION, LEASE, MAC, MANAGED_BY, MANAGER};
