//! The HTTP contract of kubelease: routes, authentication, shapes, problems. Spoken once, here.
//!
//! Start from [`leases_routes`], the one table of routes and of who may use them, [`serve_leases()`], which answers a
//! request, and [`Variables`], the settings as the host gives them.
//!
//! Requests come as `http` types and go as `http` types; who carries them is not known here. Each
//! request is a whole life: nothing is kept between two.
//!
//! ```
//! use http::Method;
//!
//! let routes = lease_api::leases_routes();
//! assert!(routes.iter().any(|route| route.method == Method::GET && route.path == "/readyz"));
//! ```

mod access_tokens;
mod audit;
mod auth;
mod bearer;
mod body;
mod client_address;
mod dynamic_secrets;
mod explain;
mod health;
mod identities;
mod infisical;
mod input;
mod kubeconfig;
mod leases;
mod list;
mod login;
mod namespaces;
mod problem;
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
pub use routes::{Access, Route, leases_routes, sweep_routes};
pub use serve::{malformed_request_response, serve_leases, serve_sweep};
pub use settings::{SettingsError, Variables};
pub use sweep::{SweepError, after_answer, after_sweep_answer, sweep_now};
