//! Reasons for which a token is not believed.

/// The reason for which a token is not believed: for the audit log, never for whoever has shown the token.
///
/// No variant repeats a value of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Longer than [`MAX_JWT_BYTES`](crate::MAX_JWT_BYTES).
    #[error("the token is too long")]
    TooLong,
    /// Not three parts of base64url, or a header or claims that are no JSON object.
    #[error("the token is not a JWT")]
    Malformed,
    /// An algorithm that is not allowed here: `none`, a symmetric one, an unknown one, or one that was not asked for.
    #[error("`alg` is not allowed")]
    Algorithm,
    /// A `typ` that says that it is another kind of token.
    #[error("`typ` names another kind of token")]
    Type,
    /// Extensions that would have to be understood (RFC 7515 §4.1.11); none are.
    #[error("`crit` names unsupported extensions")]
    Critical,
    /// The issuer has several keys, and the token does not say which.
    #[error("`kid` is missing, and the issuer has several keys")]
    KeyIdMissing,
    /// The issuer has no key of this id: worth a look at its keys as they are now.
    #[error("the issuer has no key with this `kid`")]
    UnknownKey,
    /// The key of this id is not for this algorithm, or is too weak.
    #[error("the key with this `kid` does not fit `alg`")]
    UnfitKey,
    /// The signature is not of that key.
    #[error("the signature is not valid")]
    Signature,
    /// A claim that has to be there is not, or is of another type than it has to be.
    #[error("`{0}` is missing, or of the wrong type")]
    Claim(&'static str),
    /// Another issuer.
    #[error("`iss` names another issuer")]
    Issuer,
    /// None of the audiences that are accepted.
    #[error("`aud` names no expected audience")]
    Audience,
    /// Its time is over.
    #[error("`exp` is in the past")]
    Expired,
    /// Its time has not begun.
    #[error("`nbf` or `iat` is in the future")]
    NotYetValid,
    /// Issued longer ago than is accepted.
    #[error("`iat` is too long ago")]
    TooOld,
}
