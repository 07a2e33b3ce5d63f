//! A component that does what its request says, to see what a host does.
//!
//! The body of a request is a JSON list of steps ([`steps::Step`]); the answer is the list of their
//! results. The same component is a cron job and a command, which take their steps from a variable.

mod cron;
mod fetch;
mod key_value;
mod steps;

use std::time::Duration;

use futures::SinkExt as _;
use serde_json::Value;
use spin_sdk::http::{Fields, IncomingRequest, OutgoingResponse, ResponseOutparam};
use spin_sdk::http_component;

use self::steps::{End, Step, Steps};

/// Answers with the results as they are at the first `respond`, or at the end.
#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    let mut steps = Steps::new(describe(&request));
    let body = request.into_body().await.unwrap_or_default();
    let list: Vec<Step> = if body.is_empty() {
        vec![Step::Request]
    } else {
        match serde_json::from_slice(&body) {
            Ok(list) => list,
            Err(error) => {
                respond(out, &Value::String(error.to_string()), End::Whole).await;
                return;
            }
        }
    };
    let mut out = Some(out);
    for step in list {
        match (step, out.take()) {
            (Step::Respond { end }, Some(out)) => respond(out, &steps.results(), end).await,
            (step, kept) => {
                out = kept;
                steps.take(step).await;
            }
        }
    }
    if let Some(out) = out {
        respond(out, &steps.results(), End::Whole).await;
    }
}

/// Answers with the results. The client may be gone meanwhile; the steps go on.
async fn respond(out: ResponseOutparam, results: &Value, end: End) {
    let headers = Fields::from_list(&[("content-type".to_owned(), b"application/json".to_vec())]);
    let response = OutgoingResponse::new(headers.expect("one valid header"));
    let mut body = Box::pin(response.take_body());
    out.set(response);
    let _ = body.send(results.to_string().into_bytes()).await;
    match end {
        End::Whole => {}
        End::Pieces => {
            for _ in 0..3 {
                // Long enough for the host to send what it has.
                fetch::sleep(Duration::from_millis(2)).await;
                let _ = body.send(b" ".to_vec()).await;
            }
        }
        End::Unfinished => std::mem::forget(body),
    }
}

/// What the host tells of a request, headers in its order.
fn describe(request: &IncomingRequest) -> Value {
    let headers: Vec<_> = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| [name, String::from_utf8_lossy(&value).into_owned()])
        .collect();
    serde_json::json!({
        "method": request.method().to_string(),
        "path": request.path_with_query(),
        "scheme": format!("{:?}", request.scheme()),
        "authority": request.authority(),
        "headers": headers,
    })
}

/// Takes the steps in the variable `steps` and prints their results.
async fn run_job() -> Result<(), String> {
    let text = spin_sdk::variables::get("steps").map_err(|error| error.to_string())?;
    let list: Vec<Step> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let mut steps = Steps::new(Value::Null);
    for step in list {
        steps.take(step).await;
    }
    println!("{}", steps.results());
    if steps.failed { Err("a step said `fail`".to_owned()) } else { Ok(()) }
}

/// `wasi:cli/run`, for the command trigger.
struct Command;

impl wasi::exports::cli::run::Guest for Command {
    fn run() -> Result<(), ()> {
        spin_sdk::http::run(run_job()).map_err(|error| eprintln!("{error}"))
    }
}

wasi::cli::command::export!(Command);
