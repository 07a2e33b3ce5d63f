//! Listing objects, a page at a time.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::api::CallAddress;
use crate::single_object_read::SECRETS_NEVER_READ_MESSAGE;
use crate::stored_object::RawObject;
use crate::{Api, Call, Error, ExchangeLimits, Kind, StoredObject};

/// The limits of a list.
///
/// A page is up to [`MAX_PAGE_OBJECTS`] objects. One of ours is some 5 KB, half of it what Kubernetes notes of who
/// wrote what; but strangers' labels can be ours, and their annotations up to 256 KiB. A page that is too
/// large all the same is [`crate::TransportError::TooLarge`], and can be asked for again in smaller
/// ones. The API server may have to read through all objects of the kind for one page, and gives up
/// after a minute.
pub const LIST_LIMITS: ExchangeLimits = ExchangeLimits {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_mins(1),
    total: Duration::from_secs(65),
    answer_bytes: 8 * 1024 * 1024,
};

/// The most objects of a page, as `kubectl` has it: the memory of a component is small.
pub const MAX_PAGE_OBJECTS: u32 = 500;

/// Some of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage<T> {
    /// The items; may be empty although there is more.
    pub items: Vec<T>,
    /// The token for the next page; absent after the last. Good for five minutes or so, then
    /// [`crate::Status::is_continue_token_expired`].
    pub next: Option<String>,
    /// The number of remaining items, if the API server tells; it does not if there is a selector.
    pub remaining: Option<u64>,
}

/// The page of a list that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// The selector of labels as Kubernetes writes it (`a=b,c in (d,e)`); empty selects all.
    pub selector: &'a str,
    /// The most items of the page. It never has more than [`MAX_PAGE_OBJECTS`].
    pub limit: u32,
    /// [`ListPage::next`] of the page before; absent for the first.
    pub next: Option<&'a str>,
}

impl Api<'_> {
    /// Lists the objects of a kind, in one namespace or in all. Needs `list`.
    pub fn list_objects_page(
        &self,
        kind: Kind,
        namespace: Option<&str>,
        page: PageRequest<'_>,
    ) -> Call<ListPage<StoredObject>> {
        if kind == Kind::Secret {
            return Call::refused_before_sending(Error::Improper(SECRETS_NEVER_READ_MESSAGE));
        }
        let address = page.append_to_query(self.collection_address(kind, namespace));
        self.get(address).with_limits(LIST_LIMITS)
    }
}

impl PageRequest<'_> {
    /// Adds the query that asks for the page.
    pub(crate) fn append_to_query(self, address: CallAddress) -> CallAddress {
        // To Kubernetes, 0 is no limit.
        let limit = self.limit.clamp(1, MAX_PAGE_OBJECTS).to_string();
        let mut query = vec![("limit", limit.as_str())];
        if !self.selector.is_empty() {
            query.push(("labelSelector", self.selector));
        }
        query.extend(self.next.map(|next| ("continue", next)));
        address.with_query(&query)
    }
}

#[derive(Deserialize)]
struct ObjectListAnswer {
    /// As `ServiceAccountList`; the items do not say their kind.
    kind: String,
    metadata: ListMetadata,
    items: Option<Vec<RawObject>>,
}

/// The metadata of a list.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListMetadata {
    #[serde(rename = "continue")]
    next: Option<String>,
    remaining_item_count: Option<u64>,
}

impl ListMetadata {
    /// The page of which it tells.
    pub(crate) fn into_page<T>(self, items: Vec<T>) -> ListPage<T> {
        let next = self.next.filter(|next| !next.is_empty());
        ListPage { items, next, remaining: self.remaining_item_count }
    }
}

impl<'de> Deserialize<'de> for ListPage<StoredObject> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let answer = ObjectListAnswer::deserialize(deserializer)?;
        let kind = answer.kind.strip_suffix("List");
        let kind = Kind::ALL.into_iter().find(|known| kind == Some(known.name()));
        let kind = kind.ok_or_else(|| D::Error::custom("it is no list of our objects"))?;
        let items = answer.items.unwrap_or_default();
        let items = items.into_iter().map(|item| item.into_stored(kind)).collect();
        Ok(answer.metadata.into_page(items))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::testing::{Answered, answered, api, now, refused, sent};

    /// As kube-apiserver 1.36.3 answered.
    const PAGE: &str = r#"{"kind":"ServiceAccountList","apiVersion":"v1","metadata":{"resourceVersion":"248",
        "continue":"eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjQ4LCJzdGFydCI6Ii9hcHBzL2ExXHUwMDAwIn0",
        "remainingItemCount":1},"items":[{"metadata":{"name":"a1","namespace":"apps",
        "uid":"f75f4218-cc17-4167-9214-4b111d6e7ac9","resourceVersion":"234",
        "creationTimestamp":"2026-11-25T02:27:39Z","labels":{"app.kubernetes.io/managed-by":"kubelease"},
        "annotations":{"kubelease.dev/lease":"l1"},"managedFields":[{"manager":"kubelease",
        "operation":"Update","apiVersion":"v1","time":"2026-11-25T02:27:39Z","fieldsType":"FieldsV1",
        "fieldsV1":{"f:automountServiceAccountToken":{},"f:metadata":{"f:annotations":{".":{},
        "f:kubelease.dev/lease":{}},"f:labels":{".":{},"f:app.kubernetes.io/managed-by":{}}}}}]},
        "automountServiceAccountToken":false}]}"#;

    fn page<'a>(selector: &'a str, limit: u32, next: Option<&'a str>) -> PageRequest<'a> {
        PageRequest { selector, limit, next }
    }

    fn accounts() -> Call<ListPage<StoredObject>> {
        api().list_objects_page(Kind::ServiceAccount, None, page("", 1, None))
    }

    #[test]
    fn a_page_is_asked_for_by_selector_and_place() {
        let ours = "app.kubernetes.io/managed-by=kubelease";
        let selector = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkubelease";
        let leases = "/apis/coordination.k8s.io/v1";
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        for (call, line) in [
            (accounts(), "/api/v1/serviceaccounts?limit=1".to_owned()),
            (
                api().list_objects_page(
                    Kind::CoordinationLease,
                    Some("apps"),
                    page(ours, 100, None),
                ),
                format!("{leases}/namespaces/apps/leases?limit=100&{selector}"),
            ),
            (
                api().list_objects_page(Kind::ClusterRole, None, page(ours, 0, Some("a&limit=0"))),
                format!("{rbac}/clusterroles?limit=1&{selector}&continue=a%26limit%3D0"),
            ),
            (
                api().list_objects_page(Kind::RoleBinding, None, page("", 5000, None)),
                format!("{rbac}/rolebindings?limit=500"),
            ),
        ] {
            assert_eq!(sent(call), (format!("GET {line}"), "", Value::Null));
        }
        for (kind, namespace) in
            [(Kind::Secret, None), (Kind::Secret, Some("a")), (Kind::ClusterRole, Some("a"))]
        {
            let error = refused(api().list_objects_page(kind, namespace, page("", 1, None)));
            assert!(matches!(error, Error::Improper(_)), "{kind}: {error}");
        }
    }

    #[test]
    fn the_items_of_a_page_are_of_its_kind() {
        let page = answered(accounts(), 200, PAGE).expect("reads");
        assert_eq!(page.items.len(), 1);
        assert!(page.items[0].is_object_named(Kind::ServiceAccount, Some("apps"), "a1"));
        assert_eq!(page.items[0].labels["app.kubernetes.io/managed-by"], "kubelease");
        assert!(page.next.is_some_and(|next| next.starts_with("eyJ2")));
        assert_eq!(page.remaining, Some(1));
        for (answer, good) in [
            (r#"{"kind":"LeaseList","metadata":{"resourceVersion":"1"},"items":[]}"#, true),
            (r#"{"kind":"LeaseList","metadata":{"continue":""},"items":null}"#, true),
            (r#"{"kind":"PodList","metadata":{},"items":[]}"#, false),
            (r#"{"kind":"Status","metadata":{},"status":"Success"}"#, false),
            (r#"{"items":[]}"#, false),
        ] {
            let page = answered(accounts(), 200, answer).ok();
            let empty = good.then_some(ListPage { items: vec![], next: None, remaining: None });
            assert_eq!(page, empty, "{answer}");
        }
    }

    #[test]
    fn a_list_may_take_longer_and_be_larger() {
        let http = Answered::json(200, PAGE);
        now(accounts().send(&http)).expect("reads");
        assert_eq!(*http.limits.borrow(), Some(LIST_LIMITS));
        let http = Answered::json(200, r#"{"gitVersion":"v1.36.3"}"#);
        now(api().get_version().send(&http)).expect("reads");
        assert_eq!(*http.limits.borrow(), Some(crate::DEFAULT_CALL_LIMITS));
    }

    #[test]
    fn a_page_too_late_is_told() {
        let expired = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
            "message":"The provided continue parameter is too old to display a consistent list result.",
            "reason":"Expired","code":410}"#;
        let error = answered(accounts(), 410, expired).expect_err("refused");
        assert!(error.status().is_some_and(crate::Status::is_continue_token_expired), "{error}");
    }
}
