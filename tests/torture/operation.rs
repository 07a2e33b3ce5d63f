//! What is done while something goes wrong.

use anyhow::{Context, Result};
use serde_json::json;
use testbed::http::Reply;

use crate::auditor::Expectations;
use crate::bench::Bench;
use crate::bot::{Bot, is_of_bot};
use crate::broker::Lease;
use crate::kind::{self, Kind};

/// An operation, at each step of which something can go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Login,
    Issue,
    IssueByIdentity,
    Renew,
    Revoke,
    Sweep,
    Reconcile,
}

/// The object of an operation.
pub struct Prepared {
    operation: Operation,
    leases: Vec<Lease>,
    key: String,
    /// Whoever asks, if it is an identity.
    bot: Option<Bot>,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Login,
        Self::Issue,
        Self::IssueByIdentity,
        Self::Renew,
        Self::Revoke,
        Self::Sweep,
        Self::Reconcile,
    ];

    /// As it is written in the name of a point.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Issue => "issue",
            Self::IssueByIdentity => "issue_by_identity",
            Self::Renew => "renew",
            Self::Revoke => "revoke",
            Self::Sweep => "sweep",
            Self::Reconcile => "reconcile",
        }
    }

    /// The kinds of leases that it can be done to.
    pub fn kinds(self) -> Vec<&'static Kind> {
        if self == Self::Login {
            // No lease has a part in it.
            return vec![&kind::EXISTING];
        }
        let mut kinds = vec![
            &kind::EXISTING,
            &kind::ROLE,
            &kind::CLUSTER_ROLE_HERE,
            &kind::CLUSTER_ROLE,
            &kind::RULES,
            &kind::CLUSTER_RULES,
            &kind::MANIFEST,
            &kind::CLUSTER_MANIFEST,
        ];
        if self.is_issue() {
            // It is only issued: nothing else is done to the cluster for it.
            kinds.push(&kind::PLAIN);
        }
        kinds
    }

    fn is_issue(self) -> bool {
        matches!(self, Self::Issue | Self::IssueByIdentity)
    }

    /// Makes what it is done to, while nothing goes wrong.
    pub fn prepare(self, bench: &Bench<'_>, round: u64) -> Result<Prepared> {
        let broker = &bench.broker;
        let lease = |ttl: &str| broker.lease(&json!({ "ttl": ttl }));
        let leases = match self {
            Self::Login | Self::Issue | Self::IssueByIdentity => vec![],
            Self::Renew | Self::Revoke => vec![lease("20m")?],
            Self::Sweep | Self::Reconcile => vec![lease("10s")?, lease("20m")?],
        };
        if self == Self::Reconcile {
            bench.lose_store()?;
        }
        if matches!(self, Self::Sweep | Self::Reconcile) {
            bench.pass(15)?;
        }
        let is_asked_by_a_bot = matches!(self, Self::Login | Self::IssueByIdentity);
        let bot = is_asked_by_a_bot.then(|| Bot::new(bench)).transpose()?;
        Ok(Prepared { operation: self, leases, key: format!("round-{round}"), bot })
    }
}

impl Prepared {
    fn bot(&self) -> Result<&Bot> {
        self.bot.as_ref().context("no bot was made")
    }

    fn issue(&self, bench: &Bench<'_>) -> Result<Reply> {
        let request = json!({ "ttl": "20m" });
        match &self.bot {
            Some(bot) => bench.broker.issue_by(&bot.client(bench)?, &self.key, &request),
            None => bench.broker.issue_as(&self.key, &request),
        }
    }

    /// Does it; says what must hold once everything has come to rest, given what was answered.
    pub fn perform(&self, bench: &Bench<'_>) -> Result<Expectations> {
        let broker = &bench.broker;
        let admin = broker.admin()?;
        let mut expected = Expectations::default();
        for lease in &self.leases {
            expected.answered.push((lease.id.clone(), lease.token.clone()));
        }
        match self.operation {
            Operation::Login => {
                let reply = self.bot()?.log_in(bench);
                if let Some(made) = reply.ok().filter(|reply| reply.status == 200) {
                    let made = made.to_json()?;
                    let text = |name: &str| made[name].as_str().map(str::to_owned).context("text");
                    expected.logins.push((text("accessor")?, text("access_token")?));
                }
            }
            Operation::Issue | Operation::IssueByIdentity => {
                let issued = self.issue(bench);
                if let Some(lease) = issued.ok().filter(|reply| reply.status == 201) {
                    let lease = Lease::of(lease.to_json()?)?;
                    expected.alive.insert(lease.id.clone());
                    expected.answered.push((lease.id, lease.token));
                }
            }
            Operation::Renew => {
                let lease = &self.leases[0];
                let path = format!("{}/renew", lease.path());
                let renewed = admin.post(&path, &json!({ "ttl": "30m" }));
                expected.alive.insert(lease.id.clone());
                if let Some(renewed) = renewed.ok().filter(|reply| reply.status == 200) {
                    let token = Lease::of(renewed.to_json()?)?.token;
                    expected.answered.push((lease.id.clone(), token));
                }
            }
            Operation::Revoke => {
                let lease = &self.leases[0];
                let revoked = broker.revoke(lease);
                // 202 says that it is on record and goes on.
                if revoked.is_ok_and(|reply| matches!(reply.status, 200 | 202)) {
                    expected.over.insert(lease.id.clone());
                }
            }
            Operation::Sweep | Operation::Reconcile => {
                let query = if self.operation == Operation::Sweep { "" } else { "?reconcile=true" };
                // Whether it came to its end or not, the next makes up for it.
                drop(bench.sweep(query));
                let [short, long] = &self.leases[..] else { return Ok(expected) };
                if self.operation == Operation::Sweep {
                    expected.over.insert(short.id.clone());
                } else {
                    // It was over before anybody knew of it: nothing of it is on record.
                    expected.answered.remove(0);
                }
                expected.alive.insert(long.id.clone());
            }
        }
        Ok(expected)
    }

    /// Asks once more, as whoever has got no answer does, and takes back all that lives.
    pub fn finish(&self, bench: &Bench<'_>, expected: &Expectations) -> Result<()> {
        let broker = &bench.broker;
        for (_, access_token) in &expected.logins {
            is_of_bot(bench, access_token).context("I12: an access token that was answered")?;
        }
        if self.operation == Operation::Login {
            self.bot()?.log_in(bench)?.expect_success().context("I12: a login after it")?;
        }
        if self.operation.is_issue() {
            let mut again = self.issue(bench)?;
            if again.status == 409 {
                // Whoever had the key and died is given up for dead half a minute after it is first met.
                bench.pass(33)?;
                again = self.issue(bench)?;
            }
            let again =
                Lease::of(again.expect_success().context("I7: the same request is answered")?)?;
            let first = expected.answered.first();
            anyhow::ensure!(
                first.is_none_or(|(id, _)| *id == again.id),
                "I7: the same request has lease {} and {}",
                again.id,
                first.map_or("", |(id, _)| id)
            );
            if broker.kind.name == kind::PLAIN.name {
                broker.revoke(&again)?.expect_status(409)?;
                return Ok(());
            }
            broker.revoke(&again)?.expect_success()?;
        }
        for id in &expected.alive {
            broker.admin()?.delete(&format!("/api/v1/leases/{id}"))?.expect_success()?;
        }
        // Of those of which nothing was answered, nothing is known.
        for lease in &self.leases {
            let status = broker.revoke(lease)?.status;
            anyhow::ensure!(matches!(status, 200 | 404), "lease {}: {status}", lease.id);
        }
        Ok(())
    }
}
