//! Text of others, made fit for a terminal.

use std::borrow::Cow;

/// Replaces control characters, by which a server could move the cursor of a terminal or rewrite what stands there.
#[must_use]
pub fn replace_control_characters(text: &str) -> Cow<'_, str> {
    if text.contains(is_unsafe_in_terminal) {
        Cow::Owned(text.replace(is_unsafe_in_terminal, "\u{fffd}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns true for control characters, and for those that reorder or hide text.
fn is_unsafe_in_terminal(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced_and_other_text_is_not_touched() {
        for (text, shown) in [
            ("no dynamic secret `ci`", "no dynamic secret `ci`"),
            ("déjà vu", "déjà vu"),
            ("a\u{1b}[2Jb", "a\u{fffd}[2Jb"),
            ("a\r\nb", "a\u{fffd}\u{fffd}b"),
            ("a\u{202e}b", "a\u{fffd}b"),
            ("a\u{9b}b", "a\u{fffd}b"),
        ] {
            assert_eq!(replace_control_characters(text), shown);
        }
    }
}
