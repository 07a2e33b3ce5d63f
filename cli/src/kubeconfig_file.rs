//! kubectl's own files: where they are, and how a context is added to them.
//!
//! As `kubectl config` does: `KUBECONFIG` names files, of which the first that has a name counts; a lock is a file beside
//! the one that is written.

mod line_edit;
mod tree;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::line_edit::KubeconfigEdit;
use self::tree::Node;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::private_file;

/// A kubeconfig of one context, which is to be added.
pub struct ContextAddition<'a> {
    /// The context's name, which is the user's too.
    pub name: &'a str,
    /// The kubeconfig.
    pub document: &'a Value,
    /// Use it from now on if no context is named.
    pub select: bool,
    /// Replace also what kubelease has not made.
    pub force: bool,
}

/// A context that was added.
pub struct ContextPlacement {
    /// The file with the context.
    pub file: PathBuf,
    /// If the context is the one that is used if none is named.
    pub is_current: bool,
}

/// Returns the files that kubectl reads, the one that counts most first.
pub fn kubeconfig_paths(environment: &Environment) -> Result<Vec<PathBuf>, Failure> {
    let named = environment.get("KUBECONFIG").map(std::env::split_paths);
    let named: Vec<_> =
        named.into_iter().flatten().filter(|it| !it.as_os_str().is_empty()).collect();
    if !named.is_empty() {
        return Ok(named);
    }
    let home = environment.get("HOME").ok_or_else(|| {
        Failure::local_error(
            "the kubeconfig to write is unknown: set `HOME` or `KUBECONFIG`, or give `--print`",
        )
    })?;
    Ok(vec![Path::new(home).join(".kube/config")])
}

/// Adds a context, with its user and its cluster, to one of kubectl's files.
///
/// # Errors
/// Fails if something else has one of the names, unless it is to be replaced, and if a file cannot be read, changed or
/// locked. Then nothing was changed.
pub fn add_context(
    paths: &[PathBuf],
    addition: &ContextAddition<'_>,
) -> Result<ContextPlacement, Failure> {
    let files = read_kubeconfigs(paths)?;
    let has_any = |tree: &Node| {
        SECTIONS
            .iter()
            .any(|section| named_entry(tree, section, addition.name_in(section)).is_some())
    };
    let holder = files.iter().find(|(_, tree)| has_any(tree)).map(|(path, _)| path);
    let existing = || paths.iter().find(|path| path.exists());
    let path = holder.or_else(existing).or_else(|| paths.last()).cloned();
    let path = path.ok_or_else(|| Failure::local_error("the kubeconfig to write is unknown"))?;
    // A link stays one: what it leads to is written.
    let path = fs::canonicalize(&path).unwrap_or(path);
    private_file::create_directory(path.parent().unwrap_or(&path))?;

    let _lock = Lock::take_lock(&path)?;
    let files = read_kubeconfigs(paths)?;
    if !addition.force {
        addition.refuse_names_of_others(&files)?;
    }
    let current = files.iter().find_map(|(path, tree)| {
        let current = tree.text_field("current-context").filter(|it| !it.is_empty());
        current.map(|current| (fs::canonicalize(path).ok(), current))
    });
    let select = match &current {
        None => true,
        // What an earlier file says would count all the same.
        Some((holder, _)) => addition.select && holder.as_ref() == Some(&path),
    };
    let is_current = select || current.is_some_and(|(_, current)| current == addition.name);

    let text = read_file_if_present(&path)?.filter(|text| !text.trim().is_empty());
    let text = text.unwrap_or_else(|| "apiVersion: v1\nkind: Config\n".to_owned());
    let mut changes: Vec<_> = SECTIONS
        .iter()
        .map(|section| KubeconfigEdit::Put(section, &addition.document[section][0]))
        .collect();
    changes.extend(select.then_some(KubeconfigEdit::Use(addition.name)));
    let new =
        line_edit::apply_changes(&text, &changes).map_err(|error| unreadable_file(&path, error))?;
    write_atomically_keeping_mode(&path, &new)?;
    Ok(ContextPlacement { file: path, is_current })
}

impl ContextAddition<'_> {
    fn name_in(&self, section: &str) -> &str {
        self.document[section][0]["name"].as_str().unwrap_or_default()
    }

    /// Looks that nothing of these names is another's.
    fn refuse_names_of_others(&self, files: &[(PathBuf, Node)]) -> Result<(), Failure> {
        let trees: Vec<_> = files.iter().map(|(_, tree)| tree).collect();
        for section in SECTIONS {
            let name = self.name_in(section);
            let new = Node::from(&self.document[section][0]);
            let is_taken =
                trees.iter().filter_map(|tree| named_entry(tree, section, name)).any(|old| {
                    let is_ours = match *section {
                        "users" => is_our_user(old),
                        "contexts" => is_context_of_our_user(&trees, old),
                        _ => is_cluster_only_ours(&trees, name),
                    };
                    *old != new && !is_ours
                });
            if is_taken {
                let kind = section.trim_end_matches('s');
                return Err(Failure::refused_request(format!(
                    "your kubeconfig has a {kind} `{name}` that kubelease has not created"
                ))
                .with_hint("Give another name by `--context`, or `--force` to replace it."));
            }
        }
        Ok(())
    }
}

/// Returns the entry of a list that has this name.
fn named_entry<'t>(tree: &'t Node, section: &str, name: &str) -> Option<&'t Node> {
    let items = tree.get(section)?.list_items();
    items.iter().map(|item| &item.value).find(|item| item.text_field("name") == Some(name))
}

/// Returns true for a user whose credential kubelease leases.
fn is_our_user(user: &Node) -> bool {
    let exec = user.get("user").and_then(|user| user.get("exec"));
    exec.is_some_and(|exec| {
        let first = exec.get("args").and_then(|args| args.list_items().first());
        exec.text_field("command") == Some("kubelease")
            && first.is_some_and(|it| it.value == Node::Scalar("exec-credential".to_owned()))
    })
}

fn is_context_of_our_user(trees: &[&Node], context: &Node) -> bool {
    let name =
        context.get("context").and_then(|context| context.text_field("user")).unwrap_or_default();
    trees.iter().find_map(|tree| named_entry(tree, "users", name)).is_some_and(is_our_user)
}

/// Returns true for a cluster that contexts of kubelease use, and no others.
fn is_cluster_only_ours(trees: &[&Node], cluster: &str) -> bool {
    let contexts = trees.iter().filter_map(|tree| tree.get("contexts")).flat_map(Node::list_items);
    let mut users = contexts.map(|item| &item.value).filter(|context| {
        context.get("context").and_then(|context| context.text_field("cluster")) == Some(cluster)
    });
    let first = users.next();
    first.is_some_and(|first| is_context_of_our_user(trees, first))
        && users.all(|context| is_context_of_our_user(trees, context))
}

fn read_kubeconfigs(paths: &[PathBuf]) -> Result<Vec<(PathBuf, Node)>, Failure> {
    let mut files = vec![];
    for path in paths {
        if let Some(text) = read_file_if_present(path)? {
            let tree =
                tree::parse_single_document(&text).map_err(|error| unreadable_file(path, error))?;
            files.push((path.clone(), tree));
        }
    }
    Ok(files)
}

fn read_file_if_present(path: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io_error(format!("read {}", path.display()), &error)),
    }
}

fn unreadable_file(path: &Path, reason: &str) -> Failure {
    Failure::local_error(format!("{} cannot be changed: {reason}", path.display()))
        .with_hint("Add the output of `--print` to the file by hand.")
}

/// Writes a file as a whole. It keeps its mode; a new one is for its owner alone.
fn write_atomically_keeping_mode(path: &Path, text: &str) -> Result<(), Failure> {
    let old = fs::metadata(path).ok();
    private_file::write_atomically(path, text.as_bytes(), old.map(|old| old.permissions()))
}

/// The file that tells other programs that a kubeconfig is being written. It goes with this value.
struct Lock(PathBuf);

impl Lock {
    /// Waits a little for whoever has it: `kubectl config` itself takes no longer.
    fn take_lock(path: &Path) -> Result<Self, Failure> {
        let mut name = path.as_os_str().to_owned();
        name.push(".lock");
        let lock = PathBuf::from(name);
        let deadline = Instant::now() + LOCK_TIMEOUT;
        loop {
            match File::options().write(true).create_new(true).open(&lock) {
                Ok(_) => return Ok(Self(lock)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    if Instant::now() > deadline {
                        let text = format!("the kubeconfig is locked by {}", lock.display());
                        return Err(Failure::local_error(text).with_hint(
                            "Delete that file if neither kubectl nor kubelease runs any more.",
                        ));
                    }
                    thread::sleep(Duration::from_millis(50));
                }
                Err(error) => {
                    return Err(Failure::io_error(format!("create {}", lock.display()), &error));
                }
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const SECTIONS: &[&str] = &["clusters", "users", "contexts"];

const LOCK_TIMEOUT: Duration = Duration::from_secs(3);
