//! What the operator has set.

use lease_api::{RawVariables, SettingsError};
use lease_core::TokenVariableName;
use lease_engine::VariableError;
use spin_sdk::variables::{self, Error};

/// The application's variables as they are now, each empty if it is not set.
///
/// # Errors
/// Fails if the host cannot tell; what the host says of it goes to the log.
pub fn read_all_variables() -> Result<RawVariables, SettingsError> {
    Ok(RawVariables {
        admin_token: read_or_empty("admin_token")?,
        master_key: read_or_empty("master_key")?,
        previous_master_keys: read_or_empty("previous_master_keys")?,
        sweep_token: read_or_empty("sweep_token")?,
        max_lease_ttl: read_or_empty("max_lease_ttl")?,
        landing_time: read_or_empty("landing_time")?,
        lease_retention: read_or_empty("lease_retention")?,
        audit_retention: read_or_empty("audit_retention")?,
        target_origins: read_or_empty("target_origins")?,
        hold_expired: read_or_empty("hold_expired")?,
        sweep_interval: read_or_empty("sweep_interval")?,
        reconcile_interval: read_or_empty("reconcile_interval")?,
        trusted_proxies: read_or_empty("trusted_proxies")?,
    })
}

/// The token of a target that the operator keeps in a variable; none if it is not set.
///
/// # Errors
/// Fails if the host cannot tell.
pub(crate) fn read_target_variable(
    name: &TokenVariableName,
) -> Result<Option<String>, VariableError> {
    let value = read_variable_if_set(name.as_str()).map_err(|()| VariableError)?;
    Ok(value.filter(|value| !value.is_empty()))
}

fn read_or_empty(name: &'static str) -> Result<String, SettingsError> {
    let value = read_variable_if_set(name).map_err(|()| SettingsError::Unreadable(name))?;
    Ok(value.unwrap_or_default())
}

fn read_variable_if_set(name: &str) -> Result<Option<String>, ()> {
    match variables::get(name) {
        Ok(value) => Ok(Some(value)),
        Err(Error::Undefined(_)) => Ok(None),
        Err(Error::InvalidName(cause) | Error::Provider(cause) | Error::Other(cause)) => {
            log::error!("the host failed to read variable `{name}`: {cause}");
            Err(())
        }
    }
}
