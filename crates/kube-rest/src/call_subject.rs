//! The object that a call is about, and what a refusal says of it.
//!
//! A refusal proves something of an object only if it names that object: kube-apiserver writes resource, group
//! and name into the `details` of its `Status`. An API server that does not serve a resource answers the same
//! `NotFound` with empty `details`, and a proxy may mix up whom it answers. Whoever took either for "it is gone"
//! would leave a token alive that nobody knows of.

use crate::Kind;
use crate::status::Details;

/// The object, or the collection of objects, that a call is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CallSubject {
    own: ObjectAliases,
    /// The other objects that the request names: its namespace, the role of a binding, the Secret
    /// of a token.
    related: Vec<ObjectAliases>,
}

/// An object under each of the names that Kubernetes has for its kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct ObjectAliases {
    /// Pairs of an API group and a resource or kind in it.
    kinds: Vec<(&'static str, &'static str)>,
    /// Empty for a collection.
    name: String,
}

/// The object of a refusal, by its `details`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DetailsMatch {
    /// The very object or collection of the call.
    Subject,
    /// The right resource, without a name: so is a `create` refused whose path has none.
    Resource,
    /// Something else that the request names.
    Related,
    /// Nothing at all.
    #[default]
    Nothing,
    /// Something that the request does not name.
    Other,
}

impl CallSubject {
    /// An object of one of our kinds.
    pub(crate) fn for_object(kind: Kind, name: &str) -> Self {
        Self { own: ObjectAliases::for_object(kind, name), related: vec![] }
    }

    /// All objects of a resource.
    pub(crate) fn for_collection(group: &'static str, plural: &'static str) -> Self {
        Self {
            own: ObjectAliases { kinds: vec![(group, plural)], name: String::new() },
            related: vec![],
        }
    }

    /// A namespace.
    pub(crate) fn for_namespace(name: &str) -> Self {
        Self { own: ObjectAliases::for_namespace(name), related: vec![] }
    }

    /// The account that a token is asked for.
    pub(crate) fn for_account_token(account: &str) -> Self {
        let mut own = ObjectAliases::for_object(Kind::ServiceAccount, account);
        // The conflict of a UID is told of the request itself (`TokenREST.Create`).
        own.kinds.push(("authentication.k8s.io", "TokenRequest"));
        Self { own, related: vec![] }
    }

    /// The same in a namespace.
    pub(crate) fn in_namespace(mut self, namespace: Option<&str>) -> Self {
        self.related.extend(namespace.map(ObjectAliases::for_namespace));
        self
    }

    /// The same with the role that a binding is to.
    ///
    /// A role that is looked up for a binding is named by the resource of the binding, if it is not there.
    pub(crate) fn with_role(mut self, kind: Kind, name: &str) -> Self {
        let mut role = ObjectAliases::for_object(kind, name);
        role.kinds.extend(self.own.kinds.iter().copied());
        self.related.push(role);
        self
    }

    /// The same with an object that a token is to end with.
    pub(crate) fn bound_to(mut self, kind: &str, name: &str) -> Self {
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind);
        self.related.extend(kind.map(|kind| ObjectAliases::for_object(kind, name)));
        self
    }

    /// Compares what a refusal names with what the call has named.
    pub(crate) fn compare_details(&self, details: &Details) -> DetailsMatch {
        if details.is_empty() {
            DetailsMatch::Nothing
        } else if self.own.matches_details(details) {
            DetailsMatch::Subject
        } else if self.related.iter().any(|related| related.matches_details(details)) {
            DetailsMatch::Related
        } else if details.name.is_empty() && self.own.has_kind(details) {
            DetailsMatch::Resource
        } else {
            DetailsMatch::Other
        }
    }
}

impl ObjectAliases {
    fn for_object(kind: Kind, name: &str) -> Self {
        // Mostly the resource; of the UID of a deletion the kind (`rest.BeforeDelete`).
        let kinds = vec![(kind.group(), kind.plural()), (kind.group(), kind.name())];
        Self { kinds, name: name.to_owned() }
    }

    fn for_namespace(name: &str) -> Self {
        Self { kinds: vec![("", "namespaces")], name: name.to_owned() }
    }

    fn matches_details(&self, details: &Details) -> bool {
        self.name == details.name && self.has_kind(details)
    }

    fn has_kind(&self, details: &Details) -> bool {
        self.kinds.iter().any(|(group, kind)| *group == details.group && *kind == details.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(group: &str, kind: &str, name: &str) -> Details {
        Details { group: group.to_owned(), kind: kind.to_owned(), name: name.to_owned() }
    }

    #[test]
    fn only_what_names_kind_group_and_name_is_about_the_subject() {
        for kind in Kind::ALL {
            let subject = CallSubject::for_object(kind, "a1").in_namespace(Some("apps"));
            let (group, plural) = (kind.group(), kind.plural());
            let other = if group.is_empty() { "example.com" } else { "" };
            for (details, about) in [
                (details(group, plural, "a1"), DetailsMatch::Subject),
                (details(group, kind.name(), "a1"), DetailsMatch::Subject),
                (details(group, plural, "a2"), DetailsMatch::Other),
                (details(group, plural, "A1"), DetailsMatch::Other),
                (details(other, plural, "a1"), DetailsMatch::Other),
                (details(group, "pods", "a1"), DetailsMatch::Other),
                (details(group, "", "a1"), DetailsMatch::Other),
                (details("", "", "a1"), DetailsMatch::Other),
                (details(group, plural, ""), DetailsMatch::Resource),
                (details("", "namespaces", "apps"), DetailsMatch::Related),
                (details("", "namespaces", "a1"), DetailsMatch::Other),
                (details("", "", ""), DetailsMatch::Nothing),
            ] {
                assert_eq!(subject.compare_details(&details), about, "{kind} {group} {details:?}");
            }
        }
    }

    #[test]
    fn a_collection_has_no_name() {
        let subject = CallSubject::for_collection("", "serviceaccounts");
        for (details, about) in [
            (details("", "serviceaccounts", ""), DetailsMatch::Subject),
            (details("", "serviceaccounts", "a1"), DetailsMatch::Other),
            (details("", "secrets", ""), DetailsMatch::Other),
        ] {
            assert_eq!(subject.compare_details(&details), about, "{details:?}");
        }
    }

    #[test]
    fn what_else_a_request_names_is_told_from_its_subject() {
        let rbac = "rbac.authorization.k8s.io";
        let binding = CallSubject::for_object(Kind::RoleBinding, "b1").with_role(Kind::Role, "r1");
        let token = CallSubject::for_account_token("a1").bound_to("Secret", "s1");
        for (subject, details, about) in [
            (&binding, details(rbac, "roles", "r1"), DetailsMatch::Related),
            (&binding, details(rbac, "rolebindings", "r1"), DetailsMatch::Related),
            (&binding, details(rbac, "rolebindings", "b1"), DetailsMatch::Subject),
            (&binding, details(rbac, "roles", "b1"), DetailsMatch::Other),
            (&token, details("", "serviceaccounts", "a1"), DetailsMatch::Subject),
            (&token, details("authentication.k8s.io", "TokenRequest", "a1"), DetailsMatch::Subject),
            (&token, details("", "secrets", "s1"), DetailsMatch::Related),
            (&token, details("", "Secret", "s1"), DetailsMatch::Related),
            (&token, details("", "serviceaccounts", "s1"), DetailsMatch::Other),
            (&token, details("", "secrets", "a1"), DetailsMatch::Other),
        ] {
            assert_eq!(subject.compare_details(&details), about, "{subject:?} {details:?}");
        }
    }
}
