//! The environment of the process, and the directories that it names.

use std::collections::HashMap;
use std::env;
use std::path::PathBuf;

use crate::failure::Failure;

/// The variables of the environment. One that is empty or no text counts as not set.
#[derive(Debug, Default)]
pub struct Environment(HashMap<String, String>);

impl Environment {
    /// Reads the environment of this process.
    pub fn read_process_environment() -> Self {
        let texts = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(env::vars_os().filter_map(texts).collect())
    }

    /// Returns the value of a variable that is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns true if a variable is `true`, `1` or `yes`.
    pub fn is_flag_set(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| matches!(value, "true" | "1" | "yes"))
    }

    /// Returns true if `PATH` has a program of this name.
    pub fn has_program(&self, name: &str) -> bool {
        let directories = self.get("PATH").map(env::split_paths).into_iter().flatten();
        directories.into_iter().any(|directory| directory.join(name).is_file())
    }

    /// Returns where logins are kept: `$XDG_STATE_HOME/kubelease`.
    pub fn state_dir(&self) -> Result<PathBuf, Failure> {
        self.xdg_directory("XDG_STATE_HOME", ".local/state")
    }

    /// Returns where leases for kubectl are kept until they end: `$XDG_CACHE_HOME/kubelease`.
    pub fn cache_dir(&self) -> Result<PathBuf, Failure> {
        self.xdg_directory("XDG_CACHE_HOME", ".cache")
    }

    /// A relative path in these variables is invalid, and ignored (XDG Base Directory Specification).
    fn xdg_directory(&self, variable: &str, default: &str) -> Result<PathBuf, Failure> {
        let absolute = |name| self.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(default)));
        base.map(|base| base.join("kubelease")).ok_or_else(|| {
            Failure::local_error(format!(
                "the directory for files is unknown: set `HOME` or `{variable}`"
            ))
        })
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Environment {
    fn from(variables: [(&str, &str); N]) -> Self {
        Self(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_where_xdg_says() {
        for (variables, state) in [
            ([("HOME", "/h"), ("XDG_STATE_HOME", "")], Some("/h/.local/state/kubelease")),
            ([("HOME", "/h"), ("XDG_STATE_HOME", "/s")], Some("/s/kubelease")),
            ([("HOME", "/h"), ("XDG_STATE_HOME", "s")], Some("/h/.local/state/kubelease")),
            ([("HOME", ""), ("XDG_STATE_HOME", "")], None),
        ] {
            let found = Environment::from(variables).state_dir().ok();
            assert_eq!(found, state.map(PathBuf::from), "{variables:?}");
        }
    }
}
