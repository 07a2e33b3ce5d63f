//! Names for what is too long to be a key, or had better not be one.

use sha2::{Digest, Sha256};

use crate::hex::encode_hex;
use crate::sealing::encode_parts;

/// Returns the SHA-256 of several texts, in 64 hexadecimal digits. No other texts have the same, however they are cut.
#[must_use]
pub fn digest_texts(parts: &[&str]) -> String {
    encode_hex(&Sha256::digest(encode_parts(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_in_where_they_are_cut_differ() {
        let digests =
            [&["ab", "c"][..], &["a", "bc"], &["abc"], &["abc", ""], &[]].map(digest_texts);
        for (index, one) in digests.iter().enumerate() {
            assert_eq!(one.len(), 64);
            assert!(digests[..index].iter().all(|other| other != one), "{index}");
        }
    }
}
