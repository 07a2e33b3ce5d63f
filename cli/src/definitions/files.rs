//! Files with definitions.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::document::Document;
use super::positioned_node::PositionedNode;
use super::yaml;
use crate::failure::Failure;

/// Reads all definitions of files and directories, in the order of need.
///
/// # Errors
/// Tells all that is wrong, each with its file, line and column. Refuses to find nothing: with `--prune` that would
/// delete everything.
pub fn read_definitions(paths: &[PathBuf], is_recursive: bool) -> Result<Vec<Document>, Failure> {
    let (mut documents, mut faults) = (vec![], vec![]);
    for path in paths {
        for file in list_files(path, is_recursive)? {
            let nodes = yaml::read_documents(&read_file_or_stdin(&file)?).unwrap_or_else(|fault| {
                faults.push((file.clone(), fault));
                vec![]
            });
            for node in nodes {
                match Document::from_node(node, file.clone()) {
                    Ok(document) => documents.push(document),
                    Err(found) => faults.extend(found.into_iter().map(|it| (file.clone(), it))),
                }
            }
        }
    }
    let mut wrong: Vec<_> = faults
        .into_iter()
        .map(|(file, fault)| format!("{}:{}: {}", file.display(), fault.place, fault.text))
        .collect();
    let mut places = BTreeMap::new();
    for document in &documents {
        let id = (document.kind(), document.name().clone());
        if let Some(before) = places.insert(id, document.start_position()) {
            let (place, kind, name) = (document.start_position(), document.kind(), document.name());
            wrong.push(format!("{place}: {kind}/{name} is defined at {before} too"));
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::local_error(wrong.join("\n")));
    }
    if documents.is_empty() {
        return Err(Failure::local_error("these files contain no definition"));
    }
    documents.sort_by_key(Document::kind);
    Ok(documents)
}

/// Reads the values of the documents of a text of ours.
pub fn parse_yaml_values(text: &str) -> Result<Vec<Value>, Failure> {
    let nodes = yaml::read_documents(text).map_err(|fault| Failure::local_error(fault.text))?;
    Ok(nodes.iter().map(PositionedNode::to_json).collect())
}

/// Reads a map.
pub fn read_map_file(file: &Path) -> Result<Map<String, Value>, Failure> {
    match read_yaml_documents_file(file)?.first().map(PositionedNode::to_json) {
        Some(Value::Object(map)) => Ok(map),
        _ => Err(Failure::local_error(format!("{} must contain one map", file.display()))),
    }
}

/// Reads a list of rules, with or without the key `rules` above it.
pub fn read_policy_rules_file(file: &Path) -> Result<Vec<Value>, Failure> {
    let nodes = read_yaml_documents_file(file)?;
    let root = nodes.first().map(|node| node.get("rules").unwrap_or(node).to_json());
    match root {
        Some(Value::Array(rules)) if !rules.is_empty() => Ok(rules),
        _ => Err(Failure::local_error(format!("{} must contain a list of rules", file.display()))),
    }
}

fn read_yaml_documents_file(file: &Path) -> Result<Vec<PositionedNode>, Failure> {
    yaml::read_documents(&read_file_or_stdin(file)?).map_err(|fault| {
        Failure::local_error(format!("{}:{}: {}", file.display(), fault.place, fault.text))
    })
}

/// Returns the files that a path means: itself, or those of a directory by their names.
fn list_files(path: &Path, is_recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let list =
        || fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut entries =
        list().map_err(|error| Failure::io_error(format!("list {}", path.display()), &error))?;
    entries.sort();
    let mut files = vec![];
    for entry in entries {
        if entry.is_dir() {
            if is_recursive {
                files.extend(self::list_files(&entry, true)?);
            }
        } else if entry.extension().is_some_and(is_definition_extension) {
            files.push(entry);
        }
    }
    Ok(files)
}

fn is_definition_extension(extension: &OsStr) -> bool {
    ["yaml", "yml", "json"].iter().any(|known| extension == *known)
}

/// Reads a file, or standard input if it is `-`.
pub fn read_file_or_stdin(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        fs::File::open(file).and_then(|opened| opened.take(MAX_BYTES).read_to_string(&mut text))
    };
    let bytes =
        read.map_err(|error| Failure::io_error(format!("read {}", file.display()), &error))?;
    if u64::try_from(bytes).is_ok_and(|bytes| bytes == MAX_BYTES) {
        let mib = MAX_BYTES / 1024 / 1024;
        return Err(Failure::local_error(format!("{} exceeds {mib} MiB", file.display())));
    }
    Ok(text)
}

/// Far more than thousands of definitions take.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_and_what_is_documented_are_definitions() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let examples = read_definitions(&[root.join("examples")], true).unwrap();
        let names: Vec<_> = examples.iter().map(|it| it.name().as_str()).collect();
        assert_eq!(names, ["prod", "deploy", "look", "release", "on-call"]);

        let text = fs::read_to_string(root.join("docs/definitions.md")).unwrap();
        let (_, yaml) = text.split_once("```yaml\n").unwrap();
        let (yaml, _) = yaml.split_once("```").unwrap();
        let documented = tempfile::tempdir().unwrap();
        fs::write(documented.path().join("all.yaml"), yaml).unwrap();
        assert_eq!(read_definitions(&[documented.path().to_owned()], false).unwrap().len(), 3);
    }
}
