//! `Expect: 100-continue` on requests with a body, and gateways that do not take it.
//!
//! A host such as Spin writes head and body of a request over HTTP/2 apart, and the body would wait 40 ms for the
//! server's delayed acknowledgement of the head. The interim answer 100 acknowledges at once, so each body is
//! announced. kube-apiserver takes that. Some gateways do not know the header: they answer 417, 400 or 501, or
//! close the connection. They are asked again without it, and that is kept for a while.
//!
//! The host also writes the end of the body apart, as `wasi:http` has no way to say that a piece is the last. The
//! end would wait as the body did, and with it the requests that share the connection. So an announced body is padded
//! to the length from which Go's server answers even before the end has come.

use std::cell::Cell;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Request, Response, StatusCode, header};
use kube_rest::{ExchangeLimits, HttpClient, Status, TransportError};
use lease_core::Target;
use lease_store::{Note, Notes};
use serde::{Deserialize, Serialize};

use crate::{Ports, StoreError};

/// Sends the requests for one target, and announces their bodies unless a gateway before it refuses that.
pub(crate) struct AnnouncingClient<'e, P> {
    ports: &'e P,
    target: &'e Target,
    state: Cell<AnnouncementState>,
}

/// The knowledge about the way to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnnouncementState {
    /// Nothing: no body has been sent yet.
    Unread,
    /// So many announced requests, one after another, were answered by closing the connection.
    Closed(u32),
    /// An announced body was answered as any other.
    Taken,
    /// Announced bodies are refused.
    Refused,
}

/// The record that announced bodies are refused on the way to a target.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct AnnouncementRefusal {
    /// When the target was put that this was seen of. One that is put anew may lead elsewhere.
    target_put_at: DateTime<Utc>,
    /// When it was seen, by the host's clock.
    seen_at: DateTime<Utc>,
}

impl<'e, P: Ports> AnnouncingClient<'e, P> {
    pub(crate) fn new(ports: &'e P, target: &'e Target) -> Self {
        Self { ports, target, state: Cell::new(AnnouncementState::Unread) }
    }

    /// Returns the knowledge so far. The store is read before the first body, and not for requests
    /// without one.
    fn current_state(&self) -> AnnouncementState {
        if self.state.get() == AnnouncementState::Unread {
            let known = self.read_refusal().unwrap_or_else(|error| {
                log::warn!("could not read if `Expect: 100-continue` was refused before: {error}");
                None
            });
            let now = self.ports.now();
            let stands = |refusal: AnnouncementRefusal| {
                refusal.target_put_at == self.target.updated_at
                    && (TimeDelta::zero()..REFUSAL_LIFETIME).contains(&(now - refusal.seen_at))
            };
            let refused = known.is_some_and(stands);
            self.state.set(if refused {
                AnnouncementState::Refused
            } else {
                AnnouncementState::Closed(0)
            });
        }
        self.state.get()
    }

    fn read_refusal(&self) -> Result<Option<AnnouncementRefusal>, StoreError> {
        Notes::new(self.ports.store()).get(Note::ExpectRefused(&self.target.name))
    }

    /// Keeps that announced bodies are refused. Losing that costs another refusal later, and no more.
    fn store_refusal(&self) {
        self.state.set(AnnouncementState::Refused);
        let name = &self.target.name;
        log::info!("a server on the way to target `{name}` refuses `Expect: 100-continue`");
        let refusal = AnnouncementRefusal {
            target_put_at: self.target.updated_at,
            seen_at: self.ports.now(),
        };
        let kept = Notes::new(self.ports.store()).put_note(Note::ExpectRefused(name), &refusal);
        if let Err(error) = kept {
            log::warn!(
                "could not record that target `{name}` refuses `Expect: 100-continue`: {error}"
            );
        }
    }

    /// Sends without an announcement what was refused with one, in the time that is left.
    async fn send_unannounced(
        &self,
        request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
        (refused, took): (StatusCode, Duration),
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let total = limits.total.saturating_sub(took);
        let limits = ExchangeLimits { total, ..limits.clone() };
        let answer = self.ports.http().send(request, &limits).await?;
        // The same answer is about the request, and not about the announcement.
        if answer.status() != refused {
            self.store_refusal();
        }
        Ok(answer)
    }
}

impl<P: Ports> HttpClient for AnnouncingClient<'_, P> {
    async fn send(
        &self,
        request: Request<Vec<u8>>,
        limits: &ExchangeLimits,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let http = self.ports.http();
        if request.body().is_empty() {
            return http.send(request, limits).await;
        }
        let before = self.current_state();
        match before {
            AnnouncementState::Refused => return http.send(request, limits).await,
            AnnouncementState::Closed(MAX_CLOSED_CONNECTIONS..) => {
                let answer = http.send(request, limits).await;
                match &answer {
                    Ok(answer) if !answer.status().is_server_error() => self.store_refusal(),
                    // It was not the announcement that closed the connections.
                    _ => self.state.set(AnnouncementState::Closed(0)),
                }
                return answer;
            }
            AnnouncementState::Unread | AnnouncementState::Closed(_) | AnnouncementState::Taken => {
            }
        }
        let mut announced = request.clone();
        announced.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
        pad_json_body(&mut announced);
        let began = self.ports.now();
        let answer = http.send(announced, limits).await;
        match &answer {
            Ok(refusal) if may_refuse_announcement(refusal) => {
                let took = (self.ports.now() - began).to_std().unwrap_or_default();
                return self.send_unannounced(request, limits, (refusal.status(), took)).await;
            }
            Ok(_) => self.state.set(AnnouncementState::Taken),
            // One connection that ends takes all its requests along: those count once.
            Err(TransportError::Broken(_)) if self.state.get() == before => {
                if let AnnouncementState::Closed(times) = before {
                    self.state.set(AnnouncementState::Closed(times + 1));
                }
            }
            Err(_) => {}
        }
        answer
    }
}

/// Appends spaces to a short JSON body. They mean nothing there (RFC 8259 §2).
fn pad_json_body(request: &mut Request<Vec<u8>>) {
    let is_json = |value: &HeaderValue| value.as_bytes().ends_with(b"json");
    if request.headers().get(header::CONTENT_TYPE).is_some_and(is_json) {
        let length = request.body().len().max(ACKNOWLEDGED_BODY_BYTES);
        request.body_mut().resize(length, b' ');
    }
}

/// Returns true if the answer may be about the announcement, and says that nothing was done.
///
/// 417 is that by RFC 9110 §10.1.1. Gateways also answer 400 or 501; a Kubernetes API server that answers 400 says
/// so in a `Status`, and means the request.
fn may_refuse_announcement(answer: &Response<Vec<u8>>) -> bool {
    match answer.status() {
        StatusCode::EXPECTATION_FAILED => true,
        StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED => {
            Status::from_response(answer).reason.is_empty()
        }
        _ => false,
    }
}

/// The length from which Go's server sends `WINDOW_UPDATE` as soon as it has read a body over HTTP/2, and so
/// acknowledges it (`inflowMinRefresh` in its `net/http`). About a shorter body it says nothing.
const ACKNOWLEDGED_BODY_BYTES: usize = 4096;

/// The number of connections in a row that must be closed before the announcement is suspected. API
/// servers and load balancers close one now and then; two in a row are rare.
const MAX_CLOSED_CONNECTIONS: u32 = 2;

/// The time for which a refusal is remembered. Then one request tries if the gateway still refuses.
const REFUSAL_LIFETIME: TimeDelta = TimeDelta::minutes(10);

#[cfg(test)]
mod tests;
