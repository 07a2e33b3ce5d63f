//! Where a component's output goes: its files in the log directory, and the console.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// The output of the whole application.
pub struct Logs {
    dir: Option<PathBuf>,
    quiet: bool,
}

impl Logs {
    /// Creates the directory and says where it is.
    pub fn new(dir: Option<PathBuf>, quiet: bool) -> anyhow::Result<Self> {
        if let Some(dir) = &dir {
            fs::create_dir_all(dir)
                .with_context(|| format!("could not create log directory `{}`", dir.display()))?;
            eprintln!("Logging component stdio to \"{}/\"", dir.display());
        }
        Ok(Self { dir, quiet })
    }

    /// The standard output and error of `component`.
    pub fn open_outputs(&self, component: &str) -> anyhow::Result<(Output, Output)> {
        let Some(dir) = &self.dir else {
            // Without files even a quiet host writes to the console: else the output were lost.
            let console = Output { file: None, console: true };
            return Ok((console.clone(), console));
        };
        let open = |stream| self.open_file(&dir.join(format!("{component}_{stream}.txt")));
        Ok((open("stdout")?, open("stderr")?))
    }

    fn open_file(&self, path: &Path) -> anyhow::Result<Output> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .with_context(|| format!("could not open log file `{}`", path.display()))?;
        Ok(Output { file: Some(Arc::new(file)), console: !self.quiet })
    }
}

/// An output stream. A write is with the operating system before the guest goes on.
#[derive(Clone)]
pub struct Output {
    file: Option<Arc<File>>,
    console: bool,
}

impl Output {
    fn write_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        if let Some(file) = &self.file {
            (&**file).write_all(bytes)?;
        }
        if self.console {
            // Both streams go to standard error; standard output belongs to the host.
            io::stderr().write_all(bytes)?;
        }
        Ok(())
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(self.write_bytes(bytes).map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.write_bytes(&bytes).map_err(|error| StreamError::LastOperationFailed(error.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MAX_WRITE)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

/// The most a guest may write at a time.
const MAX_WRITE: usize = 64 << 10;
