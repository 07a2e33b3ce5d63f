//! The store and the cluster, what can go wrong with them, and the actors at work on them.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use lease_core::LeaseId;

use crate::events::Events;
use crate::facts::Facts;
use crate::port::{Op, Port, Reply, Said};
use crate::random::Random;

/// All that the actors share.
pub struct World {
    pub store: BTreeMap<String, Vec<u8>>,
    pub accounts: BTreeMap<LeaseId, u64>,
    pub facts: Facts,
    pub events: Events,
    pub now: Arc<AtomicI64>,
    pub random: Random,
    pub faults: Faults,
    pub seen: BTreeMap<&'static str, usize>,
    pub violation: Option<String>,
    /// The steps so far, if they are to be printed.
    pub trace: Option<Vec<String>>,
    /// The writes that were answered with an error, and take effect later.
    late: Vec<Op>,
    uids: u64,
    /// Counters as Redis keeps them, or as SQLite does.
    decimal: bool,
    actors: Vec<Actor>,
    spawned: usize,
    changed: bool,
}

/// The faults that can be injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faults {
    None,
    /// An operation fails, with its effect or without.
    Now,
    /// An operation fails, and has its effect much later.
    Late,
}

struct Actor {
    name: String,
    /// The speed of an actor, compared with others.
    speed: usize,
    said: Receiver<Said>,
    tell: Sender<Reply>,
    next: Next,
    thread: JoinHandle<()>,
}

enum Next {
    Wants(Op),
    Has(Reply),
}

impl World {
    pub fn new(random: Random, store: BTreeMap<String, Vec<u8>>, traced: bool) -> Self {
        let mut random = random;
        Self {
            store,
            accounts: BTreeMap::new(),
            facts: Facts::default(),
            events: Events::default(),
            now: Arc::new(AtomicI64::new(1_800_000_000)),
            faults: random.one_of(&[Faults::Now, Faults::Late, Faults::Late]),
            decimal: random.happens(500),
            random,
            seen: BTreeMap::new(),
            violation: None,
            trace: traced.then(Vec::new),
            late: vec![],
            uids: 0,
            actors: vec![],
            spawned: 0,
            changed: true,
        }
    }

    pub fn now(&self) -> i64 {
        self.now.load(Ordering::Relaxed)
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::Relaxed);
        self.changed = true;
    }

    pub fn actors(&self) -> usize {
        self.actors.len()
    }

    /// Has somebody begin, at a speed and with a clock of its own.
    pub fn spawn(
        &mut self,
        what: &str,
        skew: i64,
        act: impl FnOnce(&Port) -> Option<()> + Send + 'static,
    ) {
        let ((say, said), (tell, hear)) = (channel(), channel());
        let now = self.now.clone();
        let thread = std::thread::spawn(move || {
            let dead = Cell::new(!matches!(hear.recv(), Ok(Reply::Done)));
            let port = Port { say, hear, now, skew, dead };
            let _ = act(&port);
            let _ = port.say.send(Said::Over);
        });
        self.spawned += 1;
        let name = format!("{what}#{}", self.spawned);
        let speed = self.random.one_of(&[20, 20, 20, 20, 6, 1]);
        self.actors.push(Actor { name, speed, said, tell, next: Next::Has(Reply::Done), thread });
    }

    /// Picks an actor: all alike, or by speed.
    pub fn pick(&mut self, by_speed: bool) -> usize {
        if !by_speed {
            return self.random.below(self.actors.len());
        }
        let all: usize = self.actors.iter().map(|actor| actor.speed).sum();
        let mut left = self.random.below(all);
        self.actors
            .iter()
            .position(|actor| {
                let here = left < actor.speed;
                left = left.saturating_sub(actor.speed);
                here
            })
            .unwrap_or_default()
    }

    pub fn name(&self, actor: usize) -> &str {
        &self.actors[actor].name
    }

    pub fn position(&self, name: &str) -> Option<usize> {
        self.actors.iter().position(|actor| actor.name == name)
    }

    /// Grants an actor a step. It may stand still for long between what it asked for and its effect, and
    /// between that and its being told.
    pub fn step(&mut self, index: usize) {
        let next = std::mem::replace(&mut self.actors[index].next, Next::Has(Reply::Failed));
        let reply = match next {
            Next::Has(reply) => reply,
            Next::Wants(op) => {
                let reply = self.carry_out(index, op);
                if self.random.happens(500) {
                    self.actors[index].next = Next::Has(reply);
                    return;
                }
                reply
            }
        };
        let mut wanted = self.go_on(index, reply);
        // Most of what is done is reading: where all of it were steps, little else would happen.
        while let Some(Op::Get(_)) = &wanted
            && self.random.happens(600)
            && let Some(op) = wanted.take()
        {
            let reply = self.carry_out(index, op);
            wanted = self.go_on(index, reply);
        }
        if let Some(op) = wanted {
            let next = if self.random.happens(500) {
                Next::Has(self.carry_out(index, op))
            } else {
                Next::Wants(op)
            };
            self.actors[index].next = next;
        }
    }

    /// Nothing that it does from now on has an effect.
    pub fn kill(&mut self, index: usize) {
        self.note(|actor| format!("{actor} is killed"), index);
        let _ = self.go_on(index, Reply::Killed);
    }

    pub fn kill_all(&mut self) {
        while !self.actors.is_empty() {
            self.kill(0);
        }
    }

    /// Lets an actor go on to the next operation that it wants; none if it is over.
    fn go_on(&mut self, index: usize, reply: Reply) -> Option<Op> {
        let _ = self.actors[index].tell.send(reply);
        loop {
            match self.actors[index].said.recv() {
                Ok(Said::Wants(op)) => return Some(op),
                Ok(Said::Over) | Err(_) => {
                    let actor = self.actors.remove(index);
                    if actor.thread.join().is_err() {
                        self.violate(&format!("{} has panicked", actor.name));
                    }
                    return None;
                }
                Ok(said) => {
                    self.note(|actor| format!("{actor}: {said:?}"), index);
                    self.heard(said);
                }
            }
        }
    }

    fn heard(&mut self, said: Said) {
        self.changed = true;
        match said {
            Said::Answers(answer) => {
                *self.seen.entry("answered").or_default() += 1;
                if let Some(violation) = self.facts.answer(&answer) {
                    self.violate(&violation);
                }
            }
            Said::Revokes(id) => _ = self.facts.revoke_begun.insert(id),
            Said::Revoked(id) => _ = self.facts.revoke_told.insert(id),
            Said::Note(what) => *self.seen.entry(what).or_default() += 1,
            Said::Wants(_) | Said::Over => {}
        }
    }

    fn carry_out(&mut self, index: usize, op: Op) -> Reply {
        let writes = !matches!(op, Op::Get(_) | Op::Read(_) | Op::Mint(..) | Op::Pause);
        if self.faults != Faults::None
            && !matches!(op, Op::Pause)
            && self.random.happens(if writes { 30 } else { 6 })
        {
            let how = self.random.below(100);
            self.note(|actor| format!("{actor}: {} FAILS ({how})", op.describe()), index);
            match self.faults {
                _ if !writes => {}
                Faults::None | Faults::Now | Faults::Late if how < 35 => _ = self.apply(op),
                Faults::Late if how < 75 => self.late.push(op),
                Faults::None | Faults::Now | Faults::Late => {}
            }
            *self.seen.entry("failed").or_default() += 1;
            return Reply::Failed;
        }
        let told = self.trace.is_some().then(|| op.describe());
        let reply = self.apply(op);
        if let Some(told) = told {
            let reply = match &reply {
                Reply::Value(Some(value)) => String::from_utf8_lossy(value).into_owned(),
                reply => format!("{reply:?}"),
            };
            self.note(|actor| format!("{actor}: {told} -> {reply}"), index);
        }
        reply
    }

    /// Something of what has failed takes effect after all.
    pub fn land_one(&mut self) {
        if !self.late.is_empty() {
            let op = self.late.swap_remove(self.random.below(self.late.len()));
            if let Some(trace) = &mut self.trace {
                trace.push(format!("{} LANDS", op.describe()));
            }
            *self.seen.entry("landed late").or_default() += 1;
            self.apply(op);
        }
    }

    pub fn land_all(&mut self) {
        while !self.late.is_empty() {
            self.land_one();
        }
    }

    fn apply(&mut self, op: Op) -> Reply {
        match op {
            Op::Get(key) => Reply::Value(self.store.get(&key).cloned()),
            Op::Set(entries) => {
                if let Some(violation) = self.events.written(&entries) {
                    self.violate(&violation);
                }
                for (key, value) in entries {
                    if key.starts_with("count.") {
                        self.violate(&format!("a counter is written: {key}"));
                    }
                    self.facts.written(&key, &value);
                    self.store.insert(key, value);
                }
                self.changed = true;
                Reply::Done
            }
            Op::Delete(keys) => {
                for key in keys {
                    self.facts.deleted(&key);
                    self.store.remove(&key);
                }
                self.changed = true;
                Reply::Done
            }
            Op::Increment(key) => {
                let count = 1 + self.count(&key);
                let value = if self.decimal {
                    count.to_string().into_bytes()
                } else {
                    count.to_le_bytes().to_vec()
                };
                self.store.insert(key, value);
                self.changed = true;
                Reply::Count(count)
            }
            Op::Create(id) => {
                self.changed = true;
                if !self.accounts.contains_key(&id) {
                    self.uids += 1;
                    self.accounts.insert(id, self.uids);
                    // Nobody waits for what is made after the end: only a look by label finds it.
                    let closing = self.store.contains_key(&format!("closing.{id}"));
                    if closing || self.facts.ended.contains(&id) {
                        self.facts.made_too_late.insert(id);
                    }
                }
                Reply::Uid(self.accounts.get(&id).copied())
            }
            Op::Mint(id, uid) => {
                Reply::Uid(self.accounts.get(&id).copied().filter(|found| *found == uid))
            }
            Op::Read(id) => Reply::Uid(self.accounts.get(&id).copied()),
            Op::Remove(id, uid) => {
                self.changed = true;
                if self.accounts.get(&id) == Some(&uid) {
                    self.accounts.remove(&id);
                }
                Reply::Done
            }
            Op::Pause => Reply::Done,
        }
    }

    pub fn count(&self, key: &str) -> u64 {
        let Some(bytes) = self.store.get(key) else { return 0 };
        match <[u8; 8]>::try_from(bytes.as_slice()) {
            Ok(bytes) if !self.decimal => u64::from_le_bytes(bytes),
            _ => String::from_utf8_lossy(bytes).parse().unwrap_or_default(),
        }
    }

    /// Looks whether all that must hold does, if anything has changed since it was last looked.
    pub fn check(&mut self, cap: (u32, u32)) {
        if std::mem::take(&mut self.changed) {
            let gone = |id: &LeaseId| !self.accounts.contains_key(id);
            let closing = |id: &LeaseId| self.store.contains_key(&format!("closing.{id}"));
            if let Some(violation) = self.facts.check(self.now(), cap, gone, closing) {
                self.violate(&violation);
            }
            if let Some(violation) = self.events.check(&self.facts) {
                self.violate(&violation);
            }
        }
    }

    pub fn violate(&mut self, what: &str) {
        if self.violation.is_none() {
            let at = self.now() - 1_800_000_000;
            self.violation = Some(format!("at {at} s: {what}"));
        }
    }

    fn note(&mut self, what: impl FnOnce(&str) -> String, actor: usize) {
        if let Some(trace) = &mut self.trace {
            let at = self.now.load(Ordering::Relaxed) - 1_800_000_000;
            trace.push(format!("{at:>4} {}", what(&self.actors[actor].name)));
        }
    }

    /// The keys that begin so.
    pub fn keys(&self, prefixes: &[&str]) -> BTreeSet<String> {
        let left = self.store.keys().filter(|key| prefixes.iter().any(|p| key.starts_with(p)));
        left.cloned().collect()
    }
}
