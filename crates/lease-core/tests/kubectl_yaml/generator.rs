//! Texts of YAML and JSON: most of them sound, some of them bent.

use fastrand::Rng;

use super::words::{
    BLOCK_WORDS, DOUBLE_QUOTED, JSON_VALUES, KEYS, LINES, SEPARATORS, SIGNS, SINGLE_QUOTED, TYPED,
    WORDS,
};

/// Makes a text of any kind.
pub fn text(random: &mut Rng) -> String {
    let text = match random.u8(..100) {
        0..6 => json_objects(random),
        6..10 => soup(random),
        _ => documents(random),
    };
    match random.u8(..100) {
        0..14 => bend(random, &text),
        14..18 => text.replace('\n', "\r\n"),
        18..20 => lengthen(random, &text),
        _ => text,
    }
}

/// Puts lines before a text or between two of its lines, so that it is longer than what kubectl reads at once.
fn lengthen(random: &mut Rng, text: &str) -> String {
    let ends: Vec<usize> = text.match_indices('\n').map(|(at, _)| at + 1).collect();
    let at = if ends.is_empty() || chance(random, 50) { 0 } else { pick(random, &ends) };
    let line = pick(random, &["\n", "  \n", "# why why why\n", "                         \n"]);
    let length = pick(random, &[4096, 4096, 8192]) + random.usize(..20) - 10;
    let more = "\n".repeat(length % line.len()) + &line.repeat(length / line.len());
    [&text[..at], &more, &text[at..]].concat()
}

fn documents(random: &mut Rng) -> String {
    let mut text = String::new();
    if chance(random, 3) {
        text.push('\u{feff}');
    }
    if chance(random, 12) {
        text += pick(random, SEPARATORS);
    }
    for document in 0..pick(random, &[1, 1, 1, 1, 2, 2, 3]) {
        if document > 0 {
            text += pick(random, SEPARATORS);
            if chance(random, 8) {
                text.push('\u{feff}');
            }
        }
        let mut writer = Writer { random, text: String::new() };
        match writer.random.u8(..10) {
            0 => writer.block(0, 3),
            1..7 => writer.block_map(0, 3),
            _ => writer.block_list(0, 3),
        }
        text += &writer.text;
        if !text.ends_with('\n') && (document > 0 || !chance(random, 10)) {
            text.push('\n');
        }
    }
    text
}

/// JSON, one object after the other.
fn json_objects(random: &mut Rng) -> String {
    let mut text = String::new();
    for _ in 0..random.usize(1..4) {
        text += "{";
        for i in 0..random.usize(0..4) {
            text += if i > 0 { ", " } else { "" };
            text += &["\"k", &i.to_string(), "\":", pick(random, JSON_VALUES)].concat();
            text += pick(random, &["", "", " ", "\n", "\t"]);
        }
        text += "}";
        text += pick(random, &["", "", "\n", "\n\n", " ", "\n---\n", "\n# why\n"]);
    }
    text
}

/// Signs without sense.
fn soup(random: &mut Rng) -> String {
    (0..random.usize(1..14)).map(|_| pick(random, SIGNS)).collect()
}

/// Puts signs in, takes characters out.
fn bend(random: &mut Rng, text: &str) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..=characters.len());
        if chance(random, 40) {
            let end = characters.len().min(at + random.usize(1..4));
            characters.drain(at..end);
        } else {
            characters.splice(at..at, pick(random, SIGNS).chars());
        }
    }
    characters.into_iter().collect()
}

struct Writer<'a> {
    random: &'a mut Rng,
    text: String,
}

impl Writer<'_> {
    /// Writes a node that begins at `indent`, on a line of its own or behind `- `, and ends its line.
    fn block(&mut self, indent: usize, depth: usize) {
        match self.random.u8(..100) {
            0..45 if depth > 0 => self.block_map(indent, depth - 1),
            45..70 if depth > 0 => self.block_list(indent, depth - 1),
            70..80 => {
                self.flow(indent + 1, depth.min(2));
                self.end_line();
            }
            _ => self.scalar(indent),
        }
    }

    fn block_map(&mut self, indent: usize, depth: usize) {
        for i in 0..self.random.usize(1..4) {
            if i > 0 {
                self.indent(indent);
            }
            let key = self.key(i);
            if self.chance(3) {
                self.text += &["? ", &key, "\n"].concat();
                self.indent(indent);
                self.text += ":";
            } else {
                self.text += &key;
                self.put(&[":", ":", ":", ":", " :"]);
            }
            self.value(indent, depth);
        }
    }

    /// Writes the value of a key, behind its colon.
    fn value(&mut self, indent: usize, depth: usize) {
        match self.random.u8(..100) {
            0..50 => {
                self.put(&[" ", " ", " ", "  ", "\t"]);
                self.properties();
                self.scalar(indent);
            }
            50..62 => {
                self.text.push(' ');
                self.properties();
                self.flow(indent + 1, depth.min(2));
                self.end_line();
            }
            62..80 if depth > 0 => {
                let inner = indent + self.random.usize(1..4);
                self.end_line();
                self.indent(inner);
                self.block_map(inner, depth - 1);
            }
            80..95 if depth > 0 => {
                // A list may stand at the column of its key.
                let inner = indent + self.random.usize(0..3);
                self.end_line();
                self.indent(inner);
                self.block_list(inner, depth - 1);
            }
            _ => self.end_line(),
        }
    }

    fn block_list(&mut self, indent: usize, depth: usize) {
        for i in 0..self.random.usize(1..4) {
            if i > 0 {
                self.indent(indent);
            }
            self.text.push('-');
            match self.random.u8(..100) {
                0..5 => self.end_line(),
                5..12 => {
                    let inner = indent + self.random.usize(1..4);
                    self.end_line();
                    self.indent(inner);
                    self.block(inner, depth);
                }
                _ => {
                    let spaces = self.random.usize(1..3);
                    self.indent(spaces);
                    self.properties();
                    self.block(indent + 1 + spaces, depth);
                }
            }
        }
    }

    fn flow(&mut self, indent: usize, depth: usize) {
        match self.random.u8(..100) {
            0..45 if depth > 0 => self.flow_items('[', ']', indent, depth - 1),
            45..85 if depth > 0 => self.flow_items('{', '}', indent, depth - 1),
            _ => self.inline_scalar(indent, true),
        }
    }

    fn flow_items(&mut self, open: char, close: char, indent: usize, depth: usize) {
        self.text.push(open);
        let count = self.random.usize(0..4);
        for i in 0..count {
            self.flow_space(indent);
            if (open == '{') != self.chance(6) {
                let key = self.key(i);
                self.text += &key;
                self.put(&[": ", ": ", ": ", ":", " : ", ":\t"]);
            }
            if !self.chance(4) {
                self.flow(indent, depth);
            }
            self.flow_space(indent);
            if i + 1 < count || self.chance(10) {
                self.text.push(',');
            }
        }
        self.flow_space(indent);
        self.text.push(close);
    }

    fn flow_space(&mut self, indent: usize) {
        match self.random.u8(..100) {
            0..40 => self.text.push(' '),
            40..46 => {
                self.put(&["\n", "\n\n", " # why\n"]);
                self.indent(indent);
            }
            46..48 => self.text.push('\t'),
            _ => {}
        }
    }

    /// Writes a scalar in block context, and ends its line.
    fn scalar(&mut self, indent: usize) {
        if self.chance(12) {
            self.block_scalar(indent);
        } else {
            self.inline_scalar(indent + 1, false);
            self.end_line();
        }
    }

    /// Writes a literal or folded scalar under a node at `indent`.
    fn block_scalar(&mut self, indent: usize) {
        let width = self.random.usize(1..4);
        self.put(&["|", "|", ">"]);
        let digit = if self.chance(15) { width.to_string() } else { String::new() };
        let chomping = self.pick(&["", "", "-", "+"]);
        let header = if self.chance(50) { digit + chomping } else { chomping.to_owned() + &digit };
        self.text += &header;
        self.put(&["\n", "\n", "\n", " # why\n", " \n"]);
        for _ in 0..self.random.usize(0..5) {
            match self.random.u8(..100) {
                0..15 => {}
                15..25 => {
                    let spaces = self.random.usize(..width + 2);
                    self.indent(indent + spaces);
                }
                25..40 => {
                    self.indent(indent + width + 2);
                    self.put(LINES);
                }
                _ => {
                    self.indent(indent + width);
                    self.put(LINES);
                }
            }
            self.text.push('\n');
        }
        if self.chance(10) {
            self.indent(self.text.len() % 3);
            self.text += "# why\n";
        }
    }

    /// Writes a scalar that may go over lines which begin at `indent`.
    fn inline_scalar(&mut self, indent: usize, in_flow: bool) {
        match self.random.u8(..100) {
            0..42 | 50..56 => self.put(WORDS),
            42..46 => self.put(TYPED),
            46..50 if !in_flow => self.put(BLOCK_WORDS),
            56..62 => self.folded("", indent),
            62..74 => {
                let content = self.pick(SINGLE_QUOTED);
                self.text += &["'", content, "'"].concat();
            }
            74..77 => self.folded("'", indent),
            77..95 => {
                self.text.push('"');
                for _ in 0..self.random.usize(0..4) {
                    self.put(DOUBLE_QUOTED);
                }
                self.text.push('"');
            }
            95..98 => self.folded("\"", indent),
            _ => {}
        }
    }

    /// Writes words over several lines.
    fn folded(&mut self, quote: &str, indent: usize) {
        self.text += quote;
        self.put(&["a", "b c", "v1"]);
        for _ in 0..self.random.usize(1..4) {
            self.put(&["\n", "\n", "\n\n", " \n", "\n \n", "\t\n"]);
            let more = self.random.usize(0..2);
            self.indent(indent + more);
            self.put(&["c", "d e", "1", "f-", "g#h", "- i", "é"]);
        }
        self.text += quote;
    }

    /// Makes the `i`th key of a map, now and then another's.
    fn key(&mut self, i: usize) -> String {
        match self.random.u8(..100) {
            0..70 => format!("k{i}"),
            70..82 => format!("\"k{i}\""),
            82..93 => format!("'k{i}'"),
            93 => "k0".to_owned(),
            94 => "<<".to_owned(),
            95 => self.pick(TYPED).to_owned(),
            _ => self.pick(KEYS).to_owned(),
        }
    }

    fn properties(&mut self) {
        if self.chance(1) {
            self.put(&["&x ", "*x ", "!!str ", "! ", "!y "]);
        }
    }

    fn end_line(&mut self) {
        self.put(&[
            "\n",
            "\n",
            "\n",
            "\n",
            "\n",
            " # why\n",
            " \n",
            "\n\n",
            "\n# why\n",
            "\t# why\n",
        ]);
    }

    fn indent(&mut self, width: usize) {
        self.text.extend(std::iter::repeat_n(' ', width));
    }

    fn chance(&mut self, percent: u8) -> bool {
        chance(self.random, percent)
    }

    /// Writes one of these.
    fn put(&mut self, from: &[&str]) {
        let picked = self.pick(from);
        self.text += picked;
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        pick(self.random, from)
    }
}

fn chance(random: &mut Rng, percent: u8) -> bool {
    random.u8(..100) < percent
}

fn pick<T: Copy>(random: &mut Rng, from: &[T]) -> T {
    from[random.usize(..from.len())]
}
