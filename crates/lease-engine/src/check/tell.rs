//! What is told of a check, and of what a server says in one.

use kube_rest::Error;

/// What an administrator is told of a failure: the whole chain, which holds no token and no body.
pub(super) fn told(error: &Error) -> String {
    match error {
        error if error.is_not_kubernetes() => not_kubernetes(error),
        Error::Refused(status) if status.is_unauthorized() => {
            "the API server does not accept the target's credential".to_owned()
        }
        Error::Transport(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn not_kubernetes(error: &Error) -> String {
    let seen = match error.status() {
        Some(status) => format!("it redirects ({status})"),
        None => "it is a page or JSON of something else".to_owned(),
    };
    format!("what is at the url answers no Kubernetes API: {seen}, as where a proxy wants a login")
}

/// What a server says of itself is kept, and shown in every list: not more than anyone means to say.
pub(super) fn bounded(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).collect()
}

/// The longest text of a server that is kept: a subdomain, and what Kubernetes puts before it.
pub(super) const MAX_CHARACTERS: usize = 320;
