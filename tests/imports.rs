//! What the built components ask of a host, and what they offer it: exactly this, on Spin 3.6 and later.
//!
//! A host that lacks one import does not start the application at all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasmparser::{Parser, Payload};

#[test]
fn the_main_component_imports_what_spin_offers_and_exports_its_handler() -> Result<()> {
    let (imports, exports) = surface("kubelease")?;
    assert_eq!(imports, set(IMPORTS));
    assert_eq!(exports, set(&["wasi:http/incoming-handler@0.2"]));
    Ok(())
}

#[test]
fn the_cleanup_job_can_be_started_by_a_request_a_command_and_a_schedule() -> Result<()> {
    let (imports, exports) = surface("cleanup_job")?;
    assert_eq!(imports, set(&[IMPORTS, CRON].concat()));
    let entries = ["wasi:http/incoming-handler@0.2", "wasi:cli/run@0.2", "handle-cron-event"];
    assert_eq!(exports, set(&entries));
    Ok(())
}

/// The imports and exports of a component that is built, by name.
fn surface(component: &str) -> Result<(BTreeSet<String>, BTreeSet<String>)> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let file = workspace.join(format!("target/wasm32-wasip2/release/{component}.wasm"));
    let bytes =
        fs::read(&file).with_context(|| format!("`cargo xtask build` makes {}", file.display()))?;
    let (mut imports, mut exports, mut depth) = (BTreeSet::new(), BTreeSet::new(), 0);
    for payload in Parser::new(0).parse_all(&bytes) {
        match payload? {
            // What a component is made of has imports and exports of its own.
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.insert(without_patch(import?.name.name));
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.insert(without_patch(export?.name.name));
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

/// A host matches versions of WASI 0.2 with each other, and the compiler chooses which it names.
fn without_patch(name: &str) -> String {
    match name.split_once("@0.2.") {
        Some((name, patch)) if patch.parse::<u8>().is_ok() => format!("{name}@0.2"),
        _ => name.to_owned(),
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

const IMPORTS: &[&str] = &[
    "fermyon:spin/variables@2.0.0",
    "wasi:cli/environment@0.2",
    "wasi:cli/exit@0.2",
    "wasi:cli/stderr@0.2",
    "wasi:cli/stdin@0.2",
    "wasi:cli/stdout@0.2",
    "wasi:cli/terminal-input@0.2",
    "wasi:cli/terminal-output@0.2",
    "wasi:cli/terminal-stderr@0.2",
    "wasi:cli/terminal-stdin@0.2",
    "wasi:cli/terminal-stdout@0.2",
    "wasi:clocks/monotonic-clock@0.2",
    "wasi:clocks/wall-clock@0.2",
    "wasi:http/outgoing-handler@0.2",
    "wasi:http/types@0.2",
    "wasi:io/error@0.2",
    "wasi:io/poll@0.2",
    "wasi:io/streams@0.2",
    "wasi:keyvalue/atomics@0.2.0-draft2",
    "wasi:keyvalue/batch@0.2.0-draft2",
    "wasi:keyvalue/store@0.2.0-draft2",
    "wasi:random/insecure-seed@0.2",
    "wasi:random/random@0.2",
];

/// Types alone, of which a host need not know.
const CRON: &[&str] = &["error", "fermyon:spin-cron/cron-types@2.0.0", "metadata"];
