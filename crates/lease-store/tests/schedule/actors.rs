//! Who acts: each does what `lease-engine` does, in its order, with one account in place of all objects.

use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{
    AuditActor, Closing, EndReason, Ending, IssuePhase, Keyring, Lease, LeaseId, LeaseMode,
    LeaseState, LeasedObject, MasterKey, ObjectKind,
};
use lease_store::{
    AnsweredRequest, AuditContext, FenceError, LeaseKey, Leases, LedgerId, RenewalEventContent,
    ReservationKey, ReservationOutcome, StoredLease, SweepGracePeriods,
};

use crate::port::{Answer, NoAnswer, Port, Said};
use crate::random::Random;

/// The settings that all actors of a schedule share.
#[derive(Debug, Clone)]
pub struct Terms {
    pub times: SweepGracePeriods,
    pub issue: TimeDelta,
    pub stale: TimeDelta,
    pub cap: u32,
    /// The cap of the leases of [`IDENTITY`] that may live, over all logs.
    pub identity_cap: u32,
    pub batch: usize,
    pub logs: Vec<u64>,
}

/// A request of an actor.
#[derive(Debug, Clone)]
pub struct Ask {
    pub id: LeaseId,
    pub log: u64,
    pub plain: bool,
    /// True if [`IDENTITY`] asks.
    pub limited: bool,
    pub ttl: i64,
    pub key: Option<usize>,
}

/// The number of an identity of which only so many leases may live.
pub const IDENTITY: u64 = 7;

/// The keys that sign all events.
pub fn keys() -> &'static Keyring {
    static KEYS: LazyLock<Keyring> = LazyLock::new(|| {
        let key = MasterKey::from_base64(&format!("{}=", "A".repeat(43))).expect("a good key");
        Keyring::new(&key, &[])
    });
    &KEYS
}

fn leases(port: &Port) -> Leases<'_, Port> {
    static ACTOR: LazyLock<AuditActor> = LazyLock::new(|| AuditActor::of_requester("somebody"));
    Leases::new(port, AuditContext { keys: keys(), actor: &ACTOR, on_record: |_, _| {} })
}

/// The end of an actor's run: its results were reported on the way; `None` if it stopped.
type Outcome = Option<()>;

pub fn issue(port: &Port, terms: &Terms, ask: &Ask, random: &mut Random) -> Outcome {
    let leases = leases(port);
    let deadline = port.now() + terms.issue;
    let is_late = || port.now() > deadline;
    let mut claim = None;
    if let Some(key) = ask.key {
        let key = ReservationKey::try_from(format!("{key:x}")).expect("a good key");
        let mut waits = 0;
        claim = loop {
            match leases.reserve_request(&key, "f", port.now(), terms.stale).ok()? {
                ReservationOutcome::Mine(claim) => break Some(claim),
                ReservationOutcome::Taken(claimed) => {
                    return issue_again(port, ask, &claimed, deadline);
                }
                ReservationOutcome::Busy { .. } if waits < 4 => waits += 1,
                ReservationOutcome::Busy { .. } => return None,
            }
            port.pause()?;
        };
    }
    let claim = claim.as_ref();
    let release = || match claim {
        Some(claim) => leases.release_reservation(claim).ok(),
        None => Some(()),
    };
    let mut share = None;
    if ask.limited {
        let Ok(given) = leases.reserve_share_within_cap(IDENTITY, terms.identity_cap, port.now())
        else {
            port.tell(Said::Note("refused a share"));
            return release();
        };
        share = Some(given);
    }
    let Ok(numbered) = leases.reserve_number_within_cap(ask.log, Some(terms.cap), port.now())
    else {
        port.tell(Said::Note("refused"));
        if let Some(share) = &share {
            leases.void_share(share, port.now()).ok()?;
        }
        return release();
    };
    let numbered = numbered.with_share(share);
    let place = numbered.place();
    let mut lease = pending(ask, port.now(), deadline);
    lease.share = numbered.lease_share();
    if ask.plain {
        port.pause()?;
        if is_late() || random.happens(50) {
            leases.void_number(&numbered, Some(&lease), "no token", port.now()).ok()?;
            return release();
        }
        lease.phase = IssuePhase::Active;
        leases
            .record_plain_token(&numbered, &lease, claim, port.now())
            .map_err(|error| fenced(port, &error))
            .ok()?;
        if !is_late() {
            port.tell(answer(&lease, place, lease.expires_at, ask.key));
        }
        return Some(());
    }
    leases
        .record_pending_lease(&numbered, &lease, claim)
        .map_err(|error| fenced(port, &error))
        .ok()?;
    let Ok(uid) = make(port, &mut lease, is_late) else {
        // What came of it is not known: it is undone as far as it can be, and left to the sweep.
        return undo(port, lease.id);
    };
    if is_late() || uid.is_none() {
        undo(port, lease.id)?;
        return leases.record_failed_issue(place, &lease, port.now(), "no token").ok();
    }
    lease.phase = IssuePhase::Active;
    leases
        .record_active_lease(place, &lease, claim, port.now())
        .map_err(|error| fenced(port, &error))
        .ok()?;
    if !is_late() {
        port.tell(answer(&lease, place, lease.expires_at, ask.key));
    }
    Some(())
}

/// The account's UID; none if it gives no token.
fn make(
    port: &Port,
    lease: &mut Lease,
    is_late: impl Fn() -> bool,
) -> Result<Option<u64>, NoAnswer> {
    if is_late() {
        return Ok(None);
    }
    let Some(uid) = port.create(lease.id)? else { return Ok(None) };
    lease.objects[0].uid = Some(uid.to_string());
    if is_late() {
        return Ok(None);
    }
    Ok(port.mint(lease.id, uid)?.then_some(uid))
}

fn undo(port: &Port, id: LeaseId) -> Outcome {
    match port.read(id).ok()? {
        Some(uid) => port.remove(id, uid),
        None => Some(()),
    }
}

fn issue_again(
    port: &Port,
    ask: &Ask,
    claimed: &AnsweredRequest,
    deadline: DateTime<Utc>,
) -> Outcome {
    let leases = leases(port);
    let held = leases.read_lease_at(claimed.place).ok()??;
    if held.state_at(port.now()) != LeaseState::Active {
        return None;
    }
    if held.lease.mode == LeaseMode::Plain {
        port.pause()?;
    } else if !port.mint(held.lease.id, uid_of(&held.lease)?).ok()? {
        return None;
    }
    if leases.is_within_issue_fences(&held, Some(&claimed.claim)).ok()? && port.now() <= deadline {
        port.tell(Said::Note("answered again"));
        port.tell(answer(&held.lease, held.place, held.expires_at, ask.key));
    }
    Some(())
}

pub fn renew(port: &Port, terms: &Terms, id: LeaseId, ttl: i64) -> Outcome {
    let leases = leases(port);
    let deadline = port.now() + terms.issue;
    let held = leases.find(id).ok()??;
    let now = port.now();
    if held.lease.mode == LeaseMode::Plain || held.state_at(now) != LeaseState::Active {
        return None;
    }
    let renewal = leases.take_renewal_number(&held).ok()?;
    let end = (now + TimeDelta::seconds(ttl)).max(renewal.expires_at);
    port.pause()?;
    if !port.mint(id, uid_of(&held.lease)?).ok()? {
        return None;
    }
    let now = port.now();
    let outcome = RenewalEventContent { now, is_renewed: true, jti: None, reason: None };
    let confirmed = leases.record_renewal(&renewal, end, &outcome);
    let stands = confirmed.map_err(|error| fenced(port, &error)).ok()?;
    if port.now() <= deadline {
        port.tell(Said::Note("renewed"));
        port.tell(answer(&held.lease, held.place, stands, None));
    }
    Some(())
}

pub fn revoke(port: &Port, terms: &Terms, id: LeaseId, random: &mut Random) -> Outcome {
    let leases = leases(port);
    let held = leases.find(id).ok()??;
    if held.ending.is_some() || held.lease.mode == LeaseMode::Plain {
        return None;
    }
    port.tell(Said::Revokes(id));
    let why = held.closing.as_ref().map_or(EndReason::Revoked, |closing| closing.why);
    if !random.happens(200) && carry_out(port, terms, &held) {
        leases.record_end(&held, &Ending { why, at: port.now(), note: None }).ok()?;
        port.tell(Said::Note("revoked"));
        port.tell(Said::Revoked(id));
        return Some(());
    }
    let obstacle = Some("the cluster does not answer".to_owned());
    let closing = Closing { why, since: port.now(), obstacle, work: None };
    leases.record_postponed_end(&held, &closing).map_err(|error| fenced(port, &error)).ok()?;
    port.tell(Said::Note("postponed"));
    port.tell(Said::Revoked(id));
    Some(())
}

/// Deletes the objects of a lease, and returns true if none is left.
fn carry_out(port: &Port, terms: &Terms, held: &StoredLease) -> bool {
    let lease = &held.lease;
    let settled = lease.issue_deadline + terms.times.landing;
    if lease.phase == IssuePhase::Pending && port.now() < settled {
        return false;
    }
    let gone = match uid_of(lease) {
        Some(uid) => port.remove(lease.id, uid),
        None => undo(port, lease.id),
    };
    gone.is_some()
}

pub fn sweep(port: &Port, terms: &Terms, random: &mut Random) -> Outcome {
    let logs = terms.logs.iter().map(|log| LedgerId::DynamicSecret(*log));
    for which in
        [LedgerId::PendingRevocations, LedgerId::Identity(IDENTITY)].into_iter().chain(logs)
    {
        for _ in 0..8 {
            let leases = leases(port);
            let due = leases.read_due_batch(which, port.now(), terms.batch, terms.times).ok()?;
            let Some(mut batch) = due else { break };
            for task in batch.close_due_and_list_ends().ok()? {
                if !random.happens(100) && carry_out(port, terms, &task.held) {
                    batch.note_ended(&task, Ending { why: task.why, at: port.now(), note: None });
                } else {
                    batch.note_postponed(&task, TimeDelta::seconds(5));
                }
            }
            if !batch.forget_old_and_write_batch().ok()?.more {
                break;
            }
        }
    }
    Some(())
}

fn fenced(port: &Port, error: &FenceError) {
    if matches!(error, FenceError::Fenced) {
        port.tell(Said::Note("fenced"));
    }
}

fn uid_of(lease: &Lease) -> Option<u64> {
    lease.objects.first()?.uid.as_ref()?.parse().ok()
}

fn answer(lease: &Lease, place: LeaseKey, ends: DateTime<Utc>, key: Option<usize>) -> Said {
    let plain = lease.mode == LeaseMode::Plain;
    let limited = lease.share.is_some();
    Said::Answers(Answer { id: lease.id, place, ends: ends.timestamp(), plain, limited, key })
}

fn pending(ask: &Ask, now: DateTime<Utc>, deadline: DateTime<Utc>) -> Lease {
    let account = LeasedObject {
        kind: ObjectKind::ServiceAccount,
        namespace: None,
        name: ask.id.to_string(),
        uid: None,
    };
    let ends = now + TimeDelta::seconds(ask.ttl);
    Lease {
        id: ask.id,
        dynamic_secret: "ci".parse().expect("a good name"),
        target: "prod".parse().expect("a good name"),
        cluster: lease_core::ClusterIdentity {
            namespace: "kube-system".parse().expect("a good name"),
            uid: "c".to_owned(),
        },
        mode: if ask.plain { LeaseMode::Plain } else { LeaseMode::TemporaryInNamespace },
        namespace: "apps".parse().expect("a good name"),
        service_account: "a".parse().expect("a good name"),
        account_uid: None,
        audiences: vec![],
        requester: "somebody".to_owned(),
        accessor: None,
        share: None,
        phase: IssuePhase::Pending,
        begun_at: now,
        issue_deadline: deadline,
        issued_at: now,
        expires_at: ends,
        latest_end: ends + TimeDelta::seconds(400),
        objects: if ask.plain { vec![] } else { vec![account] },
        settles_at: None,
        jti: None,
        warnings: vec![],
    }
}
