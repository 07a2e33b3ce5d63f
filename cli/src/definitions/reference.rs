//! References to definitions, as a command line has them.

use std::fmt::Display;
use std::str::FromStr;

use kubelease_client::{DefinitionKind, Name};

use crate::failure::Failure;

/// Reads references in the two ways that kubectl knows: `target prod staging`, or `target/prod identity/ci`.
///
/// A kind alone comes without a name.
pub fn parse_references(words: &[String]) -> Result<Vec<(DefinitionKind, Option<Name>)>, Failure> {
    let Some((first, rest)) = words.split_first() else { return Ok(vec![]) };
    if first.contains('/') {
        return words.iter().map(|word| parse_slashed(word)).collect();
    }
    let kind = parse_word(first)?;
    if rest.is_empty() {
        return Ok(vec![(kind, None)]);
    }
    rest.iter().map(|name| Ok((kind, Some(parse_word(name)?)))).collect()
}

fn parse_slashed(word: &str) -> Result<(DefinitionKind, Option<Name>), Failure> {
    let usage = || Failure::usage_error(format!("`{word}` is not KIND/NAME like the first word"));
    let (kind, name) = word.split_once('/').ok_or_else(usage)?;
    Ok((parse_word(kind)?, Some(parse_word(name)?)))
}

fn parse_word<T: FromStr<Err: Display>>(word: &str) -> Result<T, Failure> {
    word.parse().map_err(|error| Failure::usage_error(format!("`{word}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Vec<String>, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let found = parse_references(&words).map_err(|failure| failure.to_string())?;
        let shown = |(kind, name): (DefinitionKind, Option<Name>)| {
            name.map_or(kind.to_string(), |name| format!("{kind}/{name}"))
        };
        Ok(found.into_iter().map(shown).collect())
    }

    #[test]
    fn references_are_written_in_the_two_ways_of_kubectl() {
        for (line, found) in [
            ("", &[][..]),
            ("targets", &["target"]),
            ("ds ci deploy", &["dynamic-secret/ci", "dynamic-secret/deploy"]),
            ("target/prod identities/ci", &["target/prod", "identity/ci"]),
        ] {
            assert_eq!(parse(line).unwrap(), found, "{line}");
        }
        for (line, says) in [
            ("pods x", "`pods`: "),
            ("target ../x", "`../x`: a name is 1 to 63"),
            ("target/prod staging", "`staging` is not KIND/NAME"),
            ("target/", "``: a name is"),
        ] {
            let failure = parse(line).unwrap_err();
            assert!(failure.contains(says), "{line}: {failure}");
        }
    }
}
