use super::*;
use crate::MemoryStore;

const LOG: LedgerId = LedgerId::DynamicSecret(1);

/// The nodes of a ledger of 200 numbers, as each of three sweeps has left them.
struct History {
    versions: Vec<BTreeMap<String, Vec<u8>>>,
    store: MemoryStore,
}

/// The truth about a number after the last sweep: the time at which it is due, and true if it
/// lives.
fn truth(number: u64) -> Option<(i64, bool)> {
    match number {
        1..=63 => None,
        64..=140 if number % 2 == 1 => Some((1000, false)),
        _ => Some((300, true)),
    }
}

fn is_due(number: u64, now: i64) -> bool {
    truth(number).is_some_and(|(look, _)| look <= now)
}

fn note(tree: &mut LedgerIndex<'_, MemoryStore>, number: u64) {
    match truth(number) {
        Some((look, live)) => tree.note_entry(number, IndexEntry { look, live, noticed: None }),
        None => tree.forget_number(number),
    }
}

fn write(store: &MemoryStore, changes: &IndexChanges) {
    store.delete_many(&changes.gone).expect("deletes");
    store.set_many(&changes.written).expect("writes");
}

impl History {
    fn new() -> Self {
        let store = MemoryStore::default();
        let mut versions = vec![];
        for (version, head, now) in [(1, 70, 0), (2, 140, 100), (3, 200, 200)] {
            while counter::read_counter(&store, &keys::counter_key(LOG)).expect("reads") < head {
                store.increment_counter(&keys::counter_key(LOG)).expect("counts");
            }
            let mut tree = LedgerIndex::read_root(&store, LOG).expect("reads");
            let due = tree.find_due_numbers(now, usize::MAX >> 1).expect("reads");
            for (number, _) in due.numbers {
                match (version, number) {
                    (1, _) => {
                        tree.note_entry(
                            number,
                            IndexEntry { look: 100, live: true, noticed: None },
                        );
                    }
                    (2, 64..) => {
                        tree.note_entry(
                            number,
                            IndexEntry { look: 200, live: true, noticed: None },
                        );
                    }
                    _ => note(&mut tree, number),
                }
            }
            write(&store, &tree.take_changes().expect("writes"));
            let nodes = store.list_keys().into_iter().filter(|key| key.starts_with("summary."));
            let read = |key: String| {
                let value = store.get(&key).expect("reads").expect("is there");
                (key, value)
            };
            versions.push(nodes.map(read).collect());
        }
        Self { versions, store }
    }

    /// Puts each node as one sweep has left it.
    fn tear(&self, nodes: [(u8, u64, usize); 6]) {
        for (level, index, version) in nodes {
            let key = keys::index_node_key(LOG, level, index);
            match self.versions[version - 1].get(&key) {
                Some(value) => self.store.set_many(&[(key, value.clone())]).expect("writes"),
                None => self.store.delete_many(&[key]).expect("deletes"),
            }
        }
    }
}

/// Of two that write at once either version of each node may stand, whatever stands above it.
fn torn(mut test: impl FnMut(&MemoryStore, &str)) {
    let history = History::new();
    for root in 1..=3 {
        for branch in 1..=3 {
            // The first leaf is done with since the second sweep, and has gone.
            for first in [1, 2] {
                for second in 1..=3 {
                    for third in 2..=3 {
                        history.tear([
                            (ROOT_LEVEL, 0, root),
                            (BRANCH_LEVEL, 0, branch),
                            (LEAF_LEVEL, 0, first),
                            (LEAF_LEVEL, 1, second),
                            (LEAF_LEVEL, 2, third),
                            (LEAF_LEVEL, 3, 3),
                        ]);
                        let row = format!(
                            "root {root}, branch {branch}, leaves {first} {second} {third}"
                        );
                        test(&history.store, &row);
                    }
                }
            }
        }
    }
}

#[test]
fn whatever_version_of_each_node_stands_all_that_is_due_is_found() {
    torn(|store, row| {
        for now in [300, 1000] {
            let mut tree = LedgerIndex::read_root(store, LOG).expect("reads");
            let due = tree.find_due_numbers(now, 10_000).expect("reads");
            let found: BTreeSet<u64> = due.numbers.iter().map(|(number, _)| *number).collect();
            for number in (1..=200).filter(|number| is_due(*number, now)) {
                assert!(found.contains(&number), "{row}: {number} is not found at {now}");
            }
            assert!(!due.more, "{row}");
        }
    });
}

#[test]
fn whatever_version_of_each_node_stands_what_lives_is_counted() {
    let live = |last| (1..=last).filter(|n| truth(*n).is_some_and(|(_, live)| live)).count() as u64;
    torn(|store, row| {
        let tree = LedgerIndex::read_root(store, LOG).expect("reads");
        assert!(tree.max_live_up_to(200) >= live(200), "{row}: {}", tree.max_live_up_to(200));
        assert!(tree.max_live_up_to(210) >= live(200) + 10, "{row}");
        // A look at each makes it exact, or leaves it to the sweep; also where more were given since.
        for head in [200, 210] {
            let mut tree = LedgerIndex::read_root(store, LOG).expect("reads");
            tree.head = head;
            let look = |number| {
                let (look, live) = truth(number).unwrap_or((1000, false));
                Ok(Some(IndexEntry { look, live, noticed: None }))
            };
            tree.recount_live_numbers(look).expect("reads");
            let counted = tree.max_live_up_to(head);
            assert!(counted >= live(head), "{row}, {head} given: {counted}");
        }
    });
}

#[test]
fn whatever_version_of_each_node_stands_the_sweep_mends_it() {
    torn(|store, row| {
        for limit in [10, 10_000] {
            let mut rounds = 0;
            loop {
                let mut tree = LedgerIndex::read_root(store, LOG).expect("reads");
                let due = tree.find_due_numbers(300, limit).expect("reads");
                if due.numbers.is_empty() && tree.is_idle() {
                    break;
                }
                for (number, _) in due.numbers {
                    // Nothing of it is due again before long.
                    match truth(number) {
                        Some((_, live)) => {
                            tree.note_entry(number, IndexEntry { look: 2000, live, noticed: None });
                        }
                        None => tree.forget_number(number),
                    }
                }
                write(store, &tree.take_changes().expect("writes"));
                rounds += 1;
                assert!(rounds < 30, "{row}: it comes to an end");
            }
            let mut tree = LedgerIndex::read_root(store, LOG).expect("reads");
            let live = (1..=200).filter(|n| truth(*n).is_some_and(|(_, live)| live)).count();
            assert_eq!(tree.max_live_up_to(200), live as u64, "{row}");
            assert!(!tree.is_done(), "{row}");
            let listed: Vec<u64> = {
                let (mut listed, mut from) = (vec![], 1);
                while let Some(number) = tree.find_next_unfinished_number(from).expect("reads") {
                    listed.push(number);
                    from = number + 1;
                }
                listed
            };
            assert_eq!(listed, (64..=200).collect::<Vec<_>>(), "{row}");
        }
    });
}

#[test]
fn a_batch_holds_about_as_much_as_was_asked_for() {
    let store = MemoryStore::default();
    while counter::read_counter(&store, &keys::counter_key(LOG)).expect("reads") < 1000 {
        store.increment_counter(&keys::counter_key(LOG)).expect("counts");
    }
    let (mut seen, mut batches) = (BTreeSet::new(), 0);
    loop {
        let mut tree = LedgerIndex::read_root(&store, LOG).expect("reads");
        let due = tree.find_due_numbers(0, 100).expect("reads");
        assert!(due.numbers.len() <= 100 + 64, "{}", due.numbers.len());
        for (number, _) in due.numbers {
            assert!(seen.insert(number), "{number} is seen once");
            tree.note_entry(number, IndexEntry { look: 100, live: true, noticed: None });
        }
        write(&store, &tree.take_changes().expect("writes"));
        batches += 1;
        if !due.more {
            break;
        }
    }
    assert_eq!((seen.len(), batches), (1000, 10));
}

#[test]
fn what_the_summaries_have_lost_is_listed_again() {
    let History { store, versions } = History::new();
    // The last of three versions, without one of its nodes: whichever is lost, what lives is found.
    let whole = versions.last().expect("three versions").clone();
    let live: Vec<u64> = (1..=200).filter(|n| truth(*n).is_some_and(|(_, live)| live)).collect();
    for lost in whole.keys() {
        store.set_many(&whole.clone().into_iter().collect::<Vec<_>>()).expect("writes");
        if lost == "summary.1.2.0" {
            continue;
        }
        // As if all below were done with: the one above does not name it either.
        store.delete_many(std::slice::from_ref(lost)).expect("deletes");
        let level = if lost.starts_with("summary.1.0.") { 1 } else { 2 };
        for (key, value) in &whole {
            if key.starts_with(&format!("summary.1.{level}.")) {
                let mut branch: Branch = record::decode_record(key, value).expect("reads");
                let index: u64 = lost.rsplit('.').next().and_then(|n| n.parse().ok()).expect("one");
                branch.entries.remove(&index);
                store.set_many(&[node_entry(key.clone(), &branch).expect("writes")]).expect("sets");
            }
        }
        let listed = |store: &MemoryStore| {
            let mut tree = LedgerIndex::read_root(store, LOG).expect("reads");
            let (mut numbers, mut from) = (vec![], 1);
            while let Some(number) = tree.find_next_unfinished_number(from).expect("reads") {
                numbers.extend(truth(number).is_some_and(|(_, live)| live).then_some(number));
                from = number + 1;
            }
            numbers
        };
        assert!(listed(&store).len() < live.len(), "without {lost} some are lost");
        let mut from = Some(1);
        while let Some(number) = from {
            let mut tree = LedgerIndex::read_root(&store, LOG).expect("reads");
            let lives = |number| Ok(truth(number).is_some_and(|(_, live)| live));
            let (entries, next) = tree.relist_lost_live_numbers(number, 50, lives).expect("reads");
            store.set_many(&entries).expect("writes");
            from = next;
        }
        assert_eq!(listed(&store), live, "without {lost}");
    }
}
