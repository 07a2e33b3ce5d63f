//! What is made for one lease, in two rounds, and undone where it cannot be finished.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future;
use kube_rest::{Object, TokenClaims};
use lease_core::{
    DynamicSecret, Granted, KnownCluster, Lease, LeaseId, LeasedObject, Mode, Naming, ObjectKind,
    Phase, Plan, PlannedObject, Stamp,
};
use lease_store::{Claim, Place};

use super::failure::Failure;
use super::warnings::warnings;
use crate::connection::Connection;
use crate::create::{Made, Proof};
use crate::end::{Ending, Obstacle};
use crate::objects::Dress;
use crate::token::Minted;
use crate::{ClusterError, Engine, IssueError, Ports, Requester};

/// A lease in the making.
pub(crate) struct Making<'s> {
    pub(super) lease: Lease,
    plan: Plan,
    secret: &'s DynamicSecret,
    granted: &'s Granted,
    requester: &'s Requester,
    claim: Option<&'s Claim>,
    attempt: u8,
    log: u64,
    /// What may be there, though nobody can say yet.
    in_doubt: Vec<ObjectKind>,
    /// A word on the role that is bound, if it could not be looked through.
    role_warning: Option<String>,
    /// When nothing of it can land any more, by the host's clock.
    settles_at: DateTime<Utc>,
}

impl<'s> Making<'s> {
    /// A lease that is granted, before anything is made for it.
    pub(crate) fn plan<P: Ports>(
        engine: &Engine<P>,
        requester: &'s Requester,
        (log, secret): (u64, &'s DynamicSecret),
        granted: &'s Granted,
        (known, cluster_now): (KnownCluster, DateTime<Utc>),
        claim: Option<&'s Claim>,
        deadline: DateTime<Utc>,
    ) -> Self {
        let now = engine.ports.now();
        let id = LeaseId::new(engine.random());
        let plan = plan(secret, granted, requester, (id, 0), now);
        let lease = Lease {
            id,
            dynamic_secret: secret.name.clone(),
            target: secret.definition.parts().target.clone(),
            cluster: known.identity,
            mode: plan.mode,
            namespace: granted.namespace.clone(),
            service_account: plan.service_account.clone(),
            account_uid: None,
            audiences: granted.audiences.iter().map(ToString::to_string).collect(),
            requester: requester.id.clone(),
            accessor: requester.accessor(),
            share: None,
            phase: Phase::Pending,
            begun_at: now,
            issue_deadline: deadline,
            issued_at: cluster_now,
            expires_at: cluster_now + TimeDelta::from(granted.ttl),
            latest_end: cluster_now + TimeDelta::from(granted.max_ttl),
            objects: plan.objects(),
            settles_at: None,
            jti: None,
            warnings: vec![],
        };
        let settles_at = deadline + engine.config.landing;
        Self {
            lease,
            plan,
            secret,
            granted,
            requester,
            claim,
            attempt: 0,
            log,
            in_doubt: vec![],
            role_warning: None,
            settles_at,
        }
    }

    /// The objects of the lease, as they would be made.
    pub(crate) fn trials<P: Ports>(&self, engine: &'s Engine<P>) -> Vec<(PlannedObject, Object)> {
        let dress = self.dress(engine);
        let planned = self.plan.first.iter().chain(&self.plan.second);
        planned.map(|planned| (planned.clone(), dress.object(planned, &self.plan))).collect()
    }

    pub(super) fn deadline(&self) -> DateTime<Utc> {
        self.lease.issue_deadline
    }

    pub(super) fn claim(&self) -> Option<&'s Claim> {
        self.claim
    }

    /// Makes all of it; where a stranger has a name, under another.
    pub(super) async fn make<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        place: Place,
    ) -> Result<Minted, Failure> {
        match self.make_once(engine, connection).await {
            Err(failure) if failure.may_do_anew() && self.lease.settles_at.is_none() => {
                // What else was made goes, and another name is taken, on record before anything bears it.
                self.undo(engine, connection).await.map_err(|_| failure)?;
                self.rename(engine);
                self.restamp(connection);
                let renamed = engine.leases().rename(place, &self.lease, self.claim);
                renamed.map_err(|error| Failure::settled(super::fenced(error)))?;
                self.make_once(engine, connection).await
            }
            made => made,
        }
    }

    /// Makes all of it, in two rounds: what gives no right, then what does, side by side with the token.
    ///
    /// The first round looks whether the target still leads to the same cluster, and what the role is by now
    /// that is to be bound, at no cost in time.
    async fn make_once<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
    ) -> Result<Minted, Failure> {
        self.in_time(engine)?;
        let (identity, role, first) = future::join3(
            engine.read_identity(connection, &self.lease.cluster.namespace, self.deadline()),
            engine.weigh_grant(connection, self.secret, &self.lease.namespace, self.deadline()),
            self.make_all(engine, connection, &self.plan.first),
        )
        .await;
        self.note(connection, first)?;
        self.same_cluster(engine, connection, identity)?;
        self.role_warning = role.map_err(Failure::settled)?;
        self.in_time(engine)?;
        let (second, minted) = future::join(
            self.make_all(engine, connection, &self.plan.second),
            self.mint(connection),
        )
        .await;
        self.note(connection, second)?;
        self.minted(engine, connection, minted).await.map_err(Failure::settled)
    }

    /// Nothing more is made by an issuer that may be taken for dead.
    fn in_time<P: Ports>(&self, engine: &Engine<P>) -> Result<(), Failure> {
        if engine.is_late(self.deadline()) {
            return Err(Failure::settled(IssueError::TooLate));
        }
        Ok(())
    }

    /// The one call of a plain token, beside which the cluster is looked at.
    pub(super) async fn mint_plain<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
    ) -> Result<Minted, IssueError> {
        let (identity, minted) = future::join(
            engine.read_identity(connection, &self.lease.cluster.namespace, self.deadline()),
            self.mint(connection),
        )
        .await;
        self.same_cluster(engine, connection, identity).map_err(|failure| failure.error)?;
        self.minted(engine, connection, minted).await
    }

    /// The token, or another try where the account is not the one that was known under its name.
    async fn minted<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        minted: Result<Minted, ClusterError>,
    ) -> Result<Minted, IssueError> {
        let existing = matches!(self.lease.mode, Mode::Plain | Mode::Existing);
        match minted {
            Err(ClusterError::Kubernetes { source, .. })
                if existing && (source.is_conflict() || source.is_not_found()) =>
            {
                let (place, name) = (&self.lease.namespace, &self.lease.service_account);
                let uid = engine.read_account(connection, place, name, self.deadline()).await?;
                engine.accounts().put(self.log, place, name, &uid)?;
                self.lease.account_uid = Some(uid);
                Ok(self.mint(connection).await?)
            }
            minted => Ok(minted?),
        }
    }

    /// The lease with its token's own times, and a word where they are not what was asked for.
    pub(super) fn settled(&self, claims: &TokenClaims) -> Lease {
        let given = claims.expires_at - claims.issued_at;
        let issued_at = claims.issued_at;
        let mut warnings = warnings(self.lease.mode, self.granted.ttl, given);
        warnings.extend(self.role_warning.clone());
        Lease {
            phase: Phase::Active,
            jti: claims.id.clone(),
            issued_at,
            expires_at: issued_at + TimeDelta::from(self.granted.ttl).min(given),
            latest_end: issued_at + TimeDelta::from(self.granted.max_ttl),
            warnings,
            ..self.lease.clone()
        }
    }

    /// Deletes what was made, or may have been.
    ///
    /// What was never sent, or was refused, is not looked for: that it is not there would count only
    /// where the cluster is read to be the same, which may be what has just failed.
    pub(super) async fn undo<P: Ports>(
        &self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
    ) -> Result<(), Obstacle> {
        let Lease { id, cluster, objects, .. } = &self.lease;
        let mut objects = objects.clone();
        objects.retain(|object| object.uid.is_some() || self.in_doubt.contains(&object.kind));
        let ending = Ending { lease: *id, cluster, objects: &objects };
        engine.end(connection, ending, engine.ports.now() + crate::end::END_TIME).await
    }

    async fn make_all<P: Ports>(
        &self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        objects: &[PlannedObject],
    ) -> Vec<(PlannedObject, Made)> {
        let dress = self.dress(engine);
        let proof =
            Proof { lease: self.lease.id, cluster: &self.lease.cluster, keys: &engine.keys };
        let making = objects.iter().map(async |planned| {
            let object = dress.object(planned, &self.plan);
            let made = connection.make(planned, &object, proof, self.deadline()).await;
            (planned.clone(), made)
        });
        future::join_all(making).await
    }

    /// Notes what was made, whatever else failed: it is what has to be undone.
    fn note<P: Ports>(
        &mut self,
        connection: &Connection<'_, P>,
        made: Vec<(PlannedObject, Made)>,
    ) -> Result<(), Failure> {
        let mut failure = None;
        let target = || connection.target.name.clone();
        for (planned, made) in made {
            let (uid, error, unsettled) = match made {
                Made::Ours { uid, created_at, in_doubt } => {
                    if in_doubt {
                        self.lease.settles_at = Some(self.settles_at);
                    }
                    let apart = (created_at - self.lease.issued_at).abs();
                    let error =
                        (apart > MAX_APART).then(|| ClusterError::Clock { target: target() });
                    (Some(uid), error, false)
                }
                Made::Altered { uid, what } => {
                    let error = ClusterError::WrongAnswer { target: target(), what };
                    (Some(uid), Some(error), false)
                }
                Made::Taken => (None, Some(ClusterError::Taken { target: target() }), false),
                Made::Refused(error) => (None, Some(error), false),
                Made::Unknown(error) => (None, Some(error), true),
            };
            if let Some(uid) = uid {
                self.made(&planned, uid);
            }
            if unsettled {
                self.in_doubt.push(planned.kind);
            }
            if let Some(error) = error {
                let so_far =
                    failure.get_or_insert(Failure { error: error.into(), unsettled: false });
                so_far.unsettled |= unsettled;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn made(&mut self, planned: &PlannedObject, uid: String) {
        if planned.kind == ObjectKind::ServiceAccount {
            self.lease.account_uid = Some(uid.clone());
        }
        let same = |object: &&mut LeasedObject| object.kind == planned.kind;
        if let Some(object) = self.lease.objects.iter_mut().find(same) {
            object.uid = Some(uid);
        }
    }

    /// Fails where the target has come to lead to another cluster.
    pub(super) fn same_cluster<P: Ports>(
        &self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        identity: Result<lease_core::ClusterIdentity, ClusterError>,
    ) -> Result<(), Failure> {
        let failed = |error: ClusterError| Failure::settled(error.into());
        let found = identity.map_err(failed)?;
        if found == self.lease.cluster {
            return Ok(());
        }
        let target = &connection.target.name;
        if let Some(known) = engine.clusters().get(target).map_err(|e| failed(e.into()))? {
            engine.note_change(connection, known, found).map_err(failed)?;
        }
        Err(failed(ClusterError::Changed { target: target.clone() }))
    }

    async fn mint<P: Ports>(&self, connection: &Connection<'_, P>) -> Result<Minted, ClusterError> {
        connection.mint(&self.lease, self.plan.token_seconds, self.deadline()).await
    }

    fn rename<P: Ports>(&mut self, engine: &Engine<P>) {
        self.attempt += 1;
        let now = engine.ports.now();
        let Self { secret, granted, requester, .. } = *self;
        self.plan = plan(secret, granted, requester, (self.lease.id, self.attempt), now);
        self.lease.objects = self.plan.objects();
        self.lease.service_account = self.plan.service_account.clone();
    }

    /// Goes by the time that the cluster has just told.
    fn restamp<P: Ports>(&mut self, connection: &Connection<'_, P>) {
        let Some((_, now)) = connection.told() else { return };
        self.lease.issued_at = now;
        self.lease.expires_at = now + TimeDelta::from(self.granted.ttl);
        self.lease.latest_end = now + TimeDelta::from(self.granted.max_ttl);
    }

    fn dress<P: Ports>(&self, engine: &'s Engine<P>) -> Dress<'_> {
        let parts = self.secret.definition.parts();
        Dress {
            stamp: stamp(&self.lease, self.claim.map(|claim| claim.key.to_string())),
            cluster: &self.lease.cluster,
            keys: &engine.keys,
            labels: &parts.labels,
            annotations: &parts.annotations,
        }
    }
}

fn plan(
    secret: &DynamicSecret,
    granted: &Granted,
    requester: &Requester,
    (id, attempt): (LeaseId, u8),
    now: DateTime<Utc>,
) -> Plan {
    let (identity, claims) = (requester.display_name(), requester.claims());
    let naming = Naming { id, attempt, identity, claims: &claims, now };
    secret.plan(granted, &naming)
}

/// What every object of the lease says of it.
fn stamp(lease: &Lease, request: Option<String>) -> Stamp {
    let listed = lease.mode == Mode::Existing;
    let secret = lease.objects.iter().find(|object| object.kind == ObjectKind::Secret);
    Stamp {
        lease: lease.id,
        target: lease.target.clone(),
        mode: lease.mode,
        dynamic_secret: lease.dynamic_secret.clone(),
        requester: lease.requester.clone(),
        issued_at: lease.issued_at,
        deadline: lease.expires_at,
        latest_end: lease.latest_end,
        request,
        account: listed.then(|| lease.service_account.to_string()),
        account_uid: lease.account_uid.clone().filter(|_| listed),
        audiences: lease.audiences.clone(),
        secret_uid: secret.and_then(|secret| secret.uid.clone()),
    }
}

/// How far a cluster's clock may be from what it was taken for: by what an object says of the time of its
/// issue and what the API server says of its creation, it is known again.
const MAX_APART: TimeDelta = TimeDelta::seconds(45);
