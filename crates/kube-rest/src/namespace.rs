//! Namespaces: what may be asked of one before anything is put into it.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::call_subject::CallSubject;
use crate::list::{ListMetadata, PageRequest};
use crate::stored_object::RawMetadata;
use crate::{Api, Call, LIST_LIMITS, ListPage};

/// A namespace.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NamespaceAnswer")]
pub struct StoredNamespace {
    /// The name.
    pub name: String,
    /// The UID, which differs from that of another namespace of the same name. The UID of
    /// `kube-system` identifies a cluster.
    pub uid: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// Since when it is being deleted.
    pub deletion_timestamp: Option<DateTime<Utc>>,
    /// True if it takes no more objects.
    pub is_terminating: bool,
}

impl Api<'_> {
    /// Reads a namespace. Needs `get` on it.
    pub fn get_namespace(&self, name: &str) -> Call<StoredNamespace> {
        let subject = CallSubject::for_namespace(name);
        self.get(self.path_address(&["api", "v1", "namespaces", name], subject))
    }

    /// Lists namespaces, a page at a time, as [`Api::list_objects_page`] does. Needs `list` on all namespaces.
    pub fn list_namespaces_page(&self, page: PageRequest<'_>) -> Call<ListPage<StoredNamespace>> {
        let path = self.path_address(
            &["api", "v1", "namespaces"],
            CallSubject::for_collection("", "namespaces"),
        );
        self.get(page.append_to_query(path)).with_limits(LIST_LIMITS)
    }
}

#[derive(Deserialize)]
struct NamespaceAnswer {
    kind: String,
    metadata: RawMetadata,
    #[serde(default)]
    status: NamespaceStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamespaceStatus {
    phase: String,
}

/// An item of a list, which does not say its kind.
#[derive(Deserialize)]
struct NamespaceListItem {
    metadata: RawMetadata,
    #[serde(default)]
    status: NamespaceStatus,
}

#[derive(Deserialize)]
struct NamespaceListAnswer {
    kind: String,
    metadata: ListMetadata,
    items: Option<Vec<NamespaceListItem>>,
}

impl<'de> Deserialize<'de> for ListPage<StoredNamespace> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let NamespaceListAnswer { kind, metadata, items } =
            NamespaceListAnswer::deserialize(deserializer)?;
        if kind != "NamespaceList" {
            return Err(D::Error::custom("it is no list of namespaces"));
        }
        let items = items.unwrap_or_default().into_iter().map(StoredNamespace::try_from);
        let items = items.collect::<Result<_, _>>().map_err(D::Error::custom)?;
        Ok(metadata.into_page(items))
    }
}

impl TryFrom<NamespaceAnswer> for StoredNamespace {
    type Error = &'static str;

    fn try_from(
        NamespaceAnswer { kind, metadata, status }: NamespaceAnswer,
    ) -> Result<Self, Self::Error> {
        if kind != "Namespace" {
            return Err("it is no namespace");
        }
        NamespaceListItem { metadata, status }.try_into()
    }
}

impl TryFrom<NamespaceListItem> for StoredNamespace {
    type Error = &'static str;

    fn try_from(
        NamespaceListItem { metadata, status }: NamespaceListItem,
    ) -> Result<Self, Self::Error> {
        if metadata.uid.is_empty() {
            return Err("it is no namespace");
        }
        let deletion_timestamp = metadata.deletion_timestamp;
        Ok(Self {
            name: metadata.name,
            uid: metadata.uid,
            labels: metadata.labels.unwrap_or_default(),
            deletion_timestamp,
            is_terminating: deletion_timestamp.is_some() || status.phase == "Terminating",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use crate::PageRequest;
    use crate::testing::{answered, api, refused, sent};

    /// As kube-apiserver 1.36.3 answered.
    const NAMESPACE: &str = r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"apps",
        "uid":"d6ec03df-d488-49c3-bdb1-268e74880e66","resourceVersion":"233",
        "creationTimestamp":"2026-11-25T02:27:39Z","labels":{"kubernetes.io/metadata.name":"apps"},
        "managedFields":[{"manager":"kubelease","operation":"Update","apiVersion":"v1",
        "time":"2026-11-25T02:27:39Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},
        "f:kubernetes.io/metadata.name":{}}}}}]},"spec":{"finalizers":["kubernetes"]},
        "status":{"phase":"Active"}}"#;

    #[test]
    fn a_namespace_is_read() {
        let line = "GET /api/v1/namespaces/apps".to_owned();
        assert_eq!(sent(api().get_namespace("apps")), (line, "", Value::Null));
        assert!(matches!(refused(api().get_namespace("a/b")), crate::Error::Segment(_)));
        let namespace = answered(api().get_namespace("apps"), 200, NAMESPACE).expect("reads");
        assert_eq!(namespace.name, "apps");
        assert_eq!(namespace.uid, "d6ec03df-d488-49c3-bdb1-268e74880e66");
        assert_eq!(namespace.labels["kubernetes.io/metadata.name"], "apps");
        assert!(!namespace.is_terminating);
    }

    #[test]
    fn namespaces_are_listed_a_page_at_a_time() {
        let list = |next| {
            api().list_namespaces_page(PageRequest { selector: "team in (a,b)", limit: 1, next })
        };
        let line = "GET /api/v1/namespaces?limit=1&labelSelector=team%20in%20%28a%2Cb%29";
        assert_eq!(sent(list(None)), (line.to_owned(), "", Value::Null));
        assert_eq!(sent(list(Some("x"))).0, format!("{line}&continue=x"));
        let item = NAMESPACE.replacen(r#""kind":"Namespace","apiVersion":"v1","#, "", 1);
        let page = |kind: &str| {
            let answer =
                format!(r#"{{"kind":"{kind}","metadata":{{"continue":"n"}},"items":[{item}]}}"#);
            answered(list(None), 200, &answer)
        };
        let read = page("NamespaceList").expect("reads");
        let names: Vec<_> = read.items.iter().map(|namespace| namespace.name.as_str()).collect();
        assert_eq!((names, read.next.as_deref()), (vec!["apps"], Some("n")));
        page("PodList").expect_err("another list");
    }

    #[test]
    fn one_that_is_being_deleted_takes_no_more() {
        let deleted = r#""deletionTimestamp":"2026-11-25T02:28:15Z","labels""#;
        for answer in [
            NAMESPACE.replace(r#""Active""#, r#""Terminating""#),
            NAMESPACE.replacen(r#""labels""#, deleted, 1),
        ] {
            let namespace = answered(api().get_namespace("apps"), 200, &answer).expect("reads");
            assert!(namespace.is_terminating, "{answer}");
        }
    }

    #[test]
    fn nothing_else_passes_for_a_namespace() {
        for (from, to) in [
            (r#""Namespace""#, r#""Pod""#),
            (r#""uid":"d6ec03df-d488-49c3-bdb1-268e74880e66""#, r#""uid":"""#),
        ] {
            let answer = NAMESPACE.replace(from, to);
            answered(api().get_namespace("apps"), 200, &answer).expect_err(to);
        }
    }
}
