//! Which leases are meant, and where a page of them begins.

use lease_core::{LeaseState, requester_id};
use lease_engine::{LeaseFilter, LeaseKey};
use serde::Deserialize as _;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};

/// Reads the filter of a query.
///
/// # Errors
/// 422, naming the parameter that does not fit.
pub(super) fn read_filter(query: &QueryParameters<'_>) -> Result<LeaseFilter, Problem> {
    Ok(LeaseFilter {
        dynamic_secret: query.parse_name_parameter("dynamic_secret")?,
        target: query.parse_name_parameter("target")?,
        namespace: query.parse_name_parameter("namespace")?,
        state: query.get_text("state").map(parse_state).transpose()?,
        requester: query.parse_name_parameter("identity")?.as_ref().map(requester_id),
        accessor: None,
    })
}

/// Reads the place at which a page begins.
///
/// # Errors
/// 422 for what no page was ended with.
pub(super) fn read_cursor(query: &QueryParameters<'_>) -> Result<Option<LeaseKey>, Problem> {
    let wrong = || Problem::new(Code::InvalidQuery, format!("`cursor` {CURSOR_RULE}"));
    query.get_text("cursor").map(|text| parse_cursor(text).ok_or_else(wrong)).transpose()
}

/// Reads a place as [`format_cursor`] writes it; `None` if it is none.
pub(super) fn parse_cursor(text: &str) -> Option<LeaseKey> {
    let (log, number) = text.split_once('.')?;
    let place = LeaseKey { ledger: log.parse().ok()?, number: number.parse().ok()? };
    // One place has one text: `parse` alone would take a sign and leading zeros.
    (format_cursor(place) == text).then_some(place)
}

/// The place as a cursor: `LOG.NUMBER`.
pub(super) fn format_cursor(place: LeaseKey) -> String {
    format!("{}.{}", place.ledger, place.number)
}

/// The rule for a cursor.
pub(super) const CURSOR_RULE: &str = "must be the `next_cursor` of the previous page";

fn parse_state(text: &str) -> Result<LeaseState, Problem> {
    LeaseState::deserialize(StrDeserializer::<ValueError>::new(text)).map_err(|_| {
        let states = "`pending`, `active`, `revoking`, `revoked`, `expired`, `failed` or `lost`";
        Problem::new(Code::InvalidQuery, format!("`state` must be {states}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = super::super::LEASES_QUERY_PARAMETERS;

    #[test]
    fn a_list_is_narrowed_by_what_is_said_and_refuses_the_rest() {
        let secret = || Some("ci".parse().expect("a name"));
        let state = |state| LeaseFilter { state: Some(state), ..LeaseFilter::default() };
        for (query, filter_or_told) in [
            ("", Ok(LeaseFilter::default())),
            ("limit=5&cursor=1.2", Ok(LeaseFilter::default())),
            (
                "dynamic_secret=ci&state=active",
                Ok(LeaseFilter { dynamic_secret: secret(), ..state(LeaseState::Active) }),
            ),
            (
                "target=prod&namespace=apps",
                Ok(LeaseFilter {
                    target: Some("prod".parse().expect("a name")),
                    namespace: Some("apps".parse().expect("a name")),
                    ..LeaseFilter::default()
                }),
            ),
            (
                "identity=bot",
                Ok(LeaseFilter {
                    requester: Some("identity:bot".to_owned()),
                    ..LeaseFilter::default()
                }),
            ),
            ("identity=Bot", Err("`identity`: a name of an identity is 1 to 63")),
            ("state=pending", Ok(state(LeaseState::Pending))),
            ("state=revoking", Ok(state(LeaseState::Revoking))),
            ("state=revoked", Ok(state(LeaseState::Revoked))),
            ("state=expired", Ok(state(LeaseState::Expired))),
            ("state=failed", Ok(state(LeaseState::Failed))),
            ("state=lost", Ok(state(LeaseState::Lost))),
            ("state=Active", Err("`state` must be `pending`")),
            ("state=", Err("`state` must be `pending`")),
            ("dynamic_secret=Ci", Err("`dynamic_secret`: a dynamic secret name is 1 to 63")),
            ("target=a%2db", Err("`target`: a target name is 1 to 63")),
            ("namespace=", Err("`namespace`: a namespace is 1 to 63")),
            ("namespace=*", Err("`namespace`: a namespace is 1 to 63")),
            (
                "states=active",
                Err("the query takes each of these parameters at most once: dynamic_secret"),
            ),
            (
                "state=active&state=lost",
                Err("the query takes each of these parameters at most once"),
            ),
        ] {
            let read = QueryParameters::parse_allowing_only(Some(query), KNOWN)
                .and_then(|query| read_filter(&query));
            match (read, filter_or_told) {
                (Ok(read), Ok(wanted)) => assert_eq!(read, wanted, "{query}"),
                (Err(problem), Err(told)) => {
                    assert_eq!(problem.body.code, "invalid_query", "{query}");
                    assert!(problem.body.detail.contains(told), "{query}: {problem:?}");
                }
                (read, wanted) => panic!("{query}: {read:?}, expected {wanted:?}"),
            }
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_nothing_else_is() {
        for place in [LeaseKey { ledger: 0, number: 0 }, LeaseKey { ledger: 7, number: u64::MAX }] {
            assert_eq!(parse_cursor(&format_cursor(place)), Some(place));
        }
        for text in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "1.2.3",
            "+1.2",
            "01.2",
            "1.-2",
            " 1.2",
            "18446744073709551616.1",
        ] {
            assert_eq!(parse_cursor(text), None, "{text:?}");
            let query = format!("cursor={text}");
            let told = QueryParameters::parse_allowing_only(Some(&query), KNOWN)
                .and_then(|query| read_cursor(&query));
            let told = told.expect_err("no cursor").body;
            assert!(
                told.detail.contains("`next_cursor` of the previous page"),
                "{text:?}: {told:?}"
            );
        }
    }
}
