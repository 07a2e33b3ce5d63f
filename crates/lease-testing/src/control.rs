//! What a test does to the cluster in memory, and asks of it.

use serde_json::{Value, json};

use super::cluster::{deployer, view};
use super::world::World;
use super::{Answer, FakeCluster, Fault, Sent};

impl FakeCluster {
    // What is answered.

    /// Scripts the next answers, whatever is asked.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.borrow_mut().script.extend(answers);
    }

    /// Scripts the answers to the next token requests.
    pub fn script_tokens(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state.borrow_mut().token_script.extend(answers);
    }

    /// Sets an action that happens while a request is under way.
    pub fn on_send(&self, act: impl Fn() + 'static) {
        self.on_call(move |_, _| act());
    }

    /// Sets an action that happens just before a request is answered.
    pub fn on_call(&self, act: impl FnMut(&FakeCluster, &Sent) + 'static) {
        self.hooks.borrow_mut().push(Box::new(act));
    }

    /// Plans a fault of one request from now on, 0 being the next.
    pub fn fail_call(&self, call: usize, fault: Fault) {
        let number = self.calls() + call;
        self.fail(Some(1), fault, move |sent| sent.number == number);
    }

    /// Plans a fault of the next request that meets this.
    pub fn fail_once(&self, fault: Fault, meets: impl Fn(&Sent) -> bool + 'static) {
        self.fail(Some(1), fault, meets);
    }

    /// Plans a fault of each request that meets this.
    pub fn fail_all(&self, fault: Fault, meets: impl Fn(&Sent) -> bool + 'static) {
        self.fail(None, fault, meets);
    }

    /// Nothing goes wrong any more, and everything is permitted.
    pub fn heal(&self) {
        let mut state = self.state.borrow_mut();
        state.rules.clear();
        state.denied.clear();
        (state.webhook, state.forger, state.reviewer) = (None, None, None);
    }

    /// Refuses what is asked for so, as RBAC names it: `roles.rbac.authorization.k8s.io`.
    pub fn deny(&self, verb: &str, resource: &str) {
        self.state.borrow_mut().denied.insert((verb.to_owned(), resource.to_owned()));
    }

    /// Permits it again.
    pub fn permit(&self, verb: &str, resource: &str) {
        self.state.borrow_mut().denied.remove(&(verb.to_owned(), resource.to_owned()));
    }

    /// Changes each object that is created, as a mutating webhook may.
    pub fn set_webhook(&self, change: impl Fn(&mut Value) + 'static) {
        self.state.borrow_mut().webhook = Some(Box::new(change));
    }

    /// Changes the claims of each token, as no API server does.
    pub fn forge(&self, change: impl Fn(&mut Value) + 'static) {
        self.state.borrow_mut().forger = Some(Box::new(change));
    }

    /// Changes the `status` of each token review, whose default is that a token is what it says.
    pub fn set_reviewer(&self, change: impl Fn(&mut Value) + 'static) {
        self.state.borrow_mut().reviewer = Some(Box::new(change));
    }

    /// The issuer of the tokens of the cluster that answers; none for one that does not tell.
    pub fn set_issuer(&self, issuer: Option<&str>) {
        let mut state = self.state.borrow_mut();
        let world = state.now_in;
        state.worlds[world].issuer = issuer.map(str::to_owned);
    }

    /// The longest life that tokens are given (`--service-account-max-token-expiration`).
    pub fn set_longest_token(&self, seconds: u64) {
        self.state.borrow_mut().longest = Some(seconds);
    }

    /// Sets its clock by so much ahead of the host's.
    pub fn set_ahead(&self, ahead: chrono::TimeDelta) {
        self.state.borrow_mut().ahead = ahead;
    }

    /// Sets the name of our user there.
    pub fn set_username(&self, username: &str) {
        username.clone_into(&mut self.state.borrow_mut().username);
    }

    /// Does what is late; says how much that was.
    pub fn land(&self) -> usize {
        let late = std::mem::take(&mut self.state.borrow_mut().late);
        for sent in &late {
            self.serve(sent);
        }
        late.len()
    }

    // What is there.

    /// Puts an object that is not ours, or changes one; returns its UID.
    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is put")]
    pub fn put(&self, object: Value) -> String {
        let mut state = self.state.borrow_mut();
        let world = state.now_in;
        state.worlds[world].put(object.clone(), self.clock.get())
    }

    /// Puts a namespace; returns its UID.
    pub fn put_namespace(&self, name: &str, labels: &Value, uid: Option<&str>) -> String {
        let mut metadata = json!({"name": name, "labels": labels});
        metadata["labels"]["kubernetes.io/metadata.name"] = json!(name);
        if let Some(uid) = uid {
            metadata["uid"] = json!(uid);
        }
        self.put(json!({
            "kind": "Namespace", "apiVersion": "v1", "metadata": metadata,
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        }))
    }

    /// An object, if it is there. A kind as `Role`, an empty namespace for what is in none.
    #[must_use]
    pub fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        let state = self.state.borrow();
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        state.worlds[state.now_in].objects.get(&key).map(|kept| kept.json.clone())
    }

    /// All objects that requests have made.
    #[must_use]
    pub fn made(&self) -> Vec<Value> {
        let state = self.state.borrow();
        let objects = state.worlds[state.now_in].objects.values();
        objects.filter(|kept| kept.requested).map(|kept| kept.json.clone()).collect()
    }

    /// Removes an object without asking, and says whether it was there.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> bool {
        let mut state = self.state.borrow_mut();
        let world = state.now_in;
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        state.worlds[world].objects.remove(&key).is_some()
    }

    /// Changes each object that requests have made. One that is being deleted goes with its last finalizer.
    pub fn change_made(&self, change: impl Fn(&mut Value)) {
        let mut state = self.state.borrow_mut();
        let world = state.now_in;
        let objects = &mut state.worlds[world].objects;
        for kept in objects.values_mut().filter(|kept| kept.requested) {
            change(&mut kept.json);
        }
        objects.retain(|_, kept| !kept.is_terminating() || kept.is_held());
    }

    /// Has the cluster of each host answer for itself, the first host's being that which is there.
    pub fn route_by_host(&self, hosts: &'static [&'static str]) {
        self.on_call(move |cluster, sent| {
            if let Some(world) = hosts.iter().position(|host| *host == sent.host) {
                cluster.go_to(world);
            }
        });
    }

    /// Changes the cluster that answers, 0 being the first; one that was never there has the same
    /// namespaces and account, by other UIDs.
    pub fn go_to(&self, world: usize) {
        let mut state = self.state.borrow_mut();
        while state.worlds.len() <= world {
            let count = 1_000_000 * u64::try_from(state.worlds.len()).unwrap_or_default();
            state.worlds.push(World { count, ..World::default() });
        }
        state.now_in = world;
        drop(state);
        for name in ["kube-system", "default", "apps", "web"] {
            if self.object("Namespace", "", name).is_none() && world > 0 {
                self.put_namespace(name, &json!({}), None);
            }
        }
        if self.object("ServiceAccount", "apps", "deployer").is_none() && world > 0 {
            self.put(deployer());
        }
        if self.object("ClusterRole", "", "view").is_none() && world > 0 {
            self.put(view());
        }
    }

    /// Returns true if a token is accepted now: its account, and its Secret, are there, and its
    /// time is not over.
    #[must_use]
    pub fn accepts(&self, token: &str) -> bool {
        let Ok(claims) = kube_rest::TokenClaims::read_unverified(token) else { return false };
        let Some(private) = claims.private else { return false };
        let namespace = private.namespace.unwrap_or_default();
        let stands = |kind: &str, claim: Option<kube_rest::ObjectClaim>| {
            claim.is_none_or(|claim| {
                let object = self.object(kind, &namespace, &claim.name);
                object.is_some_and(|object| object["metadata"]["uid"] == claim.uid.as_str())
            })
        };
        self.clock.get() < claims.expires_at
            && stands("ServiceAccount", private.service_account)
            && stands("Secret", private.secret)
    }

    // What was asked.

    /// Returns the number of requests that were sent.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state.borrow().sent.len()
    }

    /// All requests that were sent, in order.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.state.borrow().sent.clone()
    }

    /// In how many rounds they were: those that were sent before an answer came are of one.
    #[must_use]
    pub fn rounds(&self) -> usize {
        self.state.borrow().sent.iter().map(|sent| sent.round).max().unwrap_or_default()
    }

    /// Returns the greatest number of requests that were under way at once.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.state.borrow().most_in_flight
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        let mut state = self.state.borrow_mut();
        state.sent.clear();
        (state.answered_round, state.most_in_flight) = (0, 0);
    }

    /// The `Authorization` header of each request that was sent with one.
    #[must_use]
    pub fn bearers(&self) -> Vec<String> {
        let state = self.state.borrow();
        state.sent.iter().filter_map(|sent| sent.authorization().map(str::to_owned)).collect()
    }

    /// The tokens that were issued.
    #[must_use]
    pub fn tokens(&self) -> Vec<String> {
        self.state.borrow().tokens.clone()
    }
}
