//! The keys of the labels and annotations that kubelease puts on each object.

/// The label by which all that kubelease made is listed (Kubernetes' recommended labels).
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The value of the label that says who manages an object.
pub const MANAGER: &str = "kubelease";

/// The label that names the installation: see [`Keyring::installation_name`](crate::Keyring::installation_name).
pub const INSTALLATION: &str = "kubelease.dev/installation";

/// The label with the lease's id.
pub const LEASE: &str = "kubelease.dev/lease";

/// The annotation with the MAC.
pub const MAC: &str = "kubelease.dev/mac";

/// The prefix of all our own keys; an administrator's labels must not have it.
pub(crate) const PREFIX: &str = "kubelease.dev/";

pub(crate) const TARGET: &str = "kubelease.dev/target";
pub(crate) const DYNAMIC_SECRET: &str = "kubelease.dev/dynamic-secret";
pub(crate) const MODE: &str = "kubelease.dev/mode";
pub(crate) const REQUESTER: &str = "kubelease.dev/requester";
pub(crate) const ISSUED_AT: &str = "kubelease.dev/issued-at";
pub(crate) const DEADLINE: &str = "kubelease.dev/deadline";
pub(crate) const LATEST_END: &str = "kubelease.dev/latest-end";
pub(crate) const REQUEST: &str = "kubelease.dev/request";
pub(crate) const ACCOUNT: &str = "kubelease.dev/account";
pub(crate) const ACCOUNT_UID: &str = "kubelease.dev/account-uid";
pub(crate) const AUDIENCES: &str = "kubelease.dev/audiences";
pub(crate) const SECRET_UID: &str = "kubelease.dev/secret-uid";
