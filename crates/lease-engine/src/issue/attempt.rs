//! What is made for one lease, in two rounds, and undone where it cannot be finished.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future;
use kube_rest::{NewObject, TokenClaims};
use lease_core::{
    ClusterIdentity, DynamicSecret, GrantedTerms, IssuePhase, IssuePlan, Lease, LeaseId, LeaseMode,
    LeasedObject, ObjectKind, PlannedObject,
};
use lease_store::{IdempotencyReservation, LeaseKey};

use super::failure::IssueFailure;
use super::plan::{ownership_stamp, plan_issue};
use super::warnings::ttl_warnings;
use crate::cluster::connection::Connection;
use crate::end::teardown::{RevocationBlocker, Teardown};
use crate::objects::create::{CreateOutcome, OwnershipVerifier};
use crate::objects::object_builder::ObjectBuilder;
use crate::objects::token::MintedToken;
use crate::{ClusterError, Engine, IssueError, Ports, Requester, StoreError};

/// A lease in the making.
pub(crate) struct IssueAttempt<'s> {
    pub(super) lease: Lease,
    plan: IssuePlan,
    secret: &'s DynamicSecret,
    granted: &'s GrantedTerms,
    requester: &'s Requester,
    claim: Option<&'s IdempotencyReservation>,
    attempt: u8,
    ledger: u64,
    /// The kinds of objects that may exist, since their creation had no clear answer.
    in_doubt: Vec<ObjectKind>,
    /// A word on the role that is bound, if it could not be looked through.
    role_warning: Option<String>,
    /// When nothing of it can land any more, by the host's clock.
    settles_at: DateTime<Utc>,
}

/// All that a lease is planned from.
pub(crate) struct IssueContext<'s> {
    /// The requester, in whose name the lease is recorded.
    pub(crate) requester: &'s Requester,
    /// The number of the ledger of the dynamic secret.
    pub(crate) ledger: u64,
    pub(crate) secret: &'s DynamicSecret,
    pub(crate) granted: &'s GrantedTerms,
    /// The cluster that answers at the target.
    pub(crate) cluster: ClusterIdentity,
    /// The time by the clock of that cluster.
    pub(crate) cluster_now: DateTime<Utc>,
    /// The reservation of the request, if it came with an `Idempotency-Key`.
    pub(crate) claim: Option<&'s IdempotencyReservation>,
    /// The time, by the host's clock, after which no token is answered.
    pub(crate) deadline: DateTime<Utc>,
}

impl<'s> IssueAttempt<'s> {
    /// A lease that is granted, before anything is made for it.
    pub(crate) fn plan_attempt<P: Ports>(engine: &Engine<P>, context: IssueContext<'s>) -> Self {
        let IssueContext {
            requester,
            ledger,
            secret,
            granted,
            cluster,
            cluster_now,
            claim,
            deadline,
        } = context;
        let now = engine.ports.now();
        let id = LeaseId::new(engine.random_bytes());
        let plan = plan_issue(secret, granted, requester, (id, 0), now);
        let lease = Lease {
            id,
            dynamic_secret: secret.name.clone(),
            target: secret.definition.spec().target.clone(),
            cluster,
            mode: plan.mode,
            namespace: granted.namespace.clone(),
            service_account: plan.service_account.clone(),
            account_uid: None,
            audiences: granted.audiences.iter().map(ToString::to_string).collect(),
            requester: requester.id.clone(),
            accessor: requester.accessor(),
            share: None,
            phase: IssuePhase::Pending,
            begun_at: now,
            issue_deadline: deadline,
            issued_at: cluster_now,
            expires_at: cluster_now + TimeDelta::from(granted.ttl),
            latest_end: cluster_now + TimeDelta::from(granted.max_ttl),
            objects: plan.leased_objects(),
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
            ledger,
            in_doubt: vec![],
            role_warning: None,
            settles_at,
        }
    }

    /// The objects of the lease, as they would be made.
    pub(crate) fn build_all_objects<P: Ports>(
        &self,
        engine: &'s Engine<P>,
    ) -> Vec<(PlannedObject, NewObject)> {
        let dress = self.object_builder(engine);
        let planned = self.plan.first.iter().chain(&self.plan.second);
        planned.map(|planned| (planned.clone(), dress.build_object(planned, &self.plan))).collect()
    }

    pub(super) fn deadline(&self) -> DateTime<Utc> {
        self.lease.issue_deadline
    }

    pub(super) fn reservation(&self) -> Option<&'s IdempotencyReservation> {
        self.claim
    }

    /// Makes all of it; where a stranger has a name, under another.
    pub(super) async fn create_objects_and_token<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        place: LeaseKey,
    ) -> Result<MintedToken, IssueFailure> {
        match self.create_in_two_rounds(engine, connection).await {
            // If an object may still come into being under its first name, the record keeps that name: the
            // sweep finds the object by it.
            Err(failure) if failure.may_retry() && self.lease.settles_at.is_none() => {
                // What else was made goes, and another name is taken, on record before anything bears it.
                self.undo_objects(engine, connection).await.map_err(|_| failure)?;
                self.plan_other_names(engine);
                self.reset_lease_times(connection);
                let renamed =
                    engine.leases().record_new_object_names(place, &self.lease, self.claim);
                renamed.map_err(|error| IssueFailure::settled(super::fence_issue_error(error)))?;
                self.create_in_two_rounds(engine, connection).await
            }
            made => made,
        }
    }

    /// Makes all of it, in two rounds: what gives no right, then what does, side by side with the token.
    ///
    /// The first round looks whether the target still leads to the same cluster, and what the role is by now
    /// that is to be bound, at no cost in time.
    async fn create_in_two_rounds<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
    ) -> Result<MintedToken, IssueFailure> {
        self.check_in_time(engine)?;
        let (identity, role, first) = future::join3(
            engine.read_namespace_uid(connection, &self.lease.cluster.namespace, self.deadline()),
            engine.recheck_granted_rights(
                connection,
                self.secret,
                &self.lease.namespace,
                self.deadline(),
            ),
            self.create_round(engine, connection, &self.plan.first),
        )
        .await;
        // Before the other two results are judged: an object whose UID is not noted would not be undone.
        self.note_create_outcomes(connection, first)?;
        self.check_same_cluster(engine, connection, identity)?;
        self.role_warning = role.map_err(IssueFailure::settled)?;
        self.check_in_time(engine)?;
        // The token does not wait for the binding: it has no rights before the binding is there.
        let (second, minted) = future::join(
            self.create_round(engine, connection, &self.plan.second),
            self.mint_token(connection),
        )
        .await;
        // If an object has failed, the token is dropped. The undo ends it with the object that it is bound
        // to.
        self.note_create_outcomes(connection, second)?;
        self.retry_unknown_account(engine, connection, minted).await.map_err(IssueFailure::settled)
    }

    /// Nothing more is made by an issuer that may be taken for dead.
    fn check_in_time<P: Ports>(&self, engine: &Engine<P>) -> Result<(), IssueFailure> {
        if engine.is_late(self.deadline()) {
            return Err(IssueFailure::settled(IssueError::TooLate));
        }
        Ok(())
    }

    /// The one call of a plain token, beside which the cluster is looked at.
    pub(super) async fn mint_plain<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
    ) -> Result<MintedToken, IssueError> {
        let (identity, minted) = future::join(
            engine.read_namespace_uid(connection, &self.lease.cluster.namespace, self.deadline()),
            self.mint_token(connection),
        )
        .await;
        self.check_same_cluster(engine, connection, identity).map_err(|failure| failure.error)?;
        self.retry_unknown_account(engine, connection, minted).await
    }

    /// The token, or another try where the account is not the one that was known under its name.
    async fn retry_unknown_account<P: Ports>(
        &mut self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        minted: Result<MintedToken, ClusterError>,
    ) -> Result<MintedToken, IssueError> {
        // The UID in the cache is of an account that was deleted, and perhaps made again. A temporary
        // account is of this lease alone, so that nobody else can have made it again.
        let existing = matches!(self.lease.mode, LeaseMode::Plain | LeaseMode::Existing);
        match minted {
            Err(ClusterError::Kubernetes { source, .. })
                if existing && (source.is_conflict() || source.is_not_found()) =>
            {
                let (place, name) = (&self.lease.namespace, &self.lease.service_account);
                let uid = engine.read_account_uid(connection, place, name, self.deadline()).await?;
                engine.service_account_uids().put_uid(self.ledger, place, name, &uid)?;
                self.lease.account_uid = Some(uid);
                Ok(self.mint_token(connection).await?)
            }
            minted => Ok(minted?),
        }
    }

    /// The lease with its token's own times, and a word where they are not what was asked for.
    pub(super) fn activated_lease(&self, claims: &TokenClaims) -> Lease {
        let given = claims.expires_at - claims.issued_at;
        let issued_at = claims.issued_at;
        let mut warnings = ttl_warnings(self.lease.mode, self.granted.ttl, given);
        warnings.extend(self.role_warning.clone());
        Lease {
            phase: IssuePhase::Active,
            jti: claims.id.clone(),
            issued_at,
            // The shorter of the two: a lease must not be shown as live after its token has expired.
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
    pub(super) async fn undo_objects<P: Ports>(
        &self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
    ) -> Result<(), RevocationBlocker> {
        let Lease { id, cluster, objects, .. } = &self.lease;
        let mut objects = objects.clone();
        objects.retain(|object| object.uid.is_some() || self.in_doubt.contains(&object.kind));
        let ending = Teardown { lease: *id, cluster, objects: &objects };
        engine
            .delete_and_confirm_gone(
                connection,
                ending,
                engine.ports.now() + crate::end::teardown::MAX_TEARDOWN_TIME,
            )
            .await
    }

    async fn create_round<P: Ports>(
        &self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        objects: &[PlannedObject],
    ) -> Vec<(PlannedObject, CreateOutcome)> {
        let dress = self.object_builder(engine);
        let proof = OwnershipVerifier {
            lease: self.lease.id,
            cluster: &self.lease.cluster,
            keys: &engine.keys,
        };
        let making = objects.iter().map(async |planned| {
            let object = dress.build_object(planned, &self.plan);
            let made = connection.create_object(planned, &object, proof, self.deadline()).await;
            (planned.clone(), made)
        });
        future::join_all(making).await
    }

    /// Notes what was made, whatever else failed: it is what has to be undone.
    fn note_create_outcomes<P: Ports>(
        &mut self,
        connection: &Connection<'_, P>,
        made: Vec<(PlannedObject, CreateOutcome)>,
    ) -> Result<(), IssueFailure> {
        let mut failure = None;
        let target = || connection.target.name.clone();
        for (planned, made) in made {
            let (uid, error, unsettled) = match made {
                CreateOutcome::Ours { uid, created_at, in_doubt } => {
                    // An earlier try of the same create was not answered. If it takes effect late, it makes
                    // the object again that an undo has deleted.
                    if in_doubt {
                        self.lease.settles_at = Some(self.settles_at);
                    }
                    let apart = (created_at - self.lease.issued_at).abs();
                    let error =
                        (apart > MAX_CLOCK_DRIFT).then(|| ClusterError::Clock { target: target() });
                    (Some(uid), error, false)
                }
                // It is ours, but it may grant another right than was planned: it is undone by its UID.
                CreateOutcome::Altered { uid, what } => {
                    let error = ClusterError::WrongAnswer { target: target(), what };
                    (Some(uid), Some(error), false)
                }
                CreateOutcome::Taken => {
                    (None, Some(ClusterError::Taken { target: target() }), false)
                }
                CreateOutcome::Refused(error) => (None, Some(error), false),
                CreateOutcome::Unknown(error) => (None, Some(error), true),
            };
            if let Some(uid) = uid {
                self.record_created(&planned, uid);
            }
            if unsettled {
                self.in_doubt.push(planned.kind);
            }
            if let Some(error) = error {
                // The first error is the one that is told. If any outcome is unknown, the record has to
                // stay.
                let so_far =
                    failure.get_or_insert(IssueFailure { error: error.into(), unsettled: false });
                so_far.unsettled |= unsettled;
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn record_created(&mut self, planned: &PlannedObject, uid: String) {
        // The claims of the token must name this very account, and not another of its name.
        if planned.kind == ObjectKind::ServiceAccount {
            self.lease.account_uid = Some(uid.clone());
        }
        let same = |object: &&mut LeasedObject| object.kind == planned.kind;
        if let Some(object) = self.lease.objects.iter_mut().find(same) {
            object.uid = Some(uid);
        }
    }

    /// Fails where the target has come to lead to another cluster.
    pub(super) fn check_same_cluster<P: Ports>(
        &self,
        engine: &Engine<P>,
        connection: &Connection<'_, P>,
        identity: Result<ClusterIdentity, ClusterError>,
    ) -> Result<(), IssueFailure> {
        let failed = |error: ClusterError| IssueFailure::settled(error.into());
        let found = identity.map_err(failed)?;
        if found == self.lease.cluster {
            return Ok(());
        }
        let target = &connection.target.name;
        let store_failed = |error: StoreError| failed(error.into());
        // On record for everybody: "not found" in the other cluster would be taken for "deleted".
        if let Some(known) = engine.known_clusters().get(target).map_err(store_failed)? {
            engine.record_changed_cluster(connection, known, found).map_err(store_failed)?;
        }
        Err(failed(ClusterError::Changed { target: target.clone() }))
    }

    async fn mint_token<P: Ports>(
        &self,
        connection: &Connection<'_, P>,
    ) -> Result<MintedToken, ClusterError> {
        connection.mint_token(&self.lease, self.plan.token_seconds, self.deadline()).await
    }

    fn plan_other_names<P: Ports>(&mut self, engine: &Engine<P>) {
        // The attempt is part of the random end of each name, so that the names that are taken are not met
        // again.
        self.attempt += 1;
        let now = engine.ports.now();
        let Self { secret, granted, requester, .. } = *self;
        self.plan = plan_issue(secret, granted, requester, (self.lease.id, self.attempt), now);
        self.lease.objects = self.plan.leased_objects();
        self.lease.service_account = self.plan.service_account.clone();
    }

    /// Goes by the time that the cluster has just told.
    fn reset_lease_times<P: Ports>(&mut self, connection: &Connection<'_, P>) {
        let Some((_, now)) = connection.server_date() else { return };
        self.lease.issued_at = now;
        self.lease.expires_at = now + TimeDelta::from(self.granted.ttl);
        self.lease.latest_end = now + TimeDelta::from(self.granted.max_ttl);
    }

    fn object_builder<P: Ports>(&self, engine: &'s Engine<P>) -> ObjectBuilder<'_> {
        let parts = self.secret.definition.spec();
        ObjectBuilder {
            stamp: ownership_stamp(&self.lease, self.claim.map(|claim| claim.key.to_string())),
            cluster: &self.lease.cluster,
            keys: &engine.keys,
            labels: &parts.labels,
            annotations: &parts.annotations,
        }
    }
}

/// The largest difference between a cluster's clock and the last known reading of it. An object says when it was
/// issued, and the API server says when it was created: by the two the clock is read again.
const MAX_CLOCK_DRIFT: TimeDelta = TimeDelta::seconds(45);
