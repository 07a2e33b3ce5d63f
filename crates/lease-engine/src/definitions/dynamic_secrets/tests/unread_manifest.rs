//! A dynamic secret whose manifest an older version has taken, and this one refuses.

use super::*;
use crate::fixtures::{MANIFEST, revoke};

#[test]
fn one_whose_manifest_is_read_no_more_is_in_nobodys_way() {
    let engine = warm(MANIFEST);
    let id = issue(&engine).expect("issues").held.lease.id;
    // As an older version has put it, which took U+2028 for a part of the comment.
    let older = MANIFEST.1.replacen("kind: ClusterRole", "kind: ClusterRole # why\u{2028}", 1);
    assert_ne!(older, MANIFEST.1);
    let mut kept = engine.get_dynamic_secret(&name_of("ci")).expect("is there");
    kept.definition = secret(&older, "").definition;
    engine.dynamic_secrets().put_definition(&kept).expect("puts");

    let page = engine.list_dynamic_secret_page(1, 10).expect("lists");
    assert_eq!(page.items, [kept.clone()]);
    let written = serde_json::to_string(&engine.get_dynamic_secret(&name_of("ci")).expect("reads"));
    assert!(written.expect("serialises").contains("# why\u{2028}"), "it is shown as it was put");
    let outcome = issue(&engine);
    let Err(IssueError::NotGranted { source, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(matches!(source, lease_core::NotGrantedReason::Manifest(_)), "{source:?}");
    let check = block_on(engine.check_target(&name_of("prod"))).expect("checks");
    let [seen] = &check.dynamic_secrets[..] else { panic!("{check:?}") };
    assert!(!seen.issue && seen.revoke, "{seen:?}");
    let told = seen.problem.as_deref().expect("a problem");
    assert!(told.contains("put again: line 2, column 24: lines must end with"), "{told}");

    // What is beside it goes on, and what is out of it is taken back.
    let beside = DynamicSecretInput { name: name_of("beside"), ..secret(EXISTING.1, "") };
    block_on(engine.put_dynamic_secret(beside)).expect("puts");
    let outcome = block_on(engine.delete_target(&name_of("prod"), false));
    assert!(matches!(outcome, Err(TargetError::InUse { .. })), "{outcome:?}");
    sweep(&engine);
    assert_eq!(state(&engine, id), LeaseState::Active);
    assert!(revoke(&engine, id));
    assert_eq!(made(&engine), [""; 0]);
    put_secret(&engine, MANIFEST.1, "");
    issue(&engine).expect("it was put again");
    assert_eq!(delete(&engine, false, true).expect("deletes"), DynamicSecretDeletion::Gone);
}
