//! What the API server is asked for one lease, and in which order.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use chrono::DateTime;
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::wait::{not_yet, wait_until};

use crate::broker::Broker;
use crate::kind::{self, Kind};

pub fn an_existing_accounts_secret_comes_before_its_token(case: &TestCase) -> Result<()> {
    let issue = ["create secrets", "create leases", "create serviceaccounts/token"];
    let end = ["delete leases", "delete secrets"];
    asked(case, &kind::EXISTING, &issue, 1, &end)
}

pub fn a_temporary_account_and_its_role_come_before_what_gives_rights(
    case: &TestCase,
) -> Result<()> {
    let issue = [
        "create serviceaccounts",
        "create roles",
        "create rolebindings",
        "create serviceaccounts/token",
    ];
    let end = ["delete rolebindings", "delete roles", "delete serviceaccounts"];
    asked(case, &kind::RULES, &issue, 2, &end)
}

pub fn a_bound_role_is_read_beside_what_comes_first(case: &TestCase) -> Result<()> {
    let issue = [
        "create serviceaccounts",
        "get roles",
        "create rolebindings",
        "create serviceaccounts/token",
    ];
    let end = ["delete rolebindings", "delete serviceaccounts"];
    asked(case, &kind::ROLE, &issue, 2, &end)
}

pub fn a_plain_token_is_one_call(case: &TestCase) -> Result<()> {
    asked(case, &kind::PLAIN, &["create serviceaccounts/token"], 0, &[])
}

/// Nothing else than this is asked in the namespace; the first `first` are answered before the rest is sent.
fn asked(
    case: &TestCase,
    kind: &'static Kind,
    issue: &[&str],
    first: usize,
    end: &[&str],
) -> Result<()> {
    let broker = Broker::new(case, kind)?;
    // What is learnt once is known after the first.
    broker.lease(&json!({ "ttl": "15m" }))?;
    let known = settled(&broker, 0)?.len();
    let lease = broker.lease(&json!({ "ttl": "15m" }))?;
    let events = settled(&broker, known + issue.len())?.split_off(known);
    let names: BTreeSet<_> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!(names, issue.iter().copied().collect());
    assert_eq!(events.len(), issue.len(), "each once");
    let (before, after) = issue.split_at(first);
    for event in &events {
        if after.contains(&&*event.what) {
            for earlier in events.iter().filter(|earlier| before.contains(&&*earlier.what)) {
                ensure!(earlier.answered <= event.sent, "{earlier:?} is not before {event:?}");
            }
        }
    }
    if end.is_empty() {
        return Ok(());
    }
    let known = known + issue.len();
    broker.revoke(&lease)?.expect_status(200)?;
    let events = settled(&broker, known + end.len())?.split_off(known);
    let names: BTreeSet<_> = events.iter().map(|event| event.what.as_str()).collect();
    assert_eq!((names, events.len()), (end.iter().copied().collect(), end.len()));
    // One round: none waits for another's answer.
    let last_sent = events.iter().map(|event| event.sent).max();
    let last_answered = events.iter().map(|event| event.answered).max();
    ensure!(last_sent < last_answered, "{events:?}");
    Ok(())
}

/// Returns kubelease's requests in the namespace, once there are at least `count`.
fn settled(broker: &Broker, count: usize) -> Result<Vec<Event>> {
    wait_until("the audit log", Duration::from_secs(10), || {
        let events = broker.cluster.audit_events_in_namespace(broker.place.name())?;
        let ours = events.iter().filter(|event| event["user"]["username"] == broker.username());
        let ours = ours.map(Event::of).collect::<Result<Vec<_>>>()?;
        if ours.len() >= count.max(1) { Ok(ours) } else { Err(not_yet(format!("{ours:?}"))) }
    })
}

#[derive(Debug)]
struct Event {
    what: String,
    sent: i64,
    answered: i64,
}

impl Event {
    fn of(event: &Value) -> Result<Self> {
        let time = |key: &str| {
            let time = DateTime::parse_from_rfc3339(event[key].as_str().context("a time")?);
            Ok::<_, anyhow::Error>(time.ok().context("RFC 3339")?.timestamp_micros())
        };
        let object = &event["objectRef"];
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut what = format!("{} {}", text(&event["verb"]), text(&object["resource"]));
        if object["subresource"].is_string() {
            what = format!("{what}/{}", text(&object["subresource"]));
        }
        Ok(Self {
            what,
            sent: time("requestReceivedTimestamp")?,
            answered: time("stageTimestamp")?,
        })
    }
}
