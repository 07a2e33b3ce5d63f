//! Access tokens: which are revoked, and how often each was used.
//!
//! A token is known by its signature, so nothing is kept of one that is only issued and used. What is kept has to be
//! kept no longer than the token lives, and is registered to be forgotten.

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{Accessor, MAX_ACCESS_TOKEN_TTL};

use crate::{ExpiringKeys, KeyValue, StoreError, counter, record};

/// The records about access tokens: revocations, uses, and the events of each accessor.
pub struct AccessTokenRecords<'a, K> {
    store: &'a K,
}

/// The state of an access token as far as the token itself does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenState {
    /// True if it was revoked by itself.
    pub is_revoked: bool,
    /// The time before which all tokens of its identity were revoked, if they were.
    pub revoked_before: Option<DateTime<Utc>>,
}

impl<'a, K: KeyValue> AccessTokenRecords<'a, K> {
    /// Returns the records about access tokens in `store`.
    pub fn new(store: &'a K) -> Self {
        Self { store }
    }

    /// Returns the state of a token of this identity, by two reads in every case.
    ///
    /// # Errors
    /// Fails if the store does not answer, or holds what cannot be read.
    pub fn read_state(&self, accessor: Accessor, identity: u64) -> Result<TokenState, StoreError> {
        let is_revoked = self.store.get(&revoked_key(accessor))?.is_some();
        let key = identity_revoked_key(identity);
        let revoked_before = self.store.get(&key)?;
        let revoked_before =
            revoked_before.map(|bytes| record::decode_record(&key, &bytes)).transpose()?;
        Ok(TokenState { is_revoked, revoked_before })
    }

    /// Revokes one token, which ends at `end` at the latest, if that is known: two durable writes. `riding` is written in
    /// one step with the mark.
    ///
    /// # Errors
    /// Fails if the store does not answer; it may be revoked all the same.
    pub fn revoke_token(
        &self,
        accessor: Accessor,
        now: DateTime<Utc>,
        end: Option<DateTime<Utc>>,
        mut riding: Vec<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let key = revoked_key(accessor);
        riding.push((key.clone(), record::encode_record(&key, &now)?));
        let end = end.unwrap_or_else(|| latest_possible_token_end(now));
        ExpiringKeys::new(self.store).write_and_schedule_deletion(vec![key], riding, now, end)
    }

    /// Revokes all tokens of an identity that were issued by now: one durable write. `riding` is written in one step
    /// with the mark.
    ///
    /// # Errors
    /// Fails if the store does not answer; they may be revoked all the same.
    pub fn revoke_tokens_issued_so_far(
        &self,
        identity: u64,
        now: DateTime<Utc>,
        mut riding: Vec<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let key = identity_revoked_key(identity);
        riding.push((key.clone(), record::encode_record(&key, &now)?));
        // Not registered: a later revocation writes the same key, and would be forgotten with the earlier one.
        // It goes with the identity.
        Ok(self.store.set_many(&riding)?)
    }

    /// Has the count of a token's uses forgotten once the token has ended: two durable writes. Without it the count
    /// would stay for ever. `riding` is written in one step with that.
    ///
    /// # Errors
    /// Fails if the store does not answer; no such token is to be handed out then.
    pub fn schedule_use_counter_deletion(
        &self,
        accessor: Accessor,
        now: DateTime<Utc>,
        end: DateTime<Utc>,
        riding: Vec<(String, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        ExpiringKeys::new(self.store).write_and_schedule_deletion(
            vec![use_counter_key(accessor)],
            riding,
            now,
            end,
        )
    }

    /// Counts one more use of a token that has `limit` of them, and returns if there was one left: one durable
    /// write, and none once there is none left.
    ///
    /// The counter gives each number once, so of any number of requests at once, at however many replicas, exactly
    /// `limit` get one that is not over it.
    ///
    /// # Errors
    /// Fails if the store does not answer; the use may be counted all the same.
    pub fn count_use_within_limit(
        &self,
        accessor: Accessor,
        limit: u32,
    ) -> Result<bool, StoreError> {
        let (key, limit) = (use_counter_key(accessor), u64::from(limit));
        if counter::read_counter(self.store, &key)? >= limit {
            return Ok(false);
        }
        Ok(self.store.increment_counter(&key)? <= limit)
    }

    /// Returns how often a token was used, if its uses are counted.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn read_use_count(&self, accessor: Accessor) -> Result<u64, StoreError> {
        Ok(counter::read_counter(self.store, &use_counter_key(accessor))?)
    }

    /// Returns true if an ID token that is good for one login has logged in: no write.
    ///
    /// # Errors
    /// Fails if the store does not answer.
    pub fn is_id_token_used(&self, digest: &str) -> Result<bool, StoreError> {
        Ok(counter::read_counter(self.store, &id_token_counter_key(digest))? > 0)
    }

    /// Counts a login by an ID token that is good for one, and returns true for the first: three durable writes, or
    /// none if it was used before.
    ///
    /// # Errors
    /// Fails if the store does not answer; it may be counted all the same.
    pub fn use_id_token_once(
        &self,
        digest: &str,
        now: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let key = id_token_counter_key(digest);
        if counter::read_counter(self.store, &key)? > 0 {
            return Ok(false);
        }
        // Registered first: should this stop between, there is nothing to forget.
        ExpiringKeys::new(self.store).write_and_schedule_deletion(
            vec![key.clone()],
            vec![],
            now,
            end,
        )?;
        Ok(self.store.increment_counter(&key)? == 1)
    }
}

/// The counter of the logins by an ID token. `digest` names the token, its issuer and the identity.
fn id_token_counter_key(digest: &str) -> String {
    format!("count.id-token-uses.{digest}")
}

/// The mark that a token is revoked.
fn revoked_key(accessor: Accessor) -> String {
    format!("token-revoked.{accessor}")
}

/// The mark that all tokens of an identity are revoked which were issued before.
pub(crate) fn identity_revoked_key(identity: u64) -> String {
    format!("identity-tokens.{identity}")
}

/// The count of a token's uses.
fn use_counter_key(accessor: Accessor) -> String {
    format!("count.token-uses.{accessor}")
}

/// The latest end of a token that is not known.
fn latest_possible_token_end(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::from(MAX_ACCESS_TOKEN_TTL)
}

#[cfg(test)]
pub(crate) mod tests;
