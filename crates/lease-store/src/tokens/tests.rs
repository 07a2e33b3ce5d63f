use super::*;
use crate::MemoryStore;

fn accessor(byte: u8) -> Accessor {
    Accessor::new([byte; 16])
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

#[test]
fn a_revocation_is_of_one_token_or_of_all_that_an_identity_had() {
    let store = MemoryStore::default();
    let tokens = Tokens::new(&store);
    tokens.revoke(accessor(1), at(5), Some(at(100))).expect("revokes");
    tokens.revoke_all(7, at(9)).expect("revokes");
    for (token, identity, is_revoked, revoked_before) in [
        (1, 6, true, None),
        (2, 6, false, None),
        (1, 7, true, Some(at(9))),
        (2, 7, false, Some(at(9))),
    ] {
        let state = tokens.state(accessor(token), identity).expect("reads");
        assert_eq!(state, TokenState { is_revoked, revoked_before }, "{token} of {identity}");
    }
}

#[test]
fn a_mark_stays_as_long_as_its_token_could_live() {
    for (end, kept_for) in [(Some(at(60)), 3600), (None, 366 * 86_400)] {
        let store = MemoryStore::default();
        let tokens = Tokens::new(&store);
        tokens.revoke(accessor(1), at(0), end).expect("revokes");
        let revoked = || tokens.state(accessor(1), 1).expect("reads").is_revoked;
        Expiring::new(&store).forget(at(kept_for - 1)).expect("forgets");
        assert!(revoked(), "{end:?}");
        Expiring::new(&store).forget(at(kept_for)).expect("forgets");
        assert!(!revoked(), "{end:?}");
    }
}

#[test]
fn a_token_is_good_for_so_many_uses_and_leaves_nothing() {
    let store = MemoryStore::default();
    let tokens = Tokens::new(&store);
    tokens.begin_uses(accessor(1), at(0), at(600)).expect("registers");
    let used: Vec<_> = (0..4).map(|_| tokens.use_once(accessor(1), 2).expect("counts")).collect();
    assert_eq!(used, [true, true, false, false]);
    assert_eq!(tokens.uses(accessor(1)).expect("reads"), 2);
    let writes = store.writes();
    assert!(!tokens.use_once(accessor(1), 2).expect("counts"));
    assert_eq!(store.writes(), writes, "a token that is used up costs no write");
    assert!(tokens.use_once(accessor(2), 2).expect("counts"), "each token has its own count");
    Expiring::new(&store).forget(at(3600)).expect("forgets");
    assert!(store.keys().iter().all(|key| !key.contains(&accessor(1).to_string())));
}
