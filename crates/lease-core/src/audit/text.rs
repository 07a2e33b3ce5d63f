//! Texts of audit events: bounded, one line, and never a token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A text in an audit event, such as a reason or the id of a request: one line of at most
/// [`MAX_AUDIT_TEXT_BYTES`], without what looks like a token.
///
/// Any text can be made into one, since an event has to be written whatever its texts are. A longer text is cut, and ends
/// with `…`; a control character becomes a space.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct AuditText(String);

/// The claims that decided a login, with their values: at most 16, each name and value a short [`AuditText`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct AuditClaims(BTreeMap<String, String>);

impl AuditText {
    /// The text, as far as an event keeps it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(clean_and_truncate(text, MAX_AUDIT_TEXT_BYTES))
    }

    /// The text as it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AuditClaims {
    /// The claims, as far as an event keeps them: those that come first by name.
    #[must_use]
    pub fn new(claims: &BTreeMap<String, String>) -> Self {
        let bounded = |text: &String| clean_and_truncate(text, MAX_CLAIM_BYTES);
        let claims = claims.iter().take(MAX_CLAIMS);
        Self(claims.map(|(name, value)| (bounded(name), bounded(value))).collect())
    }

    /// Each claim, by name.
    #[must_use]
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for AuditText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<AuditText> for String {
    fn from(text: AuditText) -> Self {
        text.0
    }
}

impl From<BTreeMap<String, String>> for AuditClaims {
    fn from(claims: BTreeMap<String, String>) -> Self {
        Self::new(&claims)
    }
}

impl From<AuditClaims> for BTreeMap<String, String> {
    fn from(claims: AuditClaims) -> Self {
        claims.0
    }
}

/// Returns a line of at most `max` bytes, without what looks like a token.
fn clean_and_truncate(text: &str, max: usize) -> String {
    // What is cut away need not be looked through: a request may bring much of it.
    let beginning = take_prefix(text, max.saturating_mul(2));
    let line: String = beginning.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = redact_tokens(&line);
    if line.len() <= max && beginning.len() == text.len() {
        return line;
    }
    let mut line = take_prefix(&line, max - ELLIPSIS.len_utf8()).to_owned();
    line.push(ELLIPSIS);
    line
}

/// The beginning of a text, of at most `max` bytes.
fn take_prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The text with each JSON Web Token in it replaced, and whatever may be the beginning of one.
///
/// Events are made of names and ids. This is for what a client may put into the id of its request by mistake.
fn redact_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.=+/".contains(c);
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let word = &rest[start..];
        let end = word.find(|c| !is_part(c)).unwrap_or(word.len());
        cleaned.push_str(&rest[..start]);
        // `eyJ` is `{"` in base64: how the header of every such token begins.
        let is_token = end >= MIN_TOKEN_BYTES && word[..end].contains("eyJ");
        cleaned.push_str(if is_token { REDACTED } else { &word[..end] });
        rest = &word[end..];
    }
    cleaned.push_str(rest);
    cleaned
}

/// The most bytes of a text: what an administrator may say of a write-off fits.
pub const MAX_AUDIT_TEXT_BYTES: usize = 1024;

/// The most claims of a login that are kept: more than presets bind.
const MAX_CLAIMS: usize = 16;

/// The most bytes of the name, and of the value, of a claim.
const MAX_CLAIM_BYTES: usize = 256;

/// The shortest run of letters that is taken for a token if it begins like one: no header is shorter.
const MIN_TOKEN_BYTES: usize = 20;

/// The replacement of a token.
const REDACTED: &str = "[redacted]";

/// The replacement of the rest of a text that was cut.
const ELLIPSIS: char = '…';

#[cfg(test)]
mod tests {
    use super::*;

    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

    #[test]
    fn a_text_is_one_bounded_line() {
        for (text, kept) in [
            ("", String::new()),
            ("why not", "why not".to_owned()),
            ("a\nb\u{1b}[31m", "a b [31m".to_owned()),
            (&"x".repeat(1024), "x".repeat(1024)),
            (&"x".repeat(1025), format!("{}…", "x".repeat(1021))),
            (&"ä".repeat(100_000), format!("{}…", "ä".repeat(510))),
        ] {
            let kept_text = AuditText::new(text);
            assert_eq!(kept_text.as_str(), kept);
            assert!(kept_text.as_str().len() <= MAX_AUDIT_TEXT_BYTES);
            // What was written is read as it was, so that it has the same MAC.
            assert_eq!(AuditText::from(kept.clone()).as_str(), kept);
        }
    }

    #[test]
    fn a_token_is_left_out_wherever_it_stands() {
        let long = format!("{}{JWT}", "x".repeat(1000));
        for text in [
            JWT,
            &format!("Bearer {JWT}"),
            &format!("\"{JWT}\","),
            &format!("id={JWT}"),
            &JWT[..30],
            &long,
        ] {
            let kept = AuditText::new(text);
            assert!(!kept.as_str().contains("eyJ"), "{kept:?}");
        }
        assert_eq!(AuditText::new(&format!("Bearer {JWT} x")).as_str(), "Bearer [redacted] x");
        assert_eq!(AuditText::new("heyJude/main").as_str(), "heyJude/main");
        let claims = BTreeMap::from([("sub".to_owned(), JWT.to_owned())]);
        assert_eq!(AuditClaims::new(&claims).as_map()["sub"], "[redacted]");
    }

    #[test]
    fn claims_are_few_and_short() {
        let claims = (0..100).map(|n| (format!("{n:03}{}", "n".repeat(999)), "v".repeat(999)));
        let claims = AuditClaims::new(&claims.collect());
        assert_eq!(claims.as_map().len(), 16);
        assert!(claims.as_map().iter().all(|(n, v)| n.len() <= 256 && v.len() <= 256));
        assert!(claims.as_map().keys().next().is_some_and(|name| name.starts_with("000n")));
    }
}
