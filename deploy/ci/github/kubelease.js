"use strict";

const { spawn } = require("node:child_process");

/** Returns an input of the action, or nothing. */
function input(name) {
  return (process.env[`INPUT_${name.toUpperCase()}`] || "").trim();
}

/** Runs `kubelease`, and resolves to its exit code. */
function kubelease(options) {
  // A cancelled job gets INT and, 7.5 seconds later, TERM. The command hears of neither, and is over before the job is
  // killed: so it has either no lease, or one that `post` finds.
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {});
  }
  const env = { ...process.env, KUBELEASE_URL: input("url") };
  if (input("identity")) {
    env.KUBELEASE_IDENTITY = input("identity");
  }
  return new Promise((resolve) => {
    const child = spawn("kubelease", options, { env, stdio: ["ignore", "inherit", "inherit"], detached: true });
    child.on("error", (error) => {
      console.log(`::error::kubelease could not be started: ${error.message}`);
      resolve(127);
    });
    child.on("close", (code) => resolve(code ?? 1));
  });
}

module.exports = { input, kubelease };
