//! What the operator has set.

use lease_api::{SettingsError, Variables};
use spin_sdk::variables::{self, Error};

/// The application's variables as they are now, each empty where it is not set.
///
/// # Errors
/// Fails where the host cannot tell; what the host says of it goes to the log.
pub fn variables() -> Result<Variables, SettingsError> {
    Ok(Variables {
        admin_token: get("admin_token")?,
        master_key: get("master_key")?,
        previous_master_keys: get("previous_master_keys")?,
        sweep_token: get("sweep_token")?,
    })
}

fn get(name: &'static str) -> Result<String, SettingsError> {
    match variables::get(name) {
        Ok(value) => Ok(value),
        Err(Error::Undefined(_)) => Ok(String::new()),
        Err(Error::InvalidName(cause) | Error::Provider(cause) | Error::Other(cause)) => {
            log::error!("the host does not tell variable `{name}`: {cause}");
            Err(SettingsError::Unreadable(name))
        }
    }
}
