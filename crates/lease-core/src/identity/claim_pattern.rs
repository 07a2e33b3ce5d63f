//! Patterns of claims.

/// A pattern: `*` stands for any letters but `/` and `:`, `**` for any letters, all else for itself.
///
/// A star that stops at `/` and `:` cannot be stretched by whoever names a branch or a repository: `repo:acme/*`
/// does not fit `repo:acme/app:environment:prod`.
pub(super) struct ClaimPattern<'a>(&'a str);

impl<'a> ClaimPattern<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Returns whether a text fits as a whole.
    ///
    /// The work is at most the product of both lengths, whatever the stars: every prefix of the pattern is held
    /// against every prefix of the text once.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        let text = text.as_bytes();
        // `fits[i]`: the pattern so far fits the first `i` bytes. UTF-8 compares by bytes, letter by letter.
        let mut fits = vec![false; text.len() + 1];
        fits[0] = true;
        let mut pattern = self.0.as_bytes();
        while let Some((&first, rest)) = pattern.split_first() {
            pattern = rest;
            if first != b'*' {
                for end in (0..text.len()).rev() {
                    fits[end + 1] = fits[end] && text[end] == first;
                }
                fits[0] = false;
                continue;
            }
            let crosses = rest.first() == Some(&b'*');
            if crosses {
                pattern = &rest[1..];
            }
            for end in 0..text.len() {
                let may_take = crosses || !matches!(text[end], b'/' | b':');
                fits[end + 1] |= fits[end] && may_take;
            }
        }
        fits[text.len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stop_where_they_should() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("main", "main", true),
            ("main", "Main", false),
            ("main", "main ", false),
            ("*", "", true),
            ("*", "main", true),
            ("*", "feature/x", false),
            ("*", "a:b", false),
            ("**", "feature/x:y", true),
            ("ref*", "ref", true),
            ("refs/heads/*", "refs/heads/main", true),
            ("refs/heads/*", "refs/heads/", true),
            ("refs/heads/*", "refs/heads/a/b", false),
            ("refs/heads/**", "refs/heads/a/b", true),
            ("refs/heads/*", "refs/tags/main", false),
            ("repo:acme/*", "repo:acme/app", true),
            ("repo:acme/*", "repo:acme/app:environment:prod", false),
            ("repo:acme/*", "repo:acme-evil/app", false),
            ("repo:acme*", "repo:acme-evil/app", false),
            ("repo:acme/app:*", "repo:acme/app:pull_request", true),
            ("repo:acme/app:*", "repo:acme@12/app@34:pull_request", false),
            ("repo:*/app:ref:refs/heads/*", "repo:acme/app:ref:refs/heads/main", true),
            ("*:*", "a:b", true),
            ("*:*", "a:b:c", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("a**b", "a/x:y/b", true),
            ("a***b", "a/xb", true),
            ("[a-z]", "b", false),
            ("a?c", "abc", false),
            ("a.c", "abc", false),
            ("é*", "élan", true),
            ("\\*", "x", false),
        ] {
            assert_eq!(ClaimPattern::new(pattern).matches_text(text), fits, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn many_stars_take_no_longer() {
        let pattern = "*a".repeat(256);
        assert!(!ClaimPattern::new(&pattern).matches_text(&"a".repeat(255)));
        assert!(ClaimPattern::new(&pattern).matches_text(&"ba".repeat(256)));
        let pattern = "**a".repeat(170);
        assert!(!ClaimPattern::new(&pattern).matches_text(&format!("{}b", "a/".repeat(8000))));
    }
}
