//! Whom a token may be meant for.

use serde::{Deserialize, Serialize};

/// The most audiences by default, and the most that are allowed besides.
///
/// A token carries those it is given, and has to fit into a header together with the rest.
pub const MAX_AUDIENCES: usize = 16;

/// The longest audience: that of a host name, and room for the URLs that are in use.
pub const MAX_AUDIENCE_BYTES: usize = 253;

/// Whom a token is meant for, as `aud` names them: 1 to 253 bytes of visible ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Audience(String);

/// The audiences that leases get by default, and those they may ask for. Without any, a lease is
/// for the API server alone.
///
/// Written `{"default":["a"],"allowed":["b"]}`; what is given by default is allowed, too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawAudiences", into = "RawAudiences")]
pub struct Audiences {
    default: Vec<Audience>,
    allowed: Vec<Audience>,
}

/// Why audiences are not kept, or not granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AudienceError {
    /// A text that is no audience. It is not repeated: it may be a misplaced token.
    #[error("an audience is 1 to {MAX_AUDIENCE_BYTES} visible ASCII characters without a space")]
    Text,
    /// Too many.
    #[error("at most {MAX_AUDIENCES} audiences can be listed")]
    Count,
    /// An audience that is named twice.
    #[error("audience `{0}` is listed twice")]
    Twice(Audience),
    /// An audience that may not be asked for.
    #[error("audience `{0}` is not allowed; a lease may ask for an audience in `audiences`")]
    NotAllowed(Audience),
}

impl Audience {
    /// The audience as `aud` holds it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Audiences {
    /// Audiences by default, and those that are allowed besides.
    ///
    /// # Errors
    /// Refuses too many, and one twice in the same list.
    pub fn new(default: Vec<Audience>, allowed: Vec<Audience>) -> Result<Self, AudienceError> {
        check_audiences(&default)?;
        check_audiences(&allowed)?;
        Ok(Self { default, allowed })
    }

    /// The audiences of a lease: those asked for, if all are allowed; the default, if none are.
    ///
    /// An empty answer is a request for the API server's own audience.
    ///
    /// # Errors
    /// Names one that is not allowed, or is asked for twice.
    pub fn grant_audiences(
        &self,
        asked: Option<Vec<Audience>>,
    ) -> Result<Vec<Audience>, AudienceError> {
        let asked = asked.unwrap_or_default();
        if asked.is_empty() {
            return Ok(self.default.clone());
        }
        check_audiences(&asked)?;
        let allowed = |a: &Audience| self.default.contains(a) || self.allowed.contains(a);
        match asked.iter().find(|audience| !allowed(audience)) {
            Some(audience) => Err(AudienceError::NotAllowed(audience.clone())),
            None => Ok(asked),
        }
    }

    /// Returns the audiences of a lease that asks for none.
    #[must_use]
    pub fn default_audiences(&self) -> &[Audience] {
        &self.default
    }

    /// All that a lease may name, and those that it is given if it names none; one may be there twice.
    pub fn all_audiences(&self) -> impl Iterator<Item = &Audience> {
        self.default.iter().chain(&self.allowed)
    }

    /// Returns true if no audience is set: every lease is for the API server alone.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.default.is_empty() && self.allowed.is_empty()
    }
}

fn check_audiences(audiences: &[Audience]) -> Result<(), AudienceError> {
    if audiences.len() > MAX_AUDIENCES {
        return Err(AudienceError::Count);
    }
    let twice = |(i, audience)| audiences[..i].contains(audience);
    match audiences.iter().enumerate().position(twice) {
        Some(i) => Err(AudienceError::Twice(audiences[i].clone())),
        None => Ok(()),
    }
}

impl TryFrom<String> for Audience {
    type Error = AudienceError;

    fn try_from(text: String) -> Result<Self, AudienceError> {
        let sized = (1..=MAX_AUDIENCE_BYTES).contains(&text.len());
        if sized && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(AudienceError::Text)
        }
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> Self {
        audience.0
    }
}

impl std::fmt::Display for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// [`Audiences`] as they are written, before they are checked.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with `default` and `allowed`")]
struct RawAudiences {
    #[serde(default)]
    default: Vec<Audience>,
    #[serde(default)]
    allowed: Vec<Audience>,
}

impl TryFrom<RawAudiences> for Audiences {
    type Error = AudienceError;

    fn try_from(raw: RawAudiences) -> Result<Self, AudienceError> {
        Self::new(raw.default, raw.allowed)
    }
}

impl From<Audiences> for RawAudiences {
    fn from(audiences: Audiences) -> Self {
        let Audiences { default, allowed } = audiences;
        Self { default, allowed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn audiences(names: &[&str]) -> Vec<Audience> {
        names.iter().map(|n| Audience::try_from((*n).to_owned()).expect("an audience")).collect()
    }

    #[test]
    fn an_audience_is_visible_text() {
        for (text, good) in [
            ("vault", true),
            ("https://kubernetes.default.svc", true),
            ("spiffe://a/b?c=d#e", true),
            (&*"a".repeat(253), true),
            (&*"a".repeat(254), false),
            ("", false),
            (" ", false),
            ("a b", false),
            ("a\n", false),
            ("ä", false),
        ] {
            assert_eq!(Audience::try_from(text.to_owned()).is_ok(), good, "{text:?}");
        }
    }

    #[test]
    fn a_lease_asks_only_for_what_is_allowed() {
        let refused = |name: &str| Err(AudienceError::NotAllowed(audiences(&[name])[0].clone()));
        let none: &[&str] = &[];
        for (default, allowed, asked, granted) in [
            (none, none, None, Ok(none)),
            (none, none, Some(none), Ok(none)),
            (none, none, Some(&["a"][..]), refused("a")),
            (&["a"], &["b"], None, Ok(&["a"])),
            (&["a"], &["b"], Some(none), Ok(&["a"])),
            (&["a"], &["b"], Some(&["b"]), Ok(&["b"])),
            (&["a"], &["b"], Some(&["b", "a"]), Ok(&["b", "a"])),
            (&["a"], &["b"], Some(&["a", "c", "d"]), refused("c")),
            (&["a"], &["b"], Some(&["A"]), refused("A")),
            (none, &["b"], None, Ok(none)),
            (&["a"], &["a", "b"], Some(&["a"]), Ok(&["a"])),
            (
                &["a"],
                none,
                Some(&["a", "a"]),
                Err(AudienceError::Twice(audiences(&["a"])[0].clone())),
            ),
        ] {
            let terms = Audiences::new(audiences(default), audiences(allowed)).expect("good");
            let got = terms.grant_audiences(asked.map(audiences));
            assert_eq!(got, granted.map(audiences), "{default:?}, {allowed:?}, asked {asked:?}");
        }
    }

    #[test]
    fn audiences_are_bounded_and_named_once() {
        let names = |count: usize| (0..count).map(|i| format!("a{i}")).collect::<Vec<_>>();
        let json = |count| serde_json::to_string(&names(count)).expect("serialises");
        for (json, says) in [
            (format!(r#"{{"default":{},"allowed":{0}}}"#, json(MAX_AUDIENCES)), None),
            ("{}".to_owned(), None),
            (format!(r#"{{"default":{}}}"#, json(MAX_AUDIENCES + 1)), Some("at most 16")),
            (format!(r#"{{"allowed":{}}}"#, json(MAX_AUDIENCES + 1)), Some("at most 16")),
            (r#"{"allowed":["a","b","a"]}"#.to_owned(), Some("`a` is listed twice")),
            (r#"{"default":["a","a"]}"#.to_owned(), Some("`a` is listed twice")),
            (r#"{"default":["can ary"]}"#.to_owned(), Some("an audience is 1 to 253")),
            (r#"{"defaults":["a"]}"#.to_owned(), Some("unknown field `defaults`")),
            (r#""a""#.to_owned(), Some("expected an object with `default`")),
        ] {
            let error = serde_json::from_str::<Audiences>(&json).err().map(|e| e.to_string());
            match (error, says) {
                (None, None) => {}
                (Some(error), Some(says)) if error.contains(says) => {}
                (error, _) => panic!("{json}: {error:?}, expected {says:?}"),
            }
        }
    }

    #[test]
    fn what_was_read_is_written_the_same() {
        let json = r#"{"default":["a"],"allowed":["b","c"]}"#;
        let read: Audiences = serde_json::from_str(json).expect("good");
        assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
    }
}
