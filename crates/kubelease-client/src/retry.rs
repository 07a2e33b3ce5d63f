//! Which request is sent again, and when.

use std::time::Duration;

use crate::Problem;

/// The terms on which a request is sent twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RepeatPolicy {
    /// Twice is as good as once: it reads, ends something, or has an `Idempotency-Key`.
    Safe,
    /// A second one would be another request, so it is sent again only if the first has not left.
    IfUnsent,
}

/// Returns true if an error says that no byte of the request has reached the server.
pub(crate) fn is_request_surely_unsent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
        _ => false,
    }
}

/// Returns true if an error is that of a connection, and not one of ours or of time.
pub(crate) fn is_broken_connection(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(_) | ureq::Error::Protocol(_) | ureq::Error::ConnectionFailed)
}

/// Returns how long to wait before a request that was answered by this problem is sent again; `None` if it is not.
///
/// The server has tried a cluster again by itself, so that only its own 429 and 503, and 409 `request_in_progress`, say
/// when: each has a `Retry-After`.
pub(crate) fn retry_delay_for(problem: &Problem) -> Option<Duration> {
    let is_passing = matches!(problem.status, 429 | 503) || problem.code == "request_in_progress";
    let seconds = problem.retry_after.filter(|seconds| *seconds <= MAX_RETRY_AFTER_SECONDS)?;
    is_passing.then(|| Duration::from_secs(seconds.max(1)))
}

/// Returns how long to wait before attempt `attempt`, counted from 1.
pub(crate) fn backoff_before(attempt: u32) -> Duration {
    FIRST_BACKOFF * 2_u32.saturating_pow(attempt.saturating_sub(1))
}

/// With [`FIRST_BACKOFF`], a server that restarts within a second is not noticed, and one that is not there is told soon.
pub(crate) const MAX_SEND_ATTEMPTS: u32 = 4;

const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longer than this, a person would rather be told, and a job decide by itself.
const MAX_RETRY_AFTER_SECONDS: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(status: u16, code: &str, retry_after: Option<u64>) -> Problem {
        let (code, detail) = (code.to_owned(), String::new());
        Problem { status, code, detail, errors: vec![], retry_after }
    }

    #[test]
    fn a_problem_is_waited_out_only_if_it_passes_soon() {
        for (status, code, retry_after, seconds) in [
            (503, "lease_busy", Some(1), Some(1)),
            (503, "lease_busy", Some(0), Some(1)),
            (429, "too_many_issues", Some(5), Some(5)),
            (429, "too_many_issues", Some(6), None),
            (503, "not_configured", None, None),
            (409, "request_in_progress", Some(1), Some(1)),
            (409, "too_many_leases", Some(1), None),
            (502, "target_unreachable", Some(1), None),
            (401, "invalid_token", Some(1), None),
        ] {
            let pause = retry_delay_for(&problem(status, code, retry_after));
            assert_eq!(
                pause.map(|pause| pause.as_secs()),
                seconds,
                "{status} {code} {retry_after:?}"
            );
        }
    }

    #[test]
    fn pauses_double() {
        assert_eq!([1, 2, 3].map(|n| backoff_before(n).as_millis()), [100, 200, 400]);
    }
}
