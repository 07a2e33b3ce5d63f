//! A port at which nobody listens.

use std::net::{SocketAddr, TcpListener, TcpStream};

use anyhow::{Context, Result};

use crate::host::any_port_address;

/// A port of loopback that refuses connections for as long as this value lives.
///
/// It is that of the client's end of a connection: the port is taken, so no other program gets it, and it
/// accepts nothing. A port that was free a moment ago may have a listener by the time it is used.
#[derive(Debug)]
pub struct ClosedPort {
    client: TcpStream,
    _server: TcpListener,
}

impl ClosedPort {
    /// Takes a port.
    pub fn take_port() -> Result<Self> {
        let server = TcpListener::bind(any_port_address()).context("no free port")?;
        let client = TcpStream::connect(server.local_addr()?).context("no connection to it")?;
        Ok(Self { client, _server: server })
    }

    /// Returns the address that refuses.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.client.local_addr()?)
    }
}
