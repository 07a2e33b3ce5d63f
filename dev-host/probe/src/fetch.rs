//! Outbound requests with all three timeouts.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures::{SinkExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::{Value, json};
use spin_executor::CancelOnDropToken;
use spin_sdk::http::{ErrorCode, Fields, IncomingResponse, Method, OutgoingRequest, Scheme};
use spin_sdk::wit::wasi::http0_2_0::{outgoing_handler, types::RequestOptions};
use wasi::clocks::monotonic_clock;
use wasi::io::poll::Pollable;

/// A request to send.
#[derive(Deserialize)]
pub struct Fetch {
    /// `GET` or `POST`.
    #[serde(default = "get")]
    method: String,
    /// `http` or `https`.
    #[serde(default = "http")]
    scheme: String,
    /// None for a request to the application itself.
    authority: Option<String>,
    #[serde(default = "root")]
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    connect_ms: Option<u64>,
    first_byte_ms: Option<u64>,
    between_bytes_ms: Option<u64>,
}

/// Sends it; tells the answer, or the name of the error, and in how many milliseconds it came.
pub async fn fetch(fetch: Fetch) -> Value {
    let start = Instant::now();
    let mut told = match send(&fetch).await {
        Ok(response) => tell(response).await,
        Err(error) => json!({ "error": error }),
    };
    told["ms"] = json!(start.elapsed().as_millis());
    told
}

/// Lets other futures of this request run meanwhile.
pub async fn sleep(time: Duration) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let (end, mut token) = (monotonic_clock::now() + nanoseconds, None);
    poll_fn(|context| {
        drop(token.take());
        if monotonic_clock::now() >= end {
            return Poll::Ready(());
        }
        token = Some(wake_on(monotonic_clock::subscribe_instant(end), context));
        Poll::Pending
    })
    .await;
}

async fn send(fetch: &Fetch) -> Result<IncomingResponse, String> {
    let headers: Vec<_> = fetch
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().into_bytes()))
        .collect();
    let headers = Fields::from_list(&headers).map_err(|error| format!("{error:?}"))?;
    let request = OutgoingRequest::new(headers);
    let set = request
        .set_method(&if fetch.method == "POST" { Method::Post } else { Method::Get })
        .and_then(|()| {
            let scheme = if fetch.scheme == "https" { Scheme::Https } else { Scheme::Http };
            request.set_scheme(Some(&scheme))
        })
        .and_then(|()| request.set_authority(fetch.authority.as_deref()))
        .and_then(|()| request.set_path_with_query(Some(&fetch.path)));
    set.map_err(|()| "the request is invalid".to_owned())?;
    let options = RequestOptions::new();
    let nanoseconds = |ms: Option<u64>| ms.map(|ms| ms * 1_000_000);
    let set = options
        .set_connect_timeout(nanoseconds(fetch.connect_ms))
        .and_then(|()| options.set_first_byte_timeout(nanoseconds(fetch.first_byte_ms)))
        .and_then(|()| options.set_between_bytes_timeout(nanoseconds(fetch.between_bytes_ms)));
    set.map_err(|()| "the options are refused".to_owned())?;

    let mut sink = Box::pin(request.take_body());
    let response =
        outgoing_handler::handle(request, Some(options)).map_err(|error| name_of(&error))?;
    if !fetch.body.is_empty() {
        // If the host does not want it, the response says why.
        let _ = sink.send(fetch.body.clone().into_bytes()).await;
    }
    drop(sink);
    // Declared after `response`, because a pollable must go before its parent.
    let mut token = None;
    let response = poll_fn(|context| {
        drop(token.take());
        if let Some(response) = response.get() {
            return Poll::Ready(response.expect("taken once"));
        }
        token = Some(wake_on(response.subscribe(), context));
        Poll::Pending
    })
    .await;
    response.map_err(|error| name_of(&error))
}

async fn tell(response: IncomingResponse) -> Value {
    let headers: Vec<_> = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| [name, String::from_utf8_lossy(&value).into_owned()])
        .collect();
    let mut told = json!({ "status": response.status(), "headers": headers });
    let mut stream = Box::pin(response.take_body_stream());
    let mut body = Vec::new();
    loop {
        match stream.try_next().await {
            Ok(Some(chunk)) => body.extend(chunk),
            Ok(None) => break,
            Err(error) => {
                told["body_error"] = error.to_debug_string().into();
                break;
            }
        }
    }
    told["body"] = String::from_utf8_lossy(&body).into();
    told
}

/// The bare name of an error, without what the host adds to it.
fn name_of(error: &ErrorCode) -> String {
    let text = format!("{error:?}");
    let text = text.strip_prefix("ErrorCode::").unwrap_or(&text);
    text.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default().to_owned()
}

fn wake_on(pollable: Pollable, context: &Context) -> CancelOnDropToken {
    spin_executor::push_waker_and_get_token(pollable, context.waker().clone()).into()
}

fn get() -> String {
    "GET".to_owned()
}

fn http() -> String {
    "http".to_owned()
}

fn root() -> String {
    "/".to_owned()
}
