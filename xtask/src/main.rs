//! The one tool.
fn main() {}
