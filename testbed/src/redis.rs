//! A Redis of our own, by default durable as the documentation asks for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::host::free_port_address;
use crate::process::{Process, Supervisor, log_tail};
use crate::wait::{not_yet, wait_until};

/// The time at which Redis flushes its log of changes to the disk (`appendfsync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppendFsync {
    /// Before each answer.
    Always,
    /// Once a second, Redis's own default: a crash loses the last second.
    EverySecond,
}

/// A running Redis; it ends with this value.
pub struct Redis {
    address: SocketAddr,
    flush: AppendFsync,
    process: Mutex<Option<Process>>,
    keeper: Supervisor,
}

impl Redis {
    /// Starts an empty one that flushes each change to the disk before it answers.
    pub fn start_empty() -> Result<Self> {
        Self::start_with(AppendFsync::Always)
    }

    /// Starts an empty one on a free loopback port; `redis-server` must be installed.
    pub fn start_with(flush: AppendFsync) -> Result<Self> {
        let keeper = Supervisor::new()?;
        for _ in 0..PORT_ATTEMPTS {
            let address = free_port_address()?;
            match start_process(address, flush, &keeper) {
                // Somebody was faster than we; Redis has no port of its own choice.
                Err(error) if format!("{error:#}").contains("in use") => {}
                started => {
                    let process = Mutex::new(Some(started?));
                    return Ok(Self { address, flush, process, keeper });
                }
            }
        }
        bail!("lost {PORT_ATTEMPTS} free ports in a row to others")
    }

    /// Ends it as `kill -9` does, and starts it again with what it has on disk.
    pub fn kill_and_restart(&self) -> Result<()> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.take().context("Redis is not running")?.kill()?;
        *process = Some(start_process(self.address, self.flush, &self.keeper)?);
        Ok(())
    }

    /// Forgets all that is in it.
    pub fn remove_all(&self) -> Result<()> {
        let mut connection = TcpStream::connect(self.address)?;
        connection.write_all(b"FLUSHALL\r\n")?;
        let mut answer = [0; 5];
        connection.read_exact(&mut answer)?;
        ensure!(&answer == b"+OK\r\n", "Redis did not empty itself");
        Ok(())
    }

    /// The value of a key, if there is one.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.send_command(&[b"GET", key.as_bytes()])
    }

    /// Writes a value, whoever else uses the key.
    pub fn set_value(&self, key: &str, value: &[u8]) -> Result<()> {
        self.send_command(&[b"SET", key.as_bytes(), value]).map(drop)
    }

    /// Deletes a key.
    pub fn delete_key(&self, key: &str) -> Result<()> {
        self.send_command(&[b"DEL", key.as_bytes()]).map(drop)
    }

    /// Sends one command and reads its answer, if that is a string.
    fn send_command(&self, words: &[&[u8]]) -> Result<Option<Vec<u8>>> {
        let mut connection = BufReader::new(TcpStream::connect(self.address)?);
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend([word, b"\r\n".as_slice()].concat());
        }
        connection.get_mut().write_all(&request)?;
        let mut line = String::new();
        connection.read_line(&mut line)?;
        match line.trim_end().split_at_checked(1) {
            Some(("$", "-1") | ("+" | ":", _)) => Ok(None),
            Some(("$", length)) => {
                let mut value = vec![0; length.parse()?];
                connection.read_exact(&mut value)?;
                Ok(Some(value))
            }
            _ => bail!("Redis says {line:?}"),
        }
    }

    /// Returns the URL on which it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }
}

fn start_process(address: SocketAddr, flush: AppendFsync, keeper: &Supervisor) -> Result<Process> {
    let flush = match flush {
        AppendFsync::Always => "always",
        AppendFsync::EverySecond => "everysec",
    };
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--port", &address.port().to_string()])
        .args(["--save", "", "--appendonly", "yes", "--appendfsync", flush])
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(keeper.scratch_directory());
    let log = keeper.scratch_directory().join("log");
    let earlier = std::fs::read(&log).map_or(0, |log| log.len());
    let process = keeper.spawn_process("redis-server", &mut command, &log)?;
    wait_until("starting redis-server", START_TIMEOUT, || {
        // Only its own words prove that it is this process that has the port.
        if String::from_utf8_lossy(&std::fs::read(&log)?[earlier..]).contains(READY) {
            return Ok(());
        }
        process.require_running()?;
        Err(not_yet(format!("it does not say `{READY}`:\n{}", log_tail(&log))))
    })?;
    Ok(process)
}

const START_TIMEOUT: Duration = Duration::from_secs(20);

const READY: &str = "Ready to accept connections";

const PORT_ATTEMPTS: usize = 5;
