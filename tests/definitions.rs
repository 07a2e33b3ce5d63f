//! Definitions in files: the real program, and a running kubelease.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testbed::harness::TestCase;
use testbed::kubelease::{ADMIN_TOKEN_VARIABLE, Kubelease};

/// An administrator's machine with a directory of definitions.
struct Repository<'s> {
    kubelease: Arc<Kubelease<'s>>,
    home: tempfile::TempDir,
    program: PathBuf,
}

/// The outcome of a run of the program.
#[derive(Debug)]
struct Outcome {
    code: Option<i32>,
    printed: String,
    told: String,
}

impl<'s> Repository<'s> {
    /// A repository with a target, a dynamic secret of it and an identity.
    fn new(case: &TestCase<'s>) -> Result<Self> {
        let own = std::env::current_exe()?;
        let directory = own.ancestors().skip(1).find(|path| !path.ends_with("deps"));
        let program = directory.context("a directory")?.join("kubelease");
        ensure!(program.is_file(), "`cargo xtask test` builds {}", program.display());
        let repository =
            Self { kubelease: case.new_kubelease()?, home: tempfile::tempdir()?, program };
        fs::create_dir(repository.directory())?;
        // By their names in the wrong order, so that the order of need is seen.
        repository.write("1-identity.yaml", IDENTITY)?;
        repository.write("2-secret.yaml", SECRET)?;
        repository.write("3-target.yml", TARGET)?;
        repository.write("README.md", "no definition")?;
        Ok(repository)
    }

    fn directory(&self) -> PathBuf {
        self.home.path().join("definitions")
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.directory().join(name), text)?)
    }

    fn remove(&self, name: &str) -> Result<()> {
        Ok(fs::remove_file(self.directory().join(name))?)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(arguments).env_clear().stdin(Stdio::null()).current_dir(self.home.path());
        command.env("HOME", self.home.path()).env("KUBELEASE_URL", self.kubelease.url()?);
        command.env("KUBELEASE_TOKEN", self.kubelease.settings().variable(ADMIN_TOKEN_VARIABLE));
        command.env("PROD_TOKEN", FIRST);
        Ok(command)
    }

    fn run(&self, arguments: &[&str]) -> Result<Outcome> {
        outcome(&mut self.command(arguments)?)
    }

    /// Runs a command over the directory, which is to end with a code, and returns what it prints.
    fn expect(&self, code: i32, arguments: &[&str]) -> Result<String> {
        let arguments = [arguments, &["-f", "definitions"]].concat();
        let outcome = self.run(&arguments)?;
        ensure!(outcome.code == Some(code), "{arguments:?}: {outcome:?}");
        Ok(outcome.printed)
    }

    fn get(&self, path: &str) -> Result<Value> {
        self.kubelease.admin_client()?.get(path)?.expect_status(200)
    }

    /// The number of events, which each put makes one of.
    fn events(&self) -> Result<usize> {
        let events = self.get("/api/v1/audit?limit=500")?;
        Ok(events["items"].as_array().context("a list")?.len())
    }
}

fn outcome(command: &mut Command) -> Result<Outcome> {
    let output = command.output()?;
    let outcome = Outcome {
        code: output.status.code(),
        printed: String::from_utf8(output.stdout)?,
        told: String::from_utf8(output.stderr)?,
    };
    let all = format!("{}{}", outcome.printed, outcome.told);
    for secret in [FIRST, SECOND] {
        ensure!(!all.contains(secret), "a secret is shown: {outcome:?}");
    }
    Ok(outcome)
}

pub fn an_apply_makes_what_differs_and_writes_nothing_else(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    let diff = repository.expect(1, &["diff"])?;
    for line in ["+++ applied/target/prod", "+  url: \"https://prod.example\"", "+  target: prod"] {
        ensure!(diff.lines().any(|found| found == line), "{line}: {diff}");
    }
    let dry = repository.expect(0, &["apply", "--dry-run"])?;
    let made = "target/prod created\ndynamic-secret/ci created\nidentity/bot created\n";
    assert_eq!(dry, made.replace('\n', " (dry run)\n"));
    assert_eq!(repository.events()?, 0);
    assert_eq!(repository.expect(0, &["apply"])?, made);
    let events = repository.events()?;
    assert_eq!(events, 3);

    let same = made.replace("created", "unchanged");
    assert_eq!(repository.expect(0, &["apply"])?, same);
    assert_eq!(repository.expect(0, &["diff"])?, "");
    assert_eq!(repository.events()?, events, "what is the same is written again");

    // What is exported says the same, also without its secrets.
    let exported = repository.run(&["export"])?.printed;
    let mut apply = repository.command(&["apply", "-f", "-"])?;
    let mut child = apply.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    child.stdin.take().context("stdin")?.write_all(exported.as_bytes())?;
    let output = child.wait_with_output()?;
    assert_eq!(String::from_utf8(output.stdout)?, same, "{exported}");

    repository.write("2-secret.yaml", &SECRET.replace("max_ttl: 2h", "max_ttl: 3h"))?;
    let diff = repository.expect(1, &["diff"])?;
    let changed: Vec<_> = diff.lines().filter(|line| !line.starts_with(' ')).collect();
    let live = ["--- live/dynamic-secret/ci", "+++ applied/dynamic-secret/ci"];
    assert_eq!(changed[..2], live);
    assert_eq!(changed[3..], ["-  max_ttl: 2h", "+  max_ttl: 3h"], "{diff}");
    let applied = repository.expect(0, &["apply", "-o", "json"])?;
    let applied: Value = serde_json::from_str(&applied)?;
    assert_eq!(applied[1], json!({"kind": "DynamicSecret", "name": "ci", "change": "configured"}));
    assert_eq!(repository.get("/api/v1/dynamic-secrets/ci")?["max_ttl"], "3h");
    Ok(())
}

pub fn another_secret_is_noticed_and_never_shown(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    repository.expect(0, &["apply"])?;
    let with = |command: &str, secret: &str| -> Result<Outcome> {
        let arguments = [command, "-f", "definitions/3-target.yml"];
        outcome(repository.command(&arguments)?.env("PROD_TOKEN", secret))
    };
    let diff = with("diff", SECOND)?;
    assert_eq!(diff.code, Some(1), "{diff:?}");
    ensure!(diff.printed.contains("-# auth: the secret that is kept"), "{diff:?}");
    ensure!(diff.printed.contains("+# auth: another secret"), "{diff:?}");
    assert_eq!(with("apply", SECOND)?.printed, "target/prod configured\n");
    assert_eq!(with("apply", SECOND)?.printed, "target/prod unchanged\n");

    let target = TARGET.replace("${PROD_TOKEN}", "file:../token");
    repository.write("3-target.yml", &target)?;
    fs::write(repository.home.path().join("token"), format!("{SECOND}\n"))?;
    assert_eq!(with("apply", "unused")?.printed, "target/prod unchanged\n");
    fs::remove_file(repository.home.path().join("token"))?;
    let failed = with("apply", "unused")?;
    ensure!(failed.code == Some(1) && failed.told.contains("3-target.yml:6:30: "), "{failed:?}");
    repository.write("3-target.yml", &TARGET.replace("${PROD_TOKEN}", FIRST))?;
    let failed = with("apply", "unused")?;
    ensure!(failed.told.contains("must not be in a file"), "{failed:?}");
    repository.write("3-target.yml", &TARGET.replace("PROD_TOKEN", "MISSING"))?;
    let failed = with("apply", "unused")?;
    ensure!(failed.told.contains("the environment variable `MISSING` is not set"), "{failed:?}");
    Ok(())
}

pub fn a_mistake_is_told_with_its_place_and_nothing_is_put(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    repository.write("2-secret.yaml", &SECRET.replace("max_ttl", "max_tll"))?;
    repository.write("3-target.yml", &TARGET.replace("token:", "tokn:"))?;
    let arguments = ["apply", "-f", "definitions"];
    let failed = repository.run(&arguments)?;
    assert_eq!((failed.code, failed.printed.as_str()), (Some(1), ""), "{failed:?}");
    for line in [
        "definitions/2-secret.yaml:9:3: unknown field `max_tll`: did you mean `max_ttl`?",
        "definitions/3-target.yml:6:23: unknown field `tokn`: did you mean `token`?",
    ] {
        ensure!(failed.told.contains(line), "{line}: {failed:?}");
    }
    assert_eq!(repository.events()?, 0);
    assert_eq!(repository.run(&["diff", "-f", "definitions"])?.code, Some(2));

    // What only the server knows has its place too, and what does not depend on it is put.
    repository.write("2-secret.yaml", &SECRET.replace("max_ttl: 2h", "max_ttl: 2 hours"))?;
    repository.write("3-target.yml", TARGET)?;
    let failed = repository.run(&arguments)?;
    assert_eq!(failed.code, Some(3), "{failed:?}");
    assert_eq!(failed.printed, "target/prod created\nidentity/bot created\n");
    let place = "definitions/2-secret.yaml:9:12: dynamic-secret/ci: `max_ttl`: ";
    ensure!(failed.told.contains(place), "{failed:?}");

    repository.write("again.yaml", TARGET)?;
    let failed = repository.run(&arguments)?;
    let twice =
        "definitions/again.yaml:1:1: target/prod is defined at definitions/3-target.yml:1:1 too";
    ensure!(failed.told.contains(twice), "{failed:?}");
    let unreachable = ["--url", "http://127.0.0.1:1", "diff", "-f", "definitions/3-target.yml"];
    assert_eq!(repository.run(&unreachable)?.code, Some(4));
    Ok(())
}

pub fn pruned_is_only_what_the_same_set_has_made(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    let admin = repository.kubelease.admin_client()?;
    // Of nobody's set, and of another.
    admin.put("/api/v1/identities/by-hand", &json!({}))?.expect_status(201)?;
    admin.put("/api/v1/identities/theirs", &json!({"apply_set": "other"}))?.expect_status(201)?;
    let apply = ["apply", "--set", "ours", "--prune"];
    repository.expect(0, &apply)?;
    assert_eq!(repository.get("/api/v1/targets/prod")?["apply_set"], "ours");
    // An apply without a set leaves it as it is.
    ensure!(repository.expect(0, &["apply"])?.contains("target/prod unchanged"));

    repository.remove("1-identity.yaml")?;
    repository.remove("2-secret.yaml")?;
    let diff = repository.expect(1, &["diff", "--set", "ours", "--prune"])?;
    ensure!(diff.contains("-kind: DynamicSecret") && !diff.contains("by-hand"), "{diff}");
    let dry = repository.expect(0, &["apply", "--set", "ours", "--prune", "--dry-run"])?;
    ensure!(dry.contains("dynamic-secret/ci pruned (dry run)"), "{dry}");
    repository.get("/api/v1/dynamic-secrets/ci")?;
    let pruned = repository.expect(0, &apply)?;
    let told = "target/prod unchanged\nidentity/bot pruned\ndynamic-secret/ci pruned\n";
    assert_eq!(pruned, told);
    for path in ["/api/v1/dynamic-secrets/ci", "/api/v1/identities/bot"] {
        admin.get(path)?.expect_status(404)?;
    }
    for path in ["/api/v1/identities/by-hand", "/api/v1/identities/theirs"] {
        repository.get(path)?;
    }
    Ok(())
}

pub fn what_is_of_another_set_is_taken_over_only_if_that_is_said(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    repository.expect(0, &["apply", "--set", "theirs"])?;
    let arguments = ["apply", "-f", "definitions", "--set", "ours", "--prune"];
    let refused = repository.run(&arguments)?;
    assert_eq!((refused.code, refused.printed.as_str()), (Some(3), ""), "{refused:?}");
    ensure!(refused.told.contains("target/prod is part of the set `theirs`"), "{refused:?}");
    repository.expect(0, &["apply", "--set", "ours", "--take-over"])?;
    assert_eq!(repository.get("/api/v1/identities/bot")?["apply_set"], "ours");

    // With nothing to apply, a prune would delete everything.
    let empty = repository.home.path().join("empty");
    fs::create_dir(&empty)?;
    let nothing = repository.run(&["apply", "-f", "empty", "--set", "ours", "--prune"])?;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    repository.get("/api/v1/identities/bot")?;
    Ok(())
}

pub fn definitions_are_deleted_by_files_and_by_names(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    repository.expect(0, &["apply"])?;
    let used = repository.run(&["delete", "target", "prod"])?;
    ensure!(used.code == Some(3) && used.told.contains("target_in_use"), "{used:?}");
    assert_eq!(repository.run(&["delete", "identity", "bot"])?.printed, "identity/bot deleted\n");
    let rest = repository.run(&["delete", "-f", "definitions", "--ignore-not-found"])?;
    assert_eq!(rest.code, Some(0), "{rest:?}");
    assert_eq!(rest.printed, "dynamic-secret/ci deleted\ntarget/prod deleted\n");
    let absent = repository.run(&["delete", "-f", "definitions"])?;
    ensure!(
        absent.code == Some(3) && absent.told.contains("there is no target `prod`"),
        "{absent:?}"
    );
    Ok(())
}

pub fn schemas_are_written_for_editors(case: &TestCase) -> Result<()> {
    let repository = Repository::new(case)?;
    let written = repository.run(&["schema", "--output-dir", "schemas"])?;
    assert_eq!(written.printed.lines().count(), 4, "{written:?}");
    let directory = repository.home.path().join("schemas");
    let read = |name: &str| -> Result<Value> {
        Ok(serde_json::from_slice(&fs::read(directory.join(Path::new(name)))?)?)
    };
    let target = read("target.schema.json")?;
    assert_eq!(target["properties"]["kind"]["const"], "Target");
    let printed: Value = serde_json::from_str(&repository.run(&["schema", "target"])?.printed)?;
    assert_eq!(printed, target);
    assert_eq!(read("definition.schema.json")?["oneOf"][0], target);
    Ok(())
}

const TARGET: &str = r#"apiVersion: kubelease.dev/v1
kind: Target
metadata: {name: prod}
spec:
  url: https://prod.example
  auth: {type: token, token: "${PROD_TOKEN}"}
  description: The cluster of production
"#;

const SECRET: &str = r"apiVersion: kubelease.dev/v1
kind: DynamicSecret
metadata:
  name: ci
spec:
  target: prod
  account: {type: existing, name: deployer}
  namespaces: [apps]
  max_ttl: 2h
";

const IDENTITY: &str = r"apiVersion: kubelease.dev/v1
kind: Identity
metadata:
  name: bot
spec:
  auth:
    - type: kubernetes
      target: prod
      reviewer: target
      allowed_names: [bot]
      allowed_namespaces: [build]
      allowed_audience: kubelease
  grants:
    - {dynamic_secrets: [ci], namespaces: [apps], actions: [issue, read]}
";

const FIRST: &str = "first-secret-of-the-target";
const SECOND: &str = "second-secret-of-the-target";
