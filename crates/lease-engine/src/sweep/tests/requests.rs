//! Requests that sweep because no sweep runs.

use super::*;

#[test]
fn where_no_sweep_runs_a_request_sweeps_a_little() {
    let engine = warm(RULES);
    for _ in 0..20 {
        issue_of(&engine, "10m").expect("issues");
    }
    sweep(&engine);
    pass(&engine, 30);
    assert!(!engine.sweep_health().expect("reads").overdue);
    let before = engine.ports.http.calls();
    block_on(engine.sweep_if_overdue()).expect("looks");
    assert_eq!(engine.ports.http.calls(), before);
    pass(&engine, 600);
    assert!(engine.sweep_health().expect("reads").overdue);
    block_on(engine.sweep_if_overdue()).expect("sweeps");
    let left = live(&engine).len();
    assert!((1..20).contains(&left), "{left} are left");
    // Not with every request, and the sweeps are missed all the same.
    let before = engine.ports.http.calls();
    block_on(engine.sweep_if_overdue()).expect("looks");
    assert_eq!(engine.ports.http.calls(), before);
    assert!(engine.sweep_health().expect("reads").overdue);
    for _ in 0..5 {
        pass(&engine, 11);
        block_on(engine.sweep_if_overdue()).expect("sweeps");
    }
    assert_eq!(live(&engine).len(), 0);
}

#[test]
fn where_no_sweep_has_ever_run_the_first_request_is_when_one_was_expected() {
    let engine = engine();
    engine.put_target(prod("https://a.example", Some("t0ken"))).expect("puts");
    put_secret(&engine, RULES.1, "");
    let look = || {
        block_on(engine.sweep_if_overdue()).expect("looks");
        engine.sweep_health().expect("reads").overdue
    };
    assert!(!look());
    issue_of(&engine, "10m").expect("issues");
    pass(&engine, 30);
    assert!(!look());
    pass(&engine, 600);
    assert!(look());
    assert_eq!(live(&engine).len(), 0, "the request has swept");
    sweep(&engine);
    assert!(!look());
}
