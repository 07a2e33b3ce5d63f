//! Reading a counter without writing it.

use crate::{KeyValue, KeyValueError};

/// The count of `counter`; an absent one is zero.
///
/// Incrementing by zero would tell too, but is a durable write. A counter's bytes differ by backend:
/// SQLite keeps eight bytes, little-endian, and Redis decimal digits. Eight bytes that are all digits
/// would be a count over 10^18, which is never reached, so the two cannot be mistaken.
pub(crate) fn read_counter<K: KeyValue>(store: &K, counter: &str) -> Result<u64, KeyValueError> {
    let Some(bytes) = store.get(counter)? else { return Ok(0) };
    let decimal = || std::str::from_utf8(&bytes).ok()?.parse().ok();
    let binary = || bytes.as_slice().try_into().ok().map(u64::from_le_bytes);
    decimal()
        .or_else(binary)
        .ok_or_else(|| KeyValueError(format!("`{counter}` does not hold a counter")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[test]
    fn a_counter_is_read_as_each_backend_keeps_it() {
        for (bytes, count) in [
            (None, Some(0)),
            (Some(b"0".to_vec()), Some(0)),
            (Some(b"7".to_vec()), Some(7)),
            (Some(b"12345678".to_vec()), Some(12_345_678)),
            (Some(7_u64.to_le_bytes().to_vec()), Some(7)),
            (Some(12_345_678_u64.to_le_bytes().to_vec()), Some(12_345_678)),
            (Some(b"soon".to_vec()), None),
            (Some(vec![]), None),
        ] {
            let store = MemoryStore::default();
            if let Some(bytes) = &bytes {
                store.set_many(&[("c".to_owned(), bytes.clone())]).expect("writes");
            }
            assert_eq!(read_counter(&store, "c").ok(), count, "{bytes:?}");
        }
    }
}
