//! A dynamic secret of its own in a store, with leases that are issued, renewed and swept step by step.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{
    AuditActor, DynamicSecret, EndReason, Ending, IssuePhase, Keyring, Lease, LeaseId, LeaseMode,
    MasterKey, ObjectKind,
};

use super::watched::Watched;
use lease_store::{
    AuditContext, AuditLog, AuditSweepDurations, BatchOutcome, Definitions, EndTask,
    IdempotencyReservation, KeyValue, LeaseKey, Leases, LedgerId, LedgerRecord,
    RenewalEventContent, ReservationKey, ReservationOutcome, ReservedNumber, StoredLease,
    SweepGracePeriods,
};

/// When all of it begins.
pub(super) const T0: i64 = 1_800_000_000;

/// The longest duration of an issue, in seconds.
pub(super) const ISSUE: i64 = 30;

/// The lifetime of a lease, in seconds.
pub(super) const TTL: i64 = 600;

pub(super) const TIMES: SweepGracePeriods = SweepGracePeriods {
    issue: TimeDelta::seconds(30),
    landing: TimeDelta::seconds(75),
    retention: TimeDelta::days(7),
};

/// The time for which events are kept: longer than leases are.
pub(super) const AUDIT_RETENTION: i64 = 30 * 24 * 3600;

/// When all issues that were begun at [`T0`] are settled.
pub(super) const SETTLED: i64 = T0 + ISSUE + 75;

/// The keys that sign, and who acts: the same for all.
pub(super) fn auditor() -> AuditContext<'static> {
    static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
        let key = MasterKey::from_base64(&format!("{}=", "A".repeat(43))).expect("a good key");
        Keyring::new(&key, &[])
    });
    static ACTOR: LazyLock<AuditActor> =
        LazyLock::new(|| AuditActor::of_requester("administrator"));
    AuditContext { keys: &KEYS, actor: &ACTOR, on_record: |_, _| {} }
}

/// A renewal that succeeds at [`T0`].
pub(super) const RENEWED: RenewalEventContent<'static> = RenewalEventContent {
    now: DateTime::UNIX_EPOCH,
    is_renewed: true,
    jti: Some("j"),
    reason: None,
};

/// A dynamic secret of its own.
pub(super) struct Bench<'a, K> {
    pub(super) store: Watched<'a, K>,
    pub(super) secret: DynamicSecret,
    pub(super) log: u64,
}

pub(super) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).expect("in range")
}

impl<'a, K: KeyValue> Bench<'a, K> {
    pub(super) fn new(inner: &'a K) -> Self {
        let store = Watched::new(inner);
        let name = format!("s-{}", inner.increment_counter("count.suite").expect("counts"));
        let secret: DynamicSecret = serde_json::from_value(serde_json::json!({
            "name": name,
            "definition": {
                "target": "prod",
                "account": {"type": "existing", "name": "deployer"},
                "namespaces": ["apps"],
            },
            "inline_target": false,
            "created_at": at(T0),
            "updated_at": at(T0),
        }))
        .expect("a good definition");
        let log = Definitions::new(&store).put_definition(&secret).expect("puts");
        store.counts();
        Self { store, secret, log }
    }

    /// The leases as this replica sees them: counted, and interrupted.
    pub(super) fn leases(&self) -> Leases<'_, Watched<'a, K>> {
        Leases::new(&self.store, auditor())
    }

    /// The leases as another replica sees them.
    pub(super) fn others(&self) -> Leases<'a, K> {
        Leases::new(self.store.inner, auditor())
    }

    pub(super) fn place(&self, number: u64) -> LeaseKey {
        LeaseKey { ledger: self.log, number }
    }

    /// A lease of a new id that is begun at [`T0`].
    pub(super) fn lease(&self, mode: LeaseMode) -> Lease {
        self.lease_at(mode, T0)
    }

    pub(super) fn lease_at(&self, mode: LeaseMode, begun: i64) -> Lease {
        let number = self.store.inner.increment_counter("count.suite").expect("counts");
        let id = LeaseId::new((u128::from(number) << 64 | u128::from(self.log)).to_be_bytes());
        serde_json::from_value(serde_json::json!({
            "id": id,
            "dynamic_secret": self.secret.name,
            "target": "prod",
            "cluster": {"namespace": "kube-system", "uid": "c"},
            "mode": mode,
            "namespace": "apps",
            "service_account": "deployer",
            "account_uid": null,
            "audiences": [],
            "requester": "somebody",
            "phase": IssuePhase::Pending,
            "begun_at": at(begun),
            "issue_deadline": at(begun + ISSUE),
            "issued_at": at(begun),
            "expires_at": at(begun + TTL),
            "latest_end": at(begun + 100 * TTL),
            "objects": [
                {"kind": ObjectKind::Secret, "namespace": "apps", "name": id, "uid": null},
            ],
            "jti": null,
            "warnings": [],
        }))
        .expect("a good lease")
    }

    /// A request of its own.
    pub(super) fn key(&self) -> ReservationKey {
        let number = self.store.inner.increment_counter("count.suite").expect("counts");
        ReservationKey::try_from(format!("{number:064x}")).expect("a good key")
    }

    /// Claims a request that nobody else has.
    pub(super) fn claim(&self, key: &ReservationKey) -> IdempotencyReservation {
        match self
            .leases()
            .reserve_request(key, "f", at(T0), TimeDelta::seconds(105))
            .expect("claims")
        {
            ReservationOutcome::Mine(claim) => claim,
            other => panic!("not ours: {other:?}"),
        }
    }

    /// A number, whatever lives.
    pub(super) fn number(&self) -> ReservedNumber {
        self.leases().reserve_number_within_cap(self.log, None, at(T0)).expect("gives a number")
    }

    /// A whole issue.
    pub(super) fn issue(
        &self,
        mode: LeaseMode,
        claim: Option<&IdempotencyReservation>,
    ) -> StoredLease {
        let lease = self.lease(mode);
        self.issue_as(&self.number(), &lease, claim)
    }

    pub(super) fn issue_as(
        &self,
        numbered: &ReservedNumber,
        lease: &Lease,
        claim: Option<&IdempotencyReservation>,
    ) -> StoredLease {
        let active = active(lease);
        let leases = self.leases();
        if lease.mode == LeaseMode::Plain {
            leases.record_plain_token(numbered, &active, claim, at(T0)).expect("records");
        } else {
            leases.record_pending_lease(numbered, lease, claim).expect("begins");
            leases
                .record_active_lease(numbered.place(), &active, claim, at(T0))
                .expect("completes");
        }
        StoredLease::new(numbered.place(), active)
    }

    /// Carries out one batch, as another replica would: every due end succeeds.
    pub(super) fn batch(&self, which: LedgerId, now: i64, limit: usize) -> Option<BatchOutcome> {
        batch(&self.others(), which, now, limit)
    }

    /// Sweeps the log once: what became of it.
    pub(super) fn sweep(&self, now: i64) -> BatchOutcome {
        self.batch(LedgerId::DynamicSecret(self.log), now, 100).unwrap_or_default()
    }

    /// Returns the ends that a sweep would carry out by `now`, without any of them.
    pub(super) fn due(&self, now: i64) -> Vec<EndTask> {
        let due =
            self.others().read_due_batch(LedgerId::DynamicSecret(self.log), at(now), 100, TIMES);
        due.expect("reads")
            .map_or_else(Vec::new, |mut batch| batch.close_due_and_list_ends().expect("closes"))
    }

    /// The lease at a place.
    pub(super) fn held(&self, place: LeaseKey) -> StoredLease {
        self.others().read_lease_at(place).expect("reads").expect("is there")
    }

    /// The audit events as another replica sees them.
    pub(super) fn audit(&self) -> AuditLog<'a, K> {
        AuditLog::new(self.store.inner, auditor().keys)
    }

    /// Forgets the events of the log that are old, as many as there are.
    pub(super) fn tend(&self, now: i64) {
        let retention = TimeDelta::seconds(AUDIT_RETENTION);
        self.audit()
            .settle_and_forget_events(
                at(now),
                AuditSweepDurations { landing: TIMES.landing, retention },
            )
            .expect("tends");
    }

    /// Marks the log as one whose dynamic secret is gone, and drops it if nothing of it is left.
    pub(super) fn drop_log(&self) {
        for (number, log) in self.others().list_ledgers().expect("reads") {
            if number == self.log {
                self.others().drop_retired_ledger_if_empty(number, &log).expect("drops");
            }
        }
    }

    /// Returns the record of the log, while it is there.
    pub(super) fn log_record(&self) -> Option<LedgerRecord> {
        let mut logs = self.others().list_ledgers().expect("reads").into_iter();
        logs.find(|(number, _)| *number == self.log).map(|(_, log)| log)
    }
}

pub(super) fn batch<K: KeyValue>(
    leases: &Leases<'_, K>,
    which: LedgerId,
    now: i64,
    limit: usize,
) -> Option<BatchOutcome> {
    let mut batch = leases.read_due_batch(which, at(now), limit, TIMES).expect("reads")?;
    for task in batch.close_due_and_list_ends().expect("closes") {
        batch.note_ended(&task, ending(task.why, now));
    }
    Some(batch.forget_old_and_write_batch().expect("finishes"))
}

pub(super) fn active(pending: &Lease) -> Lease {
    Lease { phase: IssuePhase::Active, ..pending.clone() }
}

pub(super) fn ending(why: EndReason, now: i64) -> Ending {
    Ending { why, at: at(now), note: None }
}
