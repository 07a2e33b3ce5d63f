//! An API server that misbehaves as told: for faults that a real one does not produce on demand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// A server on loopback, by plain HTTP, that does one thing to every connection. It ends with the test run.
pub struct Fake {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

/// What it does once it has read the head of a request.
#[derive(Clone)]
pub enum Deed {
    /// Answers with these bytes, and closes.
    Say(String),
    /// Answers with this head and then more bytes than anyone wants.
    Flood(String),
    /// Answers with this head and then a byte now and then.
    Drip(String),
    /// Says nothing, and keeps the connection.
    Nothing,
    /// Closes.
    Close,
}

impl Fake {
    /// One that does `deed`.
    pub fn start(deed: Deed) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (deed, counter) = (deed.clone(), Arc::clone(&counter));
                // The client may go away in the middle: that is what some of the tests are for.
                thread::spawn(move || drop(serve(stream, &deed, &counter)));
            }
        });
        Ok(Self { address, asked })
    }

    /// One that answers with a status and a body.
    pub fn answering(status: u16, body: &str) -> Result<Self> {
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} Answer\r\ncontent-length: {length}\r\nconnection: close");
        Self::start(Deed::Say(format!("{head}\r\n\r\n{body}")))
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many requests it has read.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, deed: &Deed, asked: &AtomicUsize) -> std::io::Result<()> {
    read_head(&mut stream)?;
    asked.fetch_add(1, Ordering::SeqCst);
    match deed {
        Deed::Say(answer) => stream.write_all(answer.as_bytes()),
        Deed::Flood(head) => {
            stream.write_all(head.as_bytes())?;
            let lots = vec![b' '; 64 * 1024];
            for _ in 0..FLOOD_CHUNKS {
                stream.write_all(&lots)?;
            }
            Ok(())
        }
        Deed::Drip(head) => {
            stream.write_all(head.as_bytes())?;
            for _ in 0..PATIENCE_SECONDS {
                stream.write_all(b" ")?;
                thread::sleep(Duration::from_secs(1));
            }
            Ok(())
        }
        Deed::Nothing => {
            thread::sleep(Duration::from_secs(PATIENCE_SECONDS));
            Ok(())
        }
        Deed::Close => Ok(()),
    }
}

fn read_head(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(())
}

/// 64 MiB, far more than any limit.
const FLOOD_CHUNKS: usize = 1024;

/// Longer than anyone waits.
const PATIENCE_SECONDS: u64 = 120;
