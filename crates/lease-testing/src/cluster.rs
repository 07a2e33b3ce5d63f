//! A cluster in memory, and what a test can do to it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::rc::Rc;

use chrono::{DateTime, TimeDelta, Utc};
use http::{Request, Response};
use kube_rest::{ExchangeLimits, HttpClient, TransportError};
use serde_json::{Value, json};

use super::answer::{Answer, Reply};
use super::fault::{Fault, Rule};
use super::fuse::{Death, Fuse, yield_once};
use super::sent::{Access, Sent};
use super::serve::Server;
use super::token::DEPLOYER_UID;
use super::world::World;

/// The UID of `kube-system` in the first cluster.
pub const SYSTEM_UID: &str = "aaaaaaaa-0000-4000-8000-000000000001";

/// The issuer of the tokens of the first cluster.
pub const ACCOUNT_ISSUER: &str = "https://kubernetes.default.svc";

/// An API server over a cluster in memory, with namespaces `kube-system`, `default`, `apps` and `web`, account
/// `apps/deployer` and cluster role `view`.
///
/// What is scripted is answered first, then what is to go wrong goes wrong, then it answers as
/// kube-apiserver 1.36 does. Each request waits once before it is answered, so that those that are sent side
/// by side are all sent before the first answer.
pub struct FakeCluster {
    pub(super) clock: Rc<Cell<DateTime<Utc>>>,
    fuse: Rc<Fuse>,
    pub(super) state: RefCell<State>,
    pub(super) hooks: RefCell<Vec<Hook>>,
}

type Hook = Box<dyn FnMut(&FakeCluster, &Sent)>;
type Change = Box<dyn Fn(&mut Value)>;

pub(super) struct State {
    pub(super) worlds: Vec<World>,
    pub(super) now_in: usize,
    pub(super) sent: Vec<Sent>,
    pub(super) late: Vec<Sent>,
    pub(super) script: VecDeque<Answer>,
    pub(super) token_script: VecDeque<Answer>,
    pub(super) rules: Vec<Rule>,
    pub(super) denied: BTreeSet<(String, String)>,
    pub(super) webhook: Option<Change>,
    pub(super) forger: Option<Change>,
    pub(super) reviewer: Option<Change>,
    pub(super) longest: Option<u64>,
    pub(super) ahead: TimeDelta,
    pub(super) username: String,
    pub(super) tokens: Vec<String>,
    pub(super) answered_round: usize,
    pub(super) in_flight: usize,
    pub(super) most_in_flight: usize,
}

impl FakeCluster {
    pub(super) fn new(clock: Rc<Cell<DateTime<Utc>>>, fuse: Rc<Fuse>) -> Self {
        let state = State {
            worlds: vec![],
            now_in: 0,
            sent: vec![],
            late: vec![],
            script: VecDeque::new(),
            token_script: VecDeque::new(),
            rules: vec![],
            denied: BTreeSet::new(),
            webhook: None,
            forger: None,
            reviewer: None,
            longest: None,
            ahead: TimeDelta::zero(),
            username: "system:serviceaccount:kubelease:broker".to_owned(),
            tokens: vec![],
            answered_round: 0,
            in_flight: 0,
            most_in_flight: 0,
        };
        let cluster = Self { clock, fuse, state: RefCell::new(state), hooks: RefCell::default() };
        cluster.go_to(0);
        cluster.set_issuer(Some(ACCOUNT_ISSUER));
        cluster.put_namespace("kube-system", &json!({}), Some(SYSTEM_UID));
        for name in ["default", "apps", "web"] {
            cluster.put_namespace(name, &json!({}), None);
        }
        let mut account = deployer();
        account["metadata"]["uid"] = json!(DEPLOYER_UID);
        cluster.put(account);
        cluster.put(view());
        cluster
    }

    pub(super) fn fail(
        &self,
        left: Option<usize>,
        fault: Fault,
        meets: impl Fn(&Sent) -> bool + 'static,
    ) {
        let rule = Rule { meets: Box::new(meets), fault, left };
        self.state.borrow_mut().rules.push(rule);
    }

    fn note(&self, request: Request<Vec<u8>>) -> Sent {
        let mut state = self.state.borrow_mut();
        let sent = Sent::new(state.sent.len(), state.answered_round + 1, request);
        state.sent.push(sent.clone());
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        sent
    }

    fn answered(&self, sent: &Sent) {
        let mut state = self.state.borrow_mut();
        state.in_flight -= 1;
        state.answered_round = state.answered_round.max(sent.round);
    }

    /// Does what is asked, and answers.
    pub(super) fn serve(&self, sent: &Sent) -> Reply {
        let mut state = self.state.borrow_mut();
        let State {
            worlds,
            now_in,
            webhook,
            forger,
            reviewer,
            longest,
            ahead,
            username,
            denied,
            ..
        } = &mut *state;
        let allows =
            |access: &Access| !denied.contains(&(access.verb.to_owned(), access.resource.clone()));
        let server = Server {
            username,
            allows: &allows,
            webhook: webhook.as_deref(),
            forger: forger.as_deref(),
            reviewer: reviewer.as_deref(),
            longest: *longest,
            now: self.clock.get() + *ahead,
        };
        let reply = server.serve(&mut worlds[*now_in], sent);
        if sent.asks("create", "serviceaccounts/token") && reply.code == 201 {
            let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            state.tokens.extend(answer["status"]["token"].as_str().map(str::to_owned));
        }
        reply
    }

    /// Carries a request out and answers it, with the time by its own clock.
    fn respond(&self, sent: &Sent) -> Result<Response<Vec<u8>>, TransportError> {
        let now = self.clock.get() + self.state.borrow().ahead;
        let mut response = self.serve(sent).into_response()?;
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let date = date.parse().map_err(|_| TransportError::Broken("no date".to_owned()))?;
        response.headers_mut().insert(http::header::DATE, date);
        Ok(response)
    }

    fn fault_of(&self, sent: &Sent) -> Option<Fault> {
        let mut state = self.state.borrow_mut();
        let rule = state.rules.iter_mut().find_map(|rule| rule.takes(sent).then_some(rule.fault));
        rule.or_else(|| {
            let death = self.fuse.step()?;
            Some(match death {
                Death::Before => Fault::Unreachable,
                Death::After => Fault::BreakAnswer,
                Death::Late => Fault::Late,
            })
        })
    }

    fn scripted(&self, sent: &Sent) -> Option<Answer> {
        let mut state = self.state.borrow_mut();
        if sent.asks("create", "serviceaccounts/token")
            && let Some(answer) = state.token_script.pop_front()
        {
            return Some(answer);
        }
        state.script.pop_front()
    }

    fn answer(
        &self,
        sent: &Sent,
        late: DateTime<Utc>,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        if self.fuse.is_dead() {
            return Err(TransportError::Unreachable("dead".to_owned()));
        }
        self.run_hooks(sent);
        match self.scripted(sent) {
            Some(Answer::Fail(error)) => return Err(error),
            Some(Answer::Reply(code, body)) => {
                return Reply { code, body, retry_after: None }.into_response();
            }
            None => {}
        }
        match self.fault_of(sent) {
            None => self.respond(sent),
            Some(fault) => self.go_wrong(fault, sent, late),
        }
    }

    fn run_hooks(&self, sent: &Sent) {
        let mut hooks = std::mem::take(&mut *self.hooks.borrow_mut());
        for act in &mut hooks {
            act(self, sent);
        }
        hooks.append(&mut self.hooks.borrow_mut());
        *self.hooks.borrow_mut() = hooks;
    }

    /// Answers as the fault has it, or not at all.
    fn go_wrong(
        &self,
        fault: Fault,
        sent: &Sent,
        late: DateTime<Utc>,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let timeout = || {
            self.clock.set(self.clock.get().max(late));
            Err(TransportError::Timeout("first byte".to_owned()))
        };
        match fault {
            Fault::Forbid => {
                let access = sent.access().or_else(|| sent.review());
                Reply::forbidden(access.as_ref(), "forbidden").into_response()
            }
            Fault::Misplace(code, reason, details) => {
                Reply::misplaced(sent.access().as_ref(), code, reason, details).into_response()
            }
            Fault::Deny(message) => {
                Reply::forbidden(sent.access().as_ref(), message).into_response()
            }
            Fault::Busy(seconds) => {
                let reply = Reply::refusal(429, "TooManyRequests", "too many requests");
                Reply { retry_after: Some(seconds), ..reply }.into_response()
            }
            Fault::Fail(code) => page(code).into_response(),
            Fault::FailAfter(code) => {
                self.serve(sent);
                page(code).into_response()
            }
            Fault::Unreachable => Err(TransportError::Unreachable("nothing listens".to_owned())),
            Fault::Lose => timeout(),
            Fault::LoseAnswer => {
                self.serve(sent);
                timeout()
            }
            Fault::Break => Err(TransportError::Broken("reset".to_owned())),
            Fault::BreakAnswer => {
                self.serve(sent);
                Err(TransportError::Broken("reset".to_owned()))
            }
            Fault::Late => {
                self.state.borrow_mut().late.push(sent.clone());
                timeout()
            }
        }
    }
}

impl HttpClient for FakeCluster {
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let sent = self.note(request);
        let late = self.clock.get() + TimeDelta::from_std(limits.total).unwrap_or_default();
        yield_once().await;
        let answer = self.answer(&sent, late);
        self.answered(&sent);
        answer
    }
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FakeCluster({} requests)", self.calls())
    }
}

pub(super) fn deployer() -> Value {
    let metadata = json!({"namespace": "apps", "name": "deployer"});
    json!({"kind": "ServiceAccount", "apiVersion": "v1", "metadata": metadata})
}

/// A role that grants nothing dangerous.
pub(super) fn view() -> Value {
    json!({
        "kind": "ClusterRole", "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "view"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    })
}

/// The page of a gateway if the server behind it fails.
fn page(code: u16) -> Reply {
    Reply { code, body: "<html>".to_owned(), retry_after: None }
}
