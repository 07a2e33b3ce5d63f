//! ID tokens of GitHub Actions, which a job asks for itself.

use std::time::Duration;

use serde::Deserialize;

use crate::client::Call;
use crate::{Client, ClientOptions, Error, InvalidServerUrl, ServerUrl, Token};

impl Client {
    /// Asks GitHub Actions for an ID token for `audience`; url and token are those in the environment of the job.
    ///
    /// # Errors
    /// Fails if the URL is none to send a token to, or if no ID token is answered there.
    pub fn fetch_github_id_token(
        request_url: &str,
        request_token: Token,
        audience: &str,
    ) -> Result<Token, FetchIdTokenError> {
        #[derive(Deserialize)]
        struct Answer {
            value: Token,
        }
        let host = request_url.find("://").map_or(0, |scheme| scheme + 3);
        let path = request_url[host..].find('/').map_or(request_url.len(), |path| host + path);
        let (server, path) = request_url.split_at(path);
        let server = ServerUrl::parse(server, false)?;
        let options = ClientOptions { server, ca_file: None, timeout: TIMEOUT };
        let separator = if path.contains('?') { '&' } else { '?' };
        let call = Call::get(format!("{path}{separator}audience={}", percent_encode(audience)));
        let answer = Self::new(options)?.with_token(request_token).send_with_retries(&call)?;
        Ok(answer.parse_json::<Answer>()?.value)
    }
}

/// An ID token that GitHub did not give.
#[derive(Debug, thiserror::Error)]
pub enum FetchIdTokenError {
    /// The URL in the environment is none.
    #[error("`ACTIONS_ID_TOKEN_REQUEST_URL` is not a URL that a token may be sent to")]
    Url(#[from] InvalidServerUrl),
    /// GitHub does not answer with one.
    #[error("GitHub Actions gave no ID token")]
    Request(#[from] Error),
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
fn percent_encode(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
    escaped
}

fn hex_digit(half: u8) -> char {
    char::from_digit(half.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

const TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audience_stays_one_parameter() {
        assert_eq!(percent_encode("kubelease"), "kubelease");
        assert_eq!(
            percent_encode("https://a.b/c?d&e=f é"),
            "https%3A%2F%2Fa.b%2Fc%3Fd%26e%3Df%20%C3%A9"
        );
    }
}
