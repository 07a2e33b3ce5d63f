//! `OpenID` Connect issuers over HTTPS, each of whose answers a test decides.
//!
//! One server is as many issuers as a test likes: the path tells them apart, as it tells organizations of one CI service apart.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer as Signer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// The host name of all issuers; the clusters of tests have another, and another CA.
pub const ISSUER_HOST: &str = "localhost";

/// A server on loopback. It ends with the test run.
pub struct IssuerServer {
    address: SocketAddr,
    ca: String,
    state: Arc<Mutex<State>>,
}

/// The answer to each request for one path.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A status, headers and a body.
    Say(u16, Vec<(&'static str, String)>, String),
    /// This for whoever shows the bearer token, and a refusal for others.
    For(String, Box<Answer>),
    /// A good head, and then a byte now and then.
    Drip,
    /// A good head, and then more bytes than anyone wants.
    Flood,
    /// Nothing, on a connection that stays open.
    Nothing,
    /// The end of the connection.
    Close,
}

#[derive(Default)]
struct State {
    answers: BTreeMap<String, Answer>,
    asked: Vec<String>,
}

impl IssuerServer {
    /// Starts a server with a CA of its own and no issuer yet.
    pub fn start_server() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port")?;
        let address = listener.local_addr()?;
        let (ca, config) = new_tls()?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, state) = (Arc::clone(&config), Arc::clone(&shared));
                // The client may go away in the middle: that is what some of the tests are for.
                thread::spawn(move || drop(serve_connection(stream, config, &state)));
            }
        });
        Ok(Self { address, ca, state })
    }

    /// Returns the CA that its certificate is from, in PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// Returns the URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("https://{ISSUER_HOST}:{}{path}", self.address.port())
    }

    /// Serves an issuer with these keys at a path, such as `/ci`, and returns its URL.
    #[expect(clippy::must_use_candidate, reason = "it is called again for other keys")]
    pub fn add_issuer(&self, path: &str, keys: &[Value]) -> String {
        let issuer = self.url(path);
        let document = json!({"issuer": issuer, "jwks_uri": self.url(&keys_path(path)),
            "id_token_signing_alg_values_supported": ["RS256"], "response_types_supported": ["id_token"]});
        self.set_answer(&discovery_path(path), Answer::from_json(&document));
        self.set_answer(&keys_path(path), Answer::from_json(&json!({ "keys": keys })));
        issuer
    }

    /// Answers each request for a path, of a discovery document, of keys or of neither, with this from now on.
    pub fn set_answer(&self, path: &str, answer: Answer) {
        self.lock_state().answers.insert(path.to_owned(), answer);
    }

    /// Returns the number of requests for paths that begin so.
    #[must_use]
    pub fn count_requests(&self, path: &str) -> usize {
        self.lock_state().asked.iter().filter(|asked| asked.starts_with(path)).count()
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        lock_state_of(&self.state)
    }
}

impl Answer {
    /// A success with a JSON body that may be kept for ten minutes.
    #[must_use]
    pub fn from_json(body: &Value) -> Self {
        Self::from_cached_json("max-age=600", body)
    }

    /// A success with a JSON body and a `Cache-Control` header.
    #[must_use]
    pub fn from_cached_json(cache_control: &str, body: &Value) -> Self {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("cache-control", cache_control.to_owned()),
        ];
        Self::Say(200, headers, body.to_string())
    }

    /// A status without a body.
    #[must_use]
    pub fn from_status(status: u16) -> Self {
        Self::Say(status, vec![], String::new())
    }

    /// A success with a body of any kind.
    #[must_use]
    pub fn from_text(body: &str) -> Self {
        Self::Say(200, vec![], body.to_owned())
    }
}

/// Returns the path of the discovery document of the issuer at a path.
#[must_use]
pub fn discovery_path(path: &str) -> String {
    format!("{path}/.well-known/openid-configuration")
}

/// Returns the path of the keys of the issuer at a path.
#[must_use]
pub fn keys_path(path: &str) -> String {
    format!("{path}/.well-known/jwks")
}

fn serve_connection(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    state: &Mutex<State>,
) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = StreamOwned::new(ServerConnection::new(config)?, stream);
    let mut request = String::new();
    let mut reader = BufReader::new(&mut stream);
    reader.read_line(&mut request)?;
    let (mut header, mut bearer) = (String::new(), String::new());
    while reader.read_line(&mut header)? > 2 {
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("authorization: bearer ") {
            header[header.len() - value.len()..].trim().clone_into(&mut bearer);
        }
        header.clear();
    }
    let path = request.split(' ').nth(1).context("a path")?.to_owned();
    let answer = {
        let mut state = lock_state_of(state);
        let answer = state.answers.get(&path).cloned();
        state.asked.push(path);
        match answer.unwrap_or_else(|| Answer::from_status(404)) {
            Answer::For(token, answer) if token == bearer => *answer,
            Answer::For(..) => Answer::from_status(401),
            answer => answer,
        }
    };
    write_answer(&mut stream, &answer)?;
    stream.conn.send_close_notify();
    Ok(stream.flush()?)
}

fn write_answer(stream: &mut impl Write, answer: &Answer) -> Result<()> {
    match answer {
        Answer::Say(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status} Answer\r\n")?;
            for (name, value) in headers {
                write!(stream, "{name}: {value}\r\n")?;
            }
            let length = body.len();
            write!(stream, "content-length: {length}\r\nconnection: close\r\n\r\n{body}")?;
        }
        Answer::Drip => {
            stream.write_all(RESPONSE_HEAD)?;
            for _ in 0..HANG_SECONDS {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_secs(1));
            }
        }
        Answer::Flood => {
            stream.write_all(RESPONSE_HEAD)?;
            let lots = vec![b' '; 64 * 1024];
            for _ in 0..FLOOD_CHUNKS {
                stream.write_all(&lots)?;
            }
        }
        Answer::Nothing => thread::sleep(Duration::from_secs(HANG_SECONDS)),
        Answer::Close | Answer::For(..) => {}
    }
    Ok(())
}

/// Makes a CA, and a server with a certificate of it for both names of loopback.
fn new_tls() -> Result<(String, Arc<ServerConfig>)> {
    let named = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let mut authority = named("CA of test issuers");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate()?;
    let ca = authority.self_signed(&key)?.pem();
    let signer = Signer::new(authority, key);
    let mut server = named("test issuer");
    server.subject_alt_names = vec![
        rcgen::SanType::DnsName(ISSUER_HOST.try_into()?),
        rcgen::SanType::IpAddress([127, 0, 0, 1].into()),
    ];
    let key = KeyPair::generate()?;
    let chain = vec![server.signed_by(&key, &signer)?.der().clone()];
    let private = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, private)?;
    Ok((ca, Arc::new(config)))
}

fn lock_state_of(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Without a length: the body goes on until the connection ends.
const RESPONSE_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";

/// 64 MiB, far more than any limit.
const FLOOD_CHUNKS: usize = 1024;

/// Longer than anyone waits.
const HANG_SECONDS: u64 = 120;
