//! All ports in one.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lease_core::TokenVariableName;
use lease_engine::{Ports, VariableError};
use wasi::random::random::get_random_bytes;

use crate::{SpinHttpClient, Store, variables, wait};

/// The ports of a component that Spin runs.
#[derive(Default)]
pub struct SpinPorts {
    store: Store,
    http: SpinHttpClient,
}

impl Ports for SpinPorts {
    type Store = Store;
    type Http = SpinHttpClient;

    fn store(&self) -> &Store {
        &self.store
    }

    fn http(&self) -> &SpinHttpClient {
        &self.http
    }

    #[expect(clippy::disallowed_methods, reason = "this is where everything else has it from")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        // A host that has no randomness traps: the request ends, and nothing guessable leaves it.
        bytes.copy_from_slice(&get_random_bytes(bytes.len() as u64));
    }

    async fn sleep(&self, time: Duration) {
        wait::sleep_for(time).await;
    }

    fn read_variable(&self, name: &TokenVariableName) -> Result<Option<String>, VariableError> {
        variables::read_target_variable(name)
    }
}
