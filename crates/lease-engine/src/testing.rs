//! Ports for tests: a store in memory, a set clock, and an API server that answers from a script.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use chrono::{DateTime, Utc};
use http::{Request, Response};
use kube_rest::{HttpClient, Limits, TransportError};
use lease_core::{Account, ApiServerUrl, ClusterCredential, Keyring, MasterKey, Terms};
use lease_store::MemoryStore;

use crate::{DynamicSecretDefinition, Engine, Ports, TargetDefinition};

pub(crate) use futures::executor::block_on;

/// What the scripted API server answers to one request.
#[derive(Debug)]
pub(crate) enum Answer {
    Reply(u16, String),
    Fail(TransportError),
}

impl Answer {
    /// The answer to a `TokenRequest` that is granted.
    pub(crate) fn token(namespace: &str, account: &str, issued: i64, expires: i64) -> Self {
        let token = token(namespace, account, issued, expires);
        Self::Reply(201, serde_json::json!({"status": {"token": token}}).to_string())
    }
}

/// A token as an API server would issue it, but for its signature.
pub(crate) fn token(namespace: &str, account: &str, issued: i64, expires: i64) -> String {
    let claims = serde_json::json!({
        "sub": format!("system:serviceaccount:{namespace}:{account}"),
        "aud": ["https://kubernetes.default.svc"],
        "iat": issued,
        "exp": expires,
        "jti": "5a0f",
    });
    let key = jsonwebtoken::EncodingKey::from_secret(b"test");
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).expect("encodes")
}

/// An engine whose API server gives these answers, one a request.
pub(crate) fn engine(answers: Vec<Answer>) -> Engine<TestPorts> {
    let store = Rc::new(MemoryStore::default());
    let http = ScriptedHttp {
        answers: RefCell::new(answers.into()),
        store: Rc::clone(&store),
        ..ScriptedHttp::default()
    };
    let key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let ports = TestPorts { store, http, now: Cell::new(1_795_000_000), random: Cell::new(0) };
    Engine::new(ports, Keyring::new(&key.expect("32 bytes"), &[]))
}

/// The same with target `prod` and dynamic secret `ci`: `apps/deployer`, 1 h by default, 24 h at most.
pub(crate) fn engine_with_secret(answers: Vec<Answer>) -> Engine<TestPorts> {
    let engine = engine(answers);
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    let terms = |default: &str, max: &str| {
        let namespaces = vec!["apps".parse().expect("a good name")];
        Terms::new(namespaces, default.parse().expect("good"), max.parse().expect("good"))
    };
    let definition = DynamicSecretDefinition {
        name: "ci".parse().expect("a good name"),
        target: "prod".parse().expect("a good name"),
        account: Account::Existing { name: "deployer".parse().expect("a good name") },
        terms: terms("1h", "24h").expect("good terms"),
    };
    engine.put_dynamic_secret(definition).expect("puts");
    engine
}

/// A definition of target `prod`.
pub(crate) fn prod(url: &str, credential: Option<&str>) -> TargetDefinition {
    let token = |text: &str| ClusterCredential::try_from(text.to_owned()).expect("a good token");
    TargetDefinition {
        name: "prod".parse().expect("a good name"),
        url: ApiServerUrl::try_from(url.to_owned()).expect("a good url"),
        credential: credential.map(token),
    }
}

pub(crate) struct TestPorts {
    pub(crate) store: Rc<MemoryStore>,
    pub(crate) http: ScriptedHttp,
    pub(crate) now: Cell<i64>,
    random: Cell<u8>,
}

impl Ports for TestPorts {
    type Store = MemoryStore;
    type Http = ScriptedHttp;

    fn store(&self) -> &MemoryStore {
        &self.store
    }

    fn http(&self) -> &ScriptedHttp {
        &self.http
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(self.now.get(), 0).expect("in range")
    }

    fn random(&self, bytes: &mut [u8]) {
        self.random.set(self.random.get() + 1);
        bytes.fill(self.random.get());
    }
}

type OnSend = Box<dyn Fn(&MemoryStore)>;

/// An API server that answers from a script, and panics when it is asked for more.
#[derive(Default)]
pub(crate) struct ScriptedHttp {
    answers: RefCell<VecDeque<Answer>>,
    sent: RefCell<Vec<Request<Vec<u8>>>>,
    store: Rc<MemoryStore>,
    on_send: RefCell<Option<OnSend>>,
}

impl ScriptedHttp {
    /// How many requests were sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent.borrow().len()
    }

    /// The value of the `Authorization` header of each request.
    pub(crate) fn bearers(&self) -> Vec<String> {
        let value =
            |request: &Request<_>| request.headers()["authorization"].to_str().map(Into::into);
        self.sent.borrow().iter().map(value).collect::<Result<_, _>>().expect("ASCII")
    }

    /// What happens to the store while a request is under way.
    pub(crate) fn on_send(&self, act: impl Fn(&MemoryStore) + 'static) {
        *self.on_send.borrow_mut() = Some(Box::new(act));
    }
}

impl HttpClient for ScriptedHttp {
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        _limits: &Limits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let uri = request.uri().to_string();
        self.sent.borrow_mut().push(request);
        if let Some(act) = &*self.on_send.borrow() {
            act(&self.store);
        }
        let answer = self.answers.borrow_mut().pop_front();
        match answer.unwrap_or_else(|| panic!("no answer is scripted for {uri}")) {
            Answer::Reply(code, body) => {
                Ok(Response::builder().status(code).body(body.into_bytes()).expect("a response"))
            }
            Answer::Fail(error) => Err(error),
        }
    }
}
