//! Names in a manifest, as strict as Spin is with them.

use std::fmt;

use serde::Deserialize;

/// Words joined by hyphens: a component's id.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct ComponentId(String);

/// Lower-case words joined by underscores: a variable's name.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(try_from = "String")]
pub struct VariableName(String);

/// Words joined by hyphens or by underscores: a store's label.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct StoreLabel(String);

impl ComponentId {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl StoreLabel {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ComponentId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_words(&text, '-')?;
        Ok(Self(text))
    }
}

impl TryFrom<String> for VariableName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_words(&text, '_')?;
        if text.contains(|c: char| c.is_ascii_uppercase()) {
            return Err(format!("`{text}` must be lower case"));
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for StoreLabel {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        check_words(&text, '-').or_else(|_| check_words(&text, '_'))?;
        Ok(Self(text))
    }
}

/// Checks that `text` is words of one case, each with a letter first.
fn check_words(text: &str, separator: char) -> Result<(), String> {
    for word in text.split(separator) {
        let starts = word.starts_with(|c: char| c.is_ascii_alphabetic());
        let one_case = |upper: bool| {
            word.chars().all(|c| {
                c.is_ascii_digit() || (c.is_ascii_alphabetic() && c.is_ascii_uppercase() == upper)
            })
        };
        if !(starts && (one_case(false) || one_case(true))) {
            return Err(format!(
                "`{text}` must be words separated by `{separator}`, each of one case and with a letter first"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_that_start_with_a_letter() {
        for (text, kebab, snake, label) in [
            ("a", true, true, true),
            ("lease-api", true, false, true),
            ("lease_api", false, true, true),
            ("lease-api_2", false, false, false),
            ("API-v2", true, false, true),
            ("Api", false, false, false),
            ("ttl_2", false, false, false),
            ("v2", true, true, true),
            ("a--b", false, false, false),
            ("-a", false, false, false),
            ("", false, false, false),
            ("ä", false, false, false),
        ] {
            let text = text.to_owned();
            assert_eq!(ComponentId::try_from(text.clone()).is_ok(), kebab, "{text}");
            assert_eq!(VariableName::try_from(text.clone()).is_ok(), snake, "{text}");
            assert_eq!(StoreLabel::try_from(text.clone()).is_ok(), label, "{text}");
        }
    }
}
