//! What an actor can do: each operation waits until the schedule grants it.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use chrono::{DateTime, Utc};
use lease_core::LeaseId;
use lease_store::{KeyValue, KeyValueError, LeaseKey};

/// An operation on the store or the cluster.
#[derive(Debug, Clone)]
pub enum Op {
    Get(String),
    Set(Vec<(String, Vec<u8>)>),
    Delete(Vec<String>),
    Increment(String),
    Create(LeaseId),
    Mint(LeaseId, u64),
    Read(LeaseId),
    Remove(LeaseId, u64),
    Pause,
}

/// The reply to an operation.
#[derive(Debug, Clone)]
pub enum Reply {
    Done,
    Value(Option<Vec<u8>>),
    Count(u64),
    Uid(Option<u64>),
    Failed,
    Killed,
}

/// A lease that was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub id: LeaseId,
    pub place: LeaseKey,
    pub ends: i64,
    pub plain: bool,
    /// True if the lease belongs to the identity with the cap.
    pub limited: bool,
    pub key: Option<usize>,
}

/// A message of an actor to the schedule.
#[derive(Debug)]
pub enum Said {
    Wants(Op),
    Answers(Answer),
    Revokes(LeaseId),
    Revoked(LeaseId),
    Note(&'static str),
    Over,
}

/// The cluster did not answer: what it was asked for may happen all the same.
pub struct NoAnswer;

/// An actor's side.
pub struct Port {
    pub say: Sender<Said>,
    pub hear: Receiver<Reply>,
    pub now: Arc<AtomicI64>,
    pub skew: i64,
    pub dead: Cell<bool>,
}

impl Port {
    pub fn now(&self) -> DateTime<Utc> {
        let now = self.now.load(Ordering::Relaxed) + self.skew;
        DateTime::from_timestamp(now, 0).expect("in range")
    }

    /// Tells the schedule what was told to a client; one who was killed tells nobody anything.
    pub fn tell(&self, said: Said) {
        if !self.dead.get() {
            self.say.send(said).expect("the schedule listens");
        }
    }

    /// Does it once it is granted; none if it fails.
    pub fn wait_for(&self, op: Op) -> Option<Reply> {
        if self.dead.get() {
            return None;
        }
        self.say.send(Said::Wants(op)).expect("the schedule listens");
        match self.hear.recv().expect("the schedule speaks") {
            Reply::Failed => None,
            Reply::Killed => {
                self.dead.set(true);
                None
            }
            reply => Some(reply),
        }
    }

    pub fn pause(&self) -> Option<()> {
        self.wait_for(Op::Pause).map(drop)
    }

    pub fn create(&self, id: LeaseId) -> Result<Option<u64>, NoAnswer> {
        self.uid(Op::Create(id))
    }

    /// Returns true if the account of this UID exists, so that it gives a token.
    pub fn mint(&self, id: LeaseId, uid: u64) -> Result<bool, NoAnswer> {
        self.uid(Op::Mint(id, uid)).map(|found| found.is_some())
    }

    pub fn read(&self, id: LeaseId) -> Result<Option<u64>, NoAnswer> {
        self.uid(Op::Read(id))
    }

    pub fn remove(&self, id: LeaseId, uid: u64) -> Option<()> {
        self.wait_for(Op::Remove(id, uid)).map(drop)
    }

    fn uid(&self, op: Op) -> Result<Option<u64>, NoAnswer> {
        match self.wait_for(op).ok_or(NoAnswer)? {
            Reply::Uid(uid) => Ok(uid),
            reply => panic!("no answer of the cluster: {reply:?}"),
        }
    }

    fn stored(&self, op: Op) -> Result<Reply, KeyValueError> {
        self.wait_for(op).ok_or_else(|| KeyValueError("no answer".to_owned()))
    }
}

impl KeyValue for Port {
    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, KeyValueError> {
        match self.stored(Op::Get(key.to_owned()))? {
            Reply::Value(value) => Ok(value),
            reply => panic!("no value: {reply:?}"),
        }
    }

    fn set_many(&self, entries: &[(String, Vec<u8>)]) -> Result<(), KeyValueError> {
        self.stored(Op::Set(entries.to_vec())).map(drop)
    }

    fn delete_many(&self, keys: &[String]) -> Result<(), KeyValueError> {
        self.stored(Op::Delete(keys.to_vec())).map(drop)
    }

    fn increment_counter(&self, counter: &str) -> Result<u64, KeyValueError> {
        match self.stored(Op::Increment(counter.to_owned()))? {
            Reply::Count(count) => Ok(count),
            reply => panic!("no count: {reply:?}"),
        }
    }
}

impl Op {
    /// Returns the operation as a trace prints it.
    pub fn describe(&self) -> String {
        match self {
            Op::Set(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let value = String::from_utf8_lossy(value);
                    let short: String = if key.starts_with("lease.") {
                        let pending = value.contains("\"phase\":\"pending\"");
                        if pending { "pending" } else { "active" }.to_owned()
                    } else {
                        value.chars().skip(6).take(160).collect()
                    };
                    format!("{key}={short}")
                });
                format!("set {}", entries.collect::<Vec<_>>().join(", "))
            }
            op => format!("{op:?}"),
        }
    }
}
