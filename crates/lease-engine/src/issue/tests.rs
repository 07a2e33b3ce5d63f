//! How leases are issued, kind by kind, and what is left where that fails.

use lease_core::{IssueRequest, LeaseId, LeaseState, TargetInput};

use crate::fixtures::{
    ALL, BOUND, CLUSTER_ROLE, CLUSTER_RULES, EXISTING, LeaseKind, MANIFEST, PLAIN, ROLE, RULES,
    all_leases, asked, block_on, chain, claims, held, issue, issue_for, issue_of, keys, kinds,
    live, made, name_of, object_of, pass, prod, put_secret, requester, restarted, revoke, state,
    sweep, sweep_what_stopped, warm, with_secret,
};
use crate::{
    ClusterError, Engine, IssueError, IssuedLease, Requester, RevocationOutcome, SECRET_TYPE,
};
use lease_testing::{Death, Fault, TestPorts};

mod administrators;
mod again;
mod crashes;
mod events;
mod failures;
mod misplaced;
mod modes;
mod refusals;
mod revocations;
mod rivals;
mod roles;
mod strangers;
