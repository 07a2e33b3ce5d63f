use super::*;
use crate::MemoryStore;

fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
}

/// Registers a key for so many minutes, and writes it.
fn register(store: &MemoryStore, key: &str, now: i64, minutes: i64) {
    let written = vec![(key.to_owned(), b"x".to_vec())];
    let expiring = ExpiringKeys::new(store);
    expiring
        .write_and_schedule_deletion(vec![key.to_owned()], written, at(now), at(now + minutes))
        .expect("registers");
}

fn is_there(store: &MemoryStore, key: &str) -> bool {
    store.get(key).expect("reads").is_some()
}

#[test]
fn a_key_goes_after_its_time_and_not_before() {
    for (minutes, kept_for) in [
        (1, 10),
        (10, 10),
        (11, 60),
        (60, 60),
        (61, 24 * 60),
        (24 * 60, 24 * 60),
        (24 * 60 + 1, 32 * 24 * 60),
        (33 * 24 * 60, 366 * 24 * 60),
    ] {
        let store = MemoryStore::default();
        register(&store, "k", 0, minutes);
        let forget = |now| ExpiringKeys::new(&store).delete_some_expired(at(now)).expect("forgets");
        assert_eq!((forget(kept_for - 1), is_there(&store, "k")), (0, true), "{minutes}");
        assert_eq!((forget(kept_for), is_there(&store, "k")), (1, false), "{minutes}");
        let left: Vec<_> =
            store.list_keys().into_iter().filter(|key| key.starts_with("expiring.")).collect();
        assert_eq!(left, Vec::<String>::new(), "{minutes}");
    }
}

#[test]
fn with_nothing_to_delete_nothing_is_written() {
    let store = MemoryStore::default();
    let expiring = ExpiringKeys::new(&store);
    assert_eq!(expiring.delete_some_expired(at(0)).expect("forgets"), 0);
    assert_eq!(
        (store.number_of_writes(), store.number_of_reads()),
        (0, 5),
        "one counter of each queue"
    );
    register(&store, "k", 0, 1);
    let written = store.number_of_writes();
    assert_eq!(written, 2, "a registration costs two writes");
    assert_eq!(expiring.delete_some_expired(at(1)).expect("forgets"), 0);
    assert_eq!(store.number_of_writes(), written);
}

#[test]
fn a_long_queue_is_deleted_in_parts_and_to_its_end() {
    let store = MemoryStore::default();
    for number in 0..450 {
        register(&store, &format!("k{number}"), number, 1);
    }
    let forget = |now| ExpiringKeys::new(&store).delete_some_expired(at(now)).expect("forgets");
    assert_eq!([forget(10_000), forget(10_000), forget(10_000), forget(10_000)], [200, 200, 50, 0]);
    assert!(!is_there(&store, "k0") && !is_there(&store, "k449"));
}

#[test]
fn whoever_dies_on_the_way_holds_nothing_up() {
    let store = MemoryStore::default();
    // Somebody took a number and died; somebody else is just writing.
    store.increment_counter("count.expiring.hour").expect("counts");
    register(&store, "a", 0, 60);
    store.increment_counter("count.expiring.hour").expect("counts");
    let forget = |now| ExpiringKeys::new(&store).delete_some_expired(at(now)).expect("forgets");
    assert_eq!(forget(60), 2, "a hole and an entry");
    assert_eq!(forget(61), 0, "the last hole may yet be filled");
    register(&store, "b", 61, 60);
    assert_eq!(forget(121), 2);
    // A sweep deletes and dies before it says so, again and again.
    for number in 0..600 {
        register(&store, &format!("k{number}"), 122, 60);
        store.delete_many(&[format!("expiring.hour.{}", number + 5)]).expect("deletes");
    }
    register(&store, "last", 122, 60);
    let rounds = [forget(1000), forget(1000), forget(1000)];
    assert_eq!(rounds, [500, 101, 0], "what is done with ends once nothing is due, and no sooner");
    assert!(!is_there(&store, "last"));
}
