//! What a lease may do in a cluster: RBAC rules, roles and manifests, and which of them are dangerous.

mod node;
mod yaml;
