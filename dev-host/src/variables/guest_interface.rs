//! What a guest sees of the variables: `fermyon:spin/variables`.

use super::Error;
use crate::bindings::variables;
use crate::guest::Guest;

impl variables::Host for Guest {
    async fn get(&mut self, name: String) -> wasmtime::Result<Result<String, variables::Error>> {
        Ok(self.variables.resolve_component_variable(&self.component, &name).map_err(|error| {
            match error {
                Error::InvalidName(text) => variables::Error::InvalidName(text),
                Error::Undefined(text) => variables::Error::Undefined(text),
                Error::Provider(text) => variables::Error::Provider(text),
            }
        }))
    }
}
