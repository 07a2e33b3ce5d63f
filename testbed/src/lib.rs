//! A local Kubernetes control plane and a running kubelease, for tests and for the first five minutes.
//!
//! Start from [`control_plane::ControlPlane`], [`kubelease::Kubelease`], and [`harness::TestCase`], which gives a test both.
//!
//! ```no_run
//! use testbed::control_plane::ControlPlane;
//!
//! let cluster = ControlPlane::start_without_controllers()?;
//! println!("export KUBECONFIG={}", cluster.kubeconfig_path().display());
//! # Ok::<(), anyhow::Error>(())
//! ```
//!
//! Nothing here knows what kubelease is made of: it is reached over HTTP, and its state through the
//! host's directory. Whatever is started ends with its owner, even when that is killed ([`process`]).

#![expect(clippy::missing_errors_doc, reason = "test support: an error ends the test and says why")]

pub mod cache;
pub mod closed_port;
pub mod command;
pub mod control_plane;
pub mod deployed_manifests;
pub mod faulty_proxy;
pub mod flushes;
pub mod harness;
pub mod host;
pub mod http;
pub mod issuer_server;
pub mod kubelease;
pub mod namespace;
pub mod process;
pub mod random;
pub mod redis;
pub mod store_file;
pub mod wait;
