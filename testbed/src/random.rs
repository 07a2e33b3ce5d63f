//! Names and secrets that nobody can guess.

use anyhow::Result;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};

/// A suffix for a name, lower-case letters and digits.
pub fn random_suffix() -> Result<String> {
    Ok(format!("{:012x}", u64::from_be_bytes(random_bytes()?) >> 16))
}

/// A bearer token of 256 bits.
pub fn random_token() -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// A key of 256 bits, in base64.
pub fn random_key() -> Result<String> {
    Ok(BASE64_STANDARD.encode(random_bytes::<32>()?))
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
