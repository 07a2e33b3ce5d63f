//! TLS on the way out.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};

use crate::support::{Case, Probe, Serving, server::Server};

pub fn only_the_configured_ca_is_trusted(case: &Case) -> Result<()> {
    let (ca, other) = (Ca::new()?, Ca::new()?);
    let server = Server::tls(ca.server(&[], false)?)?;
    let unknown = probe(case)?.start()?;
    assert_eq!(fetch(&unknown, &server)?["error"], "TlsProtocolError", "no CA is configured");
    let wrong = configured(probe(case)?, &other, "probe", "localhost", false)?.start()?;
    assert_eq!(fetch(&wrong, &server)?["error"], "TlsProtocolError", "another CA is");
    let right = configured(probe(case)?, &ca, "probe", "localhost", false)?.start()?;
    assert_eq!(fetch(&right, &server)?["status"], 200);
    for (component, host) in [("other", "localhost"), ("probe", "other.example")] {
        let elsewhere = configured(probe(case)?, &ca, component, host, false)?.start()?;
        let result = fetch(&elsewhere, &server)?;
        assert_eq!(result["error"], "TlsProtocolError", "configured for {component} and {host}");
    }
    Ok(())
}

pub fn a_client_certificate_is_shown_where_it_is_configured(case: &Case) -> Result<()> {
    let ca = Ca::new()?;
    let server = Server::tls(ca.server(&[], true)?)?;
    let shown = configured(probe(case)?, &ca, "probe", "localhost", true)?.start()?;
    let result = fetch(&shown, &server)?;
    assert_eq!(request(&result)?["certificates"], 1, "{result}");
    let bare = configured(probe(case)?, &ca, "probe", "localhost", false)?.start()?;
    // In TLS 1.3 the client has finished before the server refuses it.
    assert_eq!(fetch(&bare, &server)?["error"], "HttpProtocolError");
    Ok(())
}

/// Spin has one code for all of this, and its log says which it was.
pub fn why_a_certificate_is_not_accepted_is_for_the_log_alone(case: &Case) -> Result<()> {
    let (ca, other) = (Ca::new()?, Ca::new()?);
    let good = || CertificateParams::new(["localhost".to_owned()]);
    let mut expired = good()?;
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    for (trusted, certificate, reason) in [
        (&other, good()?, "UnknownIssuer"),
        (&ca, CertificateParams::new(["elsewhere.example".to_owned()])?, "NotValidForName"),
        (&ca, expired, "Expired"),
    ] {
        let server = Server::tls(ca.server_with(&certificate, &[], false)?)?;
        let probe = configured(probe(case)?, trusted, "probe", "localhost", false)?.start()?;
        assert_eq!(fetch(&probe, &server)?["error"], "TlsProtocolError", "{reason}");
        if case.is_dev_host() {
            assert!(probe.log()?.contains(reason), "{reason} is not in the log");
        }
    }
    Ok(())
}

pub fn http2_is_spoken_where_the_server_offers_it(case: &Case) -> Result<()> {
    let ca = Ca::new()?;
    for (offers, version, host) in [
        (&[&b"h2"[..], b"http/1.1"][..], "HTTP/2.0", 0),
        (&[b"http/1.1"], "HTTP/1.1", 1),
        (&[], "HTTP/1.1", 1),
    ] {
        let server = Server::tls(ca.server(offers, false)?)?;
        let probe = configured(probe(case)?, &ca, "probe", "localhost", false)?.start()?;
        let seen = request(&fetch(&probe, &server)?)?;
        assert_eq!(seen["version"], version);
        let headers = seen["headers"].as_array().into_iter().flatten();
        assert_eq!(headers.filter(|header| header[0] == "host").count(), host, "{version}");
        assert_eq!(fetch(&probe, &server)?["status"], 200);
        assert_eq!(server.connections(), 1, "{version}");
    }
    Ok(())
}

/// The host does not set `TCP_NODELAY`: head and body leave apart, and the body waits for the server's
/// delayed acknowledgement of the head. A host that hurried would hide what is slow in production.
pub fn a_body_over_http2_waits_for_the_server(case: &Case) -> Result<()> {
    let ca = Ca::new()?;
    let server = Server::tls(ca.server(&[b"h2"], false)?)?;
    let probe = configured(probe(case)?, &ca, "probe", "localhost", false)?.start()?;
    let mut slowest = 0;
    for _ in 0..20 {
        let authority = format!("localhost:{}", server.address.port());
        let request =
            json!({"method": "POST", "scheme": "https", "authority": authority, "body": "small"});
        let result = probe.step(json!({"step": "fetch", "requests": [request]}))?;
        slowest = slowest.max(result[0]["ms"].as_u64().unwrap_or_default());
    }
    assert!(slowest >= 35, "all answers came within {slowest} ms");
    Ok(())
}

fn probe(case: &Case) -> Result<Probe<'_>> {
    Ok(case.probe()?.edit("*://127.0.0.1:*", "https://localhost:*"))
}

/// With a `[[client_tls]]` table, and an identity in it if wanted.
fn configured<'c>(
    probe: Probe<'c>,
    ca: &Ca,
    component: &str,
    host: &str,
    identity: bool,
) -> Result<Probe<'c>> {
    let mut table = format!(
        "[[client_tls]]\ncomponent_ids = ['{component}']\nhosts = ['{host}']\nca_roots_file = 'ca.pem'\n"
    );
    fs::write(probe.dir().join("ca.pem"), ca.0.pem())?;
    if identity {
        let (certificate, key) = ca.issue("client")?;
        fs::write(probe.dir().join("client.pem"), certificate.pem())?;
        fs::write(probe.dir().join("client.key"), key.serialize_pem())?;
        table += "client_cert_file = 'client.pem'\nclient_private_key_file = 'client.key'\n";
    }
    probe.runtime_config(&table)
}

fn fetch(probe: &Serving, server: &Server) -> Result<Value> {
    let authority = format!("localhost:{}", server.address.port());
    let request = json!({"scheme": "https", "authority": authority});
    Ok(probe.step(json!({"step": "fetch", "requests": [request]}))?[0].take())
}

/// Returns the request as the server has seen it.
fn request(result: &Value) -> Result<Value> {
    let body = result["body"].as_str().unwrap_or_default();
    Ok(serde_json::from_str::<Value>(body)?["request"].take())
}

/// Counts the authorities.
static NUMBER: AtomicUsize = AtomicUsize::new(1);

/// A certificate authority.
struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        // Each has a name of its own: a certificate of another authority of the same name would be told to have a
        // wrong signature, and not an unknown issuer.
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Ok(Self(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?))
    }

    fn issue(&self, name: &str) -> Result<(rcgen::Certificate, KeyPair)> {
        self.sign(&CertificateParams::new([name.to_owned()])?)
    }

    fn sign(&self, params: &CertificateParams) -> Result<(rcgen::Certificate, KeyPair)> {
        let key = KeyPair::generate()?;
        Ok((params.signed_by(&key, &self.0)?, key))
    }

    /// A server at `localhost` that offers these protocols, and may want a certificate of ours.
    fn server(&self, protocols: &[&[u8]], wants_certificate: bool) -> Result<ServerConfig> {
        let certificate = CertificateParams::new(["localhost".to_owned()])?;
        self.server_with(&certificate, protocols, wants_certificate)
    }

    /// The same with a certificate of one's own.
    fn server_with(
        &self,
        certificate: &CertificateParams,
        protocols: &[&[u8]],
        wants_certificate: bool,
    ) -> Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?;
        let builder = if wants_certificate {
            let mut roots = RootCertStore::empty();
            roots.add(self.0.der().clone())?;
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = self.sign(certificate)?;
        let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = builder.with_single_cert(chain, key)?;
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }
}
