"use strict";

// A lease for the steps that follow. Its token is masked before anything else of the job can print it.

const { randomUUID } = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { input, kubelease } = require("./kubelease.js");

async function main() {
  const directory = path.join(process.env.RUNNER_TEMP, `kubelease-${randomUUID()}`);
  // Before there is a lease: `post` has to know of one that comes while the job is cancelled.
  fs.appendFileSync(process.env.GITHUB_STATE, `directory=${directory}\n`);
  const options = ["server", "certificate-authority", "namespace", "ttl"]
    .filter((name) => input(name))
    .map((name) => `--${name}=${input(name)}`);
  const code = await kubelease(["lease", input("dynamic-secret"), `--directory=${directory}`, ...options]);
  if (code !== 0) {
    process.exit(code);
  }
  console.log(`::add-mask::${fs.readFileSync(path.join(directory, "token"), "utf8")}`);
  fs.appendFileSync(process.env.GITHUB_ENV, `KUBECONFIG=${path.join(directory, "kubeconfig")}\n`);
}

main();
