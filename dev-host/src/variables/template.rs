//! Text with `{{ variable }}` in it.

use anyhow::Context as _;

/// A parsed text; what stands between the braces is a name and nothing else.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Variable(String),
}

impl Template {
    /// Splits the text at its braces.
    pub fn parse(mut text: &str) -> anyhow::Result<Self> {
        let mut parts = Vec::new();
        while !text.is_empty() {
            let Some(start) = text.find("{{") else {
                parts.push(Part::Text(text.to_owned()));
                break;
            };
            if start > 0 {
                parts.push(Part::Text(text[..start].to_owned()));
            }
            let (name, rest) =
                text[start + 2..].split_once("}}").context("unmatched `{{` in template")?;
            parts.push(Part::Variable(name.trim().to_owned()));
            text = rest;
        }
        Ok(Self(parts))
    }

    /// The variables it asks for.
    pub fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Variable(name) => Some(name.as_str()),
        })
    }

    /// Puts the text together again, with `value` of each name.
    pub fn render_text(
        &self,
        value: impl Fn(&str) -> anyhow::Result<String>,
    ) -> anyhow::Result<String> {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => Ok(text.clone()),
                Part::Variable(name) => value(name),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_renders_each_name_in_its_place() {
        for (text, rendered) in [
            ("", ""),
            ("plain", "plain"),
            ("{{ a }}", "<a>"),
            ("{{a}}{{ b }}", "<a><b>"),
            ("x-{{ a }}-{{ b }}-y", "x-<a>-<b>-y"),
            ("}} { {{ a }}", "}} { <a>"),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(
                template.render_text(|name| Ok(format!("<{name}>"))).unwrap(),
                rendered,
                "{text}"
            );
        }
        assert!(Template::parse("{{ a }} {{ b").is_err());
    }
}
