use super::*;
use crate::{KeyValueError, MemoryStore};

fn accessor(byte: u8) -> Accessor {
    Accessor::new([byte; 10], 1)
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

#[test]
fn a_revocation_is_of_one_token_or_of_all_that_an_identity_had() {
    let store = MemoryStore::default();
    let tokens = AccessTokenRecords::new(&store);
    tokens.revoke_token(accessor(1), at(5), Some(at(100)), vec![]).expect("revokes");
    let riding = vec![("event".to_owned(), b"all".to_vec())];
    let writes = store.number_of_writes();
    tokens.revoke_tokens_issued_so_far(7, at(9), riding).expect("revokes");
    assert_eq!(store.number_of_writes() - writes, 1, "the mark, and what rides");
    assert!(store.all_contents().contains_key("event"));
    for (token, identity, is_revoked, revoked_before) in [
        (1, 6, true, None),
        (2, 6, false, None),
        (1, 7, true, Some(at(9))),
        (2, 7, false, Some(at(9))),
    ] {
        let state = tokens.read_state(accessor(token), identity).expect("reads");
        assert_eq!(state, TokenState { is_revoked, revoked_before }, "{token} of {identity}");
    }
}

#[test]
fn a_mark_stays_as_long_as_its_token_could_live() {
    for (end, kept_for) in [(Some(at(60)), 600), (None, 366 * 86_400)] {
        let store = MemoryStore::default();
        let tokens = AccessTokenRecords::new(&store);
        tokens.revoke_token(accessor(1), at(0), end, vec![]).expect("revokes");
        let revoked = || tokens.read_state(accessor(1), 1).expect("reads").is_revoked;
        ExpiringKeys::new(&store).delete_some_expired(at(kept_for - 1)).expect("forgets");
        assert!(revoked(), "{end:?}");
        ExpiringKeys::new(&store).delete_some_expired(at(kept_for)).expect("forgets");
        assert!(!revoked(), "{end:?}");
    }
}

/// A store in which everybody reads before anybody counts.
pub(crate) struct ReadBefore(pub(crate) MemoryStore);

impl KeyValue for ReadBefore {
    fn get(&self, _key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        Ok(None)
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.0.set_many(entries)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.0.delete_many(keys)
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        self.0.increment_counter(counter)
    }
}

#[test]
fn of_many_at_once_only_so_many_get_a_use() {
    let store = ReadBefore(MemoryStore::default());
    let used = (0..100).filter(|_| {
        AccessTokenRecords::new(&store).count_use_within_limit(accessor(1), 30).expect("counts")
    });
    assert_eq!(used.count(), 30);
}

#[test]
fn a_token_is_good_for_so_many_uses_and_leaves_nothing() {
    let store = MemoryStore::default();
    let tokens = AccessTokenRecords::new(&store);
    tokens.schedule_use_counter_deletion(accessor(1), at(0), at(600), vec![]).expect("registers");
    let used: Vec<_> =
        (0..4).map(|_| tokens.count_use_within_limit(accessor(1), 2).expect("counts")).collect();
    assert_eq!(used, [true, true, false, false]);
    assert_eq!(tokens.read_use_count(accessor(1)).expect("reads"), 2);
    let writes = store.number_of_writes();
    assert!(!tokens.count_use_within_limit(accessor(1), 2).expect("counts"));
    assert_eq!(store.number_of_writes(), writes, "a token that is used up costs no write");
    assert!(
        tokens.count_use_within_limit(accessor(2), 2).expect("counts"),
        "each token has its own count"
    );
    ExpiringKeys::new(&store).delete_some_expired(at(3600)).expect("forgets");
    assert!(store.list_keys().iter().all(|key| !key.contains(&accessor(1).to_string())));
}
