//! What starts a component: a request, the clock, or the start of the host.

pub mod command;
pub mod cron;
pub mod http;
