//! The objects of a lease in a cluster: each is created, read and marked here, and its token is asked for.

pub(crate) mod announce;
pub(crate) mod api_action;
pub(crate) mod create;
pub(crate) mod kinds;
pub(crate) mod role;
pub(crate) mod token;
