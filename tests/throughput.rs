//! The price of identities, leases by an access token beside leases by `admin_token`; and that of the credential plugin.
//!
//! It is a file of its own, so that no other test runs beside it. What else the machine does meets both alike: they take
//! turns, the median of many turns counts, and a median that is too low is measured anew, three times at most. A token that
//! were slower would be so each time. `cargo xtask throughput` runs it alone, and shows what it measures.

// What is measured is made as in the other tests.
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "broker.rs"]
mod broker;
#[path = "throughput/credential.rs"]
mod credential;
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "kind.rs"]
mod kind;
#[expect(dead_code, reason = "not all of it is used here")]
#[path = "machine.rs"]
mod machine;

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;
use testbed::harness::{TestCase, run_tests, tests};
use testbed::http::HttpClient;

use crate::broker::Broker;
use crate::kind::Kind;

fn main() -> ExitCode {
    run_tests(tests![
        an_access_token_leases_plain_tokens_as_fast_as_admin_token,
        an_access_token_leases_temporary_accounts_as_fast_as_admin_token,
        credential::a_credential_costs_little_more_than_its_lease,
    ])
}

/// The cost of an access token is at most one call to the cluster.
fn an_access_token_leases_plain_tokens_as_fast_as_admin_token(case: &TestCase) -> Result<()> {
    compare(case, &kind::PLAIN, 10)
}

fn an_access_token_leases_temporary_accounts_as_fast_as_admin_token(case: &TestCase) -> Result<()> {
    compare(case, &kind::CLUSTER_ROLE_HERE, 5)
}

/// Compares the two, and again if the machine may have had other things to do.
fn compare(case: &TestCase, kind: &'static Kind, each: usize) -> Result<()> {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let broker = Broker::new(case, kind)?;
    let admin = broker.admin()?;
    let identity = json!({"auth": [{"type": "token"}], "grants": [{"dynamic_secrets": ["*"],
        "namespaces": ["*"], "actions": ["issue"]}]});
    admin.put("/api/v1/identities/bot", &identity)?.expect_status(201)?;
    let made = admin.post("/api/v1/identities/bot/tokens", &json!({}))?.expect_status(201)?;
    let bot = admin.with_bearer(made["access_token"].as_str().context("a token")?);
    let path = format!("{}/leases", broker.secret_path());
    let rate = |http: &HttpClient| lease_at_once(http, &path, each);
    // The host compiles and the cluster warms up with the first ones.
    rate(&admin)?;
    rate(&bot)?;
    let mut medians = vec![];
    for _ in 0..ROUNDS {
        let median = measure(kind, || rate(&admin), || rate(&bot))?;
        if median >= LEAST {
            return Ok(());
        }
        medians.push(median);
    }
    bail!("an access token is slower than it may be: {medians:.3?}")
}

/// Leases in turns by one and by the other, compares the two of each turn, and returns the median.
fn measure(
    kind: &Kind,
    rate_of_admin: impl Fn() -> Result<f64>,
    rate_of_bot: impl Fn() -> Result<f64>,
) -> Result<f64> {
    let (mut ratios, mut by_admin, mut by_bot) = (vec![], vec![], vec![]);
    for turn in 0..TURNS {
        // Who comes first has what the other has left to be done.
        let (admin, bot) = if turn % 2 == 0 {
            let admin = rate_of_admin()?;
            (admin, rate_of_bot()?)
        } else {
            let bot = rate_of_bot()?;
            (rate_of_admin()?, bot)
        };
        ratios.push(bot / admin);
        by_admin.push(admin);
        by_bot.push(bot);
    }
    let spread = (quantile(&mut ratios, 25), quantile(&mut ratios, 75));
    let ratio = quantile(&mut ratios, 50);
    eprintln!(
        "{}: {:.0} leases a second by an access token, {:.0} by `admin_token`; of {TURNS} turns the median ratio \
         is {ratio:.3}, half of them between {:.3} and {:.3}",
        kind.name,
        quantile(&mut by_bot, 50),
        quantile(&mut by_admin, 50),
        spread.0,
        spread.1,
    );
    Ok(ratio)
}

/// Leases in several threads, and returns how many that were in a second.
fn lease_at_once(http: &HttpClient, path: &str, each: usize) -> Result<f64> {
    let began = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..each {
                        http.post(path, &json!({"ttl": "10m"}))?.expect_status(201)?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })
    .map(|()| {
        (u32::try_from(THREADS * each).map_or(0.0, f64::from)) / began.elapsed().as_secs_f64()
    })
}

/// The value below which so many per cent of all are.
fn quantile<T: Copy + PartialOrd>(values: &mut [T], percent: usize) -> T {
    values.sort_by(|one, other| one.partial_cmp(other).expect("comparable values"));
    values[(values.len() - 1) * percent / 100]
}

/// Held by the test that measures: the others wait.
static TURN: Mutex<()> = Mutex::new(());

/// Short turns and many: what else the machine does then meets both alike.
const TURNS: usize = 51;

/// The number of times that it is measured until it is as it should be.
const ROUNDS: usize = 6;

const THREADS: usize = 4;

/// An access token may cost a twentieth.
const LEAST: f64 = 0.95;
