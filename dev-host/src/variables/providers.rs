//! Who provides values: flags, tables in the runtime configuration, the environment, a `.env` file.

use std::collections::HashMap;
use std::env::VarError;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, bail};

/// A source of values.
#[derive(Debug)]
pub enum Provider {
    /// Fixed at the start.
    Static(HashMap<String, String>),
    /// `<prefix>_<NAME>` in the environment, else in a file of such lines.
    Env {
        /// The prefix of the name.
        prefix: String,
        /// The file; read once, at its first use. One that is not there is empty.
        dotenv: Option<PathBuf>,
        /// The content of the file.
        lines: OnceLock<HashMap<String, String>>,
    },
}

impl Provider {
    /// A provider of environment variables.
    pub fn from_environment(prefix: Option<String>, dotenv: Option<PathBuf>) -> Self {
        let prefix = prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
        Self::Env { prefix, dotenv, lines: OnceLock::new() }
    }

    /// The provider that every application has: `SPIN_VARIABLE_*`, and `.env` in the current directory.
    pub fn default_env() -> Self {
        Self::from_environment(None, Some(PathBuf::from(".env")))
    }

    /// The value, if this source has one.
    pub fn get(&self, name: &str) -> anyhow::Result<Option<String>> {
        match self {
            Self::Static(values) => Ok(values.get(name).cloned()),
            Self::Env { prefix, dotenv, lines } => {
                let key = format!("{prefix}_{}", name.to_ascii_uppercase());
                match std::env::var(&key) {
                    Ok(value) => return Ok(Some(value)),
                    Err(VarError::NotPresent) => {}
                    Err(error) => {
                        return Err(error).with_context(|| format!("could not read `{key}`"));
                    }
                }
                let Some(path) = dotenv else { return Ok(None) };
                if let Some(lines) = lines.get() {
                    return Ok(lines.get(&key).cloned());
                }
                let read = read_dotenv(path)?;
                Ok(lines.get_or_init(|| read).get(&key).cloned())
            }
        }
    }
}

fn read_dotenv(path: &Path) -> anyhow::Result<HashMap<String, String>> {
    let Ok(lines) = dotenvy::from_path_iter(path) else { return Ok(HashMap::new()) };
    lines.collect::<Result<_, _>>().with_context(|| format!("could not read `{}`", path.display()))
}

/// Reads the `--variable` flags once: `k=v`, `k=@file`, `@file.json`, `@file.toml`.
pub fn provider_from_flags(flags: &[String]) -> anyhow::Result<Provider> {
    let mut values = HashMap::new();
    for flag in flags {
        if let Some(path) = flag.strip_prefix('@') {
            values.extend(read_table(Path::new(path))?);
        } else {
            // The flag is not repeated in the error: it may hold a secret.
            let (name, value) =
                flag.split_once('=').context("--variable takes `name=value` or `@file`")?;
            let value = match value.strip_prefix('@') {
                Some(path) => read_text(Path::new(path))?,
                None => value.to_owned(),
            };
            values.insert(name.to_owned(), value);
        }
    }
    Ok(Provider::Static(values))
}

fn read_table(path: &Path) -> anyhow::Result<HashMap<String, String>> {
    let parsed = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::from_str(&read_text(path)?).map_err(anyhow::Error::from),
        Some("toml") => toml::from_str(&read_text(path)?).map_err(anyhow::Error::from),
        _ => bail!("`{}`: a file of variables ends in .json or .toml", path.display()),
    };
    parsed.with_context(|| format!("`{}` is no table of strings", path.display()))
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("could not read `{}`", path.display()))
}

const DEFAULT_PREFIX: &str = "SPIN_VARIABLE";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_come_in_four_forms() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            format!("@{}", dir.path().join(name).display())
        };
        let flags = [
            "plain=a=b".to_owned(),
            format!("file={}", file("secret", "whole file\n")),
            file("v.json", r#"{"json": "1"}"#),
            file("v.toml", "toml = '2'\nplain = 'later wins'"),
        ];
        let provider = provider_from_flags(&flags).unwrap();
        for (name, value) in
            [("plain", "later wins"), ("file", "whole file\n"), ("json", "1"), ("toml", "2")]
        {
            assert_eq!(provider.get(name).unwrap().as_deref(), Some(value), "{name}");
        }
        assert_eq!(provider.get("absent").unwrap(), None);
        for wrong in ["bare", "@vars.yaml", "@missing.json", "k=@missing"] {
            assert!(provider_from_flags(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_dotenv_file_is_read_and_a_missing_one_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        let provider = |path: &Path| {
            Provider::from_environment(Some("DEV_HOST_TEST".into()), Some(path.into()))
        };
        assert_eq!(provider(&path).get("name").unwrap(), None);
        std::fs::write(&path, "DEV_HOST_TEST_NAME='a value'\n").unwrap();
        assert_eq!(provider(&path).get("name").unwrap().as_deref(), Some("a value"));
    }
}
