//! `GET /api/v1/audit/verify`

use http::{Response, StatusCode};
use lease_engine::{AuditFinding, AuditVerifyCursor, Engine, Ports};
use serde::Serialize;

use super::CURSOR_RULE;
use crate::pagination::QueryParameters;
use crate::problem::{Code, Problem};
use crate::respond;

/// The findings of a part of a verification. `next_cursor` is absent at the end.
#[derive(Serialize)]
struct VerificationPageJson {
    checked: u64,
    voids: u64,
    unsettled: u64,
    findings: Vec<AuditFinding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// `GET /api/v1/audit/verify`
pub(crate) fn verify_audit_page<P: Ports>(
    engine: &Engine<P>,
    query: &QueryParameters<'_>,
) -> Result<Response<Vec<u8>>, Problem> {
    let wrong = |_| Problem::new(Code::InvalidQuery, format!("`cursor` {CURSOR_RULE}"));
    let from: Option<AuditVerifyCursor> =
        query.get_text("cursor").map(|text| text.parse().map_err(wrong)).transpose()?;
    let found = engine.verify_audit_part(from.as_ref())?;
    let json = VerificationPageJson {
        checked: found.checked,
        voids: found.voids,
        unsettled: found.unsettled,
        findings: found.findings,
        next_cursor: found.next.map(|next| next.to_string()),
    };
    Ok(respond::json_response(StatusCode::OK, &json))
}
