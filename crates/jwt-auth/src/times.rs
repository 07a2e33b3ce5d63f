//! Times in claims.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

/// The difference between two clocks that is forgiven.
///
/// A minute is what most relying parties allow. A token that ends in five minutes lives a fifth longer by it,
/// and one that was issued by a clock ahead of ours is not refused.
pub const CLOCK_LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// Reads a `NumericDate` (RFC 7519 §2): seconds since 1970, perhaps with a fraction, which is cut off.
///
/// Returns `None` for whatever is no number, is negative, or is past what a date can be.
#[must_use]
pub fn read_numeric_date(value: &Value) -> Option<DateTime<Utc>> {
    let seconds = match value {
        Value::Number(number) => match number.as_i64() {
            Some(seconds) => seconds,
            None => truncate_to_seconds(number.as_f64()?)?,
        },
        _ => return None,
    };
    if seconds < 0 { None } else { DateTime::from_timestamp(seconds, 0) }
}

/// Cuts off a fraction.
#[expect(clippy::cast_possible_truncation, reason = "the value is checked to be small enough")]
fn truncate_to_seconds(seconds: f64) -> Option<i64> {
    (seconds.is_finite() && seconds.abs() < MAX_EXACT_INTEGER).then_some(seconds as i64)
}

/// 2^53: up to here each whole number is a float of its own.
const MAX_EXACT_INTEGER: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_of_seconds_is_a_time() {
        for (text, seconds) in [
            ("0", Some(0)),
            ("1795337400", Some(1_795_337_400)),
            ("1795337400.9", Some(1_795_337_400)),
            ("1.7953374e9", Some(1_795_337_400)),
            ("-1", None),
            ("-0.5", Some(0)),
            ("1e300", None),
            ("9223372036854775807", None),
            ("18446744073709551615", None),
            (r#""1795337400""#, None),
            ("true", None),
            ("null", None),
            ("[1795337400]", None),
        ] {
            let value: Value = serde_json::from_str(text).expect("JSON");
            assert_eq!(read_numeric_date(&value).map(|at| at.timestamp()), seconds, "{text}");
        }
    }
}
