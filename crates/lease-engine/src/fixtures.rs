//! Engines for our own tests.

use lease_core::{Account, ApiServerUrl, ClusterCredential, Keyring, MasterKey, Terms};

use crate::testing::{Answer, TestPorts};
use crate::{DynamicSecretDefinition, Engine, TargetDefinition};

pub(crate) use futures::executor::block_on;

/// An engine whose API server gives these answers, one a request.
pub(crate) fn engine(answers: Vec<Answer>) -> Engine<TestPorts> {
    let ports = TestPorts::default();
    ports.http.script(answers);
    let key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
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
