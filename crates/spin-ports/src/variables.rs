//! What the operator has set.

use lease_api::Variables;
use spin_sdk::variables::{self, Error};

/// The application's variables as they are now, each empty where it is not set.
///
/// # Errors
/// Fails where the host cannot tell. That is not the same as unset: the next request may find it set.
pub fn variables() -> Result<Variables, VariablesError> {
    Ok(Variables {
        admin_token: get("admin_token")?,
        master_key: get("master_key")?,
        previous_master_keys: get("previous_master_keys")?,
        sweep_token: get("sweep_token")?,
    })
}

/// The host could not tell what a variable is set to. The text is the host's own: it is for the log.
#[derive(Debug, thiserror::Error)]
#[error("the host does not tell variable `{name}`: {cause}")]
pub struct VariablesError {
    name: &'static str,
    cause: String,
}

fn get(name: &'static str) -> Result<String, VariablesError> {
    match variables::get(name) {
        Ok(value) => Ok(value),
        Err(Error::Undefined(_)) => Ok(String::new()),
        Err(Error::InvalidName(cause) | Error::Provider(cause) | Error::Other(cause)) => {
            Err(VariablesError { name, cause })
        }
    }
}
