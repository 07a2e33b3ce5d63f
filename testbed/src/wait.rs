//! Waiting for a condition that can say what is still missing.

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};

/// Why an attempt did not succeed: with [`not_yet`] it is tried again, any other error is final.
#[derive(Debug)]
pub enum AttemptError {
    /// Another attempt may succeed.
    NotYet(Error),
    /// No attempt will.
    Never(Error),
}

impl<E: Into<Error>> From<E> for AttemptError {
    fn from(error: E) -> Self {
        Self::Never(error.into())
    }
}

/// Says what is still missing.
pub fn not_yet(missing: impl Display) -> AttemptError {
    AttemptError::NotYet(anyhow!("{missing}"))
}

/// Tries until `attempt` succeeds, fails for good, or `within` has passed.
pub fn wait_until<T>(
    what: &str,
    within: Duration,
    mut attempt: impl FnMut() -> Result<T, AttemptError>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    loop {
        match attempt() {
            Ok(value) => return Ok(value),
            Err(AttemptError::Never(error)) => return Err(error.context(format!("{what} failed"))),
            Err(AttemptError::NotYet(missing)) if Instant::now() >= deadline => {
                return Err(missing.context(format!("{what} took more than {within:?}")));
            }
            Err(AttemptError::NotYet(_)) => std::thread::sleep(ATTEMPT_PAUSE),
        }
    }
}

/// Short beside anything waited for, long beside an attempt.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn a_condition_met_late_is_met() {
        let mut attempts = 0;
        let met = wait_until("the third attempt", Duration::from_secs(10), || {
            attempts += 1;
            if attempts < 3 { Err(not_yet(attempts)) } else { Ok(attempts) }
        });
        assert_eq!(met.unwrap(), 3);
    }

    #[test]
    fn a_condition_never_met_says_what_is_missing() {
        let error =
            wait_until("rain", Duration::from_millis(50), || -> Result<(), AttemptError> {
                Err(not_yet("no cloud to be seen"))
            });
        let error = format!("{:#}", error.unwrap_err());
        assert_eq!(error, "rain took more than 50ms: no cloud to be seen");
    }

    #[test]
    fn a_hopeless_condition_is_not_waited_for() {
        let mut attempts = 0;
        let error = wait_until("rain", Duration::from_secs(10), || -> Result<(), AttemptError> {
            attempts += 1;
            (|| bail!("this is the moon"))()?;
            Ok(())
        });
        assert_eq!(format!("{:#}", error.unwrap_err()), "rain failed: this is the moon");
        assert_eq!(attempts, 1);
    }
}
