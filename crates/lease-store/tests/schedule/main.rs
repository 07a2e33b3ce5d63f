//! The real store under random schedules.
//!
//! Actors issue, retry, renew, revoke and sweep, each in a thread that stands still at every operation
//! until the schedule grants it: one goes on at a time, at any speed, is killed, meets errors with and
//! without an effect, or with one that comes much later, and has a clock of its own. The same seed gives
//! the same schedule. The design was checked in the same way before it was written.
//!
//! `KUBELEASE_SCHEDULES` says how many there are, and `KUBELEASE_SEED` which is the first.

mod actors;
mod events;
mod facts;
mod port;
mod random;
mod world;

use std::collections::BTreeMap;
use std::env;

use chrono::TimeDelta;
use lease_core::{DynamicSecret, LeaseId};
use lease_store::{Definitions, KeyValue, MemoryStore, SweepGracePeriods};

use crate::actors::{Ask, Terms};
use crate::random::Random;
use crate::world::{Faults, World};

#[test]
fn nothing_that_can_happen_breaks_a_promise() {
    lease_testing::store_suite::use_small_nodes();
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let first = number("KUBELEASE_SEED").unwrap_or(0);
    let count = number("KUBELEASE_SCHEDULES").unwrap_or(SCHEDULES);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in first..first + count {
        let world = run(seed, false);
        if let Some(violation) = world.violation {
            let trace = run(seed, true).trace.unwrap_or_default();
            let from = trace.len().saturating_sub(TOLD);
            println!("{}", trace[from..].join("\n"));
            panic!("{violation}\nrun again with KUBELEASE_SEED={seed} KUBELEASE_SCHEDULES=1");
        }
        for (what, times) in world.seen {
            *seen.entry(what).or_default() += times;
        }
    }
    println!("{count} schedules: {seen:?}");
    // A schedule in which nothing happens proves nothing.
    for what in [
        "answered",
        "answered again",
        "renewed",
        "revoked",
        "postponed",
        "refused",
        "refused a share",
    ] {
        let times = seen.get(what).copied().unwrap_or_default();
        assert!(count < SCHEDULES || times > 0, "nothing was {what}: {seen:?}");
    }
}

fn run(seed: u64, traced: bool) -> World {
    let mut random = Random::new(seed);
    let (terms, store) = terms(&mut random);
    let mut world = World::new(random, store, traced);
    // One stands still where it is while another goes on for long, or all go on at their speeds.
    let in_turns = world.random.happens(700);
    let turn = world.random.one_of(&[30, 100, 300]);
    let mut current = String::new();
    for _ in 0..STEPS {
        if world.random.happens(120) {
            world.pass(1);
        }
        if world.random.happens(6) {
            let pause = world.random.one_of(&[4, 8, 16, 30]);
            world.pass(pause);
        }
        if world.actors() < ACTORS {
            begin(&mut world, &terms);
        }
        if world.random.happens(30) {
            world.land_one();
        }
        if world.actors() == 0 {
            continue;
        }
        let actor = match world.position(&current) {
            Some(actor) if in_turns && !world.random.happens(turn) => actor,
            _ => world.pick(!in_turns),
        };
        world.name(actor).clone_into(&mut current);
        if world.random.happens(5) {
            *world.seen.entry("killed").or_default() += 1;
            world.kill(actor);
        } else {
            world.step(actor);
        }
        world.check((terms.cap, terms.identity_cap));
        if world.violation.is_some() {
            break;
        }
    }
    let chaos = world.faults;
    world.faults = Faults::None;
    world.kill_all();
    if world.violation.is_none() {
        world.land_all();
        world.check((terms.cap, terms.identity_cap));
        settle(&mut world, &terms, chaos);
    }
    world
}

/// Has somebody begin something, now and then.
fn begin(world: &mut World, terms: &Terms) {
    let what = world.random.below(1000);
    let (skew, terms) = (world.random.one_of(&[-1, 0, 0, 1]), terms.clone());
    let again = world.random.one_of(&[1, 1, 2]);
    match what {
        0..70 => {
            let ask = ask(world, &terms, None);
            issue(world, terms, skew, ask);
        }
        70..110 => {
            let key = world.random.below(4);
            for _ in 0..world.random.one_of(&[1, 2, 3]) {
                let ask = ask(world, &terms, Some(key));
                issue(world, terms.clone(), skew, ask);
            }
        }
        110..140 => {
            for _ in 0..again {
                let (Some(id), ttl) = (someone(world), world.random.one_of(&[10, 30, 60])) else {
                    return;
                };
                let terms = terms.clone();
                world.spawn("renew", skew, move |port| actors::renew(port, &terms, id, ttl));
            }
        }
        140..170 => {
            let Some(id) = someone(world) else { return };
            for _ in 0..again {
                let (terms, mut own) = (terms.clone(), Random::new(world.random.next()));
                world.spawn("revoke", skew, move |port| actors::revoke(port, &terms, id, &mut own));
            }
        }
        170..220 => {
            let mut own = Random::new(world.random.next());
            world.spawn("sweep", skew, move |port| actors::sweep(port, &terms, &mut own));
        }
        _ => {}
    }
}

fn issue(world: &mut World, terms: Terms, skew: i64, ask: Ask) {
    let mut own = Random::new(world.random.next());
    world.spawn("issue", skew, move |port| actors::issue(port, &terms, &ask, &mut own));
}

fn ask(world: &mut World, terms: &Terms, key: Option<usize>) -> Ask {
    let random = &mut world.random;
    let bytes = [random.next().to_be_bytes(), random.next().to_be_bytes()].concat();
    let id = LeaseId::new(bytes.try_into().expect("16 bytes"));
    // A key is of one dynamic secret.
    let log =
        key.map_or_else(|| random.one_of(&terms.logs), |key| terms.logs[key % terms.logs.len()]);
    let (plain, ttl) = (random.happens(300), random.one_of(&[4, 8, 15, 40, 80]));
    // A key is of one requester.
    let limited = key.map_or_else(|| random.happens(500), |key| key % 2 == 0);
    Ask { id, log, plain, limited, ttl, key }
}

fn someone(world: &mut World) -> Option<LeaseId> {
    let all: Vec<_> = world.facts.answered.keys().copied().collect();
    (!all.is_empty()).then(|| world.random.one_of(&all))
}

/// All is quiet, and only the sweep goes on: what must have come true in the end.
fn settle(world: &mut World, terms: &Terms, chaos: Faults) {
    // A number that was void and has a record after all is found as late as that is forgotten, and its lease
    // is retained from then on.
    let rounds = 3 * terms.times.retention.num_seconds() / ROUND;
    for _ in 0..rounds {
        let (terms, mut own) = (terms.clone(), Random::new(0));
        let cap = (terms.cap, terms.identity_cap);
        world.spawn("sweep", 0, move |port| actors::sweep(port, &terms, &mut own));
        while world.actors() > 0 {
            world.step(0);
            world.check(cap);
        }
        if world.violation.is_some() {
            return;
        }
        world.pass(ROUND);
    }
    let facts = &world.facts;
    let open = facts.answered.iter().find(|(id, _)| !facts.ended.contains(id));
    let mut orphans = world.accounts.keys().filter(|id| !facts.made_too_late.contains(id));
    let logs = terms.logs.iter().map(|log| (log.to_string(), format!("count.leases.{log}")));
    let (identity, shares) = (actors::IDENTITY, "count.identity-leases");
    let mut counted = logs.chain([
        ("work".to_owned(), "count.work".to_owned()),
        (format!("identity-{identity}"), format!("{shares}.{identity}")),
    ]);
    let counted = counted.find_map(|(log, count)| {
        let live = facts.counted(&log, world.count(&count));
        (live > 0).then(|| format!("log {log} counts {live} that do not live"))
    });
    // What landed after it was forgotten, or was decided of it, is found by nobody, and harms nobody.
    let lasting =
        ["lease.", "place.", "claim.", "renewal.", "work.", "count.renewals.", "identity-lease."];
    let left = world.keys(if chaos == Faults::Now { &lasting } else { &[] });
    let violation = if let Some((_, answer)) = open {
        Some(format!("lease {:?} has not ended", answer.place))
    } else if let Some(id) = orphans.next() {
        Some(format!("the account of {id} is left"))
    } else if !left.is_empty() {
        Some(format!("keys are left: {left:?}"))
    } else {
        counted
    };
    if let Some(violation) = violation {
        world.violate(&violation);
    }
}

/// Draws the settings of a schedule, and a store with its dynamic secrets.
fn terms(random: &mut Random) -> (Terms, BTreeMap<String, Vec<u8>>) {
    let store = MemoryStore::default();
    let mut logs = vec![];
    for name in ["one", "two"].iter().take(random.one_of(&[1, 1, 2])) {
        let secret: DynamicSecret = serde_json::from_value(serde_json::json!({
            "name": name,
            "definition": {
                "target": "prod",
                "account": {"type": "existing", "name": "deployer"},
                "namespaces": ["apps"],
            },
            "inline_target": false,
            "created_at": "2027-01-01T00:00:00Z",
            "updated_at": "2027-01-01T00:00:00Z",
        }))
        .expect("a good definition");
        logs.push(Definitions::new(&store).put_definition(&secret).expect("puts"));
    }
    let keys = store.list_keys().into_iter().filter(|key| !key.starts_with("count."));
    let entries = keys.map(|key| {
        let value = store.get(&key).expect("reads").expect("is there");
        (key, value)
    });
    let entries = entries.collect();
    let terms = Terms {
        times: SweepGracePeriods {
            issue: TimeDelta::seconds(14),
            landing: TimeDelta::seconds(random.one_of(&[0, 4, 4])),
            // Longer than a schedule lasts: from then on a request is a new one.
            retention: TimeDelta::seconds(1000),
        },
        issue: TimeDelta::seconds(14),
        stale: TimeDelta::seconds(random.one_of(&[2, 18])),
        cap: random.one_of(&[1, 2, 3, 3, 5]),
        identity_cap: random.one_of(&[1, 2, 2, 3]),
        batch: random.one_of(&[2, 5, 100]),
        logs,
    };
    (terms, entries)
}

/// The number of schedules, unless more are asked for.
const SCHEDULES: u64 = 200;

/// The steps of a schedule before all is quiet.
const STEPS: usize = 1400;

/// The number of actors at once.
const ACTORS: usize = 14;

/// The seconds between two sweeps once all is quiet.
const ROUND: i64 = 50;

/// The number of last steps that are printed of a schedule that broke a promise.
const TOLD: usize = 250;
