//! Errors in the one shape that Infisical's clients read.

use http::{Response, StatusCode};
use serde::Serialize;

use crate::problem::Problem;
use crate::respond;
use crate::serve::log_cause;

/// An error as Infisical's clients read it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorJson<'a> {
    req_id: &'a str,
    status_code: u16,
    message: &'a str,
    error: &'a str,
}

/// Makes the answer that tells one of Infisical's clients of a problem, whose cause goes to the log with `route`.
pub(crate) fn infisical_error_response(
    route: &str,
    problem: &Problem,
    request_id: Option<&str>,
) -> Response<Vec<u8>> {
    log_cause(route, problem);
    let error = ErrorJson {
        req_id: request_id.unwrap_or("-"),
        status_code: problem.status.as_u16(),
        message: &problem.body.detail,
        error: match problem.status {
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::UNPROCESSABLE_ENTITY => "ValidationFailure",
            StatusCode::TOO_MANY_REQUESTS => "RateLimitExceeded",
            status => status.canonical_reason().unwrap_or("Error"),
        },
    };
    let mut response = respond::json_response(problem.status, &error);
    if let Some((name, value)) = &problem.header {
        response.headers_mut().insert(name, value.clone());
    }
    if let Some(record) = &problem.record {
        response.extensions_mut().insert((**record).clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;

    #[test]
    fn a_problem_is_told_in_the_shape_of_infisical() {
        let problem = Problem::new(Code::LoginRefused, "no");
        for (request_id, told) in [(Some("r1"), "r1"), (None, "-")] {
            let body = infisical_error_response("POST /", &problem, request_id).into_body();
            let expected = format!(
                r#"{{"reqId":"{told}","statusCode":401,"message":"no","error":"Unauthorized"}}"#
            );
            assert_eq!(String::from_utf8(body).expect("text"), expected);
        }
    }
}
