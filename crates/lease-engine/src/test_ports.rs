//! The ports of tests, as ports of the engine.

use std::time::Duration;

use chrono::{DateTime, Utc};
use lease_core::TokenVariableName;
use lease_testing::{FakeCluster, TestPorts, TestStore};

use crate::{Ports, VariableError};

impl Ports for TestPorts {
    type Store = TestStore;
    type Http = FakeCluster;

    fn store(&self) -> &TestStore {
        &self.store
    }

    fn http(&self) -> &FakeCluster {
        &self.http
    }

    fn now(&self) -> DateTime<Utc> {
        Self::now(self)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        Self::fill_random(self, bytes);
    }

    async fn sleep(&self, time: Duration) {
        Self::sleep(self, time).await;
    }

    fn read_variable(&self, name: &TokenVariableName) -> Result<Option<String>, VariableError> {
        match self.variables.borrow().get(&name.to_string()) {
            None => Ok(None),
            Some(Some(text)) => Ok(Some(text.clone())),
            Some(None) => Err(VariableError),
        }
    }
}
