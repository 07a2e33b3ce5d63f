//! Runs the components of a Spin manifest as Spin does, for development and tests.
fn main() {}
