//! The HTTP contract of kubelease: routes, authentication, shapes, problems. Spoken once, here.
//!
//! Start from [`main_routes`], the one table of routes and of who may use them, [`serve_main_request()`], which answers a
//! request, and [`RawVariables`], the settings as the host gives them.
//!
//! Requests come as `http` types and go as `http` types; who carries them is not known here. Each
//! request is a whole life: nothing is kept between two.
//!
//! ```
//! use http::Method;
//!
//! let routes = lease_api::main_routes();
//! assert!(routes.iter().any(|route| route.method == Method::GET && route.path == "/readyz"));
//! ```

mod access_tokens;
mod audit;
mod auth;
mod body;
mod dynamic_secrets;
mod explain;
mod health;
mod identities;
mod infisical_error;
mod input;
mod installation_token;
mod kubeconfig;
mod leases;
mod login;
mod namespaces;
mod pagination;
mod problem;
mod request_origin;
mod respond;
mod routes;
mod serve;
mod settings;
mod sweep;
mod targets;
#[cfg(test)]
mod testing;

pub use body::{Body, BodyError, MAX_BODY_BYTES};
pub use lease_engine::SweepReport;
pub use routes::{Route, RouteAccess, cleanup_routes, main_routes};
pub use serve::{malformed_request_response, serve_cleanup_request, serve_main_request};
pub use settings::{RawVariables, SettingsError};
pub use sweep::{SweepError, run_after_api_answer, run_after_cleanup_answer, sweep_for_trigger};
