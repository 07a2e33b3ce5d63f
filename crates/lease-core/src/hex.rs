//! Bytes as text: two lower-case digits each.

/// Returns the digits of bytes.
pub(crate) fn encode_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a `String` does not fail.
        _ = write!(text, "{byte:02x}");
        text
    })
}

/// Returns the bytes of digits; `None` if the text has another character, or half a byte.
pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.len().is_multiple_of(2)
        && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !digits {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}
