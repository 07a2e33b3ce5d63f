//! Grants that may write coordination Leases.
//!
//! Operators elect their leader by such Leases, and kubelease tells by them of its own leases of existing
//! accounts. An account that may write them is harmless alone in a namespace, and not beside the other kind:
//! whoever deletes a Lease there hides a token that lives. Which namespaces those are, only the dynamic
//! secrets together say, so it is asked here and not in `lease-core`.

use lease_core::rbac::{Danger, PolicyRule, UnwaivedDangers};
use lease_core::{
    DynamicSecret, DynamicSecretDefinition, DynamicSecretName, LeaseMode, Namespace,
    NamespaceDecision, TargetName,
};

use crate::{Engine, Ports, StoreError};

impl<P: Ports> Engine<P> {
    /// Returns what nobody has weighed of a grant, if a lease of it were issued in `namespace` now. `rules` are
    /// those of a role that it binds.
    ///
    /// # Errors
    /// Fails if the store does.
    pub(crate) fn find_unwaived_dangers(
        &self,
        secret: &DynamicSecret,
        rules: &[PolicyRule],
        namespace: &Namespace,
    ) -> Result<Option<UnwaivedDangers>, StoreError> {
        let DynamicSecret { name, definition, .. } = secret;
        match definition.check_bound_role_rules_waived(rules) {
            Ok(()) => self.find_unwaived_election_dangers(name, definition, rules, Some(namespace)),
            Err(dangers) => Ok(Some(dangers)),
        }
    }

    /// Returns what nobody has weighed of a grant because coordination Leases of kubelease may be where it
    /// applies: in the namespace `at`, or in any that leases of `definition` may name. `rules` are those of a
    /// role that it binds, and `name` is the dynamic secret's own.
    ///
    /// # Errors
    /// Fails if the store does.
    pub(crate) fn find_unwaived_election_dangers(
        &self,
        name: &DynamicSecretName,
        definition: &DynamicSecretDefinition,
        rules: &[PolicyRule],
        at: Option<&Namespace>,
    ) -> Result<Option<UnwaivedDangers>, StoreError> {
        // Few roles write Leases: for all others, nothing more is read.
        if definition.find_cautions(rules).is_empty() {
            return Ok(None);
        }
        let reaches = |namespace: &Namespace| match at {
            Some(at) => at == namespace,
            None => {
                definition.namespaces().decide_by_name(namespace, None)
                    != NamespaceDecision::Refused
            }
        };
        let all = self.dynamic_secrets().list_all()?;
        // What is being replaced counts no more.
        for DynamicSecret { definition: other, .. } in
            all.iter().filter(|other| other.name != *name)
        {
            let (mine, theirs) = (&definition.spec().target, &other.spec().target);
            if other.mode() == LeaseMode::Existing
                && other.namespaces().literal_namespaces().iter().any(reaches)
                && self.is_same_cluster(mine, theirs)?
            {
                let reach = definition.reach().beside_existing_accounts();
                return Ok(definition.check_dangers_are_waived(rules, reach).err());
            }
        }
        Ok(None)
    }

    /// Returns a warning about the dynamic secrets whose rules may write the coordination Leases that tell of
    /// leases of `definition`, an existing account. They were put earlier; no further lease of theirs is
    /// issued where that is so, unless it is waived.
    ///
    /// # Errors
    /// Fails if the store does.
    pub(crate) fn coordination_lease_writers_warning(
        &self,
        own: &DynamicSecretName,
        definition: &DynamicSecretDefinition,
    ) -> Result<Option<String>, StoreError> {
        if definition.mode() != LeaseMode::Existing {
            return Ok(None);
        }
        let mut names = vec![];
        for other in self.dynamic_secrets().list_all()? {
            let DynamicSecret { name, definition: writer, .. } = other;
            let reaches = |namespace: &Namespace| {
                writer.namespaces().decide_by_name(namespace, None) != NamespaceDecision::Refused
            };
            let (mine, theirs) = (&definition.spec().target, &writer.spec().target);
            if name != *own
                && !writer.find_cautions(&[]).is_empty()
                && definition.namespaces().literal_namespaces().iter().any(reaches)
                && self.is_same_cluster(mine, theirs)?
            {
                names.push(format!("`{name}`"));
            }
        }
        Ok((!names.is_empty()).then(|| {
            let more = names.len().saturating_sub(MAX_NAMES);
            names.truncate(MAX_NAMES);
            let and_more = if more == 0 { String::new() } else { format!(" and {more} more") };
            format!(
                "in a namespace of this dynamic secret, leases of {}{and_more} may write \
                 coordination Leases, which record the leases of existing accounts: no more leases \
                 of these dynamic secrets are issued there unless `allow_dangerous` allows it",
                names.join(", ")
            )
        }))
    }

    /// Returns if two targets lead to one cluster, as far as it was met.
    fn is_same_cluster(&self, one: &TargetName, other: &TargetName) -> Result<bool, StoreError> {
        if one == other {
            return Ok(true);
        }
        let (one, other) = (self.known_clusters().get(one)?, self.known_clusters().get(other)?);
        Ok(one.zip(other).is_some_and(|(one, other)| one.identity == other.identity))
    }
}

/// A warning about grants that are harmless where they apply, and would not be elsewhere.
pub(crate) fn caution_message(cautions: &[Danger]) -> Option<String> {
    let grants: Vec<String> = cautions.iter().map(|c| format!("`{}`", c.waiver_text())).collect();
    (!grants.is_empty()).then(|| {
        format!(
            "{} can change which operator leads in the namespace; this is allowed because no \
             namespace of this dynamic secret is one of `kube-*` or has leases of existing \
             accounts",
            grants.join(", ")
        )
    })
}

/// The number of dynamic secrets that a warning names.
const MAX_NAMES: usize = 8;

#[cfg(test)]
mod tests;
