//! Who is not let in, on the running components.

use anyhow::Result;
use serde_json::json;
use testbed::harness::TestCase;
use testbed::kubelease::{ADMIN_TOKEN_VARIABLE, SWEEP_TOKEN_VARIABLE};

use crate::setup::Leasing;

pub fn every_route_refuses_a_stranger(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let anonymous = leasing.kubelease.anonymous_client()?;
    let admin_token = leasing.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE).to_owned();
    // The one thing that a sweep with its token may do to a target: to meet its cluster.
    leasing.admin()?.send_raw("POST", "/api/v1/sweep", &[], b"")?.expect_status(200)?;
    let before = leasing.admin()?.get("/api/v1/targets")?.expect_status(200)?;
    let credentials: [&[(&str, &str)]; 7] = [
        &[],
        &[("authorization", "Bearer ")],
        &[("authorization", "Bearer wrong")],
        &[("authorization", &format!("Basic {admin_token}"))],
        &[("authorization", &format!("Bearer {}", &admin_token[1..]))],
        &[("authorization", &format!("Bearer {admin_token}x"))],
        &[("authorization", "Bearer wrong"), ("authorization", &format!("Bearer {admin_token}"))],
    ];
    for route in lease_api::main_routes().into_iter().chain(lease_api::cleanup_routes()) {
        if route.access == lease_api::RouteAccess::Anybody {
            // Whoever logs in says who he is in the body, and says nothing here.
            let status = if route.path.ends_with("/login") { 400 } else { 200 };
            anonymous
                .send_raw(route.method.as_str(), route.path, &[], &[])?
                .expect_status(status)?;
            continue;
        }
        let id = "0".repeat(32);
        let path = route.path.replace("{name}", "local").replace("{lease_id}", &id);
        let path = path.replace("{accessor}", &id);
        for headers in &credentials {
            let reply = anonymous.send_raw(route.method.as_str(), &path, headers, b"{}")?;
            assert_eq!(reply.status, 401, "{reply:?} as {} headers", headers.len());
            assert!(
                reply.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer"))
            );
            assert_eq!(reply.header("content-type"), Some("application/problem+json"));
        }
        let sweeper =
            anonymous.with_bearer(leasing.kubelease.settings().variable(SWEEP_TOKEN_VARIABLE));
        let refused = sweeper.send_raw(route.method.as_str(), &path, &[], b"{}")?.status == 401;
        assert_eq!(refused, route.access != lease_api::RouteAccess::Sweeper, "{path}");
    }
    assert_eq!(
        leasing.admin()?.get("/api/v1/targets")?.expect_status(200)?,
        before,
        "nothing has changed"
    );
    Ok(())
}

pub fn headers_that_claim_to_be_the_hosts_change_nothing(case: &TestCase) -> Result<()> {
    let leasing = Leasing::set_up(case)?;
    let claims = [
        ("spin-path-info", "/livez"),
        ("spin-full-url", "http://localhost/livez"),
        ("spin-client-addr", "127.0.0.1:1"),
        ("spin-matched-route", "/livez"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-http-method-override", "GET"),
    ];
    let anonymous = leasing.kubelease.anonymous_client()?;
    let body = json!({}).to_string();
    anonymous
        .send_raw("POST", crate::setup::LEASES, &claims, body.as_bytes())?
        .expect_status(401)?;
    let lease =
        leasing.admin()?.send_raw("POST", crate::setup::LEASES, &claims, body.as_bytes())?;
    lease.expect_status(201)?;
    Ok(())
}
