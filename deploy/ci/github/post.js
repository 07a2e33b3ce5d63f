"use strict";

// The end of the lease. The runner starts this also if a step has failed or the job is cancelled.

const { kubelease } = require("./kubelease.js");

async function post() {
  const directory = process.env.STATE_directory;
  if (directory) {
    process.exit(await kubelease(["revoke", `--directory=${directory}`]));
  }
}

post();
