//! The HTTP contract of kubelease: routes, authentication, shapes, problems. Spoken once, here.
//!
//! Requests come as `http` types and go as `http` types; who carries them is not known here. Each
//! request is a whole life: nothing is kept between two.

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
pub use serve::{leases, malformed, sweep};
pub use settings::{SettingsError, Variables};
pub use sweep::{SweepError, after_answer, sweep_now};
