//! A proxy before an API server, in which everything can go wrong that can go wrong on the way.
//!
//! It speaks plain HTTP, as a proxy on the same machine may, and forwards by TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;

use crate::http::{HttpClient, Reply};
use crate::wait::{not_yet, wait_until};

/// A proxy on loopback. It ends with the test run.
#[derive(Clone)]
pub struct FaultyProxy {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

/// A fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything is done.
    DropBefore,
    /// The request is done, and the connection closed.
    DropAfter,
    /// The request is done so late that its sender has gone away; [`FaultyProxy::deliver_delayed_requests`] does it.
    Late,
    /// The request is not done, and answered with a status that asks for another try after a
    /// second.
    Status(u16),
    /// The request is done, and the answer ends in the middle.
    Truncate,
    /// The request is done, and answered with something else.
    WrongBody,
    /// The request is not done, and never answered.
    BlackHole,
}

struct State {
    upstream: HttpClient,
    /// The first and last of the requests that go wrong since the last [`FaultyProxy::arm_fault_for_requests`], 1
    /// being the first.
    armed: Option<(u64, u64, Fault)>,
    count: u64,
    /// Of a hundred requests, so many fail with 503, as these numbers have it.
    failing: u8,
    /// Of a hundred exchanges, so many end at any of their bytes, and the connection with them.
    cutting: u8,
    random: Rng,
    ahead: TimeDelta,
    late: Vec<ProxiedRequest>,
    /// The number of requests on their way to the server and back.
    under_way: usize,
    asked: Vec<String>,
    /// The exchanges since the recording has begun, if it has.
    recorded: Option<Vec<Exchange>>,
}

/// A request as it came, and what was answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// The headers, by names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub answer: Vec<u8>,
    /// The time at which the whole request was there.
    pub came: Instant,
    /// The time at which its answer was there.
    pub answered: Instant,
}

/// The end of an exchange.
#[derive(Clone, Copy)]
struct Cut {
    /// After so many bytes of the request, if it has as many.
    request: usize,
    /// After so many thousandths of the answer, less than a thousand.
    answer: usize,
}

#[derive(Clone)]
struct ProxiedRequest {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl FaultyProxy {
    /// Starts a proxy before the server that `upstream` is a client of. The proxy adds no
    /// credential.
    pub fn start_before(upstream: HttpClient) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        let address = listener.local_addr()?;
        let state = State {
            upstream,
            armed: None,
            count: 0,
            failing: 0,
            cutting: 0,
            random: Rng::with_seed(1),
            ahead: TimeDelta::zero(),
            late: vec![],
            under_way: 0,
            asked: vec![],
            recorded: None,
        };
        let proxy = Self { address, state: Arc::new(Mutex::new(state)) };
        let serving = proxy.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let proxy = serving.clone();
                // Whoever has sent something may go away at any time.
                thread::spawn(move || drop(proxy.serve_connection(stream)));
            }
        });
        Ok(proxy)
    }

    /// Returns the proxy's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has the requests from the `from`th on to the `to`th go wrong, 1 being the next.
    pub fn arm_fault_for_requests(&self, from: u64, to: u64, fault: Fault) {
        let mut state = self.lock_state();
        (state.armed, state.count) = (Some((from, to, fault)), 0);
    }

    /// Nothing goes wrong any more; begins to count anew.
    pub fn clear_faults_and_count(&self) {
        let mut state = self.lock_state();
        (state.armed, state.count, state.failing, state.cutting) = (None, 0, 0, 0);
    }

    /// Of a hundred requests, so many fail, in an order that the seed gives.
    pub fn fail_percent_of_requests(&self, percent: u8, seed: u64) {
        let mut state = self.lock_state();
        (state.failing, state.random) = (percent, Rng::with_seed(seed));
    }

    /// Of a hundred exchanges, so many end at some byte of the request or of the answer, and the connection with
    /// them; one that ends at its first byte was closed while it was idle.
    pub fn cut_percent_of_exchanges(&self, percent: u8, seed: u64) {
        let mut state = self.lock_state();
        (state.cutting, state.random) = (percent, Rng::with_seed(seed));
    }

    /// Sets the clock that answers are dated by, so many seconds ahead.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.lock_state().ahead = TimeDelta::seconds(seconds);
    }

    /// Leads to another server from now on.
    pub fn set_upstream(&self, upstream: HttpClient) {
        self.lock_state().upstream = upstream;
    }

    /// Does what is late.
    pub fn deliver_delayed_requests(&self) {
        let (late, upstream) = {
            let mut state = self.lock_state();
            (std::mem::take(&mut state.late), state.upstream.clone())
        };
        // What came of it, nobody waits for.
        for message in &late {
            drop(forward_request(&upstream, message));
        }
    }

    /// Waits until the server has answered all that is on its way, whoever is still there to hear it.
    pub fn wait_until_settled(&self) -> Result<()> {
        wait_until("the server's answers", HANG_DURATION, || match self.lock_state().under_way {
            0 => Ok(()),
            left => Err(not_yet(left)),
        })
    }

    /// Returns the requests since the last call, as `GET /version`.
    #[must_use]
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.lock_state().asked)
    }

    /// Records each exchange that goes well from now on.
    pub fn begin_recording(&self) {
        self.lock_state().recorded = Some(vec![]);
    }

    /// Ends the recording, and returns the exchanges in the order in which they came.
    #[must_use]
    pub fn end_recording(&self) -> Vec<Exchange> {
        let mut recorded = self.lock_state().recorded.take().unwrap_or_default();
        recorded.sort_by_key(|exchange| exchange.came);
        recorded
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves one connection, request by request.
    fn serve_connection(&self, mut stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        loop {
            let cut = self.next_cut();
            let Some(message) = read_request(&mut stream, cut.map(|cut| cut.request))? else {
                return Ok(());
            };
            let (fault, upstream, ahead) = self.decide_fault(&message);
            match fault {
                Some(Fault::DropBefore) => return Ok(()),
                Some(Fault::BlackHole) => {
                    thread::sleep(HANG_DURATION);
                    return Ok(());
                }
                Some(Fault::Late) => {
                    self.lock_state().late.push(message);
                    thread::sleep(HANG_DURATION);
                    return Ok(());
                }
                Some(Fault::Status(code)) => {
                    let body = failure_body(code);
                    let head = format!("HTTP/1.1 {code} Fault\r\nretry-after: 1\r\n");
                    write_answer(&mut stream, &head, body.as_bytes(), body.len())?;
                    continue;
                }
                None | Some(Fault::DropAfter | Fault::Truncate | Fault::WrongBody) => {}
            }
            self.lock_state().under_way += 1;
            let came = Instant::now();
            let reply = forward_request(&upstream, &message);
            self.lock_state().under_way -= 1;
            let reply = reply?;
            self.record(&message, &reply, came);
            let date = (DateTime::<Utc>::from(SystemTime::now()) + ahead)
                .format("%a, %d %b %Y %H:%M:%S GMT");
            let head = format!(
                "HTTP/1.1 {} Answer\r\ndate: {date}\r\n{}",
                reply.status,
                kept_headers(&reply)
            );
            let whole = reply.body.len();
            match fault {
                Some(Fault::DropAfter) => return Ok(()),
                Some(Fault::Truncate) => {
                    return write_answer(&mut stream, &head, &reply.body[..whole / 2], whole);
                }
                Some(Fault::WrongBody) => {
                    let body = br#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"other"}}"#;
                    write_answer(&mut stream, &head, body, body.len())?;
                }
                _ => match cut {
                    Some(Cut { answer, .. }) => {
                        let message = message_with_content_length(&head, &reply.body, whole);
                        let end = message.len() * answer / 1000;
                        return Ok(stream.write_all(&message[..end])?);
                    }
                    None => write_answer(&mut stream, &head, &reply.body, whole)?,
                },
            }
        }
    }

    fn record(&self, message: &ProxiedRequest, reply: &Reply, came: Instant) {
        if let Some(recorded) = &mut self.lock_state().recorded {
            let ProxiedRequest { method, path, headers, body } = message.clone();
            let (status, answer, answered) = (reply.status, reply.body.clone(), Instant::now());
            recorded.push(Exchange { method, path, headers, body, status, answer, came, answered });
        }
    }

    /// Returns the place at which the next exchange is to end, if it is to.
    fn next_cut(&self) -> Option<Cut> {
        let mut state = self.lock_state();
        let cuts = state.random.u8(..100) < state.cutting;
        cuts.then(|| Cut {
            request: state.random.usize(..2 * REQUEST_BYTES),
            answer: state.random.usize(..1000),
        })
    }

    /// Decides about a request that has come.
    fn decide_fault(&self, message: &ProxiedRequest) -> (Option<Fault>, HttpClient, TimeDelta) {
        let mut state = self.lock_state();
        state.count += 1;
        state.asked.push(format!("{} {}", message.method, message.path));
        let number = state.count;
        let armed = state.armed.filter(|(from, to, _)| (*from..=*to).contains(&number));
        let fails = state.random.u8(..100) < state.failing;
        let fault = armed.map(|(.., fault)| fault).or(fails.then_some(Fault::Status(503)));
        (fault, state.upstream.clone(), state.ahead)
    }
}

/// Reads a request; `None` if the connection has ended, or ends after `limit` bytes of it.
fn read_request(stream: &mut TcpStream, limit: Option<usize>) -> Result<Option<ProxiedRequest>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if limit == Some(head.len()) || stream.read(&mut byte)? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
    }
    let read = head.len();
    let head = String::from_utf8(head)?;
    let mut lines = head.lines();
    let mut first = lines.next().context("a request line")?.split(' ');
    let (method, path) = (first.next().context("a method")?, first.next().context("a path")?);
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let value = |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, v)| v);
    if value("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = value("content-length").map_or(Ok(0), |length| length.parse())?;
    if let Some(left) = limit.map(|limit| limit - read).filter(|left| *left < length) {
        stream.read_exact(&mut vec![0; left])?;
        return Ok(None);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let (method, path) = (method.to_owned(), path.to_owned());
    Ok(Some(ProxiedRequest { method, path, headers, body }))
}

fn forward_request(upstream: &HttpClient, message: &ProxiedRequest) -> Result<Reply> {
    let hop_by_hop = ["host", "connection", "content-length", "expect", "transfer-encoding"];
    let headers = message.headers.iter().filter(|(name, _)| !hop_by_hop.contains(&&**name));
    let headers: Vec<_> = headers.map(|(name, value)| (&**name, &**value)).collect();
    upstream.send_raw(&message.method, &message.path, &headers, &message.body)
}

/// The headers of an answer that are for whoever has asked.
fn kept_headers(reply: &Reply) -> String {
    let kept = ["content-type", "retry-after"].into_iter();
    kept.filter_map(|name| Some(format!("{name}: {}\r\n", reply.header(name)?))).collect()
}

fn write_answer(stream: &mut TcpStream, head: &str, body: &[u8], length: usize) -> Result<()> {
    Ok(stream.write_all(&message_with_content_length(head, body, length))?)
}

fn message_with_content_length(head: &str, body: &[u8], length: usize) -> Vec<u8> {
    let mut message = format!("{head}content-length: {length}\r\n\r\n").into_bytes();
    message.extend_from_slice(body);
    message
}

/// A failure as the API server writes it.
fn failure_body(code: u16) -> String {
    format!(
        r#"{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure","message":"as told","reason":"","code":{code}}}"#
    )
}

/// Longer than anybody waits.
const HANG_DURATION: Duration = Duration::from_secs(90);

/// About as many bytes as a request has; kubelease's tokens are the most of it.
const REQUEST_BYTES: usize = 1500;
