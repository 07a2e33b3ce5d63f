//! What the objects of a lease are called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::DynamicSecretName;
use crate::label::redact_excerpt;

/// The longest template: several times the longest name that can come of it.
pub const MAX_TEMPLATE_BYTES: usize = 253;

/// A template for the names of a lease's objects: text with placeholders, followed by the lease's
/// own random part.
///
/// The placeholders are `{{dynamic_secret}}`, `{{identity}}`, `{{claim.NAME}}` and `{{time}}`
/// (seconds since 1970). Their values may be anything that a stranger says:
/// [`NameTemplate::render_name`] turns the text into a valid name.
///
/// The placeholders are `{{dynamic_secret}}`, `{{identity}}`, `{{claim.NAME}}` and `{{time}}` (seconds
/// since 1970). What they stand for may be anything a stranger says: [`NameTemplate::render_name`] makes it a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NameTemplate {
    text: String,
    pieces: Vec<TemplatePiece>,
}

/// The values of a template's placeholders for one lease.
#[derive(Debug, Clone, Copy)]
pub struct PlaceholderValues<'a> {
    /// The dynamic secret that is leased.
    pub dynamic_secret: &'a DynamicSecretName,
    /// The name of the caller's identity.
    pub identity: &'a str,
    /// The caller's claims. A claim that is not there is replaced by nothing.
    pub claims: &'a BTreeMap<String, String>,
    /// When, in seconds since 1970.
    pub now_unix: i64,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing, or too much.
    #[error("`name_template` has 1 to {MAX_TEMPLATE_BYTES} bytes")]
    Length,
    /// A `{{` without its `}}`, or the other way round.
    #[error("`name_template` has a `{{{{` without `}}}}`, or a `}}}}` without `{{{{`")]
    Unclosed,
    /// A placeholder that we do not know.
    #[error(
        "`name_template` has an unknown placeholder `{0}`; the placeholders are `dynamic_secret`, \
         `identity`, `claim.NAME` and `time`"
    )]
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TemplatePiece {
    Text(String),
    DynamicSecret,
    Identity,
    Claim(String),
    Time,
}

impl NameTemplate {
    /// The template as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A name for the objects of a lease: an RFC 1123 label that ends with `-` and all of `random`.
    ///
    /// Lower-case ASCII letters and digits stay, upper-case becomes lower, a run of anything else becomes
    /// one `-`. What is too long is cut before the random part, which alone keeps two leases apart.
    /// `random` is lower-case letters and digits, at most [`MAX_RANDOM_BYTES`].
    #[must_use]
    pub fn render_name(&self, parts: &PlaceholderValues<'_>, random: &str) -> String {
        let mut name = LabelWriter { text: String::new(), room: template_room(random) };
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Text(text) => name.push_sanitized(text),
                TemplatePiece::DynamicSecret => name.push_sanitized(parts.dynamic_secret.as_str()),
                TemplatePiece::Identity => name.push_sanitized(parts.identity),
                TemplatePiece::Claim(claim) => {
                    name.push_sanitized(parts.claims.get(claim).map_or("", |c| c));
                }
                TemplatePiece::Time => name.push_sanitized(&parts.now_unix.to_string()),
            }
        }
        if name.text.trim_end_matches('-').is_empty() {
            name.push_sanitized(FALLBACK_PREFIX);
        }
        format!("{}-{random}", name.text.trim_end_matches('-'))
    }
}

impl Default for NameTemplate {
    /// `kubelease-{{dynamic_secret}}`, by which an operator sees whose they are.
    fn default() -> Self {
        let pieces =
            vec![TemplatePiece::Text("kubelease-".to_owned()), TemplatePiece::DynamicSecret];
        Self { text: "kubelease-{{dynamic_secret}}".to_owned(), pieces }
    }
}

impl TryFrom<String> for NameTemplate {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, TemplateError> {
        if !(1..=MAX_TEMPLATE_BYTES).contains(&text.len()) {
            return Err(TemplateError::Length);
        }
        let mut pieces = vec![];
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, after) = after.split_once("}}").ok_or(TemplateError::Unclosed)?;
            pieces.push(parse_literal(before)?);
            pieces.push(parse_placeholder(inside.trim())?);
            rest = after;
        }
        pieces.push(parse_literal(rest)?);
        Ok(Self { text, pieces })
    }
}

impl From<NameTemplate> for String {
    fn from(template: NameTemplate) -> Self {
        template.text
    }
}

fn parse_literal(text: &str) -> Result<TemplatePiece, TemplateError> {
    if text.contains("}}") {
        Err(TemplateError::Unclosed)
    } else {
        Ok(TemplatePiece::Text(text.to_owned()))
    }
}

fn parse_placeholder(name: &str) -> Result<TemplatePiece, TemplateError> {
    match (name, name.strip_prefix("claim.")) {
        ("dynamic_secret", _) => Ok(TemplatePiece::DynamicSecret),
        ("identity", _) => Ok(TemplatePiece::Identity),
        ("time", _) => Ok(TemplatePiece::Time),
        // Claims are named as others please: `oidc.circleci.com/project-id`.
        (_, Some(claim))
            if !claim.is_empty()
                && claim.bytes().all(|b| b.is_ascii_graphic() && !b"{}`".contains(&b)) =>
        {
            Ok(TemplatePiece::Claim(claim.to_owned()))
        }
        _ => Err(TemplateError::Unknown(redact_excerpt(name))),
    }
}

/// The beginning of an RFC 1123 label that is being written, at most `room` bytes.
struct LabelWriter {
    text: String,
    room: usize,
}

impl LabelWriter {
    /// Appends what of the text can stand in a label. It stops reading once there is no room.
    fn push_sanitized(&mut self, text: &str) {
        for c in text.chars() {
            if self.text.len() >= self.room {
                return;
            }
            if c.is_ascii_alphanumeric() {
                self.text.push(c.to_ascii_lowercase());
            } else if !self.text.is_empty() && !self.text.ends_with('-') {
                self.text.push('-');
            }
        }
    }
}

/// Returns the length that is left for the template.
fn template_room(random: &str) -> usize {
    MAX_LABEL_BYTES.saturating_sub(random.len() + 1)
}

/// The longest random part: what is left of 63 bytes holds the fallback and a `-`.
pub const MAX_RANDOM_BYTES: usize = MAX_LABEL_BYTES - FALLBACK_PREFIX.len() - 1;

/// The start of a name if the template comes to nothing.
const FALLBACK_PREFIX: &str = "kubelease";

/// The longest RFC 1123 label (RFC 1035 §2.3.4). Accounts may be longer; a label's value may not.
const MAX_LABEL_BYTES: usize = 63;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Namespace;

    const RANDOM: &str = "0123456789abcdef0123456789abcdef";

    fn template(text: &str) -> NameTemplate {
        NameTemplate::try_from(text.to_owned()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn rendered(text: &str, identity: &str, claim: Option<&str>, random: &str) -> String {
        let claims = claim.map(|c| ("ref".to_owned(), c.to_owned())).into_iter().collect();
        let dynamic_secret = &"ci-deploy".parse().expect("a good name");
        let parts = PlaceholderValues {
            dynamic_secret,
            identity,
            claims: &claims,
            now_unix: 1_700_000_000,
        };
        template(text).render_name(&parts, random)
    }

    #[test]
    fn placeholders_stand_for_what_is_known() {
        for (text, identity, claim, name) in [
            ("kubelease-{{dynamic_secret}}", "", None, "kubelease-ci-deploy-r1"),
            ("{{ dynamic_secret }}", "", None, "ci-deploy-r1"),
            ("{{identity}}", "repo:Acme/App@main", None, "repo-acme-app-main-r1"),
            ("{{claim.ref}}", "", Some("refs/heads/Ünï"), "refs-heads-n-r1"),
            ("x{{claim.other}}y", "", Some("z"), "xy-r1"),
            ("t{{time}}", "", None, "t1700000000-r1"),
            ("{{dynamic_secret}}.{{identity}}.{{claim.ref}}", "a", Some("b"), "ci-deploy-a-b-r1"),
            ("plain", "", None, "plain-r1"),
            ("a__--..b", "", None, "a-b-r1"),
            ("--a--", "", None, "a-r1"),
            ("{x}", "", None, "x-r1"),
            ("---", "", None, "kubelease-r1"),
            ("ü", "", None, "kubelease-r1"),
            ("{{identity}}", "", None, "kubelease-r1"),
            ("{{claim.ref}}", "", None, "kubelease-r1"),
            // Lower-casing beyond ASCII would make a `k` of the Kelvin sign, and two names one.
            ("\u{212a}8s", "", None, "8s-r1"),
        ] {
            assert_eq!(
                rendered(text, identity, claim, "r1"),
                name,
                "{text}, {identity}, {claim:?}"
            );
        }
    }

    #[test]
    fn a_name_is_always_a_label_that_ends_with_the_random_part() {
        let texts =
            ["{{identity}}", "{{claim.ref}}-{{identity}}", "-{{identity}}-", "é{{identity}}"];
        let long = "x".repeat(100_000);
        let identities = [
            "",
            "-",
            "a",
            "..",
            "system:serviceaccount:kube-system:default",
            "a/../../b",
            "日本語",
            "🦀🦀🦀a🦀",
            "a\0b\nc",
            "ſtrasse İ",
            "%2e%2e",
            long.as_str(),
            &"-".repeat(1000),
            &"ab-".repeat(100),
            &format!("{}-b", "a".repeat(28)),
            &format!("{}-b", "a".repeat(29)),
            &format!("{}-b", "a".repeat(30)),
            &"é".repeat(1000),
        ];
        let randoms = [RANDOM, "a", &"r".repeat(MAX_RANDOM_BYTES)];
        for text in texts {
            for identity in identities {
                for random in randoms {
                    let shown: String = identity.chars().take(40).collect();
                    let name = rendered(text, identity, Some(identity), random);
                    let row = format!("{text} of {shown:?}, random {random}: {name}");
                    assert!(name.parse::<Namespace>().is_ok(), "{row}");
                    let before = name.strip_suffix(random).and_then(|n| n.strip_suffix('-'));
                    assert!(before.is_some_and(|b| !b.is_empty() && !b.ends_with('-')), "{row}");
                    assert!(!before.is_some_and(|b| b.contains("--")), "{row}");
                }
            }
        }
        let cut = rendered("{{identity}}", &long, None, RANDOM);
        assert_eq!(cut, format!("{}-{RANDOM}", "x".repeat(30)), "all room is used");
    }

    #[test]
    fn a_template_that_cannot_be_meant_is_refused() {
        let unknown = |name: &str| Some(TemplateError::Unknown(name.to_owned()));
        for (text, error) in [
            ("{{claim.oidc.circleci.com/project-id}}", None),
            (&*"a".repeat(MAX_TEMPLATE_BYTES), None),
            (&*"a".repeat(MAX_TEMPLATE_BYTES + 1), Some(TemplateError::Length)),
            ("", Some(TemplateError::Length)),
            ("{{random}}", unknown("random")),
            ("{{ .DisplayName }}", unknown(".DisplayName")),
            ("a-{{Identity}}", unknown("Identity")),
            ("{{}}", unknown("")),
            ("{{claim}}", unknown("claim")),
            ("{{claim.}}", unknown("claim.")),
            ("{{claim.a b}}", unknown("claim.a?b")),
            ("{{identity", Some(TemplateError::Unclosed)),
            ("a}}", Some(TemplateError::Unclosed)),
            ("{{identity}}}}", Some(TemplateError::Unclosed)),
            ("{{identity}}{{", Some(TemplateError::Unclosed)),
            ("{{{{identity}}}}", unknown("{{identity")),
        ] {
            assert_eq!(NameTemplate::try_from(text.to_owned()).err(), error, "{text}");
        }
        let said = TemplateError::Unclosed.to_string();
        assert!(said.contains("`{{` without `}}`"), "{said}");
    }

    #[test]
    fn the_default_is_what_its_text_says() {
        let read = template(NameTemplate::default().as_str());
        let dynamic_secret = &"ci".parse().expect("a good name");
        let parts = PlaceholderValues {
            dynamic_secret,
            identity: "",
            claims: &BTreeMap::new(),
            now_unix: 0,
        };
        assert_eq!(NameTemplate::default().render_name(&parts, "r1"), "kubelease-ci-r1");
        assert_eq!(read.render_name(&parts, "r1"), "kubelease-ci-r1");
        let json = serde_json::to_string(&read).expect("serialises");
        assert_eq!(json, r#""kubelease-{{dynamic_secret}}""#);
        assert_eq!(serde_json::from_str::<NameTemplate>(&json).expect("reads"), read);
    }
}
