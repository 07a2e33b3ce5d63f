//! What the API server says of objects that are created for trial, and not kept.

use chrono::{DateTime, Utc};
use kube_rest::{Error, Kind};
use lease_core::{Account, DynamicSecret, Grant, IssueRequest, KnownCluster, ObjectKind};

use super::ask::Asked;
use super::tell::told;
use crate::connection::Connection;
use crate::issue::Making;
use crate::objects::role_kind;
use crate::{Engine, Ports, Requester};

impl<P: Ports> Engine<P> {
    /// Tries what a lease of the dynamic secret would make in the first namespace that it names.
    ///
    /// A dry run asks all that decides: RBAC, its rule that nobody grants what he has not, and admission.
    /// What is bound must be there; a token is never tried, since a dry run answers a real one.
    pub(super) async fn try_out(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        known: &KnownCluster,
        asked: &mut Asked,
        deadline: DateTime<Utc>,
    ) {
        let problem = match &secret.definition.parts().account {
            Account::Existing { .. } => self.look_for_account(connection, secret, deadline).await,
            Account::Temporary(temporary) => {
                let absent = match temporary.grant() {
                    Grant::Role(_) => self.look_for_role(connection, secret, deadline).await,
                    Grant::Rules(_) | Grant::Manifest(_) => None,
                };
                match absent {
                    Some(absent) => Some(absent),
                    None => self.try_objects(connection, secret, known, asked, deadline).await,
                }
            }
        };
        asked.problem = asked.problem.take().or(problem);
    }

    async fn look_for_account(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        deadline: DateTime<Utc>,
    ) -> Option<String> {
        let Account::Existing { name, .. } = &secret.definition.parts().account else {
            return None;
        };
        let namespace = secret.definition.namespaces().literal().first()?.as_str();
        let kind = Kind::ServiceAccount;
        let read = connection.ask(deadline, |api| api.read(kind, Some(namespace), name.as_str()));
        let error = read.await.err()?;
        error
            .is_not_found()
            .then(|| format!("there is no service account `{name}` in namespace `{namespace}`"))
    }

    async fn look_for_role(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        deadline: DateTime<Utc>,
    ) -> Option<String> {
        let Account::Temporary(temporary) = &secret.definition.parts().account else { return None };
        let Grant::Role(role) = temporary.grant() else { return None };
        let kind = role_kind(role.kind);
        let place = secret.definition.namespaces().literal().first();
        let namespace = if kind.is_namespaced() { Some(place?.as_str()) } else { None };
        let read = connection.ask(deadline, |api| api.read(kind, namespace, role.name.as_str()));
        let error = read.await.err()?;
        error.is_not_found().then(|| format!("there is no {} `{}`", kind.name(), role.name))
    }

    async fn try_objects(
        &self,
        connection: &Connection<'_, P>,
        secret: &DynamicSecret,
        known: &KnownCluster,
        asked: &mut Asked,
        deadline: DateTime<Utc>,
    ) -> Option<String> {
        let namespace = secret.definition.namespaces().literal().first()?.clone();
        let request = IssueRequest { namespace: Some(namespace), ..IssueRequest::default() };
        // One that is disabled can be tried when it is enabled.
        let granted = secret.grant(request, self.config.max_ttl).ok()?;
        let requester = Requester::check();
        let subject = (0, secret);
        let known = (known.clone(), self.ports.now());
        let making = Making::plan(self, &requester, subject, &granted, known, None, deadline);
        for (kind, object) in making.trials(self) {
            match connection.ask(deadline, |api| api.create(&object, true)).await {
                Ok(_) if is_binding(kind) => asked.missing.retain(|need| need.verb != "bind"),
                Ok(_) => {}
                // What is missing is told by name already.
                Err(error) if is_forbidden(&error) && !asked.missing.is_empty() => {}
                Err(error) => return Some(refused(kind, &error)),
            }
        }
        None
    }
}

fn is_binding(kind: ObjectKind) -> bool {
    matches!(kind, ObjectKind::RoleBinding | ObjectKind::ClusterRoleBinding)
}

fn is_forbidden(error: &Error) -> bool {
    error.status().is_some_and(kube_rest::Status::is_forbidden)
}

fn refused(kind: ObjectKind, error: &Error) -> String {
    match kind {
        ObjectKind::Role | ObjectKind::ClusterRole if is_forbidden(error) => {
            "kubelease may not grant these rules: it must itself have every permission that it grants, and \
             no admission policy may refuse them"
                .to_owned()
        }
        kind => format!("a {} for trial was refused: {}", kind.as_str(), told(error)),
    }
}
