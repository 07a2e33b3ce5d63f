//! Rehearsals: all that the engine does is done, and nothing of it for good.
//!
//! What is written is seen by the rehearsal alone. Of requests only those leave that change nothing: reads, reviews and
//! dry runs. A `TokenRequest` is none of them: even its dry run answers a token.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{Method, Request, Response};
use kube_rest::{ExchangeLimits, HttpClient, TransportError};
use lease_core::TokenVariableName;
use lease_store::Overlay;

use crate::{Engine, Ports, Requester, VariableError};

/// The ports of a rehearsal, over those of the engine that it is for.
pub(crate) struct Rehearsal<'p, P: Ports> {
    ports: &'p P,
    store: Overlay<'p, P::Store>,
    http: HarmlessHttp<'p, P::Http>,
}

/// Sends what changes nothing, and nothing else.
pub(crate) struct HarmlessHttp<'p, H>(&'p H);

impl<P: Ports> Engine<P> {
    /// Returns an engine that does all that this one does, for whoever it acts for, and nothing of it for good.
    pub fn rehearsing_engine(&self) -> Engine<impl Ports + '_> {
        self.rehearsal_for(self.requester.clone())
    }

    /// An engine that rehearses what this one would do for somebody.
    pub(crate) fn rehearsal_for(&self, requester: Requester) -> Engine<Rehearsal<'_, P>> {
        let ports = Rehearsal {
            ports: &self.ports,
            store: Overlay::new(self.ports.store()),
            http: HarmlessHttp(self.ports.http()),
        };
        Engine::with_shared_keys(ports, self.keys.clone(), self.config.clone())
            .acting_for(requester)
    }
}

impl<'p, P: Ports> Ports for Rehearsal<'p, P> {
    type Store = Overlay<'p, P::Store>;
    type Http = HarmlessHttp<'p, P::Http>;

    fn store(&self) -> &Self::Store {
        &self.store
    }

    fn http(&self) -> &Self::Http {
        &self.http
    }

    fn now(&self) -> DateTime<Utc> {
        self.ports.now()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.ports.fill_random(bytes);
    }

    async fn sleep(&self, time: Duration) {
        self.ports.sleep(time).await;
    }

    fn read_variable(&self, name: &TokenVariableName) -> Result<Option<String>, VariableError> {
        self.ports.read_variable(name)
    }

    fn is_rehearsal(&self) -> bool {
        true
    }
}

impl<H: HttpClient> HttpClient for HarmlessHttp<'_, H> {
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        if is_harmless(&request) {
            self.0.send(request, limits).await
        } else {
            let why = "a rehearsal sends only what changes nothing";
            Err(TransportError::Denied(why.to_owned()))
        }
    }
}

/// Returns true if a request changes nothing, wherever it goes.
///
/// A `TokenRequest` is refused whatever its query says, and so is a deletion, of which kube-rest sends dry runs too.
fn is_harmless(request: &Request<Vec<u8>>) -> bool {
    let path = request.uri().path();
    if request.method() == Method::GET {
        return true;
    }
    let is_dry = request.uri().query().is_some_and(|query| {
        let says = |(key, value): (&str, &str)| key == "dryRun" && value == "All";
        query.split('&').filter_map(|pair| pair.split_once('=')).any(says)
    });
    let is_review = REVIEW_PATHS.iter().any(|review| path.ends_with(review));
    let asks_for_token = path.ends_with("/token");
    request.method() == Method::POST && !asks_for_token && (is_review || is_dry)
}

/// The resources that are created only to be answered: the API server stores nothing of them.
const REVIEW_PATHS: [&str; 3] = [
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changes_nothing_leaves() {
        let account = "/api/v1/namespaces/apps/serviceaccounts";
        for (method, path, leaves) in [
            ("GET", format!("{account}/deployer"), true),
            ("GET", "/.well-known/openid-configuration".to_owned(), true),
            ("POST", format!("{account}?dryRun=All"), true),
            ("POST", format!("{account}?fieldManager=k&dryRun=All"), true),
            ("POST", account.to_owned(), false),
            ("POST", format!("{account}?dryRun="), false),
            ("POST", format!("{account}?dryRunX=All"), false),
            ("POST", format!("{account}/deployer/token"), false),
            ("POST", format!("{account}/deployer/token?dryRun=All"), false),
            ("POST", REVIEW_PATHS[0].to_owned(), true),
            ("POST", format!("/prefix{}", REVIEW_PATHS[1]), true),
            ("POST", REVIEW_PATHS[2].to_owned(), true),
            ("DELETE", format!("{account}/deployer?dryRun=All"), false),
            ("PATCH", format!("{account}/deployer?dryRun=All"), false),
            ("PUT", format!("{account}/deployer?dryRun=All"), false),
        ] {
            let request = Request::builder().method(method).uri(&path).body(vec![]);
            let request = request.expect("a request");
            assert_eq!(is_harmless(&request), leaves, "{method} {path}");
        }
    }
}
