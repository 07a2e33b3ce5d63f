//! The end of a lease: it is revoked, moved by a renewal, and its objects are deleted.

pub(crate) mod renew;
pub(crate) mod revoke;
pub(crate) mod teardown;
