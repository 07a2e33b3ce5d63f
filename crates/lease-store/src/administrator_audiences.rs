//! The audiences by which administrators log in: no lease is for one of them.

use lease_core::{Audience, Identity, digest_texts};

use crate::definitions::Definitions;
use crate::{KeyValue, StoreError, record};

/// The audiences by which administrators log in.
///
/// A mark for each is written in one step with the identity, and stays. So an issue reads one key, and looks at all
/// identities only if some administrator has, or once had, the audience of its token.
pub struct AdministratorAudiences<'a, K> {
    store: &'a K,
}

impl<'a, K: KeyValue> AdministratorAudiences<'a, K> {
    /// The audiences of the administrators in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// The marks that are written in one step with an identity; none if it is no administrator.
    ///
    /// # Errors
    /// Fails if a mark cannot be written as a record.
    pub fn mark_entries(&self, identity: &Identity) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let marks = identity.administrator_audiences().map(|audience| {
            let key = mark_key(audience.as_str());
            let value = record::encode_record(&key, &identity.name)?;
            Ok((key, value))
        });
        marks.collect()
    }

    /// Returns true if an administrator logs in by tokens for this audience: one read if none ever did.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn contains(&self, audience: &str) -> Result<bool, StoreError> {
        if self.store.get(&mark_key(audience))?.is_none() {
            return Ok(false);
        }
        let is_it = |other: &Audience| other.as_str() == audience;
        let identities = Definitions::<K, Identity>::new(self.store).list_all()?;
        Ok(identities.iter().any(|identity| identity.administrator_audiences().any(is_it)))
    }
}

/// The mark of an audience, which may be longer than a key.
fn mark_key(audience: &str) -> String {
    format!("administrator-audience.{}", digest_texts(&[audience]))
}
