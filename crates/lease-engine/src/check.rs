//! Checking a target: does it answer, who are we there, what may we not do?

use std::collections::BTreeSet;
use std::pin::pin;

use chrono::TimeDelta;
use futures::{StreamExt, future, stream};
use kube_rest::{Api, Error, ResourceAttributes};
use lease_core::{
    Account, MissingPermission, Namespace, ServiceAccountName, Target, TargetCheck, TargetName,
};

use crate::engine::api;
use crate::{Engine, Ports, TargetError};

impl<P: Ports> Engine<P> {
    /// Checks a target, and keeps what was seen.
    ///
    /// What the cluster does wrong is what the check tells, not an error of it.
    ///
    /// # Errors
    /// Fails where there is no such target, its credential does not open, or the store fails.
    pub async fn check_target(&self, name: &TargetName) -> Result<TargetCheck, TargetError> {
        let target = self.known_target(name)?;
        let credential = self.opened(&target)?;
        let needs = self.needs(&target)?;
        let check = self.look(&api(&target, &credential), needs).await;
        self.checks().put(&target, &check)?;
        Ok(check)
    }

    /// The tokens that dynamic secrets of the target would ask for.
    fn needs(&self, target: &Target) -> Result<BTreeSet<Need>, TargetError> {
        let mut needs = BTreeSet::new();
        for secret in self.dynamic_secrets().all()? {
            if secret.target == target.name {
                let Account::Existing { name } = secret.account;
                let places = secret.terms.namespaces().iter();
                needs.extend(places.map(|place| (place.clone(), name.clone())));
            }
        }
        Ok(needs)
    }

    async fn look(&self, api: &Api<'_>, needs: BTreeSet<Need>) -> TargetCheck {
        let http = self.ports.http();
        let (version, me, everywhere) = future::join3(
            api.version().send(http),
            api.who_am_i().send(http),
            api.may_i(&token_creation(None, None)).send(http),
        )
        .await;
        let mut check = TargetCheck {
            checked_at: self.ports.now(),
            reachable: [version.as_ref().err(), me.as_ref().err(), everywhere.as_ref().err()]
                .into_iter()
                .any(|failure| !matches!(failure, Some(Error::Transport(_)))),
            problem: None,
            version: version.as_ref().ok().map(|version| bounded(&version.git_version)),
            username: None,
            groups: vec![],
            missing_permissions: vec![],
        };
        match me {
            Ok(me) => {
                check.username = Some(bounded(&me.username));
                check.groups =
                    me.groups.iter().take(MAX_GROUPS).map(|group| bounded(group)).collect();
            }
            // Before Kubernetes 1.28 no one is told who they are; that we are let in is seen below.
            Err(error) if error.status().is_some_and(kube_rest::Status::is_not_found) => {}
            Err(error) => check.problem = Some(told(&error)),
        }
        match everywhere {
            Ok(review) if review.allowed => {}
            Ok(_) => {
                let (missing, problem) = self.missing(api, needs).await;
                check.missing_permissions = missing;
                check.problem = check.problem.or(problem);
            }
            Err(error) => check.problem = check.problem.or_else(|| Some(told(&error))),
        }
        if let Err(error) = version {
            check.problem = check.problem.or_else(|| Some(told(&error)));
        }
        check
    }

    /// Which of `needs` are not met; where there are none yet, the right that any would need.
    async fn missing(
        &self,
        api: &Api<'_>,
        needs: BTreeSet<Need>,
    ) -> (Vec<MissingPermission>, Option<String>) {
        if needs.is_empty() {
            return (vec![missing_token_creation(None, None)], None);
        }
        let mut problem = (needs.len() > MAX_REVIEWS).then(|| {
            format!(
                "{} permissions are needed; only the first {MAX_REVIEWS} were looked at",
                needs.len()
            )
        });
        let asked = needs.into_iter().take(MAX_REVIEWS).map(async |(place, account)| {
            let what = token_creation(Some(place.as_str()), Some(account.as_str()));
            let answer = api.may_i(&what).send(self.ports.http()).await;
            (place, account, answer)
        });
        // In order, so that two checks of the same state tell the same.
        let mut answers = pin!(stream::iter(asked).buffered(REVIEWS_AT_ONCE));
        let mut missing = vec![];
        let began = self.ports.now();
        while let Some((place, account, answer)) = answers.next().await {
            match answer {
                _ if self.ports.now() - began > REVIEWS_TIME => {
                    problem = Some("the API server is too slow to be asked everything".to_owned());
                    break;
                }
                Ok(review) if review.allowed => {}
                Ok(_) => missing.push(missing_token_creation(Some(place), Some(&account))),
                Err(error) => {
                    problem = Some(told(&error));
                    // Where one does not answer in time, each of the others could take as long.
                    break;
                }
            }
        }
        (missing, problem)
    }
}

/// An account whose tokens are needed, and where it is.
type Need = (Namespace, ServiceAccountName);

fn token_creation<'a>(namespace: Option<&'a str>, name: Option<&'a str>) -> ResourceAttributes<'a> {
    let (verb, resource, subresource) = ("create", "serviceaccounts", Some("token"));
    ResourceAttributes { verb, group: "", resource, subresource, namespace, name }
}

fn missing_token_creation(
    namespace: Option<Namespace>,
    name: Option<&ServiceAccountName>,
) -> MissingPermission {
    MissingPermission {
        verb: "create".to_owned(),
        resource: "serviceaccounts/token".to_owned(),
        name: name.map(ToString::to_string),
        namespace,
    }
}

/// What an administrator is told of a failure: the whole chain, which holds no token and no body.
fn told(error: &Error) -> String {
    match error {
        Error::Refused(status) if status.is_unauthorized() => {
            "the API server does not accept the target's credential".to_owned()
        }
        Error::Transport(cause) => cause.to_string(),
        Error::Unreadable(_) => "what answers at the url is not a Kubernetes API server".to_owned(),
        other => other.to_string(),
    }
}

/// What a server says of itself is kept, and shown in every list: not more than anyone means to say.
fn bounded(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).collect()
}

/// The longest text of a server that is kept: a subdomain, and what Kubernetes puts before it.
const MAX_CHARACTERS: usize = 320;

/// The most groups that are kept; a service account is in three.
const MAX_GROUPS: usize = 64;

/// The most permissions that one check asks about.
const MAX_REVIEWS: usize = 256;

/// How long it goes on asking; each answer may take [`kube_rest::LIMITS`].
const REVIEWS_TIME: TimeDelta = TimeDelta::seconds(30);

/// How many it asks about side by side.
const REVIEWS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use kube_rest::TransportError;

    use super::*;
    use crate::fixtures::{block_on, engine_with_secret};
    use crate::testing::Answer;

    const VERSION: &str = r#"{"gitVersion":"v1.36.3"}"#;
    const ME: &str = r#"{"status":{"userInfo":{"username":"system:serviceaccount:kubelease:broker","groups":["g"]}}}"#;
    const YES: &str = r#"{"status":{"allowed":true}}"#;
    const NO: &str = r#"{"status":{"allowed":false}}"#;

    fn check(answers: Vec<Answer>) -> TargetCheck {
        let engine = engine_with_secret(answers);
        let prod = "prod".parse().expect("a good name");
        let check = block_on(engine.check_target(&prod)).expect("checks");
        let (_, kept) = engine.target(&prod).expect("reads");
        assert_eq!(kept.as_ref(), Some(&check), "what was seen is kept");
        check
    }

    fn reply(code: u16, body: &str) -> Answer {
        Answer::Reply(code, body.to_owned())
    }

    #[test]
    fn a_target_that_is_all_right_has_no_problem() {
        let check = check(vec![reply(200, VERSION), reply(201, ME), reply(201, YES)]);
        assert!(check.reachable);
        assert_eq!(check.problem, None);
        assert_eq!(check.version.as_deref(), Some("v1.36.3"));
        assert_eq!(check.username.as_deref(), Some("system:serviceaccount:kubelease:broker"));
        assert_eq!(check.missing_permissions, []);
    }

    #[test]
    fn a_server_that_says_too_much_of_us_is_cut_short() {
        let long = "x".repeat(100_000);
        let me = serde_json::json!({"status": {"userInfo": {
            "username": long, "groups": vec!["g"; 1000],
        }}});
        let version = format!(r#"{{"gitVersion":"{long}"}}"#);
        let check = check(vec![reply(200, &version), reply(201, &me.to_string()), reply(201, YES)]);
        assert_eq!(check.username.map(|name| name.len()), Some(MAX_CHARACTERS));
        assert_eq!(check.version.map(|version| version.len()), Some(MAX_CHARACTERS));
        assert_eq!(check.groups.len(), MAX_GROUPS);
    }

    #[test]
    fn a_right_that_is_missing_is_named_with_its_place() {
        let answers = vec![reply(200, VERSION), reply(201, ME), reply(201, NO), reply(201, NO)];
        let missing = check(answers).missing_permissions;
        let apps = "apps".parse().expect("a good name");
        let deployer = "deployer".parse().expect("a good name");
        assert_eq!(missing, [missing_token_creation(Some(apps), Some(&deployer))]);
        let granted = vec![reply(200, VERSION), reply(201, ME), reply(201, NO), reply(201, YES)];
        assert_eq!(check(granted).missing_permissions, []);
    }

    #[test]
    fn a_cluster_that_stops_answering_is_not_asked_on() {
        let late = || Answer::Fail(TransportError::Timeout("first byte".to_owned()));
        let mut answers = vec![reply(200, VERSION), reply(201, ME), reply(201, NO)];
        answers.extend((0..200).map(|_| late()));
        let engine = engine_with_secret(answers);
        let namespaces = (0..200).map(|i| format!("n{i}").parse().expect("a good name")).collect();
        let hour = lease_core::Ttl::HOUR;
        let ci = "ci".parse().expect("a good name");
        let secret = engine.dynamic_secret(&ci).expect("is there");
        let definition = crate::DynamicSecretDefinition {
            name: ci,
            target: secret.target,
            account: secret.account,
            terms: lease_core::Terms::new(namespaces, hour, hour).expect("good terms"),
        };
        engine.put_dynamic_secret(definition).expect("puts");
        let check = block_on(engine.check_target(&"prod".parse().expect("a good name")));
        let problem = check.expect("checks").problem.unwrap_or_default();
        assert!(problem.contains("no whole answer came in time"), "{problem}");
        assert!(engine.ports.http.bearers().len() <= 3 + 2 * REVIEWS_AT_ONCE, "it gave up");
    }

    #[test]
    fn each_fault_of_the_cluster_is_told_and_is_no_error() {
        let refused = r#"{"kind":"Status","reason":"Unauthorized","code":401}"#;
        let dead = || Answer::Fail(TransportError::Unreachable("refused".to_owned()));
        for (answers, reachable, problem) in [
            (vec![dead(), dead(), dead()], false, "nothing answered"),
            (
                vec![reply(401, refused), reply(401, refused), reply(401, refused)],
                true,
                "does not accept",
            ),
            (
                vec![reply(200, "<html>"), reply(200, "<html>"), reply(200, "<html>")],
                true,
                "not a Kubernetes API server",
            ),
            (vec![reply(500, ""), reply(500, ""), reply(500, "")], true, "500"),
            (vec![reply(200, VERSION), reply(403, ""), reply(201, YES)], true, "403"),
        ] {
            let check = check(answers);
            assert_eq!(check.reachable, reachable, "{problem}");
            let told = check.problem.unwrap_or_default();
            assert!(told.contains(problem), "{told:?} should tell of {problem:?}");
        }
    }

    #[test]
    fn a_cluster_too_old_to_say_who_we_are_is_no_problem() {
        let unknown = r#"{"kind":"Status","reason":"NotFound","code":404}"#;
        let check = check(vec![reply(200, VERSION), reply(404, unknown), reply(201, YES)]);
        assert_eq!((check.problem, check.username), (None, None));
    }
}
