//! Lists, page by page.

use std::str::FromStr;

use lease_core::NameError;
use lease_engine::DefinitionPage;
use serde::Serialize;

use crate::problem::{Code, Problem};

/// The part of a list that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PageWindow {
    pub(crate) from: u64,
    pub(crate) limit: usize,
}

/// A part of a list. `next_cursor` is absent at the end.
#[derive(Serialize)]
pub(crate) struct ListJson<T> {
    pub(crate) items: Vec<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

impl PageWindow {
    /// Reads `limit` and `cursor`.
    ///
    /// # Errors
    /// Says what the query takes.
    pub(crate) fn from_query(query: &QueryParameters<'_>) -> Result<Self, Problem> {
        let from = query.parse_number_in_range("cursor", 1..=u64::MAX)?.unwrap_or(1);
        Ok(Self { from, limit: Self::read_limit(query)? })
    }

    /// Reads `limit` alone.
    ///
    /// # Errors
    /// Says what it may be.
    pub(crate) fn read_limit(query: &QueryParameters<'_>) -> Result<usize, Problem> {
        let limit =
            query.parse_number_in_range("limit", 1..=MAX_PAGE_SIZE)?.unwrap_or(DEFAULT_PAGE_SIZE);
        // Unwrap safety: it is at most `MAX_PAGE_SIZE`.
        Ok(usize::try_from(limit).unwrap())
    }
}

impl<T> ListJson<T> {
    /// A page as it is shown.
    pub(crate) fn from_page<D>(page: DefinitionPage<D>, show: impl FnMut(D) -> T) -> Self {
        let items = page.items.into_iter().map(show).collect();
        Self { items, next_cursor: page.next.map(|next| next.to_string()) }
    }
}

/// The query of a request.
pub(crate) struct QueryParameters<'a>(Vec<(&'a str, &'a str)>);

impl<'a> QueryParameters<'a> {
    /// Reads a query that may hold the parameters `known`, each once.
    ///
    /// # Errors
    /// Refuses one that is none of them: misspelt, it would be ignored in silence.
    pub(crate) fn parse_allowing_only(
        query: Option<&'a str>,
        known: &[&str],
    ) -> Result<Self, Problem> {
        let mut pairs: Vec<(&str, &str)> = vec![];
        for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            if !known.contains(&name) || pairs.iter().any(|(seen, _)| *seen == name) {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail =
                    format!("the query takes each of these parameters at most once: {known}");
                return Err(Problem::new(Code::InvalidQuery, detail));
            }
            pairs.push((name, value));
        }
        Ok(Self(pairs))
    }

    /// The text of a parameter, if it is there.
    pub(crate) fn get_text(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// The name that a parameter says, if it is there.
    ///
    /// # Errors
    /// Refuses what is no such name, with the rule for it.
    pub(crate) fn parse_name_parameter<N: FromStr<Err = NameError>>(
        &self,
        parameter: &'static str,
    ) -> Result<Option<N>, Problem> {
        let wrong = |error| Problem::new(Code::InvalidQuery, format!("`{parameter}`: {error}"));
        self.get_text(parameter).map(|text| text.parse().map_err(wrong)).transpose()
    }

    /// Returns true if the parameter says `true`; false if it is left out.
    ///
    /// # Errors
    /// Refuses what is neither `true` nor `false`.
    pub(crate) fn parse_flag_parameter(&self, name: &'static str) -> Result<bool, Problem> {
        match self.get_text(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => {
                let detail = format!("`{name}` must be `true` or `false`");
                Err(Problem::new(Code::InvalidQuery, detail))
            }
        }
    }

    fn parse_number_in_range(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, Problem> {
        let Some(value) = self.get_text(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let detail = format!("`{name}` must be a whole number from {least} to {most}");
            Problem::new(Code::InvalidQuery, detail)
        })
    }
}

/// The number of items of a page by default.
pub(crate) const DEFAULT_PAGE_SIZE: u64 = 100;

/// The greatest number of items of a page.
pub(crate) const MAX_PAGE_SIZE: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_read_or_refused_with_what_would_be_right() {
        for (query, window) in [
            (None, Some((1, 100))),
            (Some(""), Some((1, 100))),
            (Some("limit=1"), Some((1, 1))),
            (Some("limit=500&cursor=7"), Some((7, 500))),
            (Some("limit=0"), None),
            (Some("limit=501"), None),
            (Some("limit=ten"), None),
            (Some("limit"), None),
            (Some("cursor=-1"), None),
            (Some("cursor=0"), None),
            (Some("limit=1&limit=2"), None),
            (Some("Limit=1"), None),
            (Some("force=true"), None),
        ] {
            let got = QueryParameters::parse_allowing_only(query, &["limit", "cursor"])
                .and_then(|query| PageWindow::from_query(&query));
            let got = got.map(|window| (window.from, window.limit));
            assert_eq!(got.as_ref().ok(), window.as_ref(), "{query:?}");
            assert!(got.err().is_none_or(|problem| problem.status.as_u16() == 422), "{query:?}");
        }
    }
}
