use super::*;
use crate::MemoryStore;

const LIMIT: u32 = 3;

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

#[test]
fn those_who_fail_use_up_what_there_is_and_the_others_do_not() {
    let store = MemoryStore::default();
    let slots = LoginSlots::new(&store);
    let take = |seconds| slots.take_slot_unchecked("a", at(seconds)).expect("takes");
    let may_go_on = |slot: &LoginSlot| slots.is_within_limit(slot, LIMIT).expect("reads");
    for _ in 0..10 {
        let slot = take(0);
        assert!(may_go_on(&slot));
        slots.release_unfailed_slot(&slot).expect("gives back");
    }
    let failing: Vec<_> = (0..3).map(|_| take(10)).collect();
    assert!(failing.iter().all(may_go_on), "as many as may fail are under way");
    let waiting = take(10);
    assert!(!may_go_on(&waiting), "and one more");
    slots.release_unfailed_slot(&failing[0]).expect("gives back");
    assert!(may_go_on(&waiting));
    for slot in [&failing[1], &failing[2], &waiting] {
        slots.record_failed_login(slot).expect("keeps");
    }
    assert!(!may_go_on(&take(59)));
    let failures = |client, seconds| slots.read_failure_count(client, at(seconds)).expect("reads");
    assert_eq!([failures("a", 59), failures("b", 59), failures("a", 60)], [3, 0, 0]);
    assert!(may_go_on(&take(60)), "another minute");
}

#[test]
fn whatever_the_order_no_more_than_may_are_looked_at() {
    // Each login takes its slot, goes on when it may, and then fails or does not.
    for seed in 0..200_u64 {
        let store = MemoryStore::default();
        let slots = LoginSlots::new(&store);
        let mut random = seed;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        let (mut waiting, mut going, mut failed) = (vec![], vec![], 0);
        for _ in 0..300 {
            match next(3) {
                0 => waiting.push(slots.take_slot_unchecked("a", at(0)).expect("takes")),
                1 if !waiting.is_empty() => {
                    let index = usize::try_from(next(waiting.len() as u64)).expect("an index");
                    if slots.is_within_limit(&waiting[index], LIMIT).expect("reads") {
                        going.push(waiting.swap_remove(index));
                    }
                }
                _ if !going.is_empty() => {
                    let index = usize::try_from(next(going.len() as u64)).expect("an index");
                    let slot = going.swap_remove(index);
                    if next(10) == 0 {
                        slots.record_failed_login(&slot).expect("keeps");
                        failed += 1;
                    } else {
                        slots.release_unfailed_slot(&slot).expect("gives back");
                    }
                }
                _ => {}
            }
            assert!(going.len() + failed <= LIMIT as usize, "seed {seed}");
        }
    }
}

#[test]
fn a_slot_costs_one_write_and_its_end_another_and_both_are_forgotten() {
    let store = MemoryStore::default();
    let slots = LoginSlots::new(&store);
    let mut written = 0;
    let mut writes = || {
        std::mem::replace(&mut written, store.number_of_writes()).abs_diff(store.number_of_writes())
    };
    let first = slots.take_slot_unchecked("a", at(0)).expect("takes");
    assert_eq!(writes(), 3);
    let second = slots.take_slot_unchecked("a", at(1)).expect("takes");
    assert_eq!(writes(), 1);
    slots.record_failed_login(&first).expect("keeps");
    slots.release_unfailed_slot(&second).expect("gives back");
    assert_eq!(writes(), 2);
    ExpiringKeys::new(&store).delete_some_expired(at(599)).expect("forgets");
    assert!(store.list_keys().iter().any(|key| key.starts_with("count.logins-")));
    ExpiringKeys::new(&store).delete_some_expired(at(600)).expect("forgets");
    assert!(store.list_keys().iter().all(|key| !key.starts_with("count.logins-")));
}
