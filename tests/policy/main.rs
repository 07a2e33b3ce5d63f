//! The files of `deploy/`: with them kubelease's account can do what a lease needs, and nothing else.
//!
//! We are that account here, by its token, at a real API server; kubelease itself is not needed.

mod broker;
mod escapes;
mod lease;
mod modes;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::broker::Broker;
use self::escapes::Strangers;
use self::lease::Lease;
use self::modes::MODES;

#[test]
fn with_its_rbac_and_the_policy_each_mode_works() -> Result<()> {
    for (file, mode) in MODES {
        let broker = Broker::new()?;
        let (_rbac, _policy) = (broker.with_rbac(file)?, broker.with_policy()?);
        mode(&broker, &Lease::new()?).context(file)?;
    }
    Ok(())
}

#[test]
fn without_any_one_verb_of_its_rbac_a_mode_fails() -> Result<()> {
    for (file, mode) in MODES {
        let broker = Broker::new()?;
        let rbac = broker.with_rbac(file)?;
        let objects = broker.cluster.parse_manifest_by_kubectl(rbac.manifest())?;
        let roles: Vec<_> = objects.iter().filter(|object| object["rules"].is_array()).collect();
        for (rule, verb) in roles.iter().flat_map(|role| verbs(role)) {
            // In this cluster `system:basic-user` lets everybody ask who he is; `hardened` is about others.
            if EVERYBODYS.map(|resource| json!([resource])).contains(&rule["resources"]) {
                continue;
            }
            let what = format!("{file}: {} without `{verb}`", rule["resources"]);
            for role in &roles {
                broker.replace_role(&without(role, rule, verb)?)?;
            }
            broker.until(rule, verb, false)?;
            let error = mode(&broker, &Lease::new()?).err();
            let error = error.with_context(|| format!("{what} is enough"))?;
            // It fails for that reason, and not for one of the test's own.
            ensure!(format!("{error:#}").contains("answered 403"), "{what}: {error:#}");
            for role in &roles {
                broker.replace_role(role)?;
            }
            broker.until(rule, verb, true)?;
        }
    }
    Ok(())
}

#[test]
fn the_policy_stops_each_escape_whatever_rbac_allows() -> Result<()> {
    let broker = Broker::new()?;
    let strangers = Strangers::new(&broker)?;
    let _policy = broker.with_policy()?;
    broker.with_every_right()?;
    let ours = Lease::new()?;
    ours.create_all(&broker)?;
    let before = strangers.seen()?;

    for escape in escapes::all(&broker, &ours)? {
        let answer = broker.http.send_json(escape.method, &escape.path, &escape.body)?;
        let refused = answer.status == 403 && format!("{answer:?}").contains(POLICY);
        ensure!(refused, "{} is not stopped by the policy: {answer:?}", escape.name);
        // Nobody else is against it, so that a mistake in the request is not taken for a refusal.
        let (path, body) = escape.dry_run();
        let tried = broker.cluster.admin_client().send_json(escape.method, &path, &body)?;
        tried.expect_success().with_context(|| format!("{}, by the administrator", escape.name))?;
    }
    assert_eq!(strangers.seen()?, before);
    Ok(())
}

#[test]
fn without_any_one_validation_the_policy_lets_an_escape_pass() -> Result<()> {
    let broker = Broker::new()?;
    let _strangers = Strangers::new(&broker)?;
    let deployed = broker.with_policy()?;
    broker.with_every_right()?;
    let ours = Lease::new()?;
    ours.create_all(&broker)?;
    let escapes = escapes::all(&broker, &ours)?;

    let policy = broker.cluster.parse_manifest_by_kubectl(deployed.manifest())?.swap_remove(0);
    let all = policy["spec"]["validations"].as_array().context("no validations")?;
    for (at, validation) in all.iter().enumerate() {
        let mut less = policy.clone();
        less["spec"]["validations"].as_array_mut().context("no validations")?.remove(at);
        broker.replace_policy(&less)?;
        let mut passed = 0;
        for escape in &escapes {
            let (path, body) = escape.dry_run();
            let answer = broker.http.send_json(escape.method, &path, &body)?;
            passed += usize::from((200..300).contains(&answer.status));
        }
        ensure!(passed > 0, "no escape needs this to be stopped: {}", validation["message"]);
    }
    Ok(())
}

#[test]
fn the_policy_lets_questions_pass() -> Result<()> {
    let broker = Broker::new()?;
    let _policy = broker.with_policy()?;
    let pods = json!({ "resourceAttributes": { "verb": "get", "resource": "pods" } });
    for (path, spec) in [
        ("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})),
        ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", pods),
        (
            "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
            json!({ "namespace": "default" }),
        ),
    ] {
        broker.http.post(path, &json!({ "spec": spec }))?.expect_status(201)?;
    }
    Ok(())
}

/// Each verb of each rule, with the rule.
fn verbs(role: &Value) -> Vec<(&Value, &str)> {
    let rules = role["rules"].as_array().map_or(&[][..], Vec::as_slice).iter();
    rules
        .flat_map(|rule| {
            let verbs = rule["verbs"].as_array().map_or(&[][..], Vec::as_slice).iter();
            verbs.filter_map(move |verb| Some((rule, verb.as_str()?)))
        })
        .collect()
}

/// The role without a verb of a rule, or without the rule, which may not be without verbs. If the rule is of one name,
/// the verb goes from the rules of all names too, which give the same.
fn without(role: &Value, taken: &Value, verb: &str) -> Result<Value> {
    let mut less = role.clone();
    let gives_the_same = |other: &Value| {
        let is_wider = !taken["resourceNames"].is_null() && other["resourceNames"].is_null();
        other["resources"] == taken["resources"] && (other == taken || is_wider)
    };
    let rules = less["rules"].as_array_mut().context("no rules")?;
    for other in rules.iter_mut().filter(|other| gives_the_same(other)) {
        let verbs = other["verbs"].as_array_mut().context("no verbs")?;
        verbs.retain(|other| *other != verb);
    }
    rules.retain(|rule| rule["verbs"] != json!([]));
    Ok(less)
}

/// The questions about oneself that are open to everybody.
const EVERYBODYS: [&str; 2] = ["selfsubjectreviews", "selfsubjectaccessreviews"];

/// The start of an answer that comes from the policy.
const POLICY: &str = "ValidatingAdmissionPolicy '";
