//! The program as a whole, before a server that each test scripts: what it prints, keeps and refuses to believe.
//!
//! That kubelease itself answers so is proved in the package `kubelease-tests`.

mod administrators;
mod clusters;
mod exit_codes;
mod files;
mod hostile;
mod json;
mod key_ring;
mod kubeconfig;
mod lease_directory;
mod machine;
mod run;
mod server;
mod snapshots;
mod terminal;
