//! How the body of a request is read: late, and never further than it may be long.

/// The body of a request, not read yet.
#[expect(async_fn_in_trait, reason = "a component runs on one thread: futures need not be `Send`")]
pub trait Body {
    /// Reads the whole body.
    ///
    /// # Errors
    /// Stops at the first byte over `limit`, and where the client takes too long.
    async fn read_bytes(self, limit: usize) -> Result<Vec<u8>, BodyError>;
}

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is longer than it may be.
    #[error("the body is too large")]
    TooLarge,
    /// The body did not come in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The client went away.
    #[error("the body ended early")]
    Broken,
}

/// The largest body of a request: every shape of ours fits many times.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
