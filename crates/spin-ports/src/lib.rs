//! The ports of kubelease on Spin: key-value, HTTP both ways, time, entropy, variables and logs.
//!
//! Start from [`SpinPorts`], the ports, [`serve_request()`], which carries a request in and its answer out, and [`Store`],
//! the key-value port.
//!
//! This crate only runs as WebAssembly, on a host that offers what Spin 3.6 does. Spin bounds nothing
//! by itself, neither times nor sizes: whatever waits or grows here has its limit here. The crate
//! decides nothing about leases, and knows neither routes nor answers.
//!
//! A component hands each request over, with the handler that answers it. This example is compiled by a test, and
//! runs on a host only:
//!
//! ```
//! use wasi::exports::http::incoming_handler::Guest;
//! use wasi::http::types::{IncomingRequest, ResponseOutparam};
//!
//! struct Component;
//!
//! impl Guest for Component {
//!     fn handle(request: IncomingRequest, out: ResponseOutparam) {
//!         spin_ports::serve_request(&request, out, lease_api::serve_main_request);
//!     }
//! }
//! ```

mod answer;
mod body;
mod headers;
mod http_client;
mod logger;
mod method;
mod ports;
mod request_head;
mod serve;
mod store;
mod variables;
mod wait;

pub use body::IncomingBody;
pub use http_client::SpinHttpClient;
pub use logger::install_stderr_logger;
pub use ports::SpinPorts;
pub use serve::{block_on_future, serve_request, serve_request_and_run_after};
pub use store::Store;
pub use variables::read_all_variables;
