//! `version`

use serde_json::json;

use crate::arguments::{Output, Shown};
use crate::failure::Failure;
use crate::output;

/// `kubelease version`
pub fn print_version(shown: &Shown) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if shown.output == Output::Json {
        return output::print_json(&json!({ "version": version }));
    }
    output::print_text(&format!("kubelease {version}\n"))
}
