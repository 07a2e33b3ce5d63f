//! The raw calls: what a kubelease was seen to send for a lease, sent again under other names.

use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::Value;
use testbed::faulty_proxy::Exchange;
use testbed::http::HttpClient;
use testbed::random;

use super::contenders::BenchClient;

/// The exchanges of one lease: of its issue, and of its revocation.
#[derive(Clone, Debug)]
pub struct LeaseRecording {
    /// The begin of the lease's id, as far as the names of its objects have it.
    id: String,
    issue: Vec<Round>,
    revoke: Vec<Round>,
}

/// Requests that were under way at the same time.
type Round = Vec<RecordedRequest>;

#[derive(Clone, Debug)]
struct RecordedRequest {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
    status: u16,
    /// The UID of the object in the answer, which later requests may name.
    uid: Option<String>,
}

impl LeaseRecording {
    /// Reads what was recorded while the lease `id` was issued, and while it was revoked.
    pub fn read(id: &str, issue: &[Exchange], revoke: &[Exchange]) -> Result<Self> {
        let (issue, revoke) = (group_into_rounds(issue)?, group_into_rounds(revoke)?);
        ensure!(!issue.is_empty(), "nothing was sent for a lease");
        let all = issue.iter().chain(&revoke).flatten();
        let texts = all.flat_map(|request| [request.path.as_str(), request.body.as_str()]);
        let id = id_prefix_common_to_occurrences(id, texts).to_owned();
        Ok(Self { id, issue, revoke })
    }

    /// Returns the number of rounds, of the issue and the revocation.
    pub fn count_rounds(&self) -> usize {
        self.issue.len() + self.revoke.len()
    }

    /// Returns the number of requests in each round of the issue, and of the revocation.
    pub fn requests_per_round(&self) -> [Vec<usize>; 2] {
        [&self.issue, &self.revoke].map(|rounds| rounds.iter().map(Vec::len).collect())
    }
}

/// A client that repeats a recording against the API server itself.
pub struct RawClient {
    api: HttpClient,
    recording: LeaseRecording,
    /// The names and UIDs of each lease that is out, in place of those in the recording.
    leases: Vec<Vec<(String, String)>>,
}

impl RawClient {
    /// Speaks for the account whose credential `api` shows.
    pub fn new(api: HttpClient, recording: LeaseRecording) -> Self {
        Self { api, recording, leases: vec![] }
    }
}

impl BenchClient for RawClient {
    fn issue(&mut self) -> Result<()> {
        let id = &self.recording.id;
        let mut new = String::new();
        while new.len() < id.len() {
            new += &random::random_suffix()?;
        }
        new.truncate(id.len());
        let mut names = vec![(id.clone(), new)];
        send_rounds(&self.api, &self.recording.issue, &mut names)?;
        self.leases.push(names);
        Ok(())
    }

    fn revoke(&mut self) -> Result<()> {
        let mut names = self.leases.pop().context("no lease is out")?;
        send_rounds(&self.api, &self.recording.revoke, &mut names)
    }

    fn has_lease(&self) -> bool {
        !self.recording.revoke.is_empty() && !self.leases.is_empty()
    }
}

/// Sends one round after the other; the requests of one go side by side.
fn send_rounds(
    api: &HttpClient,
    rounds: &[Round],
    names: &mut Vec<(String, String)>,
) -> Result<()> {
    for round in rounds {
        let known = &*names;
        let made = match &round[..] {
            [request] => vec![request.send(api, known)?],
            requests => thread::scope(|scope| {
                let threads: Vec<_> = requests
                    .iter()
                    .map(|request| scope.spawn(move || request.send(api, known)))
                    .collect();
                threads
                    .into_iter()
                    .map(|thread| thread.join().map_err(|_| anyhow!("a request has panicked"))?)
                    .collect::<Result<_>>()
            })?,
        };
        names.extend(made.into_iter().flatten());
    }
    Ok(())
}

impl RecordedRequest {
    /// Sends it under other names, and returns the UID that the answer has in place of the recorded one.
    fn send(
        &self,
        api: &HttpClient,
        names: &[(String, String)],
    ) -> Result<Option<(String, String)>> {
        let renamed = |text: &str| {
            names.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old, new))
        };
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (path, body) = (renamed(&self.path), renamed(&self.body));
        let reply = api.send_raw(&self.method, &path, &headers, body.as_bytes())?;
        ensure!(
            reply.status == self.status,
            "{} was answered in the recording: {reply:?}",
            self.status
        );
        let Some(old) = &self.uid else { return Ok(None) };
        let new = uid_of(&reply.body).context("a new object has a UID")?;
        Ok(Some((old.clone(), new)))
    }
}

/// Returns the begin of `id` that stands wherever a begin of `id` stands in the texts.
fn id_prefix_common_to_occurrences<'i, 't>(
    id: &'i str,
    texts: impl Iterator<Item = &'t str>,
) -> &'i str {
    let same = |text: &str| text.bytes().zip(id.bytes()).position(|(one, other)| one != other);
    let lengths = texts.flat_map(|text| {
        let places = text.match_indices(&id[..MIN_MATCHED_ID_CHARS]);
        places.map(|(place, _)| &text[place..]).map(|rest| same(rest).unwrap_or(rest.len()))
    });
    let length = lengths.min().map(|length| length.min(id.len()));
    &id[..length.unwrap_or(id.len())]
}

/// So many characters of a random id stand nowhere by chance.
const MIN_MATCHED_ID_CHARS: usize = 12;

/// Groups exchanges by time: one that came when all before it were answered begins a round.
fn group_into_rounds(exchanges: &[Exchange]) -> Result<Vec<Round>> {
    let mut rounds: Vec<Round> = vec![];
    let mut answered = None;
    for exchange in exchanges {
        let request = RecordedRequest::read(exchange)?;
        match rounds.last_mut() {
            Some(round) if answered.is_some_and(|answered| exchange.came < answered) => {
                round.push(request);
            }
            _ => rounds.push(vec![request]),
        }
        answered = answered.max(Some(exchange.answered));
    }
    Ok(rounds)
}

impl RecordedRequest {
    fn read(exchange: &Exchange) -> Result<Self> {
        // What kubelease asks of its host and the host of a connection is not asked of the API server.
        let kept = ["accept", "content-type", "user-agent"];
        let headers = exchange.headers.iter().filter(|(name, _)| kept.contains(&name.as_str()));
        let made = exchange.method == "POST" && exchange.status == 201;
        Ok(Self {
            method: exchange.method.clone(),
            path: exchange.path.clone(),
            headers: headers.cloned().collect(),
            // A client that is no component need not pad its bodies.
            body: std::str::from_utf8(&exchange.body)
                .context("a body is JSON")?
                .trim_end()
                .to_owned(),
            status: exchange.status,
            // A token has none.
            uid: made.then(|| uid_of(&exchange.answer)).flatten(),
        })
    }
}

fn uid_of(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer["metadata"]["uid"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn an_id_is_replaced_as_far_as_names_have_it() {
        let id = "0123456789abcdef";
        for (texts, expected) in [
            (vec!["/roles/ci-0123456789abcd", r#"{"id":"0123456789abcdef"}"#], "0123456789abcd"),
            (vec![r#"{"id":"0123456789abcdef"}"#], id),
            (vec!["/token"], id),
        ] {
            assert_eq!(id_prefix_common_to_occurrences(id, texts.into_iter()), expected);
        }
    }

    #[test]
    fn requests_that_overlap_are_one_round() {
        let began = Instant::now();
        let exchange = |path: &str, came: u64, answered: u64| Exchange {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: vec![],
            body: vec![],
            status: 200,
            answer: vec![],
            came: began + Duration::from_millis(came),
            answered: began + Duration::from_millis(answered),
        };
        let exchanges = [
            exchange("/a", 0, 5),
            exchange("/b", 1, 3),
            // While `/a` was under way, though `/b` was not.
            exchange("/c", 4, 6),
            exchange("/d", 7, 8),
        ];
        let rounds = group_into_rounds(&exchanges).unwrap();
        let paths: Vec<Vec<_>> =
            rounds.iter().map(|round| round.iter().map(|it| it.path.as_str()).collect()).collect();
        assert_eq!(paths, [vec!["/a", "/b", "/c"], vec!["/d"]]);
    }
}
