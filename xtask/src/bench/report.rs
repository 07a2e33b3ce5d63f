//! The results: a table with the ratios first, and all measurements in JSON.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testbed::command;

use super::MeasurementPlan;
use super::contenders::BenchEnvironment;
use super::load::{Operation, Turn, to_float};
use crate::workspace::workspace_root;

/// The turns of one cell.
pub struct Cell {
    pub mode: &'static str,
    pub operation: Operation,
    pub clients: usize,
    /// The turns of each contender, in the order of their names.
    pub turns: Vec<Vec<Turn>>,
}

/// A run, measured.
pub struct Report<'r> {
    pub stage: &'r BenchEnvironment<'r>,
    pub quick: bool,
    pub plan: &'r MeasurementPlan,
    /// The time that a flush of the disk took before the run, and after it.
    pub flushes: [Duration; 2],
    pub cells: &'r [Cell],
}

/// The median of several numbers, and their extremes.
struct Spread {
    median: f64,
    least: f64,
    most: f64,
}

impl Report<'_> {
    /// Writes the table and the JSON under this name, and returns the table.
    pub fn write_files(&self, directory: &Path, name: &str) -> Result<String> {
        let facts = self.list_facts()?;
        let table = self.table_text(&facts)?;
        let json = json!({ "run": facts, "cells": self.cells.iter().map(|cell| self.cell_json(cell)).collect::<Vec<_>>() });
        let write = || {
            fs::create_dir_all(directory)?;
            fs::write(directory.join(format!("{name}.md")), &table)?;
            fs::write(directory.join(format!("{name}.json")), format!("{json:#}\n"))
        };
        write().with_context(|| format!("could not write to {}", directory.display()))?;
        Ok(table)
    }

    /// Lists the circumstances of the run.
    fn list_facts(&self) -> Result<Value> {
        let mut git = Command::new("git");
        git.args(["describe", "--always", "--dirty"]).current_dir(workspace_root());
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Ok(json!({
            "command": if self.quick { "cargo xtask bench --quick" } else { "cargo xtask bench" },
            "revision": command::run_for_output(&mut git)?.trim(),
            "host": "dev-host",
            "kubernetes": self.stage.kubernetes_version()?,
            "cores": thread::available_parallelism().map_or(0, usize::from),
            "load_average": load.split(' ').next(),
            "flush_milliseconds": self.flushes.map(milliseconds),
            "rounds": self.plan.rounds,
            "turn_milliseconds": milliseconds(self.plan.turn),
            "requests": self.stage.request_counts_by_mode().map(|(mode, [issue, revoke])| {
                json!({ "mode": mode, "issue": issue, "revoke": revoke })
            }).collect::<Vec<_>>(),
        }))
    }

    fn table_text(&self, facts: &Value) -> Result<String> {
        let names = self.stage.names();
        let mut text = format!(
            "# kubelease beside the raw calls\n\n\
             `{}` at {}, on {} cores with a load average of {}, with Kubernetes {}. A flush of the disk took {} ms before it and {} ms after it. \
             Each cell is the median of {} rounds, with the least and the most of them.\n\n",
            text_of(&facts["command"]),
            text_of(&facts["revision"]),
            facts["cores"],
            text_of(&facts["load_average"]),
            text_of(&facts["kubernetes"]),
            facts["flush_milliseconds"][0],
            facts["flush_milliseconds"][1],
            facts["rounds"],
        );
        text += "## Throughput, as a ratio to raw\n\n";
        self.write_table(&mut text, &names[1..], |cell, contender| {
            let Spread { median, least, most } = ratio_spread(cell, contender + 1);
            format!("{median:.2} ({least:.2}–{most:.2})")
        })?;
        text += "\n## Leases in a second\n\n";
        self.write_table(&mut text, &names, |cell, contender| {
            let Spread { median, least, most } = rate_spread(&cell.turns[contender]);
            format!("{median:.0} ({least:.0}–{most:.0})")
        })?;
        text += "\n## Milliseconds of an operation: p50 / p90 / p99 / max\n\n";
        self.write_table(&mut text, &names, |cell, contender| {
            quantiles(&cell.turns[contender]).map(|value| format!("{value:.1}")).join(" / ")
        })?;
        text += "\n## CPU time of the host, in milliseconds of an operation\n\n";
        self.write_table(&mut text, &names[1..], |cell, contender| {
            format!("{:.1}", host_cpu_ms_per_operation(&cell.turns[contender + 1]))
        })?;
        Ok(text)
    }

    /// Writes a row for each cell, and a column for each contender.
    fn write_table(
        &self,
        text: &mut String,
        names: &[&str],
        show: impl Fn(&Cell, usize) -> String,
    ) -> Result<()> {
        writeln!(text, "| Mode | Operation | Clients | {} |", names.join(" | "))?;
        writeln!(text, "|---|---|---|{}", "---|".repeat(names.len()))?;
        for cell in self.cells {
            write!(text, "| {} | {} | {} |", cell.mode, cell.operation.name(), cell.clients)?;
            for contender in 0..names.len() {
                write!(text, " {} |", show(cell, contender))?;
            }
            text.push('\n');
        }
        Ok(())
    }

    fn cell_json(&self, cell: &Cell) -> Value {
        let contenders = self.stage.names().into_iter().enumerate().map(|(contender, name)| {
            let turns = &cell.turns[contender];
            let [p50, p90, p99, max] = quantiles(turns);
            json!({
                "contender": name,
                "rates": turns.iter().map(|turn| round_hundredths(turn.rate)).collect::<Vec<_>>(),
                "ratio_to_raw": round_hundredths(ratio_spread(cell, contender).median),
                "operations": turns.iter().map(|turn| turn.durations.len()).sum::<usize>(),
                "host_cpu_milliseconds": round_hundredths(host_cpu_ms_per_operation(turns)),
                "milliseconds": { "p50": p50, "p90": p90, "p99": p99, "max": max },
            })
        });
        json!({
            "mode": cell.mode,
            "operation": cell.operation.name(),
            "clients": cell.clients,
            "contenders": contenders.collect::<Vec<_>>(),
        })
    }
}

/// The rates of a contender by those of raw, in each round.
fn ratio_spread(cell: &Cell, contender: usize) -> Spread {
    let pairs = cell.turns[contender].iter().zip(&cell.turns[0]);
    Spread::of(pairs.map(|(turn, raw)| turn.rate / raw.rate).collect())
}

fn rate_spread(turns: &[Turn]) -> Spread {
    Spread::of(turns.iter().map(|turn| turn.rate).collect())
}

/// The CPU time of the host by the number of operations, in milliseconds.
fn host_cpu_ms_per_operation(turns: &[Turn]) -> f64 {
    let used: Duration = turns.iter().map(|turn| turn.host_cpu).sum();
    milliseconds(used) / to_float(turns.iter().map(|turn| turn.durations.len()).sum())
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
        Self {
            median: at(values.len() / 2),
            least: at(0),
            most: at(values.len().saturating_sub(1)),
        }
    }
}

/// The durations in milliseconds below which half, nine tenths, 99 hundredths and all of them are.
fn quantiles(turns: &[Turn]) -> [f64; 4] {
    let mut all: Vec<_> = turns.iter().flat_map(|turn| &turn.durations).copied().collect();
    all.sort_unstable();
    [50, 90, 99, 100].map(|percent| {
        // The nearest rank: of a hundred values, the 99th is the p99.
        let rank = (all.len() * percent).div_ceil(100).max(1);
        all.get(rank - 1).map_or(f64::NAN, |duration| milliseconds(*duration))
    })
}

/// The median time of a flush of four KiB, where the data are kept.
pub fn measure_flush(directory: &Path) -> Result<Duration> {
    let mut file = File::create(directory.join("flush"))?;
    let mut times = vec![];
    for _ in 0..MEASURED_FLUSHES {
        let began = Instant::now();
        file.write_all(&[1; 4096])?;
        file.sync_data()?;
        times.push(began.elapsed());
    }
    times.sort_unstable();
    Ok(times[MEASURED_FLUSHES / 2])
}

/// Milliseconds, to a hundredth.
fn milliseconds(duration: Duration) -> f64 {
    let hundredths = duration.as_micros().div_ceil(10);
    usize::try_from(hundredths).map_or(f64::INFINITY, to_float) / 100.0
}

fn round_hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

const MEASURED_FLUSHES: usize = 51;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let turn = |times: &[u64]| Turn {
            rate: 1.0,
            durations: times.iter().copied().map(Duration::from_millis).collect(),
            host_cpu: Duration::ZERO,
        };
        let hundred: Vec<_> = (1..=100).rev().collect();
        for (turns, expected) in [
            (vec![turn(&hundred)], [50.0, 90.0, 99.0, 100.0]),
            (vec![turn(&[3]), turn(&[1, 2])], [2.0, 3.0, 3.0, 3.0]),
            (vec![turn(&[7])], [7.0; 4]),
        ] {
            assert_eq!(quantiles(&turns).map(f64::to_bits), expected.map(f64::to_bits));
        }
    }

    #[test]
    fn a_ratio_compares_turns_of_the_same_round() {
        let turns = |rates: [f64; 3]| {
            rates
                .map(|rate| Turn { rate, durations: vec![], host_cpu: Duration::ZERO })
                .into_iter()
                .collect::<Vec<_>>()
        };
        let cell = Cell {
            mode: "plain",
            operation: Operation::Issue,
            clients: 1,
            // The machine is slow in the second round, for all.
            turns: vec![turns([100.0, 10.0, 80.0]), turns([50.0, 5.0, 60.0])],
        };
        let Spread { median, least, most } = ratio_spread(&cell, 1);
        assert_eq!([median, least, most].map(f64::to_bits), [0.5, 0.5, 0.75].map(f64::to_bits));
    }
}
