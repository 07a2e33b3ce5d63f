//! Methods between the host's variants and `http`'s names.

use http::Method;
use wasi::http::types::Method as HostMethod;

pub(crate) fn method_from_host(method: HostMethod) -> Option<Method> {
    Some(match method {
        HostMethod::Get => Method::GET,
        HostMethod::Head => Method::HEAD,
        HostMethod::Post => Method::POST,
        HostMethod::Put => Method::PUT,
        HostMethod::Delete => Method::DELETE,
        HostMethod::Connect => Method::CONNECT,
        HostMethod::Options => Method::OPTIONS,
        HostMethod::Trace => Method::TRACE,
        HostMethod::Patch => Method::PATCH,
        HostMethod::Other(name) => Method::from_bytes(name.as_bytes()).ok()?,
    })
}

pub(crate) fn method_to_host(method: &Method) -> HostMethod {
    match *method {
        Method::GET => HostMethod::Get,
        Method::HEAD => HostMethod::Head,
        Method::POST => HostMethod::Post,
        Method::PUT => HostMethod::Put,
        Method::DELETE => HostMethod::Delete,
        Method::CONNECT => HostMethod::Connect,
        Method::OPTIONS => HostMethod::Options,
        Method::TRACE => HostMethod::Trace,
        Method::PATCH => HostMethod::Patch,
        ref other => HostMethod::Other(other.to_string()),
    }
}
