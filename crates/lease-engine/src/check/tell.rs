//! What is told of a check, and of what a server says in one.

use kube_rest::Error;

/// What an administrator is told of a failure: the whole chain, which holds no token and no body.
pub(super) fn told(error: &Error) -> String {
    match error {
        Error::Refused(status) if status.is_unauthorized() => {
            "the API server does not accept the target's credential".to_owned()
        }
        Error::Transport(cause) => cause.to_string(),
        Error::Unreadable(_) => "what answers at the url is not a Kubernetes API server".to_owned(),
        other => other.to_string(),
    }
}

/// What a server says of itself is kept, and shown in every list: not more than anyone means to say.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).collect()
}

/// The longest text of a server that is kept: a subdomain, and what Kubernetes puts before it.
pub(super) const MAX_CHARACTERS: usize = 320;
