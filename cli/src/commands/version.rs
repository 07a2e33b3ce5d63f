//! `version`

use serde_json::json;

use crate::arguments::{OutputFormat, OutputOptions};
use crate::failure::Failure;
use crate::output;

/// `kubelease version`
pub fn print_version(shown: &OutputOptions) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if shown.output == OutputFormat::Json {
        return output::print_json(&json!({ "version": version }));
    }
    output::print_text(&format!("kubelease {version}\n"))
}
