//! Addresses whose every part means what it was put in for.

use std::fmt::Write;

use crate::Error;

/// Joins path segments, none of which may be taken for anything but one segment.
pub(crate) fn join_path(base: &str, segments: &[&str]) -> Result<String, Error> {
    let mut uri = base.to_owned();
    for segment in segments {
        // Names of roles may hold `:`.
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-._:@~".contains(&b);
        if matches!(*segment, "" | "." | "..") || !segment.bytes().all(good) {
            return Err(Error::Segment((*segment).to_owned()));
        }
        uri.push('/');
        uri.push_str(segment);
    }
    Ok(uri)
}

/// Adds a query. All but the unreserved characters of RFC 3986 §2.3 is percent-encoded, so that no value
/// can end its parameter or begin another.
pub(crate) fn append_query(mut uri: String, parameters: &[(&str, &str)]) -> String {
    for (index, (name, value)) in parameters.iter().enumerate() {
        uri.push(if index == 0 { '?' } else { '&' });
        uri.push_str(name);
        uri.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                uri.push(char::from(byte));
            } else {
                // Writing to a `String` does not fail.
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_can_change_which_object_is_meant() {
        for name in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "ä", "a\r\nb"] {
            let error = join_path("https://a", &["x", name]).expect_err(name);
            assert!(matches!(&error, Error::Segment(n) if n == name), "{name:?}: {error}");
        }
        let uri = join_path("https://a/k8s", &["x", "system:a.b-c_d"]);
        assert_eq!(uri.expect("good names"), "https://a/k8s/x/system:a.b-c_d");
    }

    #[test]
    fn no_value_can_leave_its_parameter() {
        for (value, encoded) in [
            ("", ""),
            ("a-b.c_d~e", "a-b.c_d~e"),
            ("a/b=c,d", "a%2Fb%3Dc%2Cd"),
            ("a in (b, c)", "a%20in%20%28b%2C%20c%29"),
            ("a&limit=0", "a%26limit%3D0"),
            ("a#b%?+", "a%23b%25%3F%2B"),
            ("ä\r\n", "%C3%A4%0D%0A"),
        ] {
            let uri = append_query("https://a/x".to_owned(), &[("p", value), ("q", "1")]);
            assert_eq!(uri, format!("https://a/x?p={encoded}&q=1"), "{value:?}");
            assert!(uri.parse::<http::Uri>().is_ok(), "{uri}");
        }
    }
}
