//! What a request can ask for.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::fetch::{self, Fetch};
use crate::key_value::{self, KeyValue};

/// A step of the probe.
#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Tell the request.
    Request,
    /// Count the uses of a static variable.
    Count,
    /// Read a variable.
    Variable { name: String },
    /// Tell environment and arguments.
    Environment,
    /// Try to list a directory.
    Directory { path: String },
    /// Print a line to both output streams.
    Print { text: String },
    /// Have and use so much memory.
    Memory { bytes: usize },
    /// Tell the time, in seconds since 1970.
    Time,
    /// Wait.
    Sleep { ms: u64 },
    /// Send requests, side by side.
    Fetch { requests: Vec<Fetch> },
    /// Use a key-value store.
    KeyValue(KeyValue),
    /// Answer now with the results so far, and go on.
    Respond {
        #[serde(default)]
        end: End,
    },
    /// Compute for ever.
    Loop,
    /// Trap.
    Trap,
    /// Exit.
    Exit { code: i32 },
    /// Fail as a job.
    Fail,
}

/// The end of an answer.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// At once.
    #[default]
    Whole,
    /// With some blanks, sent one by one.
    Pieces,
    /// Never.
    Unfinished,
}

/// The steps taken, and what came of them.
pub struct Steps {
    request: Value,
    results: Vec<Value>,
    /// True if a step said so.
    pub failed: bool,
}

impl Steps {
    /// No step yet.
    pub fn new(request: Value) -> Self {
        Self { request, results: Vec::new(), failed: false }
    }

    /// A list of the results so far.
    pub fn results(&self) -> Value {
        Value::Array(self.results.clone())
    }

    /// Takes one step.
    pub async fn take(&mut self, step: Step) {
        let result = match step {
            Step::Request => self.request.clone(),
            Step::Count => json!(COUNT.fetch_add(1, Ordering::Relaxed) + 1),
            Step::Variable { name } => match spin_sdk::variables::get(&name) {
                Ok(value) => json!({ "value": value }),
                Err(error) => json!({ "error": format!("{error:?}") }),
            },
            Step::Environment => json!({
                "environment": std::env::vars().collect::<Vec<_>>(),
                "arguments": std::env::args().collect::<Vec<_>>(),
            }),
            Step::Directory { path } => match std::fs::read_dir(&path) {
                Ok(entries) => json!({ "entries": entries.count() }),
                Err(error) => json!({ "error": error.to_string() }),
            },
            Step::Print { text } => {
                println!("{text}");
                eprintln!("{text}");
                Value::Null
            }
            Step::Memory { bytes } => {
                let memory = vec![1_u8; bytes];
                json!(std::hint::black_box(&memory).len())
            }
            Step::Time => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                json!(since.map_or(0, |since| since.as_secs()))
            }
            Step::Sleep { ms } => {
                let start = Instant::now();
                fetch::sleep(Duration::from_millis(ms)).await;
                json!(start.elapsed() >= Duration::from_millis(ms))
            }
            Step::Fetch { requests } => Value::Array(
                futures::future::join_all(requests.into_iter().map(fetch::fetch)).await,
            ),
            Step::KeyValue(operation) => key_value::run(operation),
            Step::Respond { .. } => Value::Null,
            Step::Loop => loop {
                std::hint::black_box(());
            },
            Step::Trap => panic!("asked to trap"),
            Step::Exit { code } => std::process::exit(code),
            Step::Fail => {
                self.failed = true;
                Value::Null
            }
        };
        self.results.push(result);
    }
}

static COUNT: AtomicU32 = AtomicU32::new(0);
