//! kubelease: leases short-lived Kubernetes credentials over HTTP.
//!
//! This component answers every route but the sweep's. It hands over to `lease-api` with Spin's
//! ports, and where sweeps are missing does a little of their work once it has answered.

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

struct Kubelease;

impl Guest for Kubelease {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        spin_ports::serve_request_and_run_after(
            &request,
            out,
            lease_api::serve_main_request,
            lease_api::run_after_api_answer,
        );
    }
}

wasi::http::proxy::export!(Kubelease);
