//! What the operator has set.

use lease_api::{SettingsError, Variables};
use lease_core::VariableName;
use lease_engine::VariableError;
use spin_sdk::variables::{self, Error};

/// The application's variables as they are now, each empty if it is not set.
///
/// # Errors
/// Fails if the host cannot tell; what the host says of it goes to the log.
pub fn read_all_variables() -> Result<Variables, SettingsError> {
    Ok(Variables {
        admin_token: get("admin_token")?,
        master_key: get("master_key")?,
        previous_master_keys: get("previous_master_keys")?,
        sweep_token: get("sweep_token")?,
        max_lease_ttl: get("max_lease_ttl")?,
        landing_time: get("landing_time")?,
        lease_retention: get("lease_retention")?,
        audit_retention: get("audit_retention")?,
        target_origins: get("target_origins")?,
        hold_expired: get("hold_expired")?,
        sweep_interval: get("sweep_interval")?,
        reconcile_interval: get("reconcile_interval")?,
        trusted_proxies: get("trusted_proxies")?,
    })
}

/// The token of a target that the operator keeps in a variable; none if it is not set.
///
/// # Errors
/// Fails if the host cannot tell.
pub(crate) fn of_target(name: &VariableName) -> Result<Option<String>, VariableError> {
    let value = read_value(name.as_str()).map_err(|()| VariableError)?;
    Ok(value.filter(|value| !value.is_empty()))
}

fn get(name: &'static str) -> Result<String, SettingsError> {
    let value = read_value(name).map_err(|()| SettingsError::Unreadable(name))?;
    Ok(value.unwrap_or_default())
}

fn read_value(name: &str) -> Result<Option<String>, ()> {
    match variables::get(name) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(Error::InvalidName(cause) | Error::Provider(cause) | Error::Other(cause)) => {
            log::error!("the host failed to read variable `{name}`: {cause}");
            Err(())
        }
    }
}
