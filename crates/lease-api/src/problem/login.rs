//! Logins that give no access token.

use http::header::{HeaderValue, WWW_AUTHENTICATE};
use lease_engine::LoginError;

use super::{Code, Problem, RETRY_SOON_SECONDS};

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match error {
            // One answer for every reason: which it was would help whoever is guessing.
            LoginError::Refused(_) => {
                let detail = "the login is refused; the operator of kubelease finds the reason in its audit \
                     log";
                Self::new(Code::LoginRefused, detail).with_header(
                    WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Bearer realm="kubelease""#),
                )
            }
            LoginError::Ambiguous => {
                let detail = "the token could log in as several identities; name one in `identity`";
                Self::new(Code::LoginAmbiguous, detail)
            }
            LoginError::TooManyFailures { retry_after } => {
                let detail = "too many logins from this address have failed in this minute";
                Self::new(Code::TooManyFailedLogins, detail).with_retry_after(retry_after)
            }
            LoginError::Review { .. } | LoginError::IssuerKeys { .. } | LoginError::Crowded => {
                let detail = "the token cannot be verified now; try again";
                Self::new(Code::LoginUnavailable, detail)
                    .with_retry_after(RETRY_SOON_SECONDS)
                    .with_cause(error)
            }
            LoginError::Store(error) => error.into(),
        }
    }
}
