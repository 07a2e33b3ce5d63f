use super::*;
use crate::settings::Settings;
use crate::testing::{ADMIN, SWEEP, variables};

#[test]
fn only_the_right_token_in_the_right_place_comes_in() {
    let tokens = Settings::from_variables(&Ok(variables())).expect("good variables").tokens;
    let bearer = |token: &str| vec![format!("Bearer {token}")];
    let (administrator, sweeper) = (Requester::first_administrator(), Requester::sweep_caller());
    for (values, by_administrator, by_sweeper) in [
        (bearer(ADMIN), Some(&administrator), Some(&administrator)),
        (bearer(SWEEP), None, Some(&sweeper)),
        (vec![format!("bearer  {ADMIN} ")], Some(&administrator), Some(&administrator)),
        (vec![], None, None),
        (bearer(""), None, None),
        (bearer(&ADMIN[1..]), None, None),
        (bearer(&format!("{ADMIN}x")), None, None),
        (bearer(&ADMIN.to_uppercase()), None, None),
        (vec![ADMIN.to_owned()], None, None),
        (vec![format!("Basic {ADMIN}")], None, None),
        (vec![format!("Bearer {ADMIN}"), format!("Bearer {ADMIN}")], None, None),
    ] {
        let mut headers = HeaderMap::new();
        for value in &values {
            headers.append(AUTHORIZATION, value.parse().expect("a header value"));
        }
        let admitted = |access| tokens.authenticate_headers(&headers, access);
        assert_eq!(admitted(RouteAccess::Administrator).as_ref(), by_administrator, "{values:?}");
        assert_eq!(admitted(RouteAccess::Sweeper).as_ref(), by_sweeper, "{values:?}");
    }
}

#[test]
fn an_empty_token_of_the_installation_admits_nobody() {
    let variables = crate::RawVariables {
        sweep_token: String::new(),
        admin_token: String::new(),
        ..variables()
    };
    let tokens = Settings::from_variables(&Ok(variables)).expect("good variables").tokens;
    for value in ["Bearer", "Bearer ", "Bearer \t", ""] {
        let headers = HeaderMap::from_iter([(AUTHORIZATION, value.parse().expect("a value"))]);
        for access in [RouteAccess::Administrator, RouteAccess::Identity, RouteAccess::Sweeper] {
            assert_eq!(tokens.authenticate_headers(&headers, access), None, "{value:?}");
        }
    }
}
