//! How much is run: a part, or as much as fits into a time.

use std::env;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// The options of `cargo xtask torture`; none in `cargo xtask test`.
pub struct Terms {
    /// The seed of all orders.
    pub seed: u64,
    /// The time for which each operation is tried, side by side with the others; without it, a part
    /// is run.
    pub time: Option<Duration>,
    /// The one point that is run.
    pub only: Option<String>,
    began: Instant,
}

impl Terms {
    /// Reads them from the environment.
    pub fn read() -> Result<Self> {
        let minutes = number(MINUTES)?;
        Ok(Self {
            seed: number(SEED)?.unwrap_or(1),
            time: minutes.map(|minutes| Duration::from_secs(60 * minutes)),
            only: env::var(POINT).ok(),
            began: Instant::now(),
        })
    }

    /// Returns true if everything is run, and not only what fits.
    pub fn is_whole(&self) -> bool {
        self.time.is_some() || self.only.is_some()
    }

    /// Returns true if the time is over of the `turn`th of all `turns`, which share it.
    pub fn is_over(&self, turn: u32, turns: u32) -> bool {
        self.time.is_some_and(|time| self.began.elapsed() >= time * turn / turns)
    }

    /// The first where a part is run, or the second.
    pub fn part_or_whole<T>(&self, part: T, whole: T) -> T {
        if self.time.is_some() { whole } else { part }
    }
}

fn number(variable: &str) -> Result<Option<u64>> {
    let number = env::var(variable).ok().map(|text| text.parse()).transpose();
    number.with_context(|| format!("{variable} is not a number"))
}

const MINUTES: &str = "KUBELEASE_TORTURE_MINUTES";
const SEED: &str = "KUBELEASE_TORTURE_SEED";
const POINT: &str = "KUBELEASE_TORTURE_POINT";
