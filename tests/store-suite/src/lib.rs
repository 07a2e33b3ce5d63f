//! A component that runs the tests of the store on the store that its host has: SQLite, or Redis.
//!
//! `GET /` lists them, one a line, and `POST /NAME` runs one. One that fails panics: the host answers 500,
//! and the component's log says why.

use http::{Method, Response, StatusCode};
use lease_engine::Ports;
use lease_testing::store_suite::{Case, cases};
use spin_ports::{SpinPorts, Store};
use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

struct StoreSuite;

impl Guest for StoreSuite {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        spin_ports::serve_request(&request, out, async |ports: SpinPorts, _, head, _| {
            answer(&head.method, head.uri.path().trim_start_matches('/'), ports.store())
        });
    }
}

fn answer(method: &Method, name: &str, store: &Store) -> Response<Vec<u8>> {
    let cases = cases::<Store>();
    if method == Method::GET {
        let names: Vec<_> = cases.iter().map(|case| case.name).collect();
        return Response::new(names.join("\n").into());
    }
    let mut response = Response::new(Vec::new());
    match cases.into_iter().find(|case| case.name == name) {
        Some(Case { run, .. }) => run(store),
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}

wasi::http::proxy::export!(StoreSuite);
