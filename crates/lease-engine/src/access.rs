//! The callers: their logins, their access tokens, and the authority of a request.

pub(crate) mod access_tokens;
pub(crate) mod login;
pub(crate) mod refusal;
pub(crate) mod requester;
