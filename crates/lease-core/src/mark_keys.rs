//! The keys of the labels and annotations that kubelease puts on each object.

/// The label by which all that kubelease made is listed (Kubernetes' recommended labels).
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// The value of the label that says who manages an object.
pub const MANAGED_BY_VALUE: &str = "kubelease";

/// The label that names the installation: see [`Keyring::installation_name`](crate::Keyring::installation_name).
pub const INSTALLATION_LABEL: &str = "kubelease.dev/installation";

/// The label with the lease's id.
pub const LEASE_LABEL: &str = "kubelease.dev/lease";

/// The annotation with the MAC.
pub const MAC_ANNOTATION: &str = "kubelease.dev/mac";

/// The prefix of all our own keys; an administrator's labels must not have it.
pub(crate) const OWN_KEY_PREFIX: &str = "kubelease.dev/";

pub(crate) const TARGET_LABEL: &str = "kubelease.dev/target";
pub(crate) const DYNAMIC_SECRET_LABEL: &str = "kubelease.dev/dynamic-secret";
pub(crate) const MODE_ANNOTATION: &str = "kubelease.dev/mode";
pub(crate) const REQUESTER_ANNOTATION: &str = "kubelease.dev/requester";
pub(crate) const ISSUED_AT_ANNOTATION: &str = "kubelease.dev/issued-at";
pub(crate) const DEADLINE_ANNOTATION: &str = "kubelease.dev/deadline";
pub(crate) const LATEST_END_ANNOTATION: &str = "kubelease.dev/latest-end";
pub(crate) const REQUEST_ANNOTATION: &str = "kubelease.dev/request";
pub(crate) const ACCOUNT_ANNOTATION: &str = "kubelease.dev/account";
pub(crate) const ACCOUNT_UID_ANNOTATION: &str = "kubelease.dev/account-uid";
pub(crate) const AUDIENCES_ANNOTATION: &str = "kubelease.dev/audiences";
pub(crate) const SECRET_UID_ANNOTATION: &str = "kubelease.dev/secret-uid";
