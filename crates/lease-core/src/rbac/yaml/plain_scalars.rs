//! Words without quotes that some reader of YAML takes for a number or a boolean.

/// True if the word is a boolean to YAML 1.1 (<https://yaml.org/type/bool.html>), by which kubectl reads.
pub(super) fn is_boolean(plain: &str) -> bool {
    let words = ["y", "n", "yes", "no", "on", "off", "true", "false"];
    words.iter().any(|word| plain.eq_ignore_ascii_case(word))
}

/// True if the word is a number to kubectl, to YAML 1.1 or to YAML 1.2.
///
/// Dates are none: kubectl reads them as texts, and so do Kubernetes' objects, which know no other.
pub(super) fn is_number(plain: &str) -> bool {
    if !plain.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return false;
    }
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    // kubectl drops each `_` first, so that `-_2` is -2; YAML 1.1 allows them between digits.
    let unsigned = unsigned.replace('_', "");
    let word = [".inf", ".nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    word || is_based(&unsigned) || is_decimal_number(&unsigned) || is_sexagesimal(&unsigned)
}

/// `0x1F`, `0o17` or `0b1`; kubectl also takes `0b-1`.
fn is_based(text: &str) -> bool {
    let Some((prefix, digits)) = text.split_at_checked(2) else { return false };
    let digits = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let base = match prefix {
        "0x" | "0X" => 16,
        "0o" | "0O" => 8,
        "0b" | "0B" => 2,
        _ => return false,
    };
    !digits.is_empty() && digits.chars().all(|c| c.is_digit(base))
}

/// `1`, `1.`, `.5`, `1.5` or any of these with an exponent.
fn is_decimal_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    !(whole.is_empty() && fraction.is_empty())
        && are_digits(whole)
        && are_digits(fraction)
        && exponent.is_none_or(|digits| !digits.is_empty() && are_digits(digits))
}

/// `1:30` or `1:30.5`: 90 to YAML 1.1, a text to kubectl.
fn is_sexagesimal(text: &str) -> bool {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    let fraction = text.get(whole.len() + 1..).unwrap_or_default();
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut parts = parts.peekable();
    !first.is_empty()
        && are_digits(first)
        && are_digits(fraction)
        && parts.peek().is_some()
        && parts.all(|part| match part.as_bytes() {
            [ones] => ones.is_ascii_digit(),
            [tens, ones] => (b'0'..=b'5').contains(tens) && ones.is_ascii_digit(),
            _ => false,
        })
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_reader_are_numbers() {
        for plain in [
            "1",
            "-1",
            "+1",
            "08",
            "1_000",
            "-_2",
            "0x1F",
            "0X1f",
            "0x_1",
            "0o7",
            "0b1",
            "0b-1",
            "-0b1",
            "1.",
            "1.5",
            ".5",
            "-.5",
            "+.5e3",
            "1e3",
            "1E+3",
            "1e400",
            "1_0.5_0",
            "1:30",
            "190:20:30.15",
            "-1:0",
            ".inf",
            "-.Inf",
            "+.INF",
            ".NaN",
            "99999999999999999999",
        ] {
            assert!(is_number(plain), "{plain}");
        }
        for plain in [
            "",
            "+",
            "-",
            ".",
            "..",
            "-.",
            "_1",
            "1.2.3",
            "10.0.0.1",
            "2024-1-1",
            "2001-12-14",
            "1-2",
            "0x",
            "0xg",
            "0o8",
            "0b2",
            "1e",
            "1e+",
            "e3",
            ".e3",
            "1st",
            "v1",
            "0.93.0",
            "12:60",
            "12:34:78",
            ":30",
            "1:",
            "+inf",
            "inf",
            "nan",
            "1a",
            "--1",
            "2001-12-14T21:59:43Z",
            "a1",
            "1.5.",
            "٣",
        ] {
            assert!(!is_number(plain), "{plain}");
        }
    }

    #[test]
    fn booleans_of_any_reader_are_booleans() {
        for plain in ["y", "Y", "yes", "No", "n", "ON", "off", "true", "False", "TRUE"] {
            assert!(is_boolean(plain), "{plain}");
        }
        for plain in ["", "yess", "of", "t", "f", "truth", "'true'"] {
            assert!(!is_boolean(plain), "{plain}");
        }
    }
}
