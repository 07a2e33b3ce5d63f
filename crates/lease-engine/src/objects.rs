//! The objects of a lease in a cluster: each is created, read and marked here, and its token is asked for.

pub(crate) mod api_action;
pub(crate) mod create;
pub(crate) mod expiry_mark;
pub(crate) mod object_builder;
pub(crate) mod role_review;
pub(crate) mod token;
