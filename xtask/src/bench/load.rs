//! Closed loops: each client sends its next request when it has the answer to the last one.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::contenders::BenchClient;

/// The operation that a client repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A lease is issued.
    Issue,
    /// A lease is issued, and then revoked.
    IssueAndRevoke,
}

impl Operation {
    /// Returns the name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::IssueAndRevoke => "issue, then revoke",
        }
    }

    fn perform(self, client: &mut dyn BenchClient) -> Result<()> {
        client.issue()?;
        match self {
            Self::Issue => Ok(()),
            Self::IssueAndRevoke => client.revoke(),
        }
    }
}

/// The measurements of a turn.
pub struct Turn {
    /// The number of operations in a second.
    pub rate: f64,
    /// The duration of each.
    pub durations: Vec<Duration>,
    /// The CPU time that the host of the contender has used meanwhile.
    pub host_cpu: Duration,
}

/// Has the clients repeat the operation for `length`, and then revoke what is left.
pub fn measure_turn(
    clients: &mut [Box<dyn BenchClient>],
    operation: Operation,
    length: Duration,
    host_cpu_time: impl Fn() -> Result<Duration>,
) -> Result<Turn> {
    // Connections that were idle for the turns of others are opened again before the clock runs.
    run_clients_in_parallel(clients, |client| operation.perform(client))?;
    let used_before = host_cpu_time()?;
    let began = Instant::now();
    let durations = run_clients_in_parallel(clients, |client| {
        let mut durations = vec![];
        while began.elapsed() < length {
            let sent = Instant::now();
            operation.perform(client)?;
            durations.push(sent.elapsed());
        }
        Ok(durations)
    })?;
    let elapsed = began.elapsed();
    let host_cpu = host_cpu_time()?.saturating_sub(used_before);
    run_clients_in_parallel(clients, |client| {
        while client.has_lease() {
            client.revoke()?;
        }
        Ok(())
    })?;
    let durations = durations.concat();
    Ok(Turn { rate: to_float(durations.len()) / elapsed.as_secs_f64(), durations, host_cpu })
}

/// Does the same for all clients, side by side.
fn run_clients_in_parallel<T: Send>(
    clients: &mut [Box<dyn BenchClient>],
    work: impl Fn(&mut dyn BenchClient) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || work(client.as_mut()))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow!("a client has panicked"))?)
            .collect()
    })
}

/// A number of measurements, for arithmetic.
pub fn to_float(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
