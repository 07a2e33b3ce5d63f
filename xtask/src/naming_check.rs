//! The names of functions and the first words of doc comments, held against what CONTRIBUTING asks for.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ImplItemFn, ItemFn, ItemImpl, Lit, Meta, TraitItemFn, Visibility};

use crate::workspace::workspace_root;

/// Counts one-word functions and doc comments that begin with a clause, and prints both figures.
///
/// # Errors
/// Fails if more than a quarter of the functions of one package have one word, and if the doc comment of a public item begins
/// with a clause.
pub fn check_naming() -> Result<()> {
    let mut all = NamingCounts::default();
    let mut too_short = Vec::new();
    for package in list_packages()? {
        let words = count_package(&package)?;
        let name = package.strip_prefix(workspace_root()).unwrap_or(&package).display();
        println!("{:<24} {}", format!("{name}/"), words.summary());
        if words.one_word_share() > MAX_ONE_WORD_SHARE {
            too_short.push(format!("{name}: {}", list_most_common(&words.one_word)));
        }
        all.add_words(words);
    }
    println!("{:<24} {}", "in all", all.summary());
    ensure!(
        too_short.is_empty(),
        "more than {MAX_ONE_WORD_SHARE} % of the functions have one word, where a verb and an object would say more:\n{}",
        too_short.join("\n")
    );
    ensure!(
        all.public_clauses.is_empty(),
        "a doc comment begins with a noun or with a verb in the third person, and not with {}:\n{}",
        CLAUSE_OPENERS.join(", "),
        all.public_clauses.join("\n")
    );
    Ok(())
}

/// The counts of one package, or of all.
#[derive(Debug, Default)]
struct NamingCounts {
    functions: usize,
    /// The count of each name of one word.
    one_word: BTreeMap<String, usize>,
    documented: usize,
    clauses: usize,
    /// The place of each public item whose doc comment begins with a clause.
    public_clauses: Vec<String>,
}

impl NamingCounts {
    fn one_word_count(&self) -> usize {
        self.one_word.values().sum()
    }

    fn one_word_share(&self) -> usize {
        // Rounded up: 25.1 % is more than 25 %.
        (self.one_word_count() * 100).div_ceil(self.functions.max(1))
    }

    fn add_words(&mut self, other: Self) {
        self.functions += other.functions;
        self.documented += other.documented;
        self.clauses += other.clauses;
        self.public_clauses.extend(other.public_clauses);
        for (name, count) in other.one_word {
            *self.one_word.entry(name).or_default() += count;
        }
    }

    fn summary(&self) -> String {
        let (one_word, functions) = (self.one_word_count(), self.functions);
        let (clauses, documented) = (self.clauses, self.documented);
        format!(
            "{one_word:>4} of {functions:>4} functions have one word ({:>4}); {clauses:>3} of {documented:>4} doc comments begin \
             with a clause ({:>4})",
            percentage(one_word, functions),
            percentage(clauses, documented),
        )
    }
}

/// Collects the words of one file. Items for tests alone are passed over.
struct WordCounter<'w> {
    file: &'w str,
    words: &'w mut NamingCounts,
    /// True inside of a trait's implementation, whose names and doc comments are the trait's.
    is_in_trait_impl: bool,
}

impl WordCounter<'_> {
    fn count_function(&mut self, name: &syn::Ident) {
        let name = name.to_string();
        if self.is_in_trait_impl || EXEMPT_NAMES.contains(&name.as_str()) {
            return;
        }
        self.words.functions += 1;
        if !name.contains('_') {
            *self.words.one_word.entry(name).or_default() += 1;
        }
    }

    fn count_doc_comment(&mut self, attributes: &[Attribute], is_public: bool) {
        let Some((line, text)) = first_doc_line(attributes) else { return };
        self.words.documented += 1;
        let first = text.split([' ', ',', '\'']).next().unwrap_or_default();
        if CLAUSE_OPENERS.contains(&first) {
            self.words.clauses += 1;
            if is_public {
                self.words.public_clauses.push(format!("{}:{line}: {text}", self.file));
            }
        }
    }
}

impl<'ast> Visit<'ast> for WordCounter<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let (attributes, visibility) = attributes_and_visibility(item);
        if is_for_tests(attributes) {
            return;
        }
        let is_public = visibility.is_some_and(is_public);
        self.count_doc_comment(attributes, is_public);
        visit::visit_item(self, item);
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.count_function(&function.sig.ident);
        visit::visit_item_fn(self, function);
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.is_in_trait_impl, block.trait_.is_some());
        visit::visit_item_impl(self, block);
        self.is_in_trait_impl = outer;
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            self.count_function(&function.sig.ident);
            self.count_doc_comment(&function.attrs, is_public(&function.vis));
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        self.count_function(&function.sig.ident);
        self.count_doc_comment(&function.attrs, true);
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.count_doc_comment(&field.attrs, is_public(&field.vis));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.count_doc_comment(&variant.attrs, false);
        visit::visit_variant(self, variant);
    }
}

fn attributes_and_visibility(item: &syn::Item) -> (&[Attribute], Option<&Visibility>) {
    match item {
        syn::Item::Const(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Enum(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Fn(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Impl(item) => (&item.attrs, None),
        syn::Item::Macro(item) => (&item.attrs, None),
        syn::Item::Mod(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Static(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Struct(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Trait(item) => (&item.attrs, Some(&item.vis)),
        syn::Item::Type(item) => (&item.attrs, Some(&item.vis)),
        _ => (&[], None),
    }
}

/// Returns the line and the text of the first line of a doc comment.
fn first_doc_line(attributes: &[Attribute]) -> Option<(usize, String)> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(value) = &pair.value else { return None };
        let Lit::Str(text) = &value.lit else { return None };
        let line = text.span().start().line;
        pair.path.is_ident("doc").then(|| (line, text.value().trim().to_owned()))
    })
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    })
}

fn count_package(package: &Path) -> Result<NamingCounts> {
    let mut words = NamingCounts::default();
    for file in list_sources(&package.join("src"))? {
        let text = fs::read_to_string(&file)?;
        let syntax =
            syn::parse_file(&text).with_context(|| format!("{} is no Rust", file.display()))?;
        let name = file.strip_prefix(workspace_root()).unwrap_or(&file).display().to_string();
        let mut reader = WordCounter { file: &name, words: &mut words, is_in_trait_impl: false };
        reader.visit_file(&syntax);
    }
    Ok(words)
}

/// Returns the directories of the packages whose names are held against the rule.
fn list_packages() -> Result<Vec<PathBuf>> {
    let mut packages = Vec::new();
    for entry in fs::read_dir(workspace_root().join("crates"))? {
        let package = entry?.path();
        // Its functions are those of tests.
        if !package.ends_with("lease-testing") {
            packages.push(package);
        }
    }
    packages.extend(
        ["cleanup-job", "cli", "dev-host", "testbed", "xtask"]
            .map(|name| workspace_root().join(name)),
    );
    packages.sort();
    Ok(packages)
}

/// Returns the files of Rust in a directory, without those of tests.
fn list_sources(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if TEST_FILES.contains(&path.file_stem().unwrap_or_default().to_string_lossy().as_ref()) {
            continue;
        }
        if path.is_dir() {
            files.extend(list_sources(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn list_most_common(names: &BTreeMap<String, usize>) -> String {
    let mut names: Vec<_> = names.iter().collect();
    names.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let shown = names.iter().take(SHOWN_NAMES).map(|(name, count)| format!("{name} ({count})"));
    shown.collect::<Vec<_>>().join(", ")
}

fn percentage(part: usize, whole: usize) -> String {
    // Tenths, by whole numbers: a figure that two runs round differently would be no figure.
    let tenths = (part * 1000 + whole / 2) / whole.max(1);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The largest share of one-word functions of a package, in per cent.
const MAX_ONE_WORD_SHARE: usize = 25;

/// The count of names that a failure lists.
const SHOWN_NAMES: usize = 30;

/// The first words by which a doc comment describes a thing by a clause, and does not name it.
const CLAUSE_OPENERS: [&str; 7] = ["What", "Whether", "Who", "How", "Where", "It", "They"];

/// The names of constructors, and those that the standard library, serde and Cargo have given their meaning.
const EXEMPT_NAMES: [&str; 43] = [
    "new",
    "default",
    "from",
    "into",
    "try_from",
    "try_into",
    "from_str",
    "parse",
    "as_str",
    "to_string",
    "fmt",
    "eq",
    "cmp",
    "partial_cmp",
    "hash",
    "clone",
    "drop",
    "deref",
    "as_ref",
    "borrow",
    "index",
    "len",
    "is_empty",
    "iter",
    "next",
    "push",
    "pop",
    "get",
    "insert",
    "remove",
    "contains",
    "map",
    "find",
    "build",
    "main",
    "poll",
    "serialize",
    "deserialize",
    "visit",
    "expecting",
    "source",
    "description",
    "handle",
];

/// The names of files and directories that hold tests or what only tests use.
const TEST_FILES: [&str; 3] = ["tests", "testing", "fixtures"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(source: &str) -> NamingCounts {
        let mut words = NamingCounts::default();
        let mut reader = WordCounter { file: "a.rs", words: &mut words, is_in_trait_impl: false };
        reader.visit_file(&syn::parse_file(source).expect("it is Rust"));
        words
    }

    #[test]
    fn functions_are_counted_by_their_words() {
        for (source, one_word, functions) in [
            ("fn open() {}", 1, 1),
            ("fn open_file() {}", 0, 1),
            ("struct S; impl S { pub fn new() -> S { S } async fn open(&self) {} }", 1, 1),
            ("struct S; impl Drop for S { fn drop(&mut self) {} }", 0, 0),
            ("trait T { fn open(&self); fn close_file(&self) {} }", 1, 2),
            ("#[cfg(test)] mod tests { fn open() {} }", 0, 0),
            ("#[test] fn open() {}", 0, 0),
            ("mod inner { pub fn open() { fn close() {} } }", 2, 2),
        ] {
            let words = read_words(source);
            assert_eq!(
                (words.one_word_count(), words.functions),
                (one_word, functions),
                "{source}"
            );
        }
    }

    #[test]
    fn a_public_doc_comment_does_not_begin_with_a_clause() {
        for (source, clauses, refused) in [
            ("/// What is due.\npub fn a_b() {}", 1, 1),
            ("/// What is due.\nfn a_b() {}", 1, 0),
            ("/// What is due.\npub(crate) fn a_b() {}", 1, 0),
            ("/// It's a file.\npub struct S;", 1, 1),
            ("/// Whatever is due.\npub struct S;", 0, 0),
            ("/// Returns what is due.\n/// What else?\npub struct S;", 0, 0),
            ("pub struct S {\n/// How many.\npub n: u8 }", 1, 1),
            ("pub trait T {\n/// Who asks.\nfn a_b(&self); }", 1, 1),
            ("struct S;\nimpl S {\n/// Where it is.\npub fn a_b() {} }", 1, 1),
        ] {
            let words = read_words(source);
            assert_eq!((words.clauses, words.public_clauses.len()), (clauses, refused), "{source}");
        }
        let words = read_words("\n/// What is due.\npub fn a_b() {}");
        assert_eq!(words.public_clauses, ["a.rs:2: What is due."]);
    }

    #[test]
    fn a_share_is_rounded_against_us() {
        let words = |one_word, functions| NamingCounts {
            functions,
            one_word: BTreeMap::from([("open".to_owned(), one_word)]),
            ..NamingCounts::default()
        };
        for (one_word, functions, share) in
            [(0, 0, 0), (25, 100, 25), (26, 103, 26), (251, 1000, 26)]
        {
            assert_eq!(
                words(one_word, functions).one_word_share(),
                share,
                "{one_word} of {functions}"
            );
        }
    }
}
