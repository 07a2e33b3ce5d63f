//! Tokens: a type that cannot be printed.

use std::fmt;

use serde::Deserialize;
use zeroize::Zeroizing;

/// A bearer token or JWT. It is never printed, and is overwritten when it is dropped.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Token(Zeroizing<String>);

/// Text that cannot be a token. The text itself is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is 1 to {MAX_BYTES} visible ASCII characters without spaces")]
pub struct InvalidToken;

impl Token {
    /// Reads a token; white space around it, such as the line end of a file, is not part of it.
    ///
    /// # Errors
    /// Refuses text that could not stand in a header.
    pub fn new(text: &str) -> Result<Self, InvalidToken> {
        let token = text.trim();
        let is_visible = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.is_empty() || token.len() > MAX_BYTES || !is_visible {
            return Err(InvalidToken);
        }
        Ok(Self(Zeroizing::new(token.to_owned())))
    }

    /// Returns the token itself, for the one place that it is meant for.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Token {
    type Error = InvalidToken;

    fn try_from(text: String) -> Result<Self, InvalidToken> {
        Self::new(&Zeroizing::new(text))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

/// As much as one header may hold with most servers; a real token has about one KiB.
const MAX_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_stand_in_a_header_is_a_token() {
        for (text, token) in [
            ("eyJ.a-b_c", Some("eyJ.a-b_c")),
            ("eyJ.a\n", Some("eyJ.a")),
            ("  eyJ.a\r\n", Some("eyJ.a")),
            ("", None),
            ("\n", None),
            ("a b", None),
            ("a\nb", None),
            ("a\u{1b}[2Jb", None),
            ("a\0b", None),
            ("é", None),
        ] {
            let read = Token::new(text);
            assert_eq!(read.as_ref().ok().map(Token::expose_secret), token, "{text:?}");
        }
        assert!(Token::new(&"a".repeat(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn neither_a_token_nor_its_refusal_prints_it() {
        assert_eq!(format!("{:?}", Token::new("sesame").unwrap()), "Token(redacted)");
        let refused = serde_json::from_str::<Token>("\"open sesame\"").unwrap_err().to_string();
        assert!(!refused.contains("sesame"), "{refused}");
    }
}
