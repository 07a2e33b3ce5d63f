//! Events, page by page, newest first.
//!
//! Each log is read from its newest number down, and they are merged by time. All events of one lease stand together, the
//! last of them first, where the lease was issued.

use chrono::{DateTime, TimeDelta, Utc};
use lease_core::{AuditEvent, AuditLogId, AuditPlace, AuditSlot};

use super::cursor::{AuditCursor, LogPosition};
use super::{AuditLog, AuditRecord, CheckedRecord, read_forgotten_up_to};
use crate::{KeyValue, StoreError};

/// A search for events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditQuery {
    /// The logs to look in: see [`AuditLog::list_logs`].
    pub logs: Vec<AuditLogId>,
    /// The time before which nothing need be found. Events of leases that were issued long before it may have come later,
    /// so some from before it are shown: whoever wants none of them filters them.
    pub since: Option<DateTime<Utc>>,
    /// The most events of a page.
    pub limit: usize,
}

/// A part of the events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    /// The events that were kept, newest first.
    pub items: Vec<AuditRecord>,
    /// The number of those that were met and cannot be read. A verification says which.
    pub unreadable: u64,
    /// The beginning of the next part; absent at the end.
    pub next: Option<AuditCursor>,
}

/// A page that is being put together.
struct PageBuilder<'p, F> {
    query: &'p AuditQuery,
    keep: F,
    reads: usize,
    budget: usize,
    page: AuditPage,
}

/// A log as far as it was read.
struct LogStream {
    at: LogPosition,
    /// Nothing is looked for below: it is forgotten.
    floor: u64,
    /// The time of what stands at the position, if that is known.
    time: Option<DateTime<Utc>>,
}

impl<K: KeyValue> AuditLog<'_, K> {
    /// At most `query.limit` events that `keep` keeps, newest first, from a cursor on, or from the newest of all.
    ///
    /// The work is bounded: a page reads about a thousand keys and a few of each log, so it may be short or empty and
    /// still go on. What comes while somebody pages is not shown on later pages.
    ///
    /// # Errors
    /// Fails if the store does not answer. An event that cannot be read is counted, and passed over.
    pub fn read_page(
        &self,
        query: &AuditQuery,
        from: Option<&AuditCursor>,
        keep: impl FnMut(&AuditRecord) -> bool,
    ) -> Result<AuditPage, StoreError> {
        let mut streams = self.open_streams(query, from)?;
        let page = AuditPage { items: vec![], unreadable: 0, next: None };
        // Every log is looked at once, so that each page gets on, however many logs there are.
        let budget = MAX_READS_PER_PAGE + MIN_READS_PER_LOG * streams.len();
        let mut reading = PageBuilder { query, keep, reads: 0, budget, page };
        loop {
            for stream in &mut streams {
                self.advance_to_next_event(stream, &mut reading)?;
            }
            streams.retain(|stream| stream.at.number > stream.floor);
            if streams.is_empty() {
                break;
            }
            let is_known = |stream: &LogStream| stream.time.is_some();
            if reading.is_full() || !streams.iter().all(is_known) {
                let streams = streams.iter().map(|stream| stream.at).collect();
                reading.page.next = Some(AuditCursor { streams });
                break;
            }
            // A lease of which some events were shown comes first, since the rest stand with them.
            let newest = streams
                .iter_mut()
                .max_by_key(|stream| (stream.at.slot.is_some(), stream.time, stream.at.log));
            if let Some(newest) = newest {
                self.add_events_to_page(newest, &mut reading)?;
            }
        }
        Ok(reading.page)
    }

    fn open_streams(
        &self,
        query: &AuditQuery,
        from: Option<&AuditCursor>,
    ) -> Result<Vec<LogStream>, StoreError> {
        let newest = |log: &AuditLogId| {
            let number = self.read_last_number(*log)?;
            Ok(LogPosition { log: *log, number, slot: None })
        };
        let mut positions: Vec<LogPosition> = if let Some(cursor) = from {
            cursor.streams.clone()
        } else {
            query.logs.iter().map(newest).collect::<Result<_, StoreError>>()?
        };
        // A cursor is what a client says it is: it leads nowhere else, and twice nowhere.
        positions.retain(|position| query.logs.contains(&position.log));
        positions.sort_by_key(|position| position.log);
        positions.dedup_by_key(|position| position.log);
        let stream = |at: LogPosition| {
            let floor = read_forgotten_up_to(self.store, self.keys, at.log)?;
            Ok(LogStream { at, floor, time: None })
        };
        positions.into_iter().map(stream).collect()
    }

    /// Goes on to the next number of a log that has an event, unless that is known or there is no budget left.
    fn advance_to_next_event<F>(
        &self,
        stream: &mut LogStream,
        reading: &mut PageBuilder<'_, F>,
    ) -> Result<(), StoreError> {
        while stream.time.is_none() && stream.at.number > stream.floor && reading.may_read() {
            let mut found = None;
            for slot in slots_of_time(stream.at.log) {
                reading.reads += 1;
                let place =
                    AuditPlace { log: stream.at.log, number: stream.at.number, slot: *slot };
                let stored = self.read_event(place)?;
                if stored.is_there() {
                    found = Some(stored);
                    break;
                }
            }
            match found {
                // One that cannot be read stands where it is: now is no earlier than what is above.
                Some(stored) => stream.time = Some(event_time_or_newest(&stored)),
                None => stream.at.number -= 1,
            }
            let horizon = reading.query.since.map(|since| since - time_slack(stream.at.log));
            if stream.time.is_some_and(|time| horizon.is_some_and(|horizon| time < horizon)) {
                stream.at.number = 0;
            }
        }
        Ok(())
    }

    /// Shows the events of the number at which a log stands, as far as they fit.
    fn add_events_to_page<F: FnMut(&AuditRecord) -> bool>(
        &self,
        stream: &mut LogStream,
        reading: &mut PageBuilder<'_, F>,
    ) -> Result<(), StoreError> {
        let LogPosition { log, number, slot } = stream.at;
        let first = match log {
            AuditLogId::General => AuditSlot::Only,
            AuditLogId::Leases(_) => AuditSlot::End,
        };
        let mut slot = Some(slot.unwrap_or(first));
        while let Some(at) = slot {
            if reading.is_full() {
                stream.at.slot = slot;
                return Ok(());
            }
            let place = AuditPlace { log, number, slot: at };
            let stored = self.read_event(place)?;
            reading.reads += 1;
            slot = self.find_previous_slot(place, &mut reading.reads)?;
            reading.add_event(place, stored);
        }
        stream.at = LogPosition { log, number: number - 1, slot: None };
        stream.time = None;
        Ok(())
    }
}

impl<F> PageBuilder<'_, F> {
    fn may_read(&self) -> bool {
        self.reads < self.budget
    }

    fn is_full(&self) -> bool {
        self.page.items.len() >= self.query.limit || !self.may_read()
    }
}

impl<F: FnMut(&AuditRecord) -> bool> PageBuilder<'_, F> {
    fn add_event(&mut self, place: AuditPlace, stored: CheckedRecord<AuditEvent>) {
        if stored.is_there() && stored.content_even_if_altered().is_none() {
            self.page.unreadable += 1;
        }
        if let Some(record) = stored.into_readable_event(place)
            && (self.keep)(&record)
        {
            self.page.items.push(record);
        }
    }
}

/// The time of what was found; one that cannot be read is shown before all that is older.
fn event_time_or_newest(stored: &CheckedRecord<AuditEvent>) -> DateTime<Utc> {
    stored.content_even_if_altered().map_or(DateTime::<Utc>::MAX_UTC, |event| event.time)
}

/// The slots by which a number is placed in time: the first that is there counts.
fn slots_of_time(log: AuditLogId) -> &'static [AuditSlot] {
    match log {
        AuditLogId::General => &[AuditSlot::Only],
        AuditLogId::Leases(_) => &[AuditSlot::Issue, AuditSlot::End, AuditSlot::Closing],
    }
}

/// The time by which a number may stand earlier than another time if it has an event of that time or later.
///
/// Two hosts' clocks differ, and a lease may be revoked or expire long after its issue.
fn time_slack(log: AuditLogId) -> TimeDelta {
    match log {
        AuditLogId::General => TimeDelta::hours(1),
        AuditLogId::Leases(_) => TimeDelta::from(lease_core::MAX_TTL) + TimeDelta::days(1),
    }
}

/// The number of keys that a page reads, besides a few of each log: some tens of milliseconds on SQLite.
const MAX_READS_PER_PAGE: usize = 1000;

/// The number of keys of a log that are read to find its first event, if there is no hole.
const MIN_READS_PER_LOG: usize = 4;
