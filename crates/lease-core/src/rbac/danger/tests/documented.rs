//! The documentation of the catalogue, held against its rows.

use std::fmt::Write;

use super::super::super::catalogue::{CatalogueRow, DangerCondition, Verbs, all_rows};

const DOCUMENT: &str = include_str!("../../../../../../docs/dangerous-rules.md");
const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dangerous-rules.md");

/// The line after which the rows stand; what is before it is written by hand.
const HEAD: &str = "| Grant | Verbs | Where | It … | Source |\n|---|---|---|---|---|\n";

fn line(row: &CatalogueRow) -> String {
    let group = if row.group.is_empty() { "core" } else { row.group };
    let resources: Vec<String> = match row.resources {
        [] => vec![format!("`{group}/…`")],
        named => named.iter().map(|resource| format!("`{group}/{resource}`")).collect(),
    };
    let verbs = match row.verbs {
        Verbs::Any => "any".to_owned(),
        Verbs::Write => "write".to_owned(),
        Verbs::WriteOrDelete => "write, delete".to_owned(),
        Verbs::Only(verbs) => verbs.join(", "),
    };
    let condition = match row.condition {
        DangerCondition::Anywhere => "",
        DangerCondition::KubeSystem => "`kube-system`",
        DangerCondition::ControlPlane => "`kube-*`",
        DangerCondition::Elections => "see above",
    };
    let CatalogueRow { because, source, .. } = row;
    format!("| {} | {verbs} | {condition} | {because} | <{source}> |\n", resources.join(" "))
}

#[test]
fn every_row_is_documented() {
    let (introduction, _) =
        DOCUMENT.split_once(HEAD).expect("the table of docs/dangerous-rules.md");
    let mut expected = format!("{introduction}{HEAD}");
    for row in all_rows() {
        let _ = write!(expected, "{}", line(row));
    }
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(PATH, &expected).expect("docs/ can be written");
        return;
    }
    assert!(
        DOCUMENT == expected,
        "docs/dangerous-rules.md is not what the catalogue says; write it anew with \
         `UPDATE_DOCUMENTS=1 cargo test -p lease-core --lib every_row_is_documented`"
    );
}
