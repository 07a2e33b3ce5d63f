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
mod definition_metadata;
mod digest;
mod dynamic_secret;
mod found_objects;
mod gateway_header_name;
mod hex;
mod identity;
mod issue_plan;
mod label;
mod labels_and_annotations;
mod lease;
mod lease_id;
mod lifetimes;
mod mark_keys;
mod name_template;
mod names;
mod namespace_rules;
mod ownership_stamp;
pub mod permissions;
pub mod rbac;
mod sealing;
mod selector;
mod signing;
mod target;
mod target_check;
mod token_variable;
mod ttl;
mod url;

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
pub use definition_metadata::{
    Description, MAX_DESCRIPTION_CHARS, MAX_MAX_LIVE_LEASES, MAX_TAG_BYTES, MAX_TAGS,
    MaxLiveLeases, MetadataError, Tag, Tags,
};
pub use digest::digest_texts;
pub use dynamic_secret::{
    DynamicSecret, DynamicSecretDefinition, DynamicSecretDefinitionError, DynamicSecretSpec,
    OnChange,
};
pub use found_objects::{FoundLease, FoundObject};
pub use gateway_header_name::{GatewayHeaderName, HeaderNameError};
pub use identity::{
    AccessTokenTerms, AccessTokenTermsError, AuthMethod, AuthMethodInput, AuthMethodKind,
    ClaimMatchMode, ClaimMismatch, ClaimName, ClaimRules, ClaimRulesError, ClaimRulesSpec,
    ClaimValue, DenialReason, GrantDefinitionError, GrantPartMatches, Identity,
    IdentityDefinitionError, IdentityGrant, IdentityInput, IdentityPutContext, IdentitySpec,
    IssuerUrl, IssuerUrlError, KeySource, KubernetesAuth, LeaseAction, LeaseOwnerScope,
    LeaseSubject, MAX_ACCESS_TOKEN_TTL, MAX_PATTERN_BYTES, MAX_TOKEN_USES, MaxIssuesPerMinute,
    MaxIssuesPerMinuteError, NamePattern, NamePatternError, NamePatterns, OidcAuth, OidcAuthError,
    Permit, Reviewer, ReviewerCredential, ReviewerError, ReviewerInput, ReviewerSealContext,
    TokenAuth, TrustedIps, TrustedIpsError, authorize_action, is_dynamic_secret_granted,
    parse_network, requester_id,
};
pub use ipnet::IpNet;
pub use issue_plan::{
    GrantedTerms, IssuePlan, IssueRequest, NotGrantedReason, ObjectNameInputs, PlannedBody,
    PlannedObject,
};
pub use label::{LabelError, LabelKey, LabelValue};
pub use labels_and_annotations::{
    Annotations, Labels, LabelsError, MAX_ANNOTATION_BYTES, MAX_LABELS,
};
pub use lease::{
    Closing, EndReason, Ending, IssuePhase, Lease, LeaseMode, LeaseShare, LeaseState, LeasedObject,
    ObjectKind,
};
pub use lease_id::{LeaseId, LeaseIdError};
pub use lifetimes::{Lifetimes, LifetimesError, min_lease_ttl};
pub use mark_keys::{
    INSTALLATION_LABEL, LEASE_LABEL, MAC_ANNOTATION, MANAGED_BY_LABEL, MANAGED_BY_VALUE,
};
pub use name_template::{
    MAX_RANDOM_BYTES, MAX_TEMPLATE_BYTES, NameTemplate, PlaceholderValues, TemplateError,
};
pub use names::{
    DynamicSecretName, IdentityName, NameError, Namespace, RoleName, ServiceAccountName, TargetName,
};
pub use namespace_rules::{
    MAX_NAMESPACES, NamespaceDecision, NamespaceError, NamespaceMatch, NamespacePattern,
    NamespaceRules, NamespacesError,
};
pub use ownership_stamp::{ObjectMarks, ObjectRef, OwnershipStamp};
pub use sealing::{KeyError, Keyring, MasterKey, NONCE_BYTES, OpenError, SealedSecret};
pub use selector::{
    MAX_SELECTOR_TERMS, NamespaceSelector, SelectorError, SelectorExpression, SelectorOperator,
};
pub use target::{
    ClusterCredential, CredentialError, GatewayHeader, MAX_CREDENTIAL_BYTES, OpenedAuth, PutTarget,
    Target, TargetAuth, TargetAuthError, TargetAuthInput, TargetInput, TrustedCa,
};
pub use target_check::{DynamicSecretCheck, MissingPermission, TargetCheck};
pub use token_variable::{
    TokenVariableName, VariableNameError, VariableOrigins, VariableOriginsError,
};
pub use ttl::{DurationError, MAX_TTL, MIN_LEASE_TTL, MIN_TOKEN_TTL, Ttl, TtlError};
pub use url::{ApiServerUrl, UrlError};
